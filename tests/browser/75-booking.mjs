// A room's hours from its page, a time chosen on a phone, the owner's answer with a second yes, alternatives, change and giving back; two platforms, both languages.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const day = (n) => new Date(Date.now() + 8 * 3600e3 + n * 864e5).toISOString().slice(0, 10);
const list = (n, ...args) => w.verb(n, 'booking list', ['--all', '--json', ...args]).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
const states = (n) => list(n).map((x) => `${x.d.org} ${x.at[0].state}`).sort();
const slot = (d, from, state) => d.page.locator(`.slot-${state}`, { hasText: from }).first();
const card = (d, org) => d.page.locator('main > .card', { hasText: org });
let city, clerk, room;

before(() => w.tree(['city', 'd1', 's1']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

const calendar = (d, n, more = '') => d.to(`#/bookings/${room.owner}/${room.id}?view=day&from=${day(n)}${more}`);
const ask = async (d, values) => {
  await d.fill('ask', values);
  await d.page.click('#ask button[type=submit]');
  await d.seen(d.t('booking.sent'));
};

test('opening hours are added on the page of the room, and its calendar shows them', async () => {
  city = await open('city', { size: wide });
  await city.hire('li');
  room = await city.write('listing', { kind: 'venue', title: '市级议事厅', capacity: '40', approval: true });
  await city.link('booking.book').click();
  await city.seen(city.t('booking.no_hours'));
  await city.to(`#/r/listing/${room.owner}/${room.id}`);
  await city.page.locator('.related', { has: city.page.getByRole('heading', { name: city.t('kind.schedule'), exact: true }) }).getByRole('link', { name: city.t('related.new') }).click();
  await city.holds('#record-listing', room.id);
  await city.fill('record', { slot: '60', ...Object.fromEntries(days.map((d) => [d, '09:00-12:00 13:00-18:00'])), mon: '9点到12点' });
  await city.page.click('#record button[type=submit]');
  await city.page.waitForSelector('#record [role=alert]');
  await city.fill('record', { mon: '09:00-12:00 13:00-18:00' });
  await city.page.click('#record button[type=submit]');
  await city.page.waitForSelector('.note-good');
  await calendar(city, 3);
  await slot(city, '09:00', 'free').waitFor();
  assert.equal(await city.page.locator('.slot').count(), 8);
});

test('a station chooses a time on a phone by keyboard; at the city it is one of two for the same time', async () => {
  clerk = await open('s1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  await until('the room has come', 20000, () => w.tryVerb('s1', 'booking calendar', [`${room.owner}/${room.id}`]).out.includes('"bookable":true'));
  await clerk.to(`#/r/listing/${room.owner}/${room.id}`);
  await clerk.link('booking.book').click();
  await calendar(clerk, 3);
  await slot(clerk, '09:00', 'free').focus();
  await clerk.page.keyboard.press('Enter');
  await clerk.page.selectOption('#ask-to', `${day(3)}T11:00`);
  await clerk.shot('75-ask-phone');
  await ask(clerk, { org: '晨光社会工作服务中心', purpose: 'training', heads: '30' });
  await clerk.seen(clerk.t('booking.state.asked'));
  await calendar(city, 3);
  await slot(city, '10:00', 'free').click();
  await ask(city, { org: '市志愿者协会', purpose: 'meeting', wait: true });
  await until('both are there', 20000, () => list('city', '--here').length === 2);
  await city.to('#/bookings?box=here');
  await card(city, '晨光').getByRole('button', { name: city.t('booking.do.confirm'), exact: true }).click();
  await city.seen(city.t('booking.hits', { n: 1 }));
  assert.deepEqual(states('city').concat(states('s1')), ['市志愿者协会 asked', '晨光社会工作服务中心 asked'], 'nothing was done yet');
  await city.shot('75-hits-wide');
  await city.button('booking.hits_yes').click();
  await card(city, '晨光').locator('.badge', { hasText: city.t('booking.state.confirmed') }).waitFor();
  await card(city, '市志愿者协会').locator('.badge', { hasText: city.t('booking.state.waitlisted') }).waitFor();
  await clerk.seen(clerk.t('booking.state.confirmed'));
});

test('what is taken is seen by everybody, by whom is not; a refusal brings other times, and one of them is taken up', async () => {
  await calendar(clerk, 3);
  await slot(clerk, '09:00', 'taken').waitFor();
  assert.ok(!(await clerk.page.innerText('main')).includes('晨光'));
  await slot(clerk, '16:00', 'free').click();
  await ask(clerk, { org: '夕阳红合唱团', purpose: 'activity' });
  await city.to('#/bookings?box=here');
  await card(city, '夕阳红').getByRole('button', { name: city.t('booking.do.reject'), exact: true }).click();
  await card(city, '夕阳红').locator('select').selectOption('closed');
  await card(city, '夕阳红').locator('input').fill('当天设备检修');
  await card(city, '夕阳红').getByRole('button', { name: city.t('booking.do.reject'), exact: true }).click();
  await clerk.to('#/bookings?all=1');
  await card(clerk, '夕阳红').locator('.badge', { hasText: clerk.t('booking.state.rejected') }).waitFor();
  await clerk.seen('当天设备检修');
  assert.ok(!(await card(clerk, '夕阳红').locator('.alts').innerText()).includes('16:00–17:00'), 'not the time that was refused');
  await clerk.shot('75-alternatives-phone');
  await card(clerk, '夕阳红').locator('.alts a').first().click();
  await clerk.page.waitForSelector('#ask');
  await ask(clerk, { org: '夕阳红合唱团第二次', purpose: 'activity' });
});

test('a change keeps the old time until the new one is confirmed; giving back lets the line move up', async () => {
  await clerk.to('#/bookings');
  await card(clerk, '晨光').getByRole('link', { name: clerk.t('booking.change'), exact: true }).click();
  await clerk.page.waitForFunction(() => /instead=/.test(location.hash));
  const instead = /instead=([\w.]+)/.exec(clerk.page.url())[1];
  await calendar(clerk, 4, `&instead=${instead}`);
  await slot(clerk, '14:00', 'free').click();
  await clerk.seen(clerk.t('booking.instead'));
  await ask(clerk, { org: '晨光改期', purpose: 'training' });
  assert.ok(states('s1').includes('晨光社会工作服务中心 confirmed'));
  await city.to('#/bookings?box=here');
  await card(city, '晨光改期').getByRole('button', { name: city.t('booking.do.confirm'), exact: true }).click();
  await until('old one gone, new one there', 20000, () => states('s1').includes('晨光社会工作服务中心 cancelled') && states('s1').includes('晨光改期 confirmed'));
  await until('the time is held for who waited: a person confirms it', 20000, () => states('city').includes('市志愿者协会 held'));
  await clerk.to('#/bookings');
  const back = card(clerk, '晨光改期').getByRole('button', { name: clerk.t('booking.give_back'), exact: true });
  await back.click();
  await card(clerk, '晨光改期').getByRole('button', { name: clerk.t('booking.give_back_yes'), exact: true }).click();
  await until('given back', 20000, () => states('s1').includes('晨光改期 cancelled'));
});

const handed = (d, key) => d.page.getByRole('region', { name: d.t(key), exact: true });
const givenAt = (n) => JSON.parse(w.verb(n, 'booking calendar', [`${room.owner}/${room.id}`, '--from', day(6), '--days', '1']));

test('the city hands times to the station on the room’s page, and not twice; the station finds them on its phone', async () => {
  await calendar(city, 6);
  await slot(city, '09:00', 'free').click();
  await city.button('allot.hand').click();
  await city.page.selectOption('#ask-to', `${day(6)}T12:00`);
  await city.page.click('#hand button[type=submit]');
  await city.page.waitForSelector('#hand-to[aria-invalid=true]');
  await city.fill('hand', { to: w.id('s1') });
  await city.shot('75-hand-wide');
  await city.page.click('#hand button[type=submit]');
  await handed(city, 'allot.given').getByText(city.t('allot.unused')).waitFor();
  await slot(city, '10:00', 'held').waitFor();
  assert.equal(w.tryVerb('city', 'booking allot', [], { input: JSON.stringify({ listing: room.id, to: w.id('d1'), at: [[`${day(6)}T11:00`, `${day(6)}T13:00`]], until: `${day(5)}T12:00` }) }).code, 1);
  await clerk.to('#/bookings');
  await handed(clerk, 'allot.held').getByText('市级议事厅').waitFor({ timeout: 20000 });
  await clerk.shot('75-held-phone');
});

test('with no parent in reach the station confirms inside them, and not what it has given already; nobody else gets them meanwhile', async () => {
  await clerk.to('');
  await w.stop('d1');
  await clerk.to('#/bookings');
  await handed(clerk, 'allot.held').getByRole('link', { name: /09:00–12:00/ }).click();
  await slot(clerk, '10:00', 'ours').click();
  await clerk.seen(clerk.t('booking.ours'));
  await clerk.shot('75-ours-phone');
  await ask(clerk, { org: '站内支配', purpose: 'consult' });
  await card(clerk, '站内支配').locator('.badge', { hasText: clerk.t('booking.state.confirmed') }).waitFor();
  await calendar(clerk, 6);
  await slot(clerk, '10:00', 'taken').waitFor();
  await slot(clerk, '11:00', 'ours').waitFor();
  const again = w.tryVerb('s1', 'booking ask', [], { input: JSON.stringify({ listing: `${room.owner}/${room.id}`, org: '再来', purpose: 'other', allot: givenAt('s1').allotments[0].id, at: [[`${day(6)}T10:00`, `${day(6)}T11:00`]] }) });
  assert.equal(again.code, 1);
  const own = w.verb('city', 'booking ask', [], { input: JSON.stringify({ listing: `${room.owner}/${room.id}`, org: '市里', purpose: 'other', at: [[`${day(6)}T10:00`, `${day(6)}T11:00`]] }) }).trim();
  assert.equal(w.tryVerb('city', 'booking answer', [`${w.id('city')}/${own}.1`, '--say', 'confirm', '--yes']).code, 1);
  assert.ok(!list('city', '--here').some((x) => x.d.org === '市里' && x.at[0].state === 'confirmed'));
});

test('in reach again the city sees the use and takes the rest back: what was used stays, what was not is free, and nothing is had twice', async () => {
  await w.start('d1');
  await city.to('#/bookings?box=here');
  await handed(city, 'allot.given').getByText('站内支配').waitFor({ timeout: 40000 });
  await handed(city, 'allot.given').getByRole('button', { name: `${city.t('allot.recall')}: s1` }).click();
  await city.button('allot.recall_sure').click();
  await until('given back', 40000, () => givenAt('city').allotments.length === 0);
  await calendar(city, 6);
  await slot(city, '11:00', 'free').waitFor();
  await slot(city, '10:00', 'taken').waitFor();
  const had = list('city', '--here').filter((x) => x.at.some((at) => at.from === `${day(6)}T10:00` && ['confirmed', 'held'].includes(at.state)));
  assert.deepEqual(had.map((x) => x.d.org), ['站内支配']);
  await until('the station has nothing left to give', 20000, () => givenAt('s1').allotments.length === 0);
});

test('the station gives back what it needs no more, on its page: its owner has it again', async () => {
  const at = [[`${day(7)}T09:00`, `${day(7)}T12:00`]];
  w.verb('city', 'booking allot', [], { input: JSON.stringify({ listing: room.id, to: w.id('s1'), at, until: `${day(6)}T12:00` }) });
  await clerk.to('#/bookings');
  const back = handed(clerk, 'allot.held').getByRole('button', { name: new RegExp(clerk.t('allot.return')) });
  await back.waitFor({ timeout: 40000 });
  await clerk.shot('75-return-phone');
  await back.click();
  await clerk.button('allot.return_sure').click();
  await until('given back', 40000, () => JSON.parse(w.verb('city', 'booking calendar', [`${room.owner}/${room.id}`, '--from', day(7), '--days', '1'])).allotments.length === 0);
  await calendar(city, 7);
  await slot(city, '09:00', 'free').waitFor();
});

test('a district on the way shows nothing of it; a member of an organisation asks for nothing', async () => {
  const d1 = await open('d1', { size: wide });
  await d1.hire('zhao');
  for (const box of ['mine', 'here']) {
    assert.deepEqual((await d1.page.request.get(`${d1.origin}/api/bookings?box=${box}`).then((r) => r.json())).items, []);
  }
  for (const kind of ['booking', 'booking_ask']) {
    assert.deepEqual((await d1.page.request.get(`${d1.origin}/api/records?kind=${kind}`).then((r) => r.json())).items, [], kind);
  }
  const [one] = list('s1');
  assert.equal((await d1.page.request.get(`${d1.origin}/api/records/${one.node}/booking_ask/${one.id}`)).status(), 404);
  const member = await open('s1');
  await member.hire('zu', ['--role', 'member']);
  await calendar(member, 3);
  assert.equal(await member.page.locator('.slot:enabled').count(), 0);
});

test('complete in both languages, no barrier, nothing cut off', async () => {
  const en = await open('city', { size: wide, lang: 'en' });
  await en.to('');
  await en.logIn('li');
  await en.page.waitForSelector('.tiles');
  for (const d of [city, en]) {
    for (const [size, name] of [[phone, 'phone'], [wide, 'wide']]) {
      await d.page.setViewportSize(size);
      for (const [page, hash] of [['mine', '#/bookings?all=1'], ['here', '#/bookings?box=here&all=1'], ['week', `#/bookings/${room.owner}/${room.id}?from=${day(3)}`], ['day', `#/bookings/${room.owner}/${room.id}?view=day&from=${day(3)}`], ['hours', '#/r/schedule'], ['room', `#/r/listing/${room.owner}/${room.id}`]]) {
        const where = `75-${page}-${name}-${d.lang}`;
        await d.to(hash);
        await until(`${where} quiet`, 10000, () => d.open === 0);
        await d.shot(where);
        assert.deepEqual(await d.overflow(), [], where);
        assert.deepEqual(await d.barriers(), [], where);
        assert.ok(!/\bkind\.\w|booking\.\w|related\.|form\./.test(await d.page.innerText('main')), where);
      }
    }
  }
});

// A course from its form to the certificate: seats by tier, sign-up on a phone, the code at the door scanned by somebody without a log-in, four answers, the paper and its check; two platforms, both languages.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const at = (n) => new Date(Date.now() + 8 * 3600e3 + n * 6e4).toISOString().slice(0, 16);
const time = (name, s) => ({ [name]: s.slice(0, 10), [`${name}-hour`]: s.slice(11) });
const badge = (d, text) => d.page.locator('.badge', { hasText: text });
let city, clerk, guest, course, number;

before(() => w.tree(['city', 'd1', 's1']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

const move = (from) => w.put('city', 'event', [{ ...w.json('city', 'get', [course.id]).content, id: course.id, from: at(from), to: at(from + 60) }]);
const signUp = async (d, org, seats) => {
  await d.page.fill('#sign-org', org);
  await d.page.selectOption('#sign-seats', String(seats));
  await d.page.locator('.sign-up button[type=submit]').click();
  await d.seen(d.t('event.sent'));
};

test('the form of an event takes a day and an hour; its page shows the seats', async () => {
  city = await open('city', { size: wide });
  await city.hire('li');
  await city.to('#/r/event/new');
  await city.fill('record', { kind: 'course', title: '社区治理实务培训', ...time('from', at(60)), 'from-hour': '9点' });
  await city.fill('record', { ...time('to', at(120)), seats: '4' });
  await city.page.click('#record button[type=submit]');
  await city.page.waitForSelector('#record [role=alert]');
  await city.fill('record', { ...time('from', at(60)), seats_street: '3', place: '市级路演厅', certificate: true, minutes: '180' });
  await city.page.click('#record button[type=submit]');
  await city.page.waitForSelector('.note-good');
  const [, , owner, id] = city.place();
  course = { owner, id };
  await city.seen(city.t('event.taken', { n: 0, all: 4 }));
  await city.seen(city.t('event.of', { n: 0, all: 3 }));
});

test('a station signs up on a phone, beyond the seats of its tier on the list, and gives one back', async () => {
  clerk = await open('s1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  await until('the event has come', 20000, () => w.tryVerb('s1', 'get', [`${course.owner}/${course.id}`]).code === 0);
  await clerk.to(`#/r/event/${course.owner}/${course.id}`);
  await signUp(clerk, '晨光社会工作服务中心', 4);
  await badge(clerk, clerk.t('booking.state.waitlisted')).first().waitFor();
  await until('three and one', 20000, async () => (await badge(clerk, clerk.t('booking.state.confirmed')).count()) === 3);
  await clerk.shot('76-signed-phone');
  const given = clerk.page.locator('.occurrence', { has: badge(clerk, clerk.t('booking.state.confirmed')) }).first();
  await given.getByRole('button', { name: clerk.t('booking.give_back'), exact: true }).click();
  await clerk.button('booking.give_back_yes').click();
  await until('the one that waited has it', 20000, async () => (await badge(clerk, clerk.t('booking.state.confirmed')).count()) === 3 && (await badge(clerk, clerk.t('booking.state.waitlisted')).count()) === 0);
  await city.to(`#/r/event/${course.owner}/${course.id}`);
  await city.seen('晨光社会工作服务中心');
});

test('with approval the sign-up stands in the to-do list of the owner, and one press answers it', async () => {
  const [id] = w.put('city', 'event', [{ id: 'salon', kind: 'salon', title: '公益沙龙', from: at(600), to: at(700), seats: 5, approval: true }]) ?? ['salon'];
  assert.ok(id);
  await until('it has come', 20000, () => w.tryVerb('s1', 'get', [`${course.owner}/salon`]).code === 0);
  await clerk.to(`#/r/event/${course.owner}/salon`);
  await signUp(clerk, '夕阳红合唱团', 1);
  await until('it waits at the city', 20000, () => JSON.parse(`[${w.verb('city', 'todo', ['--json']).trim().split('\n').join(',')}]`).some((x) => x.source === 'booking'));
  await city.to('#/todo');
  await city.page.getByRole('link', { name: '公益沙龙' }).click();
  await city.page.getByRole('button', { name: city.t('booking.do.confirm'), exact: true }).click();
  await badge(clerk, clerk.t('booking.state.confirmed')).waitFor();
});

test('a telephone without a log-in scans the code, its owner types a name, and the seat is used', async () => {
  await city.to(`#/events/${course.id}/door`);
  await city.page.waitForSelector('svg.qr path');
  await city.seen(city.t('door.local'));
  await city.shot('76-door-wide');
  const address = await city.page.getByRole('link', { name: city.t('door.here') }).getAttribute('href');
  guest = await open('city', { size: phone });
  await guest.page.goto(address);
  await guest.page.waitForSelector('#door-org');
  await guest.page.selectOption('#door-org', { label: `晨光社会工作服务中心 · ${await clerk.page.locator('.top-node strong').innerText()}` });
  await guest.page.fill('#door-name', '欧阳小明');
  await guest.shot('76-scan-phone');
  await guest.button('door.go').click();
  await guest.seen('欧阳小明');
  await guest.seen(guest.t('door.later'));
  assert.deepEqual(await guest.barriers(), []);
  assert.deepEqual(await guest.overflow(), []);
  await city.seen(city.t('event.roll_n', { n: 1 }));
  await clerk.to(`#/r/event/${course.owner}/${course.id}`);
  await badge(clerk, clerk.t('booking.state.checked_in')).first().waitFor();
  assert.ok(!(await clerk.page.innerText('main')).includes('欧阳小明'), 'the name stays where the event is');
});

test('the sheet for the door has a line for each seat that was given, printed without the rest of the page; names are those of the node itself', async () => {
  await city.to(`#/r/event/${course.owner}/${course.id}`);
  await city.page.getByRole('link', { name: city.t('sheet.title'), exact: true }).click();
  const lines = city.page.locator('.sheet tbody tr');
  const held = JSON.parse(`[${w.verb('city', 'booking list', ['--here', '--all', '--json']).trim().split('\n').join(',')}]`).filter((x) => x.d.listing.endsWith(course.id) && ['confirmed', 'checked_in'].includes(x.at[0].state));
  await until('a line for each seat', 10000, async () => (await lines.count()) === held.length);
  assert.equal(held.length, 3);
  assert.equal(await lines.filter({ hasText: '欧阳小明' }).count(), 1);
  assert.equal(await lines.filter({ hasText: '晨光社会工作服务中心' }).count(), 3);
  await city.page.emulateMedia({ media: 'print' });
  for (const gone of ['.side', '.button', '.back']) assert.equal(await city.page.locator(gone).first().isVisible(), false, gone);
  assert.ok(await lines.first().isVisible());
  await city.shot('76-sheet-print');
  await city.page.emulateMedia({ media: 'screen' });
  assert.deepEqual(await city.barriers(), []);
  // Elsewhere there is no such sheet: who signed up there sent no name, and this node's roll stays here.
  await clerk.to(`#/events/${course.id}/sheet`);
  await clerk.page.waitForSelector('main [role=alert]');
  assert.equal(await clerk.page.locator('.sheet').count(), 0);
  await city.page.setViewportSize(phone);
  assert.deepEqual(await city.overflow(), []);
  await city.shot('76-sheet-phone');
  await city.page.setViewportSize(wide);
});

test('four answers and a certificate afterwards; who came is signed in by hand, too', async () => {
  await city.to(`#/r/event/${course.owner}/${course.id}`);
  await city.page.locator('#in-org').selectOption({ index: 1 });
  await city.page.fill('#in-name', '李大爷');
  await city.button('event.let_in').click();
  await city.seen(city.t('event.roll_n', { n: 2 }));
  move(-90);
  await guest.page.reload();
  await guest.page.waitForSelector('.marks');
  for (const q of ['content', 'teacher', 'service', 'use']) await guest.page.check(`input[name=${q}][value="5"]`);
  await guest.shot('76-questions-phone');
  await guest.button('door.rate').click();
  await guest.seen(guest.t('door.thanks'));
  await guest.page.waitForSelector('.certificate');
  await guest.shot('76-certificate-phone');
  assert.deepEqual(await guest.overflow(), []);
  assert.deepEqual(await guest.barriers(), []);
  number = /([A-Z2-7]{4}-){3}[A-Z2-7]{4}/.exec(await guest.page.innerText('.certificate'))[0];
  await city.to(`#/events/${course.id}/certificates`);
  await until('two papers', 10000, async () => (await city.page.locator('.certificate').count()) === 2);
  await city.shot('76-papers-wide');
});

test('whoever holds the paper checks its number without a log-in', async () => {
  const other = await open('city', { size: phone });
  await other.page.goto(`${other.origin}/#/certificate`);
  await other.page.fill('#cert-number', number.toLowerCase());
  await other.button('cert.go').click();
  await other.seen(other.t('cert.valid', { number }));
  assert.ok(!(await other.page.innerText('main')).includes('欧阳小明'));
  await other.shot('76-check-phone');
  await other.page.fill('#cert-number', 'AAAA-AAAA-AAAA-AAAA');
  await other.button('cert.go').click();
  await other.page.waitForSelector('.note-bad');
  assert.deepEqual(await other.barriers(), []);
});

test('complete in both languages, no barrier, nothing cut off', async () => {
  const en = await open('city', { size: wide, lang: 'en' });
  await en.to('');
  await en.logIn('li');
  await en.page.waitForSelector('.tiles');
  for (const d of [city, en]) {
    for (const [size, name] of [[phone, 'phone'], [wide, 'wide']]) {
      await d.page.setViewportSize(size);
      for (const [page, hash] of [['list', '#/r/event'], ['one', `#/r/event/${course.owner}/${course.id}`], ['open', `#/r/event/${course.owner}/salon`], ['form', '#/r/event/new'], ['door', `#/events/${course.id}/door`], ['papers', `#/events/${course.id}/certificates`], ['roll', '#/r/attendance']]) {
        const where = `76-${page}-${name}-${d.lang}`;
        await d.to(hash);
        await until(`${where} quiet`, 10000, () => d.open === 0);
        await d.shot(where);
        assert.deepEqual(await d.overflow(), [], where);
        assert.deepEqual(await d.barriers(), [], where);
        assert.ok(!/\bkind\.\w|booking\.\w|event\.\w|door\.\w|cert\.\w|form\./.test(await d.page.innerText('main')), where);
      }
    }
  }
});

// Where people go astray: two windows, the way back, an answer that got lost, a draft that is older than the record, many referrals.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, sleep } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, password, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
let d;

before(async () => {
  await w.tree(['city']);
  d = await open('city', { size: wide });
  await d.hire('wang', ['--name', '王芳']);
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((x) => x.clean()));

const record = (id) => JSON.parse(w.verb('city', 'get', [id]));
const titled = (x) => w.verb('city', 'list', ['listing', '--json']).split(x).length - 1;
const submit = () => d.page.click('#record button[type=submit]');

test('the answer gets lost on the way: sent again it is still one record', async () => {
  await d.to('#/r/listing/new');
  await d.fill('record', { kind: 'venue', title: '只登记一次的场地' });
  await d.page.route('**/api/records/listing', async (r) => { await r.fetch(); await r.abort(); }, { times: 1 });
  await submit();
  await d.seen(d.t('err.unreachable'));
  assert.equal(titled('只登记一次的场地'), 1);
  await submit();
  await d.page.waitForSelector('.note-good');
  assert.equal(titled('只登记一次的场地'), 1);
  // Changed after the first attempt: both versions are shown, and the person decides.
  await d.to('#/r/listing/new');
  await d.fill('record', { kind: 'venue', title: '改过名称的场地' });
  await d.page.route('**/api/records/listing', async (r) => { await r.fetch(); await r.abort(); }, { times: 1 });
  await submit();
  await d.seen(d.t('err.unreachable'));
  await d.page.reload();
  await d.fill('record', { title: '改过名称的大场地' });
  await submit();
  await d.page.waitForSelector('.conflict');
  await d.button('conflict.keep').click();
  await d.page.waitForSelector('.note-good');
  assert.equal(record(d.place()[3]).content.title, '改过名称的大场地');
  assert.equal(titled('改过名称的'), 1);
});

test('whom a record is for comes back with the draft', async () => {
  await d.to('#/r/listing/new');
  await d.fill('record', { kind: 'venue', title: '只给下级看的场地', audience_: 'sub' });
  await d.page.reload();
  await d.seen(d.t('form.discard'));
  assert.equal(await d.page.inputValue('#record-audience_'), 'sub');
  await submit();
  await d.page.waitForSelector('.note-good');
  await d.seen(d.t('audience.sub'));
});

test('a draft that is older than the record does not overwrite what a colleague saved since', async () => {
  const [id] = w.put('city', 'listing', [{ kind: 'venue', title: '会议室' }]);
  const one = `#/r/listing/${w.id('city')}/${id}`;
  await d.to(`${one}/edit`);
  await d.fill('record', { detail: '我写的说明' });
  await d.to('#/help');
  w.put('city', 'listing', [{ id, kind: 'venue', title: '会议室（已搬到三楼）' }]);
  await d.to(`${one}/edit`);
  await d.seen(d.t('form.discard'));
  await submit();
  await d.page.waitForSelector('.conflict');
  assert.match(await d.page.innerText('.conflict'), /已搬到三楼/);
  assert.equal(record(id).content.title, '会议室（已搬到三楼）');
  await d.button('conflict.take').click();
  await d.holds('#record-title', '会议室（已搬到三楼）');
  await d.holds('#record-detail', '');
  await d.fill('record', { detail: '核对后的说明' });
  await submit();
  await d.page.waitForSelector('.note-good');
  assert.deepEqual([record(id).content.title, record(id).content.detail], ['会议室（已搬到三楼）', '核对后的说明']);
});

test('back leads to where one came from, never into a form that was sent; "saved" is said once', async () => {
  await d.to('#/r/need');
  await d.page.click('a[href="#/r/need/new"]');
  await d.fill('record', { kind: 'venue', title: '找一间教室' });
  await submit();
  await d.seen(d.t('form.done'));
  await d.page.reload();
  await d.page.getByRole('heading', { level: 1, name: '找一间教室' }).waitFor();
  assert.equal(await d.page.locator('.note-good').count(), 0);
  await d.page.goBack();
  await d.page.getByRole('heading', { level: 1, name: d.t('nav.need') }).waitFor();
});

test('the search box says what is searched for, also after a link and the way back', async () => {
  await d.to('#/r/notice');
  await d.seen(d.t('list.none_write'));
  await d.to('#/r/listing?q=nowhere');
  await d.holds('#q', 'nowhere');
  await d.seen(d.t('list.none_found'));
  await d.to('#/r/listing');
  await d.holds('#q', '');
  await d.page.fill('#q', '会议室');
  await d.page.waitForFunction(() => location.hash.includes('q='));
  await d.page.fill('#q', '会议室二');
  await d.seen(d.t('list.none_found'));
  await d.holds('#q', '会议室二');
  await d.page.goBack();
  await d.holds('#q', 'nowhere');
});

test('withdrawing what a colleague has just changed shows his version first', async () => {
  const [id] = w.put('city', 'listing', [{ kind: 'venue', title: '旧会议室' }]);
  await d.to(`#/r/listing/${w.id('city')}/${id}`);
  await d.button('action.withdraw').click();
  w.put('city', 'listing', [{ id, kind: 'venue', title: '新会议室' }]);
  await d.button('withdraw.yes').click();
  await d.page.getByRole('heading', { level: 1, name: '新会议室' }).waitFor();
  await d.button('withdraw.yes').click();
  await d.page.locator('.badge', { hasText: d.t('state.withdrawn') }).waitFor();
});

test('two windows of one person: a new log-in in one does not stop the other', async () => {
  await d.to('#/r/listing/new');
  await d.fill('record', { kind: 'venue', title: '两个窗口' });
  const second = await d.context.newPage();
  await second.goto(`${d.origin}/#/account`);
  await second.locator('main').getByRole('button', { name: d.t('action.logout') }).click();
  await second.fill('#login', 'wang');
  await second.fill('#password', password('wang'));
  await second.keyboard.press('Enter');
  await second.waitForSelector('main[data-at]');
  await submit();
  await d.page.waitForSelector('.note-good');
  await second.close();
});

for (const [by, who] of [['press', 'chen'], ['pause', 'sun']]) {
  test(`somebody else logs in there (${by}): the window becomes his, and what was typed stays with its author`, async () => {
    const text = `王芳还没写完 ${by}`;
    const other = await open('city', { size: wide });
    await other.hire(who);
    await d.context.clearCookies();
    await d.to('#/account');
    await d.page.reload();
    await d.page.waitForSelector('#login');
    await d.logIn('wang');
    await d.page.waitForSelector('main[data-at]');
    await d.to('#/r/listing/new');
    await d.fill('record', { kind: 'venue', title: text });
    await d.context.clearCookies();
    await d.context.addCookies(await other.context.cookies());
    if (by === 'press') await submit(); // else it goes to the node by itself, at the pause
    await d.page.waitForFunction((x) => document.querySelector('.side-foot a')?.textContent.includes(x), who);
    await d.holds('#record-title', '');
    await sleep(4000); // longer than a pause: nothing of it goes under the other's name
    assert.equal(titled(text), 0);
    const kept = await other.page.request.get(`${other.origin}/api/drafts`).then((r) => r.json());
    assert.deepEqual(kept.drafts, []);
    assert.equal(await d.page.evaluate((x) => Object.values(localStorage).filter((y) => y.includes(x)).length, text), 1);
  });
}

test('without an answer from the node a page says so and offers another try', async () => {
  const x = await open('city', { size: phone });
  await x.to('');
  await x.logIn('wang');
  await x.page.waitForSelector('.tiles');
  for (const hash of ['#/r/listing', '#/referrals']) {
    await x.page.route('**/api/kinds', (r) => r.abort());
    await x.to(hash);
    await x.page.reload();
    await x.seen(x.t('err.unreachable'));
    assert.equal(await x.page.locator('main h1').count(), 1);
    await x.page.unroute('**/api/kinds');
    await x.button('action.retry').click();
    await x.page.waitForSelector(hash === '#/referrals' ? '.boxes' : '.filters');
  }
  await x.to('#/r/nothing');
  await x.seen(x.t('err.unknown_kind'));
});

test('a list longer than one answer is read to its end, each line once', async () => {
  const line = (i) => ({ id: `r${i}`, peer: 'n', peer_name: '他方', who: 'R', state: 'received', title: `个案 ${i}.`, urgency: '', created: 1, updated: 1, overdue: false, cancel_pending: false, todo: true });
  const pages = { '': [[0, 1, 2], 3], 3: [[2, 3, 4], 9], 9: [[], 12], 12: [[5], null] };
  await d.page.route('**/api/referrals?*', (r) => {
    const [ids, next] = pages[new URL(r.request().url()).searchParams.get('after') ?? ''];
    return r.fulfill({ json: { items: ids.map(line), next } });
  });
  await d.to('#/referrals?box=todo');
  await d.seen('个案 2.');
  for (const n of [5, 5, 6]) {
    await d.button('list.more').click();
    await d.page.waitForFunction((k) => document.querySelectorAll('.rows tbody tr').length === k, n);
  }
  await d.button('list.more').waitFor({ state: 'detached' });
  await d.page.unroute('**/api/referrals?*');
});

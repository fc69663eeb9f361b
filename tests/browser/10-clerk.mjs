// A clerk's first day: log in, publish, be seen elsewhere, meet a colleague's change, withdraw.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, password, wide, within } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
let street, city, other;

before(async () => {
  await w.tree(['city', 'd1', 's1', 's2']);
  w.put('city', 'listing', [{ kind: 'course', title: '财务公开课', detail: '每月一次' }]);
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('first log-in: a one-time password opens nothing but the change of it', async () => {
  street = await open('s1');
  const once = JSON.parse(w.verb('s1', 'user add', ['--name', '王芳', '--json', 'wang'])).one_time_password;
  await street.to('#/r/listing');
  await street.logIn('wang', 'not this one');
  assert.match(await street.page.textContent('[role=alert]'), /\S/);
  await street.logIn('wang', once);
  await street.seen(street.t('password.first_title'));
  await street.to('#/r/listing');
  await street.page.reload();
  await street.seen(street.t('password.first_title'));
  assert.equal((await street.page.request.get(`${street.origin}/api/records?kind=listing`)).status(), 403);
  const change = async (first, second) => {
    await street.page.fill('#old', once);
    await street.page.fill('#first', first);
    await street.page.fill('#second', second);
    await street.page.keyboard.press('Enter');
  };
  await change('short', 'short');
  await street.seen(street.t('password.short', { n: 8 }));
  await change(password('wang'), password('wang') + 'x');
  await street.seen(street.t('password.differ'));
  await change(password('wang'), password('wang'));
  await street.seen('财务公开课'); // the address that was asked for first
  await street.page.getByRole('heading', { level: 1, name: street.t('nav.listing') }).waitFor();
  const again = await open('s1');
  await again.to('');
  await again.logIn('wang', once);
  await again.page.waitForSelector('[role=alert]');
  assert.equal(await again.page.locator('.tiles').count(), 0);
});

test('the overview names this platform, its parent and what arrived, in words', async () => {
  const d = street;
  await d.to('#/');
  await d.seen(d.t('link.in_step'));
  const main = await d.page.innerText('main');
  for (const x of ['s1', 'd1', w.id('s1'), d.t('status.parent')]) assert.ok(main.includes(x), x);
  await d.page.locator('section', { hasText: d.t('status.streams_help') }).getByRole('button').click();
  for (const n of ['city', 'd1']) await d.page.locator('.rows', { hasText: n }).first().waitFor();
  city = await open('city', { size: wide });
  await city.hire('li');
  await city.seen(city.t('status.is_top'));
  await city.page.locator('.rows', { hasText: 'd1' }).first().waitFor();
});

let made;
test('a listing published at a street is seen at the city and the other street', async () => {
  other = await open('s2');
  await other.hire('zhao');
  await other.to('#/r/listing');
  await city.to('#/r/listing');
  made = await street.write('listing', { kind: 'venue', title: '社区议事厅', capacity: '40', detail: '二楼，有投影。\n周一至周五。' });
  await street.seen(street.t('form.done'));
  assert.equal(made.owner, w.id('s1'));
  for (const d of [city, other]) {
    await d.seen('社区议事厅'); // an open list finds it by itself
    await d.page.getByRole('link', { name: '社区议事厅' }).click();
    await d.seen('二楼，有投影。');
    assert.equal(await d.button('action.withdraw').count(), 0, 'not theirs to change');
    assert.equal(await d.link('action.edit').count(), 0);
  }
});

test('where it comes from: signer, bundle and way, the same as explain says', async () => {
  await other.page.locator('.explain summary').click();
  const text = await other.page.locator('.explain').innerText();
  const form = JSON.parse(w.verb('s2', 'explain', [made.id, '--json'])).forms.find((f) => f.current);
  assert.ok(text.includes(form.bundle), 'bundle');
  assert.ok(text.includes('s1'), 'signer by name');
  for (const hop of form.path) assert.ok(text.includes([...w.nodes.values()].find((n) => n.id === hop)?.name ?? hop), hop);
});

test('two clerks, one record: both versions stand side by side and nothing typed is lost', async () => {
  const colleague = await open('s1', { size: wide });
  await colleague.hire('chen');
  const edit = `#/r/listing/${made.owner}/${made.id}/edit`;
  for (const round of ['keep', 'take']) {
    await street.to(edit);
    await street.page.reload();
    await street.page.waitForSelector('#record-title');
    await colleague.to(edit);
    await colleague.page.reload();
    await colleague.page.waitForSelector('#record-title');
    await colleague.fill('record', { title: `议事厅（${round}，陈）` });
    await colleague.page.click('#record button[type=submit]');
    await colleague.page.waitForSelector('.note-good');
    await street.fill('record', { title: `议事厅（${round}，王）`, capacity: round === 'keep' ? '55' : '60' });
    await street.page.click('#record button[type=submit]');
    await street.page.waitForSelector('.conflict');
    const both = await street.page.innerText('.conflict');
    assert.ok(both.includes(`${round}，王`) && both.includes(`${round}，陈`) && both.includes(round === 'keep' ? '55' : '60'), both);
    await street.shot(`conflict-${round}`);
    assert.deepEqual(await street.barriers(), []);
    await street.button(`conflict.${round}`).click();
    const winner = round === 'keep' ? '王' : '陈';
    if (round === 'keep') await street.page.waitForSelector('.note-good');
    else await street.holds('#record-title', `议事厅（${round}，陈）`);
    assert.equal(JSON.parse(w.verb('s1', 'get', [made.id])).content.title, `议事厅（${round}，${winner}）`);
  }
  await colleague.close();
});

test('withdrawn is withdrawn everywhere, after one question', async () => {
  await street.to(`#/r/listing/${made.owner}/${made.id}`);
  await street.button('action.withdraw').click();
  await street.button('action.cancel').click();
  await street.button('action.withdraw').click();
  await street.button('withdraw.yes').click();
  await street.page.locator('.badge', { hasText: street.t('state.withdrawn') }).waitFor();
  assert.equal(await street.link('action.edit').count(), 0);
  for (const d of [city, other]) {
    await d.to('#/r/listing');
    await d.page.getByRole('link', { name: '议事厅' }).waitFor({ state: 'detached', timeout: within });
    await d.seen('财务公开课');
  }
});

test('a need and a notice travel; a fault in the form is named beside its field', async () => {
  await street.to('#/r/need/new');
  await street.page.click('#record button[type=submit]');
  await street.page.waitForSelector('#record-title-fault');
  await street.fill('record', { kind: 'mentor', title: '寻找心理辅导老师' });
  await street.page.click('#record button[type=submit]');
  await street.page.waitForSelector('.note-good');
  await street.to('#/r/notice/new');
  await street.page.waitForSelector('#record');
  const required = await street.page.$$eval('#record [aria-required]', (l) => l.filter((e) => !e.value).map((e) => [e.id, e.tagName]));
  for (const [id, tag] of required) {
    if (tag === 'SELECT') await street.page.selectOption(`[id="${id}"]`, { index: 1 });
    else await street.page.fill(`[id="${id}"]`, '年检材料提交通知');
  }
  await street.page.click('#record button[type=submit]');
  await street.page.waitForSelector('.note-good');
  for (const [kind, title] of [['need', '寻找心理辅导老师'], ['notice', '年检材料提交通知']]) {
    await other.to(`#/r/${kind}`);
    await other.seen(title);
  }
});

test('keyboard only: log in and publish', async () => {
  const d = await open('s1', { size: wide });
  const { page } = d;
  const key = (k) => page.keyboard.press(k);
  const at = (id) => page.waitForFunction((x) => document.activeElement?.id === x, id);
  // Tab until the wanted element has the focus, as a person would.
  const reach = async (what, fn) => {
    for (let i = 0; i < 60; i++) {
      if (await page.evaluate(fn)) return;
      await key('Tab');
    }
    assert.fail(`not reached by Tab: ${what}`);
  };
  await d.to('');
  await page.waitForSelector('#login');
  await reach('name', () => document.activeElement.id === 'login');
  await page.keyboard.type('wang');
  await key('Tab');
  await at('password');
  await page.keyboard.type(password('wang'));
  await key('Enter');
  await page.waitForSelector('.tiles');
  await reach('resources', () => document.activeElement.getAttribute('href') === '#/r/listing');
  await key('Enter');
  await page.waitForFunction(() => document.activeElement?.tagName === 'H1' && document.querySelector('#q'));
  await reach('new', () => document.activeElement.getAttribute('href') === '#/r/listing/new');
  await key('Enter');
  await page.waitForSelector('#record-title');
  await reach('kind', () => document.activeElement.id === 'record-kind');
  await page.keyboard.press('ArrowDown');
  await reach('title', () => document.activeElement.id === 'record-title');
  await page.keyboard.type('键盘发布的场地');
  await key('Enter');
  await page.waitForSelector('.note-good');
  await other.to('#/r/listing');
  await other.seen('键盘发布的场地');
});

// What is typed is at the platform, too: a lost telephone, a killed daemon, two devices of one person, a draft thrown away offline.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const drafts = (d) => d.page.request.get(`${d.origin}/api/drafts`).then((r) => r.json()).then((j) => j.drafts.map((x) => x.name));
const atNode = (d, name, text) => until(`${text} at the node`, 15000, async () => {
  const r = await d.page.request.get(`${d.origin}/api/drafts/${name}`);
  return r.ok() && JSON.stringify(await r.json()).includes(text);
});
const title = (d, x) => d.holds('#record-title', x);
let phone, pc;

before(async () => {
  await w.tree(['city', 'd1']);
  phone = await open('d1');
  await phone.hire('wang');
  pc = await open('d1', { size: wide });
  await pc.to('');
  await pc.logIn('wang');
  await pc.page.waitForSelector('.tiles');
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('typed on a telephone that is lost and a daemon that is killed: it is there on the desk', async () => {
  await phone.to('#/r/listing/new');
  await phone.fill('record', { kind: 'venue', title: '手机上写的场地', capacity: '30' });
  await atNode(pc, 'listing.new', '手机上写的场地');
  await phone.seen(phone.t('form.saved_node', { when: '' }).trim());
  await w.stop('d1', 'SIGKILL');
  await phone.close();
  await w.start('d1');
  await pc.to('#/');
  await pc.page.locator('.related').getByRole('link').click(); // the first page says what is unfinished
  await title(pc, '手机上写的场地');
  assert.equal(await pc.page.inputValue('#record-capacity'), '30');
  await pc.shot('70-restored');
});

test('two devices, one form: the later one asks, and neither text is lost by itself', async () => {
  const other = await open('d1');
  await other.to('');
  await other.logIn('wang');
  await other.page.waitForSelector('.tiles');
  await other.to('#/r/listing/new');
  await title(other, '手机上写的场地');
  await pc.fill('record', { title: '电脑上改过的场地' });
  await atNode(pc, 'listing.new', '电脑上改过的场地');
  await other.fill('record', { detail: '另一台写的说明' });
  await other.seen(other.t('form.other_take'));
  await other.shot('70-other');
  assert.deepEqual(await other.barriers(), []);
  await atNode(other, 'listing.new', '电脑上改过的场地'); // not written over
  await other.button('form.other_take').click();
  await title(other, '电脑上改过的场地');
  await other.fill('record', { detail: '另一台写的说明' });
  await atNode(pc, 'listing.new', '另一台写的说明');
  await other.page.click('#record button[type=submit]');
  await other.page.waitForSelector('.note-good');
  await until('gone', 10000, async () => (await drafts(pc)).length === 0);
  assert.equal(w.state('d1').split('电脑上改过的场地').length - 1, 1);
  await other.close();
});

test('a colleague sees nothing of it', async () => {
  await pc.to('#/r/need/new');
  await pc.fill('record', { kind: 'venue', title: '只有我能看到' });
  await atNode(pc, 'need.new', '只有我能看到');
  const chen = await open('d1');
  await chen.hire('chen');
  assert.deepEqual(await drafts(chen), []);
  await chen.to('#/r/need/new');
  await title(chen, '');
  await chen.close();
});

test('the platform away while a form is written and another thrown away: both are settled when it is back', async () => {
  await pc.to('#/r/notice/new');
  await pc.page.waitForSelector('#record-title');
  await w.stop('d1', 'SIGKILL');
  await pc.fill('record', { kind: 'notice', title: '断线时写的通知' });
  await pc.seen(pc.t('form.saved', { when: '' }).trim());
  await pc.page.evaluate(() => { location.hash = '#/r/need/new'; });
  await title(pc, '只有我能看到'); // the browser's own copy
  await pc.button('form.discard').click();
  await title(pc, '');
  await w.start('d1');
  await pc.to('#/r/notice/new');
  await title(pc, '断线时写的通知');
  await atNode(pc, 'notice.new', '断线时写的通知');
  await pc.to('#/r/need/new');
  await until('thrown away here and there', 20000, async () => !(await drafts(pc)).includes('need.new'));
  await title(pc, '');
});

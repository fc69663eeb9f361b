// Nothing typed is lost: reload, the end of a log-in, a killed daemon, a parent that is away.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { Clock } from '../e2e/lib/clock.mjs';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
let d, away, clock;

before(async () => {
  await w.tree(['city', 'd1', 's1', 's2']);
  // The shortest log-in there is, where a person leaves the desk.
  await w.stop('s2');
  fs.appendFileSync(path.join(w.data('s2'), 'sanji.conf'), '\nsession_idle = 60s\n');
  clock = new Clock(w.dir);
  await w.start('s2');
  clock.rest(); // the browser keeps its own time
  away = await open('s2');
  await away.hire('zhao');
  await away.to('#/r/need/new');
  await away.fill('record', { kind: 'venue', title: '写到一半离开了' });
  d = await open('s1');
  await d.hire('wang');
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((x) => x.clean()));

const title = (x) => d.holds('#record-title', x);
const kept = () => d.page.evaluate(() => Object.keys(localStorage).filter((k) => k.includes('draft')).length);

test('a draft survives a reload and another page, and goes when it is sent or thrown away', async () => {
  await d.to('#/r/listing/new');
  await d.fill('record', { kind: 'venue', title: '没写完的场地', capacity: '30' });
  await d.page.reload();
  await d.seen(d.t('form.discard'));
  await title('没写完的场地');
  assert.equal(await d.page.inputValue('#record-capacity'), '30');
  await d.to('#/nodes');
  await d.to('#/r/listing/new');
  await title('没写完的场地');
  await d.button('form.discard').click();
  await title('');
  await until('nothing kept', 10000, async () => (await kept()) === 0);
});

test('a draft belongs to one person', async () => {
  await d.to('#/r/listing/new');
  await d.fill('record', { title: '王芳的草稿' });
  await d.to('#/account');
  await d.page.locator('main').getByRole('button', { name: d.t('action.logout') }).click();
  await d.page.waitForSelector('#login');
  await d.hire('chen');
  await d.to('#/r/listing/new');
  await title('');
  await d.context.clearCookies();
  await d.page.reload();
  await d.page.waitForSelector('#login');
  await d.logIn('wang');
  await d.page.waitForSelector('#record-title');
  await title('王芳的草稿');
  await d.button('form.discard').click();
});

test('the daemon is killed while somebody writes: a plain sentence, then the same form sends it', async () => {
  await d.to('#/r/listing/new');
  await d.fill('record', { kind: 'venue', title: '断电时写的场地' });
  await w.stop('s1', 'SIGKILL');
  await d.page.click('#record button[type=submit]');
  await d.seen(d.t('err.unreachable'));
  await title('断电时写的场地');
  await w.start('s1');
  await d.page.click('#record button[type=submit]'); // the log-in outlives the daemon
  await d.page.waitForSelector('.note-good');
  await until('nothing kept', 10000, async () => (await kept()) === 0);
  assert.equal(w.state('s1').split('断电时写的场地').length - 1, 1);
});

test('with the parent away the overview says so and what to do; writing goes on and arrives later', async () => {
  await w.stop('d1');
  await d.to('#/');
  await d.page.reload();
  await d.seen(d.t('status.offline'), 40000);
  await d.seen(d.t('code.unreachable'));
  await d.shot('parent-away');
  await d.button('sync.now').click();
  await d.seen(d.t('sync.not_now'), 40000);
  const { id } = await d.write('listing', { kind: 'venue', title: '断网时发布的场地' });
  assert.equal(w.tryVerb('city', 'get', [id]).code, 1);
  await w.start('d1');
  await until('at the city', 40000, () => w.tryVerb('city', 'get', [id]).code === 0);
  await d.to('#/');
  await d.button('sync.now').click();
  await d.seen(d.t('sync.done'), 40000);
});

test('a log-in that ended asks again, says why, and comes back to the half-written form', async () => {
  clock.jump(0.02);
  await away.fill('record', { detail: '回来继续写' });
  await away.page.click('#record button[type=submit]');
  await away.page.waitForSelector('#login');
  await away.seen(away.t('login.ended'));
  await away.logIn('zhao');
  await away.page.waitForSelector('#record-title');
  assert.equal(await away.page.inputValue('#record-title'), '写到一半离开了');
  assert.equal(await away.page.inputValue('#record-detail'), '回来继续写');
  await away.page.click('#record button[type=submit]');
  await away.page.waitForSelector('.note-good');
});

test('a screen nobody touches asks on by itself and keeps no log-in alive; then it says so', async () => {
  const at = (n) => new Date(Date.now() + 8 * 3600e3 + n * 6e4).toISOString().slice(0, 16);
  const id = w.put('s2', 'event', [{ kind: 'course', title: '门口的屏幕', from: at(-10), to: at(120), seats: 4 }])[0];
  const asked = () => away.page.waitForResponse((r) => r.url().includes(`/api/events/me/${id}`));
  await away.to(`#/events/${id}/door`);
  await away.page.waitForSelector('.door-screen');
  await asked();
  await asked();
  clock.jump(0.01);
  await asked();
  clock.jump(0.01);
  await away.page.waitForSelector('#login');
  await away.seen(away.t('login.ended'));
});

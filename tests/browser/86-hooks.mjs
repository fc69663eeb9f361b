// A group's robot is told what comes to wait: arranged by the administrator on the phone, tried, seen to fail and to work again, taken away on the desk.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, password, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const looked = async (d, name) => {
  assert.deepEqual(await d.barriers(), []);
  assert.deepEqual(await d.overflow(), []);
  await d.shot(name);
};
const got = [];
let answer = '{"errcode":0}';
const robot = http.createServer((rq, rs) => {
  let body = '';
  rq.on('data', (c) => { body += c; }).on('end', () => { got.push({ url: rq.url, body }); rs.end(answer); });
});
let admin;

before(async () => {
  await new Promise((ok) => robot.listen(0, '127.0.0.1', ok));
  await w.tree(['city']);
  admin = await open('city');
  await admin.hire('gu', ['--role', 'admin']);
});
after(async () => { robot.closeAllConnections(); robot.close(); await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('on a phone: a robot with its secret, tried at once; a program of our own gets one, shown once', async () => {
  const d = admin;
  await d.to('#/hooks');
  await d.seen(d.t('hook.none'));
  await d.button('hook.go').click();
  await d.seen(d.t('hook.need'));
  await d.page.fill('#hook-name', '值班群');
  await d.page.selectOption('#hook-form', 'dingtalk');
  await d.page.fill('#hook-url', 'http://oapi.example.cn/robot/send?access_token=t');
  await d.page.fill('#hook-secret', 'SECabc');
  await d.page.fill('#hook-password', password('gu'));
  await d.button('hook.go').click();
  await d.page.waitForSelector('#hook .note-bad'); // http, and not to this machine
  await d.page.fill('#hook-url', `http://127.0.0.1:${robot.address().port}/robot/send?access_token=t`);
  await d.page.getByLabel(d.t('todo.source.decide'), { exact: true }).check();
  await d.button('hook.go').click();
  await d.page.getByRole('button', { name: `${d.t('hook.test')}: 值班群` }).click();
  await until('tried', 20000, () => got.length > 0);
  assert.match(got[0].url, /access_token=t&timestamp=\d+&sign=/);
  await d.seen(d.t('hook.ok'));
  assert.ok(!(await d.page.content()).includes('access_token'));
  await d.page.fill('#hook-name', 'OA');
  await d.page.selectOption('#hook-form', 'plain');
  await d.page.fill('#hook-url', `http://127.0.0.1:${robot.address().port}/own`);
  await d.page.fill('#hook-password', password('gu'));
  await d.button('hook.go').click();
  assert.match((await d.page.locator('#hook-text').textContent()).trim(), /^whsec_[\w-]{43}$/);
  await looked(d, '86-phone');
});

test('on a desk: what failed is shown, and that it works again; taken away', async () => {
  const pc = await open('city', { size: wide, lang: 'en' });
  await pc.to('');
  await pc.logIn('gu');
  await pc.page.waitForSelector('.tiles');
  answer = '{"errcode":310000}';
  w.put('city', 'org', [{ id: 'a', name: '青禾社', state: 'applying' }]);
  await pc.to('#/hooks');
  await pc.seen(pc.t('hook.failing'));
  await looked(pc, '86-desk');
  answer = '{"errcode":0}';
  await pc.page.waitForFunction((s) => !document.querySelector('main').textContent.includes(s), pc.t('hook.failing'));
  for (const name of ['值班群', 'OA']) {
    await pc.page.getByRole('button', { name: `${pc.t('hook.drop')}: ${name}` }).click();
    await pc.button('hook.drop_sure').click();
    await pc.page.waitForFunction((s) => ![...document.querySelectorAll('.rows td')].some((e) => e.textContent.includes(s)), name);
  }
  await pc.seen(pc.t('hook.none'));
});

// A key for another program: made by the administrator in the page, shown once, used, seen in the audit log, ended.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, password, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const looked = async (d, name) => {
  assert.deepEqual(await d.barriers(), []);
  assert.deepEqual(await d.overflow(), []);
  await d.shot(name);
};
// The program: no browser, no cookie.
const asks = (d, token, path, body) => fetch(`${d.origin}${path}`, { method: body ? 'POST' : 'GET', body, headers: { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) } });
let admin, token;

before(async () => {
  await w.tree(['city']);
  admin = await open('city');
  await admin.hire('gu', ['--role', 'admin']);
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('on a phone: made with the password, shown once', async () => {
  const d = admin;
  await d.to('#/tokens');
  await d.seen(d.t('token.none'));
  await d.button('token.go').click();
  await d.seen(d.t('token.need'));
  await d.page.fill('#token-name', '区办公系统');
  await d.page.selectOption('#token-role', 'clerk');
  await d.page.fill('#token-password', 'wrong');
  await d.button('token.go').click();
  await d.page.waitForSelector('#token .note-bad');
  await d.page.fill('#token-password', password('gu'));
  await d.button('token.go').click();
  token = (await d.page.locator('#token-text').textContent()).trim();
  assert.match(token, /^sanji_[\w-]{43}$/);
  await d.seen(d.t('token.never'));
  await looked(d, '85-made');
  await d.to('#/audit');
  await d.seen(d.t('audit.what.POST_/api/tokens'));
  await d.seen(d.t('err.wrong_password'));
  await d.to('#/tokens');
  await d.seen('区办公系统');
  assert.equal(await d.page.locator('#token-text').count(), 0);
});

test('the program writes with it and is named in the log; on a desk the token is ended, and the program with it', async () => {
  const pc = await open('city', { size: wide, lang: 'en' });
  const r = await asks(pc, token, '/api/records/listing', JSON.stringify({ d: { kind: 'venue', title: '议事厅' } }));
  assert.equal(r.status, 200, await r.text());
  await pc.to('');
  await pc.logIn('gu');
  await pc.page.waitForSelector('.tiles');
  await pc.to('#/audit');
  await pc.seen('token:1');
  await pc.to('#/tokens');
  await pc.seen(new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10));
  await looked(pc, '85-used');
  await pc.page.getByRole('button', { name: `${pc.t('token.revoke')}: 区办公系统` }).click();
  await pc.button('admin.keep').click();
  assert.equal((await asks(pc, token, '/api/status')).status, 200);
  await pc.page.getByRole('button', { name: `${pc.t('token.revoke')}: 区办公系统` }).click();
  await pc.button('token.revoke_sure').click();
  await pc.seen(pc.t('token.none'));
  assert.equal((await asks(pc, token, '/api/status')).status, 401);
});

test('nobody but an administrator is led there', async () => {
  const d = await open('city', { size: wide, lang: 'en' });
  await d.hire('wang');
  assert.equal(await d.link('nav.tokens').count(), 0);
  assert.equal((await d.page.request.get(`${d.origin}/api/tokens`)).status(), 403);
});

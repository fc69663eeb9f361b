// The second factor: set up on a telephone, asked for on the desk, wanted of administrators by a setting, reset after a loss; and how a device comes to trust the pages over TLS.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test, { after, afterEach, before } from 'node:test';
import { World } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, password, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };

// RFC 6238 once more, by other hands: what the app on a telephone does.
function code(base32, away = 0) {
  const bits = [...base32.replace(/\s/g, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + away));
  const mac = crypto.createHmac('sha1', key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}
const looked = async (d, name) => {
  assert.deepEqual(await d.barriers(), []);
  assert.deepEqual(await d.overflow(), []);
  await d.shot(name);
};
let key, phone;

before(async () => {
  await w.tree(['city']);
  phone = await open('city');
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('set up on the account page with the key, a wrong code first', async () => {
  await phone.hire('wang');
  await phone.to('#/account');
  await phone.button('second.start').click();
  await phone.page.waitForSelector('svg.qr path');
  key = await phone.page.locator('.key').textContent();
  assert.match(key, /^([A-Z2-7]{4} ){7}[A-Z2-7]{4}$/);
  await looked(phone, '80-set-up');
  await phone.page.fill('#second-code', code(key, 9));
  await phone.page.fill('#second-password', password('wang'));
  await phone.button('second.go').click();
  await phone.page.waitForSelector('.note-bad');
  await phone.page.fill('#second-code', code(key, -1));
  await phone.button('second.go').click();
  await phone.seen(phone.t('second.on'));
  await looked(phone, '80-on');
  assert.equal(JSON.parse(w.verb('city', 'user list', ['--json']).trim().split('\n')[0]).second_factor, true);
});

test('on the desk the log-in asks for it, in English too', async () => {
  const pc = await open('city', { size: wide, lang: 'en' });
  await pc.to('');
  await pc.logIn('wang');
  await pc.page.waitForSelector('#code');
  await looked(pc, '80-code');
  await pc.page.fill('#code', '000000');
  await pc.page.keyboard.press('Enter');
  await pc.page.waitForSelector('.note-bad');
  const good = code(key);
  await pc.page.fill('#code', `${good.slice(0, 3)} ${good.slice(3)}`);
  await pc.page.keyboard.press('Enter');
  await pc.page.waitForSelector('.tiles');
  await pc.to('#/account');
  await looked(pc, '80-account');
  await pc.page.fill('#second-password', password('wang'));
  await pc.page.fill('#second-code', code(key, 1));
  await pc.button('second.off_go').click();
  await pc.page.waitForSelector(`text=${pc.t('second.lead')}`);
});

test('wanted of administrators by the setting: nothing else opens before; a reset lets in again', async () => {
  fs.appendFileSync(`${w.data('city')}/sanji.conf`, '\nstaff_second = admins\n');
  await w.stop('city');
  await w.start('city');
  const d = await open('city', { lang: 'en' });
  const once = JSON.parse(w.verb('city', 'user add', ['--role', 'admin', '--json', 'li'])).one_time_password;
  await d.to('');
  await d.logIn('li', once);
  await d.page.fill('#old', once);
  await d.page.fill('#first', password('li'));
  await d.page.fill('#second', password('li'));
  await d.page.keyboard.press('Enter');
  await d.seen(d.t('second.must_title'));
  assert.equal((await d.page.request.get(`${d.origin}/api/status`)).status(), 403);
  await d.button('second.start').click();
  const k = await d.page.locator('.key').textContent();
  await looked(d, '80-must');
  await d.page.fill('#second-code', code(k));
  await d.page.fill('#second-password', password('li'));
  await d.button('second.go').click();
  await d.page.waitForSelector('.tiles');
  const anew = JSON.parse(w.verb('city', 'user reset', ['--json', 'li'])).one_time_password;
  await d.to('');
  await d.logIn('li', anew);
  await d.page.waitForSelector('#first');
});

test('over TLS: how to trust the certificate stands before the log-in, and the log-in works', async () => {
  fs.appendFileSync(`${w.data('city')}/sanji.conf`, '\nstaff_tls = yes\n');
  await w.stop('city');
  await w.start('city');
  for (const [lang, size] of [['zh-CN', undefined], ['en', wide]]) {
    const d = await open('city', { lang, tls: true, ...(size && { size }) });
    await d.to('');
    await d.link('trust.ask').click();
    await d.seen(d.t('trust.compare'));
    const print = await d.page.locator('.print').textContent();
    assert.ok(w.verb('city', 'status').includes(print));
    await looked(d, `80-trust-${lang}`);
    const loading = d.page.waitForEvent('download');
    await d.link('trust.get_go').click();
    const file = fs.readFileSync(await (await loading).path());
    assert.equal(new crypto.X509Certificate(file).fingerprint256, print.replace(/ +/g, ':'));
    await d.link('trust.back').click();
    if (lang !== 'en') continue;
    await d.logIn('wang');
    await d.page.waitForSelector('.tiles');
  }
});

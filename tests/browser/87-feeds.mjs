// Bookings in a telephone's calendar: the address is made on the page, opened by a program that has nothing else, and revoked.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const hours = Object.fromEntries(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map((x) => [x, '08:00-20:00']));

before(async () => {
  await w.tree(['city']);
  w.put('city', 'listing', [{ id: 'hall', kind: 'venue', title: '议事厅' }]);
  w.put('city', 'schedule', [{ id: 'hours', listing: 'hall', slot: 60, ...hours }]);
  const day = new Date(Date.now() + 8 * 3600e3 + 3 * 864e5).toISOString().slice(0, 10);
  w.verb('city', 'booking ask', [], { input: JSON.stringify({ listing: `${w.id('city')}/hall`, org: '青禾社', purpose: 'meeting', at: [[`${day}T09:00`, `${day}T11:00`]] }) });
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

for (const [lang, size, at] of [['zh-CN', undefined, '#/bookings'], ['en', wide, '#/bookings/me/hall']]) {
  test(`${lang}: made on ${at}, read, revoked`, async () => {
    const d = await open('city', { lang, ...(size && { size }) });
    await d.hire(lang === 'en' ? 'li' : 'wang');
    await d.to(at);
    await d.button('feed.make').click();
    const url = (await d.page.locator('#feed-text').textContent()).trim();
    assert.ok(url.startsWith(`${d.origin}/calendar/sanji_`));
    const r = await fetch(url);
    assert.equal(r.status, 200);
    assert.match(await r.text(), lang === 'en' ? /SUMMARY:青禾社/ : /SUMMARY:议事厅/);
    assert.deepEqual(await d.barriers(), []);
    assert.deepEqual(await d.overflow(), []);
    await d.shot(`87-${lang}`);
    await d.page.getByRole('button', { name: `${d.t('token.revoke')}: ${d.t('feed.title')}` }).click();
    await d.button('token.revoke_sure').click();
    await d.page.waitForFunction(() => !document.querySelector('#feed-text') && !document.querySelector('#feeds li'));
    assert.equal((await fetch(url)).status, 404);
  });
}

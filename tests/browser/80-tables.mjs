// Lists as files: what the filters show, saved by the browser, on the phone and the wide screen.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { rowsOf as csvRows } from '../e2e/lib/csv.mjs';
import { rowsOf as xlsxRows } from '../e2e/lib/xlsx.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const saved = async (d, press) => {
  const [file] = await Promise.all([d.page.waitForEvent('download'), press()]);
  return { name: file.suggestedFilename(), bytes: fs.readFileSync(await file.path()) };
};
let clerk;

before(() => w.tree(['city', 'd1']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('what the filters show is saved, in the language of the page', async () => {
  w.put('d1', 'listing', [
    { id: 'v1', kind: 'venue', title: '=社区议事厅', capacity: 40 },
    { id: 'v2', kind: 'venue', title: '报告厅', price: 5000, fee: 'paid' },
    { id: 'm1', kind: 'mentor', title: '李老师' },
  ]);
  clerk = await open('d1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  await clerk.to('#/r/listing?kind=venue');
  const csv = await saved(clerk, () => clerk.button('list.export_csv').click());
  assert.match(csv.name, /^listing-\d{4}-\d\d-\d\d\.csv$/);
  const rows = csvRows(csv.bytes.toString());
  const col = (name) => rows[0].indexOf(clerk.t(`kind.listing.${name}`));
  assert.deepEqual(rows.slice(1).map((r) => r[col('title')]).sort(), ["'=社区议事厅", '报告厅'].sort());
  assert.equal(rows.find((r) => r[0] === 'v2')[col('price')], '50.00');
  assert.equal(rows.find((r) => r[0] === 'v1')[col('kind')], clerk.t('kind.listing.kind.venue'));
  await clerk.shot('export-phone');
  const en = await open('d1', { size: wide, lang: 'en' });
  await en.to('');
  await en.logIn('wang');
  await en.page.waitForSelector('.tiles');
  await en.to('#/r/listing');
  const xlsx = await saved(en, () => en.button('list.export_xlsx').click());
  assert.match(xlsx.name, /\.xlsx$/);
  const sheet = xlsxRows(xlsx.bytes);
  assert.equal(sheet.length, 4);
  assert.ok(sheet[0].includes(en.t('kind.listing.price')));
  assert.equal(sheet.find((r) => r[0] === 'v1')[sheet[0].indexOf(en.t('kind.listing.title'))], '=社区议事厅');
  await en.shot('export-wide');
  for (const d of [clerk, en]) {
    assert.deepEqual(await d.overflow(), []);
    assert.deepEqual(await d.barriers(), []);
  }
});

test('a session that has ended says so instead of saving an error as a file', async () => {
  w.verb('d1', 'user disable', ['wang']);
  await clerk.button('list.export_csv').click();
  await until('the log-in is back', 10000, () => clerk.page.locator('#login').count());
});

// A record whose signed bundle cannot be read any more: the page shows it, says that nothing proves it, and what to do; after that it is gone.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { World, SANJI } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };

before(async () => {
  await w.tree(['city']);
  w.put('city', 'listing', [{ id: 'hall', kind: 'venue', title: '议事厅' }]);
  w.put('city', 'listing', [{ id: 'room', kind: 'venue', title: '会议室' }]);
  await w.stop('city');
  const sql = spawnSync(process.env.SANJI_SQL ?? path.join(path.dirname(SANJI), 'tests/sql'),
    [path.join(w.data('city'), 'sanji.db'), `UPDATE bundle SET frame=CAST('no frame' AS BLOB) WHERE pos=(SELECT (no<<32)+seq FROM record WHERE id='hall')`], { encoding: 'utf8' });
  assert.equal(sql.status, 0, sql.stderr);
  await w.start('city');
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

for (const [lang, size, who] of [['zh-CN', phone, 'wang'], ['en', wide, 'li']]) {
  test(`${lang}: what nothing proves is said on its page, and on no other`, async () => {
    const d = await open('city', { lang, size });
    await d.hire(who);
    await d.to('#/r/listing/me/hall');
    await d.page.getByText(d.t('unproven.mine'), { exact: true }).waitFor();
    await d.page.getByText(d.t('explain.unproven'), { exact: true }).waitFor();
    assert.deepEqual(await d.barriers(), []);
    assert.deepEqual(await d.overflow(), []);
    await d.shot(`88-${lang}`);
    await d.to('#/r/listing/me/room');
    await d.page.getByText(d.t('explain.here', { name: w.name?.('city') ?? '' }).slice(0, 4)).first().waitFor();
    assert.equal(await d.page.getByText(d.t('unproven.mine'), { exact: true }).count(), 0);
  });
}

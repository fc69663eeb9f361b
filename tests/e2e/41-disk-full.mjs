// With the disk full: does put say that nothing was saved, is nothing acknowledged lost, and does it recover?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';

const w = new World();
const mnt = path.join(w.dir, 's1');
let mounted = false;
if (process.getuid() === 0) {
  fs.mkdirSync(mnt);
  mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=0700', 'tmpfs', mnt]).status === 0;
}
const skip = mounted ? false : 'needs root and a tmpfs: 4 cases skipped';
before(async () => {
  if (skip) return;
  await w.tree(['city', 'd1']);
  const n = { name: 's1', tier: 'street', dir: mnt, parent: 'd1' };
  const line = w.verb('d1', 'invite', ['--name', 's1', '--tier', 'street', '--area', '370102001', '--auto-approve']).trim();
  w.ok(['join', '--data', mnt, line]);
  // The reserve would refuse at once on so small a disk: here the disk itself shall say no.
  fs.writeFileSync(path.join(mnt, 'sanji.conf'), fs.readFileSync(path.join(mnt, 'sanji.conf'), 'utf8').replace(/^#? ?disk_reserve *=.*$/m, 'disk_reserve = 0').replace(/^#? ?staff_listen *=.*$/m, 'staff_listen = ""').replace('staff_listen = ""', 'staff_listen ='));
  w.nodes.set('s1', n);
  await w.start('s1');
});
after(async () => {
  await w.stop('s1');
  if (mounted) spawnSync('umount', [mnt]);
  await w.close();
});

const acked = [];
const record = (i) => ({ kind: 'notice', title: `公告 ${i}`, body: Buffer.from(Array.from({ length: 3000 }, () => Math.floor(Math.random() * 256))).toString('base64') });

test('until the disk is full every put is either acknowledged or refused whole', { skip }, async () => {
  let full = null;
  for (let i = 0; i < 200 && !full; i++) {
    const r = await w.runAsync(['put', '--data', mnt, 'notice'], { input: Array.from({ length: 20 }, (_, k) => JSON.stringify(record(i * 20 + k))).join('\n') });
    const ids = r.out.split('\n').filter(Boolean);
    if (r.code === 0) {
      assert.equal(ids.length, 20);
      acked.push(...ids);
    } else {
      full = r;
      acked.push(...ids);
    }
  }
  assert.ok(full, 'the disk was never full');
  assert.equal(full.code, 1);
  assert.match(full.err, /disk_full|\[io\]|\[busy\]/, full.err);
  assert.ok(acked.length >= 20);
});

test('what was acknowledged is there, the node still answers', { skip }, async () => {
  const r = w.tryVerb('s1', 'status');
  assert.equal(w.nodes.get('s1').ended, null, w.log('s1').slice(-800));
  assert.equal(r.code, 0, r.err);
  const s = w.state('s1');
  for (const id of acked) assert.ok(s.includes(`"${id}"`), id);
});

test('with space again it stores, sends and verifies, without help', { skip }, async () => {
  assert.equal(spawnSync('mount', ['-o', 'remount,size=64m', mnt]).status, 0);
  const [id] = await until('a put works again', 15000, async () => {
    const r = await w.runAsync(['put', '--data', mnt, 'notice'], { input: JSON.stringify(record('danach')) });
    return r.code === 0 && r.out.trim().split('\n');
  });
  acked.push(id);
  await until('everything at the district', 30000, () => { const s = w.state('d1'); return acked.every((x) => s.includes(`"${x}"`)); });
  const v = w.tryVerb('s1', 'verify');
  assert.equal(v.code, 0, v.err);
});

test('a node that does not start for want of space says so', { skip }, async () => {
  await w.stop('s1');
  const fill = path.join(mnt, 'fill');
  spawnSync('dd', ['if=/dev/zero', `of=${fill}`, 'bs=4096']);
  try {
    const r = await w.runAsync(['status', '--data', mnt]);
    assert.equal(r.code, 1);
    assert.match(r.err, /\[disk_full\]/, r.err);
  } finally {
    fs.rmSync(fill);
  }
});

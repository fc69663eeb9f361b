// SPDX-License-Identifier: Apache-2.0
// How long does a station with N records take to come back after its disk and keys are lost? Real
// daemons on loopback; the time is that of `sanji recover` from the approval to its end, and until
// the daemon on the new machine answers. Prints, asserts nothing about time.
//   node tests/bench/recover.mjs [N]
import fs from 'node:fs';
import path from 'node:path';
import { World, until } from '../e2e/lib/node.mjs';

const n = Number(process.argv[2] ?? 100000);
const w = new World();
try {
  await w.tree(['city', 'd1', 's1']);
  const code = w.json('s1', 'recovery new').recovery;
  fs.writeFileSync(path.join(w.dir, 'code'), code + '\n', { mode: 0o600 });
  w.verb('s1', 'user add', ['mali', '--role', 'clerk']);
  for (let at = 0; at < n; at += 20000) {
    w.put('s1', 'listing', Array.from({ length: Math.min(20000, n - at) }, (_, i) => ({ kind: 'venue', title: `场地 ${at + i}`, detail: '可容纳三十人，工作日开放，有投影和白板，需要提前两天预约。' })), ['--stream']);
  }
  await until('the parent holds everything', 600000, () => w.tryVerb('s1', 'sync').code === 0);
  const id = w.nodes.get('s1').id;
  await w.stop('s1');
  fs.rmSync(w.data('s1'), { recursive: true });
  const inv = w.verb('d1', 'invite', ['--recover', id]).trim();
  const run = w.runAsync(['recover', '--data', w.data('s1'), '--code', path.join(w.dir, 'code'), '-'], { input: inv + '\n' });
  const asked = (at) => w.verb(at, 'node list', ['--json']).trim().split('\n').map((l) => JSON.parse(l)).some((x) => x.invited === id && x.requested && !x.approved);
  await until('asked', 30000, () => asked('d1'));
  w.verb('d1', 'approve', [id]);
  await until('asked above', 30000, () => asked('city'));
  const began = Date.now();
  w.verb('city', 'approve', [id]);
  const r = await run;
  if (r.code !== 0) throw new Error(r.err);
  const back = Date.now();
  await w.start('s1');
  const lines = w.state('s1', ['--kind', 'listing']).trim().split('\n').length;
  console.log(JSON.stringify({ records: n, held: lines, recover_s: (back - began) / 1000, serving_s: (Date.now() - began) / 1000 }));
} finally {
  await w.close();
}

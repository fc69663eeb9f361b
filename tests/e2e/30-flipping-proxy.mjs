// Does any of a thousand messages with one changed byte, in either direction, change what a node holds?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test, { after, before } from 'node:test';
import { proxy } from './lib/flip.mjs';
import * as C from './lib/conform.mjs';
import * as P from './lib/proto.mjs';
import { World, freePort, until } from './lib/node.mjs';

const w = new World();
let child;
before(async () => {
  await w.tree(['city', 'd1', 's1', 's2']);
  child = new P.Child({ port: w.nodes.get('d1').sync });
  const line = w.verb('d1', 'invite', ['--name', 'js', '--tier', 'street', '--area', '370102008', '--auto-approve']).trim();
  assert.equal((await child.enrol(line)).state, 'done');
});
after(async () => {
  child?.close();
  await w.close();
});

// Offsets and bits from a fixed seed: the same run again.
let state = 1;
const rnd = (n) => {
  state = P.sha('flip', P.u64(state)).readUInt32BE(0);
  return state % n;
};
const flip = (b, from = 0) => {
  const c = Buffer.from(b);
  c[from + rnd(c.length - from)] ^= 1 << rnd(8);
  return c;
};
const count = {};
const seen = (what) => { count[what] = (count[what] ?? 0) + 1; };

test('700 messages to the parent, one bit each', async () => {
  let b = null;
  for (let i = 0; i < 700; i++) {
    if (!child.up.token) {
      const o = await child.up.open();
      assert.equal(o.status, 200, JSON.stringify(o));
    }
    b ??= child.next('fed', [P.item({ id: `f${i}`, k: 'notice/1', d: { kind: 'notice', title: `第${i}条`, body: crypto.randomBytes(60).toString('hex') } })]);
    const hello = P.frame(JSON.stringify({ v: 1, g: P.b64u(child.g), rv: P.b64u(Buffer.alloc(8)), lines: 0, full: false, max: 0, wait: 0, need_full: true, ts: 1760000000000 }));
    const clean = Buffer.concat([hello, P.frame(b.line)]);
    let r;
    try {
      r = await child.up.raw(flip(clean, i % 4 === 0 ? 0 : hello.length));
    } catch (e) {
      seen(`connection: ${e.code ?? e.message}`);
      child.up.token = null;
      continue;
    }
    if (r.status !== 200) {
      seen(`message: ${r.err}`);
      continue;
    }
    const head = P.headIn(r.have, child.node, 'fed');
    if (head && head.seq === b.header.seq) {
      assert.equal(head.id8, P.b64u(b.id.subarray(0, 8)), 'what was taken is what was signed');
      b.taken();
      b = null;
      seen('harmless: in the hello');
    } else {
      seen('bundle refused');
    }
  }
  assert.ok(count['bundle refused'] > 400, JSON.stringify(count));
});

test('session messages with one bit changed open nothing', async () => {
  const good = { v: 1, g: P.b64u(child.g), node: child.node, kid: child.key.kid, lane: 'down', inst: P.b64u(child.inst), nonce: P.b64u(P.random(16)), ver: 'test' };
  const link = new P.Link(child.parent);
  for (let i = 0; i < 60; i++) {
    const a = await link.post('/sanji/1/session', i % 2 ? JSON.stringify(good) : flip(Buffer.from(JSON.stringify(good))));
    const ch = JSON.parse(a.body);
    if (a.status !== 200) {
      seen(`session: ${ch.err}`);
      continue;
    }
    const pre = C.sessionPreimage(good, ch, P.sha(link.spki));
    const proof = flip(Buffer.from(JSON.stringify({ cid: ch.cid, s: P.b64u(child.key.sign(pre)) })));
    const r = await link.post('/sanji/1/session', i % 2 ? proof : JSON.stringify({ cid: ch.cid, s: P.b64u(child.key.sign(pre)) }));
    if (r.status === 200) assert.ok(i % 2 === 0, 'a changed proof was accepted'); // a changed `ver` is informative
    seen(r.status === 200 ? 'harmless: version name' : `session: ${JSON.parse(r.body).err}`);
  }
  link.close();
});

test('daemons talk through a proxy that changes a byte in each connection', async (t) => {
  const d1 = w.nodes.get('d1');
  const port = await freePort();
  let armed = true;
  let flips = 0;
  const left = new WeakMap();
  const p = await proxy(port, d1.sync, `${d1.dir}/keys`, (dir, data) => {
    if (!armed || data.length < 20 || rnd(3) === 0) return data;
    flips++;
    return flip(data);
  });
  const streets = ['s1', 's2'];
  for (const s of streets) {
    await w.stop(s);
    w.verb(s, 'set-parent-url', [`https://127.0.0.1:${port}`]);
  }
  t.after(() => p.close()); // also when something fails: an open proxy would keep the file from ending
  const end = Date.now() + 120000; // far more than it needs, for a slow machine
  for (let i = 0; flips < 300 && Date.now() < end; i++) {
    await w.runAsync(['put', '--data', w.data('d1'), 'notice'], { input: JSON.stringify({ kind: 'notice', title: `区公告 ${i}` }) });
    await Promise.all(streets.map(async (s) => {
      const put = await w.runAsync(['put', '--data', w.data(s), 'notice'], { input: JSON.stringify({ kind: 'notice', title: `街道 ${s} ${i}` }) });
      assert.equal(put.code, 0, put.err);
      const r = await w.runAsync(['sync', '--data', w.data(s), '--wait', '1500ms']);
      assert.ok([0, 1, 75].includes(r.code), r.err);
      seen(`sync: ${r.code === 0 ? 'in step' : /\[(\w+)\]/.exec(r.err)?.[1]}`);
    }));
  }
  assert.ok(flips >= 240, `${flips} flips`);
  count['flipped on the wire'] = flips;
  armed = false;
  for (const s of streets) await until(`${s} in step`, 60000, async () => (await w.runAsync(['sync', '--data', w.data(s), '--wait', '3s'])).code === 0);
});

test('a thousand flips, no change accepted: every node holds the bytes that were signed', async () => {
  const flips = Object.entries(count).reduce((n, [what, k]) => n + (what.startsWith('sync: ') ? 0 : k), 0);
  assert.ok(flips >= 1000, `${flips}: ${JSON.stringify(count)}`);
  console.log(JSON.stringify(count));
  const all = ['city', 'd1', 's1', 's2'];
  for (const s of ['s1', 's2']) {
    w.verb(s, 'set-parent-url', [`https://127.0.0.1:${w.nodes.get('d1').sync}`]);
    await w.start(s);
  }
  await until('equal state', 60000, () => new Set(all.map((n) => w.state(n, ['--audience', 'fed']))).size === 1);
  for (const by of ['s1', 's2', 'd1']) {
    const want = w.verb(by, 'bundles', ['--stream', `${w.nodes.get(by).id}/fed`]);
    for (const n of all) assert.equal(w.verb(n, 'bundles', ['--stream', `${w.nodes.get(by).id}/fed`]), want, `${by} at ${n}`);
  }
  for (const n of all) {
    assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n);
    assert.equal(w.verb(n, 'parked list'), '', n);
  }
});

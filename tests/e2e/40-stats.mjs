// Do the figures of every node add up, equal a recount, show who disagrees, and follow late records?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import * as C from './lib/conform.mjs';
import * as P from './lib/proto.mjs';
import { World, until } from './lib/node.mjs';

const w = new World();
before(() => w.tree());
after(() => w.close());
const id = (n) => w.nodes.get(n).id;
const today = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
const month = today.slice(0, 7);
const shift = (m, k) => { const d = new Date(`${m}-15T00:00:00Z`); d.setUTCMonth(d.getUTCMonth() + k); return d.toISOString().slice(0, 7); };
const last = shift(month, -1);
const report = (n, period = month, args = []) => JSON.parse(w.verb(n, 'stats', ['--period', period, '--json', ...args]));
const total = (n, ind, period) => report(n, period).total.find((t) => t.ind === ind)?.v ?? 0;
const cell = (n, node, ind, period) => report(n, period).cells.find((c) => c.node === id(node) && c.ind === ind);
const venue = (title, over = {}) => ({ kind: 'venue', title, ...over });

test('cells per node and totals, at district and city', async () => {
  w.put('s1', 'listing', [venue('一'), venue('二'), venue('三', { since: `${last}-10` })]);
  w.put('s2', 'listing', [venue('四')]);
  w.put('d1', 'listing', [venue('五')]);
  w.put('s1', 'need', [{ kind: 'mentor', title: '需要' }]);
  await until('the city counts five listings', 20000, () => total('city', 'listing.live') === 5);
  await until('three of them new this month at the district', 20000, () => total('d1', 'listing.new') === 3);
  assert.equal(total('city', 'listing.new'), 4);
  assert.equal(total('city', 'listing.new', last), 1);
  assert.equal(total('city', 'listing.live', last), 1);
  assert.equal(total('city', 'need.open'), 1);
  assert.equal(cell('city', 's1', 'listing.live').v, 3);
  assert.equal(cell('d1', 's2', 'listing.live'), undefined, 'a district sees its own subtree');
  const csv = w.verb('city', 'stats', ['--period', month, '--csv']);
  assert.match(csv, /^node,name,indicator,value\r\n/);
  assert.ok(csv.includes('total,,listing.live,5\r\n'));
  const year = month.slice(0, 4);
  if (last.startsWith(year)) assert.equal(total('city', 'listing.new', year), 5, 'a flow adds up over months');
  assert.equal(total('city', 'listing.live', year), 5, 'a stock is its last month');
});

test('every cell names signed bundles that exist, by hand of its own node', () => {
  const held = new Map(w.verb('city', 'bundles').trim().split('\n').map((l) => { const b = C.readLine(l); return [P.b64u(b.id), b]; }));
  for (const c of report('city').cells) {
    assert.ok(c.bundles.length > 0);
    for (const b of c.bundles) if (!c.ind.startsWith('ref.')) assert.equal(held.get(b)?.header.by, c.node, `${c.node} ${c.ind}`);
  }
});

test('a recount gives the same numbers, and a second implementation too', () => {
  for (const n of ['city', 'd1', 'd2', 's1', 's2']) {
    const r = w.tryVerb(n, 'stats', ['--period', month, '--recount', '--json']);
    assert.equal(r.code, 0, r.out);
    assert.deepEqual(JSON.parse(r.out).recount.wrong, [], n);
  }
  assert.ok(report('city', month, ['--recount']).recount.checked >= 5);
  const mine = w.state('city', ['--kind', 'listing']).trim().split('\n').map((l) => JSON.parse(l)).filter((x) => x.owner === id('s1'));
  assert.equal(mine.length, cell('city', 's1', 'listing.live').v);
  // sum: of the leaves of the inputs modulo 2^256, from the signed items themselves.
  const leaves = [];
  let stat = null;
  for (const l of w.verb('city', 'bundles').trim().split('\n')) {
    const b = C.readLine(l);
    if (b.header.by !== id('s1')) continue;
    for (const i of b.items) {
      const it = JSON.parse(i.text);
      if (it.k === 'listing/1') leaves.push(i.leaf);
      if (it.k === 'stat/1' && it.d.ind === 'listing.live' && it.d.period === month) stat = it.d;
    }
  }
  assert.equal(stat.sum, P.b64u(P.sum256(leaves)));
  assert.equal(stat.n, leaves.length);
});

test('late, changed and withdrawn records revise what was published', async () => {
  const [x] = w.put('s2', 'listing', [venue('迟到的', { since: `${last}-20` })]);
  await until('last month revised', 20000, () => total('city', 'listing.new', last) === 2);
  assert.equal(total('city', 'listing.live'), 6);
  w.verb('s2', 'withdraw', [x]);
  await until('and again', 20000, () => total('city', 'listing.new', last) === 1 && total('city', 'listing.live') === 5);
  assert.equal(w.tryVerb('city', 'stats', ['--period', last, '--recount']).code, 0);
});

test('referrals: both parties count, nobody disagrees', async () => {
  const t = w.verb('s1', 'referral send', ['--to', id('s2')], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '场地' }) }).trim();
  await until('delivered', 15000, () => w.tryVerb('s2', 'referral show', [t]).out.includes('"state":"delivered"'));
  w.verb('s2', 'referral open', [t]);
  w.verb('s2', 'referral accept', [t]);
  w.verb('s2', 'referral outcome', [t, '--d', '{"result":"success"}']);
  await until('the city counts one completed', 20000, () => total('city', 'ref.completed') === 1 && total('city', 'ref.in.completed') === 1 && total('city', 'ref.sent') === 1);
  await until('no mismatch', 20000, () => report('city').mismatch.length === 0);
});

test('a node that lies about its referrals is shown beside the other party, not corrected', async () => {
  const liar = new P.Child({ port: w.nodes.get('d2').sync });
  const line = w.verb('d2', 'invite', ['--name', '谎报', '--tier', 'street', '--area', '370103009', '--auto-approve']).trim();
  assert.equal((await liar.enrol(line)).state, 'done');
  const d = { period: month, ind: 'ref.sent', v: 7, by: [[id('s1'), 7]], n: 7, sum: P.b64u(P.sum256([])), cov: [] };
  const b = liar.next(`up:${id('city')}`, [P.item({ id: `ref.sent:${month}`, k: 'stat/1', d })]);
  const r = await liar.send([b]);
  assert.equal(r.status, 200, JSON.stringify(r));
  liar.close();
  const m = await until('the mismatch at the city', 20000, () => report('city').mismatch.find((x) => x.sender === liar.node));
  assert.deepEqual([m.ind, m.sender_says, m.receiver, m.receiver_says, m.period], ['ref.sent', 7, id('s1'), 0, month]);
  assert.equal(report('city').cells.find((c) => c.node === liar.node).v, 7, 'its number stays its own');
});

test('a period that is none is a usage error', () => {
  for (const p of ['2026-13', 'november', '', '2026-Q5', '1']) assert.equal(w.tryVerb('city', 'stats', ['--period', p]).code, 2, p);
  assert.deepEqual(report('city', '2019-01').total, []);
});

// Does a node that is moved keep its history and its streams, find its new parent by itself, and find back?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { World, until } from './lib/node.mjs';

const venue = (title) => ({ kind: 'venue', title });
let w;
after(() => w?.close());

const id = (n) => w.nodes.get(n).id;
const running = () => [...w.nodes.keys()].filter((n) => w.nodes.get(n).proc && !w.nodes.get(n).ended);
const has = (n, ids) => { const s = w.state(n); return ids.every((i) => s.includes(`"${i}"`)); };
const everywhere = (ids) => until('everywhere', 20000, () => running().every((n) => has(n, ids)));
const parentOf = (n) => w.json(n, 'status').parent?.node;
const connected = (n, up) => until(`${n} below ${up}`, 30000, () => parentOf(n) === id(up) && w.json(n, 'status').peers.some((p) => p.node === id(up) && p.connected));
const tree = (n) => w.verb(n, 'node list', ['--json']).trim().split('\n').map((l) => JSON.parse(l)).filter((x) => x.node).map(({ acts, ...x }) => JSON.stringify(x)).sort().join('\n');
const sameTree = () => until('one tree', 20000, () => new Set(running().map(tree)).size === 1);
const today = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7);
const before = (() => { const d = new Date(`${today}-15T00:00:00Z`); d.setUTCMonth(d.getUTCMonth() - 1); return d.toISOString().slice(0, 7); })();
// What a node's report says of one station: [last month, this month] of new listings.
const figures = (at, node, of = at) => [before, today].map((p) => w.json(at, 'stats', ['--period', p, '--of', id(of)]).cells.find((c) => c.node === id(node) && c.ind === 'listing.new')?.v ?? 0);
const count = (at, of, node, want) => until(`${of} of ${node} at ${at}: ${want}`, 30000, () => String(figures(at, node, of)) === String(want));
const sound = () => { for (const n of running()) assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n); };

test('a street moves to another district and writes on', async () => {
  w = new World();
  await w.tree();
  const ids = w.put('s1', 'listing', [venue('搬迁之前'), { ...venue('上月的'), since: `${before}-10` }]);
  const up = w.put('s1', 'listing', [venue('只给上级')], ['--audience', 'up']);
  const sub = [...w.put('s1', 'notice', [{ kind: 'notice', title: '仅本街道' }], ['--audience', 'sub']), ...w.put('d1', 'notice', [{ kind: 'notice', title: '仅本区' }], ['--audience', 'sub'])];
  await until('with its parents', 15000, () => has('city', [...ids, ...up]) && has('d1', up));
  await until('below', 15000, () => has('s1', sub) && has('d1', sub));
  for (const at of ['city', 'd1']) await count(at, 'd1', 's1', [1, 2]);
  assert.equal(w.tryVerb('d1', 'stats', ['--period', today, '--of', id('d2')]).code, 1, 'not below d1');
  assert.equal(w.tryVerb('d2', 'node move', [id('s1'), '--to', id('d2')]).code, 1, 'd2 may not take it');
  assert.equal(w.tryVerb('city', 'node move', [id('s1'), '--to', id('s2')]).code, 1, 'a street has nobody below');
  assert.equal(w.tryVerb('city', 'node move', [id('s1'), '--to', id('d1')]).code, 1, 'it is there already');
  w.verb('city', 'node move', [id('s1'), '--to', id('d2')]);
  await connected('s1', 'd2');
  await sameTree();
  await until('the new parent holds its history', 15000, () => has('d2', [...ids, ...up]));
  await w.stop('d1');
  ids.push(...w.put('s1', 'listing', [venue('搬迁之后')]));
  await everywhere(ids);
  await w.start('d1');
  await everywhere(ids);
  // Figures stand where the station stood at the end of each month: the last one stays with d1.
  await count('d1', 'd1', 's1', [1, 0]);
  await count('d2', 'd2', 's1', [0, 3]);
  for (const [of, want] of [['d1', [1, 0]], ['d2', [0, 3]], ['city', [1, 3]]]) await count('city', of, 's1', want);
  const total = (at, of, p) => w.json(at, 'stats', ['--period', p, '--of', id(of)]).total.find((t) => t.ind === 'listing.new')?.v ?? 0;
  for (const p of [before, today]) assert.equal(total('city', 'd1', p) + total('city', 'd2', p), total('city', 'city', p), `nothing twice, nothing missing: ${p}`);
  assert.ok(!w.verb('d2', 'stats', ['--period', before, '--csv']).includes(id('s1')));
  sound();
});

test('moved back while it was off: it hears of it from the parent it knows', async () => {
  await w.stop('s1');
  w.verb('city', 'node move', [id('s1'), '--to', id('d1')]);
  await sameTree();
  const ids = w.put('s1', 'listing', [venue('关机时搬回')]);
  assert.equal(parentOf('s1'), id('d2'), 'it does not know yet');
  await w.start('s1');
  await connected('s1', 'd1');
  await everywhere(ids);
  // To and fro once more: each parent still knows the ticket it gave.
  w.verb('city', 'node move', [id('s1'), '--to', id('d2')]);
  await connected('s1', 'd2');
  w.verb('city', 'node move', [id('s1'), '--to', id('d1')]);
  await connected('s1', 'd1');
  await everywhere(w.put('s1', 'listing', [venue('又回来了')]));
  for (const n of running()) assert.ok(!w.log(n).includes('two_machines'), n);
  await sameTree();
  sound();
  await w.close();
});

test('a district moves to another city with its street, and goes on speaking for it', async () => {
  w = new World();
  const n = { name: 'p', tier: 'province', dir: w.data('p') };
  const a = await w.addresses(n, 'province');
  w.ok(['init', '--data', n.dir, '--name', '省', '--tier', 'province', '--area', '37', '--root-key', w.data('p.root'), ...a]);
  w.nodes.set('p', n);
  await w.start('p');
  await w.join('c1', 'p', 'city', '3701');
  await w.join('c2', 'p', 'city', '3702');
  await w.join('d', 'c1', 'district', '370102');
  await w.join('s', 'd', 'street', '370102001');
  w.verb('d', 'node rotate-key');
  w.verb('s', 'node rotate-key');
  const ids = w.put('s', 'listing', [venue('区迁移之前')]);
  await everywhere(ids);
  const before = tree('p');
  w.verb('p', 'node move', [id('d'), '--to', id('c2')]);
  await connected('d', 'c2');
  await sameTree();
  assert.notEqual(tree('p'), before);
  assert.equal(JSON.parse(w.verb('p', 'node show', [id('s')])).keys.length, 2, 'what c1 and d had said still holds');
  assert.equal(JSON.parse(w.verb('p', 'node show', [id('d')])).keys.length, 2);
  const thread = w.verb('s', 'referral send', ['--to', id('c2')], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '新上级' }) }).trim();
  await until('a referral over the new path', 15000, () => w.tryVerb('c2', 'referral show', [thread]).code === 0);
  ids.push(...w.put('s', 'listing', [venue('区迁移之后')]));
  await everywhere(ids);
  w.verb('d', 'node revoke', [id('s'), '--why', 'left']);
  await until('its word counts', 15000, () => running().every((x) => JSON.parse(w.verb(x, 'node show', [id('s')])).state === 'cut'));
  assert.equal(w.tryVerb('c1', 'node revoke', [id('d')]).code, 1, 'c1 is not above it any more');
  for (const x of running().filter((y) => y !== 's')) assert.equal(JSON.parse(w.verb(x, 'verify', ['--json'])).wrong, 0, x);
});

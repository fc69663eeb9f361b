// Does a district that started alone come under a city that came later, and a second one after it, with nothing lost and no street touched?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';

const w = new World();
const id = (n) => w.nodes.get(n).id;
const venue = (title) => ({ kind: 'venue', title });
const has = (n, ids) => { const s = w.state(n); return ids.every((i) => s.includes(`"${i}"`)); };
const everywhere = (ids) => until('everywhere', 40000, () => [...w.nodes.keys()].every((n) => has(n, ids)));
const parentOf = (n) => w.json(n, 'status').parent?.node;
const tree = (n) => w.verb(n, 'node list', ['--json']).trim().split('\n').map((l) => JSON.parse(l)).map(({ node, up, lv, state }) => `${node} ${up} ${lv} ${state}`).sort().join('\n');
const sameTree = () => until('one tree', 40000, () => new Set([...w.nodes.keys()].map(tree)).size === 1);
const sound = () => { for (const n of w.nodes.keys()) assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n); };
const month = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7);
const cells = (n, ind) => new Map(w.json(n, 'stats', ['--period', month]).cells.filter((c) => c.ind === ind).map((c) => [c.node, c.v]));
const g = (n) => w.json(n, 'root show').g;
const file = (name) => w.data(name);
const sign = (path, key) => {
  const { code } = JSON.parse(w.ok(['root', 'look', path, '--json']));
  return JSON.parse(w.ok(['root', 'sign', path, '--key', key, '--code', code, '--json']));
};

before(async () => {
  await w.init('d9', 'district', '370102');
  await w.join('s9', 'd9', 'street', '370102001');
});
after(() => w.close());

const old = [];
let thread;

test('two federations that know nothing of each other', async () => {
  old.push(...w.put('s9', 'listing', [venue('先有的一'), venue('先有的二')]), ...w.put('d9', 'listing', [venue('先有的三')]));
  thread = w.verb('s9', 'referral send', ['--to', id('d9')], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '归市之前' }) }).trim();
  await everywhere(old);
  await until('figures of the district', 20000, () => cells('d9', 'listing.live').get(id('s9')) === 2);
  await w.init('city', 'city', '3701');
  assert.notEqual(g('d9'), g('city'));
});

// The ceremony: two files, signed by those who hold the keys, and one stick each way.
function ceremony(top) {
  const [hand, take] = [file(`${top}.handover`), file(`${top}.adopt`)];
  w.verb(top, 'root hand-over', [hand, '--to', g('city')]);
  const drafted = JSON.parse(w.verb('city', 'root adopt', [hand, take, '--json']));
  assert.deepEqual([drafted.node, drafted.up, drafted.lv], [id(top), id('city'), 30]);
  assert.equal(sign(take, file('city.root')).complete, true);
  assert.equal(sign(hand, file(`${top}.root`)).complete, true);
  return [hand, take];
}

function sticks(top) {
  for (const [from, to] of [[top, 'city'], ['city', top]]) {
    const dir = file(`stick-${from}-${to}`);
    fs.mkdirSync(dir);
    w.verb(from, 'ferry export', [dir]);
    const r = w.tryVerb(to, 'ferry import', [dir]);
    assert.equal(r.code, 0, `${from} to ${to}: ${r.err}${r.out}`);
  }
}

async function grown(top, street, ids) {
  await until(`${top} below the city`, 40000, () => parentOf(top) === id('city') && w.json(top, 'status').peers.some((p) => p.node === id('city') && p.connected));
  await until(`${street} hears of it`, 40000, () => g(street) === g('city'));
  await everywhere(ids);
  await sameTree();
}

test('the district comes under the city by two files and two sticks; its street notices by itself', async () => {
  const [hand, take] = ceremony('d9');
  w.verb('d9', 'root publish', [hand]);
  assert.equal(JSON.parse(w.verb('d9', 'root publish', [hand, '--json'])).state, 'already');
  assert.match(w.verb('d9', 'root show'), new RegExp(g('city')));
  assert.equal(JSON.parse(w.verb('city', 'root publish', [take, '--json'])).state, 'waits');
  assert.equal(JSON.parse(w.verb('city', 'root publish', [take, '--json'])).state, 'waits', 'again: nothing is written twice');
  assert.equal(parentOf('d9'), undefined, 'nothing has happened before the sticks');
  sticks('d9');
  await grown('d9', 's9', old);
  assert.equal(JSON.parse(w.verb('city', 'root publish', [take, '--json'])).state, 'already');
  const ids = [...w.put('s9', 'listing', [venue('归市之后')]), ...w.put('city', 'notice', [{ kind: 'notice', title: '市里的' }])];
  await everywhere(ids);
  old.push(...ids);
  sound();
});

test('what began before goes on, and crosses', async () => {
  w.verb('d9', 'referral open', [thread]);
  w.verb('d9', 'referral accept', [thread]);
  await until('accepted', 20000, () => JSON.parse(w.verb('s9', 'referral show', [thread]))[0].state === 'accepted');
  const t = w.verb('s9', 'referral send', ['--to', id('city')], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '到市里' }) }).trim();
  await until('at the city', 20000, () => w.tryVerb('city', 'referral show', [t]).code === 0);
});

test('figures of before and after are the city\'s too', async () => {
  await until('the street at the city', 30000, () => cells('city', 'listing.live').get(id('s9')) === 3);
  await until('the district at the city', 30000, () => cells('city', 'listing.live').get(id('d9')) === 1);
  assert.equal(w.tryVerb('city', 'stats', ['--period', month, '--recount']).code, 0);
});

test('the old root is silent, its registrar goes on under the new one', async () => {
  const r = w.tryVerb('d9', 'root hand-over', [file('again.handover'), '--to', g('city')]);
  assert.equal(r.code, 1);
  assert.match(r.err, new RegExp(id('city')), 'it names where the root speaks now');
  for (const n of ['d9', 's9']) w.verb(n, 'node rotate-key');
  for (const n of ['city', 's9']) await until('its new keys', 20000, () => ['d9', 's9'].every((x) => JSON.parse(w.verb(n, 'node show', [id(x)])).keys.length === 2));
  await everywhere(w.put('s9', 'listing', [venue('换钥匙之后')]));
  await w.stop('s9');
  const n = await w.join('s90', 'd9', 'street', '370102002', { start: false });
  assert.equal(w.tryVerb('s90', 'sync').code, 0);
  assert.ok(has('s90', old));
  await until('the city knows it', 20000, () => w.verb('city', 'node list').includes(w.id('s90')));
  w.nodes.delete('s90');
  assert.equal(JSON.parse(w.run(['verify', '--data', n.dir, '--json']).out).wrong, 0);
  await w.start('s9');
});

test('a second federation joins, and the two meet', async () => {
  await w.init('d8', 'district', '370103');
  await w.join('s8', 'd8', 'street', '370103001');
  const ids = w.put('s8', 'listing', [venue('另一区的')]);
  await until('d8 has it', 20000, () => has('d8', ids));
  const [hand, take] = ceremony('d8');
  // The other order: the city takes it first.
  assert.equal(JSON.parse(w.verb('city', 'root publish', [take, '--json'])).state, 'waits');
  w.verb('d8', 'root publish', [hand]);
  sticks('d8');
  await grown('d8', 's8', [...old, ...ids]);
  const more = [...w.put('s8', 'listing', [venue('相见')]), ...w.put('s9', 'listing', [venue('你好')])];
  await everywhere(more);
  const t = w.verb('s8', 'referral send', ['--to', id('s9')], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '跨区' }) }).trim();
  await until('across', 20000, () => w.tryVerb('s9', 'referral show', [t]).code === 0);
  for (const n of w.nodes.keys()) { await w.stop(n); await w.start(n); }
  await everywhere(w.put('s8', 'listing', [venue('重启之后')]));
  await sameTree();
  sound();
});

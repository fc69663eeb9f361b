// Do the records of a station that burned down stay in good hands, and is a closed one closed?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';

const w = new World();
const id = (n) => w.nodes.get(n).id;
const alive = ['city', 'd1', 's2'];
const month = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7);
const venue = (title, over = {}) => ({ kind: 'venue', title, ...over });
const get = (n, r) => JSON.parse(w.verb(n, 'get', [`${id('s1')}/${r}`]));
const show = (n, of) => JSON.parse(w.verb(n, 'node show', [id(of)]));
const put = (n, of, records) => w.tryVerb(n, 'put', ['listing', '--for', id(of), '--json'], { input: records.map((r) => JSON.stringify(r)).join('\n') + '\n' });
const refused = (r, err) => { assert.equal(r.code, 1, r.out + r.err); assert.match(r.err, new RegExp(`\\[${err}\\]`)); };
const everywhere = (what, fn) => until(what, 20000, () => alive.every(fn));
const sound = (nodes = alive) => { for (const n of nodes) assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n); };
let ids;

before(() => w.tree(['city', 'd1', 's1', 's2']));
after(() => w.close());

test('nobody stands in for a node that can speak for itself', async () => {
  ids = w.put('s1', 'listing', [venue('旧的一', { area: '370102001' }), venue('旧的二'), venue('旧的三')]);
  ids.push(...w.put('s1', 'listing', [venue('只给上级')], ['--audience', 'up']));
  await until('held above', 15000, () => ids.every((i) => w.state('city').includes(i)));
  await until('counted', 20000, () => w.json('city', 'stats', ['--period', month]).cells.some((c) => c.node === id('s1') && c.ind === 'listing.live' && c.v === 4));
  refused(w.tryVerb('d1', 'node steward', [id('s1'), id('s2')]), 'wrong_state');
  refused(put('d1', 's1', [{ id: ids[0], ...venue('抢先') }]), 'no_authority');
  refused(w.tryVerb('s2', 'node steward', [id('s1'), id('s2')]), 'no_authority');
  refused(w.tryVerb('d1', 'node close', [id('city')]), 'no_authority');
  refused(w.tryVerb('city', 'node close', [id('d1')]), 'wrong_state');
  assert.equal(show('city', 'd1').state, 'active');
});

test('the district revokes it and appoints a steward, who changes and withdraws', async () => {
  await w.stop('s1', 'SIGKILL');
  w.verb('d1', 'node revoke', [id('s1'), '--why', 'lost']);
  refused(w.tryVerb('d1', 'node steward', [id('s1'), id('s1')]), 'wrong_state');
  w.verb('d1', 'node steward', [id('s1'), id('s2')]);
  w.verb('d1', 'node steward', [id('s1'), id('s2')]); // again is no harm
  await until('the steward knows', 15000, () => show('s2', 's1').steward === id('s2'));
  assert.equal(put('s2', 's1', [{ id: ids[0], ...venue('接管之后') }]).code, 0);
  w.verb('s2', 'withdraw', ['--for', id('s1'), ids[1]]);
  await everywhere('changed everywhere', (n) => get(n, ids[0]).content.title === '接管之后' && !w.state(n).includes('旧的二'));
  for (const n of alive) {
    const r = get(n, ids[0]);
    assert.deepEqual([r.owner, r.steward, r.revision, r.content.area], [id('s1'), id('s2'), 2, '370102001'], n);
    assert.ok(w.state(n).split('\n').some((l) => l.includes(ids[0]) && l.includes(`"steward":"${id('s2')}"`)), n);
    assert.equal(get(n, ids[2]).steward, undefined, 'what nobody touched is as it was');
  }
  const forms = JSON.parse(w.verb('city', 'explain', [`${id('s1')}/${ids[0]}`])).forms;
  assert.deepEqual(forms.map((f) => [f.r, f.owner, f.by, f.current]), [[2, id('s1'), id('s2'), true], [1, id('s1'), id('s1'), false]]);
  sound();
});

test('a steward has the orphan\'s records and no more', () => {
  const made = put('s2', 's1', [venue('新的')]);
  assert.equal(made.code, 1);
  assert.match(made.err, /"id"/);
  assert.equal(put('s2', 's1', [{ id: 'nothing', ...venue('没有的') }]).code, 1);
  refused(put('d1', 's1', [{ id: ids[2], ...venue('不是代管者') }]), 'no_authority');
  refused(put('s2', 'd1', [{ id: ids[2], ...venue('不是孤儿') }]), 'no_authority');
  refused(w.tryVerb('d1', 'withdraw', ['--for', id('s1'), ids[2]]), 'no_authority');
  const moved = put('s2', 's1', [{ id: ids[2], audience: 'up', ...venue('换范围') }]);
  assert.equal(moved.code, 1);
  assert.match(moved.err, /"audience"/);
  assert.equal(get('s2', ids[2]).revision, 1);
  // Its figures were its own word; nobody is said to count wrong now.
  const r = w.tryVerb('city', 'stats', ['--period', month, '--recount', '--json']);
  assert.equal(r.code, 0, r.out);
});

test('with another steward the first one\'s changes are set aside', async () => {
  w.verb('city', 'node steward', [id('s1'), id('d1')]);
  await everywhere('as the owner left it', (n) => get(n, ids[0]).content.title === '旧的一');
  refused(put('s2', 's1', [{ id: ids[2], ...venue('前任') }]), 'no_authority');
  assert.equal(put('d1', 's1', [{ id: ids[0], ...venue('区里接管') }, { id: ids[3], ...venue('区里改的') }]).code, 0);
  await everywhere('by the district', (n) => get(n, ids[0]).content.title === '区里接管');
  await until('what goes up stays above', 15000, () => get('city', ids[3]).content.title === '区里改的');
  for (const n of alive) assert.equal(JSON.parse(w.verb(n, 'rebuild', ['--json'])).same, true, n);
  sound();
});

test('a closed station is told so, and is asked and given nothing more', async () => {
  w.verb('d1', 'node close', [id('s2'), '--why', 'left']);
  w.verb('d1', 'node close', [id('s2')]);
  await until('it knows', 15000, () => show('s2', 's2').state === 'closed');
  const before = w.state('s2');
  refused(w.tryVerb('s2', 'put', ['listing'], { input: JSON.stringify(venue('关门之后')) }), 'closed');
  const [late] = w.put('city', 'notice', [{ kind: 'notice', title: '之后的通知' }]);
  await until('the district has it', 15000, () => w.state('d1').includes(late));
  await w.stop('s2');
  await w.start('s2');
  const r = w.tryVerb('s2', 'sync', ['--wait', '10s']);
  refused(r, 'closed');
  assert.equal(w.state('s2'), before, 'nothing new reaches it');
  assert.match(w.verb('city', 'node list'), /closed/);
  assert.equal(w.tryVerb('d1', 'node steward', [id('s1'), id('s2')]).code, 1, 'nor does it stand in for anybody');
  w.verb('d1', 'node steward', [id('s2'), id('d1')]);
  // One that was revoked can be closed too, and comes back under no key.
  w.verb('d1', 'node close', [id('s1')]);
  await until('closed', 15000, () => show('city', 's1').state === 'closed');
  await until('who looked after it still does', 15000, () => get('city', ids[0]).content.title === '区里接管');
  sound(['city', 'd1']);
});

// Do disk and bootstrap follow the records and not their changes, and are the views of one who has only
// the keyframe those of one who saw everything?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { World, sleep, until } from './lib/node.mjs';

const w = new World();
const N = 400;
const ids = [...Array(N).keys()].map((i) => `v${String(i).padStart(4, '0')}`);
let round = 0;
before(() => w.tree(['city', 'd1', 's1']));
after(() => w.close());

// Every record once more, the first tenth withdrawn in between and written again.
function update() {
  round++;
  w.put('s1', 'listing', ids.map((id) => ({ id, kind: 'venue', title: `第${round}次 ${id}` })));
}
const headers = (n) => w.verb(n, 'bundles', ['--stream', `${w.nodes.get('s1').id}/fed`]).trim().split('\n').filter((l) => l !== '').map((l) => JSON.parse(JSON.parse(l).h));
const state = (n) => w.state(n, ['--audience', 'fed']);
const settled = (...names) => until('the newest round everywhere, compacted', 60000, () => {
  const want = state('s1');
  return want.includes(`第${round}次 ${ids[N - 1]}`) && names.every((n) => state(n) === want && headers(n)[0].seq > 1 && headers(n)[0].seq === headers('s1')[0].seq);
});
function sound(name) {
  const v = w.json(name, 'verify');
  assert.equal(v.wrong, 0, `${name}: ${JSON.stringify(v)}`);
}

test('many updates of the same records: everybody keeps the keyframe and what follows', async () => {
  for (let i = 0; i < 6; i++) update();
  await settled('d1', 'city');
  const once = headers('city');
  const kf = once.findLast((h) => h.kf);
  assert.ok(kf, 'a run is closed');
  assert.equal(once[0].t, 'key');
  assert.equal(kf.kf.to, kf.seq);
  assert.ok(once.some((h) => h.seq === kf.kf.from && h.t === 'key'));
  for (let i = 0; i < 12; i++) update();
  await settled('d1', 'city');
  for (const n of ['s1', 'd1', 'city']) {
    const items = headers(n).reduce((a, h) => a + h.n, 0);
    // live, at most as many superseded or a thousand, and one round that is being restated
    assert.ok(items <= 3 * N + 1000, `${n} holds ${items} items of ${N} records`);
    sound(n);
  }
});

test('a fresh node takes the keyframe, not the history, and shows the same', async () => {
  await w.join('fresh', 'd1', 'street', '370102002');
  await settled('fresh');
  assert.equal(headers('fresh')[0].seq, headers('d1')[0].seq);
  sound('fresh');
  await w.stop('fresh');
  assert.equal(w.json('fresh', 'rebuild').same, true);
  assert.equal(state('fresh'), state('s1'));
  const x = w.verb('fresh', 'explain', [ids[7]]);
  assert.ok(x.includes(w.nodes.get('s1').id));
});

test('who was away for many rounds catches up; SIGKILL while a keyframe is written does no harm', async () => {
  await w.stop('city');
  for (let i = 0; i < 4; i++) {
    update();
    if (i % 2 === 1) {
      await sleep(30);
      await w.stop('s1', 'SIGKILL');
      await w.start('s1');
    }
  }
  await settled('d1');
  const before = headers('d1')[0].seq;
  await w.start('city');
  await settled('d1', 'city');
  assert.ok(headers('city')[0].seq >= before);
  for (const n of ['s1', 'd1', 'city']) sound(n);
  await w.stop('city');
  assert.equal(w.json('city', 'rebuild').same, true);
  assert.equal(state('city'), state('s1'));
});

test('withdrawn records are let go with the history and do not come back', async () => {
  w.verb('s1', 'withdraw', [ids[0]]);
  round++;
  for (let i = 0; i < 4; i++) {
    w.put('s1', 'listing', ids.slice(1).map((id) => ({ id, kind: 'venue', title: `第${round}次 ${id}` })));
  }
  await settled('d1');
  assert.ok(!state('d1').includes(`"${ids[0]}"`));
  await w.start('fresh');
  await settled('fresh');
  assert.ok(!state('fresh').includes(`"${ids[0]}"`));
  sound('fresh');
});

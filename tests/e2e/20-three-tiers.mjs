// Does a record travel street -> district -> city -> another street, byte for byte, and stay explainable?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import * as C from './lib/conform.mjs';
import * as P from './lib/proto.mjs';
import { World, until } from './lib/node.mjs';

const w = new World();
const all = ['city', 'd1', 'd2', 's1', 's2'];
before(() => w.tree());
after(() => w.close());

const same = (args = ['--audience', 'fed']) => until('equal state', 15000, () => new Set(all.map((n) => w.state(n, args))).size === 1);
const bundles = (n, stream) => w.verb(n, 'bundles', stream ? ['--stream', stream] : []);

test('records of every shared kind arrive everywhere', async () => {
  const venue = w.put('s1', 'listing', [{ kind: 'venue', title: '社区议事厅', capacity: 40 }, { kind: 'course', title: '手工课 "竹编" \\ 第一讲', detail: '第一行\n第二行' }]);
  const need = w.put('s2', 'need', [{ kind: 'mentor', title: '寻找心理辅导老师' }]);
  const notice = w.put('city', 'notice', [{ kind: 'notice', title: '年检通知' }]);
  for (const n of all) {
    for (const id of [...venue, ...need, ...notice]) await until(`${id} at ${n}`, 15000, () => w.tryVerb(n, 'get', [id]).code === 0);
  }
  await same();
  const rec = JSON.parse(w.verb('s2', 'get', [venue[1]]));
  assert.equal(rec.owner, w.nodes.get('s1').id);
  assert.equal(rec.content.title, '手工课 "竹编" \\ 第一讲');
  assert.equal(rec.content.detail, '第一行\n第二行');
});

test('stored bundles are byte-equal at every node and verify in a second implementation', async () => {
  const by = w.nodes.get('s1').id;
  const want = bundles('s1', `${by}/fed`);
  assert.ok(want.trim().split('\n').length >= 1 && want.endsWith('\n'));
  for (const n of all) assert.equal(bundles(n, `${by}/fed`), want, n);
  const pub = P.signKey(w.seed('s1')).pub;
  let prev = P.b64u(Buffer.alloc(32));
  for (const [i, line] of want.trim().split('\n').entries()) {
    const b = C.readLine(line);
    C.checkBundle(b, pub);
    assert.equal(b.header.seq, i + 1);
    assert.equal(b.header.prev, prev);
    prev = P.b64u(b.id);
  }
});

test('trust acts on the wire are read by the second implementation', () => {
  let acts = 0;
  for (const line of bundles('s2').trim().split('\n')) {
    const b = C.readLine(line);
    if (b.header.aud !== 'trust') continue;
    for (const i of b.items) {
      const it = JSON.parse(i.text);
      const start = i.text.indexOf('"d":') + 4;
      const x = C.readActBody(Buffer.from(i.text.slice(start, -1)));
      assert.equal(it.id, 'a' + P.b64u(x.hash));
      acts++;
    }
  }
  assert.ok(acts >= 6, `${acts} acts: root and five nodes`);
});

test('an update wins everywhere, a withdrawal removes everywhere, a repeated put changes nothing', async () => {
  const [id] = w.put('s1', 'listing', [{ kind: 'venue', title: '活动室', capacity: 10 }]);
  w.put('s1', 'listing', [{ id, kind: 'venue', title: '活动室（新）', capacity: 12 }]);
  await until('update at s2', 15000, () => JSON.parse(w.verb('s2', 'get', [id])).content.title === '活动室（新）');
  assert.equal(JSON.parse(w.verb('s2', 'get', [id])).revision, 2);
  w.put('s1', 'listing', [{ id, kind: 'venue', title: '活动室（新）', capacity: 12 }]);
  assert.equal(JSON.parse(w.verb('s1', 'get', [id])).revision, 2);
  assert.equal(w.verb('s1', 'withdraw', [id]).trim(), id);
  for (const n of all) await until(`gone at ${n}`, 15000, () => !w.state(n).includes(`"${id}"`));
  assert.equal(w.tryVerb('s1', 'withdraw', ['no-such-record']).code, 1);
  await same();
});

test('audiences: sub and up reach whom they name and nobody else', async () => {
  const sub = w.put('d1', 'notice', [{ kind: 'notice', title: '仅本区' }], ['--audience', 'sub'])[0];
  const up = w.put('s1', 'notice', [{ kind: 'notice', title: '仅上级' }], ['--audience', 'up'])[0];
  const fed = w.put('s1', 'notice', [{ kind: 'notice', title: '随后的公告' }])[0];
  const fed2 = w.put('d1', 'notice', [{ kind: 'notice', title: '随后的公告' }])[0];
  for (const n of ['s1', 'city']) await until(`sub at ${n}`, 15000, () => w.tryVerb(n, 'get', [sub]).code === 0);
  for (const n of ['d1', 'city']) await until(`up at ${n}`, 15000, () => w.tryVerb(n, 'get', [up]).code === 0);
  for (const id of [fed, fed2]) await until('later ones at s2', 15000, () => w.tryVerb('s2', 'get', [id]).code === 0);
  for (const n of ['d2', 's2']) {
    assert.equal(w.tryVerb(n, 'get', [sub]).code, 1, `${n} must not hold a sub: record of another district`);
    assert.equal(w.tryVerb(n, 'get', [up]).code, 1, `${n} must not hold an up: record of another district`);
    assert.ok(!bundles(n).includes('\\"aud\\":\\"sub:') && !bundles(n).includes(`"by\\":\\"${w.nodes.get('s1').id}\\",\\"aud\\":\\"up:`));
  }
});

test('explain names signer, bundle and path, by id alone too', () => {
  const s1 = w.nodes.get('s1').id;
  const line = bundles('s1', `${s1}/fed`).trim().split('\n')[0];
  const b = C.readLine(line);
  const id = JSON.parse(b.items[0].text).id;
  for (const arg of [id, `${s1}/${id}`]) {
    const x = JSON.parse(w.verb('s2', 'explain', [arg, '--json']));
    const form = x.forms.find((f) => f.bundle === P.b64u(b.id));
    assert.ok(form, 'the bundle that carries it');
    assert.equal(form.kid, P.signKey(w.seed('s1')).kid);
    assert.equal(form.leaf, P.b64u(b.items[0].leaf));
    assert.deepEqual(form.path, ['s1', 'd1', 'city', 'd2', 's2'].map((n) => w.nodes.get(n).id));
  }
  assert.equal(w.tryVerb('s2', 'explain', ['no-such-record']).code, 1);
});

test('sync: 0 when in step, 1 at the top, 75 when the parent is down', async () => {
  assert.equal(w.tryVerb('s1', 'sync').code, 0);
  assert.equal(w.tryVerb('city', 'sync').code, 1);
  await w.stop('s2');
  assert.equal(w.tryVerb('s2', 'sync').code, 0, 'without a daemon');
  await w.stop('d2');
  assert.equal(w.tryVerb('s2', 'sync', ['--wait', '2s']).code, 75, 'without a daemon, parent down');
  await w.start('s2');
  assert.equal(w.tryVerb('s2', 'sync', ['--wait', '2s']).code, 75, 'with a daemon, parent down');
  await w.start('d2');
  await until('in step again', 20000, () => w.tryVerb('s2', 'sync', ['--wait', '3s']).code === 0);
});

test('verify, rebuild and doctor find nothing wrong', () => {
  for (const n of all) {
    const r = JSON.parse(w.verb(n, 'verify', ['--json']).trim().split('\n').pop());
    assert.equal(r.wrong, 0);
    assert.ok(r.bundles > 5);
    const before = w.state(n);
    assert.equal(w.json(n, 'rebuild').same, true, n);
    assert.equal(w.state(n), before);
    assert.equal(w.tryVerb(n, 'doctor').code, 0, n);
  }
});

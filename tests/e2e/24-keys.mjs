// Can a node change its keys at any moment, and is the old key, or a revoked one, worth nothing afterwards?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import * as C from './lib/conform.mjs';
import * as P from './lib/proto.mjs';
import { World, until } from './lib/node.mjs';

const w = new World();
const all = ['city', 'd1', 'd2', 's1', 's2'];
before(() => w.tree());
after(() => w.close());

const id = (n) => w.nodes.get(n).id;
const venue = (title) => ({ kind: 'venue', title });
const has = (n, ids) => { const s = w.state(n); return ids.every((i) => s.includes(`"${i}"`)); };
const everywhere = (ids) => until('everywhere', 20000, () => all.filter((n) => w.nodes.get(n).ended === null).every((n) => has(n, ids)));
const keys = (n, of) => JSON.parse(w.verb(n, 'node show', [id(of)])).keys;
const kid = (n) => P.signKey(w.seed(n)).kid;
const sound = (n) => assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n);
const mode = (n, f) => fs.statSync(path.join(w.data(n), f)).mode & 0o777;

test('a street changes its keys and goes on writing the same streams', async () => {
  const thread = w.verb('s1', 'referral send', ['--to', id('s2')], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '换钥匙之前' }) }).trim();
  const ids = w.put('s1', 'listing', [venue('之前')]);
  const old = kid('s1');
  const pin = fs.readFileSync(path.join(w.data('s1'), 'keys/tls.key'));
  const r = JSON.parse(w.verb('s1', 'node rotate-key', ['--json']));
  assert.equal(r.node, id('s1'));
  assert.equal(kid('s1'), r.kid);
  assert.notEqual(r.kid, old);
  assert.equal(mode('s1', 'keys/sign.seed'), 0o600);
  assert.equal(mode('s1', 'keys/seal.seed'), 0o600);
  assert.equal(fs.statSync(path.join(w.data('s1'), 'keys/seal.seed')).size, 64, 'the old sealing seed stays');
  assert.ok(!fs.existsSync(path.join(w.data('s1'), 'keys/next')));
  assert.deepEqual(fs.readFileSync(path.join(w.data('s1'), 'keys/tls.key')), pin, 'the TLS key stays');
  ids.push(...w.put('s1', 'listing', [venue('之后')]));
  await everywhere(ids);
  for (const n of all) {
    await until('roster', 10000, () => keys(n, 's1').length === 2);
    assert.deepEqual(keys(n, 's1').map((k) => k.state), ['ended', 'current'], n);
    const lines = w.verb(n, 'bundles', ['--stream', `${id('s1')}/fed/1`]).trim().split('\n').map((l) => C.readLine(l).header);
    assert.deepEqual(lines.map((h) => h.seq), lines.map((_, i) => i + 1), 'one stream');
    assert.deepEqual([...new Set(lines.map((h) => h.kid))], [old, r.kid]);
  }
  // Sealed to the old key or the new one: both open, on both sides.
  await until('delivered', 15000, () => JSON.parse(w.verb('s1', 'referral show', [thread]))[0].state === 'delivered');
  w.verb('s2', 'referral open', [thread]);
  const second = w.verb('s2', 'referral send', ['--to', id('s1')], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '换钥匙之后' }) }).trim();
  await until('both ways', 15000, () => JSON.parse(w.verb('s1', 'referral show', [thread]))[0].state === 'received' && w.tryVerb('s1', 'referral show', [second]).code === 0);
  assert.ok(w.verb('s1', 'referral show', [thread]).includes('换钥匙之前'));
  for (const n of all) sound(n);
});

test('without a daemon, twice in a row, and after a restart', async () => {
  await w.stop('s1');
  const ids = w.put('s1', 'listing', [venue('离线')]);
  for (let i = 0; i < 2; i++) {
    const before = kid('s1');
    w.verb('s1', 'node rotate-key');
    assert.notEqual(kid('s1'), before);
    ids.push(...w.put('s1', 'listing', [venue(`第 ${i} 次之后`)]));
  }
  assert.equal(w.tryVerb('s1', 'sync').code, 0);
  await w.start('s1');
  ids.push(...w.put('s1', 'listing', [venue('重启之后')]));
  await everywhere(ids);
  sound('s1');
  sound('city');
});

test('with the parent down the street works on, killed or not, and the change is finished later', async () => {
  await w.stop('d1');
  const before = kid('s1');
  const r = w.tryVerb('s1', 'node rotate-key', ['--wait', '500ms']);
  assert.equal(r.code, 75, r.err);
  const ids = w.put('s1', 'listing', [venue('上级不在')]);
  assert.ok(has('s1', ids));
  await w.stop('s1', 'SIGKILL');
  await w.start('s1');
  ids.push(...w.put('s1', 'listing', [venue('被杀之后')]));
  assert.equal(w.tryVerb('s1', 'node rotate-key', ['--wait', '200ms']).code, 75, 'it goes on, it does not begin another');
  await w.stop('s1');
  assert.equal(kid('s1'), before, 'the files wait for the roster');
  sound('s1');
  await w.start('s1');
  await w.start('d1');
  await everywhere(ids);
  await until('files in place', 15000, () => kid('s1') !== before);
  assert.equal(w.tryVerb('s1', 'sync').code, 0);
  for (const n of all) sound(n);
});

test('a registrar changes its keys; it still approves and revokes', async () => {
  w.verb('d1', 'node rotate-key');
  const line = w.verb('d1', 'invite', ['--name', '新街道', '--tier', 'street', '--area', '370102008', '--auto-approve']).trim();
  const c = new P.Child({ port: w.nodes.get('d1').sync });
  assert.equal((await c.enrol(line)).state, 'done');
  await until('known at s2', 15000, () => w.verb('s2', 'node list').includes(c.node));
  // What it says with its own key is taken, until the key is revoked.
  const item = (t) => P.item({ id: `k${t}`, k: 'notice/1', d: { kind: 'notice', title: `第${t}条` } });
  const good = c.next('fed', [item(1)]);
  assert.equal(P.headIn((await c.send([good])).have, c.node, 'fed').seq, 1);
  good.taken();
  w.verb('d1', 'node revoke', [c.node, '--why', 'stolen']);
  assert.equal(w.tryVerb('d1', 'node revoke', [c.node]).code, 1, 'nothing is left to revoke');
  const late = await c.send([c.next('fed', [item(2)])]);
  assert.equal(late.status, 403);
  assert.equal(late.err, 'revoked');
  c.up.token = null;
  const again = await c.up.open();
  assert.equal(again.status, 403);
  assert.equal(again.err, 'revoked');
  c.close();
  for (const n of all) {
    await until('cut everywhere', 15000, () => JSON.parse(w.verb(n, 'node show', [c.node])).state === 'cut');
    await until('what it said before stays', 15000, () => w.state(n).includes('第1条'));
    assert.ok(!w.state(n).includes('第2条'));
  }
  assert.equal(w.tryVerb('d2', 'node revoke', [id('s1')]).code, 1, 'not below d2');
});

test('one request at the parent: everything wrong is refused, the same again is no harm, the old key is worth nothing', async () => {
  const line = w.verb('d1', 'invite', ['--name', '换钥匙的', '--tier', 'street', '--area', '370102009', '--auto-approve']).trim();
  const c = new P.Child({ port: w.nodes.get('d1').sync });
  assert.equal((await c.enrol(line)).state, 'done');
  const item = (t) => P.item({ id: `x${t}`, k: 'notice/1', d: { kind: 'notice', title: `换${t}` } });
  const one = c.next('fed', [item(1)]);
  await c.send([one]);
  one.taken();
  const next = P.signKey();
  const nodeAct = w.verb('d1', 'bundles', ['--stream', `${id('d1')}/trust`]).trim().split('\n').flatMap((l) => C.readLine(l).items)
    .map((i) => JSON.parse(JSON.parse(i.text).d.a)).filter((a) => a.n === c.node);
  assert.equal(nodeAct.length, 1);
  const after = w.verb('d1', 'bundles', ['--stream', `${id('d1')}/trust`]).trim().split('\n').flatMap((l) => C.readLine(l).items)
    .map((i) => JSON.parse(i.text)).find((i) => JSON.parse(i.d.a).n === c.node).id.slice(1);
  const h = c.heads.get('fed');
  const head = { aud: 'fed', ep: 1, en: h.en, seq: 1, id: P.b64u(one.id) };
  const act = (over = {}) => JSON.stringify({ t: 'key', g: P.b64u(c.g), by: id('d1'), n: c.node, after, ts: Date.now(), sig: P.b64u(next.pub),
    seal: P.b64u(c.seal.pub), tls: P.b64u(c.tls), heads: [head], ...over });
  const co = (text, ks) => ks.map((k) => ({ kid: k.kid, s: P.b64u(k.sign(Buffer.from('SJ1-act\n' + text))) }));
  const ask = (text, ks) => c.up.json('/sanji/1/key', { a: text, co: co(text, ks) });
  const both = [c.key, next];
  const wrong = [
    ['the old key alone', act(), [c.key], 'bad_signature'],
    ['the new key alone', act(), [next], 'bad_signature'],
    ['another node', act({ n: id('s1') }), both, 'no_authority'],
    ['another author', act({ by: id('city') }), both, 'no_authority'],
    ['lost', act({ lost: true }), both, 'no_authority'],
    ['an older state', act({ after: P.b64u(Buffer.alloc(32)) }), both, 'conflict'],
    ['a stream left out', act({ heads: [] }), both, 'bad_chain'],
    ['another head', act({ heads: [{ ...head, id: P.b64u(Buffer.alloc(32, 1)) }] }), both, 'bad_chain'],
    ['another federation', act({ g: P.b64u(Buffer.alloc(32, 2)) }), both, 'wrong_federation'],
  ];
  for (const [what, text, ks, err] of wrong) {
    const r = await ask(text, ks);
    assert.equal(r.err, err, what);
    assert.equal(keysOf(c.node), 1, what);
  }
  assert.equal((await c.up.json('/sanji/1/key', '{"a":1}')).status, 422);
  assert.equal((await c.up.json('/sanji/1/key', { a: act(), co: [] }, { token: null })).err, 'no_session');
  const text = act();
  assert.equal((await ask(text, both)).state, 'done');
  assert.equal((await ask(text, both)).state, 'done', 'the answer may have been lost');
  assert.equal(keysOf(c.node), 2);
  // Beyond the head the old key signs nothing; a new session needs the new key.
  const old = c.next('fed', [item(2)]);
  const r = await c.send([old]);
  assert.equal(P.headIn(r.have, c.node, 'fed').seq, 1, 'the old key beyond its head');
  const fresh = c.next('fed', [item(3)], {}, { key: next });
  assert.equal(P.headIn((await c.send([fresh])).have, c.node, 'fed').seq, 2);
  c.up.token = null;
  assert.equal((await c.up.open()).err, 'revoked');
  assert.equal((await c.up.open({ key: next })).status, 200);
  c.close();
  await until('at the city', 15000, () => w.state('city').includes('换3'));
  assert.ok(!w.state('city').includes('换2'));
  function keysOf(n) { return JSON.parse(w.verb('d1', 'node show', [n])).keys.length; }
});

test('the top needs its root key, and the right one', async () => {
  const root = w.data('city.root');
  const before = kid('city');
  assert.equal(w.tryVerb('city', 'node rotate-key').code, 1);
  assert.equal(w.tryVerb('s1', 'node rotate-key', ['--root-key', root]).code, 1, 'a street has none');
  const other = w.data('other.root');
  fs.writeFileSync(other, `sanji-root-key-1 ${P.b64u(P.random(32))}\n`, { mode: 0o600 });
  assert.equal(w.tryVerb('city', 'node rotate-key', ['--root-key', other]).code, 1);
  assert.equal(w.tryVerb('city', 'node rotate-key', ['--root-key', w.data('nothing')]).code, 1);
  assert.equal(kid('city'), before);
  w.verb('city', 'node rotate-key', ['--root-key', root]);
  assert.notEqual(kid('city'), before);
  const ids = w.put('city', 'notice', [{ kind: 'notice', title: '市级换钥匙之后' }]);
  await everywhere(ids);
  for (const n of all) {
    assert.deepEqual(keys(n, 'city').map((k) => k.state), ['ended', 'current'], n);
    sound(n);
  }
  // Its say goes on: a district made by the new key is known below.
  const line = w.verb('city', 'invite', ['--name', '新区', '--tier', 'district', '--area', '370104', '--auto-approve']).trim();
  const c = new P.Child({ port: w.nodes.get('city').sync });
  assert.equal((await c.enrol(line)).state, 'done');
  c.close();
  await until('known below', 15000, () => w.verb('s1', 'node list').includes(c.node));
});

test('who comes after all of this reads the whole history', async () => {
  await w.stop('s2');
  const n = await w.join('s3', 'd2', 'street', '370103002', { start: false });
  assert.equal(w.tryVerb('s3', 'sync').code, 0);
  assert.equal(w.state('s3', ['--audience', 'fed']), w.state('city', ['--audience', 'fed']));
  assert.equal(JSON.parse(w.run(['verify', '--data', n.dir, '--json']).out).wrong, 0);
});

test('a revoked node says so and takes no record nobody would take of it', async () => {
  const text = '{"kind":"notice","title":"撤销前","body":"x"}';
  const kept = w.tryVerb('s1', 'put', ['notice'], { input: text }).out.trim();
  assert.match(kept, /^r/);
  w.verb('d1', 'node revoke', [id('s1')]);
  await until('it knows', 15000, () => JSON.parse(w.verb('s1', 'node show', [id('s1')])).state === 'cut');
  const before = w.state('s1');
  const r = w.tryVerb('s1', 'put', ['notice'], { input: text });
  assert.equal(r.code, 1);
  assert.equal(r.out, '');
  assert.match(r.err, /\[revoked\]/);
  assert.match(w.tryVerb('s1', 'withdraw', [kept]).err, /\[revoked\]/);
  assert.equal(w.state('s1'), before);
});

test('what lies beyond a cut leaves the views of a neighbour who had it from a stick', async () => {
  const mine = (t) => w.verb('s3', 'put', ['notice'], { input: JSON.stringify({ kind: 'notice', title: t }) }).trim();
  const good = mine('上级有的');
  assert.equal(w.tryVerb('s3', 'sync').code, 0);
  await w.start('s2');
  await until('at the neighbour', 15000, () => has('s2', [good]));
  await w.stop('s2');
  const late = mine('上级没有的');
  const changed = w.verb('s3', 'put', ['notice'], { input: JSON.stringify({ id: good, kind: 'notice', title: '改过的' }) }).trim();
  assert.equal(changed, good);
  const dir = w.data('thief');
  fs.mkdirSync(dir);
  w.verb('s3', 'ferry export', [dir, '--to', id('s2')]);
  w.verb('s2', 'ferry import', [dir]);
  assert.ok(has('s2', [late]) && w.state('s2').includes('改过的'));
  w.verb('d2', 'node revoke', [w.id('s3'), '--why', 'stolen']);
  await w.start('s2');
  await until('rolled back', 15000, () => !has('s2', [late]) && w.state('s2').includes('上级有的'));
  assert.ok(!w.state('s2').includes('改过的'));
  for (const n of ['s2', 'd2', 'city']) {
    assert.ok(has(n, [good]) && !has(n, [late]), n);
    sound(n);
    assert.equal(JSON.parse(w.verb(n, 'rebuild', ['--json'])).same, true, n);
  }
  // The same stick again brings nothing back.
  assert.match(w.tryVerb('s2', 'ferry import', [dir]).out + w.tryVerb('s2', 'ferry import', [dir]).err, /revoked|beyond|吊销/);
  assert.ok(!has('s2', [late]));
});

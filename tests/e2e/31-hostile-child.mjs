// Is everything a child with a valid key can do wrong refused or parked alone, and does the next good bundle pass?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { after, before } from 'node:test';
import * as P from './lib/proto.mjs';
import { World, until } from './lib/node.mjs';

const w = new World();
let c;
let base;
before(async () => {
  await w.tree(['city', 'd1', 's1']);
  c = await enrolled('敌意街道');
  base = rss();
});
after(async () => {
  c?.close();
  await w.close();
});

const d1 = () => w.nodes.get('d1');
const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${d1().proc.pid}/status`, 'utf8'))[1]);
const invite = (name = 'x') => w.verb('d1', 'invite', ['--name', name, '--tier', 'street', '--area', '370102007', '--auto-approve']).trim();
async function enrolled(name) {
  const x = new P.Child({ port: d1().sync });
  assert.equal((await x.enrol(invite(name))).state, 'done');
  return x;
}
let no = 0;
const notice = (over = {}) => P.item({ id: `h${++no}`, k: 'notice/1', d: { kind: 'notice', title: `第${no}条` }, ...over });
const headAt = async (aud = 'fed', by = c.node, x = c) => {
  const r = await x.send([]);
  assert.equal(r.status, 200, JSON.stringify(r));
  return P.headIn(r.have, by, aud);
};
// The bundle is not taken: the head is what it was.
async function refused(what, line) {
  const before = await headAt();
  const r = await c.send([line]);
  if (r.status !== 200) {
    c.up.token = null;
    assert.ok(r.err, what);
  }
  assert.deepEqual(await headAt(), before, `${what} was taken`);
  await passes(what);
}
// The next good bundle is taken and arrives at the city.
async function passes(what) {
  const b = c.next('fed', [notice()]);
  const r = await c.send([b]);
  assert.equal(r.status, 200, `${what}: ${JSON.stringify(r)}`);
  const h = P.headIn(r.have, c.node, 'fed');
  assert.equal(h?.seq, b.header.seq, `after ${what}: the good bundle must pass`);
  b.taken();
}
const parked = () => w.verb('d1', 'parked list', ['--json']).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
const zero = P.b64u(Buffer.alloc(32));

test('a good bundle passes first', async () => {
  await passes('nothing');
  await until('at the city', 15000, () => w.state('city').includes('"h1"'));
});

test('bundles that claim what they may not', async () => {
  const s1 = w.nodes.get('s1').id;
  const foreign = c.next('x', [notice()], { by: s1, aud: 'fed', ep: 1, seq: 1, prev: zero });
  await refused('a stream of another node', foreign);
  assert.ok(!w.state('d1').includes(`"${JSON.parse(P.parseLine(foreign.line).items[0]).id}"`));
  await refused('another federation', c.next('fed', [notice()], { g: P.b64u(P.random(32)) }));
  await refused('an audience it may not write to', c.next('sub:' + s1, [notice()], {}));
  await refused('a recipient that does not exist', c.next('to:naaaaaaaaaaaaa', [notice()]));
  await refused('a broken audience', c.next('all', [notice()]));
  await refused('a key of nobody', c.next('fed', [notice()], {}, { key: P.signKey() }));
  await refused('its name, another\'s kid', c.next('fed', [notice()], { kid: P.signKey(w.seed('s1')).kid }));
  await refused('a wrong signature', c.next('fed', [notice()], {}, { badSig: true }));
  await refused('a wrong root', c.next('fed', [notice()], { root: P.b64u(P.random(32)) }));
  await refused('a wrong count', c.next('fed', [notice()], { n: 2 }));
  await refused('a newer suite', c.next('fed', [notice()], { v: 2 }));
  await refused('an unknown type', c.next('fed', [notice()], { t: 'other' }));
});

test('places in the stream that cannot be', async () => {
  const h = await headAt();
  await refused('far ahead', c.next('fed', [notice()], { seq: 999999999 }));
  await refused('beyond the range', c.next('fed', [notice()], { seq: 1e9 + 1 }));
  await refused('a far epoch', c.next('fed', [notice()], { ep: 900000, seq: 1, prev: zero, t: 'epoch', pe: { ep: 1, en: h.en, seq: h.seq, id: zero, ok: false } }));
  await refused('an epoch without its first bundle', c.next('fed', [notice()], { ep: 2, en: P.b64u(P.random(8)), seq: 1, prev: zero }));
});

test('a replay is a no-op', async () => {
  const b = c.next('fed', [notice()]);
  assert.equal((await c.send([b])).status, 200);
  b.taken();
  const n = w.json('d1', 'status').bundles;
  for (let i = 0; i < 5; i++) assert.equal((await c.send([b, b])).status, 200);
  assert.equal(w.json('d1', 'status').bundles, n);
  await passes('a replay');
});

test('lines and frames that are too much', async () => {
  const big = notice({ d: { kind: 'notice', title: 'x', body: 'x'.repeat(70000) } });
  await refused('an item over 64 KiB', c.next('fed', [big]));
  const many = Array.from({ length: 1025 }, () => notice());
  await refused('1,025 items', c.next('fed', many));
  const wide = Array.from({ length: 20 }, () => notice({ d: { kind: 'notice', title: 'x', body: 'y'.repeat(60000) } }));
  await refused('a line over 1 MiB', c.next('fed', wide));
  await refused('a header over 2 KiB', c.next('fed', [notice()], { zz: 'z'.repeat(3000) }));
  await refused('a zip bomb that says so', P.bomb(1 << 30));
  await refused('a zip bomb that lies', P.bomb(1 << 28, 100));
  await refused('a frame without its newline', P.frame(c.next('fed', [notice()]).line, { newline: false }));
  await refused('a frame of another size than stated', P.frame(c.next('fed', [notice()]).line, { size: 100 }));
  await refused('a frame of 4 GiB', P.frame('x', { size: 0xffffffff }));
  const r = await c.up.raw(Buffer.concat([P.frame('{}'), Buffer.alloc(5 << 20)])).catch((e) => ({ status: e.code ?? 'closed' }));
  assert.notEqual(r.status, 200, 'a message over 4 MiB');
  c.up.token = null;
  await passes('a message over 4 MiB');
});

test('JSON that is not the strict kind', async () => {
  const deep = `{"id":"deep","k":"notice/1","op":"put","r":1,"z":"${P.b64u(P.random(16))}","d":${'['.repeat(30000)}${']'.repeat(30000)}}`;
  await refused('60,000 brackets deep', c.next('fed', [deep]));
  const d = '{"kind":"notice","title":"a"}';
  const z = P.b64u(P.random(16));
  for (const text of [
    `{"id":"q","id":"q","k":"notice/1","op":"put","r":1,"z":"${z}","d":${d}}`,
    `{"id":"q","k":"notice/1","op":"put","r":1,"z":"${z}","d":{"kind":"notice","title":"a","title":"b"}}`,
    `{"id":"q","k":"notice/1","op":"put","r":1.0,"z":"${z}","d":${d}}`,
    `{"id":"q","k":"notice/1","op":"put","r":1,"z":"${z}","d":null}`,
    `{"id":"q", "k":"notice/1","op":"put","r":1,"z":"${z}","d":${d}}`,
    '[]', '', 'null', `{"id":"q\\u0000","k":"notice/1","op":"put","r":1,"z":"${z}","d":${d}}`,
  ]) await refused(text.slice(0, 60), c.next('fed', [text]));
});

test('poison items are parked alone, each with its reason; what stands beside them is applied', async () => {
  const wrong = {
    needs_newer: [notice({ k: 'future/9', d: { a: 1 } }), notice({ k: 'notice/2' }), notice({ crit: ['quantum'] })],
    bad_member: [notice({ d: { kind: 'notice' } }), notice({ d: { kind: 'notice', title: 'x', zz: 1 } }), notice({ op: 'ev' }), notice({ d: { kind: 'notice', title: 5 } })],
    no_authority: [notice({ k: 'area/1', d: { code: '3701', name: '假' } }), notice({ for: w.nodes.get('s1').id })],
    wrong_audience: [notice({ k: 'stat/1', d: { period: '2026-11', ind: 'listing.new', v: 1, n: 1, sha: zero, cov: [] } })],
  };
  const before = parked().length;
  for (const [reason, items] of Object.entries(wrong)) {
    const good = notice();
    const b = c.next('fed', [...items, good]);
    const r = await c.send([b]);
    assert.equal(P.headIn(r.have, c.node, 'fed').seq, b.header.seq, `${reason}: the bundle itself is stored`);
    b.taken();
    const rows = parked().filter((p) => p.bundle === P.b64u(b.id));
    assert.deepEqual(rows.map((p) => [p.index, p.reason]), items.map((_, i) => [i, reason]));
    const id = JSON.parse(good).id;
    await until(`${id} at the city`, 15000, () => w.tryVerb('city', 'get', [id]).code === 0);
  }
  assert.equal(parked().length - before, 10);
  const last = parked().at(-1);
  assert.equal(w.tryVerb('d1', 'parked retry').code, 0);
  assert.equal(w.tryVerb('d1', 'parked discard', [last.bundle, String(last.index)]).code, 0);
  assert.equal(parked().length - before, 9);
});

test('stubs and missing items', async () => {
  const b = c.next('fed', [notice(), notice()], {}, { stub: new Set([0]) });
  const r = await c.send([b]);
  const h = P.headIn(r.have, c.node, 'fed');
  if (h.seq === b.header.seq) { // stored provisionally: then it is parked as withheld
    b.taken();
    assert.ok(parked().some((p) => p.bundle === P.b64u(b.id) && p.index === 0 && p.reason === 'withheld'));
  }
  await passes('a stub without erasure');
  await refused('a data bundle without its items', c.next('fed', [notice()], {}, { headerOnly: true }));
});

test('a weak key is not enrolled, nor a stolen one, nor one without its owner', async () => {
  const inv = P.readInvite(invite());
  const link = new P.Link({ port: d1().sync });
  const ask = (o) => link.json('/sanji/1/enrol', o);
  const me = new P.Child({ port: d1().sync });
  for (const hex of ['00'.repeat(32), '01' + '00'.repeat(31), 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'ff'.repeat(32),
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05']) {
    const r = await ask(P.enrolBody(inv, Object.assign(Object.create(me), { sig: Buffer.from(hex, 'hex') })).body);
    assert.ok(r.status >= 400, `${hex}: ${JSON.stringify(r)}`);
  }
  const other = P.enrolBody(inv, Object.assign(Object.create(me), { sig: P.signKey(w.seed('s1')).pub }));
  assert.ok((await ask(other.body)).status >= 400, 'the key of another node, without its signature');
  const taken = await ask(P.enrolBody(inv, Object.assign(Object.create(me), { key: c.key })).body);
  if (taken.state === 'act') { // its own key a second time, under a second name: the act must be void
    const done = await ask(P.enrolBody(inv, Object.assign(Object.create(me), { key: c.key }), c.key.sign(Buffer.from('SJ1-act\n' + taken.act))).body);
    assert.notEqual(done.state, 'done', 'one key, two nodes');
  } else {
    assert.ok(taken.status >= 400, JSON.stringify(taken));
  }
  assert.ok(!w.verb('d1', 'node list', ['--json']).includes(`"node":"${inv.node}"`));
  link.close();
  me.close();
  await passes('weak keys');
});

test('sessions: a stolen token, a stale ticket, another installation, another\'s name', async () => {
  const x = await enrolled('票据');
  assert.equal((await x.send([])).status, 200);
  const thief = new P.Lane(x, x.parent, 'up');
  thief.token = x.up.token;
  assert.equal((await thief.exchange({ need_full: true })).err, 'no_session', 'a token counts on its own connection alone');
  const first = x.up.ticket;
  const kept = new P.Lane(x, x.parent, 'up');
  assert.equal((await kept.open({ ticket: first })).status, 200);
  assert.equal((await kept.open()).status, 200);
  const stale = new P.Lane(x, x.parent, 'up');
  assert.equal((await stale.open({ ticket: first })).status, 200, 'once: a backup may have been put back');
  assert.equal((await kept.open()).err, 'two_machines', 'the other one lives as well');
  assert.equal((await stale.open()).err, 'two_machines', 'then neither is served');
  assert.equal((await kept.open({ ticket: null })).err, 'two_machines');
  assert.equal(w.tryVerb('d1', 'node believe', [x.node]).code, 0);
  assert.equal((await kept.open()).status, 200, 'whoever a person believes goes on');
  assert.equal((await stale.open({ ticket: kept.ticket, inst: P.random(16) })).err, 'two_machines', 'another installation');
  const lane = new P.Lane(c, c.parent, 'down');
  for (const [o, err] of [[{ node: w.nodes.get('s1').id }, 'unknown_key'], [{ node: 'naaaaaaaaaaaaa' }, 'not_found'], [{ key: P.signKey() }, 'unknown_key'], [{ g: P.random(32) }, 'wrong_federation'], [{ lane: 'both' }, 'bad_member']]) {
    assert.equal((await lane.open(o)).err, err, JSON.stringify(Object.keys(o)));
  }
  for (const l of [thief, kept, stale, lane]) l.close();
  x.close();
});

test('it is told only what it is entitled to', async () => {
  const [secret] = w.put('s1', 'notice', [{ kind: 'notice', title: '只给上级的内容' }], ['--audience', 'up']);
  await until('at the city', 15000, () => w.tryVerb('city', 'get', [secret]).code === 0);
  const o = await c.down.open();
  assert.equal(o.status, 200);
  const lines = [];
  for (let i = 0; i < 10; i++) {
    const r = await c.down.exchange({ full: true, hd: P.b64u(P.haveDigest([])), max: 1 << 20, wait: 0 });
    assert.equal(r.status, 200, JSON.stringify(r));
    lines.push(...r.bundles);
    if (!r.hello.more) break;
  }
  assert.ok(lines.length > 3, 'it is told the rest');
  for (const l of lines) {
    const h = P.parseLine(l).header;
    assert.ok(['fed', 'trust'].includes(h.aud) || h.by === c.node || h.aud === `sub:${d1().id}`, `${h.by} ${h.aud}`);
  }
});

test('invented streams without end do not keep good ones out, and memory stays bounded', async () => {
  const lines = [];
  for (let i = 0; i < 60; i++) {
    const have = Array.from({ length: 256 }, () => [P.nodeIdOf(P.random(9)), 'fed', [[1, P.b64u(P.random(8)), 1, P.b64u(P.random(8))]]]);
    lines.push(P.frame(JSON.stringify({ have })));
  }
  const x = await enrolled('洪水');
  assert.equal((await x.down.open()).status, 200);
  for (let i = 0; i < 20; i++) {
    const r = await x.down.exchange({ full: false, lines: lines.length, max: 0, wait: 0 }, lines.map((l) => l)).catch((e) => ({ err: e.code }));
    if (r.err) break;
    for (let k = 0; k < lines.length; k++) {
      const have = Array.from({ length: 256 }, () => [P.nodeIdOf(P.random(9)), 'fed', [[1, P.b64u(P.random(8)), 1, P.b64u(P.random(8))]]]);
      lines[k] = P.frame(JSON.stringify({ have }));
    }
  }
  x.close();
  await passes('invented streams');
  const y = await enrolled('新来的');
  const b = y.next('fed', [notice()]);
  const r = await y.send([b]);
  assert.equal(P.headIn(r.have ?? [], y.node, 'fed')?.seq, 1, `a new stream still finds room: ${JSON.stringify(r).slice(0, 200)}`);
  y.close();
  assert.ok(rss() - base < 200 * 1024, `${base} -> ${rss()} KiB`);
});

test('equivocation freezes that stream alone', async () => {
  const x = await enrolled('两面派');
  const a = x.next('fed', [notice()]);
  const b = x.next('fed', [notice()]);
  await x.send([a]);
  await x.send([b]);
  const h = P.headIn((await x.send([])).have, x.node, 'fed');
  assert.equal(h.id8, P.b64u(a.id.subarray(0, 8)), 'the first one stands');
  a.taken();
  await x.send([x.next('fed', [notice()])]);
  assert.equal(P.headIn((await x.send([])).have, x.node, 'fed').seq, 1, 'frozen');
  const own = x.next('up:' + w.nodes.get('city').id, [notice()]);
  const r = await x.send([own]);
  assert.equal(P.headIn(r.have, x.node, own.header.aud)?.seq, 1, 'its other streams go on');
  x.close();
  const y = await enrolled('另一段历史'); // the next number after a bundle nobody has seen: two histories as well
  const first = y.next('fed', [notice()]);
  await y.send([first]);
  first.taken();
  await y.send([y.next('fed', [notice()], { prev: P.b64u(P.random(32)) })]);
  await y.send([y.next('fed', [notice()])]);
  assert.equal(P.headIn((await y.send([])).have, y.node, 'fed').seq, 1, 'frozen');
  y.close();
  await passes('equivocation');
});

test('alive, in order, and the honest street was not disturbed', async () => {
  const [id] = w.put('s1', 'notice', [{ kind: 'notice', title: '一切照常' }]);
  await until('at the city', 15000, () => w.tryVerb('city', 'get', [id]).code === 0);
  assert.equal(d1().ended, null);
  for (const n of ['city', 'd1', 's1']) {
    const r = w.tryVerb(n, 'verify');
    assert.equal(r.code, 0, `${n}: ${r.err}${r.out}`);
    assert.ok(!w.log(n).includes('Sanitizer') && !w.log(n).includes('err=bug'), n);
  }
});

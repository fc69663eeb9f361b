// Can a node join only by its own invite, once, at the right parent, and does it survive captive portals and wrong clocks?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import test, { after, before } from 'node:test';
import * as P from './lib/proto.mjs';
import { World, freePort, sleep, until } from './lib/node.mjs';

const w = new World();
before(() => w.tree(['city', 'd1', 's1']));
after(() => w.close());

let count = 0;
const fresh = () => w.data(`j${++count}`);
const invite = (args = ['--auto-approve'], from = 'd1') => w.verb(from, 'invite', ['--name', '测试街道', '--tier', 'street', '--area', '370102009', ...args]).trim();
const join = (dir, line, args = []) => w.run(['join', '--data', dir, line, ...args]);
const isNode = (dir) => w.run(['status', '--data', dir]).code === 0;
const faketime = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'].map((d) => `${d}/faketime/libfaketime.so.1`).find((f) => fs.existsSync(f));
const noClock = process.env.SANJI_SANITIZE ? 'sanitizer build' : faketime ? false : 'faketime is not installed';
const clock = (shift) => ({ LD_PRELOAD: faketime, FAKETIME: shift, DONT_FAKE_MONOTONIC: '1' });

// A TLS server that answers everything as a log-in page would. keys: folder with tls.key and tls.crt.
function portal(port, keys, status = 200) {
  let hits = 0;
  const srv = https.createServer({ key: fs.readFileSync(path.join(keys, 'tls.key')), cert: fs.readFileSync(path.join(keys, 'tls.crt')) }, (rq, rs) => {
    hits++;
    rq.resume();
    rq.on('end', () => {
      rs.writeHead(status, { 'Content-Type': 'text/html', ...(status === 302 ? { Location: 'http://127.0.0.1:1/login' } : {}) });
      rs.end('<html><form action="/login">请先登录 Wi-Fi</form></html>');
    });
  });
  return new Promise((r) => srv.listen(port, '127.0.0.1', () => r({ hits: () => hits, close: () => new Promise((d) => { srv.close(d); srv.closeAllConnections?.(); }) })));
}

test('an invite is good once; a second machine with it is refused', () => {
  const line = invite();
  const [a, b] = [fresh(), fresh()];
  assert.equal(join(a, line).code, 0);
  const r = join(b, line);
  assert.equal(r.code, 1, r.err);
  assert.match(r.err, /already_used/);
  assert.ok(isNode(a) && !isNode(b));
  assert.ok(!fs.existsSync(b), 'and leaves nothing');
  const id = w.run(['status', '--data', a, '--json']).out;
  const again = join(a, line, ['--json']);
  assert.equal(again.code, 0, 'the same again: it is done already');
  assert.equal(JSON.parse(again.out).recovery, '', 'and the recovery code shown then stays in force');
  assert.equal(join(a, invite()).code, 1, 'a folder that holds a node is not overwritten');
  assert.equal(JSON.parse(w.run(['status', '--data', a, '--json']).out).node, JSON.parse(id).node);
});

test('a node of another federation is not overwritten by an invite, and the invite stays good', () => {
  const [other, dir, line] = [fresh(), fresh(), invite()];
  assert.equal(w.run(['init', '--data', other, '--name', '别家', '--tier', 'city', '--area', '3702', '--root-key', `${other}.root`]).code, 0);
  const was = w.run(['export-state', '--data', other]).out;
  const r = join(other, line);
  assert.equal(r.code, 1, r.err);
  assert.match(r.err, /exists/);
  assert.equal(w.run(['export-state', '--data', other]).out, was);
  assert.equal(w.run(['verify', '--data', other]).code, 0);
  assert.equal(join(dir, line).code, 0, 'nothing was asked of the parent');
});

test('a district that has not heard from its parent yet invites nobody, and says what to do', () => {
  const dir = fresh();
  assert.equal(join(dir, w.verb('city', 'invite', ['--name', '新区', '--tier', 'district', '--area', '370104', '--auto-approve']).trim(), ['--sync', '127.0.0.1:1', '--url', 'https://127.0.0.1:1']).code, 0);
  const line = ['invite', '--data', dir, '--name', 'x', '--tier', 'street', '--area', '370104001'];
  const r = w.run(line);
  assert.equal(r.code, 1);
  assert.match(r.err, /sanji sync/);
  assert.equal(w.run(['sync', '--data', dir]).code, 0);
  assert.equal(w.run(line).code, 0);
});

test('a tampered invite is refused whatever was changed', () => {
  const line = invite();
  const o = P.readInvite(line);
  const dir = fresh();
  const mid = Math.floor(line.length / 2);
  for (const bad of [line.slice(0, mid) + (line[mid] === 'A' ? 'B' : 'A') + line.slice(mid + 1), line.slice(0, -1), line + 'a', 'sanji1-', 'hello', line.toUpperCase()]) {
    const r = join(dir, bad);
    assert.ok(r.code === 1 || r.code === 2, bad.slice(-20));
    assert.ok(r.err.length > 10);
  }
  const forged = { secret: P.b64u(P.random(16)), up: w.nodes.get('city').id, lv: 50, node: 'naaaaaaaaaaaaa', g: P.b64u(P.random(32)) };
  for (const [name, v] of Object.entries(forged)) {
    const r = join(dir, P.writeInvite({ ...o, [name]: v }), ['--wait', '3s']);
    assert.equal(r.code, 1, `${name}: ${r.err}`);
    assert.ok(!isNode(dir), name);
  }
  const pin = join(dir, P.writeInvite({ ...o, tls: P.b64u(P.random(32)) }), ['--wait', '3s']);
  assert.equal(pin.code, 75, 'another key at the address: not this parent');
  assert.ok(!isNode(dir));
  assert.equal(join(dir, line).code, 0, 'the true invite still works for these keys');
});

test('pending: both sides show the same six digits, approval lets it in, an interruption does not hurt', async () => {
  const line = invite([]);
  const o = P.readInvite(line);
  const dir = fresh();
  assert.equal(w.tryVerb('d1', 'approve', [o.node]).code, 1, 'nobody asked yet');
  const r = join(dir, line, ['--no-wait']);
  assert.equal(r.code, 75, r.err);
  const key = P.signKey(fs.readFileSync(path.join(dir, 'keys/sign.seed')));
  const seal = P.sealKey(fs.readFileSync(path.join(dir, 'keys/seal.seed')));
  const spki = crypto.createPublicKey(fs.readFileSync(path.join(dir, 'keys/tls.crt'))).export({ format: 'der', type: 'spki' });
  const want = P.digits(P.unb64u(o.secret), { node: o.node, sig: P.b64u(key.pub), seal: P.b64u(seal.pub), tls: P.b64u(P.sha(spki)) });
  assert.ok((r.err + r.out).includes(want), `digits ${want}: ${r.err}`);
  const row = w.verb('d1', 'node list', ['--json']).trim().split('\n').map((l) => JSON.parse(l)).find((x) => x.invited === o.node);
  assert.equal(row.digits, want);
  assert.equal(row.requested, true);
  const waiting = w.runAsync(['join', '--data', dir, line, '--wait', '20s']);
  await sleep(300);
  assert.equal(w.tryVerb('d1', 'approve', ['naaaaaaaaaaaaa']).code, 1);
  assert.equal(w.tryVerb('d1', 'approve', [o.node]).code, 0);
  assert.equal((await waiting).code, 0);
  assert.ok(isNode(dir));
  assert.deepEqual(P.signKey(fs.readFileSync(path.join(dir, 'keys/sign.seed'))).kid, key.kid, 'the same keys');
});

test('expired: refused by the issuer\'s clock', { skip: noClock }, async () => {
  const line = invite(['--auto-approve', '--ttl', '1d']);
  await w.stop('d1');
  await w.start('d1', { env: clock('+2d') });
  const r = join(fresh(), line);
  assert.equal(r.code, 1, r.err);
  assert.match(r.err, /expired/);
  await w.stop('d1');
  await w.start('d1');
});

test('with the parent down join says so, makes no node, and goes on later with the same keys', async () => {
  const line = invite();
  const dir = fresh();
  await w.stop('d1');
  const r = join(dir, line, ['--wait', '2s']);
  assert.equal(r.code, 75, r.err);
  assert.match(r.err, /unreachable/);
  assert.ok(!isNode(dir));
  const seed = fs.readFileSync(path.join(dir, 'keys/sign.seed'));
  await w.start('d1');
  assert.equal(join(dir, line).code, 0);
  assert.ok(isNode(dir) && fs.readFileSync(path.join(dir, 'keys/sign.seed')).equals(seed));
});

test('a captive portal is not the parent, with another key or with the right one', async () => {
  const line = invite();
  const dir = fresh();
  const d1 = w.nodes.get('d1');
  await w.stop('d1');
  const [id] = w.put('s1', 'listing', [{ kind: 'venue', title: '门户后面' }]);
  for (const [keys, status] of [[w.data('city') + '/keys', 200], [d1.dir + '/keys', 200], [d1.dir + '/keys', 302]]) {
    const p = await portal(d1.sync, keys, status);
    // Not run(): that would hold up this process, and the portal lives in it.
    const r = await w.runAsync(['join', '--data', dir, line, '--wait', '2s']);
    assert.equal(r.code, 75, r.err);
    assert.match(r.err, /not_sanji/);
    assert.ok(!isNode(dir));
    assert.equal((await w.runAsync(['sync', '--data', w.data('s1'), '--wait', '2s'])).code, 75);
    assert.ok(p.hits() > 0 || keys.includes('city'), 'the portal was asked');
    await until('the street says so', 12000, () => ['not_sanji', 'unreachable'].includes(w.json('s1', 'status').peers.find((x) => x.parent).last_err));
    await p.close();
  }
  await w.start('d1');
  assert.equal(join(dir, line).code, 0);
  await until('the record was not taken for acknowledged', 30000, () => w.tryVerb('d1', 'get', [id]).code === 0);
});

test('the parent\'s address changes: announced by the roster, and by hand when it is too late for that', async () => {
  const d1 = w.nodes.get('d1');
  const conf = path.join(d1.dir, 'sanji.conf');
  const set = (name, v) => fs.writeFileSync(conf, fs.readFileSync(conf, 'utf8').replace(new RegExp(`^#? ?${name} *=.*$`, 'm'), `${name} = ${v}`));
  // Announced: the old address still answers while the new one is told.
  const next = await freePort();
  set('url', `https://127.0.0.1:${next}`);
  await w.stop('d1');
  await w.start('d1');
  await until('the roster at the street names the new address', 20000, () => w.verb('s1', 'node show', [d1.id]).includes(`:${next}`));
  set('sync_listen', `127.0.0.1:${next}`);
  await w.stop('d1');
  await w.start('d1');
  const [a] = w.put('s1', 'listing', [{ kind: 'venue', title: '新地址一' }]);
  await until('arrived over the announced address', 30000, () => w.tryVerb('d1', 'get', [a]).code === 0);
  // Not announced in time: a person at the street sets it.
  await w.stop('d1');
  const last = await freePort();
  set('url', `https://127.0.0.1:${last}`);
  set('sync_listen', `127.0.0.1:${last}`);
  d1.sync = last;
  await w.start('d1');
  const [b] = w.put('s1', 'listing', [{ kind: 'venue', title: '新地址二' }]);
  assert.equal(w.tryVerb('s1', 'set-parent-url', ['http://127.0.0.1:1']).code, 2, 'https only');
  w.verb('s1', 'set-parent-url', [`https://127.0.0.1:${last}`]);
  await until('arrived over the address set by hand', 30000, () => w.tryVerb('d1', 'get', [b]).code === 0);
});

test('after a restart the parent tells a new child everything, in whatever order', async () => {
  const dirs = [];
  for (let i = 0; i < 3; i++) {
    await w.stop('d1');
    await w.start('d1');
    dirs.push(fresh());
    assert.equal(join(dirs[i], invite()).code, 0);
  }
  for (const dir of dirs) {
    const r = w.run(['sync', '--data', dir, '--wait', '8s']);
    assert.equal(r.code, 0, r.err);
  }
});

test('a clock wrong by years: joins, syncs, and the records arrive both ways', { skip: noClock }, async () => {
  for (const [name, shift] of [['past', '-9y'], ['future', '+9y']]) {
    const env = clock(shift);
    const line = invite();
    const n = { name, tier: 'street', dir: w.data(name) };
    w.nodes.set(name, n);
    n.staff = await freePort();
    w.ok(['join', '--data', n.dir, '--staff', `127.0.0.1:${n.staff}`, line], { env });
    await w.start(name, { env });
    await until('in step', 20000, () => {
      const r = w.tryVerb(name, 'sync', ['--wait', '2s']);
      if (r.code !== 0) throw new Error(r.err + w.log(name) + w.verb(name, 'status', ['--json']));
      return true;
    });
    const [id] = w.put(name, 'listing', [{ kind: 'venue', title: `时钟 ${shift}` }]);
    await until(`${name} at the city`, 20000, () => w.tryVerb('city', 'get', [id]).code === 0);
    const [back] = w.put('city', 'notice', [{ kind: 'notice', title: `发往 ${shift}` }]);
    await until(`the city's notice at ${name}`, 20000, () => w.tryVerb(name, 'get', [back]).code === 0);
    const skew = w.json(name, 'status').peers.find((p) => p.parent).skew_ms;
    assert.ok(Math.abs(skew) > 8 * 365 * 86400e3, `the node notices its clock: ${skew}`);
    const word = name === 'past' ? 'behind' : 'ahead';
    assert.equal(w.json(name, 'status').clock, word);
    assert.match(w.verb(name, 'status'), new RegExp(`Clock +[89] years ${word}`));
    const doctor = w.run(['doctor', '--data', n.dir], { env });
    assert.equal(doctor.code, 1, doctor.out);
    assert.match(doctor.out, new RegExp(`WRONG the system clock: [89] years ${word} .*Everything works on`));
    await until('the log says so', 30000, () => w.log(name).includes(`event=node.clock state=${word}`));
    await w.stop(name);
  }
});

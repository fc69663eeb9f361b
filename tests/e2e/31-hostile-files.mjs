// Attachments as a second implementation asks for and brings them: does a child with a valid key get what it may have and nothing else, and is what it brings taken only when it was asked for and is what it should be?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import * as P from './lib/proto.mjs';
import { World, until } from './lib/node.mjs';
import { Person, sha } from './lib/person.mjs';

const w = new World();
const TYPE = 'application/vnd.sanji.blob';
const PART = 524288;
let c;
let clerk;
const d1 = () => w.nodes.get('d1');
const pdf = (mark, size) => {
  const b = Buffer.alloc(size, 0x20);
  for (let i = 32; i + 32 < size; i += 32) b.write(`${mark}${i}`, i);
  b.write('%PDF-1.7\n');
  b.write('\n%%EOF\n', size - 7);
  return b;
};
const secret = pdf('draft', 3000);
const open = pdf('open', 2 * PART + 777);
const report = pdf('report', 4000);
const mine = pdf('mine', PART + 99);

before(async () => {
  await w.tree(['city', 'd1', 's1']);
  c = new P.Child({ port: d1().sync });
  const line = w.verb('d1', 'invite', ['--name', '敌意街道', '--tier', 'street', '--area', '370102007', '--auto-approve']).trim();
  assert.equal((await c.enrol(line)).state, 'done');
  clerk = await Person.hire(w, 'd1', 'wang', 'clerk');
});
after(async () => {
  c?.close();
  await w.close();
});

// One request: what stands in the object, and the bytes behind it.
async function ask(o, bytes = Buffer.alloc(0), lane = c.up, again = false) {
  if (!lane.token) assert.equal((await lane.open()).status, 200);
  const body = Buffer.isBuffer(o) ? o : Buffer.concat([P.frame(JSON.stringify(o)), bytes]);
  const r = await lane.post('/sanji/1/blob', body, { type: TYPE });
  if (r.status === 401 && !again) { // an idle connection was closed
    lane.token = null;
    return ask(o, bytes, lane, true);
  }
  if (r.status !== 200) return { status: r.status, text: r.body.toString(), ...JSON.parse(r.body) };
  const n = P.frameLength(r.body);
  return { status: 200, ...JSON.parse(P.unframe(r.body.subarray(0, n))[0]), bytes: r.body.subarray(n) };
}
const get = (by, hash, at = 0) => ask({ op: 'get', by, sha256: hash, at });
async function whole(by, hash) {
  const parts = [];
  for (let at = 0, len = 1; at < len;) {
    const r = await get(by, hash, at);
    assert.equal(r.status, 200, r.text);
    assert.deepEqual([r.by, r.sha256, r.at ?? 0], [by, hash, at]);
    assert.ok(r.bytes.length > 0 && r.bytes.length <= PART);
    parts.push(r.bytes);
    at += r.bytes.length;
    len = r.len;
  }
  return Buffer.concat(parts);
}
const works = async () => assert.ok((await whole(d1().id, sha(open))).equals(open));
// A notice of the child that names a file.
async function publish(id, bytes, hash = sha(bytes)) {
  const d = { kind: 'notice', title: id, files: [{ name: 'a.pdf', type: 'pdf', len: bytes.length, sha256: hash }] };
  const b = c.next('fed', [JSON.stringify({ id, k: 'notice/1', op: 'put', r: 1, z: P.b64u(P.random(16)), bl: [{ sha256: hash, len: bytes.length }], d })]);
  assert.equal((await c.send([b])).status, 200);
  b.taken();
  await until(id, 15000, () => w.state('d1').includes(`"${id}"`));
  assert.deepEqual(w.verb('d1', 'parked list', ['--json']), '');
}
const cached = () => { try { return fs.readdirSync(path.join(w.data('d1'), 'cache', c.node, 'blobs'), { recursive: true }).filter((f) => /[0-9a-f]{64}$|part.+/.test(f)); } catch { return []; } };

test('what is for everybody is given, part by part', async () => {
  const file = await clerk.bring('open.pdf', open);
  w.put('d1', 'notice', [{ kind: 'notice', title: '给大家', files: [file] }]);
  await works();
  await works();
  const end = await get(d1().id, sha(open), open.length);
  assert.equal(end.err, 'bad_member');
});

test('what is not for it: one answer, whatever lies there', async () => {
  // A draft that never leaves the district; a report of another street, which the district holds.
  w.put('d1', 'work_report', [{ report: 'annual', period: '2025', title: '草稿', done: 'x', next: 'y', files: [await clerk.bring('draft.pdf', secret)] }]);
  const sun = await Person.hire(w, 's1', 'sun', 'clerk');
  w.put('s1', 'work_report', [{ report: 'annual', period: '2025', title: '年报', done: 'x', next: 'y', state: 'submitted', files: [await sun.bring('report.pdf', report)] }]);
  await until('the report at the district', 15000, () => w.state('d1').includes(sha(report)));
  const nothing = await get(d1().id, sha(Buffer.from('nothing')));
  assert.equal(nothing.status, 404);
  for (const [by, hash] of [[d1().id, sha(secret)], [w.id('s1'), sha(report)], [w.id('s1'), sha(secret)], [w.id('city'), sha(open)], [c.node, sha(open)], ['naaaaaaaaaaaaa', sha(open)]]) {
    const r = await get(by, hash);
    assert.deepEqual([r.status, r.text], [nothing.status, nothing.text]);
  }
  // Nor did asking make the district fetch it.
  await works();
  assert.ok(!fs.existsSync(path.join(w.data('d1'), 'cache')));
});

test('who has heard a hash and publishes it is given nothing for that', async () => {
  await publish('bait-1', secret);
  await publish('bait-2', report);
  for (const [by, hash] of [[c.node, sha(secret)], [c.node, sha(report)], [d1().id, sha(secret)], [w.id('s1'), sha(report)]]) assert.equal((await get(by, hash)).err, 'not_found');
  await works();
});

test('requests that are none', async () => {
  const good = { op: 'get', by: d1().id, sha256: sha(open), at: 0 };
  const stranger = new P.Link({ port: d1().sync });
  assert.equal(JSON.parse((await stranger.post('/sanji/1/blob', P.frame(JSON.stringify(good)), { type: TYPE })).body).err, 'no_session');
  assert.equal(JSON.parse((await stranger.post('/sanji/1/blob', P.frame(JSON.stringify(good)), { type: TYPE, token: P.b64u(P.random(32)) })).body).err, 'no_session');
  stranger.close();
  for (const [what, o] of Object.entries({
    'another hash': { ...good, sha256: good.sha256.slice(1) }, 'stray bits': { ...good, sha256: good.sha256.slice(0, 42) + '_' }, 'no node': { ...good, by: 'x' }, 'a path': { ...good, by: '../../../etc/a' },
    'before the beginning': { ...good, at: -1 }, 'beyond every file': { ...good, at: 20971521 }, 'a word nobody knows': { ...good, op: 'give' }, 'no word': { ...good, op: undefined },
    'a number for a hash': { ...good, sha256: 7 }, nothing: {}, 'a list': [], 'half a frame': P.frame(JSON.stringify(good)).subarray(0, 20), 'no frame': Buffer.from(JSON.stringify(good)), empty: Buffer.alloc(0),
    bomb: P.bomb(1 << 28, 100), 'too much behind it': Buffer.concat([P.frame(JSON.stringify(good)), Buffer.alloc(PART + 8192)]),
  })) {
    const r = await ask(o);
    assert.ok(r.status >= 400 && r.status < 500 && r.err, `${what}: ${JSON.stringify(r).slice(0, 200)}`);
    await works();
  }
});

// What the parent wants of it, as it says on lane down.
async function wanted(can = ['files']) {
  if (!c.down.token) assert.equal((await c.down.open()).status, 200);
  const r = await c.down.exchange({ full: true, max: 0, can });
  if (r.status === 401) {
    c.down.token = null;
    return wanted(can);
  }
  assert.equal(r.status, 200, JSON.stringify(r));
  return r.hello.fetch ?? [];
}
const state = async () => (await clerk.get(`/api/files/${c.node}/notice/mine`)).files[0];
const want = () => clerk.post(`/api/files/${c.node}/notice/mine/${sha(mine)}/fetch`);
const put = (at, bytes, len = mine.length, hash = sha(mine)) => ask({ op: 'put', by: c.node, sha256: hash, at, len }, bytes);

test('what nobody asked for is not taken', async () => {
  await publish('mine', mine);
  assert.deepEqual(await wanted(), []);
  assert.equal((await put(0, mine.subarray(0, PART))).err, 'not_found');
  assert.deepEqual(cached(), []);
});

test('a child of before is asked nothing, and the page says why', async () => {
  await want();
  assert.deepEqual(await wanted([]), []);
  assert.equal((await state()).why, 'needs_newer');
  assert.deepEqual(await wanted(['other']), []);
});

test('what it brings: parts in order, the right length, the right bytes, or nothing stays', async () => {
  assert.deepEqual(await wanted(), [`${c.node} ${sha(mine)} 0`]);
  assert.equal((await state()).why, undefined);
  const far = await put(PART, mine.subarray(PART)); // a hole
  assert.deepEqual([far.status, far.at ?? 0, far.len], [200, 0, mine.length]);
  const none = await put(0, Buffer.alloc(0));
  assert.deepEqual([none.status, none.at ?? 0], [200, 0]);
  const long = await put(0, Buffer.concat([mine.subarray(0, PART), Buffer.alloc(1)]));
  assert.deepEqual([long.status, long.at ?? 0], [200, 0]);
  assert.deepEqual(cached(), []);
  const first = await put(0, mine.subarray(0, PART));
  assert.deepEqual([first.status, first.at], [200, PART]);
  assert.deepEqual([(await state()).here, (await wanted())[0]], [PART, `${c.node} ${sha(mine)} ${PART}`]);
  const twice = await put(0, mine.subarray(0, PART)); // its answer was lost
  assert.equal(twice.at, PART);
  const over = await put(PART, Buffer.alloc(100));
  assert.equal(over.at, PART);
  const wrong = Buffer.from(mine.subarray(PART));
  wrong[3] ^= 1;
  const bad = await put(PART, wrong);
  assert.equal(bad.err, 'bad_hash');
  assert.deepEqual(cached(), []);
  const s = await state();
  assert.deepEqual([s.state, s.why], ['given_up', 'bad_hash']);
  assert.deepEqual(await wanted(), []); // not again by itself
  assert.match(w.log('d1'), new RegExp(`sync.alarm err=bad_hash peer=${c.node}`));

  await want();
  assert.equal((await put(0, mine.subarray(0, PART), mine.length + 1)).err, 'bad_hash'); // another length
  await want();
  assert.equal((await put(0, mine.subarray(0, PART))).at, PART);
  const last = await put(PART, mine.subarray(PART));
  assert.deepEqual([last.status, last.at], [200, mine.length]);
  assert.equal((await state()).state, 'here');
  assert.ok(Buffer.from(await (await clerk.ask('GET', `/api/files/${c.node}/notice/mine/${sha(mine)}`)).arrayBuffer()).equals(mine));
  assert.equal((await put(0, mine.subarray(0, PART))).err, 'not_found');
  await works();
});

test('it says that it has it not: the wish stays, and says so', async () => {
  await publish('gone', Buffer.from('%PDF-1.4 nobody has this %%EOF'), sha(Buffer.from('%PDF-1.4 nobody has this %%EOF')));
  const hash = sha(Buffer.from('%PDF-1.4 nobody has this %%EOF'));
  await clerk.post(`/api/files/${c.node}/notice/gone/${hash}/fetch`);
  assert.deepEqual(await wanted(), [`${c.node} ${hash} 0`]);
  assert.equal((await ask({ op: 'none', by: c.node, sha256: hash, err: 'not_found' })).status, 200);
  const s = (await clerk.get(`/api/files/${c.node}/notice/gone`)).files[0];
  assert.deepEqual([s.state, s.why], ['coming', 'not_found']);
  assert.deepEqual(await wanted(), []); // asked again later
  assert.equal(w.tryVerb('d1', 'verify').code, 0);
});

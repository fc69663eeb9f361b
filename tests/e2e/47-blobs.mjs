// Attachments between real daemons: a notice of the city read at a street, a report of a street read at the city through the district; killed in the middle, gone on, erased, and not a byte left anywhere.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';
import { Person, password, sha } from './lib/person.mjs';

const w = new World();
const id = (n) => w.nodes.get(n).id;
const NODES = ['city', 'd1', 'd2', 's1', 's2'];
before(() => w.tree(NODES));
after(() => w.close());

// Each eight bytes say where they stand, and whose file it is: nothing else on a disk looks like it.
const MARK = { notice: 'JinanZiLiao', report: 'JieDaoFuJian' };
function pdf(mark, size) {
  const b = Buffer.alloc(size, 0x20);
  for (let i = 64; i + 64 < size; i += 64) b.write(`${mark}-${i}`, i);
  b.write('%PDF-1.7\n');
  b.write('\n%%EOF\n', size - 7);
  return b;
}
// Bytes of a file that lie at a node, of those on their way; undefined: none.
const cacheOf = (n, by) => path.join(w.data(n), 'cache', id(by), 'blobs');
const partOf = (n, by, b) => { try { return fs.statSync(path.join(cacheOf(n, by), 'part', sha(b))).size; } catch { return undefined; } };
const hexOf = (b) => createHash('sha256').update(b).digest('hex');
const wholeAt = (n, by, b) => fs.existsSync(path.join(cacheOf(n, by), hexOf(b).slice(0, 2), hexOf(b)));
function* files(dir) {
  for (const e of fs.readdirSync(dir, { withFileTypes: true })) {
    if (e.isDirectory()) yield* files(path.join(dir, e.name));
    else if (e.isFile()) yield path.join(dir, e.name);
  }
}
const holding = (n, mark) => [...files(w.data(n))].filter((f) => fs.readFileSync(f).includes(mark));
// Kills a daemon while a file is on its way to it, or from it; how much the receiver had.
async function killAt(victim, at, by, bytes) {
  let had;
  for (const end = Date.now() + 60000; Date.now() < end;) {
    had = partOf(at, by, bytes);
    if (had > 0) break;
    await new Promise(setImmediate);
  }
  const gone = w.stop(victim, 'SIGKILL');
  assert.ok(had > 0 && had < bytes.length, `${at} had ${had}`);
  await gone;
  assert.ok(!wholeAt(at, by, bytes), 'it was whole already');
  return partOf(at, by, bytes);
}
// It goes on where it was: never less than that.
const goesOn = (at, by, bytes, from) => until(`whole at ${at}`, 60000, () => {
  const now = partOf(at, by, bytes);
  assert.ok(now === undefined || now >= from, `began anew: ${now} < ${from}`);
  return wholeAt(at, by, bytes);
});

const notice = { bytes: pdf(MARK.notice, 20 << 20) };
const report = { bytes: pdf(MARK.report, 20 << 20) };
const people = {};
const year = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 4);

test('a notice of the city: what a street sees of its file before it asks', async () => {
  people.city = await Person.hire(w, 'city', 'li', 'manager');
  people.s1 = await Person.hire(w, 's1', 'sun', 'supervisor');
  const file = await people.city.bring('办法.pdf', notice.bytes);
  [notice.id] = w.put('city', 'notice', [{ kind: 'document', title: '带附件的通知', files: [file] }]);
  notice.path = `/api/files/${id('city')}/notice/${notice.id}/${file.sha256}`;
  await until('at the street', 20000, async () => (await people.s1.ask('GET', `/api/records/${id('city')}/notice/${notice.id}`)).status === 200);
  assert.deepEqual(await people.s1.state(id('city'), 'notice', notice.id), { sha256: file.sha256, state: 'away' });
  const r = await people.s1.ask('GET', notice.path);
  assert.equal(r.status, 404);
  assert.match(await r.text(), /file_away|not on this node/);
  for (const n of ['d1', 'd2', 's1', 's2']) assert.deepEqual(holding(n, MARK.notice), [], n);
});

test('who reads it there has it fetched; district and street are killed in the middle and go on', async () => {
  await people.s1.post(`${notice.path}/fetch`);
  const d = await killAt('d1', 'd1', 'city', notice.bytes);
  const waits = await people.s1.state(id('city'), 'notice', notice.id);
  assert.equal(waits.state, 'coming');
  assert.equal(waits.len, notice.bytes.length);
  assert.equal(waits.from, id('d1'));
  await until('the street knows that nobody answers', 20000, async () => (await people.s1.state(id('city'), 'notice', notice.id)).why === 'unreachable');
  await w.start('d1');
  await goesOn('d1', 'city', notice.bytes, d);
  const s = await killAt('s1', 's1', 'city', notice.bytes);
  await w.start('s1');
  await goesOn('s1', 'city', notice.bytes, s);
  await people.s1.enter(password('sun'));
  assert.equal((await people.s1.state(id('city'), 'notice', notice.id)).state, 'here');
  const got = await people.s1.ask('GET', notice.path);
  assert.equal(got.status, 200);
  assert.equal(got.headers.get('content-type'), 'application/pdf');
  assert.match(got.headers.get('content-disposition'), /^attachment;/);
  assert.ok(Buffer.from(await got.arrayBuffer()).equals(notice.bytes));
  // Nobody else was given it.
  for (const n of ['d2', 's2']) assert.deepEqual(holding(n, MARK.notice), [], n);
});

test('a report of the street: the city has it brought, through the district', async () => {
  const clerk = await Person.hire(w, 's1', 'wang', 'clerk');
  const file = await clerk.bring('年报.pdf', report.bytes);
  [report.id] = w.put('s1', 'work_report', [{ report: 'annual', period: year, title: '年度报告', done: '走访', next: '继续', state: 'submitted', files: [file] }]);
  report.path = `/api/files/${id('s1')}/work_report/${report.id}/${file.sha256}`;
  await until('at the city', 20000, async () => (await people.city.ask('GET', `/api/records/${id('s1')}/work_report/${report.id}`)).status === 200);
  assert.equal((await people.city.state(id('s1'), 'work_report', report.id)).state, 'away');
  await people.city.post(`${report.path}/fetch`);
  const d = await killAt('s1', 'd1', 's1', report.bytes);
  await w.start('s1');
  await goesOn('d1', 's1', report.bytes, d);
  const c = await killAt('city', 'city', 's1', report.bytes);
  await w.start('city');
  await goesOn('city', 's1', report.bytes, c);
  await people.city.enter(password('li'));
  const got = await people.city.ask('GET', report.path);
  assert.ok(Buffer.from(await got.arrayBuffer()).equals(report.bytes));
  for (const n of ['d2', 's2']) assert.deepEqual(holding(n, MARK.report), [], n);
});

test('who does not hold the record is told nothing, and has nothing', async () => {
  const other = await Person.hire(w, 's2', 'zhou', 'admin');
  assert.equal((await other.ask('GET', report.path)).status, 404);
  assert.equal((await other.ask('POST', `${report.path}/fetch`, {})).status, 404);
  assert.equal((await other.ask('GET', `/api/files/${id('s1')}/work_report/${report.id}`)).status, 404);
  // The notice it may have: its district fetches it from the city.
  await other.post(`${notice.path}/fetch`);
  await until('at the other street', 60000, () => wholeAt('s2', 'city', notice.bytes));
  assert.equal((await other.ask('GET', notice.path)).status, 200);
});

test('erased where it was written: gone with every byte at all who had it', async () => {
  const erase = async (n, rec, two) => {
    await Person.hire(w, n, two, 'manager');
    const ask = w.tryVerb(n, 'erase request', [rec, '--why', 'mistake', '--as', n === 'city' ? 'li' : 'wang', '--json'], { input: password(n === 'city' ? 'li' : 'wang') + '\n' });
    assert.equal(ask.code, 0, ask.err);
    const done = w.tryVerb(n, 'erase confirm', [String(JSON.parse(ask.out).n), '--as', two], { input: password(two) + '\n' });
    assert.equal(done.code, 0, done.err);
  };
  for (const [n, mark] of [['city', MARK.notice], ['d1', MARK.notice], ['s1', MARK.notice], ['d1', MARK.report], ['city', MARK.report], ['s1', MARK.report]]) {
    assert.ok(holding(n, mark).length > 0, `${n} ${mark}`);
  }
  // A backup of before, with the file sealed beside it.
  const sealed = (n) => { try { return fs.readdirSync(path.join(w.data(n), 'backups', `${id(n)}.sanji-files`)).length; } catch { return 0; } };
  w.verb('s1', 'recovery new');
  assert.equal(w.json('s1', 'backup').files, 1);
  assert.equal(sealed('s1'), 1);
  await erase('city', notice.id, 'zhao');
  await erase('s1', report.id, 'qian');
  for (const n of NODES) {
    await until(`${n} holds nothing of the notice`, 60000, () => holding(n, MARK.notice).length === 0);
    await until(`${n} holds nothing of the report`, 60000, () => holding(n, MARK.report).length === 0);
  }
  await until('the sealed copy', 60000, () => sealed('s1') === 0);
  assert.equal((await people.s1.ask('GET', notice.path)).status, 404);
  for (const n of NODES) assert.equal(w.tryVerb(n, 'verify').code, 0, n);
});

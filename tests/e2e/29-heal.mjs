// SPDX-License-Identifier: Apache-2.0
// Damage in a node's database: is it named, and does it come back from the neighbours without anything
// being lost and without a new epoch?
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';
import { spawnSync } from 'node:child_process';
import { SANJI, World, until } from './lib/node.mjs';

let w;
after(() => w?.close());

const venues = (t, n) => Array.from({ length: n }, (_, i) => ({ kind: 'venue', title: `${t} ${i}` }));
// SQL on the database of a node that is stopped: rows of columns.
const db = (n, sql) => {
  const r = spawnSync(process.env.SANJI_SQL ?? path.join(path.dirname(SANJI), 'tests/sql'), [path.join(w.data(n), 'sanji.db'), sql], { encoding: 'utf8' });
  assert.equal(r.status, 0, r.stderr);
  return r.stdout.split('\n').filter(Boolean).map((l) => l.split('\t'));
};
const streamNo = (n, by, aud) => db(n, `SELECT no,seq FROM stream WHERE by_node='${by}' AND aud='${aud}' ORDER BY ep DESC`)[0].map(Number);
const at = (n, by, aud, seq) => `pos=(${streamNo(n, by, aud)[0]}<<32)+${seq}`;
// One bit of a stored frame, as a disk turns it.
const turn = (n, by, aud, seq, where = 0.6) => {
  const p = at(n, by, aud, seq);
  db(n, `UPDATE bundle SET frame=turned(frame, CAST(length(frame)*${where} AS INT)) WHERE ${p}`);
};
const drop = (n, by, aud, seq) => db(n, `DELETE FROM bundle WHERE ${at(n, by, aud, seq)}`);
const rows = (n) => Number(db(n, 'SELECT count(*) FROM bundle')[0][0]);
const lines = (n, by) => w.verb(n, 'bundles', ['--stream', `${w.id(by)}/fed`]);
const short = (s) => createHash('sha256').update(s).digest('hex');
const bundles = (n, by) => short(lines(n, by));
const heal = (n, wait = '20s') => w.tryVerb(n, 'verify', ['--heal', '--wait', wait]);
const wrong = (n) => JSON.parse(w.tryVerb(n, 'verify', ['--json']).out.trim().split('\n').at(-1)).wrong;
const epochs = (n, by) => new Set(lines(n, by).split('\n').filter(Boolean).map((l) => JSON.parse(JSON.parse(l).h).ep));

test('three tiers, each with records', async () => {
  w = new World();
  await w.init('city');
  await w.join('d1', 'city', 'district', '370102');
  await w.join('s1', 'd1', 'street', '370102001');
  for (const n of ['city', 'd1', 's1']) for (let i = 0; i < 4; i++) w.put(n, 'listing', venues(`${n}${i}`, 3));
  for (const n of ['s1', 'd1']) assert.equal(w.tryVerb(n, 'sync').code, 0);
  await until('the city has it', 15000, () => bundles('city', 's1') === bundles('s1', 's1'));
  await until('the street has it', 15000, () => bundles('s1', 'city') === bundles('city', 'city'));
});

test('own and foreign bundles damaged or gone at the district: named, and fetched again', async () => {
  const before = [...['city', 'd1', 's1'].map((b) => bundles('d1', b)), short(w.state('d1'))];
  await w.stop('d1');
  turn('d1', w.id('d1'), 'fed', 2);  // its own
  drop('d1', w.id('d1'), 'fed', 3);
  turn('d1', w.id('city'), 'fed', 1); // the parent's
  turn('d1', w.id('s1'), 'fed', 3);   // a child's
  turn('d1', w.id('city'), 'trust', 1, 0.9);
  db('d1', "UPDATE record SET title='x' WHERE n=(SELECT min(n) FROM record)");
  const v = w.tryVerb('d1', 'verify');
  assert.equal(v.code, 1);
  // The trust bundle keeps it shut: that is what is said, with the remedy.
  assert.match(v.err, new RegExp(`bundle ${w.id('city')}/trust/1/1`));
  assert.match(v.err, /sanji verify --heal/);
  const h = heal('d1'); // without a daemon: everything the parent holds
  assert.match(h.err + h.out, /bundles asked for again/);
  await w.start('d1');
  await until('all is well', 30000, () => heal('d1').code === 0);
  assert.equal(wrong('d1'), 0);
  assert.deepEqual([...['city', 'd1', 's1'].map((b) => bundles('d1', b)), short(w.state('d1'))], before);
  assert.equal(w.json('d1', 'status').self, 'ok');
  assert.deepEqual([...epochs('d1', 'd1')], [1]); // no epoch was opened for it
});

test('it goes on: what is written now arrives at both ends', async () => {
  const [id] = w.put('d1', 'listing', venues('danach', 1));
  await until('at the city', 15000, () => w.state('city').includes(`"${id}"`));
  await until('at the street', 15000, () => w.state('s1').includes(`"${id}"`));
});

test('the city has no parent: its children bring back what is damaged', async () => {
  const before = [bundles('city', 'city'), bundles('city', 's1')];
  await w.stop('city');
  turn('city', w.id('city'), 'fed', 2);
  turn('city', w.id('s1'), 'fed', 2);
  await w.start('city');
  assert.ok(wrong('city') > 0);
  await until('all is well', 60000, () => heal('city').code === 0);
  assert.deepEqual([bundles('city', 'city'), bundles('city', 's1')], before);
  assert.deepEqual([...epochs('city', 'city')], [1]);
});

test('an own bundle that nobody else has is kept, and that is said', async () => {
  await w.stop('d1');
  await w.stop('s1');
  w.put('s1', 'listing', venues('nur hier', 2)); // no daemon, no parent: nobody has it
  const [, seq] = streamNo('s1', w.id('s1'), 'fed');
  turn('s1', w.id('s1'), 'fed', seq);
  const held = rows('s1');
  const h = heal('s1', '2s');
  assert.equal(h.code, 75);
  assert.match(h.err, new RegExp(`${w.id('s1')}/fed/1/${seq} was written here`));
  assert.equal(rows('s1'), held);
  await w.start('d1');
  await w.start('s1');
  // It writes on behind it; what stands before it is with the parent.
  w.put('s1', 'listing', venues('weiter', 1));
  assert.ok(streamNo('s1', w.id('s1'), 'fed')[1] > seq);
});

test('damaged pages are named with a remedy, whatever they hold', async () => {
  await w.stop('d1');
  const f = path.join(w.data('d1'), 'sanji.db');
  const sound = fs.readFileSync(f);
  for (const page of [1, 2, 3, 5, 8, 13, 21, 34]) {
    const bad = Buffer.from(sound);
    if (page * 4096 + 4096 > bad.length) continue;
    bad.fill(0x5a, page * 4096, page * 4096 + 2048);
    for (const x of ['-wal', '-shm']) fs.rmSync(f + x, { force: true });
    fs.writeFileSync(f, bad);
    const v = w.tryVerb('d1', 'verify');
    assert.equal(v.code, 1, `page ${page}: ${v.out}${v.err}`);
    assert.match(v.err, /sanji (verify --heal|restore|rebuild)/);
  }
  fs.writeFileSync(f, Buffer.from('not a database at all').toString().padEnd(8192));
  const v = w.tryVerb('d1', 'verify');
  assert.equal(v.code, 1);
  assert.match(v.err, /restore a backup/);
  for (const x of ['-wal', '-shm']) fs.rmSync(f + x, { force: true });
  fs.writeFileSync(f, sound);
  assert.equal(wrong('d1'), 0);
});

test('a folder shut by a damaged trust bundle: every command says what is damaged and what to do', () => {
  turn('d1', w.id('d1'), 'trust', 1);
  for (const [verb, input] of [['serve'], ['status'], ['put listing', '{"kind":"venue","title":"y"}\n'], ['sync'], ['export-state'], ['rebuild'], ['verify']]) {
    const r = w.tryVerb('d1', verb, [], { input });
    assert.equal(r.code, 1, `${verb}: ${r.code} ${r.err}`);
    assert.match(r.err, /trust\/1\/1.*verify/s, verb);
  }
});

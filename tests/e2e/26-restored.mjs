// A data folder put back from a backup: does the node notice, heal where it can, and stop and say so where it cannot?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';
import { World, until } from './lib/node.mjs';

const venue = (title) => ({ kind: 'venue', title });
let w;
after(() => w?.close());

const self = (n) => w.json(n, 'status').self;
const has = (n, ids) => { const s = w.state(n); return ids.every((i) => s.includes(`"${i}"`)); };
const copy = (n) => { fs.rmSync(w.data(n + '.old'), { recursive: true, force: true }); fs.cpSync(w.data(n), w.data(n + '.old'), { recursive: true }); };
const back = (n) => { fs.rmSync(w.data(n), { recursive: true }); fs.cpSync(w.data(n + '.old'), w.data(n), { recursive: true }); };
const backDb = (n) => {
  for (const f of ['sanji.db', 'sanji.db-wal', 'sanji.db-shm']) {
    fs.rmSync(path.join(w.data(n), f), { force: true });
    if (fs.existsSync(path.join(w.data(n + '.old'), f))) fs.copyFileSync(path.join(w.data(n + '.old'), f), path.join(w.data(n), f));
  }
};
const tryPut = (n, title, lang = 'en') => w.run(['put', 'listing', '--data', w.data(n)], { input: JSON.stringify(venue(title)) + '\n', lang });
// A node that was copied, went on, and was put back: its state before, what it published after.
async function published(n, put) {
  await w.stop(n);
  copy(n);
  await w.start(n);
  const ids = w.put(n, 'listing', [venue(put)]);
  await until(`${put} is with the parent`, 15000, () => has('city', ids));
  await w.stop(n);
  return ids;
}

test('the parent in reach: what is missing comes back, and it writes on', async () => {
  w = new World();
  await w.init('city');
  await w.join('d1', 'city', 'district', '370102');
  assert.equal(self('d1'), 'ok');
  assert.equal(fs.statSync(path.join(w.data('d1'), 'keys/guard'), { throwIfNoEntry: false })?.mode & 0o77, 0);
  const ids = await published('d1', '备份之后');
  back('d1');
  await w.start('d1');
  await until('its own is back', 15000, () => self('d1') === 'ok' && has('d1', ids));
  ids.push(...w.put('d1', 'listing', [venue('恢复之后')]));
  await until('with the parent', 15000, () => has('city', ids));
  assert.equal(w.tryVerb('d1', 'sync').code, 0);
});

test('only the database put back, the parent out of reach: the guard keeps it from writing', async () => {
  const ids = await published('d1', '守护之后');
  await w.stop('city');
  backDb('d1');
  for (const online of [false, true]) {
    if (online) await w.start('d1');
    const r = tryPut('d1', '不该写入');
    assert.equal(r.code, 1, r.err);
    assert.match(r.err, /older than what this node has published.*\[gap\]/s);
    assert.equal(r.out, '');
    assert.match(tryPut('d1', '不该写入', 'zh').err, /比本节点已发布的内容旧/);
    assert.equal(self('d1'), 'behind');
    assert.match(w.tryVerb('d1', 'status').err, /older than/);
    const doc = w.tryVerb('d1', 'doctor');
    assert.equal(doc.code, 1);
    assert.match(doc.out, /WRONG .*older than/);
  }
  assert.match(w.log('d1'), /event=node\.self state=behind/);
  await w.start('city');
  w.tryVerb('d1', 'sync');
  await until('whole again', 20000, () => self('d1') === 'ok' && has('d1', ids));
  assert.equal(tryPut('d1', '现在可以').code, 0);
  assert.equal(w.tryVerb('d1', 'sync').code, 0);
  for (const n of ['city', 'd1']) assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n);
});

test('the whole folder put back and written to offline: said at both ends at the next contact', async () => {
  await published('d1', '第一份历史');
  await w.stop('city');
  back('d1');
  await w.start('d1');
  assert.equal(tryPut('d1', '第二份历史').code, 0, 'nobody can tell yet');
  await w.start('city');
  const began = Date.now();
  const r = w.tryVerb('d1', 'sync', ['--wait', '60s']);
  assert.equal(r.code, 1);
  assert.match(r.err, /two histories.*\[fork\]/s);
  assert.ok(Date.now() - began < 50000, 'it does not run to its limit of 60 s');
  assert.equal(self('d1'), 'forked');
  await until('the parent says so', 15000, () => /sync\.alarm.*err=fork/.test(w.log('city')));
  assert.match(w.log('d1'), /event=node\.self state=forked/);
  const put = tryPut('d1', '不该写入');
  assert.equal(put.code, 1);
  assert.match(put.err, /two histories.*registrar.*\[fork\]/s);
  assert.match(tryPut('d1', '不该写入', 'zh').err, /两份不同的历史/);
  assert.match(w.tryVerb('d1', 'doctor').out, /WRONG .*forked/);
  // Others still reach it, and it remembers over a restart with nobody in reach.
  const ids = w.put('city', 'listing', [venue('别的照常')]);
  await until('it still receives', 15000, () => has('d1', ids));
  await w.stop('city');
  await w.stop('d1');
  assert.equal(tryPut('d1', '不该写入').code, 1);
  await w.close();
});

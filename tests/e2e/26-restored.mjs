// A data folder put back from a backup, or copied: does the node notice, lose nothing, and say what a person has to do?
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

const epochs = (n, by, aud = 'fed') => new Set(w.verb(n, 'bundles', ['--stream', `${w.id(by)}/${aud}`]).split('\n').filter(Boolean).map((l) => JSON.parse(JSON.parse(l).h).ep));
const whole = (...ns) => { for (const n of ns) assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n); };

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

test('only the database put back, the parent out of reach: it writes on in a new epoch', async () => {
  const [x] = w.put('d1', 'listing', [venue('原来')]);
  await until('with the parent', 15000, () => has('city', [x]));
  await w.stop('d1');
  copy('d1');
  await w.start('d1');
  const ids = w.put('d1', 'listing', [venue('守护之后')]);
  w.put('d1', 'listing', [{ id: x, ...venue('备份之后改的') }]);
  await until('with the parent', 15000, () => has('city', ids) && w.state('city').includes('备份之后改的'));
  await w.stop('d1');
  await w.stop('city');
  backDb('d1');
  for (const online of [false, true]) {
    if (online) await w.start('d1');
    const r = tryPut('d1', online ? '开着写' : '关着写');
    assert.equal(r.code, 0, r.err);
    assert.equal(self('d1'), 'unconfirmed');
    assert.match(w.tryVerb('d1', 'status').err, /put back from a backup/);
    assert.match(w.tryVerb('d1', 'doctor').out, /put back from a backup/);
  }
  w.put('d1', 'listing', [{ id: x, ...venue('恢复之后改的') }]);
  const inv = w.tryVerb('d1', 'invite', ['--name', '街道', '--tier', 'street', '--area', '370102001', '--auto-approve']);
  assert.equal(inv.code, 0, inv.err); // an invite is a promise; the act waits
  assert.match(w.log('d1'), /event=node\.self state=unconfirmed/);
  await w.start('city');
  w.tryVerb('d1', 'sync');
  await until('whole again', 20000, () => self('d1') === 'ok' && has('d1', ids) && has('city', ids));
  await until('what was written meanwhile', 15000, () => ['开着写', '关着写', '恢复之后改的'].every((t) => w.state('city').includes(t)));
  assert.ok(epochs('city', 'd1').size >= 2);
  // Both versions are shown, the later one counts; a further change settles it.
  const two = JSON.parse(w.verb('d1', 'versions', ['--json']).trim());
  assert.equal(two.id, x);
  assert.deepEqual(two.versions.map((v) => v.d.title), ['备份之后改的', '恢复之后改的']);
  assert.deepEqual(two.versions.map((v) => v.counts), [false, true]);
  assert.equal(w.json('d1', 'status').twice, 1);
  assert.match(w.tryVerb('d1', 'doctor').out, /sanji versions/);
  w.put('d1', 'listing', [{ id: x, ...venue('定稿') }]);
  assert.equal(w.json('d1', 'status').twice, 0);
  assert.equal(w.tryVerb('d1', 'sync').code, 0);
  whole('city', 'd1');
});

test('the guard file is gone: a new epoch, and on it goes', async () => {
  await w.stop('d1');
  const before = Math.max(...epochs('d1', 'd1'));
  fs.rmSync(path.join(w.data('d1'), 'keys/guard'));
  await w.start('d1');
  const ids = w.put('d1', 'listing', [venue('没有守护文件')]);
  await until('with the parent', 15000, () => has('city', ids) && self('d1') === 'ok');
  assert.equal(Math.max(...epochs('city', 'd1')), before + 1);
});

test('the whole folder put back and written to offline: both histories are kept', async () => {
  const first = await published('d1', '第一份历史');
  await w.stop('city');
  back('d1');
  await w.start('d1');
  const second = w.put('d1', 'listing', [venue('第二份历史')]);
  assert.equal(self('d1'), 'ok', 'nobody can tell yet');
  await w.start('city');
  w.tryVerb('d1', 'sync', ['--wait', '30s']);
  await until('one history again', 20000, () => self('d1') === 'ok' && has('city', [...first, ...second]) && has('d1', [...first, ...second]));
  assert.match(w.log('d1'), /err=fork/, 'it was noticed');
  const more = w.put('d1', 'listing', [venue('之后')]);
  await until('and it goes on', 15000, () => has('city', more));
  assert.equal(w.tryVerb('d1', 'sync').code, 0);
  whole('city', 'd1');
});

test('the top put back: its children bring everything back', async () => {
  await w.stop('city');
  copy('city');
  await w.start('city');
  const ids = w.put('city', 'listing', [venue('市级备份之后')]);
  await until('with the child', 15000, () => has('d1', ids));
  const own = w.put('d1', 'listing', [venue('下级备份之后')]);
  await until('with the top', 15000, () => has('city', own));
  await w.stop('city');
  back('city');
  await w.start('city');
  w.tryVerb('d1', 'sync');
  await until('all back', 20000, () => self('city') === 'ok' && has('city', [...ids, ...own]));
  const more = w.put('city', 'listing', [venue('市级恢复之后')]);
  await until('and on', 15000, () => has('d1', more));
  whole('city', 'd1');
});

test('a copied machine: both stop, five commands end it, nothing is lost', async () => {
  await w.stop('d1');
  copy('d1');
  fs.cpSync(w.data('d1.old'), w.data('d1b'), { recursive: true });
  await w.start('d1');
  const a = w.put('d1', 'listing', [venue('甲机所写')]);
  await until('with the parent', 15000, () => has('city', a));
  for (let i = 0; i < 2; i++) { await w.stop('d1'); await w.start('d1'); await until('logged in', 15000, () => w.json('d1', 'status').peers[0].connected); }
  const run = (...args) => w.run(args, { lang: 'en' });
  const b = w.run(['put', 'listing', '--data', w.data('d1b')], { input: JSON.stringify(venue('乙机所写')) + '\n' }).out.trim().split('\n');
  for (let i = 0; i < 4 && self('d1') !== 'clone'; i++) { run('sync', '--data', w.data('d1b'), '--wait', '10s'); run('sync', '--data', w.data('d1'), '--wait', '10s'); }
  await until('the first says so', 20000, () => self('d1') === 'clone');
  run('sync', '--data', w.data('d1b'), '--wait', '10s');
  assert.equal(JSON.parse(run('status', '--data', w.data('d1b'), '--json').out).self, 'clone');
  await until('the parent says so', 15000, () => /sync\.alarm.*err=two_machines/.test(w.log('city')));
  const put = tryPut('d1', '不该写入');
  assert.equal(put.code, 1);
  assert.match(put.err, /two machines.*sanji node believe.*\[two_machines\]/s);
  assert.match(tryPut('d1', '不该写入', 'zh').err, /两台机器/);
  await w.stop('d1');
  assert.equal(w.tryVerb('city', 'node believe', [w.id('d1')]).code, 0);
  assert.equal(run('sync', '--data', w.data('d1b'), '--wait', '30s').code, 0);
  assert.equal(w.tryVerb('city', 'node believe', [w.id('d1')]).code, 0);
  assert.equal(run('sync', '--data', w.data('d1'), '--wait', '30s').code, 0);
  await w.start('d1');
  await until('nothing is lost', 20000, () => self('d1') === 'ok' && has('city', [...a, b]) && has('d1', [...a, b]));
  const more = w.put('d1', 'listing', [venue('只剩一台')]);
  await until('and on', 15000, () => has('city', more));
  whole('city', 'd1');
});

test('an end to a replaced key: what the parent holds stands, and the node goes on', async () => {
  const ids = w.put('d1', 'listing', [venue('旧密钥所写')]);
  await until('with the parent', 15000, () => has('city', ids));
  const old = JSON.parse(JSON.parse(w.verb('d1', 'bundles', ['--stream', `${w.id('d1')}/fed`]).trim().split('\n').pop()).h).kid;
  assert.notEqual(JSON.parse(w.verb('d1', 'node rotate-key', ['--json'])).kid, old);
  assert.equal(w.tryVerb('city', 'node revoke', [w.id('d1'), '--kid', old, '--why', 'fork']).code, 0);
  const more = w.put('d1', 'listing', [venue('新密钥所写')]);
  await until('and on', 15000, () => has('city', [...ids, ...more]) && has('d1', [...ids, ...more]));
  whole('city', 'd1');
  await w.close();
});

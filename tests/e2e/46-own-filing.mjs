// A node's own filing never leaves it, and survives a change of keys and a restored backup.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { spawnSync } from 'node:child_process';
import { SANJI, World, sleep, until } from './lib/node.mjs';

const w = new World();
before(() => w.tree(['city', 'd1', 's1']));
after(() => w.close());

const secret = '档案里的张某某';
const org = (id, name, more = {}) => ({ id, name, kind: 'community', state: 'incubating', mobile: secret, ...more });
const list = (n, kind) => w.verb(n, 'list', [kind, '--json']).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
const whole = (...ns) => { for (const n of ns) assert.equal(w.json(n, 'verify').wrong, 0, n); };
const walk = (d) => fs.readdirSync(d, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(path.join(d, e.name)) : e.isFile() ? [path.join(d, e.name)] : []));
const streams = (n, of) => w.verb(n, 'bundles', ['--stream', `${w.id(of)}/own`]).split('\n').filter(Boolean).length;

test('archive, honours and visits stay at home; the card travels', async () => {
  w.put('s1', 'org', [org('o1', '晨光社工', { public: true }), org('o2', '不公开的组织')]);
  w.put('s1', 'org_event', [{ org: 'o1', kind: 'honour', title: '市级先进', date: '2026-11-01', level: 'city' }]);
  w.put('s1', 'service', [{ title: '入户走访', date: '2026-11-02', method: 'case', org: 'o1', persons: 3, person_times: 5 }]);
  await until('the card is at the city', 15000, () => w.state('city').includes('晨光社工'));
  assert.equal(w.verb('s1', 'sync') && list('s1', 'org').length, 2);
  for (const n of ['d1', 'city']) {
    assert.deepEqual(list(n, 'org'), []);
    assert.deepEqual(list(n, 'service'), []);
    assert.equal(streams(n, 's1'), 0);
    assert.ok(!w.state(n).includes('不公开的组织'));
  }
  assert.ok(streams('s1', 's1') > 0);
  const bad = w.tryVerb('s1', 'put', ['service'], { input: JSON.stringify({ title: 'x', date: '2026-11-02', method: 'case', org: 'o9' }) + '\n' });
  assert.notEqual(bad.code, 0);
  assert.match(bad.err, /org/);
  const step = w.tryVerb('s1', 'put', ['org'], { input: JSON.stringify(org('o1', '晨光社工', { state: 'applying' })) + '\n' });
  assert.notEqual(step.code, 0);
  assert.match(step.err, /state.*graduated/s);
  whole('city', 'd1', 's1');
});

test('the numbers go up, the records do not: the city counts what it cannot read', async () => {
  const total = (n, ind) => JSON.parse(w.verb(n, 'stats', ['--period', '2026-11', '--json'])).total.find((t) => t.ind === ind)?.v ?? 0;
  await until('counted at the city', 20000, () => total('city', 'service.done') === 1 && total('city', 'org.honour') === 1);
  const now = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7);
  const live = () => JSON.parse(w.verb('city', 'stats', ['--period', now, '--json'])).total.find((t) => t.ind === 'org.incubating')?.v ?? 0;
  await until('both organisations', 20000, () => live() === 2);
  w.put('s1', 'service', [{ title: '小组活动', date: '2026-11-20', method: 'group' }]);
  await until('one more', 20000, () => total('city', 'service.done') === 2);
  const own = JSON.parse(w.verb('s1', 'stats', ['--period', '2026-11', '--recount', '--json'])).recount;
  assert.deepEqual(own.wrong, [], 'its own node counts it again');
  assert.ok(own.checked > 0);
  assert.deepEqual(JSON.parse(w.verb('city', 'stats', ['--period', '2026-11', '--recount', '--json'])).recount.wrong, []);
});

test('new keys: what was filed under the old one is still there', async () => {
  w.verb('s1', 'node rotate-key');
  await until('the city knows the new key', 20000, () => w.json('city', 'node show', [w.id('s1')]).keys.length === 2);
  w.put('s1', 'org', [org('o3', '换钥匙之后')]);
  assert.equal(list('s1', 'org').length, 3);
  w.verb('s1', 'rebuild');
  assert.equal(list('s1', 'org').length, 3, 'derived anew it is the same');
  for (const n of ['d1', 'city']) assert.equal(JSON.stringify(w.json(n, 'node show', [w.id('s1')])).includes('"own"'), false);
  whole('city', 'd1', 's1');
});

test('its bundles are damaged, then new keys: what is shown is the last copy, and stays until it is written again', async () => {
  const shown = () => list('s1', 'org').map((o) => `${o.id} ${o.name}`).sort();
  const before = shown();
  await w.stop('s1');
  const own = `pos>>32=(SELECT no FROM stream WHERE aud='own')`;
  // In more than one place: a bit of the signature alone changes nothing that is read again.
  const bits = [0.2, 0.5, 0.8].reduce((f, at) => `turned(${f}, CAST(length(frame)*${at} AS INT))`, 'frame');
  const sql = spawnSync(process.env.SANJI_SQL ?? path.join(path.dirname(SANJI), 'tests/sql'),
    [path.join(w.data('s1'), 'sanji.db'), `UPDATE bundle SET frame=${bits} WHERE ${own}`], { encoding: 'utf8' });
  assert.equal(sql.status, 0, sql.stderr);
  await w.start('s1');
  const unread = w.tryVerb('s1', 'rebuild');
  assert.notEqual(unread.code, 0, 'damage nobody has looked at yet: nothing is done');
  assert.deepEqual(shown(), before);
  w.verb('s1', 'node rotate-key');
  await until('the city knows the newest key', 20000, () => w.json('city', 'node show', [w.id('s1')]).keys.length === 3);
  assert.deepEqual(shown(), before, 'derived again, with bundles that cannot be read');
  const again = w.tryVerb('s1', 'rebuild');
  assert.equal(again.code, 1);
  assert.match(again.err, /kept as they were shown.*verify --heal/s);
  assert.deepEqual(shown(), before);
  await until('healed', 60000, () => w.tryVerb('s1', 'verify', ['--heal', '--wait', '2s']).code === 0);
  assert.deepEqual(shown(), before);
  assert.equal(w.tryVerb('s1', 'rebuild').code, 0);
  assert.deepEqual(shown(), before);
  whole('city', 'd1', 's1');
});

test('a backup of before is restored: what it held is there, and filing goes on', async () => {
  const code = w.json('s1', 'recovery new').recovery;
  const out = path.join(w.dir, 'stick');
  fs.mkdirSync(out);
  const file = w.json('s1', 'backup', ['--to', out]).file;
  w.put('s1', 'org', [org('o4', '备份之后')]);
  const card = w.put('s1', 'org', [org('o5', '备份之后公开', { public: true })]);
  assert.deepEqual(card, ['o5']);
  await until('its card is at the city', 15000, () => w.state('city').includes('备份之后公开'));
  await w.stop('s1', 'SIGKILL');
  fs.rmSync(w.data('s1'), { recursive: true });
  w.ok(['restore', '--data', w.data('s1'), file], { input: code + '\n' });
  await w.start('s1');
  await until('well again', 90000, () => w.json('s1', 'status').self === 'ok');
  assert.deepEqual(list('s1', 'org').map((o) => o.id).sort(), ['o1', 'o2', 'o3'], 'a backup is as old as it is');
  // The card came back from the city, its archive did not: a card without one may be taken back, others may not.
  await until('the card is back', 30000, () => w.state('s1').includes('备份之后公开'));
  assert.notEqual(w.tryVerb('s1', 'withdraw', ['o1.card']).code, 0, 'o1 is there');
  w.verb('s1', 'withdraw', ['o5.card']);
  await until('gone at the city', 30000, () => !w.state('city').includes('备份之后公开'));
  w.put('s1', 'org', [org('o6', '恢复之后', { public: true })]);
  await until('it goes on', 30000, () => w.state('city').includes('恢复之后'));
  assert.ok(list('s1', 'org').some((o) => o.id === 'o6'));
  whole('city', 'd1', 's1');
});

test('not a byte of it is anywhere else', async () => {
  await sleep(200);
  for (const n of ['d1', 'city']) {
    await w.stop(n);
    for (const f of walk(w.data(n))) assert.ok(!fs.readFileSync(f).includes(secret), f);
  }
  await w.stop('s1');
  // Frames are compressed: what is readable there is the view.
  assert.ok(walk(w.data('s1')).some((f) => fs.readFileSync(f).includes(secret)), 'the search can find');
});

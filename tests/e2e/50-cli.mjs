// Does every verb keep the contract of the command line: help in both languages, exit codes, refusals that name line, member and remedy?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { SANJI, World } from './lib/node.mjs';

const w = new World();
before(() => w.tree(['city', 'd1', 's1']));
after(() => w.close());

const verbs = ['init', 'invite', 'join', 'approve', 'node list', 'node show', 'node move', 'node rotate-key', 'node revoke', 'serve', 'status', 'doctor', 'sync', 'put', 'get', 'list',
  'withdraw', 'referral send', 'referral open', 'referral accept', 'referral decline', 'referral outcome', 'referral cancel', 'referral close', 'export-state', 'bundles', 'rebuild', 'verify',
  'parked list', 'parked retry', 'parked discard', 'explain', 'stats', 'user add', 'user reset', 'user list', 'set-parent-url'];
const raw = (args, env = {}) => {
  const r = spawnSync(SANJI, args, { encoding: 'utf8', env: { PATH: process.env.PATH, ...env } });
  return { code: r.status, out: r.stdout, err: r.stderr };
};
const put = (input, args = [], n = 's1') => w.tryVerb(n, 'put', ['listing', ...args], { input });

test('help of every verb, in both languages, complete', () => {
  for (const v of verbs) {
    const en = raw([...v.split(' '), '--help', '--lang', 'en']);
    const zh = raw([...v.split(' '), '--help', '--lang', 'zh']);
    for (const [l, r] of [['en', en], ['zh', zh]]) {
      assert.equal(r.code, 0, `${v} ${l}: ${r.err}`);
      assert.ok(r.out.startsWith(`sanji ${v}`), `${v} ${l}`);
      assert.ok(!/\b(verb|flag|help|usage)\.[a-z_]+/.test(r.out), `${v} ${l} lacks a text: ${r.out}`);
      if (v !== 'kinds') assert.ok(r.out.includes('--data'), v);
    }
    assert.match(zh.out, /[\u4e00-\u9fff]{2}/, v);
    assert.ok(!/[\u4e00-\u9fff]/.test(en.out), `${v}: ${en.out}`);
  }
  const all = raw(['--help', '--lang', 'en']).out;
  for (const v of verbs) assert.ok(all.includes(`  ${v}`), v);
});

test('the language follows LC_ALL, LC_MESSAGES, LANG and --lang', () => {
  const zh = /[\u4e00-\u9fff]/;
  assert.match(raw(['status', '--data', '/nowhere'], { LANG: 'zh_CN.UTF-8' }).err, zh);
  assert.doesNotMatch(raw(['status', '--data', '/nowhere'], { LANG: 'zh_CN.UTF-8', LC_ALL: 'en_US.UTF-8' }).err, zh);
  assert.match(raw(['status', '--data', '/nowhere'], { LANG: 'en_US', LC_MESSAGES: 'zh_CN' }).err, zh);
  assert.doesNotMatch(raw(['status', '--data', '/nowhere', '--lang', 'en'], { LANG: 'zh_CN.UTF-8' }).err, zh);
});

test('misuse is 2, refused is 1, not reachable is 75', () => {
  for (const a of [[], ['frobnicate'], ['put'], ['status'], ['put', '--data', w.data('s1')], ['status', '--data', w.data('s1'), '--nope'], ['put', '--data', w.data('s1'), 'unicorn'],
    ['init', '--data', w.data('x'), '--name', 'x', '--tier', 'village', '--area', '37'], ['invite', '--data', w.data('d1'), '--name', 'x', '--tier', 'street'],
    ['list', '--data', w.data('s1'), 'listing', '--limit', 'many'], ['status', '--data', w.data('s1'), '--data', w.data('d1')], ['status', '--data', w.data('s1'), '--lang', 'klingon']]) {
    const r = raw(a);
    assert.equal(r.code, 2, `${a.join(' ')}: ${r.code} ${r.err}`);
    assert.ok(r.err.length > 5 && r.out === '', a.join(' '));
  }
  for (const a of [['status', '--data', '/nowhere'], ['get', '--data', w.data('s1'), 'nothing'], ['node', 'show', '--data', w.data('s1'), 'naaaaaaaaaaaaa'], ['approve', '--data', w.data('d1'), 'naaaaaaaaaaaaa'],
    ['put', '--data', w.data('s1'), 'listing', '/no/such/file'], ['init', '--data', w.data('s1'), '--name', 'x', '--tier', 'city', '--area', '37'], ['explain', '--data', w.data('s1'), 'nothing'],
    ['node', 'move', '--data', w.data('s1'), w.nodes.get('d1').id, '--to', w.nodes.get('s1').id], ['node', 'revoke', '--data', w.data('s1'), w.nodes.get('d1').id]]) {
    const r = raw(a, { LANG: 'C' });
    assert.equal(r.code, 1, `${a.join(' ')}: ${r.code} ${r.err}`);
    assert.ok(r.err.length > 10, a.join(' '));
  }
});

test('a refused put names line, member and remedy, shows all bad lines, and changes nothing', () => {
  const before = w.state('s1');
  const bundles = w.json('s1', 'status').bundles;
  const lines = ['{"kind":"venue","title":"好的"}', '{"kind":"venue"}', '{"kind":"castle","title":"x"}', '{"kind":"venue","title":"x","capacity":-1}', 'not json',
    '{"kind":"venue","title":"x","title":"y"}', '{"kind":"venue","title":"x","colour":"red"}', '{"kind":"venue","title":"好的二"}', `{"kind":"venue","title":"${'长'.repeat(121)}"}`, '{"kind":"venue","title":"x","lat":1}'];
  const r = put(lines.join('\n'));
  assert.equal(r.code, 1);
  assert.equal(r.out, '', 'no id for anything');
  for (const [line, member] of [[2, 'title'], [3, 'kind'], [4, 'capacity'], [5, ''], [6, ''], [7, 'colour'], [9, 'title'], [10, 'l']]) {
    const said = r.err.split('\n').find((l) => new RegExp(`\\b${line}\\b`).test(l.slice(0, 20)));
    assert.ok(said && said.includes(member), `line ${line}: ${r.err}`);
  }
  assert.equal(r.err.split('\n').filter((l) => /^line [18]:/.test(l)).length, 0, `good lines are not named: ${r.err}`);
  assert.match(r.err, /venue/, 'the remedy lists what would be right');
  assert.equal(w.state('s1'), before);
  assert.equal(w.json('s1', 'status').bundles, bundles);
  const zh = w.tryVerb('s1', 'put', ['listing'], { input: lines.join('\n'), lang: 'zh' });
  assert.match(zh.err, /[\u4e00-\u9fff]/);
  const dry = put('{"kind":"venue","title":"试"}', ['--dry-run']);
  assert.equal(dry.code, 0);
  assert.equal(w.state('s1'), before);
});

test('--stream stores the good lines, names the bad, and says 1', () => {
  const r = put('{"kind":"venue","title":"甲"}\nnope\n{"kind":"venue","title":"乙"}\n', ['--stream']);
  assert.equal(r.code, 1);
  assert.equal(r.out.trim().split('\n').length, 2);
  assert.match(r.err, /2/);
});

test('ids in order; a repeated put with ids makes no duplicates, with a daemon and without', async () => {
  const recs = Array.from({ length: 700 }, (_, i) => JSON.stringify({ id: `x-${i}`, kind: 'venue', title: `第 ${i} 间` })).join('\n');
  const file = path.join(w.dir, 'in.ndjson');
  fs.writeFileSync(file, recs);
  const want = Array.from({ length: 700 }, (_, i) => `x-${i}`);
  assert.deepEqual(w.verb('s1', 'put', ['listing', file]).trim().split('\n'), want);
  const state = w.state('s1', ['--kind', 'listing']);
  const again = w.json('s1', 'status').bundles;
  assert.deepEqual(w.verb('s1', 'put', ['listing', file]).trim().split('\n'), want);
  assert.equal(w.state('s1', ['--kind', 'listing']), state);
  await w.stop('s1');
  assert.deepEqual(w.verb('s1', 'put', ['listing', '-'], { input: recs }).trim().split('\n'), want);
  assert.equal(w.state('s1', ['--kind', 'listing']), state);
  await w.start('s1');
  assert.equal(w.state('s1', ['--kind', 'listing']), state);
  assert.ok(w.json('s1', 'status').bundles - again <= 2, 'identical content makes no bundles beside statistics');
});

test('export-state is deterministic, sorted, one object a line', () => {
  const a = w.state('s1');
  assert.equal(a, w.state('s1'));
  const rows = a.trim().split('\n').map((l) => JSON.parse(l));
  const key = (r) => `${r.owner}\0${r.kind}\0${r.id}`;
  for (let i = 1; i < rows.length; i++) assert.ok(key(rows[i - 1]) < key(rows[i]), `${rows[i - 1].id} ${rows[i].id}`);
  for (const r of rows) assert.ok(r.owner && r.kind && r.id && Number.isInteger(r.revision));
});

test('another owner\'s record is out of reach under the same id', () => {
  const before = w.state('d1', ['--kind', 'listing']);
  w.put('d1', 'listing', [{ id: 'x-1', kind: 'course', title: '区的' }]);
  const rows = w.state('d1', ['--kind', 'listing']).trim().split('\n').map((l) => JSON.parse(l)).filter((r) => r.id === 'x-1');
  assert.ok(rows.some((r) => r.owner === w.nodes.get('d1').id && r.content.title === '区的'));
  assert.ok(before.trim().split('\n').every((l) => w.state('d1', ['--kind', 'listing']).includes(l)));
  assert.equal(w.tryVerb('d1', 'withdraw', ['x-2']).code, 1, 'not its own');
});

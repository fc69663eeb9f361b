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
  'withdraw', 'referral send', 'referral open', 'referral accept', 'referral decline', 'referral outcome', 'referral cancel', 'referral close', 'export', 'export-state', 'bundles', 'rebuild', 'verify',
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

test('the first word of a group shows its verbs: as misuse alone, as help when asked', () => {
  for (const g of ['node', 'user', 'referral', 'parked']) {
    const alone = raw([g, '--lang', 'en']);
    assert.equal(alone.code, 2, g);
    const help = raw([g, '--help', '--lang', 'en']);
    assert.equal(help.code, 0, g);
    assert.equal(raw(['help', g, '--lang', 'en']).out, help.out);
    for (const v of verbs) {
      assert.equal(help.out.includes(`  ${v} `), v.startsWith(`${g} `), `${g}: ${v}`);
      if (v.startsWith(`${g} `)) assert.ok(alone.err.includes(v), `${g}: ${v}`);
    }
  }
  assert.equal(raw(['nod', '--lang', 'en']).code, 2);
  assert.ok(!raw(['nod', '--lang', 'en']).err.includes('node list'));
});

test('a folder or key file that cannot be made is named, with why and what to do', () => {
  const born = (dir, key) => raw(['init', '--data', dir, '--name', '某', '--tier', 'city', '--area', '37', ...(key ? ['--root-key', key] : []), '--lang', 'en']);
  const file = path.join(w.dir, 'a-file');
  fs.writeFileSync(file, '');
  for (const [r, where, why] of [
    [born(path.join(w.dir, 'none/deeper')), 'none/deeper', 'does not exist'], [born(file), 'a-file', 'a file stands'], [born(path.join(file, 'x')), 'a-file/x', 'a file stands'],
    [born(path.join(w.dir, 'fresh'), path.join(w.dir, 'none/root.key')), 'none/root.key', 'does not exist'],
  ]) {
    assert.equal(r.code, 1, r.err);
    assert.ok(r.err.includes(where) && r.err.includes(why), r.err);
  }
  assert.ok(!fs.existsSync(path.join(w.dir, 'fresh')), 'nothing is left behind');
});

test('status is a page for people in both languages, and --json for machines', async () => {
  const page = (lang) => raw(['status', '--data', w.data('d1'), '--lang', lang]);
  assert.match(page('en').out, /^d1 \(district, 370102[^)]*\)\n/);
  assert.match(page('zh').out, /^d1（区县级，370102[^）]*）\n/);
  assert.ok(!/\b(status|col|tier|clock)\.[a-z]/.test(page('en').out + page('zh').out), 'no key without its sentence');
  assert.ok(!page('en').out.includes('{') && page('en').out.includes(w.nodes.get('s1').id), 'the child is listed');
  assert.equal(w.json('d1', 'status').clock, 'ok');
  await w.stop('s1');
  assert.match(raw(['status', '--data', w.data('s1'), '--lang', 'en']).out, /does not run; start it/);
  await w.start('s1');
});

test('lists have a head line in the user\'s language, say when there is nothing, and end quietly at a closed pipe', async () => {
  const head = (n, verb, args, want, lang = 'en') => {
    const r = raw([...verb.split(' '), '--data', w.data(n), ...args, '--lang', lang]);
    assert.equal(r.code, 0, r.err);
    assert.match(r.out.split('\n')[0], want, verb);
  };
  const month = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7);
  w.put('s1', 'listing', [{ kind: 'venue', title: '表头' }]);
  head('d1', 'node list', [], /^NODE +TIER +AREA +STATE +NAME$/);
  head('d1', 'node list', [], /^节点 +级别/, 'zh');
  head('s1', 'list', ['listing'], /^ID +DATE +PLATFORM +STATE +TITLE$/);
  head('s1', 'list', ['listing', '--state', 'published'], /^ID +DATE/); // the record does not say its state: it is in the first one
  head('s1', 'stats', ['--period', month], /^NODE +NAME +INDICATOR +VALUE$/);
  for (const [verb, args] of [['user list', []], ['parked list', []], ['referral list', []], ['list', ['notice']], ['stats', ['--period', '2019-01']]]) {
    const r = raw([...verb.split(' '), '--data', w.data('s1'), ...args, '--lang', 'en']);
    assert.deepEqual([r.code, r.out], [0, ''], verb);
    assert.ok(r.err.length > 5, verb);
    assert.equal(raw([...verb.split(' '), '--data', w.data('s1'), ...args, '--json']).err, '', verb);
  }
  const none = raw(['list', '--data', w.data('s1'), 'venue', '--lang', 'en']);
  assert.equal(none.code, 1);
  assert.match(none.err, /known are: listing need/);
  w.put('s1', 'listing', Array.from({ length: 2000 }, (_, i) => ({ kind: 'venue', title: `第 ${i} 行`, detail: '长'.repeat(100) })));
  for (const daemon of [true, false]) {
    if (!daemon) await w.stop('s1');
    const piped = spawnSync('sh', ['-c', '"$0" export-state --data "$1" | head -n 1', SANJI, w.data('s1')], { encoding: 'utf8' });
    assert.deepEqual([piped.status, piped.stderr], [0, ''], 'nobody reads on: no complaint');
    assert.equal(piped.stdout.split('\n').length, 2);
  }
  await w.start('s1');
});

test('what would have been right is said in Chinese as well', () => {
  const bad = w.tryVerb('s1', 'put', ['listing'], { input: '{"kind":"venue","title":"x","capacity":"y"}', lang: 'zh' });
  assert.match(bad.err, /应为：整数/);
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
  const after = new Set(w.state('d1', ['--kind', 'listing']).split('\n'));
  assert.ok(before.trim().split('\n').every((l) => after.has(l)));
  assert.equal(w.tryVerb('d1', 'withdraw', ['x-2']).code, 1, 'not its own');
});

test('what would be noticed too late is said at once: an area nobody knows, an address without TLS, an empty input', () => {
  const born = (name, ...more) => raw(['init', '--data', path.join(w.dir, name), '--name', '某', '--tier', 'city', '--lang', 'en', ...more]);
  const odd = born('odd', '--area', '999999');
  assert.equal(odd.code, 0, odd.err);
  assert.match(odd.err, /999999 is not in the table/);
  const right = born('right', '--area', '370102');
  assert.equal(right.code, 0, right.err);
  assert.ok(!right.err.includes('not in the table'));
  const plain = born('plain', '--area', '3701', '--url', 'http://sync.example.cn');
  assert.equal(plain.code, 2, plain.err);
  assert.match(plain.err, /url/);
  assert.ok(!fs.existsSync(path.join(w.dir, 'plain', 'sanji.db')));
  const none = put('');
  assert.equal(none.code, 0);
  assert.equal(none.out, '');
  assert.match(none.err, /no record|没有记录/);
});

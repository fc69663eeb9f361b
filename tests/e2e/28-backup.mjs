// The disk is gone, a backup and a sheet of paper are left: does the node come back, with what it published since, and go on?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';
import { Person, password } from './lib/person.mjs';

const w = new World();
before(() => w.tree(['city', 'd1', 's1']));
after(() => w.close());

const self = (n) => w.json(n, 'status').self;
const has = (n, ids) => { const s = w.state(n); return ids.every((i) => s.includes(`"${i}"`)); };
const venue = (title) => ({ kind: 'venue', title });
const sheet = (text) => { const f = path.join(w.dir, `sheet.${text.length}`); fs.writeFileSync(f, text + '\n', { mode: 0o600 }); return f; };
const out = () => path.join(w.dir, 'stick');
const backup = (n) => { fs.mkdirSync(out(), { recursive: true }); return w.json(n, 'backup', ['--to', out()]).file; };
let code;
let thread;
let file;
let attached;
const pdf = Buffer.from('%PDF-1.7\n只在备份里的附件 %%EOF\n');

test('a backup of a running node, for its recovery code alone', async () => {
  const page = path.join(w.dir, 'page.txt');
  code = w.json('s1', 'recovery new', ['--sheet', page]).recovery;
  assert.equal(fs.statSync(page).mode & 0o777, 0o600);
  for (const has of [code, w.id('s1'), '请打印', 'Print this page']) assert.ok(fs.readFileSync(page, 'utf8').includes(has), has);
  assert.match(w.tryVerb('s1', 'recovery new', ['--sheet', page]).err, /exists already/);
  assert.match(w.tryVerb('s1', 'recovery new', ['--sheet', 'page.txt']).err, /absolute/);
  assert.match(code, /^([a-z2-7]{5}-){7}[a-z2-7]{5}$/);
  w.put('s1', 'listing', [venue('备份之前')]);
  thread = w.verb('s1', 'referral send', ['--to', w.id('d1')], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '找场地', detail: '备份里的秘密' }) }).trim();
  await until('delivered', 15000, () => JSON.parse(w.verb('s1', 'referral show', [thread]))[0].state === 'delivered');
  const clerk = await Person.hire(w, 's1', 'wang', 'clerk');
  const [rec] = w.put('s1', 'notice', [{ kind: 'notice', title: '带附件', files: [await clerk.bring('附件.pdf', pdf)] }]);
  attached = `/api/files/me/notice/${rec}/${(await clerk.get(`/api/files/me/notice/${rec}`)).files[0].sha256}`;
  file = backup('s1');
  const [copy] = fs.readdirSync(path.join(out(), `${w.id('s1')}.sanji-files`));
  assert.ok(!fs.readFileSync(path.join(out(), `${w.id('s1')}.sanji-files`, copy)).includes('%PDF'));
  assert.equal(fs.statSync(file).mode & 0o77, 0);
  assert.ok(!fs.readFileSync(file).includes('备份'));
  assert.ok(!w.log('s1').includes(code.slice(0, 5)), 'no code in the log');
  assert.match(w.verb('s1', 'doctor'), /ok .*0 days|ok .*0 天前/);
});

test('wrong code, wrong file, full folder: nothing changes, and the sentence says what to do', () => {
  const r = (args, opts) => w.run(['restore', '--data', w.data('x'), ...args], opts);
  const wrong = (code[0] === 'a' ? 'b' : 'a') + code.slice(1);
  for (const [args, what, input] of [
    // A group's own sign lets a wrong letter through once in 32 times; it opens nothing all the same.
    [[file, '--code', sheet(wrong)], /group 1 .*mistyped|does not open/], [[file, '--code', sheet('abc')], /8 groups/], [[file, '--code', '/nowhere'], /no such file/],
    [[w.data('d1') + '/sanji.conf', '--code', '-'], /not a whole backup/, code], [['/nowhere', '--code', '-'], /not_found|not found/i, code],
    [[file], /does not open/, w.json('d1', 'recovery new').recovery],
  ]) {
    const x = r(args, { input });
    assert.equal(x.code, 1, x.err);
    assert.match(x.err, what);
    assert.ok(!fs.existsSync(w.data('x')) && !fs.existsSync(w.data('x') + '.restoring'));
  }
  const nowhere = w.run(['restore', '--data', path.join(w.dir, 'none', 'x'), file], { input: code });
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.err, /none\/x.*folder above it does not exist.*mkdir/s);
  const full = w.run(['restore', '--data', w.data('s1'), file], { input: code });
  const literal = r([file, '--code', code]);
  assert.equal(literal.code, 2);
  assert.match(literal.err, /--code FILE/);
  assert.equal(full.code, 1);
  assert.match(full.err, /move it aside/);
  assert.match(w.tryVerb('s1', 'backup', ['--to', 'here']).err, /absolute/);
  assert.match(w.tryVerb('s1', 'backup', ['--to', '/nowhere/stick']).err, /\/nowhere\/stick.*mounted/s);
  assert.ok(!fs.existsSync('/nowhere'));
});

test('the folder is gone: restored, it gets back what it had published and goes on', async () => {
  const later = w.put('s1', 'listing', [venue('备份之后')]);
  await until('at the parent', 15000, () => has('d1', later));
  await w.stop('s1', 'SIGKILL');
  fs.rmSync(w.data('s1'), { recursive: true });
  const r = w.run(['restore', '--data', w.data('s1'), file], { input: `${code.toUpperCase()}\n` });
  assert.equal(r.code, 0, r.err);
  await w.start('s1');
  await until('what came after the backup is back', 30000, () => self('s1') === 'ok' && has('s1', later));
  const clerk = new Person(w, 's1', 'wang');
  await clerk.enter(password('wang'));
  assert.ok(Buffer.from(await (await clerk.ask('GET', attached)).arrayBuffer()).equals(pdf));
  const next = w.put('s1', 'listing', [venue('恢复之后')]);
  await until('goes on', 30000, () => has('city', next));
  // The content key of the thread was in no backup; it was opened again.
  w.verb('d1', 'referral open', [thread]);
  w.verb('d1', 'referral accept', [thread]);
  await until('the thread goes on', 15000, () => JSON.parse(w.verb('s1', 'referral show', [thread]))[0].state === 'accepted');
  for (const n of ['city', 'd1', 's1']) assert.equal(w.json(n, 'verify').wrong, 0, n);
  await until('equal', 15000, () => w.state('s1', ['--audience', 'fed']) === w.state('city', ['--audience', 'fed']));
});

test('by itself, into the folder of the settings, and no more than it should keep', async () => {
  const dir = path.join(w.dir, 'daily');
  fs.mkdirSync(dir);
  await w.stop('d1');
  fs.appendFileSync(path.join(w.data('d1'), 'sanji.conf'), `\nbackup_dir = ${dir}\nbackup_keep = 2\nbackup_every = 2s\n`);
  await w.start('d1');
  const list = () => (fs.existsSync(dir) ? fs.readdirSync(dir).filter((f) => f.endsWith('.sanji-backup')).sort() : []);
  await until('first', 20000, () => list().length > 0);
  const first = list()[0];
  await until('rotated', 30000, () => list().length > 0 && !list().includes(first));
  assert.ok(list().length <= 2);
  assert.match(w.log('d1'), /event=backup\.done/);
});

test('the top: no parent brings it back, so its errors name the backup; restored, the root key gives it new keys', async () => {
  const secret = w.json('city', 'recovery new').recovery;
  const kept = backup('city');
  const mine = w.put('city', 'listing', [venue('市里的，备份之后')]);
  await until('with a child', 15000, () => has('d1', mine));
  await w.stop('city');
  // The keys alone are gone: not "no node here", which would have somebody make another one.
  fs.renameSync(path.join(w.data('city'), 'keys/sign.seed'), path.join(w.dir, 'sign.seed'));
  for (const lang of ['en', 'zh']) {
    const r = w.run(['status', '--data', w.data('city'), '--lang', lang]);
    assert.equal(r.code, 1);
    assert.match(r.err, /keys\/sign\.seed.*sanji restore.*sanji recover/s);
    assert.doesNotMatch(r.err, /sanji init/);
  }
  fs.renameSync(w.data('city'), w.data('city') + '.aside');
  const r = w.run(['restore', '--data', w.data('city'), kept], { input: secret + '\n' });
  assert.equal(r.code, 0, r.err);
  await w.start('city');
  await until('what came after the backup is back from its children', 30000, () => self('city') === 'ok' && has('city', mine));
  const kid = (at) => w.json(at, 'node show', [w.id('city')]).keys.findLast((k) => k.state === 'current').kid;
  const old = kid('d1');
  // The next trust bundle opens an epoch: it must be the one with the act, or nobody takes it.
  const rotated = w.tryVerb('city', 'node rotate-key', ['--root-key', w.data('city') + '.root', '--json']);
  assert.equal(rotated.code, 0, rotated.err);
  const next = w.put('city', 'listing', [venue('市里的，新钥匙')]);
  await until('its children follow', 30000, () => has('d1', next) && kid('d1') !== old);
  for (const n of ['city', 'd1', 's1']) assert.equal(w.json(n, 'verify').wrong, 0, n);
});

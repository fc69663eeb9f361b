// A street without a network: does it give and get everything by files, and is every hostile stick refused piece by piece?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';

const w = new World();
const stick = () => { const d = fs.mkdtempSync(path.join(w.dir, 'stick.')); return d; };
const id = (n) => w.nodes.get(n).id;
const venue = (title) => ({ kind: 'venue', title });
const has = (n, text) => w.state(n).includes(text);

before(async () => {
  await w.init('city');
  await w.join('d1', 'city', 'district', '370102');
  await w.join('s2', 'city', 'district', '370103');
  await w.join('s1', 'd1', 'street', '370102001', { start: false });
  await until('d1 and s2 know all', 20000, () => ['d1', 's2'].every((x) => w.json(x, 'status').nodes === 4));
  await w.stop('d1'); // and from now on never together with s1 on a network
  w.nodes.get('s1').id = w.id('s1');
  const conf = path.join(w.data('s1'), 'sanji.conf');
  assert.ok(fs.existsSync(conf));
  w.verb('s1', 'set-parent-url', ['https://127.0.0.1:9']);
  await w.start('d1');
});
after(() => w.close());

function make(from, to, args = []) {
  const dir = stick();
  w.verb(from, 'ferry export', [dir, '--to', to, ...args]);
  return dir;
}
function take(to, dir, want = 0) {
  const r = w.tryVerb(to, 'ferry import', [dir, '--json']);
  assert.equal(r.code, want, r.err + r.out);
  return JSON.parse(r.out);
}
const carry = (from, to, args) => take(to, make(from, id(to), args));

test('a node that has never had a network learns its federation from a stick', () => {
  assert.equal(w.json('s1', 'status').nodes, 0);
  const none = w.tryVerb('s1', 'ferry export', [stick(), '--to', 'parent']);
  assert.equal(none.code, 1);
  assert.match(none.err, /does not know its federation/);
  const first = make('d1', id('s1'));
  assert.equal(fs.statSync(path.join(first, fs.readdirSync(first)[0])).mode & 0o77, 0);
  const page = take('s1', first);
  assert.ok(page.stored > 0 && page.ok);
  assert.equal(w.json('s1', 'status').nodes, 4);
  assert.equal(take('s1', first).stored, 0); // again: no harm
});

test('everything goes both ways, a referral too, with and without a running daemon', async () => {
  w.put('s1', 'listing', [venue('街道礼堂')]); // no daemon at s1
  const thread = w.verb('s1', 'referral send', ['--to', id('s2')], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '需要场地' }) }).trim();
  carry('s1', 'd1', ['--seal']);
  await until('it went on by network', 20000, () => has('city', '街道礼堂') && JSON.parse(w.tryVerb('s2', 'referral show', [thread]).out || '[{}]')[0].state === 'delivered');
  w.verb('s2', 'referral open', [thread]);
  w.verb('s2', 'referral accept', [thread]);
  w.put('s2', 'listing', [venue('区里的教室')]);
  await until('d1 has it', 20000, () => has('d1', '区里的教室'));
  await w.start('s1'); // from here with a daemon
  carry('d1', 's1');
  assert.ok(has('s1', '区里的教室'));
  await until('the answer is read', 10000, () => JSON.parse(w.verb('s1', 'referral show', [thread]))[0].state === 'accepted');
  const fed = (x) => w.state(x, ['--audience', 'fed', '--kind', 'listing']);
  carry('s1', 'd1');
  carry('d1', 's1');
  assert.equal(fed('s1'), fed('d1'));
  assert.equal(w.json('s1', 'verify').wrong, 0);
});

test('a receipt makes the next file small', async () => {
  w.put('s1', 'listing', [venue('新的一间')]);
  const out = (to, args = []) => JSON.parse(w.verb('s1', 'ferry export', [stick(), '--to', to, '--json', ...args])).about;
  const dir = make('s1', 'parent');
  take('d1', dir);
  const before = out('parent');
  assert.ok(before.bundles > 0 && before.delta);
  const back = stick();
  w.verb('d1', 'ferry receipt', [back, '--to', id('s1')]);
  const page = take('s1', back);
  assert.equal(page.files[0].last.receipt, true);
  assert.equal(out(id('d1')).bundles, 0);
  assert.ok(out(id('d1'), ['--full']).bundles > before.bundles);
  const st = w.json('s1', 'status').ferry.find((f) => f.node === id('d1'));
  assert.equal(st.in_days, 0);
  assert.equal(st.out_days, 0);
  assert.match(w.tryVerb('s1', 'doctor').out, /by files: d1: brought 0 days ago/);
  assert.match(w.tryVerb('s1', 'doctor', [], { lang: 'zh' }).out, /0 天前带来/);
});

test('parts: in a file of its own name, left at home, brought later', () => {
  const noise = (k) => Array.from({ length: 1600 }, (_, i) => String.fromCharCode(0x4e00 + ((i * 7919 + k * 104729 + i * i * (k + 3)) % 20000))).join('');
  w.put('s1', 'listing', Array.from({ length: 700 }, (_, k) => ({ ...venue(`大厅 ${k}`), detail: noise(k) })));
  const dir = stick();
  const made = JSON.parse(w.verb('s1', 'ferry export', [path.join(dir, 'month.sjf'), '--to', 'parent', '--part-size', '2MiB', '--json']));
  assert.ok(made.files.length >= 2, made.files.join());
  assert.equal(made.files[0], 'month-001.sjf');
  for (const f of made.files) assert.ok(fs.statSync(path.join(dir, f)).size <= 2 << 20);
  assert.deepEqual(fs.readdirSync(dir).sort(), made.files); // nothing temporary
  fs.renameSync(path.join(dir, made.files[0]), path.join(dir, 'home'));
  const r = w.tryVerb('d1', 'ferry import', [dir]);
  assert.equal(r.code, 1, r.out);
  assert.match(r.out, /missing or not whole: part 1/);
  assert.match(r.out, /waits: a bundle before it is not here/);
  fs.renameSync(path.join(dir, 'home'), path.join(dir, 'zzz.sjf')); // last by name: what waits is tried again
  const page = take('d1', dir);
  assert.ok(page.stored > 0);
  assert.ok(has('d1', '大厅 699'));
  const gone = w.tryVerb('s1', 'ferry export', [path.join(dir, 'not-mounted'), '--to', 'parent']);
  assert.equal(gone.code, 1);
  assert.match(gone.err, /not-mounted.*is the stick mounted/s);
  assert.ok(!fs.existsSync(path.join(dir, 'not-mounted')), 'where no stick is, nothing is made');
  for (const bad of ['1', '1MiB', '600MiB', 'x']) assert.equal(w.tryVerb('s1', 'ferry export', [dir, '--part-size', bad]).code, 2, bad);
});

test('sticks of strangers: each file judged alone, the good one among them taken', () => {
  w.put('d1', 'listing', [venue('区里新的')]);
  const good = make('d1', id('s1'), ['--full']);
  const name = fs.readdirSync(good)[0];
  const bytes = fs.readFileSync(path.join(good, name));
  const dir = stick();
  const put = (f, b) => fs.writeFileSync(path.join(dir, f), b);
  const flip = (at) => { const b = Buffer.from(bytes); b[at] ^= 0x20; return b; };
  put('a-cut.sjf', bytes.subarray(0, bytes.length * 0.7 | 0));
  put('b-flip.sjf', flip(bytes.length / 2 | 0));
  put('c-empty.sjf', '');
  put('d-zero.sjf', Buffer.alloc(300000));
  put('e-text.sjf', 'hello\n'.repeat(1000));
  put('f-good.sjf', bytes);
  const other = make('d1', id('s2'));
  fs.copyFileSync(path.join(other, fs.readdirSync(other)[0]), path.join(dir, 'g-other.sjf'));
  const sealed = make('d1', id('s2'), ['--seal']);
  fs.copyFileSync(path.join(sealed, fs.readdirSync(sealed)[0]), path.join(dir, 'h-sealed.sjf'));
  fs.symlinkSync(path.join(w.data('s1'), 'keys/sign.seed'), path.join(dir, 'i-link.sjf'));
  execFileSync('mkfifo', [path.join(dir, 'j-fifo.sjf')]);
  fs.closeSync(fs.openSync(path.join(dir, 'k-huge.sjf'), 'w'));
  fs.truncateSync(path.join(dir, 'k-huge.sjf'), 10 * 2 ** 30);
  fs.closeSync(fs.openSync(path.join(dir, 'l-sparse.sjf'), 'w'));
  fs.truncateSync(path.join(dir, 'l-sparse.sjf'), 500 * 2 ** 20);
  fs.mkdirSync(path.join(dir, 'm-folder.sjf'));
  put('..%2f..%2fescape.txt', 'no');
  const far = w.dir + '/far';
  w.ok(['init', '--data', far, '--name', 'far', '--tier', 'city', '--area', '3702', '--root-key', far + '.root']);
  w.ok(['ferry', 'export', '--data', far, path.join(dir, 'n-far.sjf')]);
  const page = take('s1', dir, 1);
  const of = (f) => page.files.find((x) => path.basename(x.file).startsWith(f));
  const whole = (f) => of(f).last.whole?.err;
  assert.equal(whole('a-'), 'bad_syntax');
  assert.ok(['bad_hash', 'bad_syntax'].includes(whole('b-')), whole('b-'));
  for (const f of ['c-', 'd-', 'e-', 'l-']) assert.equal(whole(f), 'bad_syntax', f);
  assert.equal(of('f-').ok, true, JSON.stringify(of('f-')));
  assert.equal(whole('g-'), 'wrong_audience');
  assert.equal(whole('h-'), 'cannot_open');
  assert.equal(of('i-').err, 'link');
  assert.equal(of('j-').err, 'special');
  assert.equal(of('k-').err, 'large');
  assert.equal(of('m-').err, 'special');
  assert.equal(whole('n-'), 'wrong_federation');
  for (const f of page.files) {
    const x = f.last?.whole ?? f;
    assert.ok(f.ok || (x.text && (x.remedy || f.err)), JSON.stringify(f).slice(0, 300));
  }
  assert.equal(page.files.length, 14);
  assert.ok(has('s1', '区里新的'));
  const zh = w.tryVerb('s1', 'ferry import', [dir], { lang: 'zh' });
  assert.match(zh.out, /符号链接/);
  assert.match(zh.out, /属于另一个联邦/);
  assert.equal(w.json('s1', 'verify').wrong, 0);
});

test('an import that is killed goes on, an export that fails leaves nothing', async () => {
  const dir = make('s1', 'parent', ['--full']);
  const p = w.runAsync(['ferry', 'import', '--data', w.data('d1'), dir]);
  await w.stop('d1', 'SIGKILL');
  await p;
  await w.start('d1');
  take('d1', dir);
  assert.equal(w.json('d1', 'verify').wrong, 0);
  const ro = path.join(w.dir, 'nowhere');
  assert.match(w.tryVerb('s1', 'ferry export', [path.join(ro, 'x')]).err, /is the stick mounted/);
  assert.equal(w.tryVerb('s1', 'ferry export', ['/dev/null']).code, 1);
  const d = stick();
  for (const [args, code, say] of [[['--seal'], 2, /--seal needs --to/], [['--to', 'naaaaaaaaaaaaa'], 1, /no node naaaaaaaaaaaaa/], [['--to', id('s1')], 1, /is this node itself/], [['--to', 'x'], 1, /no node x/]]) {
    const r = w.tryVerb('s1', 'ferry export', [d, ...args]);
    assert.equal(r.code, code, r.err);
    assert.match(r.err, say);
  }
  assert.deepEqual(fs.readdirSync(d), []);
  assert.match(w.tryVerb('s1', 'ferry import', [d]).err, /no ferry files/);
  assert.equal(w.tryVerb('s1', 'ferry import', [path.join(d, 'no')]).code, 1);
  assert.match(w.tryVerb('s1', 'ferry receipt', [d, '--to', id('s2')]).err, /no file of/);
});

test('a street put back from a backup: its own comes back by stick, and is confirmed', async () => {
  const self = () => w.json('s1', 'status').self;
  const old = w.data('s1') + '.old';
  await w.stop('s1');
  fs.cpSync(w.data('s1'), old, { recursive: true });
  w.put('s1', 'listing', [venue('备份之后的礼堂')]); // no daemon at s1 from here on
  const early = make('d1', id('s1'), ['--full']);
  carry('s1', 'd1');
  assert.ok(has('d1', '备份之后的礼堂'));
  carry('d1', 's1'); // d1 knows that s1 holds it
  carry('s1', 'd1');
  fs.rmSync(w.data('s1'), { recursive: true });
  fs.cpSync(old, w.data('s1'), { recursive: true });
  assert.equal(self(), 'ok', 'nobody can tell yet');
  carry('d1', 's1');
  assert.equal(self(), 'unconfirmed');
  assert.ok(!has('s1', '备份之后的礼堂'));
  take('s1', early); // everything it names is here, and it says nothing about what came after it
  assert.equal(self(), 'unconfirmed');
  assert.match(w.tryVerb('s1', 'doctor').out, /sanji ferry export/);
  carry('s1', 'd1');
  assert.equal(self(), 'unconfirmed');
  carry('d1', 's1');
  assert.equal(self(), 'ok');
  assert.ok(has('s1', '备份之后的礼堂'));
  w.put('s1', 'listing', [venue('恢复之后的礼堂')]);
  carry('s1', 'd1');
  carry('d1', 's1');
  assert.ok(has('d1', '恢复之后的礼堂'));
  const fed = (x) => w.state(x, ['--audience', 'fed', '--kind', 'listing']);
  assert.equal(fed('s1'), fed('d1'));
  for (const x of ['s1', 'd1']) assert.equal(w.json(x, 'verify').wrong, 0, x);
  await w.start('s1');
});

test('a full stick: said by name, nothing half on it', (t) => {
  const small = path.join(w.dir, 'small');
  fs.mkdirSync(small);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'none', small], { stdio: 'ignore' });
  } catch {
    t.skip('needs the right to mount');
    return;
  }
  try {
    const r = w.tryVerb('s1', 'ferry export', [small, '--full', '--to', 'parent']);
    assert.equal(r.code, 1);
    assert.match(r.err, /no space left for .*sjf.* in .*small/);
    assert.deepEqual(fs.readdirSync(small), []);
  } finally {
    execFileSync('umount', [small]);
  }
});

test('a revoked street: what it wrote afterwards is refused, by file as by network', async () => {
  const old = make('s1', 'parent', ['--full']);
  w.verb('d1', 'node revoke', [id('s1')]);
  const r = w.tryVerb('d1', 'ferry import', [old]);
  assert.equal(r.code, 1, r.out); // the file's key has ended: it is not believed, what is held stays
  assert.match(r.out, /revoked/);
  w.put('s1', 'listing', [venue('吊销之后')]);
  const late = w.tryVerb('d1', 'ferry import', [make('s1', 'parent')]);
  assert.equal(late.code, 1);
  assert.ok(!has('d1', '吊销之后'));
  assert.equal(w.tryVerb('d1', 'ferry export', [stick(), '--to', id('s1')]).code, 1);
});

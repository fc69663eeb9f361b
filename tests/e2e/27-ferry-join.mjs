// Can a district with its streets join by sticks and live on them for months, with nobody reachable at any time?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';
import * as P from './lib/proto.mjs';
import { SANJI, World, freePort, sleep, until } from './lib/node.mjs';

// No node here has an address, and no daemon runs but where a test says so: whatever arrives was carried.
const w = new World();
after(() => w.close());
const stick = () => fs.mkdtempSync(path.join(w.dir, 'stick.'));
const ids = {};
const rows = (n) => w.verb(n, 'node list', ['--json']).trim().split('\n').map((l) => JSON.parse(l));
const waiting = (n, id) => rows(n).find((x) => x.invited === id);
const invite = (from, name, tier, area, args = []) => w.verb(from, 'invite', ['--name', name, '--tier', tier, '--area', area, '--ferry', ...args]).trim();
const join = (dir, where, line, args = [], opts = {}) => w.run(['join', '--data', dir, '--ferry', where, '-', ...args], { input: line + '\n', ...opts });
const isNode = (dir) => w.run(['status', '--data', dir]).code === 0;
const take = (n, dir, want = 0) => {
  const r = w.tryVerb(n, 'ferry import', [dir, '--json']);
  assert.equal(r.code, want, r.err + r.out);
  return JSON.parse(r.out);
};
function carry(from, to, args = []) {
  const dir = stick();
  w.verb(from, 'ferry export', [dir, ...(to ? ['--to', ids[to]] : []), ...args]);
  return dir;
}
const bring = (from, to, args) => take(to, carry(from, to, args));
// Chinese text that does not compress.
const noise = (k) => Array.from({ length: 1600 }, (_, i) => String.fromCharCode(0x4e00 + ((i * 7919 + k * 104729 + i * i * (k + 3)) % 20000))).join('');
const digits = (s) => /\b(\d{6})\b/.exec(s)[1];

async function enrol(name, parent, tier, area, args = []) {
  const line = invite(parent, name, tier, area);
  const dir = stick();
  const asked = join(w.data(name), dir, line, args);
  assert.equal(asked.code, 75, asked.err);
  const id = P.readInvite(line).node;
  const page = take(parent, dir);
  assert.equal(page.files[0].last.digits, digits(asked.err));
  assert.equal(waiting(parent, id).digits, digits(asked.err));
  w.verb(parent, 'approve', [id]);
  w.verb(parent, 'ferry export', [dir, '--to', id]);
  const done = join(w.data(name), dir, line, ['--json']);
  assert.equal(done.code, 0, done.err + done.out);
  assert.match(JSON.parse(done.out).recovery, /^[a-z2-7-]{30,}$/);
  ids[name] = id;
  w.nodes.set(name, { name, tier, dir: w.data(name), id });
}

test('a whole district joins: the city, the district, its streets never see each other', async () => {
  w.ok(['init', '--data', w.data('city'), '--name', 'city', '--tier', 'city', '--area', '3701', '--root-key', w.data('city.root')]);
  w.nodes.set('city', { name: 'city', dir: w.data('city') });
  ids.city = w.nodes.get('city').id = w.id('city');
  assert.match(w.tryVerb('city', 'invite', ['--name', 'x', '--tier', 'district', '--area', '370102']).err, /--ferry|sync_listen/);
  await enrol('d1', 'city', 'district', '370102');
  await enrol('s1', 'd1', 'street', '370102001');
  await enrol('s2', 'd1', 'street', '370102002');
  for (const n of ['d1', 's1', 's2']) {
    assert.equal(w.json(n, 'status').parent.url, '', n);
    assert.match(w.tryVerb(n, 'status').out, /by files only/);
    assert.equal(w.tryVerb(n, 'doctor').code, 0, w.tryVerb(n, 'doctor').out);
    assert.match(w.tryVerb(n, 'sync').err, /no address.*ferry export/);
    assert.equal(w.json(n, 'verify').wrong, 0);
  }
  assert.equal(w.json('city', 'status').nodes, 2, 'the streets are news to the city');
  bring('d1', 'city');
  assert.equal(w.json('city', 'status').nodes, 4);
  bring('city', 'd1');
  bring('d1', 's2');
  assert.equal(w.json('s2', 'status').nodes, 4);
});

test('a new street serves its own staff, and takes files while it does', async () => {
  const staff = await freePort();
  const conf = path.join(w.data('s1'), 'sanji.conf');
  fs.writeFileSync(conf, fs.readFileSync(conf, 'utf8').replace(/^#?\s*staff_listen\b.*$/m, `staff_listen = 127.0.0.1:${staff}`));
  await w.start('s1');
  const r = await fetch(`http://127.0.0.1:${staff}/`);
  assert.ok(r.status < 500, String(r.status));
  w.put('s1', 'listing', [{ kind: 'venue', title: '自己的礼堂' }]);
  bring('d1', 's1');
  await sleep(1200); // two rounds of an engine that finds nobody to talk to
  assert.ok(!/parent\.(url|unreachable)/.test(w.log('s1')), 'nothing to reach is no fault');
  await w.stop('s1');
});

test('months on sticks: records both ways, a referral, the figures of the city', async () => {
  const months = ['2026-06', '2026-07', '2026-08', '2026-09', '2026-10', '2026-11'];
  const today = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
  const round = () => {
    for (const [a, b] of [['s1', 'd1'], ['s2', 'd1'], ['d1', 'city'], ['city', 'd1'], ['d1', 's1'], ['d1', 's2']]) bring(a, b);
  };
  w.put('city', 'workday', [{ year: 2031, name: '2031 年安排', holidays: ['2031-01-01'] }]);
  const thread = w.verb('s1', 'referral send', ['--to', ids.s2], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title: '需要场地' }) }).trim();
  for (const [k, m] of months.entries()) {
    w.put('s1', 'listing', [{ kind: 'venue', title: `${m} 的场地`, since: `${m}-05` }]);
    w.put('s2', 'need', [{ kind: 'mentor', title: `${m} 的需求` }]);
    w.put('city', 'notice', [{ kind: 'notice', title: `${m} 的通知`, body: '请查收' }]);
    if (k === 1) for (const step of ['open', 'accept']) w.verb('s2', `referral ${step}`, [thread]);
    round();
  }
  round();
  for (const m of months) {
    assert.ok(w.state('city').includes(`${m} 的场地`) && w.state('s2').includes(`${m} 的场地`), m);
    assert.ok(w.state('s1').includes(`${m} 的通知`), m);
  }
  for (const x of ['d1', 's1', 's2']) assert.ok(w.state(x).includes('2031 年安排'), 'working days');
  assert.equal(JSON.parse(w.verb('s1', 'referral show', [thread]))[0].state, 'accepted');
  const fed = (x) => w.state(x, ['--audience', 'fed']);
  for (const x of ['d1', 's1', 's2']) assert.equal(fed(x), fed('city'), x);
  const figures = (n, args = []) => JSON.parse(w.verb(n, 'stats', ['--period', today.slice(0, 7), '--json', ...args]));
  const live = figures('city').cells.find((c) => c.node === ids.s1 && c.ind === 'listing.live');
  assert.equal(live.v, 1 + months.length);
  assert.deepEqual(figures('city', ['--recount']).recount.wrong, []);
  assert.equal(figures('d1').total.find((t) => t.ind === 'listing.live').v, 1 + months.length);
  for (const x of ['city', 'd1', 's1', 's2']) assert.equal(w.json(x, 'verify').wrong, 0, x);
});

const kid = (at, n) => w.json(at, 'node show', [ids[n]]).keys.findLast((k) => k.state === 'current')?.kid;
const letters = (dir) => fs.readdirSync(dir).filter((f) => f.endsWith('.sjj'));

test('a new key by stick: asked for beside the file, said by the parent, known to all', () => {
  const old = kid('d1', 's2');
  const r = w.tryVerb('s2', 'node rotate-key');
  assert.equal(r.code, 75, r.err);
  assert.match(r.err, /ferry export FOLDER --to parent/);
  w.put('s2', 'listing', [{ kind: 'venue', title: '新密钥之后' }]);
  const dir = carry('s2', 'd1');
  assert.deepEqual(letters(dir), [`sanji-key-${ids.s2}.sjj`]);
  const alone = stick();
  const data = fs.readdirSync(dir).find((f) => f.endsWith('.sjf'));
  fs.copyFileSync(path.join(dir, data), path.join(alone, data));
  const waits = take('d1', alone, 1);
  assert.ok(waits.files[0].last.waiting > 0, 'who signed it is not known here yet');
  const named = stick();
  w.verb('s2', 'ferry export', [path.join(named, 'month.sjf'), '--to', 'parent']);
  assert.deepEqual(fs.readdirSync(named).sort(), [`month-key-${ids.s2}.sjj`, 'month.sjf']);
  for (const other of ['city', 's1']) {
    const page = take(other, path.join(dir, letters(dir)[0]), 1);
    assert.equal(page.files[0].last.whole.err, 'wrong_audience', other);
  }
  const bytes = fs.readFileSync(path.join(dir, letters(dir)[0]));
  const bad = Buffer.from(bytes);
  bad[bytes.length - 40] ^= 1;
  fs.writeFileSync(path.join(alone, 'x.sjj'), bad);
  assert.equal(w.tryVerb('d1', 'ferry import', [path.join(alone, 'x.sjj')]).code, 1);
  assert.equal(kid('d1', 's2'), old);
  fs.renameSync(path.join(dir, letters(dir)[0]), path.join(dir, 'zzz.sjj')); // last by name: what waits for it is tried again
  const page = take('d1', dir);
  assert.ok(page.ok, JSON.stringify(page));
  assert.notEqual(kid('d1', 's2'), old);
  assert.ok(w.state('d1').includes('新密钥之后'));
  assert.match(w.tryVerb('d1', 'ferry import', [dir]).out, /new key of .* is in force here/);
  assert.match(w.tryVerb('s2', 'node rotate-key').err, /both files/, 'it has not heard of it yet');
  bring('d1', 's2');
  assert.equal(kid('s2', 's2'), kid('d1', 's2'));
  assert.deepEqual(letters(carry('s2', 'd1')), []);
  const back = stick();
  fs.copyFileSync(path.join(dir, 'zzz.sjj'), path.join(back, 'own.sjj'));
  assert.equal(w.tryVerb('s2', 'ferry import', [back]).code, 0, 'its own request, left on the stick');
  w.put('s2', 'listing', [{ kind: 'venue', title: '再往后' }]);
  bring('s2', 'd1');
  assert.ok(w.state('d1').includes('再往后'));
  bring('d1', 'city');
  assert.ok(w.state('city').includes('再往后'));
  for (const x of ['city', 'd1', 's2']) assert.equal(w.json(x, 'verify').wrong, 0, x);
});

test('a lost key below a district that has no line: the city agrees by stick', async () => {
  const sync = await freePort();
  await enrol('d2', 'city', 'district', '370103', ['--sync', `127.0.0.1:${sync}`, '--url', `https://127.0.0.1:${sync}`]);
  await w.start('d2');
  const line = w.verb('d2', 'invite', ['--name', 'x1', '--tier', 'street', '--area', '370103001', '--auto-approve']).trim();
  w.ok(['join', '--data', w.data('x1'), line]);
  ids.x1 = P.readInvite(line).node;
  w.nodes.set('x1', { name: 'x1', dir: w.data('x1'), id: ids.x1 });
  assert.equal(w.tryVerb('x1', 'sync').code, 0);
  const sheet = path.join(w.dir, 'x1.code');
  fs.writeFileSync(sheet, w.json('x1', 'recovery new').recovery + '\n', { mode: 0o600 });
  w.put('x1', 'listing', [{ kind: 'venue', title: '丢失之前' }]);
  assert.equal(w.tryVerb('x1', 'sync').code, 0);
  bring('d2', 'city');
  const old = kid('d2', 'x1');
  fs.rmSync(w.data('x1'), { recursive: true });
  const inv = w.verb('d2', 'invite', ['--recover', ids.x1]).trim();
  const run = w.runAsync(['recover', '--data', w.data('x1'), '--code', sheet, '-'], { input: inv + '\n' });
  const asked = await until('asked at the district', 20000, () => { const x = waiting('d2', ids.x1); return x?.requested && x; });
  assert.deepEqual(letters(carry('d2', 'city')), [], 'nobody has agreed here yet');
  w.verb('d2', 'approve', [ids.x1]);
  const dir = await until('it has signed', 20000, () => { const d = carry('d2', 'city'); return letters(d).length === 1 && d; });
  const page = take('city', dir);
  const said = page.files.find((f) => f.file.endsWith('.sjj')).last;
  assert.deepEqual([said.request, said.done, said.by, said.asks, said.kid], ['agree', false, ids.x1, ids.d2, asked.kid]);
  assert.match(w.tryVerb('city', 'ferry import', [dir]).out, new RegExp(`${asked.kid}.*sanji approve ${ids.x1} --key ${asked.kid}`));
  assert.deepEqual(letters(carry('city', 'd2')), [], 'nobody has agreed here yet');
  assert.equal(waiting('city', ids.x1).asks, ids.d2);
  w.verb('city', 'approve', [ids.x1, '--key', asked.kid]);
  const answer = carry('city', 'd2');
  assert.deepEqual(letters(answer), [`sanji-agreed-${ids.x1}.sjj`]);
  assert.equal(kid('d2', 'x1'), old);
  assert.equal(w.tryVerb('d1', 'ferry import', [path.join(answer, letters(answer)[0])]).code, 1, 'for another district');
  take('d2', answer);
  assert.equal(kid('d2', 'x1'), asked.kid);
  take('d2', answer); // once more: no harm
  const r = await run;
  assert.equal(r.code, 0, r.err);
  assert.ok(w.state('x1').includes('丢失之前'));
  assert.deepEqual(letters(carry('d2', 'city')), []);
  bring('d2', 'city');
  assert.deepEqual(letters(carry('city', 'd2')), [], 'it has seen that it is done');
  assert.equal(kid('city', 'x1'), asked.kid);
  for (const x of ['city', 'd2', 'x1']) assert.equal(w.json(x, 'verify').wrong, 0, x);
  await w.stop('d2');
});

test('a stolen key: a small file reaches every station before anything else does', () => {
  w.put('s1', 'listing', [{ kind: 'venue', title: '偷来的记录' }]);
  w.put('d1', 'listing', Array.from({ length: 40 }, (_, i) => ({ kind: 'venue', title: `区里的 ${i}`, detail: noise(i) })));
  w.verb('d1', 'node revoke', [ids.s1, '--why', 'stolen']);
  const thief = carry('s1', null);
  const dir = stick();
  const made = JSON.parse(w.verb('d1', 'ferry export', [dir, '--trust', '--json'])).about;
  assert.equal(made.trust, true);
  const all = JSON.parse(w.verb('d1', 'ferry export', [stick(), '--json'])).about;
  assert.ok(made.bytes * 9 < all.bytes, `${made.bytes} of ${all.bytes}`);
  for (const n of ['s2', 'city']) {
    const page = take(n, dir);
    assert.ok(page.ok && page.stored > 0);
    assert.equal(rows(n).find((x) => x.node === ids.s1).state, 'cut', n);
    assert.ok(!w.state(n).includes('区里的 39'), 'nothing else came with it');
    const r = w.tryVerb(n, 'ferry import', [thief]);
    assert.equal(r.code, 1, r.out);
    assert.ok(!w.state(n).includes('偷来的记录'), n);
    assert.equal(w.json(n, 'verify').wrong, 0);
  }
  bring('d1', 's2');
  assert.ok(w.state('s2').includes('区里的 39'));
  const say = w.tryVerb('d1', 'ferry export', [stick(), '--trust'], { lang: 'zh' });
  assert.match(say.err + say.out, /密钥、吊销/);
});

test('what is no answer leaves no node, and the same command goes on', () => {
  const line = invite('d1', 's3', 'street', '370102003');
  const id = P.readInvite(line).node;
  const [dir, usb] = [w.data('s3'), stick()];
  assert.match(join(dir, path.join(w.dir, 'not-mounted'), line).err, /mounted/);
  assert.ok(!isNode(dir));
  const first = join(dir, usb, line);
  assert.equal(first.code, 75, first.err);
  assert.match(first.err, /sanji ferry import/);
  const file = path.join(usb, `sanji-join-${id}.sjj`);
  assert.equal(fs.statSync(file).mode & 0o77, 0);
  const keys = fs.readFileSync(path.join(dir, 'keys/sign.seed'));
  const none = (why) => {
    const r = join(dir, usb, line);
    assert.equal(r.code, 75, why + r.err);
    assert.match(r.err, /No file in .* is the answer/);
    assert.ok(!isNode(dir), why);
    assert.equal(digits(r.err), digits(first.err));
    assert.deepEqual(fs.readdirSync(dir).sort(), ['keys', 'lock', 'sanji.conf'], why);
    assert.ok(fs.readFileSync(path.join(dir, 'keys/sign.seed')).equals(keys), why);
    assert.ok(fs.existsSync(file), why);
  };
  w.verb('d1', 'ferry export', [usb]); // for everybody, and before anybody has approved
  none('made too early');
  take('d1', usb);
  w.verb('d1', 'approve', [id]);
  for (const f of fs.readdirSync(usb).filter((x) => x.endsWith('.sjf'))) fs.rmSync(path.join(usb, f));
  const good = stick();
  w.verb('d1', 'ferry export', [good, '--to', id]);
  const name = fs.readdirSync(good)[0];
  const bytes = fs.readFileSync(path.join(good, name));
  const cut = bytes.subarray(0, 700); // ends before the acts do
  fs.writeFileSync(path.join(usb, 'a-cut.sjf'), cut);
  none('cut off');
  fs.rmSync(path.join(usb, 'a-cut.sjf'));
  const other = carry('d1', 's2', ['--seal', '--full']);
  fs.copyFileSync(path.join(other, fs.readdirSync(other)[0]), path.join(usb, 'b-other.sjf'));
  fs.symlinkSync(path.join(good, name), path.join(usb, 'c-link.sjf'));
  fs.closeSync(fs.openSync(path.join(usb, 'd-huge.sjf'), 'w'));
  fs.truncateSync(path.join(usb, 'd-huge.sjf'), 10 * 2 ** 30);
  execFileSync('mkfifo', [path.join(usb, 'e-fifo.sjf')]);
  const far = w.dir + '/far';
  w.ok(['init', '--data', far, '--name', 'far', '--tier', 'city', '--area', '3702', '--root-key', far + '.root']);
  w.ok(['ferry', 'export', '--data', far, path.join(usb, 'f-far.sjf')]);
  fs.writeFileSync(path.join(usb, 'g-text.sjf'), 'hello\n'.repeat(100));
  none('sticks of strangers');
  fs.writeFileSync(path.join(usb, 'z-good.sjf'), bytes); // among all of them
  const r = join(dir, usb, line);
  assert.equal(r.code, 0, r.err + r.out);
  assert.match(r.out + r.err, /recovery code/);
  assert.ok(isNode(dir));
  const again = join(dir, usb, line, ['--json']);
  assert.equal(again.code, 0, again.err);
  assert.equal(JSON.parse(again.out).recovery, '');
  assert.equal(w.run(['ferry', 'import', '--data', dir, path.join(usb, 'z-good.sjf'), file]).code, 0, 'its own request is no stranger');
  assert.match(join(w.data('s3b'), usb, line.replace(/^sanji1-(.{40})./, 'sanji1-$1_')).err, /not whole or mistyped/);
});

test('requests that are not the invited one\'s: named with the remedy, and nothing is changed', () => {
  const before = rows('d1').length;
  const line = invite('d1', 's4', 'street', '370102004');
  const usb = stick();
  const [a, b] = [w.data('s4a'), w.data('s4b')];
  assert.equal(join(a, path.join(usb, 'a.sjj'), line).code, 75, 'a file by name');
  const good = fs.readFileSync(path.join(usb, 'a.sjj'));
  const flip = Buffer.from(good);
  flip[good.length - 90] ^= 4;
  const put = (f, x) => fs.writeFileSync(path.join(usb, f), x);
  put('b-flip.sjj', flip);
  put('c-cut.sjj', good.subarray(0, good.length - 9));
  put('d-more.sjj', Buffer.concat([good, good]));
  put('e-empty.sjj', '');
  put('f-zero.sjj', Buffer.alloc(100000));
  fs.symlinkSync(path.join(usb, 'a.sjj'), path.join(usb, 'g-link.sjj'));
  fs.closeSync(fs.openSync(path.join(usb, 'h-huge.sjj'), 'w'));
  fs.truncateSync(path.join(usb, 'h-huge.sjj'), 10 * 2 ** 30);
  fs.renameSync(path.join(usb, 'a.sjj'), path.join(usb, '0%2f..%2fa.sjj'));
  const inv = P.readInvite(line);
  const forged = { g: P.b64u(P.random(32)), up: ids.city, secret: P.b64u(P.random(16)), node: 'naaaaaaaaaaaaa', lv: 30, name: '别的' };
  for (const [k, v] of Object.entries(forged)) {
    const dir = w.data('f-' + k);
    assert.equal(join(dir, path.join(usb, `i-${k}.sjj`), P.writeInvite({ ...inv, [k]: v })).code, 75, k);
  }
  const page = take('d1', usb, 1);
  const of = (f) => page.files.find((x) => path.basename(x.file).startsWith(f));
  const why = (f) => of(f).last?.whole?.err ?? of(f).err;
  for (const f of ['b-', 'c-', 'd-', 'e-', 'f-']) assert.match(why(f), /bad_(syntax|signature|encoding|hash)/, f);
  assert.equal(why('g-'), 'link');
  assert.equal(why('h-'), 'large');
  const expect = { g: 'wrong_federation', up: 'wrong_audience', secret: 'bad_signature', node: 'not_found', lv: 'already_used', name: 'already_used' };
  for (const [k, e] of Object.entries(expect)) assert.equal(why(`i-${k}.`), e, k);
  for (const f of page.files) {
    const x = f.last?.whole ?? f;
    assert.ok(f.ok || (x.text && (x.remedy || f.err)), JSON.stringify(f).slice(0, 300));
  }
  assert.equal(of('0').ok, true);
  assert.equal(rows('d1').length, before + 1, 'one invite more, asked for once');
  assert.equal(join(b, path.join(usb, 'second.sjj'), line).code, 75, 'somebody else has copied the invite');
  const used = w.tryVerb('d1', 'ferry import', [path.join(usb, 'second.sjj')]);
  assert.equal(used.code, 1);
  assert.match(used.out, /already used.*sanji invite --ferry/);
  assert.match(w.tryVerb('d1', 'ferry import', [path.join(usb, 'second.sjj')], { lang: 'zh' }).out, /已被使用过.*重新生成邀请/);
  assert.match(w.tryVerb('d1', 'ferry import', [path.join(usb, 'i-node.sjj')]).out, /no invite for this node/);
  assert.equal(waiting('d1', inv.node).digits, page.files.find((x) => x.ok).last.digits, 'who came first still waits');
  w.verb('d1', 'approve', [inv.node]);
  w.verb('d1', 'ferry export', [usb, '--to', inv.node]);
  assert.equal(join(a, usb, line).code, 0);
  assert.equal(join(b, usb, line).code, 75, 'the answer is not for these keys');
  assert.ok(isNode(a) && !isNode(b));
  assert.match(w.run(['join', '--data', w.data('s4c'), '-'], { input: line + '\n' }).err, /has no address.*--ferry/);
  assert.ok(!fs.existsSync(w.data('s4c')));
});

test('auto-approved, sealed, in parts: one import and one export', () => {
  const line = invite('d1', 's5', 'street', '370102005', ['--auto-approve']);
  const id = P.readInvite(line).node;
  w.put('d1', 'listing', Array.from({ length: 700 }, (_, k) => ({ kind: 'venue', title: `大厅 ${k}`, detail: noise(k) })));
  const usb = stick();
  assert.equal(join(w.data('s5'), usb, line).code, 75);
  const page = take('d1', usb);
  assert.equal(page.files[0].last.done, true);
  w.verb('d1', 'ferry export', [usb, '--to', id, '--seal', '--part-size', '2MiB']);
  const parts = fs.readdirSync(usb).filter((x) => x.endsWith('.sjf')).sort();
  assert.ok(parts.length >= 2, parts.join());
  const home = stick();
  fs.renameSync(path.join(usb, parts[1]), path.join(home, parts[1]));
  const r = join(w.data('s5'), usb, line);
  assert.equal(r.code, 0, 'trust comes first: with the first part it is a node');
  assert.match(r.out, /missing or not whole: part 2/);
  assert.equal(w.run(['ferry', 'import', '--data', w.data('s5'), home, usb]).code, 0);
  assert.ok(w.run(['export-state', '--data', w.data('s5')]).out.includes('大厅 699'));
  assert.equal(w.run(['verify', '--data', w.data('s5')]).code, 0);
});

test('killed at any moment of either half, it goes on with the same keys', async () => {
  const line = invite('d1', 's6', 'street', '370102006', ['--auto-approve']);
  const id = P.readInvite(line).node;
  const [dir, usb] = [w.data('s6'), stick()];
  // A little later each time; an attempt that is not killed any more ends the half.
  async function killed(ms) {
    const c = spawn(SANJI, ['join', '--data', dir, '--ferry', usb, '-', '--lang', 'en'], { stdio: ['pipe', 'ignore', 'pipe'] });
    let err = '';
    c.stderr.on('data', (d) => { err += d; });
    c.stdin.on('error', () => {});
    c.stdin.end(line + '\n');
    const t = setTimeout(() => c.kill('SIGKILL'), ms);
    const [code, sig] = await new Promise((r) => c.once('close', (x, y) => r([x, y])));
    clearTimeout(t);
    return { code, sig, err };
  }
  let kills = 0;
  let r;
  const half = async (want) => {
    for (let ms = 2; ; ms += ms < 60 ? 3 : 40) {
      r = await killed(ms);
      kills += r.sig === 'SIGKILL';
      if (r.sig !== 'SIGKILL') break;
    }
    assert.equal(r.code, want, r.err);
  };
  await half(75);
  const keys = fs.readFileSync(path.join(dir, 'keys/sign.seed'));
  take('d1', usb);
  w.verb('d1', 'ferry export', [usb, '--to', id]);
  await half(0);
  assert.ok(kills > 3, `${kills} kills`);
  assert.ok(fs.readFileSync(path.join(dir, 'keys/sign.seed')).equals(keys));
  assert.ok(isNode(dir));
  assert.equal(w.run(['verify', '--data', dir]).code, 0);
  await until('nothing temporary is left', 2000, () => !fs.readdirSync(usb).some((f) => f.startsWith('.')));
});

const lib = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'].map((d) => `${d}/faketime/libfaketime.so.1`).find((f) => fs.existsSync(f));
test('an invite that lay about too long', { skip: process.env.SANJI_SANITIZE ? 'sanitizer build' : lib ? false : 'faketime is not installed' }, () => {
  const later = { LD_PRELOAD: lib, FAKETIME: '+40d', DONT_FAKE_MONOTONIC: '1' };
  const line = invite('d1', 's7', 'street', '370102007', ['--ttl', '30d']);
  const usb = stick();
  assert.equal(join(w.data('s7'), usb, line, [], { env: later }).code, 75);
  const r = w.tryVerb('d1', 'ferry import', [usb], { env: later });
  assert.equal(r.code, 1);
  assert.match(r.out, /expired.*sanji invite --ferry/);
  assert.equal(take('d1', usb).ok, true, 'by the clock of the one that made it');
});

// A person is to be forgotten: are their name, number and address in any byte of any file of any node, before and after?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { SANJI, World, sleep, until } from './lib/node.mjs';

const w = new World();
const HUNT = path.join(path.dirname(SANJI), 'tests/hunt');
const NODES = ['city', 'd1', 's1', 's2'];
const id = (n) => w.nodes.get(n).id;

// A name, a number, an address; the name once more in forms that survive as text.
const NAME = '欧阳慕容雪';
const PHONE = '13987650123';
const HOME = '芙蓉街百花洲十七号院三单元';
const CASE = '邻居反映独居多年需要探访';
const TEXTS = [NAME, PHONE, HOME, CASE];
const b64 = Buffer.from(NAME).toString('base64');
const hex = Buffer.from(PHONE).toString('hex');

before(async () => {
  await w.init('city');
  await w.join('d1', 'city', 'district', '370102');
  await w.join('s1', 'd1', 'street', '370102001');
  await w.join('s2', 'd1', 'street', '370102002');
});
after(() => w.close());

// Where each text stands in a folder: [{text, enc, where, file}], and the free pages of its databases.
function hunt(dir, node = '-') {
  const r = spawnSync(HUNT, [dir, node], { input: TEXTS.join('\n') + '\n', encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(r.status, 0, r.stderr);
  const finds = [];
  const pages = [];
  for (const line of r.stdout.split('\n').filter(Boolean)) {
    const [a, b, c, ...file] = line.split(' ');
    if (a === 'pages') pages.push({ free: Number(b), log: Number(c), file: file.join(' ') });
    else finds.push({ text: Number(a), enc: b, where: c, file: file.join(' ') });
  }
  return { finds, pages };
}
const at = (n) => hunt(w.data(n), id(n));
const logs = (n) => TEXTS.filter((t) => w.log(n).includes(t));
const erase = (n, verb, args, input) => w.tryVerb(n, `erase ${verb}`, args, { input: input + '\n' });

// Nothing in the files, and nothing that could lie where deleted things lie.
async function clean(n) {
  await until(`${n} holds nothing of it`, 60000, () => at(n).finds.length === 0);
  const { finds, pages } = at(n);
  assert.deepEqual(finds, [], n);
  assert.deepEqual(logs(n), [], n);
  return pages;
}

const password = (login) => `eine-lange-${login}-phrase`;
async function person(n, login, role) {
  const once = JSON.parse(w.verb(n, 'user add', [login, '--name', login, '--role', role, '--json'])).one_time_password;
  assert.equal(erase(n, 'request', ['x', '--why', 'person', '--as', login], once).code, 1, 'not with a first password');
  const base = `http://127.0.0.1:${w.nodes.get(n).staff}`;
  const call = (p, body, more = {}) => fetch(base + p, { method: 'POST', headers: { 'Content-Type': 'application/json', ...more }, body: JSON.stringify(body) });
  const login1 = await call('/api/login', { login, password: once });
  assert.equal(login1.status, 200, await login1.clone().text());
  const cookie = login1.headers.get('set-cookie').split(';')[0];
  const r = await call('/api/password', { old: once, new: password(login) }, { Cookie: cookie, 'X-CSRF-Token': (await login1.json()).csrf });
  assert.equal(r.status, 200, await r.text());
}

let record;
let thread;
let code;
const stick = path.join(w.dir, 'stick');

test('the search finds every spelling, in files and inside frames', () => {
  const dir = path.join(w.dir, 'spelt');
  fs.mkdirSync(dir);
  const le = Buffer.from(NAME, 'utf16le');
  const gbk = Buffer.from('c5b7d1f4c4bdc8ddd1a9', 'hex'); // 欧阳慕容雪
  for (const [name, bytes] of Object.entries({
    utf8: Buffer.from(NAME), utf16le: le, utf16be: Buffer.from(le).swap16(), gbk, hex: Buffer.from(Buffer.from(NAME).toString('hex').toUpperCase()),
    'base64.0': Buffer.from(b64), 'base64.1': Buffer.from(Buffer.from('x' + NAME + 'yz').toString('base64')), 'base64.2': Buffer.from(Buffer.from('xy' + NAME + 'yz').toString('base64url')),
  })) {
    fs.writeFileSync(path.join(dir, name), Buffer.concat([Buffer.from('....'), bytes, Buffer.from('....')]));
    const f = hunt(dir).finds.filter((x) => x.file.endsWith('/' + name));
    assert.deepEqual(f.map((x) => [x.text, x.enc]), [[0, name]]);
  }
});

test('planted: a record of several revisions and a referral; the search finds them at every node entitled', async () => {
  code = w.json('s1', 'recovery new').recovery;
  await person('s1', 'li', 'clerk');
  await person('s1', 'zhao', 'manager');
  await person('s1', 'qian', 'clerk');
  const need = (r) => ({ id: 'need-1', kind: 'venue', title: `为${NAME}找活动场地，第${r}稿`, detail: `联系 ${PHONE}，住${HOME}。${b64} ${hex}`, tags: [NAME] });
  [record] = w.put('s1', 'need', [need(1)]);
  for (let r = 2; r <= 4; r++) w.put('s1', 'need', [need(r)]);
  w.put('s1', 'need', [{ id: 'need-2', kind: 'venue', title: '与此人无关的需求' }]);
  thread = w.verb('s1', 'referral send', ['--to', id('s2')], {
    input: JSON.stringify({ subject_kind: 'person', reason: 'relief', title: CASE, name: NAME, contact: PHONE, address: HOME, detail: `${CASE} ${b64} ${hex}`,
      consent: { by: 'self', how: 'written', on: '2026-11-01', text_version: 'v1', scope: ['name', 'contact', 'address', 'situation'], purpose: '转介' } }),
  }).trim();
  const state = (n, s) => until(`${s} at ${n}`, 20000, () => w.tryVerb(n, 'referral show', [thread]).code === 0 && JSON.parse(w.verb(n, 'referral show', [thread]))[0].state === s);
  await state('s2', 'delivered');
  w.verb('s2', 'referral open', [thread]);
  w.verb('s2', 'referral accept', [thread, '--d', JSON.stringify({ note: `已联系${NAME} ${PHONE}` })]);
  await state('s1', 'accepted');
  const early = erase('s1', 'request', [thread, '--why', 'person', '--as', 'li'], password('li'));
  assert.equal(early.code, 1);
  assert.match(early.err, /still open/);
  w.verb('s2', 'referral outcome', [thread, '--d', JSON.stringify({ result: 'success', summary: `${NAME}，${HOME}，已办结` })]);
  await state('s1', 'completed');
  for (const n of NODES) await until(`all revisions at ${n}`, 20000, () => w.state(n).includes('第4稿') && w.state(n).includes('与此人无关'));
  // A backup and a stick of before; and the database as it lies.
  w.verb('s1', 'backup');
  fs.mkdirSync(stick);
  w.verb('s1', 'ferry export', [stick, '--to', id('city'), '--full']);
  for (const n of NODES) {
    await until('the search index', 20000, () => at(n).finds.some((x) => x.text === 1 && x.enc === 'utf8' && x.where === 'row'));
    const { finds } = at(n);
    const has = (text, enc, where) => finds.some((x) => x.text === text && x.enc.startsWith(enc) && (!where || x.where === where));
    for (const text of [0, 1, 2]) assert.ok(has(text, 'utf8', 'row') && has(text, 'utf8', 'frame') && has(text, 'utf8', 'bytes'), `${n} ${TEXTS[text]}`);
    assert.ok(has(0, 'base64', 'frame') && has(1, 'hex', 'frame'), n);
    assert.equal(has(3, 'utf8', 'sealed'), n === 's1' || n === 's2', `${n}: sealed to the two parties`);
  }
  assert.ok(!hunt(stick).finds.some((x) => x.text === 3), 'the case is sealed on the stick');
  assert.ok(hunt(stick).finds.some((x) => x.text === 0), 'the record is not');
});

test('found by the text, asked for by one, confirmed by another', async () => {
  const f = w.tryVerb('s1', 'erase find', ['--json'], { input: NAME + '\n' });
  assert.equal(f.code, 0, f.err);
  assert.deepEqual(f.out.trim().split('\n').map((l) => JSON.parse(l)).sort((a, b) => (a.id < b.id ? -1 : 1)),
    [{ what: 'record', id: record }, { what: 'referral', id: thread }].sort((a, b) => (a.id < b.id ? -1 : 1)));
  assert.equal(w.tryVerb('s1', 'erase find', [], { input: 'x\n' }).code, 2);
  for (const [args, input, what] of [
    [[record, '--why', 'person', '--as', 'li'], 'wrong', /wrong password/], [[record, '--why', 'person', '--as', 'nobody'], 'x', /no such person/],
    [['no-such-id', '--why', 'person', '--as', 'li'], password('li'), /no-such-id/], [[record, '--why', 'fun', '--as', 'li'], password('li'), /person mistake law/],
  ]) {
    const r = erase('s1', 'request', args, input);
    assert.equal(r.code, 1, r.err);
    assert.match(r.err, what);
  }
  assert.equal(w.verb('s1', 'erase list', ['--json']), '');
  const ask = (what, who) => {
    const r = erase('s1', 'request', [what, '--why', 'person', '--as', who, '--json'], password(who));
    assert.equal(r.code, 0, r.err);
    return JSON.parse(r.out).n;
  };
  const first = ask(record, 'zhao');
  assert.equal(ask(record, 'li'), first, 'asked for once');
  for (const [who, what] of [['zhao', /somebody else/], ['qian', /admin or a manager/]]) {
    const r = erase('s1', 'confirm', [String(first), '--as', who], password(who));
    assert.equal(r.code, 1);
    assert.match(r.err, what);
  }
  assert.match(erase('s1', 'confirm', ['99', '--as', 'zhao'], password('zhao')).err, /no request 99/);
  assert.equal(erase('s1', 'drop', [String(first), '--as', 'li'], password('li')).code, 0);
  assert.match(erase('s1', 'confirm', [String(first), '--as', 'zhao'], password('zhao')).err, /decided already/);
  const one = ask(record, 'li');
  const two = ask(thread, 'li');
  assert.ok(at('s1').finds.length > 0, 'nothing was erased by asking');
  await w.stop('s2'); // is not there when it happens
  await w.stop('city');
  fs.cpSync(w.data('s1'), path.join(w.dir, 's1.before'), { recursive: true, filter: (p) => !fs.lstatSync(p).isSocket() });
  for (const [n, least] of [[one, 4], [two, 1]]) {
    const r = erase('s1', 'confirm', [String(n), '--as', 'zhao', '--json'], password('zhao'));
    assert.equal(r.code, 0, r.err);
    assert.ok(JSON.parse(r.out).items >= least, r.out);
  }
  const list = w.verb('s1', 'erase list', ['--json']).trim().split('\n').map((l) => JSON.parse(l));
  assert.deepEqual(list.map((e) => [e.state, e.by, e.with]), [['dropped', 'zhao', 'li'], ['done', 'li', 'zhao'], ['done', 'li', 'zhao']]);
});

test('after it: at the origin, at the relay, at those who were away, in no byte of any file', async () => {
  await clean('s1');
  await until('the relay has only what is not erased', 20000, () => at('d1').finds.length === 0);
  await clean('d1');
  for (const n of ['s2', 'city']) {
    assert.ok(at(n).finds.length > 0, `${n} was away`);
    await w.start(n);
  }
  for (const n of ['s2', 'city']) await clean(n);
  for (const n of NODES) {
    const pages = await clean(n);
    for (const p of pages) assert.ok(p.free < 8, `${p.free} free pages in ${p.file}`);
    assert.ok(w.state(n).includes('与此人无关'), `${n} keeps the rest`);
    assert.equal(w.json(n, 'verify').wrong, 0, n);
  }
  for (const n of ['s1', 's2']) {
    await until(`erased at ${n}`, 20000, () => JSON.parse(w.verb(n, 'referral list', ['--json']).trim()).state === 'erased');
    const same = JSON.parse(w.verb(n, 'rebuild', ['--json']));
    assert.equal(same.same ?? true, true, n);
  }
  await until('equal', 20000, () => w.state('s1', ['--audience', 'fed']) === w.state('city', ['--audience', 'fed']));
  assert.equal(w.verb('s1', 'erase find', ['--json'], { input: NAME + '\n' }), '');
});

test('a stick of before is imported afterwards: it brings nothing back', async () => {
  const r = w.tryVerb('city', 'ferry import', [stick, '--json']);
  assert.equal(r.code, 0, r.err + r.out);
  await sleep(500);
  await clean('city');
});

test('the database of before is put back: erased again before the first page, and the stick brings nothing', async () => {
  await w.stop('d1'); // nobody near who could say it
  await w.stop('s1');
  for (const f of ['sanji.db', 'sanji.db-wal', 'sanji.db-shm', 'keys.db', 'keys.db-wal', 'keys.db-shm']) {
    fs.rmSync(path.join(w.data('s1'), f), { force: true });
    const old = path.join(w.dir, 's1.before', f);
    if (fs.existsSync(old)) fs.copyFileSync(old, path.join(w.data('s1'), f));
  }
  assert.ok(at('s1').finds.length > 0, 'it is back');
  await w.start('s1');
  for (const t of TEXTS) assert.ok(!w.state('s1').includes(t), 'not on the first page');
  assert.equal(w.verb('s1', 'erase find', ['--json'], { input: PHONE + '\n' }), '');
  await w.start('d1');
  await until('the neighbours have told', 30000, () => w.json('s1', 'status').self === 'ok');
  await clean('s1');
  assert.equal(w.tryVerb('s1', 'ferry import', [stick, '--json']).code <= 1, true);
  await clean('s1');
  assert.equal(w.json('s1', 'verify').wrong, 0);
});

test('one backup is left, a new one, and it holds nothing of it', async () => {
  const dir = path.join(w.data('s1'), 'backups');
  const now = () => fs.readdirSync(dir).filter((f) => f.endsWith('.sanji-backup'));
  await until('one is left', 20000, () => now().length === 1 && !fs.existsSync(path.join(w.data('s1'), 'backup.tmp')));
  const list = now();
  const back = path.join(w.dir, 'back');
  const r = w.run(['restore', '--data', back, path.join(dir, list[0])], { input: code + '\n' });
  assert.equal(r.code, 0, r.err);
  assert.deepEqual(hunt(back, id('s1')).finds, []);
  // One of before, kept elsewhere, goes back with the list of the folder it comes from.
  const list2 = fs.readdirSync(path.join(w.dir, 's1.before/backups')).filter((f) => f.endsWith('.sanji-backup'));
  const old = path.join(w.dir, 'old');
  const o = w.run(['restore', '--data', old, path.join(w.dir, 's1.before/backups', list2[0])], { input: code + '\n' });
  assert.equal(o.code, 0, o.err);
  assert.ok(w.run(['export-state', '--data', old]).out.includes(NAME), 'it knows no better');
  fs.copyFileSync(path.join(w.data('s1'), 'keys/erased'), path.join(old, 'keys/erased'));
  for (const t of TEXTS) assert.ok(!w.run(['export-state', '--data', old]).out.includes(t));
});

test('a backup of before, on a new machine: the parent tells what was erased before the first page', async () => {
  const LATE = '司马青云直上';
  const dir = path.join(w.dir, 'stick2');
  fs.mkdirSync(dir);
  const [late] = w.put('s1', 'need', [{ kind: 'venue', title: `为${LATE}找场地` }]);
  const file = w.json('s1', 'backup', ['--to', dir]).file;
  // So much has come since that it takes many messages, and the erasure is the last of it.
  for (let i = 0; i < 4; i++) w.put('s1', 'listing', Array.from({ length: 1000 }, (_, k) => ({ kind: 'venue', title: `场地 ${i}.${k}`, detail: createHash('sha512').update(`${i}.${k}`).digest('hex').repeat(4) })));
  const n = JSON.parse(erase('s1', 'request', [late, '--why', 'person', '--as', 'li', '--json'], password('li')).out).n;
  assert.equal(erase('s1', 'confirm', [String(n), '--as', 'zhao'], password('zhao')).code, 0);
  await until('the parent has erased it', 60000, () => w.state('d1').includes('场地 3.999') && !w.state('d1').includes(LATE));
  await w.stop('s1', 'SIGKILL');
  fs.rmSync(w.data('s1'), { recursive: true });
  const r = w.run(['restore', '--data', w.data('s1'), file], { input: code + '\n' });
  assert.equal(r.code, 0, r.err);
  assert.ok(w.run(['export-state', '--data', w.data('s1')]).out.includes(LATE), 'the backup has it');
  await w.start('s1');
  const first = w.state('s1');
  assert.ok(!first.includes(LATE), 'not on the first page');
  assert.ok(first.includes('场地 3.999'));
  await until('whole again', 30000, () => w.json('s1', 'status').self === 'ok');
});

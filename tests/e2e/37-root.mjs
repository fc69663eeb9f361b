// Does the root change hands by files alone, k of n, and is everything that is not exactly that refused by name?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';

const w = new World();
const id = (n) => w.nodes.get(n).id;
const file = (name) => w.data(name);
const root = () => w.json('city', 'root show');
const code = (path) => JSON.parse(w.ok(['root', 'look', path, '--json'])).code;
const sign = (path, key, c = code(path)) => w.run(['root', 'sign', path, '--key', key, '--code', c, '--json']);
const publish = (path, at = 'city') => w.tryVerb(at, 'root publish', [path, '--json']);
const refused = (r, err, word) => { assert.equal(r.code, 1, r.out + r.err); assert.match(r.err, new RegExp(`\\[${err}\\]`)); if (word) assert.match(r.err, word); };
const pub = {};

before(async () => {
  await w.init('city');
  await w.join('d1', 'city', 'district', '370102');
});
after(() => w.close());

test('three keys on three sticks', () => {
  for (const k of ['a', 'b', 'c', 'x']) {
    pub[k] = JSON.parse(w.ok(['root', 'new', file(`${k}.key`), '--json'])).key;
    assert.equal(fs.statSync(file(`${k}.key`)).mode & 0o777, 0o600);
  }
  const was = fs.readFileSync(file('a.key'));
  refused(w.run(['root', 'new', file('a.key')]), 'exists');
  assert.deepEqual(fs.readFileSync(file('a.key')), was, 'a key is never overwritten');
  assert.match(w.tryVerb('city', 'root show').err, /single root key/);
});

test('one key becomes two of three: every signature is asked for', async () => {
  const f = file('change');
  const keys = [pub.a, pub.b, pub.c].join(',');
  assert.equal(w.tryVerb('city', 'root change', [f, '--keys', keys.replace(pub.b, pub.b.slice(0, -2) + 'AA'), '--k', '2']).code, 2, 'mistyped');
  refused(w.tryVerb('city', 'root change', [f, '--keys', keys, '--k', '4']), 'bad_member');
  refused(w.tryVerb('city', 'root change', [f, '--keys', `${pub.a},${pub.a}`, '--k', '1']), 'bad_member', /key 2 in the list/);
  refused(w.tryVerb('d1', 'root change', [f, '--keys', keys, '--k', '2']), 'no_authority', new RegExp(id('city')));
  assert.ok(!fs.existsSync(f), 'a refusal leaves no file');
  w.verb('city', 'root change', [f, '--keys', keys, '--k', '2']);
  refused(w.tryVerb('city', 'root change', [f, '--keys', keys, '--k', '2']), 'exists');
  refused(publish(f), 'bad_signature', /0 of 1 signatures of the root keys in force/);
  assert.deepEqual(JSON.parse(sign(f, file('city.root')).out).need, [{ k: 1, have: 1 }, { k: 2, have: 0 }]);
  refused(publish(f), 'bad_signature', /0 of 2 signatures of the new root keys/);
  assert.equal(sign(f, file('a.key')).code, 0);
  refused(publish(f), 'bad_signature', /1 of 2 signatures of the new root keys/);
  const once = fs.readFileSync(f, 'utf8');
  assert.equal(sign(f, file('a.key')).code, 0, 'again is no harm');
  assert.equal(fs.readFileSync(f, 'utf8'), once);
  const other = w.run(['root', 'sign', f, '--key', file('x.key'), '--code', code(f)]);
  assert.equal(other.code, 1);
  assert.match(other.err, /none of those that must sign/);
  const wrong = sign(f, file('b.key'), 'aaaa-bbbb-cccc');
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /another code/);
  assert.equal(sign(f, file('change')).code, 1, 'no key file');
  assert.equal(fs.readFileSync(f, 'utf8'), once, 'nothing was signed');
  assert.equal(JSON.parse(sign(f, file('b.key'), code(f).toUpperCase().replaceAll('-', ' ')).out).complete, true);
  refused(publish(f, 'd1'), 'no_authority');
  assert.equal(JSON.parse(publish(f).out).state, 'done');
  assert.equal(JSON.parse(publish(f).out).state, 'already');
  assert.deepEqual([root().ver, root().k, root().keys], [2, 2, [pub.a, pub.b, pub.c]]);
  assert.equal(w.tryVerb('city', 'root show').err, '', 'nothing to warn of');
  await until('below', 15000, () => w.json('d1', 'root show').ver === 2);
});

test('the keys in force are asked, not those a file names', () => {
  const f = file('theft');
  w.verb('city', 'root change', [f, '--keys', pub.x, '--k', '1']);
  // Whoever carries it names his own key as the one that is needed.
  const x = JSON.parse(fs.readFileSync(f, 'utf8'));
  const mine = pub.x.split('.')[1];
  x.need = [{ k: 1, keys: [mine] }];
  fs.writeFileSync(f, JSON.stringify(x) + '\n');
  assert.equal(JSON.parse(sign(f, file('x.key')).out).complete, true);
  refused(publish(f), 'bad_signature', /0 of 2 signatures of the root keys in force/);
  // The root that was replaced is worth nothing.
  const old = { ...x, need: [{ k: 1, keys: [JSON.parse(fs.readFileSync(file('change'), 'utf8')).need[0].keys[0], mine] }] };
  fs.writeFileSync(f, JSON.stringify(old) + '\n');
  assert.equal(sign(f, file('city.root')).code, 0);
  refused(publish(f), 'bad_signature', /0 of 2/);
  assert.equal(root().ver, 2);
});

test('a file that was changed, is late, or belongs elsewhere', async () => {
  const late = file('late');
  w.verb('city', 'root change', [late, '--keys', `${pub.a},${pub.b}`, '--k', '2']);
  for (const k of ['a', 'b']) assert.equal(sign(late, file(`${k}.key`)).code, 0);
  const text = fs.readFileSync(late, 'utf8');
  for (const [what, bad, err] of [
    ['the act itself', text.replace('\\"k\\":2', '\\"k\\":1'), 'bad_signature'],
    ['a space', text.replace('{"sanji"', '{ "sanji"'), 'bad_syntax'],
    ['members in another order', text.replace(/\\"by\\":\\"root\\",(\\"n\\":\\"n[a-z2-7]{13}\\",)/, '$1\\"by\\":\\"root\\",'), 'bad_member'],
    ['a member nobody knows', text.replace('"need":', '"more":1,"need":'), 'bad_member'],
    ['half of it', text.slice(0, text.length / 2), 'bad_syntax'],
    ['nothing', '', 'bad_syntax'],
    ['two of them', text + text, 'bad_syntax'],
    ['a key file', fs.readFileSync(file('x.key'), 'utf8'), 'bad_syntax'],
    ['a newer form', text.replace('root-ceremony/1', 'root-ceremony/9'), 'needs_newer'],
    ['very long', text + 'x'.repeat(300000), 'too_large'],
  ]) {
    fs.writeFileSync(file('bad'), bad);
    const r = publish(file('bad'));
    assert.equal(r.code, 1, what);
    assert.match(r.err, new RegExp(`\\[${err}\\]`), what);
  }
  // Another federation's.
  const dir = file('other');
  w.ok(['init', '--data', dir, '--name', '别家', '--tier', 'city', '--area', '3702', '--root-key', file('other.root')]);
  const theirs = file('theirs');
  w.ok(['root', 'change', theirs, '--data', dir, '--keys', `${pub.a},${pub.b}`, '--k', '1']);
  assert.equal(sign(theirs, file('other.root')).code, 0);
  assert.equal(sign(theirs, file('a.key')).code, 0);
  refused(publish(theirs), 'wrong_federation');
  // In force is another version meanwhile.
  const first = file('first');
  w.verb('city', 'root change', [first, '--keys', `${pub.b},${pub.c}`, '--k', '1']);
  for (const k of ['a', 'b']) assert.equal(sign(first, file(`${k}.key`)).code, 0);
  assert.equal(JSON.parse(publish(first).out).state, 'done');
  refused(publish(late), 'old', /version 3/);
  assert.equal(root().ver, 3);
  // What was said about the top since.
  const stale = file('stale');
  w.verb('city', 'root change', [stale, '--keys', `${pub.b},${pub.c}`, '--k', '2']);
  for (const k of ['b', 'c']) assert.equal(sign(stale, file(`${k}.key`)).code, 0);
  w.verb('city', 'node rotate-key', ['--root-key', file('b.key')]);
  refused(publish(stale), 'conflict');
});

test('the top\'s old key is revoked by the root; the newest is replaced first', async () => {
  const keys = () => JSON.parse(w.verb('city', 'node show', [id('city')])).keys;
  const f = file('cut');
  refused(w.tryVerb('city', 'root cut', [f, '--kid', keys().at(-1).kid]), 'wrong_state', /rotate-key/);
  refused(w.tryVerb('city', 'root cut', [f, '--kid', 'kaaaaaaaaaaaaa']), 'not_found');
  assert.equal(w.tryVerb('city', 'root cut', [f, '--kid', keys()[0].kid, '--why', 'boredom']).code, 2);
  w.verb('city', 'root cut', [f, '--kid', keys()[0].kid, '--why', 'stolen']);
  assert.equal(sign(f, file('c.key')).code, 0);
  assert.equal(JSON.parse(publish(f).out).state, 'done');
  assert.deepEqual(keys().map((k) => k.state), ['cut', 'current']);
  await until('below', 15000, () => JSON.parse(w.verb('d1', 'node show', [id('city')])).keys[0].state === 'cut');
  refused(w.tryVerb('city', 'root cut', [file('cut2'), '--kid', keys()[0].kid]), 'wrong_state');
  const ids = w.put('city', 'notice', [{ kind: 'notice', title: '吊销之后' }]);
  await until('what it says goes on', 15000, () => w.state('d1').includes(ids[0]));
  for (const n of ['city', 'd1']) assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n);
});

test('the top\'s own key, signed for by holders who never come near it', async () => {
  const f = file('key');
  const kids = () => JSON.parse(w.verb('city', 'node show', [id('city')])).keys.map((k) => k.kid);
  const before = kids();
  refused(w.tryVerb('d1', 'root key', [f]), 'no_authority');
  w.verb('city', 'root key', [f]);
  assert.deepEqual(kids(), before, 'nothing has changed yet');
  refused(publish(f), 'bad_signature', /0 of 1/);
  assert.equal(sign(f, file('b.key')).code, 0);
  // It goes on writing meanwhile: that would be under no key.
  w.put('city', 'notice', [{ kind: 'notice', title: '其间' }]);
  refused(publish(f), 'conflict', /has written/);
  assert.deepEqual(kids(), before);
  await w.stop('city');
  fs.rmSync(f);
  w.verb('city', 'root key', [f]);
  assert.equal(sign(f, file('c.key')).code, 0);
  assert.equal(JSON.parse(publish(f).out).state, 'done');
  assert.equal(JSON.parse(publish(f).out).state, 'already');
  assert.equal(kids().length, before.length + 1);
  assert.ok(!fs.existsSync(file('city/keys/next')), 'the files have taken their places');
  await w.start('city');
  const ids = w.put('city', 'notice', [{ kind: 'notice', title: '新钥匙写的' }]);
  await until('below', 15000, () => w.state('d1').includes(ids[0]) && w.state('d1').includes('其间'));
  for (const n of ['city', 'd1']) assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n);
});

test('a handover waits for silence, and does not go to itself', async () => {
  const f = file('handover');
  refused(w.tryVerb('city', 'root hand-over', [f, '--to', root().g]), 'bad_member');
  assert.equal(w.tryVerb('city', 'root hand-over', [f, '--to', 'nowhere']).code, 2);
  const g2 = JSON.parse(w.ok(['root', 'show', '--data', file('other'), '--json'])).g;
  w.verb('city', 'root hand-over', [f, '--to', g2]);
  assert.equal(sign(f, file('b.key')).code, 0);
  // The other side sees what it is asked for.
  const take = file('take');
  const adopt = (args) => w.run(['root', 'adopt', f, take, '--data', file('other'), ...args]);
  refused(adopt([]), 'bad_member', /tier/);
  refused(adopt(['--tier', 'district']), 'bad_member', /below 30/);
  refused(adopt(['--under', 'naaaaaaaaaaaaa']), 'not_found');
  refused(w.run(['root', 'adopt', file('cut'), take, '--data', file('other')]), 'bad_member');
  refused(w.tryVerb('city', 'root adopt', [f, take]), 'wrong_federation');
  assert.ok(!fs.existsSync(take));
  // A registrar speaks meanwhile: it would be void.
  const g = w.json('city', 'root show').g;
  await w.join('s1', 'd1', 'street', '370102001', { start: false });
  await until('the city hears it', 15000, () => w.verb('city', 'node list').includes(w.id('s1')));
  refused(publish(f), 'conflict', new RegExp(`${id('d1')} has issued trust acts`));
  assert.equal(w.json('city', 'root show').g, g);
  assert.equal(w.json('city', 'root show').handed_to, undefined);
});

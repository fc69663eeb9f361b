// Disk and keys are gone, an invite of the parent and the sheet with the recovery code are left: is it the same node again?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';

const w = new World();
before(() => w.tree(['city', 'd1', 's1']));
after(() => w.close());

const has = (n, ids) => { const s = w.state(n); return ids.every((i) => s.includes(`"${i}"`)); };
const venue = (title) => ({ kind: 'venue', title });
const whole = (...ns) => { for (const n of ns) assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n); };
const kid = (n, at) => w.json(at, 'node show', [w.nodes.get(n).id]).keys.findLast((k) => k.state === 'current')?.kid;
const epochs = (n, by, aud = 'fed') => new Set(w.verb(n, 'bundles', ['--stream', `${w.nodes.get(by).id}/${aud}`]).split('\n').filter(Boolean).map((l) => JSON.parse(JSON.parse(l).h).ep));
const sheet = (name, text) => { const f = path.join(w.dir, name); fs.writeFileSync(f, text + '\n', { mode: 0o600 }); return f; };
const invite = (at, n) => (invite.last = w.verb(at, 'invite', ['--recover', w.nodes.get(n).id]).trim());
const recover = (n, inv, code, args = [], opts = {}) => w.run(['recover', '--data', w.data(n), '--code', code, ...args, '-'], { input: inv + '\n', ...opts });
const waiting = (at, n) => w.verb(at, 'node list', ['--json']).trim().split('\n').map((l) => JSON.parse(l)).find((x) => x.invited === w.nodes.get(n).id && x.requested && !x.approved);
const login = async (n, name, password) => {
  const r = await fetch(`http://127.0.0.1:${w.nodes.get(n).staff}/api/login`, { method: 'POST', headers: { 'Content-Type': 'application/json', Origin: `http://127.0.0.1:${w.nodes.get(n).staff}` }, body: JSON.stringify({ login: name, password }) });
  return r.status;
};

let code;
let once;
let ids;
let out;
let back;
let old;

test('a street with records, staff and an open referral each way', async () => {
  code = w.json('s1', 'recovery new').recovery;
  ids = w.put('s1', 'listing', Array.from({ length: 700 }, (_, i) => venue(`场地 ${i}`)));
  once = w.json('s1', 'user add', ['mali', '--name', '马力', '--role', 'clerk']).one_time_password;
  const ref = (from, to, title) => w.verb(from, 'referral send', ['--to', w.id(to)], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title }) }).trim();
  out = ref('s1', 'd1', '出去的');
  back = ref('d1', 's1', '进来的');
  await until('both delivered', 15000, () => JSON.parse(w.verb('s1', 'referral show', [out]))[0].state === 'delivered' && JSON.parse(w.verb('d1', 'referral show', [back]))[0].state === 'delivered');
  w.verb('s1', 'referral open', [back]);
  await until('opened', 15000, () => JSON.parse(w.verb('d1', 'referral show', [back]))[0].state === 'received');
  await until('records and self backup are with the parent', 20000, () => has('d1', ids) && w.verb('d1', 'bundles', ['--stream', `${w.id('s1')}/self`]).length > 0 && w.tryVerb('s1', 'sync').code === 0);
  old = { kid: kid('s1', 'd1'), seed: w.seed('s1') };
});

test('what is wrong is named, and nothing is changed', async () => {
  await w.stop('s1');
  fs.cpSync(w.data('s1'), w.data('thief'), { recursive: true });
  fs.rmSync(w.data('s1'), { recursive: true });
  const inv = invite('d1', 's1');
  const good = sheet('code', code);
  const before = w.verb('d1', 'node list', ['--json']);
  for (const [c, i, exit, what] of [
    [code, inv, 2, /does not belong on the command line.*--code FILE/s],
    [path.join(w.dir, 'none'), inv, 1, /no such file/], [sheet('other', w.json('d1', 'recovery new').recovery), inv, 1, /not the recovery code.*Nothing was changed/s],
    [good, inv.slice(0, -1) + (inv.endsWith('a') ? 'b' : 'a'), 1, /not whole or mistyped/],
    [good, w.verb('d1', 'invite', ['--name', '新街道', '--tier', 'street', '--area', '370102002']).trim(), 1, /new node.*sanji join/s],
  ]) {
    const r = recover('s1', i, c);
    assert.equal(r.code, exit, r.err);
    assert.match(r.err, what);
    assert.ok(!fs.existsSync(w.data('s1')));
  }
  // A group's own sign finds a wrong letter 31 times of 32; what it lets through is not the code all the same.
  const slips = [...'abcdefgh'].filter((c) => c !== code[0]).map((c) => recover('s1', inv, sheet(`typo-${c}`, c + code.slice(1))));
  for (const r of slips) assert.match(r.err, /group 1 .*mistyped|not the recovery code.*Nothing was changed/s);
  assert.ok(slips.filter((r) => /group 1 .*mistyped/.test(r.err)).length >= slips.length - 3);
  assert.ok(!fs.existsSync(w.data('s1')));
  assert.equal(w.verb('d1', 'node list', ['--json']).split('\n').filter((l) => l.includes(w.nodes.get('s1').id)).join(), before.split('\n').filter((l) => l.includes(w.nodes.get('s1').id)).join());
  assert.match(w.run(['join', '--data', w.data('x'), inv]).err, /sanji recover/);
  assert.match(w.tryVerb('city', 'invite', ['--recover', w.nodes.get('s1').id]).err, /own parent/);
  assert.match(w.tryVerb('d1', 'invite', ['--recover', w.nodes.get('s1').id, '--name', 'x']).err, /--name does not go with/);
  const full = recover('d1', inv, good);
  assert.equal(full.code, 1);
  assert.ok(!full.err.includes(code) && !w.log('d1').includes(code.slice(0, 5)));
});

test('recovered: two approvals, then the same node with its records, staff and settings', async () => {
  const inv = invite('d1', 's1');
  const n = w.nodes.get('s1');
  const run = w.runAsync(['recover', '--data', n.dir, '--code', sheet('code', code), '-'], { input: inv + '\n' });
  const asked = await until('asked at the parent', 20000, () => waiting('d1', 's1'));
  assert.match(asked.digits, /^[0-9]{6}$/);
  assert.equal(asked.lost, true);
  assert.match(w.tryVerb('city', 'approve', [n.id]).err, /not_found/);
  w.verb('d1', 'approve', [n.id]);
  const above = await until('asked at the node above', 20000, () => waiting('city', 's1'));
  assert.equal(above.asks, w.id('d1'));
  assert.equal(above.kid, asked.kid);
  assert.equal(kid('s1', 'd1'), old.kid, 'one registrar alone does not do');
  assert.match(w.tryVerb('city', 'approve', [n.id]).err, /compare.*--key KEY/s);
  assert.match(w.tryVerb('city', 'approve', [n.id, '--key', old.kid]).err, /another key waits/);
  assert.equal(waiting('city', 's1').kid, asked.kid, 'nothing was changed');
  w.verb('city', 'approve', [n.id, '--key', asked.kid]);
  const r = await run;
  assert.equal(r.code, 0, r.err);
  assert.match(r.err, new RegExp(`${w.id('city')}.*${asked.kid}`));
  assert.match(r.out, /1 accounts/);
  assert.ok(has('s1', ids), 'before the daemon runs');
  await w.start('s1');
  assert.equal(w.id('s1'), n.id);
  assert.equal(w.json('s1', 'status').self, 'ok');
  assert.equal(kid('s1', 'd1'), asked.kid);
  assert.equal(await login('s1', 'mali', once), 200, 'staff log in as before');
  const more = w.put('s1', 'listing', [venue('恢复之后')]);
  await until('with everybody', 15000, () => has('d1', more) && has('city', more));
  assert.equal(Math.max(...epochs('city', 's1')), 2, 'a new epoch');
  assert.equal(w.tryVerb('s1', 'sync').code, 0);
  whole('city', 'd1', 's1');
});

test('open referrals: their partners seal them anew, and they go on where they stood', async () => {
  const show = (n, id) => JSON.parse(w.verb(n, 'referral show', [id]));
  const state = (n, id) => { try { return show(n, id)[0].state; } catch { return ''; } };
  await until('both are open again', 20000, () => state('s1', out) === 'delivered' && state('s1', back) === 'received');
  assert.equal(w.verb('s1', 'parked list').trim().split('\n').filter((l) => l.includes('cannot_open')).length, 0);
  for (const id of [out, back]) assert.equal(state('s1', id), state('d1', id));
  assert.ok(w.verb('s1', 'referral show', [back]).includes('进来的') && w.verb('s1', 'referral show', [out]).includes('出去的'));
  w.verb('s1', 'referral accept', [back]);
  w.verb('s1', 'referral outcome', [back, '--d', JSON.stringify({ result: 'success' })]);
  w.verb('d1', 'referral open', [out]);
  w.verb('d1', 'referral accept', [out]);
  await until('to their ends', 20000, () => state('d1', back) === 'completed' && state('s1', out) === 'accepted');
  w.verb('d1', 'referral close', [back]);
  await until('closed at both', 20000, () => state('s1', back) === 'closed');
  const asked = (n, id) => show(n, id)[0].log.filter((e) => e.ev === 'reseal').length;
  assert.equal(asked('d1', out) + asked('d1', back), 2, 'asked once each');
  assert.equal(w.tryVerb('s1', 'sync').code, 0);
  whole('city', 'd1', 's1');
  assert.match(w.verb('s1', 'rebuild'), /./);
  assert.equal(state('s1', out), 'accepted', 'derived anew it is the same');
});

test('the old machine turns up again: what it signs is refused, and nobody is confused', async () => {
  const stolen = w.verb('thief', 'put', ['listing'], { input: JSON.stringify(venue('旧钥匙写的')) + '\n' }).trim();
  const r = w.tryVerb('thief', 'sync');
  assert.equal(r.code, 1, r.err);
  assert.match(r.err, /revoked/);
  assert.ok(!has('d1', [stolen]) && !has('city', [stolen]));
  assert.equal(w.json('s1', 'status').self, 'ok');
  const used = recover('x', invite.last, sheet('code', code));
  assert.equal(used.code, 1, used.err);
  assert.match(used.err, /used with other keys.*sanji invite --recover/s);
  whole('city', 'd1', 's1');
});

test('a district under the top: the root key agrees, and its street finds it again', async () => {
  const kept = () => w.verb('city', 'bundles', ['--stream', `${w.id('d1')}/self`]).split('\n').length;
  const before = kept();
  const secret = sheet('d1.code', w.json('d1', 'recovery new').recovery);
  const mine = w.put('d1', 'listing', [venue('区里的')]);
  const pin = w.json('city', 'node show', [w.id('d1')]).keys.at(-1).tls;
  // Letters between the district and its own street: the city, which says what of the old key stands, never holds them.
  const ref = (from, to, title) => w.verb(from, 'referral send', ['--to', w.id(to)], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title }) }).trim();
  const show = (n, id) => JSON.parse(w.verb(n, 'referral show', [id]));
  const up = ref('s1', 'd1', '街道交来的'), down = ref('d1', 's1', '区里交办的');
  await until('both delivered', 20000, () => show('s1', up)[0].state === 'delivered' && show('d1', down)[0].state === 'delivered');
  w.verb('d1', 'referral open', [up]);
  await until('opened', 20000, () => show('s1', up)[0].state === 'received');
  await until('with the top', 20000, () => has('city', mine) && kept() > before && w.tryVerb('d1', 'sync').code === 0);
  await w.stop('d1', 'SIGKILL');
  fs.rmSync(w.data('d1'), { recursive: true });
  const n = w.nodes.get('d1');
  const run = w.runAsync(['recover', '--data', n.dir, '--code', secret, '-'], { input: invite('city', 'd1') + '\n' });
  await until('asked', 20000, () => waiting('city', 'd1'));
  assert.match(w.tryVerb('city', 'approve', [n.id]).err, /--root-key FILE/);
  assert.match(w.tryVerb('city', 'approve', [n.id, '--root-key', w.data('s1') + '/sanji.conf']).err, /bad_signature|root/);
  w.verb('city', 'approve', [n.id, '--root-key', w.data('city.root')]);
  const r = await run;
  assert.equal(r.code, 0, r.err);
  assert.equal(w.json('city', 'node show', [n.id]).keys.at(-1).tls, pin, 'the server key its children know');
  await w.start('d1');
  assert.equal(w.id('d1'), n.id);
  const ids2 = w.put('s1', 'listing', [venue('街道写给新的区')]);
  await until('the street is heard again', 60000, () => has('d1', ids2) && has('city', ids2) && has('d1', mine));
  assert.equal(w.json('s1', 'status').self, 'ok');
  const inv = w.tryVerb('d1', 'invite', ['--name', '又一个', '--tier', 'street', '--area', '370102003', '--auto-approve']);
  assert.equal(inv.code, 0, inv.err);
  // The street speaks of letters its old district wrote to it alone: a child's word holds a node for a minute.
  await until('its own word is good again', 90000, () => w.json('d1', 'status').self === 'ok');
  await w.join('s3', 'd1', 'street', '370102004');
  // What the street had sent opens again, and stands where the district has not answered it: its answers are void.
  await until('sealed anew', 60000, () => show('d1', up)[0].log.some((e) => e.ev === 'send' && e.d.title === '街道交来的') && show('d1', up)[0].state === 'delivered');
  // What the district had sent itself nobody can vouch for but whom it went to: it is sent again.
  await until('void at both', 20000, () => ['d1', 's1'].every((n) => show(n, down)[0].state === 'none'));
  whole('city', 'd1', 's1');
});

// Is a referral readable by its two parties alone, and does its whole workflow come out equal on both sides?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import * as C from './lib/conform.mjs';
import * as P from './lib/proto.mjs';
import { World, until } from './lib/node.mjs';

const w = new World();
const relays = ['d1', 'city', 'd2'];
before(() => w.tree());
after(() => w.close());
const id = (n) => w.nodes.get(n).id;

const SECRET = '王小明住在芙蓉街十七号';
const PHONE = '0531-86090001';
const org = (over = {}) => ({ subject_kind: 'org', reason: 'venue', title: '合唱团需要场地', ...over });
const person = (over = {}) => ({ subject_kind: 'person', reason: 'relief', title: '独居老人需要探访', name: '王小明', detail: `${SECRET}，电话${PHONE}`, address: SECRET,
  consent: { by: 'self', how: 'written', on: '2026-11-01', text_version: 'v1', scope: ['name', 'contact', 'address', 'situation'], purpose: '转介' }, ...over });
const send = (n, to, d) => w.verb(n, 'referral send', ['--to', id(to)], { input: JSON.stringify(d) }).trim();
const trySend = (n, to, d) => w.tryVerb(n, 'referral send', ['--to', to.startsWith('n') && to.length === 14 ? to : id(to)], { input: JSON.stringify(d) });
const ev = (n, verb, thread, d) => w.verb(n, `referral ${verb}`, [thread, ...(d ? ['--d', JSON.stringify(d)] : [])]);
const tryEv = (n, verb, thread, d) => w.tryVerb(n, `referral ${verb}`, [thread, ...(d ? ['--d', JSON.stringify(d)] : [])]);
const show = (n, thread) => JSON.parse(w.verb(n, 'referral show', [thread]))[0];
const state = (n, thread, s) => until(`${thread} is ${s} at ${n}`, 15000, () => w.tryVerb(n, 'referral show', [thread]).code === 0 && show(n, thread).state === s);
const both = async (thread, s) => { await state('s1', thread, s); await state('s2', thread, s); };

// Every spelling in which a text could lie in a file.
function spellings(text) {
  const b = Buffer.from(text);
  const le = Buffer.from(text, 'utf16le');
  const out = [b, le, Buffer.from(le).swap16(), Buffer.from(b.toString('hex')), Buffer.from(b.toString('hex').toUpperCase())];
  for (const pad of [0, 1, 2]) { // base64 of a text inside a longer one: the middle characters of each alignment
    const s = Buffer.concat([Buffer.alloc(pad), b]).toString('base64').replace(/=+$/, '').slice(pad ? 4 : 0, -4);
    out.push(Buffer.from(s), Buffer.from(s.replaceAll('+', '-').replaceAll('/', '_')));
  }
  return out;
}
function files(dir) {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? files(path.join(dir, e.name)) : e.isFile() ? [path.join(dir, e.name)] : []));
}
function found(n, text) {
  const hay = [...files(w.data(n)).map((f) => [f, fs.readFileSync(f)]), ['bundles', Buffer.from(w.verb(n, 'bundles'))], ['export', Buffer.from(w.state(n))], ['log', Buffer.from(w.log(n))]];
  return hay.filter(([, b]) => spellings(text).some((s) => b.includes(s))).map(([f]) => f);
}

test('the planted text is on no relay, in no spelling; a public text is', async () => {
  const thread = send('s1', 's2', person());
  w.put('s1', 'notice', [{ kind: 'notice', title: '公开的公告文字在这里' }]);
  await both(thread, 'delivered');
  for (const n of relays) {
    await until('notice', 15000, () => w.state(n).includes('公开的公告'));
    assert.ok(found(n, '公开的公告文字在这里').length > 0, 'the search itself works');
    for (const text of [SECRET, PHONE, '独居老人需要探访']) assert.deepEqual(found(n, text), [], n);
  }
  assert.equal(show('s2', thread).log.find((e) => e.ev === 'send').d.detail, `${SECRET}，电话${PHONE}`);
});

test('the sealed item on the relay opens with the receiver\'s key in a second implementation, with no other', () => {
  const line = w.verb('city', 'bundles', ['--stream', `${id('s1')}/to:${id('s2')}`]).trim().split('\n')[0];
  const b = C.readLine(line);
  const it = JSON.parse(b.items[0].text);
  const g = P.unb64u(w.json('city', 'status').g);
  const where = { g, by: id('s1'), id: it.id, step: it.r };
  const seal = (n) => P.sealKey(fs.readFileSync(path.join(w.data(n), 'keys/seal.seed')));
  const plain = JSON.parse(P.openItem(where, id('s2'), seal('s2'), it.d).plain);
  assert.equal(plain.ev, 'send');
  assert.equal(plain.d.address, SECRET);
  assert.throws(() => P.openItem(where, id('d1'), seal('d1'), it.d));
});

test('the long way: asked back, accepted, scheduled, missed, served, completed, closed', async () => {
  const t = send('s1', 's2', org());
  await both(t, 'delivered');
  ev('s2', 'open', t);
  ev('s2', 'ask-info', t, { question: '多少人？' });
  await both(t, 'info_needed');
  ev('s1', 'give-info', t, { answer: '二十五人' });
  await both(t, 'received');
  ev('s2', 'accept', t, { desk: '前台', planned: '2026-12-05' });
  ev('s2', 'schedule', t, { date: '2026-12-05', place: '三楼' });
  ev('s2', 'reschedule', t, { date: '2026-12-06' });
  ev('s2', 'no-show', t);
  await both(t, 'no_show');
  ev('s2', 'schedule', t, { date: '2026-12-12' });
  ev('s2', 'appt-cancel', t, { by: 'subject' });
  ev('s2', 'schedule', t, { date: '2026-12-19' });
  ev('s2', 'serve', t, { note: '已使用活动室', minutes: 120 });
  await both(t, 'in_service');
  ev('s2', 'outcome', t, { result: 'success', summary: '每周六' });
  await both(t, 'completed');
  ev('s1', 'close', t, { told: true, satisfaction: 5 });
  await both(t, 'closed');
  const order = (n) => show(n, t).log.map((e) => `${e.by} ${e.step} ${e.ev}`).sort();
  assert.deepEqual(order('s1'), order('s2'));
  assert.equal(order('s1').length, 15);
});

test('declined with a reason; void before delivery is known; cancelled after acceptance', async () => {
  const a = send('s1', 's2', org());
  await both(a, 'delivered');
  ev('s2', 'open', a);
  assert.equal(tryEv('s2', 'decline', a, {}).code, 1, 'a reason is needed');
  ev('s2', 'decline', a, { reason: 'capacity' });
  await both(a, 'declined');
  const b = send('s1', 's2', org());
  await both(b, 'delivered');
  ev('s1', 'void', b, { reason: 'mistake' });
  await both(b, 'entered_in_error');
  const c = send('s1', 's2', org());
  await both(c, 'delivered');
  ev('s2', 'open', c);
  ev('s2', 'accept', c);
  await both(c, 'accepted');
  ev('s1', 'cancel', c, { reason: 'no_longer_needed' });
  await both(c, 'cancel_requested');
  ev('s2', 'confirm-cancel', c);
  await both(c, 'cancelled');
});

test('accepted here, cancelled there, neither knowing: both end in the same state', async () => {
  const t = send('s1', 's2', org());
  await both(t, 'delivered');
  ev('s2', 'open', t);
  await both(t, 'received');
  await w.stop('s2');
  ev('s2', 'accept', t);
  ev('s1', 'cancel', t, { reason: 'moved' });
  await w.start('s2');
  await both(t, 'accepted');
  await until('pending on both sides', 15000, () => show('s1', t).cancel_pending && show('s2', t).cancel_pending);
  ev('s2', 'outcome', t, { result: 'not', reason: 'no_longer_needed' });
  await both(t, 'completed');
});

test('the consent gate', () => {
  const before = w.verb('s1', 'referral list');
  const bad = {
    'without consent': person({ consent: undefined }),
    'consent for an organisation': org({ consent: person().consent }),
    'sensitive without separate consent': person({ sensitive: ['health'] }),
    'a child that consents itself': person({ birth_year: 2015 }),
    'consent without scope': person({ consent: { ...person().consent, scope: [] } }),
    'unknown member': org({ secret: 'x' }),
    'no reason': org({ reason: undefined }),
  };
  for (const [what, d] of Object.entries(bad)) {
    const r = trySend('s1', 's2', d);
    assert.equal(r.code, 1, `${what}: ${r.err}`);
    assert.match(r.err, /\[(no_consent|bad_member)\]/, what);
    assert.equal(r.out, '');
  }
  assert.match(trySend('s1', 's2', bad['without consent']).err, /no_consent/);
  assert.equal(w.verb('s1', 'referral list'), before, 'nothing was made');
  const child = person({ birth_year: 2015, consent: { ...person().consent, by: 'guardian', guardian: '王大明', sensitive: true }, sensitive: ['minor'] });
  assert.equal(trySend('s1', 's2', child).code, 0);
});

test('the wrong party and the wrong moment are refused and change nothing', async () => {
  const t = send('s1', 's2', org());
  await both(t, 'delivered');
  for (const [n, verb, d] of [['s1', 'open'], ['s1', 'accept'], ['s1', 'outcome', { result: 'success' }], ['s2', 'close'], ['s2', 'cancel', { reason: 'other' }], ['s2', 'outcome', { result: 'success' }], ['s1', 'close']]) {
    const r = tryEv(n, verb, t, d);
    assert.equal(r.code, 1, `${n} ${verb}`);
    assert.match(r.err, /\[wrong_state\]/, `${n} ${verb}: ${r.err}`);
  }
  for (const n of relays) {
    assert.equal(tryEv(n, 'open', t).code, 1);
    assert.equal(w.tryVerb(n, 'referral show', [t]).code, 1);
  }
  assert.equal(trySend('s1', 's1', org()).code, 1, 'to itself');
  assert.equal(trySend('s1', 'naaaaaaaaaaaaa', org()).code, 1, 'to nobody');
  assert.equal(show('s1', t).state, 'delivered');
  assert.equal(show('s1', t).events, 2);
});

test('verify is clean, parked is empty', () => {
  for (const n of ['s1', 's2', ...relays]) {
    assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n);
    assert.equal(w.verb(n, 'parked list'), '', n);
    assert.equal(w.json(n, 'rebuild').same, true, n);
  }
});

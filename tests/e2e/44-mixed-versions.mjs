// SPDX-License-Identifier: Apache-2.0
// A district of today between a city and a street of later versions: does it relay what it does not know
// byte for byte, park it, and apply it after its upgrade without asking anybody?
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import path from 'node:path';
import test, { after } from 'node:test';
import * as P from './lib/proto.mjs';
import { SANJI, World, until } from './lib/node.mjs';

const NEXT = process.env.SANJI_NEXT ?? path.join(path.dirname(SANJI), 'tests/sanji_next');
let w;
let c;
after(async () => { c?.close(); await w?.close(); });

const bundles = (n, by) => createHash('sha256').update(w.verb(n, 'bundles', ['--stream', by])).digest('hex');
const parked = (n) => w.verb(n, 'parked list', ['--json']).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
const title = (n, id) => { const r = w.tryVerb(n, 'get', [id, '--json']); return r.code === 0 ? /"title":"([^"]*)"/.exec(r.out)?.[1] : undefined; };
const whole = (n) => assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n);
let ids;

test('a street and a city of the next version, a district of this one', async () => {
  w = new World();
  w.bins = { city: NEXT, s1: NEXT };
  await w.init('city');
  await w.join('d1', 'city', 'district', '370102');
  await w.join('s1', 'd1', 'street', '370102001');
  assert.equal(w.tryVerb('d1', 'put', ['future'], { input: '{"title":"x"}\n' }).code === 0, false);
});

test('an unknown kind passes it byte for byte and is parked there', async () => {
  ids = w.put('s1', 'future', [{ title: '以后', wish: '明天' }, { title: '再以后' }]);
  const [plain] = w.put('s1', 'listing', [{ kind: 'venue', title: '今天' }]);
  const fed = `${w.id('s1')}/fed`;
  await until('the city shows it', 20000, () => title('city', ids[1]) === '再以后' && title('city', plain) === '今天');
  assert.equal(title('city', ids[0]), '以后');
  assert.equal(bundles('d1', fed), bundles('s1', fed));
  assert.equal(bundles('city', fed), bundles('s1', fed));
  assert.equal(title('d1', plain), '今天');
  assert.equal(title('d1', ids[0]), undefined);
  const p = parked('d1');
  assert.equal(p.length, 2);
  assert.ok(p.every((x) => JSON.stringify(x).includes('needs_newer')), JSON.stringify(p));
  assert.equal(parked('city').length, 0);
  whole('d1');
});

test('what even the next version does not know is parked at every hop, whatever it is', async () => {
  c = new P.Child({ port: w.nodes.get('d1').sync });
  const line = w.verb('d1', 'invite', ['--name', 'x', '--tier', 'street', '--area', '370102007', '--auto-approve']).trim();
  assert.equal((await c.enrol(line)).state, 'done');
  const send = async (aud, items, over) => {
    const b = c.next(aud, items, over);
    const r = await c.send([b]);
    assert.equal(r.status, 200, JSON.stringify(r));
    assert.equal(P.headIn(r.have, c.node, aud)?.seq, b.header.seq);
    b.taken();
  };
  const notice = { kind: 'notice', title: 'x' };
  const was = parked('d1').length;
  await send('fed', [
    P.item({ id: 'l2', k: 'listing/2', d: { shape: 'round', title: 'x' } }),
    P.item({ id: 'kx', k: 'unheard/7', d: { a: [{ b: 1 }] } }),
    P.item({ id: 'ok', k: 'notice/1', d: notice }),
  ]);
  await send('fed', [P.item({ id: 'hc', k: 'notice/1', d: notice })], { crit: ['not_yet'] });
  const crit = JSON.parse(P.item({ id: 'ic', k: 'notice/1', d: notice }));
  await send('fed', [JSON.stringify({ ...crit, crit: ['not_yet'] })]);
  const act = JSON.stringify({ t: 'treaty', g: P.b64u(c.g), by: c.node, n: c.node, after: P.b64u(Buffer.alloc(32)), ts: Date.now(), about: 'x' });
  const hash = P.sha('SJ1-act\n', act);
  await send('trust', [P.item({ id: 'a' + P.b64u(hash), k: 'act/1', op: 'ev', r: 1,
    d: { a: act, co: [{ kid: c.key.kid, s: P.b64u(c.key.sign(Buffer.from('SJ1-act\n' + act))) }] } })]);
  await until('at the city', 20000, () => bundles('city', c.node) === bundles('d1', c.node) && title('city', 'ok') === 'x');
  const ids5 = (n) => parked(n).filter((x) => JSON.stringify(x).includes('needs_newer')).length;
  assert.equal(ids5('d1') - was, 5);
  assert.equal(ids5('city'), 5);
  assert.equal(title('d1', 'ok'), 'x');
  for (const id of ['l2', 'kx', 'hc', 'ic']) assert.equal(title('d1', id), undefined, id);
  whole('d1');
  whole('city');
});

test('upgraded with nobody in reach it applies what waited', async () => {
  for (const n of ['city', 's1', 'd1']) await w.stop(n);
  c.close();
  const before = bundles('d1', w.id('s1'));
  w.bins.d1 = NEXT;
  await w.start('d1');
  assert.equal(title('d1', ids[0]), '以后');
  assert.equal(title('d1', ids[1]), '再以后');
  assert.match(w.verb('d1', 'list', ['future']), /以后/);
  assert.equal(bundles('d1', w.id('s1')), before);
  assert.equal(parked('d1').length, 5); // what this version does not know either
  whole('d1');
  const state = w.state('d1', ['--audience', 'fed']);
  await w.start('city');
  await w.start('s1');
  await until('one state', 20000, () => w.state('city', ['--audience', 'fed']) === state && w.state('s1', ['--audience', 'fed']) === state);
});

// A district that keeps back what passes through it, or was put back from an old copy: is it named above and
// below it within a day, and does what its street wrote pass it on a stick?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Clock } from './lib/clock.mjs';
import { World, freePort, until } from './lib/node.mjs';
import { relay } from './lib/relay.mjs';

const skip = process.env.SANJI_SANITIZE ? 'sanitizer build: its runtime has to come first' : false;
const w = new World();
const all = ['city', 'd1', 's1'];
let clock;
let line; // between the district and the city

const venue = (title) => [{ kind: 'venue', title }];
const id = (n) => w.nodes.get(n).id;
const sees = (n, what) => w.state(n).includes(`"${what}"`);
const news = (n) => w.json(n, 'status').news;
// What a node says of a lane, and whom it names; fresh ones are not listed.
const lane = (at, by) => {
  const x = news(at).find((l) => l.by === id(by) && l.aud === 'fed');
  return x === undefined ? 'fresh' : `${x.state} ${all.find((n) => id(n) === x.via) ?? '-'}`;
};
const logged = (n, err, peer) => new RegExp(`err=${err} peer=${id(peer)}`).test(w.log(n));
// Not by tryVerb(): the line between them is in this process, and would wait, too.
const sync = (n, wait = '2s') => w.runAsync(['sync', '--data', w.data(n), '--wait', wait]);
const ask = () => Promise.all([sync('s1'), sync('d1')]);
// Time passes: what is due is written, carried and looked at, however long the machine takes.
const pass = async (hours, what, fn) => {
  clock.jump(hours);
  await until(what, 60000, async () => {
    await ask();
    return fn();
  });
};
const fresh = (n) => news(n).length === 0;
async function stick(from, to) {
  const dir = fs.mkdtempSync(path.join(w.dir, 'stick.'));
  w.verb(from, 'ferry export', [dir, '--to', id(to)]);
  assert.equal(w.tryVerb(to, 'ferry import', [dir]).code, 0);
}

before(async () => {
  if (skip) return;
  clock = new Clock(w.dir);
  await w.tree(all);
  for (const n of all) w.put(n, 'listing', venue(`${n} 起`));
  line = await relay(await freePort(), w.nodes.get('city').sync, path.join(w.data('city'), 'keys'));
  await w.stop('d1');
  w.verb('d1', 'set-parent-url', [`https://127.0.0.1:${line.port}`]);
  await w.start('d1');
});
after(async () => {
  await line?.close();
  await w.close();
});

test('an honest day: nobody is named', { skip }, async () => {
  await until('all hold the same', 60000, () => all.every((a) => all.every((b) => w.state(a).includes(`${b} 起`))));
  await pass(22, 'a table of heads has reached the street', () => w.verb('s1', 'bundles', ['--stream', `${id('city')}/fed`]).includes('heads/1'));
  for (const n of all) await until(`all is fresh at ${n}`, 60000, async () => { await ask(); return fresh(n); });
});

test('the street is kept back: both ends say so', { skip }, async () => {
  line.keep = (dir, h) => !(dir === 'up' && h.by === id('s1'));
  const [mine] = w.put('s1', 'listing', venue('被扣下'));
  await until('the district has it', 30000, () => sees('d1', mine));
  await until('it was kept back', 30000, () => line.dropped.up > 0);
  const { seq } = JSON.parse(JSON.parse(w.verb('d1', 'bundles', ['--stream', `${id('s1')}/fed`]).trim().split('\n').at(-1)).h);
  await until('and the district has said that it holds it', 60000, async () => { await ask(); return line.stated[`${id('s1')} fed`] >= seq; });
  await pass(2, 'the city misses it', () => lane('city', 's1') === 'missing d1');
  await pass(22, 'the street learns that it did not arrive', () => lane('s1', 's1') === 'kept_back d1');
  assert.ok(logged('s1', 'kept_back', 'd1'));
  assert.equal(sees('city', mine), false);
  assert.equal(lane('city', 'd1'), 'fresh'); // and only what is kept back
  assert.match(w.verb('city', 'status'), /missing from s1/);
  assert.match(w.verb('s1', 'status'), /has been at d1 since/);
});

test('its records pass on a stick', { skip }, async () => {
  await stick('s1', 'city');
  assert.ok(w.state('city').includes('被扣下'));
  await until('nothing of it is missing now', 30000, () => lane('city', 's1') === 'fresh');
});

test('it sees reason: the next table says so, by itself', { skip }, async () => {
  line.keep = () => true;
  await pass(22, 'the table lists it', () => lane('s1', 's1') === 'fresh');
  for (const n of all) await until(`all is fresh at ${n}`, 60000, async () => { await ask(); return fresh(n); });
  assert.equal(w.json('s1', 'status').self, 'ok');
});

test('nothing passes at all, though it answers: each side names it for everything beyond', { skip }, async () => {
  line.keep = () => false;
  const [up] = w.put('s1', 'listing', venue('上行'));
  const [down] = w.put('city', 'listing', venue('下行'));
  await pass(25, 'named on both sides', () => ['s1', 'd1'].every((n) => /^(silent|missing) d1$/.test(lane('city', n))) && /^silent d1$/.test(lane('s1', 'city')));
  assert.equal(sees('city', up) || sees('s1', down), false);
  assert.ok(w.json('city', 'status').peers.find((p) => p.node === id('d1')).connected); // all the while
  await stick('s1', 'city');
  await stick('city', 's1');
  assert.ok(sees('city', up) && sees('s1', down));
  line.keep = () => true;
  await pass(22, 'all is fresh with the next table', () => all.every(fresh));
});

test('the district goes back to an old copy: its street says so, and gives it everything again', { skip }, async () => {
  await w.stop('d1');
  const old = w.data('d1') + '.old';
  fs.cpSync(w.data('d1'), old, { recursive: true });
  await w.start('d1');
  const later = [...w.put('s1', 'listing', venue('之后一')), ...w.put('s1', 'listing', venue('之后二'))];
  await until('the city has them', 60000, () => later.every((x) => sees('city', x)));
  await w.stop('d1');
  await w.start('d1'); // logs in with a ticket the old copy does not know
  await until('it is in step', 60000, async () => (await sync('d1', '5s')).code === 0);
  await w.stop('d1');
  await w.stop('city'); // else it is whole again before its street asks
  fs.rmSync(w.data('d1'), { recursive: true });
  fs.cpSync(old, w.data('d1'), { recursive: true });
  await w.start('d1');
  await until('the street has seen it', 60000, async () => { await sync('s1'); return logged('s1', 'went_back', 'd1'); });
  await until('it has everything again', 60000, () => later.every((x) => sees('d1', x)));
  await w.start('city');
  await until('the city has seen an old ticket', 60000, async () => { await ask(); return logged('city', 'old', 'd1'); });
  await until('all is well', 60000, async () => { await ask(); return all.every(fresh) && w.json('d1', 'status').self === 'ok'; });
});

// Is a time of a room given to one of three stations that asked while nobody could reach anybody, and to one only after kill -9 and a restored backup?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { World, sleep, until } from './lib/node.mjs';

const w = new World();
const stations = ['s1', 's2', 's3'];
const all = ['city', 'd1', 'd2', ...stations];
before(async () => {
  await w.tree();
  await w.join('s3', 'd2', 'street', '370103002');
});
after(() => w.close());

const day = (n) => new Date(Date.now() + 8 * 3600e3 + n * 864e5).toISOString().slice(0, 10);
const at = (n, h) => `${day(n)}T${String(h).padStart(2, '0')}:00`;
const hours = Object.fromEntries(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map((d) => [d, '08:00-20:00']));
const venue = (id, more = {}, rules = {}) => {
  w.put('city', 'listing', [{ id, kind: 'venue', title: `议事厅 ${id}`, ...more }]);
  w.put('city', 'schedule', [{ id: `${id}.hours`, listing: id, slot: 60, ...hours, ...rules }]);
};
const ask = (n, listing, d, from, to, more = {}) => w.verb(n, 'booking ask', [], { input: JSON.stringify({ listing: `${w.id('city')}/${listing}`, org: `${n} 的社团`, purpose: 'meeting', at: [[at(d, from), at(d, to)]], ...more }) }).trim();
const list = (n, ...args) => w.verb(n, 'booking list', ['--all', '--json', ...args]).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
const one = (n, id) => list(n).find((x) => x.id === id)?.at[0] ?? {};
const answer = (n, id, say, more = []) => w.tryVerb('city', 'booking answer', [`${w.id(n)}/${id}.1`, '--say', say, ...more]);
const has = (n, id) => w.tryVerb(n, 'get', [id]).code === 0;
const known = (n, id) => until(`${n} knows ${id}`, 20000, () => has(n, `${w.id('city')}/${id}`));
const calendar = (n, listing) => JSON.parse(w.verb(n, 'booking calendar', [`${w.id('city')}/${listing}`, '--days', '14']));
const whole = () => { for (const n of all) assert.equal(w.json(n, 'verify').wrong, 0, n); };

test('three stations ask while the city and both districts are down: one has it, two hear what else there is', async () => {
  venue('hall');
  for (const n of stations) await known(n, 'hall.hours');
  for (const n of ['city', 'd1', 'd2']) await w.stop(n);
  const id = {};
  for (const n of stations) id[n] = ask(n, 'hall', 3, 9, 11, n === 's3' ? {} : { wait: true });
  for (const n of stations) assert.equal(one(n, id[n]).state, 'asked', 'nothing is promised out of reach');
  for (const n of ['d2', 'd1', 'city']) await w.start(n);
  await until('all are answered', 60000, () => stations.every((n) => one(n, id[n]).state !== 'asked'));
  const state = Object.fromEntries(stations.map((n) => [n, one(n, id[n]).state]));
  const [winner, ...more] = stations.filter((n) => state[n] === 'confirmed');
  assert.deepEqual(more, [], JSON.stringify(state));
  assert.ok(winner, JSON.stringify(state));
  for (const n of stations.filter((x) => x !== winner)) {
    assert.equal(state[n], n === 's3' ? 'rejected' : 'waitlisted');
    if (n === 's3') {
      const a = one(n, id[n]);
      assert.equal(a.reason, 'taken');
      assert.equal(a.alt.length, 3);
      assert.ok(a.alt.every((x) => x.to <= at(3, 9) || x.from >= at(3, 11)), JSON.stringify(a.alt));
    }
  }
  for (const n of stations) {
    await until(`${n} sees it taken`, 20000, () => calendar(n, 'hall').busy.length === 1);
    const c = calendar(n, 'hall');
    assert.deepEqual(c.busy, [[at(3, 9), at(3, 11), 'taken']]);
    assert.ok(c.as_of > 0 && !JSON.stringify(c).includes('社团'), 'without names');
  }
  // The winner gives it back: the first of the line has it, by itself.
  const line = stations.filter((n) => state[n] === 'waitlisted').sort((a, b) => one(a, id[a]).place - one(b, id[b]).place);
  w.verb(winner, 'booking withdraw', [id[winner]]);
  await until('the first of the line moves up', 30000, () => one(line[0], id[line[0]]).state === 'confirmed');
  await until('the winner hears of it', 30000, () => one(winner, id[winner]).state === 'cancelled');
  if (line[1]) await until('the next is the first now', 30000, () => one(line[1], id[line[1]]).place === 1);
  assert.equal(list('city', '--here').flatMap((x) => x.at).filter((x) => x.state === 'confirmed').length, 1);
  whole();
});

test('with approval: who would be refused is said, and a second yes is needed', async () => {
  venue('room', { approval: true });
  for (const n of ['s1', 's2']) await known(n, 'room.hours');
  const a = ask('s1', 'room', 4, 9, 10);
  const b = ask('s2', 'room', 4, 9, 10);
  await until('both came', 20000, () => [a, b].every((x) => list('city', '--here').some((y) => y.id === x)));
  const r = answer('s1', a, 'confirm');
  assert.equal(r.code, 1);
  assert.ok(r.err.includes(b) && r.err.includes('--yes'), r.err);
  assert.equal(one('s1', a).state, 'asked');
  assert.equal(answer('s1', a, 'confirm', ['--yes']).code, 0);
  const again = answer('s2', b, 'confirm', ['--yes']);
  assert.equal(again.code, 1);
  await until('each has its answer', 20000, () => one('s1', a).state === 'confirmed' && one('s2', b).state === 'rejected');
  assert.equal(one('s2', b).reason, 'taken');
});

test('kill -9 around each confirmation: what was acknowledged stands, nothing is given twice', async () => {
  venue('desk', { approval: true });
  for (const n of stations) await known(n, 'desk.hours');
  const asks = [];
  for (let h = 8; h < 14; h++) for (const n of ['s1', 's2']) asks.push({ n, h, id: ask(n, 'desk', 5, h, h + 1) });
  for (let h = 14; h < 17; h++) asks.push({ n: 's1', h, calm: true, id: ask('s1', 'desk', 5, h, h + 1) });
  await until('all came', 30000, () => asks.every((x) => list('city', '--here').some((y) => y.id === x.id)));
  const acked = [];
  for (const [i, x] of asks.entries()) {
    const run = w.runAsync(['booking', 'answer', '--data', w.data('city'), `${w.id(x.n)}/${x.id}.1`, '--say', 'confirm', '--yes']);
    if (i % 2 === 0 && !x.calm) {
      await sleep(i * 3); // before it began, while it signs, after it
      await w.stop('city', 'SIGKILL');
      await w.start('city').catch(async () => { await sleep(500); await w.start('city'); });
    }
    const r = await run;
    if (r.code === 0) acked.push(x);
  }
  const here = list('city', '--here').filter((x) => x.listing === 'desk');
  const given = here.flatMap((x) => x.at.filter((y) => y.state === 'confirmed').map((y) => y.from));
  assert.equal(new Set(given).size, given.length, 'no time twice');
  for (const x of acked) assert.equal(here.find((y) => y.id === x.id).at[0].state, 'confirmed', 'acknowledged');
  assert.ok(acked.length >= 3, `${acked.length} acknowledged`); // those nobody disturbed at the least
  assert.deepEqual(calendar('city', 'desk').busy.map((x) => x[0]).sort(), given.sort(), 'what is told is what was given');
  await until('all hear it', 40000, () => here.every((x) => x.at[0].state === 'asked' || list(x.node_name).find((y) => y.id === x.id)?.at[0].state === x.at[0].state));
  whole();
});

test('times handed to a station: it confirms in them with every line down, and what is asked back comes back after all that', async () => {
  venue('studio', {}, { before: 30, after: 30 });
  for (const n of ['s1', 's2']) await known(n, 'studio.hours');
  const allot = w.verb('city', 'booking allot', [], { input: JSON.stringify({ listing: 'studio', to: w.id('s1'), at: [[at(8, 9), at(8, 18)]], until: at(8, 8) }) }).trim();
  await until('s1 has it', 20000, () => has('s1', `${w.id('city')}/${allot}`));
  await until('s2 sees it', 20000, () => calendar('s2', 'studio').busy.length === 1);
  assert.ok(!has('s2', `${w.id('city')}/${allot}`), 'for one node alone');
  for (const n of ['d1', 'city']) await w.stop(n, 'SIGKILL');
  const first = ask('s1', 'studio', 8, 9, 10, { allot });
  assert.equal(one('s1', first).state, 'confirmed', 'with nobody in reach');
  const clash = w.tryVerb('s1', 'booking ask', [], { input: JSON.stringify({ listing: `${w.id('city')}/studio`, org: 'x', purpose: 'other', allot, at: [[at(8, 10), at(8, 11)]] }) });
  assert.equal(clash.code, 1);
  assert.match(clash.err, /given away/);
  const elsewhere = ask('s2', 'studio', 8, 12, 13); // s2 has its line to d2, and hears of nothing
  await w.start('city'); // d1 stays down: the city and s1 do not meet
  await until('s2 is refused', 30000, () => one('s2', elsewhere).state === 'rejected');
  w.verb('city', 'booking recall', [allot]);
  const second = ask('s1', 'studio', 8, 12, 13, { allot }); // not heard of that
  const early = ask('s2', 'studio', 8, 15, 16);
  await until('nor is it free yet', 30000, () => one('s2', early).state === 'rejected');
  await w.stop('s1', 'SIGKILL');
  await w.start('s1');
  await w.start('d1');
  await until('given back', 60000, () => w.json('city', 'get', [allot]).content.state === 'ended');
  for (const x of [first, second]) await until('kept', 20000, () => list('city', '--here').some((y) => y.id === x && y.at[0].state === 'confirmed'));
  const late = ask('s2', 'studio', 8, 15, 16);
  await until('now it is free', 30000, () => one('s2', late).state === 'confirmed');
  assert.equal(w.tryVerb('s1', 'booking ask', [], { input: JSON.stringify({ listing: `${w.id('city')}/studio`, org: 'x', purpose: 'other', allot, at: [[at(8, 17), at(8, 18)]] }) }).code, 1);
  whole();
});

test('an older backup of the city is put back: it gives nothing away before it has heard, and nothing twice after', async () => {
  venue('stage', { approval: true });
  await known('s1', 'stage.hours');
  await known('s2', 'stage.hours');
  const code = w.json('city', 'recovery new').recovery;
  const out = path.join(w.dir, 'stick');
  fs.mkdirSync(out);
  const file = w.json('city', 'backup', ['--to', out]).file;
  const a = ask('s1', 'stage', 6, 9, 10);
  await until('it came', 20000, () => list('city', '--here').some((y) => y.id === a));
  assert.equal(answer('s1', a, 'confirm').code, 0);
  const own = ask('city', 'stage', 6, 12, 13);
  assert.equal(answer('city', own, 'confirm').code, 0);
  await until('s1 has it', 20000, () => one('s1', a).state === 'confirmed');
  await until('both districts know what is taken', 20000, () => ['d1', 'd2'].every((n) => calendar(n, 'stage').busy.length === 2));
  for (const n of ['d1', 'd2', 'city']) await w.stop(n, n === 'city' ? 'SIGKILL' : 'SIGTERM');
  fs.rmSync(w.data('city'), { recursive: true });
  w.ok(['restore', '--data', w.data('city'), file], { input: code + '\n' });
  await w.start('city');
  const b = ask('city', 'stage', 6, 9, 10); // by now others have this time
  const held = answer('city', b, 'confirm');
  assert.equal(held.code, 1);
  assert.match(held.err, /\[held\]/);
  for (const n of ['d1', 'd2']) await w.start(n);
  await until('well again', 90000, () => w.json('city', 'status').self === 'ok');
  await until('it knows again', 30000, () => list('city', '--here').some((y) => y.id === a && y.at[0].state === 'confirmed'));
  assert.equal(answer('city', b, 'confirm', ['--yes']).code, 1);
  // The own booking is lost with the disk; that its time is taken is not.
  const c = ask('s2', 'stage', 6, 12, 13);
  await until('c came', 30000, () => list('city', '--here').some((y) => y.id === c));
  const r = answer('s2', c, 'confirm', ['--yes']);
  assert.equal(r.code, 1);
  assert.match(r.err, /given away/);
  whole();
});

test('the figures of bookings are those of the records, at the owner and counted again', async () => {
  const months = new Set(list('city', '--here').flatMap((x) => x.at).map((x) => x.from.slice(0, 7)));
  let asked = 0;
  for (const m of months) {
    const mine = () => Object.fromEntries(w.verb('city', 'stats', ['--period', m, '--of', w.id('city'), '--csv']).trim().split(/\r?\n/).map((l) => l.split(',')).filter((c) => c.some((x) => x.startsWith('booking.'))).map((c) => [c.find((x) => x.startsWith('booking.')), c]));
    const times = list('city', '--here').flatMap((x) => x.at).filter((x) => x.from.startsWith(m) && !['asked', 'withdrawn'].includes(x.state));
    const n = (...states) => times.filter((x) => !states.length || states.includes(x.state)).length;
    const want = { 'booking.asked': n(), 'booking.given': n('confirmed', 'checked_in', 'completed', 'no_show'), 'booking.refused': n('rejected'), 'booking.no_show': n('no_show') };
    asked += want['booking.asked'];
    await until(`${m} is counted`, 20000, () => { const got = mine(); const off = Object.entries(want).filter(([k, v]) => v !== 0 && !got[k]?.includes(String(v))); if (off.length) throw new Error(JSON.stringify([off, got])); return true; });
    assert.equal(w.tryVerb('city', 'stats', ['--period', m, '--recount']).code, 0);
  }
  assert.ok(asked > 3, String(asked));
});

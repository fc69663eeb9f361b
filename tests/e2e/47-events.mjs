// Are two street seats of a city's course given to two of three cut-off stations, once after a restored backup too; and does a person sign in, answer and get a certificate with nothing but the codes?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Clock } from './lib/clock.mjs';
import { World, until } from './lib/node.mjs';

const w = new World();
const stations = ['s1', 's2', 's3'];
before(async () => {
  await w.tree();
  await w.join('s3', 'd2', 'street', '370103002');
});
after(() => w.close());

const minute = (n) => new Date(Date.now() + 8 * 3600e3 + n * 6e4).toISOString().slice(0, 16);
const event = (id, inMinutes, more = {}) => w.put('city', 'event', [{ id, kind: 'course', title: `能力建设课 ${id}`, from: minute(inMinutes), to: minute(inMinutes + 60), certificate: true, minutes: 90, ...more }]);
const sign = (n, id, more = []) => w.verb(n, 'event sign', [`${w.id('city')}/${id}`, '--org', `${n} 的社团`, ...more]);
const show = (n, id) => JSON.parse(w.verb(n, 'event show', [`${w.id('city')}/${id}`]));
const states = (n, id) => show(n, id).my.map((x) => x.at[0].state).sort();
const known = (n, id) => until(`${n} knows ${id}`, 20000, () => w.tryVerb(n, 'get', [`${w.id('city')}/${id}`]).code === 0);
const whole = () => { for (const n of ['city', 'd1', 'd2', ...stations]) assert.equal(w.json(n, 'verify').wrong, 0, n); };

const api = async (method, p, body, headers = {}) => {
  const r = await fetch(`http://127.0.0.1:${w.nodes.get('city').staff}${p}`, { method, headers: { 'Content-Type': 'application/json', ...headers }, body: body && JSON.stringify(body) });
  return { status: r.status, cookie: r.headers.getSetCookie?.()[0]?.split(';')[0], ...(await r.json()) };
};
// Somebody of the city's staff, logged in.
const staff = async (login) => {
  const once = JSON.parse(w.verb('city', 'user add', ['--role', 'admin', '--json', login])).one_time_password;
  const first = await api('POST', '/api/login', { login, password: once });
  const h = { Cookie: first.cookie, 'X-CSRF-Token': first.csrf };
  const word = `correct horse ${login} staple`;
  await api('POST', '/api/password', { old: once, new: word }, h);
  const again = await api('POST', '/api/login', { login, password: word });
  return { Cookie: again.cookie, 'X-CSRF-Token': again.csrf };
};

test('three stations sign up with every line down: the street tier\'s two seats go to two of them, and the third moves up', async () => {
  event('course', 600, { seats: 3, seats_street: 2 });
  for (const n of stations) await known(n, 'course');
  for (const n of ['city', 'd1', 'd2']) await w.stop(n);
  for (const n of stations) sign(n, 'course', ['--wait']);
  for (const n of stations) assert.deepEqual(states(n, 'course'), ['asked'], 'nothing is promised out of reach');
  for (const n of ['d2', 'd1', 'city']) await w.start(n);
  await until('all are answered', 60000, () => stations.every((n) => states(n, 'course')[0] !== 'asked'));
  assert.deepEqual(stations.flatMap((n) => states(n, 'course')).sort(), ['confirmed', 'confirmed', 'waitlisted']);
  sign('city', 'course', ['--seats', '2']);
  assert.deepEqual(states('city', 'course'), ['confirmed', 'rejected'], 'one seat is left for whoever is of no street');
  for (const n of stations) {
    await until(`${n} sees how many`, 20000, () => show(n, 'course').taken?.city === 1);
    const e = show(n, 'course');
    assert.deepEqual([e.taken.street, e.taken.waiting, e.taken.seats], [2, 1, 3]);
    assert.ok(!JSON.stringify(e.taken).includes('社团') && !e.here, 'not who');
  }
  const winner = stations.find((n) => states(n, 'course')[0] === 'confirmed');
  const last = stations.find((n) => states(n, 'course')[0] === 'waitlisted');
  w.verb(winner, 'booking withdraw', [show(winner, 'course').my[0].id]);
  await until('the last one moves up', 30000, () => states(last, 'course')[0] === 'confirmed');
  whole();
});

test('the event is moved: every seat goes with it; called off: every seat is told', async () => {
  const from = minute(900);
  event('course', 900, { seats: 3, seats_street: 2 });
  for (const n of stations.filter((x) => states(x, 'course')[0] === 'confirmed')) {
    await until(`${n} is told`, 20000, () => show(n, 'course').my.every((x) => x.at[0].state !== 'confirmed' || x.at[0].from >= from));
  }
  event('off', 600, { seats: 5 });
  await known('s1', 'off');
  sign('s1', 'off');
  await until('given', 20000, () => states('s1', 'off')[0] === 'confirmed');
  event('off', 600, { seats: 5, state: 'cancelled' });
  await until('told', 20000, () => states('s1', 'off')[0] === 'cancelled');
  assert.equal(show('s1', 'off').my[0].at[0].reason, 'owner');
});

test('at the door: a code from the screen, a name, four answers, a certificate that can be checked', async () => {
  event('salon', 30, { seats: 8 });
  await known('s1', 'salon');
  sign('s1', 'salon', ['--seats', '5']);
  await until('given', 20000, () => states('s1', 'salon').every((x) => x === 'confirmed'));
  const h = await staff('li');
  const door = (await api('GET', '/api/door/salon', undefined, h)).code;
  assert.equal((await api('GET', '/api/door/salon')).status, 401, 'the code is for staff to show');
  for (const wrong of ['1.aaaaaaaaaaaaaaaaaaaaaaaaaa', door.replace(/.$/, (c) => (c === 'a' ? 'b' : 'a')), `9${door}`, '.']) {
    assert.equal((await api('GET', `/api/door/salon/${encodeURIComponent(wrong)}`)).status, 404, wrong);
  }
  assert.equal((await api('GET', `/api/door/course/${door}`)).status, 404, 'for its own event alone');
  const open = await api('GET', `/api/door/salon/${door}`);
  const { ticket } = open;
  assert.notEqual(ticket, door);
  assert.equal((await api('GET', `/api/door/salon/${ticket}`)).ticket, ticket, 'a ticket gives no longer one');
  assert.equal((await api('GET', `/api/door/course/${ticket}`)).status, 404, 'for its own event alone');
  assert.deepEqual(open.orgs.map((x) => [x.org, x.left]), [['s1 的社团', 5]]);
  const seat = { node: w.id('s1'), org: 's1 的社团' };
  const codes = [];
  for (let i = 0; i < 5; i++) {
    const r = await api('POST', `/api/door/salon/${door}`, { ...seat, name: `欧阳娜${i}` });
    assert.equal(r.status, 200, JSON.stringify(r));
    codes.push(r.code);
  }
  assert.equal((await api('POST', `/api/door/salon/${door}`, { ...seat, name: '多余' })).status, 404, 'one seat, one person');
  const newest = async () => (await api('GET', '/api/audit', undefined, h)).rows[0].n;
  const row = await newest();
  for (let i = 0; i < 5; i++) await api('POST', '/api/door/salon/1.a', { ...seat, name: '谁' });
  assert.equal(await newest(), row, 'who has no code fills no log');
  await until('s1 sees the seats used', 20000, () => states('s1', 'salon').every((x) => x === 'checked_in'));
  event('salon', -90, { seats: 8 }); // by now it is over
  const mine = await api('POST', '/api/attended', { code: codes[0] });
  assert.equal(mine.name, '欧阳娜0');
  assert.match(mine.number, /^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$/);
  for (const code of codes) assert.equal((await api('POST', '/api/attended/rate', { code, content: 5, teacher: 4, service: 4, use: 3 })).status, 200);
  assert.equal((await api('POST', '/api/attended/rate', { code: codes[0], content: 1, teacher: 1, service: 1, use: 1 })).status, 409, 'once');
  const e = show('city', 'salon');
  assert.deepEqual(e.score, { n: 5, of: 5, shown_from: 5, content: 500, teacher: 400, service: 400, use: 300 });
  const shown = await api('GET', `/api/certificates/${mine.number}`);
  assert.equal(shown.name, '欧**');
  assert.equal(shown.minutes, 90);
  assert.equal(JSON.parse(w.verb('city', 'event certificate', [mine.number])).number, mine.number);
  assert.equal(w.tryVerb('city', 'event certificate', ['AAAA-BBBB-CCCC-DDDD']).code, 1);
  for (const n of ['s1', 'd1']) {
    assert.ok(!fs.readFileSync(path.join(w.data(n), 'sanji.db')).includes('欧阳娜'), `no name at ${n}`);
  }
  whole();
});

test('a code that is passed on comes too late; who scanned in time has time to type', async () => {
  await w.stop('city');
  const clock = new Clock(w.dir);
  await w.start('city');
  delete process.env.LD_PRELOAD;
  await until('it answers', 20000, () => api('GET', '/api/me').then(() => true, () => false));
  const h = await staff('sun');
  const { code } = await api('GET', '/api/door/salon', undefined, h);
  const { ticket } = await api('GET', `/api/door/salon/${code}`);
  // A connection that rested for minutes is closed by then.
  const again = (p) => api('GET', p).catch(() => api('GET', p));
  clock.jump(0.05); // three minutes
  assert.equal((await again(`/api/door/salon/${code}`)).status, 404);
  assert.equal((await again(`/api/door/salon/${ticket}`)).status, 200);
  clock.jump(0.2);
  assert.equal((await again(`/api/door/salon/${ticket}`)).status, 404);
  await w.stop('city');
  await w.start('city');
});

test('an older backup of the city is put back: the seats given since are given to nobody else', async () => {
  event('late', 600, { seats: 2 });
  for (const n of stations) await known(n, 'late');
  const code = w.json('city', 'recovery new').recovery;
  const out = path.join(w.dir, 'stick');
  fs.mkdirSync(out);
  const file = w.json('city', 'backup', ['--to', out]).file;
  sign('city', 'late'); // an own one, which no other node holds
  sign('s1', 'late');
  await until('s1 has its seat', 20000, () => states('s1', 'late')[0] === 'confirmed');
  await until('the districts know', 20000, () => ['d1', 'd2'].every((n) => { const t = show(n, 'late').taken; return t && t.city === 1 && t.street === 1; }));
  for (const n of ['d1', 'd2', 'city']) await w.stop(n, n === 'city' ? 'SIGKILL' : 'SIGTERM');
  fs.rmSync(w.data('city'), { recursive: true });
  w.ok(['restore', '--data', w.data('city'), file], { input: code + '\n' });
  await w.start('city');
  sign('s3', 'late');
  for (const n of ['d1', 'd2']) await w.start(n);
  await until('well again', 90000, () => w.json('city', 'status').self === 'ok');
  await until('s3 is refused', 30000, () => states('s3', 'late')[0] === 'rejected');
  assert.equal(show('s3', 'late').my[0].at[0].reason, 'taken');
  whole();
});

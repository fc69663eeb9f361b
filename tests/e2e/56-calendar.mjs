// Bookings in calendar programs: addresses with a token, read with a strict reader of RFC 5545, that end when they are revoked or their maker is gone, and say no more than their maker may see.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';

const w = new World();
after(() => w.close());

// RFC 5545, strictly: CR LF, 75 octets, folds, escapes, what must be there once, UTC times that exist.
function read(raw) {
  assert.ok(Buffer.isBuffer(raw));
  const text = new TextDecoder('utf-8', { fatal: true }).decode(raw);
  assert.ok(text.endsWith('\r\n') && !/(^|[^\r])\n|\r(?!\n)/.test(text), 'lines end with CR LF');
  const physical = text.slice(0, -2).split('\r\n');
  for (const l of physical) {
    assert.ok(Buffer.byteLength(l) <= 75, `${Buffer.byteLength(l)} octets: ${l}`);
    // eslint-disable-next-line no-control-regex
    assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(l), JSON.stringify(l));
  }
  const lines = text.slice(0, -2).replace(/\r\n[ \t]/g, '').split('\r\n').map((l) => {
    const m = /^([A-Z0-9-]+)((?:;[A-Z-]+=[^;:"]+)*):(.*)$/.exec(l);
    assert.ok(m, l);
    return { name: m[1], params: m[2], value: m[3] };
  });
  const unescape = (s) => {
    assert.ok(/^(?:[^\\;,]|\\[\\;,nN])*$/.test(s), `not escaped: ${s}`);
    return s.replace(/\\([\\;,nN])/g, (_, c) => (c === 'n' || c === 'N' ? '\n' : c));
  };
  const time = (s) => {
    const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(s);
    assert.ok(m, s);
    const d = new Date(Date.UTC(+m[1], m[2] - 1, +m[3], +m[4], +m[5], +m[6]));
    assert.equal(d.toISOString().replace(/[-:]|\.\d+/g, ''), s);
    return d;
  };
  assert.deepEqual([lines[0].name, lines[0].value, lines.at(-1).name, lines.at(-1).value], ['BEGIN', 'VCALENDAR', 'END', 'VCALENDAR']);
  const cal = { events: [] };
  let e;
  for (const l of lines.slice(1, -1)) {
    if (l.name === 'BEGIN') { assert.equal(l.value, 'VEVENT'); assert.ok(!e); e = {}; continue; }
    if (l.name === 'END') {
      for (const must of ['UID', 'DTSTAMP', 'DTSTART', 'DTEND', 'SUMMARY', 'STATUS']) assert.ok(must in e, must);
      assert.ok(e.DTSTART < e.DTEND);
      cal.events.push(e);
      e = undefined;
      continue;
    }
    const at = e ?? cal;
    assert.ok(!(l.name in at), `${l.name} twice`);
    at[l.name] = /^DT/.test(l.name) ? time(l.value) : ['UID', 'SUMMARY', 'DESCRIPTION', 'LOCATION', 'X-WR-CALNAME'].includes(l.name) ? unescape(l.value) : l.value;
  }
  assert.ok(!e);
  assert.equal(cal.VERSION, '2.0');
  assert.ok(cal.PRODID);
  assert.equal(new Set(cal.events.map((x) => x.UID)).size, cal.events.length, 'UIDs are unique');
  return cal;
}

const day = (n) => new Date(Date.now() + 8 * 3600e3 + n * 864e5).toISOString().slice(0, 10);
const at = (n, h) => `${day(n)}T${String(h).padStart(2, '0')}:00`;
const hours = Object.fromEntries(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map((d) => [d, '08:00-20:00']));
const utc = (n, h) => new Date(`${at(n, h)}:00+08:00`);
const people = {};
const origin = (n) => `http://127.0.0.1:${w.nodes.get(n).staff}`;
const send = (n, who, method, path, body) => fetch(`${origin(n)}${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body), headers: { 'Content-Type': 'application/json', Cookie: who.cookie, 'X-CSRF-Token': who.csrf } });
async function hire(n, login, args = []) {
  const once = JSON.parse(w.verb(n, 'user add', [...args, '--json', login])).one_time_password;
  const enter = async (password) => {
    const r = await send(n, { cookie: '', csrf: '' }, 'POST', '/api/login', { login, password });
    return { cookie: r.headers.get('set-cookie').split(';')[0], csrf: (await r.json()).csrf };
  };
  const first = await enter(once);
  assert.equal((await send(n, first, 'POST', '/api/password', { old: once, new: `correct horse ${login}` })).status, 200);
  people[`${n} ${login}`] = await enter(`correct horse ${login}`);
  return people[`${n} ${login}`];
}
const feed = async (n, who, listing) => {
  const r = await send(n, who, 'POST', '/api/feeds', listing ? { listing } : {});
  const x = await r.json();
  assert.equal(r.status, 200, JSON.stringify(x));
  assert.match(x.path, /^\/calendar\/sanji_[\w-]{43}$/);
  return x;
};
// As a calendar program asks: no cookie.
const raw = (n, path) => new Promise((ok, no) => {
  http.get(`${origin(n)}${path}`, (r) => {
    const parts = [];
    r.on('data', (d) => parts.push(d)).on('end', () => ok({ status: r.statusCode, type: r.headers['content-type'], body: Buffer.concat(parts) }));
  }).on('error', no);
});
const calendar = async (n, f) => {
  const r = await raw(n, f.path);
  assert.equal(r.status, 200, String(r.body));
  assert.equal(r.type, 'text/calendar; charset=utf-8');
  return read(r.body);
};
const hostile = '晨光；社工, "A"\\B; 很长的名称'.repeat(6).slice(0, 118);
let clerk, hall;

before(async () => {
  await w.tree(['city', 'd1']);
  w.put('city', 'listing', [{ id: 'hall', kind: 'venue', title: '议事厅; 一楼, "大"' }]);
  w.put('city', 'schedule', [{ id: 'hall.hours', listing: 'hall', slot: 60, ...hours }]);
  await until('known below', 20000, () => w.tryVerb('d1', 'get', [`${w.id('city')}/hall.hours`]).code === 0);
  hall = `${w.id('city')}/hall`;
  const ask = (n, org, times, more = {}) => w.verb(n, 'booking ask', [], { input: JSON.stringify({ listing: hall, org, purpose: 'training', at: times, ...more }) });
  ask('d1', hostile, [[at(3, 9), at(3, 11)], [at(10, 9), at(10, 11)]]);
  await until('answered', 20000, () => w.verb('d1', 'booking list', ['--all', '--json']).includes('"confirmed"'));
  ask('city', '青禾社', [[at(3, 10), at(3, 12)]], { wait: true });
  clerk = await hire('d1', 'wang');
});

test('a person\'s: what his platform asked for, in UTC, hostile names whole', async () => {
  const f = await feed('d1', clerk);
  const c = await calendar('d1', f);
  assert.deepEqual(c.events.map((e) => [+e.DTSTART, +e.DTEND, e.STATUS]), [[+utc(3, 9), +utc(3, 11), 'CONFIRMED'], [+utc(10, 9), +utc(10, 11), 'CONFIRMED']]);
  assert.equal(c.events[0].SUMMARY, '议事厅; 一楼, "大"');
  const again = await calendar('d1', f);
  assert.deepEqual(again.events.map((e) => e.UID), c.events.map((e) => e.UID), 'the same names at each reading');
});

test('a listing\'s: at the owner by whom, elsewhere only when', async () => {
  const boss = await hire('city', 'gu');
  const here = await calendar('city', await feed('city', boss, hall));
  assert.equal(here['X-WR-CALNAME'], '议事厅; 一楼, "大"');
  assert.deepEqual(here.events.map((e) => [e.SUMMARY, e.STATUS]).sort(), [[hostile, 'CONFIRMED'], [hostile, 'CONFIRMED'], ['青禾社', 'TENTATIVE']].sort());
  const there = await calendar('d1', await feed('d1', clerk, hall));
  assert.deepEqual(there.events.map((e) => [+e.DTSTART, +e.DTEND]), [[+utc(3, 9), +utc(3, 11)], [+utc(10, 9), +utc(10, 11)]]);
  assert.ok(!JSON.stringify(there).includes('晨光'));
  assert.equal((await send('d1', clerk, 'POST', '/api/feeds', { listing: `${w.id('city')}/nothing` })).status, 404);
  assert.equal((await send('d1', clerk, 'POST', '/api/feeds', { listing: 'hall' })).status, 404);
});

test('a member of an organisation gets when, never who; and no platform\'s asks', async () => {
  w.put('city', 'org', [{ id: 'zu1', name: '青禾社' }]);
  const m = await hire('city', 'zu', ['--role', 'member', '--org', 'zu1']);
  assert.equal((await send('city', m, 'POST', '/api/feeds', {})).status, 403);
  const c = await calendar('city', await feed('city', m, hall));
  assert.equal(c.events.length, 2);
  assert.ok(!/晨光|青禾/.test(JSON.stringify(c.events)));
});

test('revoked by its owner or the administrator, or its owner gone: nothing; nobody else\'s is his to revoke', async () => {
  const other = await hire('d1', 'li');
  const f = await feed('d1', clerk);
  const g = await feed('d1', clerk);
  const list = await (await send('d1', clerk, 'GET', '/api/feeds')).json();
  assert.ok(list.feeds.some((x) => x.n === f.n) && !JSON.stringify(list).includes('sanji_'));
  assert.deepEqual((await (await send('d1', other, 'GET', '/api/feeds')).json()).feeds, []);
  assert.equal((await send('d1', other, 'POST', `/api/feeds/${f.n}/revoke`, {})).status, 404);
  await calendar('d1', f);
  assert.equal((await send('d1', clerk, 'POST', `/api/feeds/${f.n}/revoke`, {})).status, 200);
  assert.equal((await raw('d1', f.path)).status, 404);
  assert.match(w.verb('d1', 'token list'), /calendar/);
  const h = await feed('d1', clerk);
  w.verb('d1', 'token revoke', [String(h.n)]);
  assert.equal((await raw('d1', h.path)).status, 404);
  // It opens calendars and nothing else.
  const r = await fetch(`${origin('d1')}/api/records?kind=listing`, { headers: { Authorization: `Bearer ${g.path.split('/').pop()}` } });
  assert.equal(r.status, 403);
  const token = JSON.parse(w.verb('d1', 'token add', ['--name', 'x', '--role', 'admin', '--json'])).token;
  assert.equal((await raw('d1', `/calendar/${token}`)).status, 404);
  await calendar('d1', g);
  w.verb('d1', 'user disable', ['wang']);
  assert.equal((await raw('d1', g.path)).status, 404);
  assert.ok(!w.log('d1').includes('sanji_'));
});

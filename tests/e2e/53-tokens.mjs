// Keys of other programs, over the real listener: made on the command line with and without a daemon, used by a program that has nothing else, refused and ended; and nothing of them lies in the data folder or the log.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { World } from './lib/node.mjs';

const w = new World();
let origin;
const as = (token, at, body, headers = {}) => fetch(`${origin}${at}`, { method: body ? 'POST' : 'GET', body, headers: { 'Accept-Language': 'en', ...(token && { Authorization: `Bearer ${token}` }), ...(body && { 'Content-Type': 'application/json' }), ...headers } });
const make = (args) => JSON.parse(w.verb('city', 'token add', [...args, '--json']));
const listed = () => w.verb('city', 'token list', ['--json']).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
let reader, writer;

before(async () => {
  await w.tree(['city']);
  origin = `http://127.0.0.1:${w.nodes.get('city').staff}`;
});
after(() => w.close());

test('made for a role, named, listed, never shown again', () => {
  reader = make(['--name', 'supervision platform', '--role', 'supervisor']);
  writer = make(['--name', 'OA', '--role', 'clerk', '--valid', '30']);
  const two = listed();
  assert.deepEqual(two.map((t) => [t.n, t.name, t.role, t.maker, t.used]), [[1, 'supervision platform', 'supervisor', 'cli', undefined], [2, 'OA', 'clerk', 'cli', undefined]]);
  assert.equal(Math.round((two[1].expires_ms - two[1].created_ms) / 864e5), 30);
  assert.ok(!w.verb('city', 'token list').includes('sanji_'));
  const bad = w.tryVerb('city', 'token add', ['--name', 'x', '--role', 'king']);
  assert.equal(bad.code, 1);
  assert.match(bad.err, /role/);
  assert.equal(w.tryVerb('city', 'token add', ['--name', 'x', '--role', 'clerk', '--valid', '0']).code, 2);
  assert.equal(listed().length, 2);
});

test('a program works with it alone, as far as its role goes', async () => {
  const d = { d: { kind: 'venue', title: 'hall' } };
  assert.equal((await as(null, '/api/records?kind=listing')).status, 401);
  assert.equal((await as(reader.token, '/api/records?kind=listing')).status, 200);
  const no = await as(reader.token, '/api/records/listing', JSON.stringify(d));
  assert.equal(no.status, 403);
  const yes = await as(writer.token, '/api/records/listing', JSON.stringify(d));
  assert.equal(yes.status, 200);
  assert.equal(yes.headers.get('set-cookie'), null);
  assert.match(w.state('city'), /hall/);
  const rows = (await (await as(reader.token, '/api/audit')).json()).rows.map((r) => `${r.who} ${r.what} ${r.result}`);
  assert.ok(rows.includes('token:2 POST /api/records/: ok') && rows.includes('token:1 POST /api/records/: forbidden'), rows.join('\n'));
  const doc = await (await as(reader.token, '/api/openapi.json')).json();
  assert.deepEqual(doc.components.securitySchemes.token.scheme, 'bearer');
  assert.ok(doc.paths['/api/records/{kind}'].post.security.some((s) => s.token));
  assert.ok(!doc.paths['/api/password'].post.security.some((s) => s.token));
  const today = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
  assert.deepEqual(listed().map((t) => t.used), [today, today]);
});

test('a restart keeps them; revoked without the daemon, one is nobody', async () => {
  await w.stop('city');
  w.verb('city', 'token revoke', ['2']);
  assert.equal(w.tryVerb('city', 'token revoke', ['2']).code, 1);
  await w.start('city');
  assert.equal((await as(reader.token, '/api/status')).status, 200);
  const r = await as(writer.token, '/api/status');
  assert.equal(r.status, 401);
  assert.equal((await r.json()).err, 'bad_token');
});

test('a pace a minute, by the setting; other tokens are not slowed', async () => {
  fs.appendFileSync(path.join(w.data('city'), 'sanji.conf'), '\ntoken_per_minute = 5\n');
  await w.stop('city');
  await w.start('city');
  const other = make(['--name', 'other', '--role', 'supervisor']);
  const got = [];
  for (let i = 0; i < 12; i++) got.push((await as(reader.token, '/api/status')).status);
  assert.ok(got.slice(0, 5).every((s) => s === 200) && got.includes(429), got.join());
  assert.equal((await as(other.token, '/api/status')).status, 200);
});

test('no file of the node and no line of its log holds a token', () => {
  const raw = [reader, writer].flatMap((t) => [Buffer.from(t.token.slice(6)), Buffer.from(t.token.slice(6), 'base64url')]);
  const walk = (d) => fs.readdirSync(d, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(path.join(d, e.name)) : e.isFile() ? [path.join(d, e.name)] : []));
  const files = [...walk(w.data('city')), w.data('city.log')];
  assert.ok(files.some((f) => f.endsWith('sanji.db')));
  for (const f of files) for (const t of raw) assert.equal(fs.readFileSync(f).indexOf(t), -1, f);
});

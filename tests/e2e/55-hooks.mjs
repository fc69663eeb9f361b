// Other programs are told what comes to wait: over real sockets, signed, in the forms two group robots take, again after a failure and after a restart, named by doctor when nobody answers, and never led into networks they have no business in.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Clock } from './lib/clock.mjs';
import { World, freePort, until } from './lib/node.mjs';

const w = new World();
const servers = [];
// A receiver: what came, and what it answers.
const receiver = async ({ port = 0, tls, host = '127.0.0.1' } = {}) => {
  const r = { got: [], status: 200, body: '{"errcode":0,"errmsg":"ok"}' };
  const on = (rq, rs) => {
    let body = '';
    rq.on('data', (c) => { body += c; }).on('end', () => {
      r.got.push({ url: rq.url, headers: rq.headers, body });
      rs.writeHead(r.status, { 'Content-Type': 'application/json', ...r.headers });
      rs.end(r.body);
    });
  };
  r.server = tls ? https.createServer(tls, on) : http.createServer(on);
  await new Promise((ok) => r.server.listen(port, host, ok));
  r.port = r.server.address().port;
  servers.push(r.server);
  return r;
};
const add = (form, url, secret = '', args = []) => JSON.parse(w.verb('city', 'hook add', ['--name', form, '--form', form, ...args, '--json'], { input: `${url}\n${secret}\n` }));
const hooks = () => w.verb('city', 'hook list', ['--json']).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
const applies = (id) => w.put('city', 'org', [{ id, name: `组织 ${id}`, state: 'applying', contact: '王小红' }]);
const came = (r, n) => until(`${n} messages`, 30000, () => r.got.length >= n);
let plain, secret;

before(() => w.tree(['city']));
after(async () => {
  servers.forEach((s) => { s.closeAllConnections(); s.close(); });
  await w.close();
});

test('a program of our own: one message for what is new, with time and signature; nothing of the record', async () => {
  plain = await receiver();
  applies('before');
  secret = add('plain', `http://127.0.0.1:${plain.port}/in?room=7`).secret;
  applies('a');
  await came(plain, 1);
  const { url, headers, body } = plain.got[0];
  assert.equal(url, '/in?room=7');
  const m = JSON.parse(body);
  assert.deepEqual([m.v, m.event, m.source, m.kind, m.count, m.node], [1, 'todo', 'decide', 'org', 1, w.id('city')]);
  assert.match(m.link, /^http:\/\/127\.0\.0\.1:\d+\/#\/todo$/);
  assert.ok(Math.abs(Number(headers['x-sanji-time']) * 1000 - Date.now()) < 60000);
  assert.equal(headers['x-sanji-signature'], `v1=${crypto.createHmac('sha256', secret).update(`${headers['x-sanji-time']}.${body}`).digest('hex')}`);
  assert.ok(!/王小红|组织/.test(body));
  assert.deepEqual(hooks().map((h) => [h.queued, h.fails]), [[0, 0]]);
});

test('refused, it comes again, the same message; a restart in between loses none', async () => {
  plain.status = 500;
  applies('b');
  await came(plain, 3);
  assert.equal(plain.got[1].body, plain.got[2].body);
  assert.equal(hooks()[0].why, 'HTTP 500');
  await w.stop('city', 'SIGKILL');
  plain.status = 200;
  const n = plain.got.length;
  await w.start('city');
  await came(plain, n + 1);
  assert.equal(plain.got[n].body, plain.got[1].body);
  await until('taken', 10000, () => hooks()[0].queued === 0 && hooks()[0].fails === 0);
  assert.equal(new Set(plain.got.map((g) => JSON.parse(g.body).id)).size, 2);
});

test('the robots of two chat programs: their text message, and the address signed as one of them wants it', async () => {
  const wecom = await receiver();
  const ding = await receiver();
  add('wecom', `http://127.0.0.1:${wecom.port}/cgi-bin/webhook/send?key=k`);
  add('dingtalk', `http://127.0.0.1:${ding.port}/robot/send?access_token=t`, 'SEC+/=abc');
  wecom.body = '{"errcode":45009,"errmsg":"api freq out of limit"}';
  applies('c');
  await came(ding, 1);
  await came(wecom, 2); // "200" with an error in it is none taken
  wecom.body = '{"errcode":0,"errmsg":"ok"}';
  const a = JSON.parse(wecom.got[0].body);
  assert.deepEqual(Object.keys(a), ['msgtype', 'text']);
  assert.equal(a.msgtype, 'text');
  assert.match(a.text.content, /city.*Organisation.*1.*http:\/\/127/);
  assert.ok(Buffer.byteLength(a.text.content) <= 2048);
  assert.equal(wecom.got[0].url, '/cgi-bin/webhook/send?key=k');
  const u = new URL(ding.got[0].url, 'http://x');
  const t = u.searchParams.get('timestamp');
  assert.ok(Math.abs(Number(t) - Date.now()) < 60000);
  assert.equal(u.searchParams.get('sign'), crypto.createHmac('sha256', 'SEC+/=abc').update(`${t}\nSEC+/=abc`).digest('base64'));
  assert.equal(u.searchParams.get('access_token'), 't');
  assert.deepEqual(JSON.parse(ding.got[0].body), a);
  await until('all taken', 20000, () => hooks().every((h) => h.queued === 0));
  for (const h of hooks().slice(1)) w.verb('city', 'hook drop', [String(h.n)]);
});

test('https with an authority the setting names; another certificate gets nothing', async () => {
  const at = (f) => path.join(w.dir, f);
  const make = (name) => spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=oa', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)]);
  assert.equal(make('good').status, 0);
  assert.equal(make('bad').status, 0);
  fs.appendFileSync(path.join(w.data('city'), 'sanji.conf'), `\nhook_ca = ${at('good.crt')}\n`);
  await w.stop('city');
  await w.start('city');
  const pem = (n) => ({ key: fs.readFileSync(at(`${n}.key`)), cert: fs.readFileSync(at(`${n}.crt`)) });
  const good = await receiver({ tls: pem('good') });
  const bad = await receiver({ tls: pem('bad') });
  const g = add('plain', `https://127.0.0.1:${good.port}/`, '', ['--events', 'ack']).n;
  const b = add('plain', `https://127.0.0.1:${bad.port}/`, '', ['--events', 'ack']).n;
  w.verb('city', 'hook test', [String(g)]);
  w.verb('city', 'hook test', [String(b)]);
  await came(good, 1);
  assert.equal(JSON.parse(good.got[0].body).event, 'test');
  await until('refused', 20000, () => hooks().find((h) => h.n === b).why === 'no_tls');
  assert.equal(bad.got.length, 0);
  for (const n of [g, b]) w.verb('city', 'hook drop', [String(n)]);
});

test('no way into private networks: by address, by name, by a redirect', async () => {
  const refused = (url) => {
    const r = w.tryVerb('city', 'hook add', ['--name', 'x', '--form', 'plain'], { input: `${url}\n` });
    assert.equal(r.code, 1, url);
    assert.match(r.err, /url/);
  };
  ['http://oa.example.cn/', 'https://10.0.0.1/', 'https://192.168.1.1/', 'https://169.254.169.254/latest/meta-data', 'https://[fe80::1]/', 'https://user:pw@oa.example.cn/'].forEach(refused);
  // A name that leads to this machine is not this machine's address.
  const inside = await receiver({ tls: { key: fs.readFileSync(path.join(w.dir, 'good.key')), cert: fs.readFileSync(path.join(w.dir, 'good.crt')) } });
  const names = spawnSync('getent', ['ahosts', 'ip6-localhost'], { encoding: 'utf8' }).stdout;
  if (names.includes('::1') || names.includes('127.')) {
    const n = add('plain', `https://ip6-localhost:${inside.port}/`).n;
    w.verb('city', 'hook test', [String(n)]);
    await until('barred', 20000, () => hooks().find((h) => h.n === n).why === 'address_barred');
    w.verb('city', 'hook drop', [String(n)]);
  }
  plain.status = 302;
  plain.headers = { Location: `https://127.0.0.1:${inside.port}/` };
  const before_ = plain.got.length;
  w.verb('city', 'hook test', ['1']);
  await came(plain, before_ + 1);
  await until('not taken', 10000, () => hooks()[0].why === 'HTTP 302');
  assert.equal(inside.got.length, 0);
  plain.status = 200;
  plain.headers = undefined;
  await until('taken', 20000, () => hooks()[0].queued === 0);
});

test('one that never answers is named by doctor, and no address in the log', async () => {
  assert.equal(w.tryVerb('city', 'doctor', ['--json']).out.split('\n').filter((l) => l.includes('"hook"') && l.includes('"wrong"')).length, 0);
  const port = await freePort();
  const n = add('plain', `http://127.0.0.1:${port}/`).n;
  w.verb('city', 'hook test', [String(n)]);
  await w.stop('city');
  const clock = new Clock(w.dir); // it waits longer each time: minutes pass in a moment
  await w.start('city');
  await until('given up on', 90000, () => {
    clock.jump(0.1);
    return hooks().find((h) => h.n === n).fails >= 5;
  });
  const d = w.tryVerb('city', 'doctor');
  assert.equal(d.code, 1);
  assert.match(d.out, new RegExp(`WRONG hook ${n} plain .*no_connection`));
  w.verb('city', 'hook drop', [String(n)]);
  assert.ok(!w.tryVerb('city', 'doctor').out.includes('WRONG hook'));
  assert.ok(!w.log('city').includes('access_token') && !w.log('city').includes('key=k'));
});

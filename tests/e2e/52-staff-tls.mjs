// The staff pages over TLS: one trust for good, the administrator's own certificate, and a renewal without a restart.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import test, { after, before } from 'node:test';
import tls from 'node:tls';
import { World, until } from './lib/node.mjs';

const w = new World();
let port;
const conf = (lines) => fs.appendFileSync(`${w.data('city')}/sanji.conf`, `\n${lines}\n`);
// The certificate that is shown there, and whether a client that trusts only `ca` takes it for `host`.
const shown = (ca, host) => new Promise((resolve, reject) => {
  const s = tls.connect({ host: '127.0.0.1', port, ca, servername: net.isIP(host) ? '' : host, rejectUnauthorized: false,
    checkServerIdentity: (_, cert) => tls.checkServerIdentity(host, cert) }, () => {
    const x = s.getPeerX509Certificate();
    resolve({ trusted: s.authorized, why: s.authorizationError, print: x.fingerprint256, to: x.validTo });
    s.destroy();
  });
  s.on('error', reject);
});
const ask = (path, ca) => new Promise((resolve, reject) => {
  https.get({ host: '127.0.0.1', port, path, ca, rejectUnauthorized: ca !== undefined, headers: { Accept: 'application/json' } }, (r) => {
    const parts = [];
    r.on('data', (d) => parts.push(d)).on('end', () => resolve({ status: r.statusCode, type: r.headers['content-type'], hsts: r.headers['strict-transport-security'], body: Buffer.concat(parts) }));
  }).on('error', reject);
});
const pem = (der) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
let ca;

before(async () => {
  await w.tree(['city']);
  port = w.nodes.get('city').staff;
  await w.stop('city');
  conf('staff_tls = yes');
  await w.start('city');
});
after(() => w.close());

test('a client that has trusted the file once needs no exception', async () => {
  const f = await ask('/api/certificate/sanji.crt');
  assert.equal(f.type, 'application/x-x509-ca-cert');
  ca = pem(f.body);
  const root = new crypto.X509Certificate(f.body);
  assert.ok(root.ca && root.subject.includes('Sanji city'));
  for (const host of ['127.0.0.1', 'localhost', '::1']) assert.deepEqual([host, (await shown(ca, host)).why], [host, null]);
  assert.equal((await shown(ca, 'example.org')).trusted, false);
  const page = await ask('/', ca);
  assert.equal(page.status, 200);
  assert.equal(page.hsts, undefined); // an own authority may be made anew, and then nobody could get past it
  const said = JSON.parse((await ask('/api/certificate', ca)).body);
  assert.equal(said.own, true);
  assert.equal(said.fingerprint.replace(/ +/g, ':'), root.fingerprint256);
  assert.ok(w.verb('city', 'status').includes(said.fingerprint)); // what the administrator reads aloud
  assert.equal(fs.statSync(`${w.data('city')}/keys/staff-ca.key`).mode & 0o777, 0o600);
  assert.notEqual(root.publicKey.export({ format: 'pem', type: 'spki' }), new crypto.X509Certificate(fs.readFileSync(`${w.data('city')}/keys/tls.crt`)).publicKey.export({ format: 'pem', type: 'spki' }));
});

test('passwords are not taken in clear', async () => {
  const said = await new Promise((resolve) => {
    const s = net.connect(port, '127.0.0.1', () => s.write('POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}'));
    let got = '';
    s.on('data', (d) => { got += d.toString('latin1'); }).on('close', () => resolve(got)).on('error', () => resolve(got));
  });
  assert.ok(!said.includes('HTTP/1.1 2'), said);
});

test('after a restart: another certificate of the same authority', async () => {
  const before = await shown(ca, 'localhost');
  await w.stop('city');
  await w.start('city');
  const now = await shown(ca, 'localhost');
  assert.equal(now.why, null);
  assert.notEqual(now.print, before.print);
  assert.ok(new Date(now.to) - Date.now() < 398 * 86400000);
});

test('the certificate of the administrator, renewed under its path; one that fits no key changes nothing', async () => {
  const crt = w.data('own.crt');
  const key = w.data('own.key');
  fs.copyFileSync(`${w.data('city')}/keys/tls.crt`, crt);
  fs.copyFileSync(`${w.data('city')}/keys/tls.key`, key);
  conf(`staff_cert = ${crt}\nstaff_key = ${key}`);
  await w.stop('city');
  await w.start('city');
  const own = new crypto.X509Certificate(fs.readFileSync(crt)).fingerprint256;
  assert.equal((await shown(undefined, 'localhost')).print, own);
  assert.equal(JSON.parse((await ask('/api/certificate')).body).own, false);
  assert.equal((await ask('/api/certificate/sanji.crt')).status, 404);
  for (const p of ['/', '/api/certificate']) assert.match((await ask(p)).hsts, /max-age/);

  fs.copyFileSync(`${w.data('city')}/keys/staff-ca.crt`, crt); // half a renewal
  process.kill(w.nodes.get('city').proc.pid, 'SIGHUP');
  await until('it is said in the log', 15000, () => w.log('city').includes('staff.certificate'));
  assert.equal((await shown(undefined, 'localhost')).print, own);
  fs.copyFileSync(`${w.data('city')}/keys/staff-ca.key`, key);
  process.kill(w.nodes.get('city').proc.pid, 'SIGHUP');
  const next = new crypto.X509Certificate(fs.readFileSync(crt)).fingerprint256;
  await until('the new one is shown', 15000, async () => (await shown(undefined, 'localhost')).print === next);
  await w.stop('city');
  fs.rmSync(key);
  const r = w.run(['serve', '--data', w.data('city')]);
  assert.notEqual(r.code, 0);
  assert.match(r.err, /staff_cert.*staff_key/s);
});

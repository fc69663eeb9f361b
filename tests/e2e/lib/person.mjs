// One person at the interface of a node, without a browser: logged in, with a password of his own.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

export const sha = (b) => createHash('sha256').update(b).digest('base64url');
export const password = (login) => `eine-lange-${login}-phrase`;

export class Person {
  constructor(w, node, login) {
    Object.assign(this, { base: `http://127.0.0.1:${w.nodes.get(node).staff}`, login });
  }
  static async hire(w, node, login, role) {
    const p = new Person(w, node, login);
    const once = JSON.parse(w.verb(node, 'user add', [login, '--name', login, '--role', role, '--json'])).one_time_password;
    await p.enter(once);
    await p.post('/api/password', { old: once, new: password(login) });
    await p.enter(password(login));
    return p;
  }
  async enter(pass) {
    const r = await fetch(this.base + '/api/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ login: this.login, password: pass }) });
    assert.equal(r.status, 200, await r.clone().text());
    this.headers = { Cookie: r.headers.get('set-cookie').split(';')[0], 'X-CSRF-Token': (await r.json()).csrf };
  }
  async ask(method, p, body) {
    return fetch(this.base + p, { method, headers: { ...this.headers, ...(body && { 'Content-Type': 'application/json' }) }, body: body && JSON.stringify(body) });
  }
  async post(p, body = {}) {
    const r = await this.ask('POST', p, body);
    assert.equal(r.status, 200, `${p}: ${await r.clone().text()}`);
    return r.json();
  }
  async get(p) {
    const r = await this.ask('GET', p);
    assert.equal(r.status, 200, `${p}: ${await r.clone().text()}`);
    return r.json();
  }
  // The file as a record takes it.
  async bring(name, bytes) {
    const u = await this.post('/api/uploads', { name, len: bytes.length, sha256: sha(bytes) });
    for (let at = 0; at < bytes.length; at += 524288) {
      await this.post(`/api/uploads/${u.id}/part`, { at, data: bytes.subarray(at, at + 524288).toString('base64url') });
    }
    const whole = await this.post(`/api/uploads/${u.id}/finish`);
    return { name: whole.name, type: whole.type, len: whole.len, sha256: whole.sha256 };
  }
  async state(of, kind, rec) {
    return (await this.get(`/api/files/${of}/${kind}/${rec}`)).files[0];
  }
}

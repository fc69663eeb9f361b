// SPDX-License-Identifier: Apache-2.0
// The protocol once more, written from PROTOCOL.md alone: names, envelope, frames, sealed items,
// enrolment, session, exchange. With it a test can play a node that is hostile and still holds a
// valid key; conform.mjs holds the readers.
import crypto from 'node:crypto';
import https from 'node:https';
import { decompress } from 'fzstd';

export const b64u = (b) => Buffer.from(b).toString('base64url');
export const unb64u = (s) => Buffer.from(s, 'base64url');
export const sha = (...parts) => {
  const h = crypto.createHash('sha256');
  for (const p of parts) h.update(p);
  return h.digest();
};
const B32 = 'abcdefghijklmnopqrstuvwxyz234567';
export function base32bits(buf, bits) {
  let out = '';
  for (let i = 0; i < bits; i += 5) {
    let v = 0;
    for (let k = 0; k < 5; k++) {
      const bit = i + k;
      const set = bit < buf.length * 8 ? (buf[bit >> 3] >> (7 - (bit & 7))) & 1 : 0;
      v = (v << 1) | set;
    }
    out += B32[v];
  }
  return out;
}
export const keyId = (pub) => 'k' + base32bits(sha(Buffer.from([3]), pub), 65);
export const nodeIdOf = (bytes) => 'n' + base32bits(bytes, 65);
export const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
export const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
export const lp = (x) => { const b = Buffer.from(x); return Buffer.concat([u32(b.length), b]); };
export const random = (n) => crypto.randomBytes(n);

// ---- keys ----
const der = (hex, tail) => Buffer.concat([Buffer.from(hex, 'hex'), tail]);
export function signKey(seed = random(32)) {
  const key = crypto.createPrivateKey({ key: der('302e020100300506032b657004220420', seed), format: 'der', type: 'pkcs8' });
  const pub = crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { key, pub, kid: keyId(pub), sign: (b) => crypto.sign(null, b, key) };
}
export function verify(pub, bytes, sig) {
  try {
    const key = crypto.createPublicKey({ key: der('302a300506032b6570032100', pub), format: 'der', type: 'spki' });
    return sig.length === 64 && crypto.verify(null, bytes, key, sig);
  } catch {
    return false;
  }
}
export function sealKey(seed = random(32)) {
  const key = crypto.createPrivateKey({ key: der('302e020100300506032b656e04220420', seed), format: 'der', type: 'pkcs8' });
  return { key, pub: crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32) };
}
const sealPub = (pub) => crypto.createPublicKey({ key: der('302a300506032b656e032100', pub), format: 'der', type: 'spki' });

// ---- HPKE, RFC 9180 base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305 ----
const hmac = (key, ...parts) => {
  const h = crypto.createHmac('sha256', key);
  for (const p of parts) h.update(p);
  return h.digest();
};
const KEM = Buffer.from('4b454d0020', 'hex');
const SUITE = Buffer.from('48504b45002000010003', 'hex');
const extract = (suite, salt, label, ikm) => hmac(salt, 'HPKE-v1', suite, label, ikm);
function expand(suite, prk, label, info, n) {
  const full = Buffer.concat([Buffer.from([n >> 8, n & 255]), Buffer.from('HPKE-v1'), suite, Buffer.from(label), info]);
  let t = Buffer.alloc(0);
  let out = Buffer.alloc(0);
  for (let i = 1; out.length < n; i++) {
    t = hmac(prk, t, full, Buffer.from([i]));
    out = Buffer.concat([out, t]);
  }
  return out.subarray(0, n);
}
function hpkeContext(dh, enc, pub, info) {
  const none = Buffer.alloc(0);
  const shared = expand(KEM, extract(KEM, none, 'eae_prk', dh), 'shared_secret', Buffer.concat([enc, pub]), 32);
  const ctx = Buffer.concat([Buffer.from([0]), extract(SUITE, none, 'psk_id_hash', none), extract(SUITE, none, 'info_hash', info)]);
  const secret = extract(SUITE, shared, 'secret', none);
  return [expand(SUITE, secret, 'key', ctx, 32), expand(SUITE, secret, 'base_nonce', ctx, 12)];
}
export function chachaOpen(key, nonce, aad, ct) {
  const d = crypto.createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  d.setAAD(aad, { plaintextLength: ct.length - 16 });
  d.setAuthTag(ct.subarray(-16));
  return Buffer.concat([d.update(ct.subarray(0, -16)), d.final()]);
}
export function chachaSeal(key, nonce, aad, plain) {
  const c = crypto.createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  c.setAAD(aad, { plaintextLength: plain.length });
  return Buffer.concat([c.update(plain), c.final(), c.getAuthTag()]);
}
export function hpkeOpen(me, enc, info, aad, ct) {
  const dh = crypto.diffieHellman({ privateKey: me.key, publicKey: sealPub(enc) });
  const [key, nonce] = hpkeContext(dh, enc, me.pub, info);
  return chachaOpen(key, nonce, aad, ct);
}
export function hpkeSeal(pub, info, aad, plain) {
  const eph = sealKey();
  const dh = crypto.diffieHellman({ privateKey: eph.key, publicKey: sealPub(pub) });
  const [key, nonce] = hpkeContext(dh, eph.pub, pub, info);
  return { enc: eph.pub, ct: chachaSeal(key, nonce, aad, plain) };
}

// ---- sealed items (section 14): where = {g, by, id, step}, to = [{n, key}] ----
export const SEAL_SIZES = [1024, 4096, 16384, 45056];
export const sealAad = (where, to) => Buffer.concat([Buffer.from('SJ1-seal\n'), lp(where.g), lp(where.by), lp(where.id), u64(where.step),
  ...to.flatMap((t) => [lp(t.n), lp(t.key)])]);
const itemKey = (cek, salt) => {
  const k = Buffer.from(crypto.hkdfSync('sha256', cek, salt, 'SJ1-item', 44));
  return [k.subarray(0, 32), k.subarray(32)];
};
export function sealItem(where, to, cek, text) {
  const aad = sealAad(where, to);
  const salt = random(32);
  const plain = Buffer.from(text);
  const size = SEAL_SIZES.find((s) => s >= plain.length + 4);
  const padded = Buffer.concat([u32(plain.length), plain], size);
  const [key, nonce] = itemKey(cek, salt);
  const wraps = to.map((t) => {
    const w = hpkeSeal(t.key, Buffer.from('SJ1-wrap\n'), aad, cek);
    return { n: t.n, key: b64u(t.key), enc: b64u(w.enc), w: b64u(w.ct) };
  });
  return { st: 1, to: wraps, salt: b64u(salt), ct: b64u(chachaSeal(key, nonce, aad, padded)) };
}
export function openItem(where, me, mySeal, d) {
  const to = d.to.map((t) => ({ n: t.n, key: unb64u(t.key) }));
  const mine = d.to.find((t) => t.n === me && unb64u(t.key).equals(mySeal.pub));
  if (!mine) throw new Error('not for this node');
  const aad = sealAad(where, to);
  const cek = hpkeOpen(mySeal, unb64u(mine.enc), Buffer.from('SJ1-wrap\n'), aad, unb64u(mine.w));
  const [key, nonce] = itemKey(cek, unb64u(d.salt));
  const padded = chachaOpen(key, nonce, aad, unb64u(d.ct));
  const n = padded.readUInt32BE(0);
  if (SEAL_SIZES.find((s) => s >= n + 4) !== padded.length || padded.subarray(4 + n).some((x) => x !== 0)) throw new Error('padding');
  return { plain: padded.subarray(4, 4 + n).toString('utf8'), cek };
}

// ---- envelope ----
export const quote = (s) => '"' + s.replaceAll('\\', '\\\\').replaceAll('"', '\\"') + '"';
export const leaf = (text) => sha(Buffer.from([0]), text);
export const root = (leaves) => sha(Buffer.from([1]), ...leaves);
export const bundleId = (h) => sha('SJ1-bundle\n', h);
// header: object whose member order is kept; items: texts; stub: indexes left out
export function bundle(key, header, items, { stub = new Set(), badSig = false, headerOnly = false } = {}) {
  const leaves = items.map(leaf);
  const { v, t, g, by, aud, ep, en, seq, prev, n, root: r, kid, rv, ts, ...rest } = header;
  const h = JSON.stringify({ v: v ?? 1, t: t ?? 'data', g, by, aud, ep, en, seq, prev, n: n ?? items.length, root: r ?? b64u(root(leaves)),
    kid: kid ?? key.kid, rv: rv ?? b64u(Buffer.alloc(8)), ts: ts ?? Date.now(), ...rest });
  const sig = key.sign(Buffer.concat([Buffer.from('SJ1-bundle\n'), Buffer.from(h)]));
  if (badSig) sig[0] ^= 1;
  const b = items.map((t2, i) => (stub.has(i) ? `{"x":"${b64u(leaves[i])}"}` : quote(t2)));
  return { line: `{"h":${quote(h)},"s":"${b64u(sig)}"${headerOnly ? '' : `,"b":[${b.join(',')}]`}}`, id: bundleId(h), header: JSON.parse(h) };
}
export function parseLine(line) {
  const o = JSON.parse(line);
  return { h: o.h, header: JSON.parse(o.h), sig: unb64u(o.s), items: o.b ?? null, id: bundleId(o.h) };
}
export const item = (o) => JSON.stringify({ id: o.id, k: o.k, op: o.op ?? 'put', r: o.r ?? 1, z: o.z ?? b64u(random(16)),
  ...(o.for ? { for: o.for } : {}), ...(o.crit ? { crit: o.crit } : {}), ...(o.d === undefined ? {} : { d: o.d }) });

// ---- frames: written as raw zstd blocks, read with fzstd ----
export function frame(line, { size, newline = true } = {}) {
  const data = Buffer.concat([Buffer.from(line), Buffer.from(newline ? '\n' : '')]);
  const head = Buffer.alloc(9);
  head.writeUInt32LE(0xfd2fb528, 0);
  head[4] = 0xa0; // content size of 4 bytes, single segment
  head.writeUInt32LE(size ?? data.length, 5);
  const parts = [head];
  const max = 128 * 1024;
  for (let at = 0; at < data.length || at === 0; at += max) {
    const n = Math.min(max, data.length - at);
    const last = at + n >= data.length ? 1 : 0;
    const bh = Buffer.alloc(3);
    bh.writeUIntLE((n << 3) | last, 0, 3);
    parts.push(bh, data.subarray(at, at + n));
    if (last) break;
  }
  return Buffer.concat(parts);
}
// A frame of RLE blocks: n times one byte in a few bytes. claim: content size to state.
export function bomb(n, claim = n) {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(0xfd2fb528, 0);
  head[4] = 0xa0;
  head.writeUInt32LE(claim, 5);
  const parts = [head];
  for (let left = n; left > 0; left -= 131072) {
    const k = Math.min(left, 131072);
    const b = Buffer.alloc(4);
    b.writeUIntLE((k << 3) | 2 | (left <= 131072 ? 1 : 0), 0, 3);
    b[3] = 0x20;
    parts.push(b);
  }
  return Buffer.concat(parts);
}
export function frameLength(buf) {
  if (buf.length < 6 || buf.readUInt32LE(0) !== 0xfd2fb528) throw new Error('not a frame');
  const d = buf[4];
  const fcs = [(d & 0x20) ? 1 : 0, 2, 4, 8][d >> 6];
  let at = 5 + ((d & 0x20) ? 0 : 1) + [0, 1, 2, 4][d & 3] + fcs;
  for (;;) {
    const h = buf.readUIntLE(at, 3);
    const type = (h >> 1) & 3;
    at += 3 + (type === 1 ? 1 : h >> 3);
    if (h & 1) return at + (d & 4 ? 4 : 0);
  }
}
export function unframe(buf) {
  const lines = [];
  while (buf.length > 0) {
    const n = frameLength(buf);
    const text = Buffer.from(decompress(buf.subarray(0, n))).toString('utf8');
    if (!text.endsWith('\n')) throw new Error('frame without newline');
    lines.push(text.slice(0, -1));
    buf = buf.subarray(n);
  }
  return lines;
}

// ---- have-lists ----
// Sum modulo 2^256, big endian.
export function sum256(hashes) {
  const sum = hashes.reduce((a, h) => (a + BigInt('0x' + h.toString('hex'))) & ((1n << 256n) - 1n), 0n);
  return Buffer.from(sum.toString(16).padStart(64, '0'), 'hex');
}
// Over entries [by, aud, ep, en, seq, id8], bytes as buffers.
export const haveDigest = (entries) => sum256(entries.map(([by, aud, ep, en, seq, id8]) =>
  sha('SJ1-have\n', lp(by), lp(aud), u32(ep), en, u64(seq), id8)));

// ---- invite and enrolment (section 13) ----
export function readInvite(line) {
  const m = /^sanji1-([A-Za-z0-9_-]+)-([a-z2-7]{8})$/.exec(line.trim());
  if (!m) throw new Error('not an invite');
  const json = unb64u(m[1]);
  if (base32bits(sha(json), 40) !== m[2]) throw new Error('check characters');
  return JSON.parse(json.toString('utf8'));
}
export function writeInvite(o) {
  const json = Buffer.from(JSON.stringify(o));
  return `sanji1-${b64u(json)}-${base32bits(sha(json), 40)}`;
}
export const digits = (secret, q) => String(sha('SJ1-digits\n', lp(secret), lp(q.node), lp(unb64u(q.sig)), lp(unb64u(q.seal)), lp(unb64u(q.tls))).readBigUInt64BE(0) % 1000000n).padStart(6, '0');
export function enrolBody(invite, me, pop) {
  const q = JSON.stringify({ v: 1, g: invite.g, node: me.node ?? invite.node, sig: b64u(me.sig ?? me.key.pub), seal: b64u(me.seal.pub), tls: b64u(me.tls), inst: b64u(me.inst),
    ver: 'test', ...(pop ? { pop: b64u(pop) } : {}) });
  const bytes = Buffer.from('SJ1-enrol\n' + q);
  return { q: JSON.parse(q), body: JSON.stringify({ q, mac: b64u(hmac(unb64u(invite.secret), bytes)), s: b64u(me.key.sign(bytes)) }) };
}

// ---- one keep-alive connection to a node's sync listener ----
export class Link {
  constructor({ host = '127.0.0.1', port }) {
    Object.assign(this, { host, port, token: null });
    this.agent = new https.Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0, rejectUnauthorized: false });
  }
  post(path, body, { type = 'application/vnd.sanji+json', token = this.token, timeout = 40000 } = {}) {
    return new Promise((resolve, reject) => {
      const headers = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) };
      if (token) headers.Authorization = 'Sanji ' + token;
      const rq = https.request({ host: this.host, port: this.port, path, method: 'POST', agent: this.agent, headers, timeout }, (rs) => {
        const cert = rs.socket.getPeerX509Certificate?.();
        if (cert) this.spki = cert.publicKey.export({ format: 'der', type: 'spki' });
        const parts = [];
        rs.on('data', (d) => parts.push(d));
        rs.on('end', () => resolve({ status: rs.statusCode, type: rs.headers['content-type'], body: Buffer.concat(parts) }));
        rs.on('error', reject);
      });
      rq.on('error', reject);
      rq.on('timeout', () => rq.destroy(new Error('timeout')));
      rq.end(body);
    });
  }
  async json(path, o, opts) {
    const r = await this.post(path, typeof o === 'string' ? o : JSON.stringify(o), opts);
    return { status: r.status, ...(r.body.length ? JSON.parse(r.body) : {}) };
  }
  close() {
    this.agent.destroy();
  }
}

// A lane to a parent. me: {g, node, key, inst}; parent: {port, host}
export class Lane extends Link {
  constructor(me, parent, lane) {
    super(parent);
    Object.assign(this, { me, lane, ticket: null });
  }
  async open({ inst = this.me.inst, ticket = this.ticket, lane = this.lane, key = this.me.key, node = this.me.node, g = this.me.g } = {}) {
    this.token = null;
    const nonce = random(16);
    const ch = await this.json('/sanji/1/session', { v: 1, g: b64u(g), node, kid: key.kid, lane, inst: b64u(inst), nonce: b64u(nonce), ver: 'test' });
    if (ch.status !== 200) return ch;
    const pre = Buffer.concat([Buffer.from('SJ1-session\n'), lp(g), u32(1), lp(node), lp(key.kid), lp(lane), lp(inst), lp(nonce), lp(unb64u(ch.nonce)),
      lp(unb64u(ch.cid)), lp(ch.node), lp(sha(this.spki)), lp(ticket ?? '')]);
    const r = await this.json('/sanji/1/session', { cid: ch.cid, ...(ticket ? { ticket: b64u(ticket) } : {}), s: b64u(key.sign(pre)) });
    if (r.status !== 200) return r;
    this.token = r.token;
    this.ticket = unb64u(r.ticket);
    return r;
  }
  async exchange(hello = {}, frames = [], opts = {}) {
    const first = { v: 1, g: b64u(this.me.g), rv: b64u(Buffer.alloc(8)), lines: 0, full: false, max: 0, wait: 0, ts: Date.now(), ...hello };
    return this.raw(Buffer.concat([frame(JSON.stringify(first)), ...frames]), opts);
  }
  async raw(body, opts = {}) {
    const r = await this.post('/sanji/1/exchange', body, { type: 'application/vnd.sanji.frames', ...opts });
    if (r.status !== 200) return { status: r.status, ...JSON.parse(r.body) };
    const lines = unframe(r.body);
    const h = JSON.parse(lines[0]);
    const n = 1 + (h.lines ?? 0);
    return { status: 200, hello: h, have: lines.slice(1, n).flatMap((l) => JSON.parse(l).have), bundles: lines.slice(n) };
  }
}

// ---- a whole child in JavaScript ----
export class Child {
  constructor(parent) {
    Object.assign(this, { parent, key: signKey(), seal: sealKey(), tls: random(32), inst: random(16), heads: new Map() });
    this.up = new Lane(this, parent, 'up');
    this.down = new Lane(this, parent, 'down');
  }
  async enrol(line) {
    const inv = readInvite(line);
    Object.assign(this, { g: unb64u(inv.g), node: inv.node, parentId: inv.up, invite: inv });
    const link = new Link(this.parent);
    try {
      const a = await link.json('/sanji/1/enrol', enrolBody(inv, this).body);
      if (a.state !== 'act') return a;
      if (b64u(sha(link.spki)) !== inv.tls) throw new Error('another TLS key than the invite pins');
      return await link.json('/sanji/1/enrol', enrolBody(inv, this, this.key.sign(Buffer.from('SJ1-act\n' + a.act))).body);
    } finally {
      link.close();
    }
  }
  // The next bundle of own stream aud; over: members to falsify. Does not advance by itself.
  next(aud, items, over = {}, opts = {}) {
    const h = this.heads.get(aud) ?? { en: b64u(random(8)), ep: 1, seq: 0, prev: b64u(Buffer.alloc(32)) };
    this.heads.set(aud, h);
    const b = bundle(opts.key ?? this.key, { g: b64u(this.g), by: this.node, aud, ep: h.ep, en: h.en, seq: h.seq + 1, prev: h.prev, ...over }, items, opts);
    return { ...b, aud, taken: () => { h.seq = b.header.seq; h.prev = b64u(b.id); } };
  }
  // Sends lines up; the parent's answer, with its head of every stream of ours by audience.
  async send(lines, opts, again = false) {
    if (!this.up.token) {
      const o = await this.up.open();
      if (o.status !== 200) return o;
    }
    const frames = lines.map((l) => (Buffer.isBuffer(l) ? l : frame(l.line ?? l)));
    const r = await this.up.exchange({ need_full: true }, frames, opts);
    if (r.status !== 401 || again) return r;
    this.up.token = null; // the parent closed an idle connection: a new one needs a new session
    return this.send(lines, opts, true);
  }
  close() {
    this.up.close();
    this.down.close();
  }
}
export const headIn = (have, by, aud, en) => {
  for (const [b, a, eps] of have) if (b === by && a === aud) for (const e of eps) if (!en || e[1] === en) return { ep: e[0], en: e[1], seq: e[2], id8: e[3] };
  return null;
};

// SPDX-License-Identifier: Apache-2.0
// Readers written from PROTOCOL.md alone: every text is judged as a second implementation would judge
// it. A refusal is an Error whose message is the wire name of section 22.
import { Buffer } from 'node:buffer';
import * as P from './proto.mjs';

const no = (name) => { throw new Error(name); };
const need = (ok, name = 'bad_member') => { if (!ok) no(name); };

// ---- section 3 ----
export function gate(buf) {
  let s;
  try {
    s = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buf);
  } catch {
    no('bad_encoding');
  }
  let at = 0;
  let tokens = 0;
  const bad = () => no('bad_syntax');
  const eat = (c) => { if (s[at] !== c) bad(); at++; };
  const token = () => { if (++tokens > 4096) no('too_large'); };
  function str() {
    eat('"');
    const from = at;
    for (;;) {
      const m = /[^"\\\u0000-\u001f]*/y;
      m.lastIndex = at;
      at += m.exec(s)[0].length;
      if (s[at] === '"') break;
      if (s[at] !== '\\') bad();
      const e = /\\(?:["\\bfnrt]|u00[01][0-9a-f])/y;
      e.lastIndex = at;
      const x = e.exec(s);
      if (!x) bad();
      if (x[0][1] === 'u' && [0, 8, 9, 10, 12, 13].includes(parseInt(x[0].slice(2), 16))) bad();
      at += x[0].length;
    }
    at++;
    return s.slice(from, at - 1);
  }
  function value(depth) {
    token();
    const c = s[at];
    if (c === '{' || c === '[') {
      if (depth >= 16) no('too_large');
      return c === '{' ? object(depth + 1) : array(depth + 1);
    }
    if (c === '"') return void str();
    const m = /-?(?:0|[1-9][0-9]{0,14})(?![0-9.eE])|true|false/y;
    m.lastIndex = at;
    const x = m.exec(s);
    if (!x || x[0] === '-0') bad();
    at += x[0].length;
  }
  function object(depth) {
    const names = new Set();
    eat('{');
    if (s[at] === '}') return void at++;
    for (;;) {
      token();
      const n = str();
      if (!/^[a-z0-9_]{1,32}$/.test(n) || names.has(n)) bad();
      if (names.add(n).size > 64) no('too_large');
      eat(':');
      value(depth);
      if (s[at] !== ',') break;
      at++;
    }
    eat('}');
  }
  function array(depth) {
    eat('[');
    if (s[at] === ']') return void at++;
    for (;;) {
      value(depth);
      if (s[at] !== ',') break;
      at++;
    }
    eat(']');
  }
  if (s[0] !== '{') bad();
  value(0);
  if (at !== s.length) bad();
  return JSON.parse(s);
}

// ---- sections 1 and 2 ----
export const isNode = (s) => typeof s === 'string' && /^n[a-z2-7]{13}$/.test(s);
export const isKid = (s) => typeof s === 'string' && /^k[a-z2-7]{13}$/.test(s);
export const isRecordId = (s) => /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(s);
export const isKind = (s) => /^[a-z][a-z0-9_]{0,30}\/[1-9][0-9]{0,2}$/.test(s);
export function b64(s, n, err = 'bad_member') {
  need(typeof s === 'string' && /^[A-Za-z0-9_-]*$/.test(s), err);
  const b = P.unb64u(s);
  need(P.b64u(b) === s && (n === undefined || b.length === n), err);
  return b;
}
export function audience(s) {
  if (['fed', 'trust', 'self', 'own'].includes(s)) return { type: s, nodes: [] };
  const m = /^(sub|up|to):(.+)$/.exec(s) ?? no('bad_member');
  const nodes = m[2].split(',');
  const sorted = nodes.every((n, i) => isNode(n) && (i === 0 || nodes[i - 1] < n));
  need(sorted && nodes.length <= (m[1] === 'to' ? 16 : 1));
  return { type: m[1], nodes };
}
const int = (v, lo, hi) => need(Number.isInteger(v) && v >= lo && v <= hi);

// ---- section 4 ----
function lineString(s, at) {
  need(s[at] === '"', 'bad_syntax');
  let out = '';
  for (at++; s[at] !== '"'; at++) {
    need(at < s.length, 'bad_syntax');
    if (s[at] === '\\') {
      at++;
      need(s[at] === '"' || s[at] === '\\', 'bad_syntax');
    }
    need(s[at] >= ' ', 'bad_syntax');
    out += s[at];
  }
  return [out, at + 1];
}
function lineItems(s, at) {
  const items = [];
  for (;;) {
    if (s.startsWith('{"x":"', at)) {
      const stub = /^\{"x":"([A-Za-z0-9_-]{43})"\}/.exec(s.slice(at, at + 60)) ?? no('bad_syntax');
      items.push({ stub: true, leaf: b64(stub[1], 32, 'bad_encoding') });
      at += stub[0].length;
    } else {
      let text;
      [text, at] = lineString(s, at);
      items.push({ text, leaf: P.leaf(text) });
    }
    if (s[at] !== ',') return [items, at];
    at++;
  }
}
export function readLine(line) {
  const s = line.toString('utf8');
  need(Buffer.byteLength(s) <= 1 << 20, 'too_large');
  need(s.startsWith('{"h":'), 'bad_syntax');
  let [h, at] = lineString(s, 5);
  need(s.startsWith(',"s":"', at), 'bad_syntax');
  const sig = b64(s.slice(at + 6, at + 92), 64, 'bad_encoding');
  at += 92;
  need(s[at] === '"', 'bad_syntax');
  at++;
  let items = null;
  if (s.startsWith(',"b":[', at)) {
    at += 6;
    items = [];
    if (s[at] !== ']') [items, at] = lineItems(s, at);
    need(s[at] === ']', 'bad_syntax');
    at++;
  }
  need(s.slice(at) === '}', 'bad_syntax');
  need(Buffer.byteLength(h) <= 2048, 'too_large');
  return { h, header: readHeader(gate(Buffer.from(h))), sig, items, id: P.bundleId(h) };
}
const live = (o) => { int(o.c, 0, Number.MAX_SAFE_INTEGER); b64(o.s, 32); };
export function readHeader(o) {
  need(o.v === 1, 'needs_newer');
  need(['data', 'beat', 'key', 'epoch'].includes(o.t));
  b64(o.g, 32); b64(o.en, 8); b64(o.prev, 32); b64(o.root, 32); b64(o.rv, 8);
  need(isNode(o.by) && isKid(o.kid) && typeof o.aud === 'string');
  audience(o.aud);
  int(o.ep, 1, 1e6); int(o.seq, 1, 1e9); int(o.n, 0, 1024); int(o.ts, 0, Number.MAX_SAFE_INTEGER);
  need((o.seq === 1) === b64(o.prev, 32).every((x) => x === 0), 'bad_chain');
  if (o.crit) need(Array.isArray(o.crit) && o.crit.length <= 8 && o.crit.every((c) => /^[a-z0-9_]{1,32}$/.test(c)));
  for (const name of ['lnk', 'merges']) if (o[name]) o[name].forEach((x) => b64(x, 32));
  need((o.lnk ?? []).length <= 16 && (o.merges ?? []).length <= 8);
  if (o.live) live(o.live);
  need(o.t !== 'beat' || (o.live && o.n === 0));
  need((o.t === 'epoch') === (o.pe !== undefined));
  if (o.pe) {
    int(o.pe.ep, 1, o.ep - 1); int(o.pe.seq, 0, 1e9); b64(o.pe.en, 8); b64(o.pe.id, 32);
    need(typeof o.pe.ok === 'boolean');
  }
  if (o.kf) {
    need(o.t === 'key' && o.kf.covers < o.kf.from && o.kf.from <= o.kf.to && o.kf.to === o.seq);
    live(o.kf.live); b64(o.kf.sha, 32);
  }
  return o;
}
export function checkBundle(b, pub) {
  const o = b.header;
  need(P.verify(pub, Buffer.from('SJ1-bundle\n' + b.h), b.sig), 'bad_signature');
  if (b.items === null) {
    need(o.t === 'key');
    return;
  }
  need(b.items.length === o.n && P.root(b.items.map((i) => i.leaf)).equals(b64(o.root, 32)), 'bad_hash');
  for (const i of b.items) if (!i.stub) gate(Buffer.from(i.text));
}

// ---- section 9 ----
const BASE = ['t', 'g', 'by', 'n', 'after', 'ts'];
const ACTS = {
  root: ['ver', 'k', 'keys', 'prev?'], node: ['up?', 'lv', 'name', 'area', 'reg', 'sig', 'seal', 'tls', 'inst', 'url?'],
  key: ['sig', 'seal', 'tls', 'lost?', 'heads'], cut: ['kid', 'heads', 'why'], move: ['up', 'hist', 'heads'], steward: ['st'],
  quota: ['items', 'bytes'], floor: ['minv', 'date'], close: ['heads', 'why'], info: ['name?', 'url?', 'area?', 'tls?'],
  handover: ['to', 'heads'], adopt: ['to', 'prev', 'up', 'lv'],
};
// Small order points and encodings with y >= p (9.3).
const P25519 = (1n << 255n) - 19n;
const SMALL = [0n, 1n, P25519 - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n, 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n];
export function strongKey(pub) {
  const le = Buffer.from(pub).reverse();
  const y = BigInt('0x' + le.toString('hex')) & ((1n << 255n) - 1n);
  need(y < P25519 && !SMALL.includes(y), 'weak_key');
}
function actMember(o, name) {
  const v = o[name];
  switch (name) {
    case 'sig': strongKey(b64(v, 32)); break;
    case 'keys': need(Array.isArray(v) && v.length >= 1 && v.length <= 16 && new Set(v).size === v.length); v.forEach((k) => strongKey(b64(k, 32))); break;
    case 'g': case 'after': case 'seal': case 'tls': case 'prev': case 'to': b64(v, 32); break;
    case 'inst': b64(v, 16); break;
    case 'up': case 'n': case 'st': need(isNode(v)); break;
    case 'by': need(v === 'root' || isNode(v)); break;
    case 'kid': need(isKid(v)); break;
    case 'ver': int(v, 1, 1e6); break;
    case 'k': int(v, 1, o.keys?.length ?? 16); break;
    case 'lv': int(v, 1, 99); break;
    case 'ts': int(v, 0, Number.MAX_SAFE_INTEGER); break;
    case 'items': int(v, 0, 1e9); break;
    case 'bytes': int(v, 0, 1e12); break;
    case 'name': need(typeof v === 'string' && [...v].length >= 1 && [...v].length <= 80); break;
    case 'area': need(/^[0-9]{2,12}$/.test(v)); break;
    case 'reg': case 'lost': need(typeof v === 'boolean'); break;
    case 'url': need(/^[!-~]{1,300}$/.test(v)); break;
    case 'minv': need(/^[!-~]{1,32}$/.test(v)); break;
    case 'why': need(['lost', 'stolen', 'left', 'fork', 'other'].includes(v)); break;
    case 'hist': need(v === 'all' || v === 'now'); break;
    case 'date': need(/^\d{4}-\d\d-\d\d$/.test(v)); break;
    case 'heads': need(Array.isArray(v) && v.length <= 1024); v.forEach((h) => b64(h.id, 32)); break;
    default: break;
  }
}
export function readAct(text) {
  need(Buffer.byteLength(text) <= 61440, 'too_large');
  const o = gate(Buffer.from(text));
  const spec = ACTS[o.t] ?? no('needs_newer');
  const known = new Set([...BASE, ...spec.map((m) => m.replace('?', ''))]);
  for (const name of Object.keys(o)) need(known.has(name));
  const firstRoot = o.t === 'root' && o.ver === 1;
  const must = [...BASE.filter((m) => m !== 'g' || !firstRoot), ...spec.filter((m) => !m.endsWith('?'))];
  for (const name of must) need(o[name] !== undefined);
  for (const name of Object.keys(o)) actMember(o, name);
  need(!firstRoot || (o.g === undefined && o.prev === undefined && o.by === 'root'));
  need(o.t !== 'info' || Object.keys(o).length > BASE.length);
  return o;
}
export function readActBody(d) {
  const body = gate(d);
  need(typeof body.a === 'string' && Array.isArray(body.co) && body.co.length >= 1 && body.co.length <= 16);
  const act = readAct(body.a);
  const co = body.co.map((c) => ({ kid: isKid(c.kid) ? c.kid : no('bad_member'), s: b64(c.s, 64) }));
  return { act, text: body.a, co, hash: P.sha('SJ1-act\n', body.a) };
}
export const signedBy = (x, pub) => x.co.some((c) => c.kid === P.keyId(pub) && P.verify(pub, Buffer.from('SJ1-act\n' + x.text), c.s));

// ---- sections 11 to 16 ----
export function sessionPreimage(open, ch, spki, ticket) {
  return Buffer.concat([Buffer.from('SJ1-session\n'), P.lp(b64(open.g, 32)), P.u32(open.v), P.lp(open.node), P.lp(open.kid), P.lp(open.lane), P.lp(b64(open.inst, 16)),
    P.lp(b64(open.nonce, 16)), P.lp(b64(ch.nonce, 16)), P.lp(b64(ch.cid, 16)), P.lp(ch.node), P.lp(spki), P.lp(ticket ?? '')]);
}
export function readHello(buf) {
  const o = gate(buf);
  need(o.v === 1, 'needs_newer');
  b64(o.g, 32);
  int(o.lines, 0, 1e6); int(o.wait ?? 0, 0, 25000);
  need(typeof (o.full ?? false) === 'boolean');
  return o;
}
export function readHave(buf) {
  const o = JSON.parse(buf); // the token limit does not hold here
  need(Array.isArray(o.have) && o.have.length <= 256);
  const out = [];
  for (const [by, aud, eps] of o.have) {
    need(isNode(by) && Array.isArray(eps) && eps.length <= 1024);
    audience(aud);
    for (const [ep, en, seq, id8] of eps) {
      int(ep, 1, 1e6); int(seq, 1, 1e9);
      out.push([by, aud, ep, b64(en, 8), seq, b64(id8, 8)]);
    }
  }
  return out;
}
export function readInvite(line, pub) {
  const m = /^sanji1-([A-Za-z0-9_-]+)-([a-z2-7]{8})$/.exec(line) ?? no('bad_encoding');
  const json = b64(m[1], undefined, 'bad_encoding');
  need(P.base32bits(P.sha(json), 40) === m[2], 'bad_hash');
  const o = gate(json);
  const text = json.toString('utf8');
  const zero = text.replace(`"s":"${o.s}"`, `"s":"${P.b64u(Buffer.alloc(64))}"`);
  need(zero !== text && P.verify(pub, Buffer.from('SJ1-invite\n' + zero), b64(o.s, 64)), 'bad_signature');
  return o;
}
export function readEnrol(body, secret, hmac) {
  const o = gate(body);
  const q = gate(Buffer.from(o.q));
  const bytes = Buffer.from('SJ1-enrol\n' + o.q);
  need(P.verify(b64(q.sig, 32), bytes, b64(o.s, 64)), 'bad_signature');
  need(hmac(secret, bytes).equals(b64(o.mac, 32)), 'bad_signature');
  return q;
}
// The node act that a request by file has signed (13.3), as its parent will write it.
export function nodeAct(q, { name, area, lv }) {
  return JSON.stringify({ t: 'node', g: q.g, by: q.up, n: q.node, after: P.b64u(Buffer.alloc(32)), ts: q.ts, up: q.up, lv, name, area, reg: lv < 40,
    sig: q.sig, seal: q.seal, tls: q.tls, inst: q.inst, ...(q.url ? { url: q.url } : {}) });
}
export function readSigned(buf, prefix, pub) {
  const o = gate(buf);
  need(o.kid === P.keyId(pub) && P.verify(pub, Buffer.from(prefix + o.m), b64(o.s, 64)), 'bad_signature');
  return gate(Buffer.from(o.m));
}

// ---- section 5 and the kinds a vector file uses ----
const KINDS = {
  'erase/1': { op: ['ev'], aud: (a) => a !== 'trust', d: (d) => {
    need(Array.isArray(d.leaves) && d.leaves.length >= 1 && d.leaves.length <= 1000);
    d.leaves.forEach((l) => b64(l, 32));
    need(['person', 'mistake', 'law'].includes(d.why));
  } },
  'proof/1': { op: ['ev'], aud: (a) => a === 'fed', d: (d) => {
    for (const x of [d.a, d.b]) { need(typeof x.h === 'string' && x.h.length >= 2 && x.h.length <= 2048); b64(x.s, 64); }
    need(d.a.h !== d.b.h || d.a.s !== d.b.s);
  } },
  'heads/1': { op: ['put', 'wd'], top: true, aud: (a) => a === 'fed', d: (d) => {
    need(/^\d{4}-\d\d-\d\d$/.test(d.day) && Array.isArray(d.h) && d.h.length <= 600);
    for (const [by, aud, ep, seq, id8] of d.h) {
      need(isNode(by) && (aud === 'fed' || /^sub:n[a-z2-7]{13}$/.test(aud)));
      int(ep, 1, 1e6); int(seq, 1, 1e9); b64(id8, 8);
    }
    int(d.page, 1, d.pages); int(d.pages, 1, 1000);
  } },
};
export function readItem(buf, aud, top) {
  const o = gate(buf);
  need(isRecordId(o.id) && isKind(o.k) && ['put', 'wd', 'ev'].includes(o.op));
  int(o.r, 1, 1e9);
  b64(o.z, 16);
  const kind = KINDS[o.k] ?? no('needs_newer');
  need(kind.op.includes(o.op));
  need(kind.aud(aud), 'wrong_audience');
  need(!kind.top || top, 'no_authority');
  if (o.op !== 'wd') kind.d(o.d);
  return o;
}

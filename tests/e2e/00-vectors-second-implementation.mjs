// Does an implementation written from PROTOCOL.md alone reproduce every vector and refuse every negative?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import * as C from './lib/conform.mjs';
import * as P from './lib/proto.mjs';

const dir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../vectors');
const hmac = (key, b) => crypto.createHmac('sha256', key).update(b).digest();
const no = (name) => { throw new Error(name); };
const must = (ok, name = 'bad_member') => { if (!ok) no(name); };
const n = (x) => String(x);

const checks = {
  node_id: (buf) => { must(C.isNode(n(buf))); return {}; },
  record_id: (buf) => { must(C.isRecordId(n(buf))); return {}; },
  kind: (buf) => { must(C.isKind(n(buf))); return {}; },
  audience: (buf) => ({ nodes: n(C.audience(n(buf)).nodes.length) }),
  key_of_seed: (buf) => {
    const seed = P.sha(buf);
    const k = P.signKey(seed);
    return { seed: P.b64u(seed), pub: P.b64u(k.pub), kid: k.kid };
  },
  node_of_text: (buf) => ({ node: P.nodeIdOf(P.sha(buf)) }),
  json: (buf) => { C.gate(buf); return {}; },
  bundle: (buf, a) => {
    const b = C.readLine(buf);
    C.checkBundle(b, P.unb64u(a.key));
    const first = b.items?.[0];
    return { type: b.header.t, id: P.b64u(b.id), root: b.header.root, n: n(b.header.n), ...(first ? { leaf0: P.b64u(first.leaf), stub0: n(first.stub === true) } : {}) };
  },
  act: (buf, a) => {
    const x = C.readActBody(buf);
    must(C.signedBy(x, P.unb64u(a.key)), 'bad_signature');
    return { type: x.act.t, hash: P.b64u(x.hash), signatures: n(x.co.length) };
  },
  sealed: (buf, a) => {
    const d = C.gate(buf);
    must(d.st === 1, 'needs_newer');
    const where = { g: P.unb64u(a.g), by: a.by, id: a.id, step: Number(a.step) };
    let o;
    try {
      o = P.openItem(where, a.me, P.sealKey(P.unb64u(a.seal_seed)), d);
    } catch {
      no('cannot_open');
    }
    return { plain: o.plain, cek: P.b64u(o.cek), readers: n(d.to.length) };
  },
  session: (buf, a) => {
    const proof = C.gate(buf);
    const pre = C.sessionPreimage(JSON.parse(a.open), JSON.parse(a.challenge), P.unb64u(a.spki), proof.ticket && P.unb64u(proof.ticket));
    must(P.verify(P.unb64u(a.key), pre, P.unb64u(proof.s)), 'bad_signature');
    return { preimage_bytes: n(pre.length), preimage_sha256: P.b64u(P.sha(pre)) };
  },
  hello: (buf) => { const o = C.readHello(buf); return { lines: n(o.lines), full: n(o.full) }; },
  have: (buf) => { const e = C.readHave(buf); return { streams: n(e.length), digest: P.b64u(P.haveDigest(e)) }; },
  invite: (buf, a) => { const o = C.readInvite(n(buf), P.unb64u(a.key)); return { node: o.node, up: o.up, secret: o.secret }; },
  enrol: (buf, a) => {
    const q = C.readEnrol(buf, P.unb64u(a.secret), hmac);
    return { node: q.node, digits: P.digits(P.unb64u(a.secret), q) };
  },
  enrol_file: (buf, a) => {
    const q = C.readEnrol(buf, P.unb64u(a.secret), hmac);
    must(q.up !== undefined && q.ts !== undefined && q.pop !== undefined);
    const act = C.nodeAct(q, { name: a.name, area: a.area, lv: Number(a.lv) });
    must(P.verify(P.unb64u(q.sig), Buffer.from('SJ1-act\n' + act), P.unb64u(q.pop)), 'bad_signature');
    return { node: q.node, act };
  },
  manifest: (buf, a) => { const o = C.readSigned(buf, 'SJ1-ferry\n', P.unb64u(a.key)); return { no: n(o.no), count: n(o.count) }; },
  receipt: (buf, a) => ({ no: n(C.readSigned(buf, 'SJ1-receipt\n', P.unb64u(a.key)).no) }),
  item: (buf, a) => { C.readItem(buf, a.aud, a.top === 'true'); return { leaf: P.b64u(P.leaf(buf)) }; },
};

let count = 0;
for (const file of fs.readdirSync(dir).filter((f) => f.endsWith('.json')).sort()) {
  test(file, () => {
    const vectors = JSON.parse(fs.readFileSync(path.join(dir, file), 'utf8'));
    assert.ok(vectors.length > 0);
    for (const v of vectors) {
      const what = `${file}: ${v.check}: ${v.name}`;
      const run = checks[v.check];
      assert.ok(run, `${what}: no such check here`);
      const buf = v.in_hex === undefined ? Buffer.from(v.in) : Buffer.from(v.in_hex, 'hex');
      if (v.err) {
        assert.throws(() => run(buf, v.args), (e) => { assert.equal(e.message, v.err, what); return true; }, what);
      } else {
        assert.deepEqual(run(buf, v.args), v.want, what);
      }
      count++;
    }
  });
}
test('every file was read', () => assert.ok(count > 100, `${count} vectors`));

test('what this implementation seals it opens, and nobody else', () => {
  const [a, b, c] = [P.sealKey(), P.sealKey(), P.sealKey()];
  const where = { g: P.random(32), by: 'naaaaaaaaaaaaa', id: 't', step: 1 };
  const d = P.sealItem(where, [{ n: 'naaaaaaaaaaaaa', key: a.pub }, { n: 'nbaaaaaaaaaaaa', key: b.pub }], P.random(32), 'text');
  assert.equal(P.openItem(where, 'nbaaaaaaaaaaaa', b, d).plain, 'text');
  assert.throws(() => P.openItem(where, 'nbaaaaaaaaaaaa', c, d));
  assert.throws(() => P.openItem({ ...where, step: 2 }, 'naaaaaaaaaaaaa', a, d));
});

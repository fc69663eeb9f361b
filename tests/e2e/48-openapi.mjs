// The interface against its own description: what it says may be asked is answered as it says, and nonsense made from it is refused, never a fault.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import http from 'node:http';
import test, { after, before } from 'node:test';
import { World } from './lib/node.mjs';

const w = new World();
const rounds = Number(process.env.SANJI_FUZZ_ROUNDS ?? 12); // for each operation
let seed = Number(process.env.SANJI_FUZZ_SEED ?? 1);
const rnd = (n) => { seed = (Math.imul(seed, 1103515245) + 12345) >>> 0; return Math.floor((seed / 2 ** 32) * n); };
const pick = (a) => a[rnd(a.length)];
let port;
let cookie = '';
let csrf = '';
let doc;
const agent = new http.Agent({ keepAlive: true });

const send = (method, path, { body, headers = {} } = {}) => new Promise((resolve, reject) => {
  const rq = http.request({ agent, host: '127.0.0.1', port, method, path, headers: { Accept: 'application/json', 'Accept-Language': 'en', ...(cookie && { Cookie: cookie }), ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers } }, (r) => {
    const parts = [];
    r.on('data', (d) => parts.push(d)).on('end', () => resolve({ status: r.statusCode, headers: r.headers, text: Buffer.concat(parts).toString() }));
  });
  rq.on('error', reject).end(body);
});
const post = (path, body, headers) => send('POST', path, { body: typeof body === 'string' ? body : JSON.stringify(body), headers: { ...(csrf && { 'X-CSRF-Token': csrf }), ...headers } });
const logIn = async (password) => {
  const r = await post('/api/login', { login: 'fuzz', password });
  assert.equal(r.status, 200, r.text);
  cookie = r.headers['set-cookie'][0].split(';')[0];
  csrf = JSON.parse(r.text).csrf;
};

const strange = ['', ' ', '\u0000', '\u202e', '😀'.repeat(40), '<script>', '=1+1', "' OR 1=1 --", '../../etc/passwd', '%00', 'null', '-1', '9'.repeat(30), 'k' + 'a'.repeat(13), '中文', 'x'.repeat(6000), 'r0/../..', '1e400', '\ud800'];
const value = (s, deep) => {
  if (s.$ref) return value(doc.components.schemas[s.$ref.split('/').pop()], deep);
  if (s.anyOf) return value(pick(s.anyOf), deep);
  if (s.enum) return pick(s.enum);
  if (s.examples) return pick(s.examples); // of a list that platforms extend
  switch (s.type) {
    case 'integer': return s.minimum + rnd(Math.min(s.maximum - s.minimum + 1, 1000));
    case 'boolean': return rnd(2) === 0;
    case 'array': return Array.from({ length: Math.min((s.minItems ?? 0) + rnd(3), s.maxItems ?? 3) }, () => (s.items ? value(s.items, deep + 1) : 'x'));
    case 'object': return s.properties ? Object.fromEntries(Object.entries(s.properties).filter(([k]) => s.required?.includes(k) || rnd(2)).map(([k, x]) => [k, value(x, deep + 1)])) : {};
    default:
      if (s.format === 'date') return `20${10 + rnd(30)}-0${1 + rnd(9)}-1${rnd(10)}`;
      if (s.pattern?.startsWith('^n')) return w.id('city');
      if (s.pattern?.includes('{2,12}')) return '370102';
      if (s.pattern?.includes('{4}')) return '2026-11';
      return 'x'.repeat(Math.max(1, s.minLength ?? 1));
  }
};
// One thing about it made wrong, or left as it is.
const spoil = (v) => {
  if (v === null || typeof v !== 'object' || Array.isArray(v)) return pick([null, pick(strange), rnd(1e6), [], {}, [[[[]]]], true]);
  const keys = Object.keys(v);
  const k = keys.length ? pick(keys) : 'new';
  switch (rnd(5)) {
    case 0: return { ...v, [pick(strange).slice(0, 80)]: 1 };
    case 1: return { ...v, [k]: pick(strange) };
    case 2: { const { [k]: _, ...rest } = v; return rest; }
    case 3: return { ...v, [k]: spoil(v[k]) };
    default: return v;
  }
};
const text = (v) => {
  const s = JSON.stringify(v) ?? '';
  switch (rnd(12)) {
    case 0: return s.slice(0, rnd(s.length + 1));
    case 1: return `${s}${s}`;
    case 2: return s.replace(/"/, '"\\ud800');
    case 3: return '['.repeat(2000);
    default: return s;
  }
};
const operations = () => Object.entries(doc.paths).flatMap(([path, ms]) => Object.entries(ms).map(([method, op]) => ({ path, method: method.toUpperCase(), op })));
const filled = (path, op, mad) => {
  let p = path;
  for (const x of op.parameters.filter((y) => y.in === 'path')) p = p.replace(`{${x.name}}`, encodeURIComponent(mad && rnd(2) ? pick(strange).replace(/[\ud800-\udfff]/g, '') : { kind: pick(['listing', 'need', 'org', 'nope']), owner: w.id('city'), id: 'r1', name: 'listing.new', event: pick(['accept', 'close', 'nope']) }[x.name] ?? 'x'));
  const q = op.parameters.filter((y) => y.in === 'query' && rnd(2)).map((y) => `${y.name}=${encodeURIComponent(mad && rnd(2) ? pick(strange).replace(/[\ud800-\udfff]/g, '') : { kind: 'listing', period: '2026-11', limit: '5', owner: w.id('city') }[y.name] ?? '')}`);
  return q.length ? `${p}?${q.join('&')}` : p;
};
const judged = (r, what) => {
  assert.ok(r.status === 200 || (r.status >= 400 && r.status < 500), `${what}: ${r.status} ${r.text.slice(0, 300)}`);
  if ([413, 414, 431].includes(r.status)) return; // refused before anybody knew what it was
  if (r.status !== 200) {
    const e = JSON.parse(r.text);
    assert.equal(typeof e.err, 'string', what);
    assert.ok(!/SQL|sqlite|\/tmp\//i.test(r.text), what);
  }
};

before(async () => {
  await w.tree(['city']);
  port = w.nodes.get('city').staff;
  const once = JSON.parse(w.verb('city', 'user add', ['--role', 'admin', '--json', 'fuzz'])).one_time_password;
  await logIn(once);
  const r = await post('/api/password', { old: once, new: 'correct horse fuzz staple' });
  assert.equal(r.status, 200, r.text);
  cookie = r.headers['set-cookie'][0].split(';')[0];
  csrf = JSON.parse(r.text).csrf;
  doc = JSON.parse((await send('GET', '/api/openapi.json')).text);
});
after(() => { agent.destroy(); return w.close(); });

test('every operation is described: words, places, bodies, roles; references lead somewhere', () => {
  const all = operations();
  assert.ok(all.length > 30);
  for (const { path, method, op } of all) {
    assert.ok(op.summary && !op.summary.startsWith('doc.'), `${method} ${path}`);
    assert.deepEqual([...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]), op.parameters.filter((p) => p.in === 'path').map((p) => p.name));
    assert.equal(method === 'POST', op.requestBody !== undefined);
    assert.ok(op.responses['200'] && op.responses['4XX']);
    if (op.security.length && path !== '/api/me') assert.ok(op['x-roles'].length > 0, path);
  }
  const refs = [...JSON.stringify(doc).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((m) => m[1]);
  for (const r of new Set(refs)) assert.ok(doc.components.schemas[r], r);
  assert.ok(refs.includes('record.listing') && !doc.components.schemas['record.card']);
});

test('the forms it gives for ids are those of ids', () => {
  const forms = Object.entries(doc.components.schemas).flatMap(([k, s]) => Object.entries(s.properties).filter(([, p]) => p.pattern?.includes('[a-z2-7]')).map(([f, p]) => [`${k}.${f}`, p.pattern]));
  assert.ok(forms.some(([, p]) => p.startsWith('^n')) && forms.some(([, p]) => p.startsWith('^(n')));
  for (const [where, p] of forms) assert.match(p.startsWith('^(') ? `${w.id('city')}/r1` : w.id('city'), new RegExp(p), where);
});

test('without a session the description and all that needs one are closed', async () => {
  const c = cookie;
  cookie = '';
  for (const { path, method, op } of operations()) {
    const r = await send(method, filled(path, op, false), method === 'POST' ? { body: '{}' } : {});
    if (op.security.length) assert.equal(r.status, 401, `${method} ${path}`);
  }
  cookie = c;
});

test('what the description allows is never a fault, and what is written comes back', async () => {
  let saved = 0;
  for (const { path, method, op } of operations()) {
    if (['/api/logout', '/api/login', '/api/password', '/api/second', '/api/second/off'].includes(path)) continue;
    for (let i = 0; i < rounds; i++) {
      const p = filled(path, op, false);
      const kind = path === '/api/records/{kind}' ? decodeURIComponent(p.split('/')[3].split('?')[0]) : undefined;
      const schema = doc.components.schemas[`record.${kind}`]; // the content belongs to the kind in the path
      const body = op.requestBody && JSON.stringify(schema ? { d: value(schema, 0) } : value(op.requestBody.content['application/json'].schema, 0));
      const r = method === 'GET' ? await send('GET', p) : await post(p, body);
      judged(r, `${method} ${p} ${body ?? ''}`);
      if (method === 'GET' && r.status === 200) assert.ok(r.headers['content-type'].startsWith(Object.keys(op.responses['200'].content)[0]) || p.includes('/export'), p);
      if (path === '/api/records/{kind}' && r.status === 200) {
        saved++;
        const { id } = JSON.parse(r.text);
        const back = JSON.parse((await send('GET', `/api/records/me/${kind}/${encodeURIComponent(id)}`)).text);
        assert.ok(back.d, `${p} ${body} ${r.text} ${JSON.stringify(back)}`);
        for (const [k, v] of Object.entries(JSON.parse(body).d)) assert.deepEqual(back.d[k], v, `${kind}.${k}`);
      }
    }
  }
  assert.ok(saved > 0, 'nothing was ever saved: the description does not describe');
});

test('nonsense is refused with a name for it; the node stays whole', async () => {
  for (const { path, method, op } of operations()) {
    if (['/api/logout', '/api/login', '/api/password', '/api/second', '/api/second/off'].includes(path)) continue;
    for (let i = 0; i < rounds; i++) {
      const p = filled(path, op, true);
      const r = method === 'GET' ? await send('GET', p) : await post(p, text(spoil(value(op.requestBody.content['application/json'].schema, 0))));
      judged(r, `${method} ${p}`);
    }
  }
  assert.equal((await send('GET', '/api/me')).status, 200);
  assert.equal(w.json('city', 'verify').wrong, 0);
});

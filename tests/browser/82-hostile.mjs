// Hostile text in every text field of every kind, as the tables list them: refused by name or kept as it is, and harmless on the page, in search, CSV and XLSX.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { rowsOf as csvRows } from '../e2e/lib/csv.mjs';
import { rowsOf as xlsxRows } from '../e2e/lib/xlsx.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
let desk;
let csrf;
let kinds;
const made = new Map(); // kind: [{id, d}]
before(() => w.tree(['city']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desk?.clean());

const kept = {
  script: '<script>alert(1)</script><img src=x onerror=alert(2)>"\'`</textarea></title>',
  formula: '=HYPERLINK("http://evil.example","x")',
  plus: '+86 531', minus: '-2+3', at: '@SUM(A1)', wide: '＝1+1', apostrophe: "'=1",
  sql: "'; DROP TABLE record;-- \\u0000 %00 ../../x {{constructor}} ${7*7}",
  emoji: '😀👨‍👩‍👧‍👦🏳️‍🌈é́́́', hebrew: 'שלום עולם',
  unbroken: 'W'.repeat(5000), ideographs: '社'.repeat(5000),
};
// What no field may hold, whatever its kind: [text, may `long` hold it].
const refused = { override: ['a\u202eb', false], isolate: ['a\u2066b', false], lines: ['a\r\nb', false], control: ['a\u0007b', false], c1: ['a\u0085b', false], newline: ['a\nb', true] };

const answers = new Set(['report_answer', 'ack', 'form_entry', 'question', 'question_answer']); // they need a record of another sort: tests of their own
const single = new Set(); // kinds of which there is one record for what it is about
const cut = (s, max) => Array.from(s).slice(0, max).join('');
const isText = (f) => ['text', 'long', 'texts'].includes(f.type);
// A line of a list, with the text in every text of it but its name.
const line = (f, s) => Object.fromEntries(f.rows.filter((g) => g.required || (s && g.type === 'text')).map((g) => [g.name, g.key ? 'q1' : s && isText(g) ? cut(s, g.max) : plain(g)]));
const fit = (f, s) => {
  if (f.type === 'rows') return [line(f, s)];
  if (f.name === 'url') return cut(`https://x.example/'${s.replace(/[\s"\\]/g, '')}`, f.max);
  return f.type === 'texts' ? [cut(s, 80)] : cut(s, f.max);
};
const api = (path, data) => desk.page.request.post(desk.origin + path, { headers: { 'X-CSRF-Token': csrf, Origin: desk.origin, 'Content-Type': 'application/json' }, data: typeof data === 'string' ? data : JSON.stringify(data) });
const get = (path) => desk.page.request.get(desk.origin + path);

// A new record; where there can be only one of its name, that one with this content.
async function put(k, d) {
  const r = await api(`/api/records/${k.name}`, { d });
  const e = r.status() === 409 ? await r.json() : {};
  if (!e.current) return r;
  single.add(k.name);
  return api(`/api/records/${k.name}`, { id: e.current.id, seen_r: e.current.r, d });
}

// A value the field's table allows.
function plain(f) {
  const any = { text: 'x', long: 'x', int: Math.max(f.min, 1), bool: true, date: '2026-11-01', time: f.name === 'to' ? '2030-01-07T10:00' : '2030-01-07T09:00', period: '2026-11', node: w.id('city'), area: '370102', enum: f.choices?.[0], enums: f.choices && [f.choices[0]], texts: ['x'] };
  if (f.type === 'ref') return f.refers ? made.get(f.refers[0])?.[0]?.id : 'x1';
  if (f.type === 'rows') return [line(f)];
  return f.name === 'url' ? 'https://x.example/' : any[f.type];
}
// The least content the kind takes; what its own check asks for besides is filled in as it asks.
async function least(k) {
  const d = {};
  for (const f of k.fields) if (f.required || f.refers) { const v = plain(f); if (v !== undefined) d[f.name] = v; }
  const tried = new Set();
  for (let i = 0; i < 20; i++) {
    const r = await api(`/api/records/${k.name}`, { d });
    if (r.ok()) return { d, id: (await r.json()).id };
    const e = await r.json();
    const f = k.fields.find((x) => x.name === e.member);
    // What the refusal names as right, then what the table allows.
    const said = f && /: (.*)$/.test(e.want ?? '') ? /: (.*)$/.exec(e.want)[1].split(/, /) : [];
    const next = f && [plain(f), ...said, ...(f.choices ?? [])].find((v) => v !== undefined && !tried.has(f.name + v));
    if (next === undefined || next === false) return { why: JSON.stringify(e) };
    tried.add(f.name + next);
    d[f.name] = next;
  }
  return { why: 'not within twenty tries' };
}

test('every kind a person writes takes hostile text as text, and refuses by name what no text may hold', async () => {
  desk = await Desk.open(w, 'city', { size: phone });
  await desk.hire('wang', ['--role', 'admin']);
  csrf = (await (await get('/api/me')).json()).csrf;
  kinds = (await (await get('/api/kinds')).json()).kinds.filter((k) => ['state', 'both'].includes(k.shape) && k.owner !== 'machine' && k.export);
  assert.ok(kinds.length > 8);
  // Kinds that others name come first.
  kinds.sort((a, b) => (a.fields.some((f) => f.refers) ? 1 : 0) - (b.fields.some((f) => f.refers) ? 1 : 0));
  for (const k of kinds) {
    const base = await least(k);
    if (!base.d && answers.has(k.name)) continue;
    assert.ok(base.d, `${k.name}: no plain record: ${base.why}`);
    made.set(k.name, [{ id: base.id, d: base.d }]);
    const all = k.fields.filter(isText);
    let fields = all.concat(k.fields.filter((f) => f.type === 'rows'));
    for (const [what, s] of Object.entries(kept)) {
      const write = () => {
        const d = { ...base.d };
        for (const f of fields) d[f.name] = fit(f, s);
        return [d, put(k, d)];
      };
      let [d, r] = write();
      r = await r;
      // A text whose kind wants more of it (area codes, days, opening hours) refuses all of these, by
      // name and with the form it wants.
      while (r.status() === 422) {
        const { member, want } = await r.json();
        assert.ok(fields.some((f) => f.name === member && (f.type === 'texts' || (!f.title && want))), `${k.name}.${member}`);
        fields = fields.filter((f) => f.name !== member);
        [d, r] = write();
        r = await r;
      }
      assert.equal(r.status(), 200, `${k.name} ${what}: ${await r.text()}`);
      const id = (await r.json()).id;
      const back = await (await get(`/api/records/me/${k.name}/${id}`)).json();
      for (const f of fields) assert.deepEqual(back.d[f.name], d[f.name], `${k.name}.${f.name} ${what}`);
      if (single.has(k.name)) made.set(k.name, [{ id, d }]);
      else made.get(k.name).push({ id, d });
    }
    for (const f of all) {
      for (const [what, [s, long]] of Object.entries(refused)) {
        if (long && f.type === 'long') continue;
        if (Array.from(s).length > f.max && f.type !== 'texts') continue;
        const r = await put(k, { ...base.d, [f.name]: f.type === 'texts' ? [s] : s });
        assert.equal(r.status(), 422, `${k.name}.${f.name} ${what}: ${await r.text()}`);
        assert.equal((await r.json()).member, f.name, what);
      }
      const tooLong = await put(k, { ...base.d, [f.name]: f.type === 'texts' ? ['x'.repeat(81)] : 'x'.repeat(f.max + 1) });
      assert.equal(tooLong.status(), 422, `${k.name}.${f.name} too long`);
      const nul = await api(`/api/records/${k.name}`, JSON.stringify({ d: { ...base.d, [f.name]: '@@' } }).replace('@@', 'a\\u0000b'));
      assert.equal(nul.status(), 400, `${k.name}.${f.name} NUL: ${await nul.text()}`);
      if (f.name === 'url') assert.equal((await put(k, { ...base.d, url: 'javascript:alert(1)' })).status(), 422);
    }
  }
});

test('questions and answers of a form hold it as well', async () => {
  const questions = Object.values(kept).map((s, i) => ({ name: `q${i}`, label: cut(s, 120), type: 'long', hint: cut(s, 200) }))
    .concat({ name: 'pick', label: 'x', type: 'choice', choices: Object.values(kept).map((s) => cut(s, 80)) });
  const d = { title: kept.script, code: 'hostile', version: 1, state: 'published', about: 'none', each: 'once', questions };
  const made1 = await api('/api/records/form_template', { d });
  assert.equal(made1.status(), 200, await made1.text());
  const template = `${w.id('city')}/form_template.hostile.1`;
  const answered = Object.fromEntries(Object.values(kept).map((s, i) => [`q${i}`, cut(s, 4000)]));
  const entry = { template, state: 'submitted', answers: { ...answered, pick: cut(kept.script, 80) } };
  const r = await api('/api/records/form_entry', { d: entry });
  assert.equal(r.status(), 200, await r.text());
  const { id } = await r.json();
  assert.deepEqual((await (await get(`/api/records/me/form_entry/${id}`)).json()).d.answers, entry.answers);
  for (const [what, [s, long]] of Object.entries(refused)) {
    const no = await api('/api/records/form_entry', { d: { ...entry, answers: { q0: s } } });
    assert.equal(no.status(), long ? 200 : 422, what);
    if (!long) assert.equal((await no.json()).member, 'answers.q0', what);
  }
  for (const at of [`form_entry/me/${id}`, `form_entry/me/${id}/edit`, 'form_template/me/form_template.hostile.1', 'form_entry', `form_entry/new?template=${encodeURIComponent(template)}`]) {
    await desk.to(`#/r/${at}`);
    await until(at, 15000, () => desk.open === 0);
    assert.deepEqual(await desk.overflow(), [], at);
    assert.equal(await desk.page.locator('main img, main script').count(), 0, at);
  }
  const csv = csvRows(await (await get('/api/records/export?kind=form_entry&head=names')).text());
  for (const cell of csv.flat()) assert.ok(!/^[=@\uff1d\uff0b\uff0d\uff20]|^[+-](?!\d+(\.\d+)?$)/.test(cell), cell);
});

test('the kinds that are looked at', () => {
  kinds = kinds.filter((k) => made.has(k.name));
  assert.ok(kinds.length > 8);
});

test('in CSV and XLSX it stands as text, and nothing is a formula', async () => {
  const guard = /^'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
  for (const k of kinds) {
    const csv = csvRows(await (await get(`/api/records/export?kind=${k.name}&head=names`)).text());
    const xlsx = xlsxRows(await (await get(`/api/records/export?kind=${k.name}&head=names&format=xlsx`)).body());
    assert.deepEqual(xlsx[0], csv[0], k.name);
    const key = csv[0].indexOf('id');
    for (const { id, d } of made.get(k.name)) {
      const c = csv.find((r) => r[key] === id);
      const x = xlsx.find((r) => r[key] === id);
      assert.ok(c && x, `${k.name} ${id}`);
      for (const cell of c) assert.ok(!/^[=@\uff1d\uff0b\uff0d\uff20]|^[+-](?!\d+(\.\d+)?$)/.test(cell), cell);
      for (const f of k.fields.filter((y) => y.type === 'text' || y.type === 'long')) {
        const at = csv[0].indexOf(f.name);
        assert.equal(guard.test(c[at]) ? c[at].slice(1) : c[at], d[f.name] ?? '', `${k.name}.${f.name}`);
        assert.equal(x[at] ?? '', d[f.name] ?? '', `${k.name}.${f.name} XLSX`);
      }
    }
  }
});

test('a search for it finds it or nothing, and never fails', async () => {
  for (const k of kinds) {
    const title = k.fields.find((f) => f.title);
    for (const s of Object.values(kept)) {
      const q = cut(s, 60);
      const r = await get(`/api/records?kind=${k.name}&q=${encodeURIComponent(q)}`);
      assert.equal(r.status(), 200, `${k.name} ${q}: ${await r.text()}`);
    }
    if (!title || title.max < 20 || single.has(k.name)) continue;
    const found = await (await get(`/api/records?kind=${k.name}&q=${encodeURIComponent('שלום')}`)).json();
    assert.ok(found.items.some((x) => x.title.startsWith('שלום')), `${k.name} finds it: ${JSON.stringify(found).slice(0, 300)}`);
  }
});

test('on the page it is text: no dialog, nothing asked from elsewhere, nothing wider than a telephone', async () => {
  for (const k of kinds) {
    for (const [size, name] of [[phone, 'phone'], [wide, 'wide']]) {
      await desk.page.setViewportSize(size);
      await desk.to(`#/r/${k.name}`);
      await until(`${k.name} ${name}`, 15000, () => desk.open === 0);
      assert.deepEqual(await desk.overflow(), [], `${k.name} list ${name}`);
      assert.equal(await desk.page.locator('main img, main script').count(), 0);
    }
    await desk.page.setViewportSize(phone);
    const at = Object.keys(kept);
    for (const what of ['script', 'unbroken', 'emoji']) {
      const { id } = made.get(k.name)[1 + at.indexOf(what)] ?? made.get(k.name)[0];
      for (const rest of ['', '/edit']) {
        await desk.to(`#/r/${k.name}/me/${id}${rest}`);
        await until(`${k.name} ${what}`, 15000, () => desk.open === 0);
        assert.deepEqual(await desk.overflow(), [], `${k.name}${rest} ${what}`);
        assert.equal(await desk.page.locator('main img, main script').count(), 0);
      }
    }
    await desk.shot(`82-${k.name}`);
  }
});

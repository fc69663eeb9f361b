// Lists as CSV and XLSX from the command line, beside a running daemon and without one: all fields, nothing that a spreadsheet would calculate, whole or not at all.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';
import { rowsOf as csvRows } from './lib/csv.mjs';
import { rowsOf as xlsxRows } from './lib/xlsx.mjs';

const w = new World();
before(() => w.tree(['city', 'd1']));
after(() => w.close());
const at = (name) => path.join(w.dir, name);
const out = (n, args, opts) => w.verb(n, 'export', args, opts);

const nasty = ['=HYPERLINK("http://x","y")', '+1', '-2', '@SUM(A1)', '＝1', "'=a", '<script>alert(1)</script>', 'a"b,c;d', '&lt;_x0041_', '😀👨‍👩‍👧', 'עברית', '1e5', '007', 'TRUE'];

test('texts come out as they are, in both formats', async () => {
  w.put('d1', 'listing', nasty.map((title, i) => ({ id: `n${i}`, kind: 'venue', title, detail: `${title}\n${title}`, price: 100 * i + 5, as_of: '2026-11-01', tags: [title.slice(0, 80)] })));
  for (const running of [true, false]) {
    if (!running) await w.stop('d1');
    out('d1', ['listing', '--csv', at('a.csv')]);
    out('d1', ['listing', at('a.xlsx')]);
    const raw = fs.readFileSync(at('a.csv'), 'utf8');
    assert.ok(raw.startsWith('\ufeff') && raw.endsWith('\r\n'));
    const csv = csvRows(raw);
    const xlsx = xlsxRows(fs.readFileSync(at('a.xlsx')));
    assert.deepEqual(csv[0], xlsx[0]);
    const col = (name) => csv[0].indexOf(name);
    assert.ok(col('Title') > 0 && col('Price (yuan)') > 0);
    for (const [i, text] of nasty.entries()) {
      const c = csv.find((r) => r[0] === `n${i}`);
      const x = xlsx.find((r) => r[0] === `n${i}`);
      const bare = (s) => (/^'+[=+\-@\t\r\n＝＋－＠]/.test(s) ? s.slice(1) : s);
      assert.equal(bare(c[col('Title')]), text);
      assert.equal(bare(c[col('Description')]), `${text}\n${text}`);
      assert.ok(!/^[=+\-@\t\r\n＝＋－＠]/.test(c[col('Title')]), c[col('Title')]);
      assert.equal(x[col('Title')], text);
      assert.equal(x[col('Description')], `${text}\n${text}`);
      assert.equal(c[col('Price (yuan)')], (i + 0.05).toFixed(2));
      assert.equal(x[col('Price (yuan)')], i + 0.05);
      assert.equal(c[col('Availability as of')], '2026-11-01');
      assert.equal(x[col('Availability as of')], 46327);
    }
  }
  await w.start('d1');
});

test('filters, names for programs, the other language, standard output', () => {
  w.put('d1', 'listing', [{ id: 'm1', kind: 'mentor', title: '王导师', state: 'paused' }]);
  const rows = csvRows(out('d1', ['listing', '-', '--names', '--state', 'paused']));
  assert.equal(rows.length, 2);
  assert.equal(rows[1][rows[0].indexOf('kind')], 'mentor');
  assert.equal(rows[1][rows[0].indexOf('_owner')], w.id('d1'));
  assert.equal(csvRows(out('d1', ['listing', '-', '--search', '王导师']))[1][0], 'm1');
  const zh = csvRows(out('d1', ['listing', '-', '--state', 'paused'], { lang: 'zh-CN' }));
  assert.equal(zh[1][zh[0].indexOf('类别')], '导师');
});

test('whole or not at all, and never a half file under the name', () => {
  const bad = w.tryVerb('d1', 'export', ['nothing', at('b.csv')]);
  assert.equal(bad.code, 1);
  assert.match(bad.err, /nothing/);
  const place = w.tryVerb('d1', 'export', ['listing', at('none/b.csv')]);
  assert.equal(place.code, 1);
  assert.match(place.err, /none\/b\.csv.*does not exist/s);
  assert.equal(w.tryVerb('d1', 'export', ['listing', at('b.csv'), '--csv', '--xlsx']).code, 2);
  assert.deepEqual(fs.readdirSync(w.dir).filter((f) => f.startsWith('b.csv')), []);
});

const table = (name, rows) => { fs.writeFileSync(at(name), rows.map((r) => r.join(',')).join('\n')); return at(name); };

test('a table goes in by its headings; what does not is named, written out, put right and brought again', async () => {
  for (const running of [true, false]) {
    if (!running) await w.stop('d1');
    const kind = running ? 'mentor' : 'course';
    const file = table('m.csv', [['名称', '类别', '价格（元）', '手机'], [`张${kind}`, kind, '100.5', '1'], [`李${kind}`, '老师', '', '2'], ['', kind, '', '3']]);
    const dry = w.tryVerb('d1', 'import', ['listing', file, '--dry-run', '--report', at('dry.csv')]);
    assert.equal(dry.code, 1, dry.err);
    assert.match(dry.err, /row 3: "Kind": none of the choices; write one of: Venue/);
    assert.match(dry.err, /row 4: "Title"/);
    assert.match(dry.out, /Checked only: 1 would be new/);
    assert.ok(!w.verb('d1', 'list', ['listing']).includes(`张${kind}`));
    const r = w.tryVerb('d1', 'import', ['listing', file, '--report', at('bad.csv')], { lang: 'zh-CN' });
    assert.equal(r.code, 1, r.err);
    assert.match(r.err, /第 3 行：“类别”：不在可选范围内/);
    assert.match(w.verb('d1', 'list', ['listing', '--search', `张${kind}`, '--json']), /"price":10050/);
    const bad = csvRows(fs.readFileSync(at('bad.csv'), 'utf8'));
    assert.deepEqual(bad.map((x) => x.length), [5, 5, 5]);
    assert.deepEqual(bad[1].slice(0, 4), [`李${kind}`, '老师', '', '2']);
    fs.writeFileSync(at('again.csv'), fs.readFileSync(at('bad.csv'), 'utf8').replace('老师', kind).replace(/\r\n,/, `\r\n王${kind},`));
    const again = w.run(['import', 'listing', at('again.csv'), '--data', w.data('d1'), '--json']);
    assert.equal(again.code, 0, again.err);
    const { import: n, new_stored } = JSON.parse(again.out);
    assert.equal(new_stored, 2);
    const undo = w.tryVerb('d1', 'import undo', [String(n)]);
    assert.equal(undo.code, 0, undo.err);
    assert.ok(!w.verb('d1', 'list', ['listing']).includes(`王${kind}`));
    assert.ok(w.verb('d1', 'list', ['listing']).includes(`张${kind}`));
  }
  await w.start('d1');
});

test('what was exported comes in again at another platform as it was', () => {
  out('d1', ['listing', at('all.csv')]);
  const fields = (n) => w.verb(n, 'list', ['listing', '--owner', w.id(n), '--limit', '1000', '--json']).trim().split('\n').map((l) => JSON.parse(l).content).map((c) => JSON.stringify({ ...c, area: '', since: '' })).sort();
  const r = w.tryVerb('city', 'import', ['listing', at('all.csv'), '--doubles', 'new']);
  assert.equal(r.code, 0, r.err);
  assert.deepEqual(fields('city'), fields('d1'));
});

test('a real table: every street of a city, in a moment and once', { skip: !process.env.SANJI_TEST_DATA && 'no SANJI_TEST_DATA' }, () => {
  const lines = fs.readFileSync(path.join(process.env.SANJI_TEST_DATA, 'data/admin/beijing_streets.csv'), 'utf8').trim().split('\n').map((l) => l.trim().split(','));
  const file = table('streets.csv', [['code', 'name', 'level', 'parent'], ...lines.slice(1).map((l) => [l[0].replace(/"/g, ''), l[1].replace(/"/g, ''), '40', l[0].replace(/"/g, '').slice(0, 6)])]);
  const r = w.tryVerb('city', 'import', ['area', file, '--json']);
  assert.equal(r.code, 0, r.err);
  assert.equal(JSON.parse(r.out).new_stored, lines.length - 1);
  const refused = w.tryVerb('d1', 'import', ['area', file]);
  assert.equal(refused.code, 1);
  assert.equal(w.json('city', 'verify').wrong, 0);
});

test('a kill in the middle: it goes on where it stood, and no row is there twice', async () => {
  const file = table('big.csv', [['title', 'kind'], ...Array.from({ length: 6000 }, (_, i) => [`大表 ${i}`, 'space'])]);
  const going = w.runAsync(['import', 'listing', file, '--data', w.data('d1')]);
  await until('some are in', 30000, () => w.verb('d1', 'list', ['listing', '--search', '大表', '--limit', '10']).includes('大表'));
  await w.stop('d1', 'SIGKILL');
  await going;
  const count = () => w.verb('d1', 'export', ['listing', '-', '--names']).split('\r\n').filter((l) => l.includes('大表')).length;
  await w.start('d1');
  await until('all are in', 60000, () => count() === 6000);
  assert.equal(w.json('d1', 'verify').wrong, 0);
});

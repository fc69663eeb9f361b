// Lists as CSV and XLSX from the command line, beside a running daemon and without one: all fields, nothing that a spreadsheet would calculate, whole or not at all.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { World } from './lib/node.mjs';
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

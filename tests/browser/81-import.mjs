// A real spreadsheet becomes records in a browser: XLSX and GBK tables, columns, doubles, what is wrong, the way back; and files that are no tables.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { rowsOf as csvRows } from '../e2e/lib/csv.mjs';
import { book, zip } from '../e2e/lib/xlsx.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const list = (kind) => w.verb('d1', 'list', [kind, '--limit', '1000', '--json']).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
const orgs = () => list('org').map((x) => x.content);
const state = (d, s) => d.page.locator('.meta .badge', { hasText: d.t(`import.state.${s}`) }).waitFor();
const give = (d, name, buffer) => d.page.setInputFiles('#import-file', { name, mimeType: 'application/octet-stream', buffer: Buffer.from(buffer) });
const bring = async (d, kind, name, buffer) => {
  await d.to(`#/import/${kind}`);
  await give(d, name, buffer);
  await d.button('import.look').click();
  await state(d, 'checked');
};
let clerk;

const head = ['名称', '统一社会信用代码', '类别', '状态', '成立时间', '专职人员数', '服务领域', '公开名片', '负责人电话'];
const rows = [
  ['晨光社会工作服务中心', '52370100MJD123456A', '民办非企业单位', '在孵', { date: 43525 }, 12, '为老服务、青少年', '是', '0531-1'],
  [],
  ['=阳光社区基金会', '', '基金会', '在孵', '2020年1月5日', 7, '', '', '=1+1'],
  ['彩虹协会', '', '不认识的类别', '在孵', '', '', '', '', ''],
  ['晨光社会工作服务中心', '', '', '', '', '', '', '', ''],
];

before(() => w.tree(['city', 'd1']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('a workbook as Excel writes it, on the phone: columns, preview, what is wrong; good rows go in', async () => {
  clerk = await open('d1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  await clerk.to('#/r/org');
  await clerk.link('list.import').click();
  await clerk.here();
  await clerk.holds('#import-kind', 'org');
  await bring(clerk, 'org', '名册.xlsx', book([head, ...rows]));
  assert.deepEqual(await clerk.page.locator('[id^="import-map-"]').evaluateAll((s) => s.map((x) => x.value)), ['name', 'usci', 'kind', 'state', 'founded', 'staff', 'field', 'public', '']);
  await clerk.page.locator('#import-map-8').selectOption('mobile');
  await clerk.page.waitForFunction(() => document.querySelector('#import-map-8')?.value === 'mobile' && !document.querySelector('#import-map-8').disabled);
  await clerk.seen('2019-03-01');
  await clerk.seen(/不在可选范围内；请填写下列之一：社会团体/);
  await clerk.shot('81-checked-phone');
  assert.equal(orgs().length, 0);
  const [file] = await Promise.all([clerk.page.waitForEvent('download'), clerk.button('import.bad_file').click()]);
  const bad = csvRows(fs.readFileSync(await file.path(), 'utf8'));
  assert.deepEqual(bad[0], [...head, '有什么问题']);
  assert.equal(bad.length, 2);
  assert.equal(bad[1][0], '彩虹协会');
  await clerk.page.getByRole('button', { name: clerk.t('import.start_good', { n: 2 }) }).click();
  await state(clerk, 'done');
  assert.deepEqual(orgs().map((o) => [o.name, o.founded, o.staff, o.mobile]).sort(), [['=阳光社区基金会', '2020-01-05', 7, '=1+1'], ['晨光社会工作服务中心', '2019-03-01', 12, '0531-1']]);
  await clerk.shot('81-done-phone');
});

test('the same heading again: its columns are remembered; doubles are updated; undo takes back what nobody touched', async () => {
  await bring(clerk, 'org', '再来.xlsx', book([head, ['晨光社会工作服务中心', '', '', '', '', 20, '', '', ''], ['新组织', '', '', '', '', 1, '', '', '9'], ['另一个', '', '', '', '', 1, '', '', '']], { inline: true }));
  assert.equal(await clerk.page.locator('#import-map-8').inputValue(), 'mobile');
  await clerk.page.locator('#import-doubles').selectOption('update');
  await clerk.page.getByRole('button', { name: clerk.t('import.start', { n: 3 }) }).waitFor();
  await clerk.page.getByRole('button', { name: clerk.t('import.start', { n: 3 }) }).click();
  await state(clerk, 'done');
  assert.deepEqual(orgs().filter((o) => /晨光|新组织/.test(o.name)).map((o) => [o.name, o.staff, o.mobile]).sort(), [['新组织', 1, '9'], ['晨光社会工作服务中心', 20, '0531-1']].sort());
  const other = list('org').find((x) => x.content.name === '另一个');
  w.put('d1', 'org', [{ id: other.id, ...other.content, note: '已联系' }]);
  await clerk.button('import.undo').click();
  await clerk.button('import.undo_yes').click();
  await state(clerk, 'undone');
  await clerk.seen(/在导入之后被修改过/);
  assert.deepEqual(orgs().map((o) => [o.name, o.staff]).sort(), [['=阳光社区基金会', 7], ['另一个', 1], ['晨光社会工作服务中心', 12]].sort());
  await clerk.button('import.drop').click();
  await clerk.button('import.drop_yes').click();
  await clerk.page.waitForFunction(() => location.hash === '#/import');
});

test('a GBK table with semicolons, mentors, in English on the wide screen; a reload in the middle loses nothing', async () => {
  const en = await open('d1', { size: wide, lang: 'en' });
  await en.hire('li', ['--role', 'clerk']);
  const gbk = Buffer.concat([Buffer.from('title;kind;price;tags\r\n'), Buffer.from([0xc0, 0xee, 0xc0, 0xcf, 0xca, 0xa6]), Buffer.from(';mentor;12.5;'), Buffer.from([0xb5, 0xb3, 0xbd, 0xa8]), Buffer.from('\r\nx;mentor;much;\r\n')]);
  await bring(en, 'listing', 'mentors.csv', gbk);
  await en.seen(/"Price \(yuan\)": .*a number with at most 2 decimals/);
  await en.page.reload();
  await state(en, 'checked');
  await en.shot('81-checked-wide');
  for (const d of [en, clerk]) {
    for (const [size, name] of [[phone, 'phone'], [wide, 'wide']]) {
      await d.page.setViewportSize(size);
      const where = `81-${name}-${d.lang}`;
      await until(`${where} quiet`, 10000, () => d.open === 0);
      assert.deepEqual(await d.overflow(), [], where);
      assert.deepEqual(await d.barriers(), [], where);
      assert.ok(!/\bimport\.\w|sheet\.\w/.test(await d.page.innerText('main')), where);
    }
  }
  await en.button('import.start_good', { n: 1 }).click();
  await state(en, 'done');
  assert.deepEqual(list('listing').map((x) => [x.content.title, x.content.price, x.content.tags]), [['李老师', 1250, ['党建']]]);
  await en.to('#/import');
  await en.seen('mentors.csv');
  await en.shot('81-list-wide');
  assert.ok(!(await en.page.innerText('main')).includes('名册.xlsx'), 'another clerk’s imports');
});

test('a table that Excel made of our own export comes in again', async () => {
  w.verb('d1', 'export', ['listing', path.join(w.dir, 'own.xlsx')]);
  await bring(clerk, 'listing', 'own.xlsx', fs.readFileSync(path.join(w.dir, 'own.xlsx')));
  await clerk.page.locator('#import-doubles').selectOption('update');
  await clerk.seen(clerk.t('import.fate.same'));
});

test('what is no table, or hostile, says so and changes nothing', async () => {
  const sheet = (data) => [['xl/workbook.xml', '<workbook xmlns:r="r"><sheets><sheet name="a" r:id="x"/></sheets></workbook>'], ['xl/_rels/workbook.xml.rels', '<Relationships><Relationship Id="x" Target="worksheets/sheet1.xml"/></Relationships>'], ['xl/worksheets/sheet1.xml', data]];
  const bomb = zip(sheet(Buffer.concat([Buffer.from('<worksheet><sheetData>'), Buffer.alloc(60 << 20, 0x20), Buffer.from('</sheetData></worksheet>')])));
  const entity = zip(sheet('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'));
  const deep = zip(sheet('<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>title</t></is></c></row><row r="1048577"><c r="A1048577"><v>1</v></c></row></sheetData></worksheet>'));
  const far = zip(sheet('<worksheet><sheetData><row r="1"><c r="XFD1"><v>1</v></c></row></sheetData></worksheet>'));
  const before = JSON.stringify(list('listing'));
  for (const [name, data, key] of [
    ['a.xlsx', 'no zip at all', 'sheet.not_xlsx'], ['b.xlsx', Buffer.from('d0cf11e0a1b11ae1' + '00'.repeat(600), 'hex'), 'sheet.locked'], ['c.xlsx', zip([['hello.txt', 'x']]), 'sheet.not_xlsx'],
    ['d.xlsx', bomb, 'sheet.large'], ['e.xlsx', entity, 'sheet.damaged'], ['f.xlsx', deep, 'sheet.damaged'], ['g.xlsx', far, 'sheet.wide'], ['h.xlsx', zip(sheet('<worksheet><sheetData>')), 'sheet.damaged'],
  ]) {
    await clerk.to('#/import/listing');
    await clerk.page.reload();
    await clerk.page.waitForSelector('#import-file');
    await give(clerk, name, data);
    // Some are seen when they are opened, some when their rows are read.
    await until(name, 20000, async () => {
      if (await clerk.page.getByText(clerk.t(key)).count()) return true;
      await clerk.button('import.look').click({ timeout: 200 }).catch(() => {});
      return false;
    });
  }
  // Of the last one Chromium's own parser makes a page that says what is wrong, with a style of its own.
  clerk.faults = clerk.faults.filter((f) => !/style-src/.test(f));
  await clerk.to('#/import/listing');
  await give(clerk, 'x.csv', Buffer.from('title,kind\n"a'));
  await clerk.button('import.look').click();
  await clerk.seen(/第 2 行有一个引号没有结束/);
  await clerk.to('#/import/listing');
  await give(clerk, '<img src=x onerror=alert(1)>.csv', Buffer.from('title,kind\n<script>alert(1)</script>,venue\n'));
  await clerk.button('import.look').click();
  await state(clerk, 'checked');
  assert.equal(JSON.stringify(list('listing')), before);
});

test('who may not write is not offered it', async () => {
  const du = await open('d1', { size: wide });
  await du.hire('du', ['--role', 'supervisor']);
  await du.to('#/r/listing');
  assert.equal(await du.link('list.import').count(), 0);
  assert.equal(await du.link('nav.import').count(), 0);
});

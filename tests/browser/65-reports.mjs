// A monthly report up the tree, in the pages: the demand, the form with counted figures, return with a reason, correction, acceptance, the grid.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const day = (back) => new Date(Date.now() + 8 * 3600e3 - back * 86400e3).toISOString().slice(0, 10);
const year = day(0).slice(0, 4);
const period = year;
const record = `work_report.annual.${year}`;
const badge = (d, key) => d.page.locator('.badge', { hasText: d.t(key) }).first();
let clerk, boss;

before(() => w.tree(['city', 'd1', 's1', 's2']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('a manager of the district says what is owed', async () => {
  boss = await open('d1', { size: wide });
  await boss.hire('chen', ['--role', 'manager']);
  const made = await boss.write('obligation', { title: `${year} 年度报告`, report: 'annual', days: '5', count_from: 'begin', valid_from: `${year}-01-01` });
  assert.ok(made.id);
  await boss.to('#/reports');
  await boss.seen('s2');
  assert.ok(await boss.page.locator('.duty-sum').innerText());
});

test('the station’s clerk finds it, gets the counted figures, explains a correction and submits', async () => {
  w.put('s1', 'service', [{ title: '走访', date: day(0), method: 'case', person_times: 7 }]);
  clerk = await open('s1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  await until('the demand is here', 15000, () => w.state('s1').includes('"obligation"'));
  await clerk.to('#/reports');
  await clerk.page.locator('a.button.small', { hasText: clerk.t('duty.write') }).first().click();
  await clerk.here();
  await clerk.holds('#record-period', period);
  assert.equal(await clerk.page.locator('#record-report').inputValue(), 'annual');
  assert.ok((await clerk.page.locator('#record-title').inputValue()).includes(year));
  assert.equal(await clerk.page.locator('#record-audience_, #record-no, #record-first').count(), 0);
  await clerk.fill('record', { done: '走访 7 人次', person_times: '9', state: 'submitted' });
  await clerk.page.click('#record button[type=submit]');
  await clerk.page.waitForSelector('#record-why-fault');
  await clerk.fill('record', { why: '漏登 2 人次' });
  await clerk.page.click('#record button[type=submit]');
  await clerk.page.waitForSelector('.note-good');
  assert.equal(clerk.place()[3], record);
  await badge(clerk, 'pair.state.submitted').waitFor();
  await clerk.shot('65-submitted-phone');
});

test('returned with a reason, corrected and submitted again, accepted', async () => {
  await until('the report is here', 15000, () => w.state('d1').includes(record));
  await boss.to('#/reports');
  await boss.page.locator(`a[href*="${record}"]`).first().click();
  await boss.page.waitForSelector('#pair-reason');
  await boss.button('pair.do.returned').click(); // without a reason
  await boss.page.waitForSelector('.answering .note-bad');
  await boss.page.fill('#pair-reason', '缺下期计划');
  await boss.button('pair.do.returned').click();
  await badge(boss, 'pair.state.returned').waitFor();
  await boss.shot('65-returned-wide');
  await until('the station knows', 15000, () => w.verb('s1', 'duties', ['--json']).includes('"returned"'));
  await clerk.to('#/reports');
  await badge(clerk, 'duty.state.returned').waitFor();
  await clerk.page.locator(`a[href*="${record}"]`).first().click();
  await clerk.seen('缺下期计划');
  await clerk.shot('65-returned-phone');
  await clerk.link('action.edit').click();
  await clerk.fill('record', { next: '扩大志愿者队伍' });
  await clerk.page.click('#record button[type=submit]');
  await clerk.page.waitForSelector('.note-good');
  await badge(clerk, 'pair.state.submitted').waitFor();
  await until('the second form', 15000, () => w.state('d1').includes('扩大志愿者队伍'));
  await boss.page.reload(); // the page was open all the while
  await boss.here();
  await boss.seen('扩大志愿者队伍');
  await boss.button('pair.do.accepted').click();
  await badge(boss, 'pair.state.accepted').waitFor();
  await until('the station knows', 15000, () => w.verb('s1', 'duties', ['--json']).includes('"accepted"'));
  await clerk.page.reload();
  await clerk.here();
  await badge(clerk, 'pair.state.accepted').waitFor();
  assert.equal(await clerk.link('action.edit').count(), 0);
  assert.equal(await clerk.button('action.withdraw').count(), 0);
});

test('complete in both languages, no barrier, nothing cut off', async () => {
  const en = await open('d1', { size: wide, lang: 'en' });
  await en.to('');
  await en.logIn('chen');
  await en.page.waitForSelector('.tiles');
  const at = `#/r/work_report/${w.id('s1')}/${record}`;
  for (const d of [boss, en, clerk]) {
    for (const [size, name] of [[phone, 'phone'], [wide, 'wide']]) {
      await d.page.setViewportSize(size);
      for (const [page, hash] of [['reports', '#/reports'], ['report', at], ['report-new', '#/r/work_report/new'], ['list', '#/r/work_report'], ['duty-new', d === clerk ? '#/reports' : '#/r/obligation/new']]) {
        const where = `65-${page}-${name}-${d.lang}-${d.node}`;
        await d.to(hash);
        await until(`${where} quiet`, 10000, () => d.open === 0);
        await d.shot(where);
        assert.deepEqual(await d.overflow(), [], where);
        assert.deepEqual(await d.barriers(), [], where);
        assert.ok(!/\bkind\.\w|step\.to|duty\.|pair\.|form\./.test(await d.page.innerText('main')), where);
      }
    }
  }
});

// SPDX-License-Identifier: Apache-2.0
// Reports up the tree between real daemons: an obligation, a report written with no network, returned
// with a reason, sent again while the district accepts the form before, locked, opened again by the city.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { World, until } from './lib/node.mjs';

const w = new World();
before(() => w.tree(['city', 'd1', 's1', 's2']));
after(() => w.close());

const day = (back) => new Date(Date.now() + 8 * 3600e3 - back * 86400e3).toISOString().slice(0, 10);
const period = day(0).slice(0, 7);
const year = day(0).slice(0, 4);
const overdue = day(0) > `${year}-01-20`;
const lines = (n, verb, args) => w.verb(n, verb, [...args, '--json']).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
const owed = (n, args = []) => lines(n, 'duties', ['--periods', '2', ...args]);
const report = (n, more) => ({ report: 'annual', period: year, title: `${year} 年度报告 ${n}`, done: '走访 12 户', next: '继续', ...more });
const put = (n, kind, d) => w.tryVerb(n, 'put', [kind], { input: JSON.stringify(d) + '\n' });
const answer = (of, more) => ({ about: `${w.id(of)}/work_report.annual.${year}`, ...more });
const cell = (n, of) => owed(n, n === of ? [] : ['--below']).find((x) => x.node === w.id(of) && x.report === 'annual' && x.period === year);
const sees = (n, of, state) => until(`${n} sees ${state} of ${of}`, 20000, () => cell(n, of)?.state === state && cell(n, of));
const body = (n, of) => { const r = w.state(n).split('\n').filter(Boolean).map((l) => JSON.parse(l)).find((r) => r.kind === 'work_report' && r.owner === w.id(of)); return r && { ...r, d: r.content }; };

test('a district says what is owed; its stations and nobody else owe it', async () => {
  const duty = { title: '年度报告', report: 'annual', days: 5, count_from: 'begin', valid_from: `${year}-01-01` };
  w.put('d1', 'obligation', [{ id: 'ob', ...duty }, { id: 'month', title: '月报', report: 'monthly', days: 120, valid_from: `${year}-01-01` }]);
  const mine = await until('the station knows', 15000, () => owed('s1').length >= 2 && owed('s1'));
  if (overdue) assert.equal(mine.find((x) => x.report === 'annual' && x.period === year).state, 'missing');
  assert.deepEqual(mine.filter((x) => x.report === 'monthly' && x.period === period).map((x) => x.state), ['not_due']);
  assert.deepEqual(owed('city'), []);
  assert.deepEqual([...new Set(owed('d1', ['--below']).map((x) => x.node))].sort(), [w.id('s1'), w.id('s2')].sort());
});

test('a draft stays at home; what is sent with no network arrives when there is one', async () => {
  w.put('s1', 'service', [
    { title: '走访', date: day(0), method: 'case', person_times: 7 },
    { title: '小组', date: day(0), method: 'group', person_times: 20 },
    { title: '去年', date: `${year - 1}-06-01`, method: 'group', person_times: 1000 },
  ]);
  await w.stop('d1');
  const draft = put('s1', 'work_report', report('s1', { no: 77, first: '2020-01-01', counted: { services: 99 } }));
  assert.equal(draft.code, 0, draft.err);
  const kept = body('s1', 's1');
  assert.equal(kept.audience, 'own');
  assert.deepEqual([kept.d.person_times, kept.d.services, kept.d.counted.person_times, kept.d.no, kept.d.first], [27, 2, 27, undefined, undefined]);
  const silent = put('s1', 'work_report', report('s1', { state: 'submitted', person_times: 30 }));
  assert.notEqual(silent.code, 0);
  assert.match(silent.err, /why/);
  const sent = put('s1', 'work_report', report('s1', { state: 'submitted', person_times: 30, why: '漏登 3 人次' }));
  assert.equal(sent.code, 0, sent.err);
  assert.equal(body('s1', 's1').d.no, 1);
  assert.equal(cell('s1', 's1').state, 'submitted');
  // The same once more is no second sending.
  assert.equal(put('s1', 'work_report', report('s1', { state: 'submitted', person_times: 30, why: '漏登 3 人次' })).code, 0);
  assert.equal(body('s1', 's1').d.no, 1);
  await w.start('d1');
  const c = await sees('d1', 's1', 'submitted');
  if (overdue) assert.equal(c.late, true);
  for (const n of ['d1', 'city']) {
    const there = await until(`at ${n}`, 15000, () => body(n, 's1'));
    assert.deepEqual([there.d.person_times, there.d.counted.person_times, there.d.why], [30, 27, '漏登 3 人次']);
  }
  assert.equal(body('s2', 's1'), undefined);
});

test('returned with a reason, corrected and sent again with no line in between', async () => {
  const without = put('d1', 'report_answer', answer('s1', { state: 'returned', seen: 1 }));
  assert.notEqual(without.code, 0);
  assert.match(without.err, /reason/);
  assert.notEqual(put('s2', 'report_answer', answer('s1', { state: 'accepted', seen: 1 })).code, 0);
  assert.notEqual(put('d1', 'report_answer', answer('s1', { state: 'accepted', seen: 9 })).code, 0);
  assert.notEqual(put('d1', 'report_answer', answer('s1', { state: 'locked', seen: 1 })).code, 0);
  assert.equal(put('d1', 'report_answer', answer('s1', { state: 'returned', seen: 1, reason: '缺下期计划' })).code, 0);
  await sees('s1', 's1', 'returned');
  await w.stop('d1');
  assert.equal(put('s1', 'work_report', report('s1', { state: 'submitted', next: '明年计划', person_times: 30, why: '漏登' })).code, 0);
  assert.equal(cell('s1', 's1').state, 'submitted');
  await w.start('d1');
  const c = await until('the second form', 20000, () => body('d1', 's1').d.no === 2 && cell('d1', 's1'));
  assert.deepEqual([c.state, c.revised], ['submitted', true]);
  assert.equal(put('d1', 'report_answer', answer('s1', { state: 'accepted', seen: 2 })).code, 0);
  await sees('s1', 's1', 'accepted');
  const more = put('s1', 'work_report', report('s1', { state: 'submitted', next: '又改', person_times: 30, why: '漏登' }));
  assert.notEqual(more.code, 0);
  assert.match(more.err, /accepted/);
  assert.notEqual(w.tryVerb('s1', 'withdraw', [`work_report.annual.${year}`]).code, 0);
});

test('accepted and sent again at the same time: the new form waits for an answer, at every node alike', async () => {
  assert.equal(put('d1', 'report_answer', answer('s1', { state: 'reopened', seen: 2, reason: '请补数' })).code, 0);
  await sees('s1', 's1', 'reopened');
  await w.stop('s1');
  // The station, offline, sends a third form while the district closes the matter.
  assert.equal(put('d1', 'report_answer', answer('s1', { state: 'accepted', seen: 2 })).code, 0);
  assert.equal(put('s1', 'work_report', report('s1', { state: 'submitted', next: '第三稿', person_times: 30, why: '漏登' })).code, 0);
  await w.start('s1');
  for (const n of ['d1', 's1']) {
    const c = await until(`${n} sees both`, 20000, () => body(n, 's1').d.no === 3 && cell(n, 's1').again && cell(n, 's1'));
    assert.equal(c.state, 'submitted');
  }
  assert.equal(put('d1', 'report_answer', answer('s1', { state: 'accepted', seen: 3 })).code, 0);
  assert.equal(put('d1', 'report_answer', answer('s1', { state: 'locked', seen: 3 })).code, 0);
  await sees('s1', 's1', 'locked');
  // With the answer the lock would go: it stays, and the remedy is named.
  const id = w.state('d1').split('\n').filter(Boolean).map((l) => JSON.parse(l)).find((r) => r.kind === 'report_answer' && r.owner === w.id('d1')).id;
  const gone = w.tryVerb('d1', 'withdraw', [id]);
  assert.notEqual(gone.code, 0);
  assert.match(gone.err, /write it anew as reopened/);
  await sees('s1', 's1', 'locked');
  // The city above opens it again; the district's word does not close that.
  await until('the city has it', 15000, () => body('city', 's1').d.no === 3 && w.state('city').includes('"locked"'));
  const city = put('city', 'report_answer', answer('s1', { state: 'reopened', seen: 3, reason: '市级抽查' }));
  assert.equal(city.code, 0, city.err);
  for (const n of ['d1', 's1']) await sees(n, 's1', 'reopened');
  for (const n of ['city', 'd1', 's1', 's2']) assert.equal(w.json(n, 'verify').wrong, 0, n);
});

// A form made at the city, filled in at a district, returned, corrected and checked; the next version asks something else and what was filled in keeps its questions.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide, within } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const month = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7);
const step = (d, state) => d.page.getByRole('button', { name: d.t('step.to', { state: d.t(`kind.form_entry.state.${state}`) }), exact: true });
const get = (id) => JSON.parse(w.verb('d1', 'get', [id])).content;
const formId = (version) => `form_template.monthly-work.${version}`;
const send = (d) => d.page.click('#record button[type=submit]');
const sound = async (d, name) => {
  assert.deepEqual(await d.barriers(), [], name);
  assert.deepEqual(await d.overflow(), [], name);
  await d.shot(name);
};
let maker, clerk, boss, org, entry;

before(() => w.tree(['city', 'd1']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

async function question(d, n, values) {
  await d.button('rows.add').click();
  await d.page.waitForSelector(`[id="record-questions-${n}-label"]`);
  await d.fill('record', Object.fromEntries(Object.entries(values).map(([k, v]) => [`questions-${n}-${k}`, v])));
}

test('a manager makes a form line by line; what is missing is said at its line; published it reaches the district', async () => {
  maker = await open('city', { size: wide });
  await maker.hire('li', ['--role', 'manager']);
  await maker.to('#/r/form_template/new');
  await maker.fill('record', { title: '组织月度工作表', code: 'monthly-work', version: '1', state: 'draft', about: 'org', each: 'month', stages: ['activity', 'project'], guide: '每月 5 日前填写' });
  await question(maker, 0, { label: '本月做了什么', type: 'long', required: true });
  await question(maker, 1, { label: '活动场次', type: 'int' });
  await question(maker, 2, { label: '主要场地', type: 'choice', choices: '' });
  await send(maker);
  await maker.seen(maker.t('check.row', { n: 3, field: maker.t('kind.form_template.questions.choices'), fault: maker.t('check.required') }));
  await maker.fill('record', { 'questions-2-choices': '室内\n室外' });
  await sound(maker, 'form-new-wide');
  await maker.page.locator('.row-one').nth(2).getByRole('button', { name: maker.t('rows.up'), exact: true }).click();
  await send(maker);
  await maker.page.waitForSelector('.note-good');
  const made = JSON.parse(w.verb('city', 'get', [formId(1)])).content;
  assert.deepEqual(made.questions.map((q) => q.label), ['本月做了什么', '主要场地', '活动场次']);
  assert.equal(new Set(made.questions.map((q) => q.name)).size, 3);
  assert.equal(made.state, 'draft');
  await maker.page.getByRole('button', { name: maker.t('step.to', { state: maker.t('kind.form_template.state.published') }), exact: true }).click();
  await maker.page.locator('.badge', { hasText: maker.t('kind.form_template.state.published') }).waitFor();
  await sound(maker, 'form-wide');
  await until('the form is at the district', 15000, () => w.tryVerb('d1', 'get', [formId(1)]).code === 0);
});

test('from the organisation’s page on a phone: the form of its stage, half filled in, kept over a reload, refused where an answer is missing, sent', async () => {
  clerk = await open('d1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  org = await clerk.write('org', { name: '晨光社工', state: 'incubating', stage: 'activity' });
  const other = await clerk.write('org', { name: '尚在申请', state: 'applying', stage: 'applying' });
  await clerk.to(`#/r/form_entry/new?org=${other.id}`);
  await clerk.seen(clerk.t('form.no_templates'));
  await clerk.to(`#/r/org/${org.owner}/${org.id}`);
  const here = clerk.page.locator('.related', { has: clerk.page.getByRole('heading', { name: clerk.t('kind.form_entry'), exact: true }) });
  await here.getByRole('link', { name: clerk.t('related.new') }).click();
  await clerk.page.getByRole('link', { name: /组织月度工作表/ }).click();
  await clerk.holds('#record-org', org.id);
  await clerk.seen('每月 5 日前填写');
  await clerk.fill('record', { period: month, state: 'draft', 'answers.q3': '室外' });
  await clerk.page.waitForFunction(() => document.querySelector('.saved')?.textContent);
  await sound(clerk, 'form-fill-phone');
  await clerk.page.reload();
  await clerk.here();
  await clerk.seen(clerk.t('form.discard'));
  assert.equal(await clerk.page.inputValue('[id="record-answers.q3"]'), '室外');
  await clerk.fill('record', { state: 'submitted' });
  await send(clerk);
  await clerk.page.waitForSelector('.note-bad');
  assert.match(await clerk.page.innerText('.note-bad'), /本月做了什么/);
  await clerk.fill('record', { 'answers.q1': '走访老人 12 户\n整理档案', 'answers.q2': '3' });
  await send(clerk);
  await clerk.page.waitForSelector('.note-good');
  entry = clerk.place()[3];
  const d = get(entry);
  assert.deepEqual(d.answers, { q1: '走访老人 12 户\n整理档案', q2: 3, q3: '室外' });
  assert.equal(d.title, `组织月度工作表 · 晨光社工 · ${month}`);
  await clerk.seen('整理档案');
  await sound(clerk, 'form-entry-phone');
});

test('it waits in the manager’s list, is returned with a reason, corrected and checked; whoever only reads sees no answers', async () => {
  boss = await open('d1', { size: wide });
  await boss.hire('chen', ['--role', 'manager']);
  await boss.to('#/todo');
  await boss.page.getByRole('link', { name: /组织月度工作表/ }).click();
  await boss.here();
  await boss.link('action.edit').click();
  await boss.fill('record', { state: 'returned', reason: '请写清人数' });
  await send(boss);
  await boss.page.waitForSelector('.note-good');
  await clerk.to(`#/r/form_entry/me/${entry}/edit`);
  assert.equal(await clerk.page.inputValue('[id="record-answers.q1"]'), '走访老人 12 户\n整理档案');
  await clerk.fill('record', { 'answers.q1': '走访老人 12 户，共 30 人', state: 'submitted' });
  await send(clerk);
  await clerk.page.waitForSelector('.note-good');
  await boss.to(`#/r/form_entry/me/${entry}`);
  await step(boss, 'checked').click();
  await boss.page.locator('.badge', { hasText: boss.t('kind.form_entry.state.checked') }).waitFor();
  assert.equal(get(entry).state, 'checked');
  const reads = await open('d1', { size: wide });
  await reads.hire('kan', ['--role', 'supervisor']);
  await reads.to(`#/r/form_entry/me/${entry}`);
  await reads.seen('组织月度工作表');
  assert.ok(!(await reads.page.innerText('main')).includes('走访老人'));
});

test('the next version begins with the questions of the last; the old entry keeps its own', async () => {
  await maker.to(`#/r/form_template/me/${formId(1)}`);
  await maker.link('form.next_version').click();
  await maker.holds('#record-version', '2');
  await maker.holds('[id="record-questions-2-label"]', '活动场次');
  await maker.page.locator('.row-one').nth(2).getByRole('button', { name: maker.t('rows.remove'), exact: true }).click();
  await maker.fill('record', { 'questions-0-label': '本月服务了谁', state: 'published' });
  await send(maker);
  await maker.page.waitForSelector('.note-good');
  await until('the next one is at the district', 15000, () => w.tryVerb('d1', 'get', [formId(2)]).code === 0);
  await clerk.to(`#/r/form_entry/new?org=${org.id}`);
  await clerk.page.getByRole('link', { name: /组织月度工作表/ }).click();
  await clerk.page.getByText('本月服务了谁').waitFor({ timeout: within });
  assert.equal(await clerk.page.locator('[id="record-answers.q2"]').count(), 0);
  await clerk.to(`#/r/form_entry/me/${entry}`);
  await clerk.seen('本月做了什么');
  await clerk.to('#/r/form_entry');
  await clerk.seen('晨光社工');
  await sound(clerk, 'form-entries-phone');
  for (const n of ['city', 'd1']) assert.equal(JSON.parse(w.verb(n, 'verify', ['--json'])).wrong, 0, n);
});

test('a word the city adds is ticked at the district by its name in either language, found by it, and in the table; out of use it stays where it was', async () => {
  await maker.to('#/r/code_list/new');
  await maker.fill('record', { list: 'field', title: '本市补充的服务领域' });
  await maker.button('rows.add').click();
  await maker.fill('record', { 'items-0-code': 'migrants', 'items-0-zh': '流动人口', 'items-0-en': 'Migrants' });
  await send(maker);
  await maker.page.waitForSelector('.note-good');
  await sound(maker, 'words-wide');
  await until('the word is at the district', 15000, () => w.tryVerb('d1', 'get', ['code_list.field']).code === 0);
  await clerk.page.reload();
  await clerk.here();
  const v = await clerk.write('listing', { kind: 'venue', title: '社区大厅', field: ['migrants', 'elderly'] });
  await clerk.seen('流动人口');
  assert.deepEqual(get(v.id).field, ['elderly', 'migrants']);
  await clerk.to('#/r/listing?field=migrants');
  await clerk.seen('社区大厅');
  await clerk.button('app.language.en').click();
  await clerk.to(`#/r/listing/me/${v.id}`);
  await clerk.seen('Migrants');
  await clerk.page.getByRole('button', { name: clerk.t('app.language.zh-CN'), exact: true }).click();
  assert.match(w.verb('d1', 'export', ['listing', '-'], { lang: 'zh-CN' }), /老人; 流动人口|流动人口/);
  await maker.to('#/r/code_list/me/code_list.field/edit');
  await maker.fill('record', { 'items-0-off': true });
  await send(maker);
  await maker.page.waitForSelector('.note-good');
  await until('out of use at the district', 15000, () => /"off":true/.test(w.verb('d1', 'get', ['code_list.field'])));
  await clerk.to(`#/r/listing/me/${v.id}/edit`);
  await clerk.page.reload();
  await clerk.here();
  await clerk.page.locator('#record .fold > button').first().click();
  assert.ok(await clerk.page.isChecked('[id="record-field-migrants"]'));
  await clerk.fill('record', { title: '社区大厅（东）' });
  await send(clerk);
  await clerk.page.waitForSelector('.note-good');
  assert.deepEqual(get(v.id).field, ['elderly', 'migrants']);
  await clerk.to('#/r/listing/new');
  await clerk.page.locator('#record .fold > button').first().click();
  assert.equal(await clerk.page.locator('[id="record-field-migrants"]').count(), 0);
});

test('from a form to its help and back with nothing lost; a word finds answers and forms', async () => {
  await clerk.to('#/r/need/new');
  await clerk.fill('record', { title: '需要排练场地' });
  await clerk.link('help.form').click();
  await clerk.here();
  await clerk.page.waitForSelector('#help-need[open]');
  await clerk.seen(clerk.t('help.fields'));
  await sound(clerk, 'help-phone');
  await clerk.page.goBack();
  await clerk.holds('#record-title', '需要排练场地');
  await clerk.to('#/help');
  await clerk.page.fill('#help-q', clerk.t('help.password.a').slice(0, 6));
  await clerk.seen(clerk.t('help.password.q'));
  assert.equal(await clerk.page.getByText(clerk.t('help.tiers.q')).count(), 0);
  await clerk.page.fill('#help-q', 'zzzz');
  await clerk.seen(clerk.t('help.none'));
});

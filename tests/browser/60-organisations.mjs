// An organisation from its application to a new stage: archive, card, honours, monthly record with a return, assessment; who may do which step.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const label = (d, kind, state) => d.t(`kind.${kind}.state.${state}`);
const step = (d, kind, state) => d.page.getByRole('button', { name: d.t('step.to', { state: label(d, kind, state) }), exact: true });
const get = (id) => JSON.parse(w.verb('d1', 'get', [id])).content;
let clerk, boss, city, org;

before(() => w.tree(['city', 'd1']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('the archive is filled in once; a doubtful credit code is said and kept; the card is seen at the city', async () => {
  clerk = await open('d1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  await clerk.to('#/r/org/new');
  const choices = await clerk.page.locator('#record-state option').evaluateAll((o) => o.map((x) => x.value));
  assert.ok(choices.includes('applying') && choices.length >= 7);
  org = await clerk.write('org', { name: '晨光社会工作服务中心', kind: 'service_unit', state: 'applying', usci: '91350211M0000XUF46', mobile: '13900000000', purpose: '为老服务', public: true });
  await clerk.seen(clerk.t('doubt.usci.sum'));
  await clerk.shot('org-phone');
  assert.equal(get(org.id).usci, '91350211M0000XUF46');
  city = await open('city', { size: wide });
  await city.hire('li');
  await city.to('#/r/card');
  await city.seen('晨光社会工作服务中心');
  await city.page.getByRole('link', { name: '晨光社会工作服务中心' }).click();
  await city.seen('为老服务');
  assert.ok(!(await city.page.innerText('main')).includes('13900000000'));
  await city.to('#/r/org');
  await city.seen(city.t('list.none_write'));
});

test('a clerk may not admit, a manager may; what the workflow does not know is not offered', async () => {
  await clerk.to(`#/r/org/${org.owner}/${org.id}`);
  await clerk.page.waitForSelector('.related');
  assert.equal(await step(clerk, 'org', 'incubating').count(), 0);
  const state = await clerk.page.request.fetch(`${clerk.origin}/api/me`).then((r) => r.json());
  const refused = await clerk.page.request.post(`${clerk.origin}/api/records/org`, {
    headers: { 'X-CSRF-Token': state.csrf, Origin: clerk.origin, 'Content-Type': 'application/json' },
    data: JSON.stringify({ id: org.id, seen_r: 1, d: { ...get(org.id), state: 'incubating' } }),
  });
  assert.equal(refused.status(), 403);
  assert.equal((await refused.json()).err, 'forbidden');
  boss = await open('d1', { size: wide });
  await boss.hire('chen', ['--role', 'manager']);
  await boss.to(`#/r/org/${org.owner}/${org.id}`);
  await step(boss, 'org', 'incubating').click();
  await boss.page.locator('.badge', { hasText: label(boss, 'org', 'incubating') }).waitFor();
  assert.equal(get(org.id).state, 'incubating');
  assert.equal(await step(boss, 'org', 'applying').count(), 0);
  // A reason is asked for, and blanks are none: the refusal says so, and the record stays as it was.
  await step(boss, 'org', 'removed').click();
  await boss.page.fill('#step-reason', ' \u3000 ');
  await boss.button('step.say').click();
  await boss.page.waitForSelector('.steps [role=alert]');
  assert.equal(get(org.id).state, 'incubating');
});

test('an honour and a monthly record from the organisation’s page, returned with a reason and sent again', async () => {
  await clerk.to(`#/r/org/${org.owner}/${org.id}`);
  const add = (kind) => clerk.page.locator('.related', { has: clerk.page.getByRole('heading', { name: clerk.t(`kind.${kind}`), exact: true }) }).getByRole('link', { name: clerk.t('related.new') });
  await add('org_event').click();
  await clerk.page.waitForFunction((id) => document.querySelector('#record-org')?.value === id, org.id);
  await clerk.fill('record', { kind: 'honour', title: '市级先进社会组织', date: '2026-11-01' });
  await clerk.page.click('#record button[type=submit]');
  await clerk.page.waitForSelector('.note-good');
  await clerk.page.getByRole('link', { name: '晨光社会工作服务中心' }).click();
  await clerk.seen('市级先进社会组织');
  await add('activity').click();
  await clerk.page.waitForFunction((id) => document.querySelector('#record-org')?.value === id, org.id);
  await clerk.fill('record', { title: '十一月', period: '2026-11', state: 'submitted', sessions: '4', person_times: '120' });
  await clerk.page.click('#record button[type=submit]');
  await clerk.page.waitForSelector('.note-good');
  const [, , , id] = clerk.place();
  assert.equal(await step(clerk, 'activity', 'accepted').count(), 0);
  const at = `#/r/activity/${org.owner}/${id}`;
  await boss.to(at);
  await step(boss, 'activity', 'returned').click();
  await boss.page.fill('#step-reason', '请补充人次的依据');
  await boss.shot('step-reason');
  await boss.button('step.say').click();
  await boss.page.locator('.badge', { hasText: label(boss, 'activity', 'returned') }).waitFor();
  await clerk.to(at);
  await clerk.page.reload();
  await clerk.seen('请补充人次的依据');
  await step(clerk, 'activity', 'submitted').click();
  await clerk.page.locator('.badge', { hasText: label(clerk, 'activity', 'submitted') }).waitFor();
  await boss.to('#/r/activity');
  await boss.page.getByRole('link', { name: '十一月' }).click();
  await step(boss, 'activity', 'accepted').click();
  await boss.page.locator('.badge', { hasText: label(boss, 'activity', 'accepted') }).waitFor();
  assert.equal(get(id).state, 'accepted');
});

test('an agreed assessment changes the stage, and the card at the city with it', async () => {
  const a = await boss.write('assessment', { org: org.id, title: '2026 年度评估', year: '2026', state: 'submitted', to_stage: 'project', effective: '2026-12-01' });
  assert.equal(get(org.id).stage, undefined);
  await step(boss, 'assessment', 'agreed').click();
  await boss.page.locator('.badge', { hasText: label(boss, 'assessment', 'agreed') }).waitFor();
  assert.equal(get(a.id).state, 'agreed');
  assert.equal(get(org.id).stage, 'project');
  await city.to('#/r/card');
  await city.seen(city.t('kind.card.stage.project'));
  await boss.to(`#/r/org/${org.owner}/${org.id}`);
  await boss.seen('2026 年度评估');
  await boss.shot('org-wide');
});

test('an organisation’s own log-in sees cards and no archive; a supervisor reads and changes nothing', async () => {
  const member = await open('d1');
  await member.hire('zu', ['--role', 'member']);
  for (const path of ['/api/records?kind=org', `/api/records/${org.owner}/org/${org.id}`, '/api/records?kind=service']) {
    assert.equal((await member.page.request.get(member.origin + path)).status(), 403, path);
  }
  assert.equal((await member.page.request.get(`${member.origin}/api/records?kind=card`)).status(), 200);
  await member.to('#/more');
  assert.equal(await member.link('nav.org').count(), 0);
  // Once the platform says whose person he is, he sees his own organisation, and still no telephone.
  member.world.verb('d1', 'user org', ['--org', org.id, 'zu']);
  await member.to('');
  await member.logIn('zu');
  await member.page.waitForSelector('.tiles');
  await member.to(`#/r/org/${org.owner}/${org.id}`);
  await member.page.waitForSelector('.related');
  assert.equal(await member.page.locator('.steps button, .title-actions a').count(), 0);
  const mine = await (await member.page.request.get(`${member.origin}/api/records?kind=org`)).json();
  assert.deepEqual(mine.items.map((x) => x.id), [org.id]);
  assert.equal(mine.items[0].d.mobile, undefined);
  await member.shot('org-member');
  const reader = await open('d1', { size: wide });
  await reader.hire('du', ['--role', 'supervisor']);
  await reader.to(`#/r/org/${org.owner}/${org.id}`);
  await reader.page.waitForSelector('.related');
  assert.equal(await reader.page.locator('.steps button').count(), 0);
  assert.equal(await reader.link('action.edit').count(), 0);
});

test('complete in both languages, no barrier, nothing cut off', async () => {
  const en = await open('d1', { size: wide, lang: 'en' });
  await en.to('');
  await en.logIn('chen');
  await en.page.waitForSelector('.tiles');
  for (const d of [boss, en]) {
    for (const [size, name] of [[phone, 'phone'], [wide, 'wide']]) {
      await d.page.setViewportSize(size);
      for (const [page, hash] of [['orgs', '#/r/org'], ['org', `#/r/org/${org.owner}/${org.id}`], ['org-edit', `#/r/org/${org.owner}/${org.id}/edit`], ['services', '#/r/service'], ['service-new', `#/r/service/new?org=${org.id}`], ['assessments', '#/r/assessment']]) {
        const where = `60-${page}-${name}-${d.lang}`;
        await d.to(hash);
        await until(`${where} quiet`, 10000, () => d.open === 0);
        await d.shot(where);
        assert.deepEqual(await d.overflow(), [], where);
        assert.deepEqual(await d.barriers(), [], where);
        assert.ok(!/\bkind\.\w|step\.to|related\.|form\./.test(await d.page.innerText('main')), where);
      }
    }
  }
});

// An organisation's question at the desk: asked, in the to-do list, accepted within its free ones, refused beyond them, done with its service record, counted; its own people read theirs and no other's.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const today = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
let desk, first, second;

before(() => w.tree(['city']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

const press = async (d, state) => d.button('step.to', { state: d.t(`kind.consultation.state.${state}`) }).click();
const edit = async (d, id, values) => {
  await d.to(`#/r/consultation/me/${id}/edit`);
  await d.fill('record', values);
  await d.page.click('#record button[type=submit]');
};

test('a rule gives one free consultation a year; asked on a phone it waits in the to-do list', async () => {
  w.put('city', 'org', [{ id: 'qing', name: '青禾社会工作服务中心' }, { id: 'hong', name: '红旗志愿者协会' }]);
  desk = await open('city', { size: phone });
  await desk.hire('li', ['--role', 'manager']);
  await desk.write('consult_quota', { title: '财务咨询每年一次', line: 'finance', per: 'year', free: '1' });
  first = (await desk.write('consultation', { org: 'qing', title: '免税资格怎么申请', line: 'finance', fee: 'free', detail: '登记满一年，想申请免税资格。' })).id;
  await desk.shot('78-asked-phone');
  await desk.to('#/todo');
  await desk.page.getByRole('link', { name: '免税资格怎么申请' }).waitFor();
});

test('accepting asks for the day; the account shows it used up, and a second free one is refused with the remedy', async () => {
  await desk.to(`#/r/consultation/me/${first}`);
  await press(desk, 'accepted');
  await desk.page.waitForSelector('.steps [role=alert]');
  await edit(desk, first, { state: 'accepted', date: today, expert: '市会计师协会' });
  await desk.page.waitForSelector('.note-good');
  await desk.seen(desk.t('consult.used', { n: 1, all: 1, period: today.slice(0, 4) }));
  second = (await desk.write('consultation', { org: 'qing', title: '年度审计', line: 'finance', fee: 'free' })).id;
  await edit(desk, second, { state: 'accepted', date: today });
  await desk.page.waitForSelector('#record [role=alert]');
  assert.match(await desk.page.innerText('#record'), /本周期免费次数已用完/);
  await desk.shot('78-refused-phone');
  await desk.page.selectOption('#record-fee', 'paid');
  await desk.page.click('#record button[type=submit]');
  await desk.page.waitForSelector('.note-good');
});

test('the service record is one press away, and with it the consultation is done and counted', async () => {
  await desk.page.setViewportSize(wide);
  await desk.to(`#/r/consultation/me/${first}`);
  await desk.link('consult.service').click();
  await desk.holds('#record-org', 'qing');
  await desk.holds('#record-title', '免税资格怎么申请');
  await desk.fill('record', { date: today, persons: '1', person_times: '1' });
  await desk.page.click('#record button[type=submit]');
  await desk.page.waitForSelector('.note-good');
  const service = desk.place()[3];
  await edit(desk, first, { state: 'done', advice: '先备齐登记证书与章程。', service });
  await desk.page.waitForSelector('.note-good');
  await desk.page.getByRole('link', { name: '免税资格怎么申请' }).first().waitFor();
  await desk.shot('78-done-wide');
  await desk.to(`#/r/service/me/${service}`);
  await desk.page.locator('.related', { hasText: desk.t('kind.consultation') }).getByRole('link', { name: '免税资格怎么申请' }).waitFor();
  await until('counted', 20000, () => /"consult\.finance"/.test(w.verb('city', 'stats', ['--period', today.slice(0, 7), '--json'])));
});

test('people of the organisation read theirs with its account, and nothing of another', async () => {
  const other = (await desk.write('consultation', { org: 'hong', title: '志愿者保险', line: 'legal', fee: 'free' })).id;
  const member = await open('city', { size: phone });
  await member.hire('zu', ['--role', 'member', '--org', 'qing']);
  const get = (p) => member.page.request.get(`${member.origin}${p}`);
  const own = await (await get('/api/records?kind=consultation')).json();
  assert.deepEqual(own.items.map((x) => x.title).sort(), ['免税资格怎么申请', '年度审计']);
  assert.equal((await get(`/api/records/me/consultation/${other}`)).status(), 404);
  assert.equal((await get('/api/consulting/qing')).status(), 200);
  assert.equal((await get('/api/consulting/hong')).status(), 404);
  await member.to(`#/r/consultation/me/${first}`);
  await member.seen('先备齐登记证书与章程。');
  await member.shot('78-member-phone');
});

test('complete in both languages, no barrier, nothing cut off', async () => {
  const en = await open('city', { size: wide, lang: 'en' });
  await en.to('');
  await en.logIn('li');
  await en.page.waitForSelector('.tiles');
  for (const d of [desk, en]) {
    for (const [size, name] of [[phone, 'phone'], [wide, 'wide']]) {
      await d.page.setViewportSize(size);
      for (const [page, hash] of [['list', '#/r/consultation'], ['one', `#/r/consultation/me/${second}`], ['form', '#/r/consultation/new'], ['rules', '#/r/consult_quota'], ['org', '#/r/org/me/qing']]) {
        const where = `78-${page}-${name}-${d.lang}`;
        await d.to(hash);
        await until(`${where} quiet`, 10000, () => d.open === 0);
        await d.shot(where);
        assert.deepEqual(await d.overflow(), [], where);
        assert.deepEqual(await d.barriers(), [], where);
        assert.ok(!/\bkind\.\w|consult\.\w|form\.\w/.test(await d.page.innerText('main')), where);
      }
    }
  }
});

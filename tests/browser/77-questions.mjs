// A station asks about a room of the city on a phone; it waits in the city's to-do list, is answered, asked differently and answered again; the district on the way sees nothing; half a question survives the browser.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const at = () => `#/r/listing/${w.id('city')}/hall`;
let city, clerk;

before(() => w.tree(['city', 'd1', 's1']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('what is typed and not sent comes back; sent, it stands on the page of the room at both', async () => {
  w.put('city', 'listing', [{ id: 'hall', kind: 'venue', title: '市级路演厅' }]);
  await until('the room has come', 20000, () => w.tryVerb('s1', 'get', [`${w.id('city')}/hall`]).code === 0);
  clerk = await open('s1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  await clerk.to(at());
  await clerk.button('question.ask').click();
  await clerk.page.fill('#question-text', '周末可以开放吗？');
  await until('kept at the node', 20000, async () => (await clerk.page.request.get(`${clerk.origin}/api/drafts`).then((r) => r.json())).drafts.length === 1);
  await clerk.page.reload();
  await clerk.to('#/');
  await clerk.page.locator('.related-list a', { hasText: clerk.t('kind.question') }).click();
  await clerk.button('question.ask').click();
  await clerk.holds('#question-text', '周末可以开放吗？');
  await clerk.shot('77-ask-phone');
  await clerk.button('question.send').click();
  await clerk.seen(clerk.t('question.waits'));
});

test('the city finds it in its to-do list and answers', async () => {
  city = await open('city', { size: wide });
  await city.hire('li');
  await until('it has come', 20000, () => w.verb('city', 'todo', ['--json']).includes('"source":"question"'));
  await city.to('#/todo');
  await city.page.getByRole('link', { name: '市级路演厅' }).click();
  await city.seen('周末可以开放吗？');
  await city.button('question.answer').click();
  await city.page.fill('#question_answer-text', '周六全天开放，周日闭馆。');
  await city.page.locator('#question_answer button[type=submit]').click();
  await city.button('question.again').waitFor();
  await city.shot('77-answer-wide');
  assert.ok(!w.verb('city', 'todo', ['--json']).includes('"source":"question"'));
  await clerk.to(at());
  await clerk.seen('周六全天开放，周日闭馆。');
  await clerk.shot('77-answered-phone');
  await city.button('question.again').click();
  await city.holds('#question_answer-text', '周六全天开放，周日闭馆。');
  await city.page.fill('#question_answer-text', '周末两天都开放。');
  await city.page.locator('#question_answer button[type=submit]').click();
  await clerk.seen('周末两天都开放。');
});

test('the district on the way shows nothing of it, and neither does a member of an organisation', async () => {
  const d1 = await open('d1', { size: wide });
  await d1.hire('zhao');
  const asked = (d, p) => d.page.request.get(`${d.origin}${p}`);
  assert.deepEqual((await (await asked(d1, `/api/questions/${w.id('city')}/hall`)).json()).items, []);
  for (const kind of ['question', 'question_answer']) assert.deepEqual((await (await asked(d1, `/api/records?kind=${kind}`)).json()).items, [], kind);
  const member = await open('s1');
  await member.hire('zu', ['--role', 'member']);
  await member.to(at());
  await member.seen('市级路演厅');
  assert.equal(await member.page.locator('.questions').count(), 0);
  assert.equal((await asked(member, `/api/questions/${w.id('city')}/hall`)).status(), 403);
});

test('complete in both languages, no barrier, nothing cut off', async () => {
  const en = await open('city', { size: wide, lang: 'en' });
  await en.to('');
  await en.logIn('li');
  await en.page.waitForSelector('.tiles');
  for (const d of [clerk, city, en]) {
    for (const [size, name] of [[phone, 'phone'], [wide, 'wide']]) {
      await d.page.setViewportSize(size);
      for (const [page, hash] of [['record', at()], ['list', '#/r/question']]) {
        const where = `77-${page}-${d.node}-${name}-${d.lang}`;
        await d.to(hash);
        await until(`${where} quiet`, 10000, () => d.open === 0);
        await d.shot(where);
        assert.deepEqual(await d.overflow(), [], where);
        assert.deepEqual(await d.barriers(), [], where);
        assert.ok(!/\bkind\.\w|question\.\w/.test(await d.page.innerText('main')), where);
      }
    }
  }
});

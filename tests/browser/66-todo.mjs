// What waits for a person: the count in the tab's title and beside the place in the navigation, one list, a notice acknowledged and seen by its author.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const title = (d, n) => d.page.waitForFunction((x) => (x ? document.title.startsWith(`(${x}) `) : !/^\(\d+\) /.test(document.title)), n, { timeout: 40000 });
let boss, clerk, notice;

before(() => w.tree(['city', 'd1', 's1', 's2']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

test('what waits is counted in the tab’s title, without a reload, and goes away when it is done', async () => {
  boss = await open('d1', { size: wide });
  await boss.hire('chen', ['--role', 'manager']);
  await title(boss, 0);
  w.put('d1', 'org', [{ id: 'o1', name: '青禾社', state: 'applying' }]);
  await title(boss, 1);
  assert.equal(await boss.page.locator('.side .count [aria-hidden]').innerText(), '1');
  await boss.to('#/todo');
  await boss.seen('青禾社');
  await boss.page.getByRole('link', { name: '青禾社' }).click();
  await boss.page.waitForSelector('.related');
  await boss.seen(boss.t('queue.title'));
  await boss.page.getByRole('button', { name: boss.t('step.to', { state: boss.t('kind.org.state.incubating') }), exact: true }).click();
  await title(boss, 0);
  await boss.to('#/todo');
  await boss.seen(boss.t('todo.none'));
});

test('a notice is acknowledged at the station, and its author sees who has and who has not', async () => {
  notice = await boss.write('notice', { kind: 'notice', title: '年底安全检查', body: '请各站自查', ack: true, audience_: 'sub' });
  clerk = await open('s1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  await title(clerk, 1);
  await clerk.to('#/todo');
  await clerk.page.getByRole('link', { name: '年底安全检查' }).click();
  await clerk.seen(clerk.t('ack.ask'));
  await clerk.shot('66-ack-phone');
  await clerk.button('ack.do').click();
  await clerk.seen(clerk.t('ack.done'));
  await title(clerk, 0);
  await until('the author hears of it', 15000, () => w.verb('d1', 'list', ['ack', '--json']).includes('年底安全检查'));
  await boss.to('#/');
  await boss.to(`#/r/notice/${notice.owner}/${notice.id}`);
  await boss.seen(boss.t('ack.sum', { have: 1, all: 2 }));
  await boss.seen(boss.t('ack.none'));
  await boss.shot('66-acks-wide');
  // Between the two alone.
  assert.equal(w.verb('s2', 'list', ['ack', '--json']).trim(), '');
  assert.equal(w.tryVerb('s1', 'todo', ['--json']).out.trim(), '');
  assert.ok(w.verb('s2', 'todo', ['--json']).includes('"source":"ack"'));
});

test('complete in both languages, no barrier, nothing cut off', async () => {
  w.put('d1', 'obligation', [{ title: '月报', report: 'monthly', days: 5, valid_from: '2026-01-01' }]);
  w.put('d1', 'activity', [{ id: 'm1', org: 'o1', title: '十一月活动', period: '2026-11', state: 'submitted' }]);
  const en = await open('d1', { size: wide, lang: 'en' });
  await en.to('');
  await en.logIn('chen');
  await en.page.waitForSelector('.tiles');
  await until('the station owes', 15000, () => w.verb('s1', 'todo', ['--json']).includes('"report"'));
  for (const d of [boss, en, clerk]) {
    for (const [size, name] of [[phone, 'phone'], [wide, 'wide']]) {
      await d.page.setViewportSize(size);
      for (const [page, hash] of [['todo', '#/todo'], ['notice', `#/r/notice/${notice.owner}/${notice.id}`], ['more', '#/more']]) {
        const where = `66-${page}-${name}-${d.lang}-${d.node}`;
        await d.to(hash);
        await until(`${where} quiet`, 10000, () => d.open === 0);
        await d.shot(where);
        assert.deepEqual(await d.overflow(), [], where);
        assert.deepEqual(await d.barriers(), [], where);
        assert.ok(!/\bkind\.\w|todo\.|ack\.|queue\./.test(await d.page.innerText('main')), where);
      }
    }
  }
});

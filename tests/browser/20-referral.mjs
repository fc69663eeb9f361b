// A person is referred from one street to another across districts: consent, every step, both histories, the figures.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, wide, within } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
let from, to, thread;

before(async () => {
  await w.tree();
  from = await open('s1');
  to = await open('s2', { size: wide });
  await from.hire('wang', ['--name', '王芳']);
  await to.hire('zhao', ['--name', '赵强']);
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

const show = (n) => JSON.parse(w.verb(n, 'referral show', [thread]))[0];
const steps = (d) => d.page.locator('.timeline .event');
async function step(d, ev, values = {}) {
  await d.page.locator('.steps').getByRole('button', { name: d.t(`referral.do.${ev}`), exact: true }).first().click();
  await d.fill(`do-${ev}`, values);
  await d.page.locator(`[id="do-${ev}"] button[type=submit]`).click();
  await d.page.locator('.event-head strong').getByText(d.t(`referral.ev.${ev}`), { exact: true }).waitFor();
}

test('without consent a person is not sent anywhere; the form says what is missing', async () => {
  await from.to('#/referrals/new');
  await from.page.waitForSelector('#referral-to option:nth-child(3)', { state: 'attached' });
  assert.equal(await from.page.locator(`#referral-to option[value="${w.id('s1')}"]`).count(), 0, 'not to oneself');
  await from.fill('referral', { to: w.id('s2'), subject_kind: 'person', reason: 'relief', title: '独居老人需要日间照护', urgency: 'urgent' });
  await from.page.click('#referral button[type=submit]');
  await from.page.waitForSelector('[role=alert]');
  assert.match(await from.page.innerText('[role=alert]'), new RegExp(from.t('kind.referral.consent.how')));
  assert.equal(w.verb('s1', 'referral list').trim(), '');
  assert.deepEqual(await from.barriers(), []);
});

test('with consent it is sent, delivered and waits on the other side', async () => {
  await from.fill('referral', { 'consent.how': 'written', 'consent.scope': ['name', 'situation'], 'consent.purpose': '安排日间照护' });
  await from.page.click('#referral button[type=submit]');
  await from.page.waitForSelector('.timeline');
  thread = from.place()[1];
  await to.to('#/referrals');
  await to.seen('独居老人需要日间照护');
  await to.page.locator('.badge', { hasText: to.t('kind.referral.urgency.urgent') }).waitFor();
  await to.page.getByRole('link', { name: '独居老人需要日间照护' }).click();
  await to.seen('安排日间照护');
  await from.page.locator('.event-head strong').getByText(from.t('referral.ev.delivered'), { exact: true }).waitFor();
  assert.ok(!w.state('city').includes('独居老人') && !w.verb('city', 'bundles').includes('独居老人'), 'the way there reads nothing');
});

test('opened, accepted, outcome, closed: each step appears on both sides with its time', async () => {
  await step(to, 'open');
  await step(to, 'accept', { desk: '日间照护中心' });
  await from.page.locator('.event-head strong').getByText(from.t('referral.ev.accept'), { exact: true }).waitFor();
  await from.seen('日间照护中心');
  await step(to, 'outcome', { result: 'success', summary: '每周三次，已安排。' });
  await from.page.locator('.event-head strong').getByText(from.t('referral.ev.outcome'), { exact: true }).waitFor();
  await step(from, 'close', { told: true });
  await to.page.locator('.event-head strong').getByText(to.t('referral.ev.close'), { exact: true }).waitFor();
  const want = show('s1').log.length;
  for (const d of [from, to]) {
    assert.equal(await steps(d).count(), want);
    const text = await d.page.locator('.timeline').innerText();
    for (const x of ['s1', 's2', '每周三次，已安排。']) assert.ok(text.includes(x), x);
    const times = await d.page.$$eval('.timeline time', (l) => l.map((e) => e.textContent));
    assert.ok(times.every((x) => /^\d{4}-\d\d-\d\d \d\d:\d\d$/.test(x)), times.join());
    await d.seen(d.t('referral.state.closed'));
    await d.shot(`referral-closed-${d.node}`);
    assert.deepEqual(await d.barriers(), []);
  }
});

test('one is declined with a reason, which the sender reads', async () => {
  await from.to('#/referrals/new');
  await from.page.waitForSelector('#referral-to option:nth-child(3)', { state: 'attached' });
  await from.fill('referral', { to: w.id('s2'), subject_kind: 'org', reason: 'venue', title: '合唱团需要场地' });
  await from.page.click('#referral button[type=submit]');
  await from.page.waitForSelector('.timeline');
  await to.to('#/referrals');
  await to.page.getByRole('link', { name: '合唱团需要场地' }).click();
  await step(to, 'open');
  await step(to, 'decline', { reason: 'capacity' });
  await from.page.locator('.event-head strong').getByText(from.t('referral.ev.decline'), { exact: true }).waitFor();
  await from.seen(from.t('kind.referral.reason.capacity'));
  await from.to('#/referrals?box=out');
  await from.seen(from.t('referral.state.declined'));
});

test('the statistics page shows what `sanji stats --json` says, and where a figure comes from', async () => {
  const period = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7); // months are those of UTC+8
  const d = await open('city', { size: wide });
  await d.hire('li');
  w.put('s1', 'listing', [{ kind: 'venue', title: '统计用场地' }]);
  const value = (x, node, ind) => x.cells.find((c) => c.node === node && c.ind === ind)?.v;
  const ready = (x) => value(x, w.id('s1'), 'ref.completed') === 1 && value(x, w.id('s2'), 'ref.in.completed') === 1 && value(x, w.id('s1'), 'listing.new') === 1;
  const ask = () => w.json('city', 'stats', ['--period', period]);
  // Figures go on arriving: the page is compared with a report that was the same before and after it.
  let report;
  await until('figures at the city', 60000, () => ready(ask()));
  const { head, rows, foot } = await until('figures at rest', 30000, async () => {
    report = ask();
    await d.to(`#/stats?period=${period}`);
    await d.page.reload();
    await d.page.waitForSelector('.rows tfoot');
    const seen = await d.page.evaluate(() => {
      const line = (r) => [...r.children].map((c) => c.innerText.trim());
      return { head: line(document.querySelector('.rows thead tr')), rows: [...document.querySelectorAll('.rows tbody tr')].map(line), foot: line(document.querySelector('.rows tfoot tr')) };
    });
    return JSON.stringify(ask()) === JSON.stringify(report) && seen;
  });
  const column = (ind) => head.findIndex((h) => h === d.t(`stat.${ind}`));
  let compared = 0;
  for (const c of report.cells) {
    const i = column(c.ind);
    assert.ok(i > 0, c.ind);
    const row = rows.find((r) => r[0].split(/\s/)[0] === [...w.nodes.values()].find((n) => n.id === c.node).name);
    assert.equal(row[i], String(c.v), `${row[0]} ${c.ind}`);
    compared++;
  }
  for (const t of report.total) assert.equal(foot[column(t.ind)], String(t.v), t.ind);
  assert.ok(compared > 10);
  await d.shot('stats-figures');
  await d.page.locator('.rows tbody tr', { hasText: 's1' }).locator('button.figure', { hasText: '1' }).first().click();
  await d.page.locator('section.edge-calm summary').click();
  await d.page.waitForSelector('.raw li');
  const source = await d.page.locator('section.edge-calm').innerText();
  assert.ok(source.includes('s1') && source.includes(d.t('cell.cov')), source);
  assert.deepEqual(await d.barriers(), []);
  await d.shot('stats-source');
});

// What may meet a need: of its kind, large enough, not full; the nearest first, then by what it is about. And the other way round.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone } from './lib/desk.mjs';

const w = new World();
let clerk;
before(() => w.tree(['city', 'd1', 's1']));
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => clerk?.clean());

const venue = (id, title, more) => ({ kind: 'venue', id, title, ...more });

test('a need shows what fits, in its order, and a resource the needs it may meet', async () => {
  w.put('city', 'listing', [
    venue('far', '市级剧场', { capacity: 500, area: '3702', field: ['culture'] }),
    venue('topic', '市级排练厅', { capacity: 60, area: '3701', field: ['culture', 'elderly'] }),
    venue('small', '小会议室', { capacity: 8, area: '370102' }),
    venue('full', '满员大厅', { capacity: 90, area: '370102', capacity_state: 'none' }),
    venue('paused', '停用大厅', { capacity: 90, area: '370102', state: 'paused' }),
    { kind: 'mentor', id: 'person', title: '合唱指导', field: ['culture'], area: '370102' },
  ]);
  w.put('d1', 'listing', [venue('near', '区级活动室', { capacity: 40, area: '370102' })]);
  await until('all at the street', 15000, () => ['far', 'topic', 'small', 'full', 'paused', 'person', 'near'].every((id) => w.state('s1').includes(`"${id}"`)));
  clerk = await Desk.open(w, 's1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
  await clerk.write('need', { kind: 'venue', title: '合唱团排练', amount: '30', field: ['culture'] });
  const box = clerk.page.locator('.related', { has: clerk.page.getByRole('heading', { name: clerk.t('fits.need'), exact: true }) });
  await box.locator('li').first().waitFor();
  const links = await box.locator('li a').allInnerTexts();
  // The district's room is in the same county (+6); the rehearsal hall in the same city and about the same (+4 +3).
  assert.deepEqual(links, ['市级排练厅', '区级活动室', '市级剧场']);
  assert.deepEqual(await clerk.barriers(), []);
  assert.deepEqual(await clerk.overflow(), []);
  await clerk.shot('fits-phone');
  await box.getByRole('link', { name: '区级活动室' }).click();
  await clerk.here();
  const back = clerk.page.locator('.related', { has: clerk.page.getByRole('heading', { name: clerk.t('fits.listing'), exact: true }) });
  await back.getByRole('link', { name: '合唱团排练' }).waitFor();
  await clerk.to(`#/r/listing/${w.id('city')}/small`);
  await clerk.seen(clerk.t('fits.none.listing'));
  // A resource that does not say its state is published: the filter finds it, and not what is paused.
  await clerk.to('#/r/listing?state=published');
  await clerk.seen('市级排练厅');
  assert.equal(await clerk.page.getByText('停用大厅').count(), 0);
});

test('one that fits is found behind thousands that do not, without a press', async () => {
  w.put('s1', 'listing', [venue('old', '收费礼堂', { fee: 'paid', area: '370102' })]);
  w.put('s1', 'listing', Array.from({ length: 5200 }, (_, i) => ({ kind: 'course', id: `free-${i}`, title: `公开课 ${i}`, fee: 'free' })));
  await clerk.to('#/r/listing?fee=paid');
  await clerk.seen('收费礼堂');
  assert.equal(await clerk.page.getByText('公开课').count(), 0);
  assert.equal(await clerk.button('list.look_on').count(), 0);
});

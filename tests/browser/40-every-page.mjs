// Every page in both languages at a phone's and a desk's size: complete texts, no barrier, nothing cut off, hostile text harmless.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, languages, password, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const long = '很长的说明'.repeat(800); // as much as a description may have
const longer = '更长的经过'.repeat(1000);
const hostile = [
  '<script>window.pwned=1</script><img src=x onerror="window.pwned=2">',
  '=HYPERLINK("http://evil.example/","点这里")',
  'من اليمين טקסט 反转 abc',
  '👩‍👩‍👧‍👦🏳️‍🌈 表情与 𠮷野家',
  'javascript:window.pwned=3',
  "'; DROP TABLE record; -- \\ \" & < > {{7*7}} ${7*7}",
  '没有空格的超长标题'.repeat(13),
  'W'.repeat(120),
];
const period = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7); // months are those of UTC+8
let pages;

before(async () => {
  await w.tree(['city', 'd1', 's1', 's2']);
  const ids = w.put('s1', 'listing', hostile.map((title, i) => ({ kind: 'venue', title: [...title].slice(0, 120).join(''), detail: i === 0 ? long : title, org: title.slice(0, 40), price_note: title.slice(0, 60) })));
  w.put('s1', 'listing', [{ kind: 'mentor', title: '财务导师', url: 'https://example.cn/a', tags: ['财务', '税务'] }]);
  w.put('s2', 'need', [{ kind: 'mentor', title: hostile[0] }]);
  w.put('city', 'notice', [{ kind: 'notice', title: hostile[0].slice(0, 60) }]);
  const refer = (a, b, title) => w.verb(a, 'referral send', ['--to', w.id(b)], { input: JSON.stringify({ subject_kind: 'org', reason: 'venue', title, detail: title === hostile[2] ? longer : hostile.join('\n') }) }).trim();
  const sent = refer('s1', 's2', hostile[0]);
  const got = refer('s2', 's1', hostile[2]);
  await until('arrived', 15000, () => w.tryVerb('s1', 'referral show', [got]).code === 0 && w.tryVerb('s2', 'referral show', [sent]).code === 0);
  await until('listed', 15000, () => w.tryVerb('s2', 'get', [ids[0]]).code === 0);
  const one = `#/r/listing/${w.id('s1')}/${ids[0]}`;
  pages = {
    status: '#/', listings: '#/r/listing', listing: one, 'listing-edit': `${one}/edit`, 'listing-new': '#/r/listing/new',
    needs: '#/r/need', 'need-new': '#/r/need/new', notices: '#/r/notice', 'notice-new': '#/r/notice/new',
    'referrals-in': '#/referrals', 'referrals-out': '#/referrals?box=out', 'referral-in': `#/referrals/${got}`, 'referral-out': `#/referrals/${sent}`,
    'referral-new': '#/referrals/new', stats: `#/stats?period=${period}`, nodes: '#/nodes', audit: '#/audit', tokens: '#/tokens', hooks: '#/hooks', help: '#/help', account: '#/account', more: '#/more',
    nowhere: '#/no/such/page', 'no-record': `#/r/listing/${w.id('s1')}/nothing`,
  };
});
after(async () => { await closeBrowser(); await w.close(); });
afterEach(() => desks.forEach((d) => d.clean()));

// Texts of the pages themselves: what people or the node's names contributed is taken out.
async function ownText(d) {
  return d.page.evaluate(() => {
    const skip = 'code, .long, .languages, .brand-name, [dir=auto], a[target=_blank], .timeline dd, script, style';
    const out = [];
    const walk = (e) => {
      if (e.nodeType === 3) { if (e.data.trim()) out.push(e.data.trim()); return; }
      if (e.nodeType !== 1 || e.matches(skip) || !e.getClientRects().length) return;
      e.childNodes.forEach(walk);
    };
    walk(document.body);
    return out;
  });
}

// The page of the present address stands, not the one before it, and waits for nothing.
async function settled(d) {
  await d.here();
  await d.page.waitForSelector('main h1');
  await until('nothing under way', 5000, () => d.open === 0);
}

const sizes = { phone, wide };

for (const lang of languages) {
  test(`every page, ${lang}`, async () => {
    const d = await open('s1', { lang, size: wide });
    const bad = [];
    // One visit, looked at in both sizes; barriers at the phone's in one language, the desk's in the other.
    const look = async (page) => {
      for (const [name, size] of Object.entries(sizes)) {
        await d.page.setViewportSize(size);
        if ((lang === languages[0]) === (name === 'phone')) bad.push(...(await d.barriers()).map((x) => `${page} ${name}: ${x}`));
        bad.push(...(await d.overflow()).map((x) => `${page} ${name} stands out: ${x}`));
        await d.shot(`${page}-${lang}-${name}`);
      }
    };
    await d.to('');
    await d.page.waitForSelector('#login');
    await look('login');
    if (lang === languages[0]) await d.hire('wang', ['--name', '王芳', '--role', 'admin']);
    else await d.logIn('wang');
    await d.page.waitForSelector('.tiles');
    for (const [page, hash] of Object.entries(pages)) {
      await d.to(hash);
      await settled(d);
      const more = d.page.locator('.fold > button[aria-expanded=false]');
      if (page.endsWith('-new') && (await more.count())) await more.first().click();
      await look(page);
      const text = (await ownText(d)).filter((x) => !/pwned|^(city|wang|d1)$/.test(x)); // names and hostile titles are not ours
      bad.push(...text.filter((x) => /\b[a-z_]+\.[a-z_]+\b/.test(x) && !/\.(example|cn)\b/.test(x)).map((x) => `${page} looks like a key: ${x}`));
      bad.push(...text.filter((x) => /\b[a-z]+_[a-z]+\b|\bundefined\b|\bnull\b|\bNaN\b|\[object/.test(x)).map((x) => `${page} raw: ${x}`));
      if (lang === 'zh-CN') {
        bad.push(...text.filter((x) => !/[\u4e00-\u9fff]/.test(x) && /\b[a-z]{4,}\b/i.test(x) && !/script|example|DROP|W{20}/i.test(x)).map((x) => `${page} not translated: ${x}`));
      }
      assert.equal(await d.page.evaluate(() => window.pwned), undefined, page);
    }
    assert.deepEqual(bad, []);
    await d.close();
  });
}

test('the language changes at once, stays, and the words with it', async () => {
  const d = await open('s1', { lang: 'zh-CN', size: wide });
  await d.to('');
  await d.logIn('wang', password('wang'));
  await d.page.waitForSelector('.tiles');
  await d.page.locator('.side').getByRole('button', { name: 'English' }).click();
  d.lang = 'en';
  await d.page.getByRole('heading', { level: 1, name: d.t('nav.status') }).waitFor();
  assert.equal(await d.page.evaluate(() => document.documentElement.lang), 'en');
  await d.page.reload();
  await d.page.getByRole('heading', { level: 1, name: d.t('nav.status') }).waitFor();
  await d.close();
});

test('a hostile record is text and nothing else: no script, no link that runs, 5,000 characters whole', async () => {
  const d = await open('s2', { size: phone });
  await d.hire('zhao');
  await d.to('#/r/listing');
  await settled(d);
  for (const x of hostile) assert.ok((await d.page.innerText('main')).includes([...x].slice(0, 40).join('').trim().slice(0, 12)), x);
  await d.to(pages.listing);
  await settled(d);
  assert.ok((await d.page.innerText('main')).includes(long));
  assert.equal(await d.page.evaluate(() => window.pwned), undefined);
  assert.equal(await d.page.locator('main a[href^="javascript"], main img, main script').count(), 0);
  await d.to('#/referrals?box=out');
  await d.page.getByRole('link', { name: hostile[2] }).click();
  await d.page.waitForFunction((at) => location.hash === at, pages['referral-in'].replace(/.*#/, '#'));
  await settled(d);
  assert.ok((await d.page.innerText('main')).includes(longer));
  await d.write('listing', { kind: 'venue', title: hostile[0], detail: long });
  assert.equal(await d.page.evaluate(() => window.pwned), undefined);
  assert.ok((await d.page.title()).replace(/^\(\d+\) /, '').startsWith('<script>')); // behind the number of what waits
});

test('a member, who may only read, is offered neither referrals nor forms', async () => {
  const d = await open('s1', { size: wide });
  await d.hire('guest', ['--role', 'member']);
  assert.equal(await d.page.locator('a[href^="#/referrals"]').count(), 0);
  await d.to('#/r/listing');
  await settled(d);
  assert.equal(await d.page.locator('a[href="#/r/listing/new"]').count(), 0);
  await d.to(pages.listing);
  await settled(d);
  assert.equal(await d.button('action.withdraw').count(), 0);
  await d.to('#/account');
  await d.seen(d.t('role.member'));
});

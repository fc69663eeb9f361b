// Attachments in a browser: the daemon is killed in the middle of an upload, the page is closed in another, hostile names, what is not taken; in the end the same bytes.
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { World, until } from '../e2e/lib/node.mjs';
import { Desk, closeBrowser, phone, wide } from './lib/desk.mjs';

const w = new World();
const desks = [];
const open = async (...a) => { const d = await Desk.open(w, ...a); desks.push(d); return d; };
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sanji-files-'));
// Each byte says where it stands: a piece twice, missing or in the wrong place shows.
function pdf(name, size) {
  const b = Buffer.alloc(size, 0x20);
  for (let i = 16; i + 8 < size - 8; i += 8) b.writeUInt32BE(i, i);
  b.write('%PDF-1.7\n');
  b.write('\n%%EOF\n', size - 7);
  const file = path.join(dir, name);
  fs.writeFileSync(file, b);
  return { file, bytes: b };
}
const choose = (d, ...files) => d.page.setInputFiles('#record-files-file', files);
// Holds pieces of files back for a moment, so that there is a middle.
async function slowly(d, ms = 300) {
  const seen = { sent: 0 };
  await d.page.route('**/api/uploads/*/part', async (r) => {
    await new Promise((done) => setTimeout(done, ms));
    seen.sent++;
    await r.continue().catch(() => {});
  });
  return seen;
}
const saved = async (d, name) => {
  const [file] = await Promise.all([d.page.waitForEvent('download'), d.page.getByRole('button', { name: d.t('files.save_one', { name }) }).click()]);
  return { as: file.suggestedFilename(), bytes: fs.readFileSync(await file.path()) };
};
let clerk;

before(async () => {
  await w.tree(['city', 'd1']);
  clerk = await open('d1', { size: phone });
  await clerk.hire('wang', ['--role', 'clerk']);
});
after(async () => { await closeBrowser(); await w.close(); fs.rmSync(dir, { recursive: true }); });
afterEach(() => desks.forEach((d) => d.clean()));

test('the daemon is killed in the middle of an upload: it goes on by itself, and the bytes are the same', async () => {
  const big = pdf('办法.pdf', 3 << 20);
  await clerk.to('#/r/notice/new');
  await clerk.fill('record', { kind: 'document', title: '带附件的通知' });
  const seen = await slowly(clerk);
  await choose(clerk, big.file);
  await until('two pieces', 20000, () => seen.sent >= 2);
  await w.stop('d1', 'SIGKILL');
  await clerk.seen(/暂时连不上节点/);
  await clerk.shot('88-waits-phone');
  await clerk.page.click('#record button[type=submit]'); // not yet: it would be a record without its file
  await clerk.seen(clerk.t('check.files'));
  await w.start('d1');
  await until('whole', 60000, async () => (await clerk.page.locator('.file-list progress').count()) === 0);
  assert.deepEqual(await clerk.barriers(), []);
  await clerk.shot('88-whole-phone');
  await clerk.page.click('#record button[type=submit]');
  await clerk.page.waitForSelector('.note-good');
  await clerk.shot('88-record-phone');
  const got = await saved(clerk, '办法.pdf');
  assert.equal(got.as, '办法.pdf');
  assert.ok(got.bytes.equals(big.bytes));
  assert.deepEqual(await clerk.barriers(), []);
  assert.equal(w.tryVerb('d1', 'verify').code, 0);
});

test('the page is closed in the middle: the draft knows how far it was, the same file goes on from there', async () => {
  const big = pdf('照片说明.pdf', 2 << 20);
  await clerk.to('#/r/notice/new');
  await clerk.fill('record', { kind: 'notice', title: '关过页面的通知' });
  const seen = await slowly(clerk, 600);
  await choose(clerk, big.file);
  await until('a piece', 20000, () => seen.sent >= 2);
  await until('the draft', 15000, async () => JSON.stringify(await (await clerk.page.request.get(`${clerk.origin}/api/drafts/notice.new`)).json()).includes('upload'));
  await clerk.close();
  const pc = await open('d1', { size: wide });
  await pc.to('');
  await pc.logIn('wang');
  await pc.page.waitForSelector('.tiles');
  await pc.to('#/r/notice/new');
  await pc.seen(pc.t('files.again', { name: '照片说明.pdf' }));
  await pc.shot('88-again-wide');
  const asked = [];
  pc.page.on('request', (r) => { if (/\/part$/.test(r.url())) asked.push(r.postDataJSON().at); });
  await choose(pc, big.file);
  await until('whole', 30000, async () => (await pc.page.locator('.file-list progress').count()) === 0 && (await pc.page.locator('.file-list .fault').count()) === 0);
  assert.ok(asked.length > 0 && asked[0] > 0, `began at ${asked}`);
  await pc.page.click('#record button[type=submit]');
  await pc.page.waitForSelector('.note-good');
  assert.ok((await saved(pc, '照片说明.pdf')).bytes.equals(big.bytes));
  clerk = pc;
});

test('names that want to be something else, and files that are none of those taken', async () => {
  const exe = path.join(dir, '发票.pdf');
  fs.writeFileSync(exe, 'MZ\x90\0\x03');
  const page = path.join(dir, '<img src=x onerror=alert(1)>\u202etxt.html');
  fs.writeFileSync(page, '<script>window.stolen = 1</script>');
  await clerk.to('#/r/notice/new');
  await clerk.fill('record', { kind: 'notice', title: '名字' });
  await choose(clerk, exe);
  await clerk.seen(/以内容为准，与文件名无关/);
  assert.equal(await clerk.page.locator('.file-list li').count(), 0);
  await choose(clerk, page);
  const name = '_img src=x onerror=alert(1)_txt.html.txt';
  await clerk.seen(name);
  await clerk.page.click('#record button[type=submit]');
  await clerk.page.waitForSelector('.note-good');
  const got = await saved(clerk, name);
  assert.match(got.as, /\.txt$/);
  assert.equal(await clerk.page.evaluate(() => window.stolen), undefined);
  // Opened by its address in the browser it is saved as well, never shown.
  const href = await clerk.page.evaluate(async () => {
    const id = location.hash.split('/');
    const r = await (await fetch(`/api/records/${id[3]}/notice/${id[4].split('?')[0]}`)).json();
    return `/api/files/${r.owner}/notice/${r.id}/${r.d.files[0].sha256}`;
  });
  const raw = await clerk.page.request.get(clerk.origin + href);
  assert.match(raw.headers()['content-disposition'], /^attachment;/);
  assert.equal(raw.headers()['content-type'], 'text/plain');
  assert.equal(raw.headers()['x-content-type-options'], 'nosniff');
  assert.equal(raw.headers()['content-security-policy'], "default-src 'none'; sandbox");
});

test('in English, and taken away again', async () => {
  const en = await open('d1', { size: phone, lang: 'en' });
  await en.to('');
  await en.logIn('wang');
  await en.page.waitForSelector('.tiles');
  await en.to('#/r/notice/new');
  await choose(en, pdf('a.pdf', 4096).file, pdf('b.pdf', 5000).file);
  await until('whole', 20000, async () => (await en.page.locator('.file-list li').count()) === 2 && (await en.page.locator('.file-list progress').count()) === 0);
  await en.page.getByRole('button', { name: en.t('files.remove_one', { name: 'a.pdf' }) }).click();
  assert.equal(await en.page.locator('.file-list li').count(), 1);
  assert.deepEqual(await en.barriers(), []);
  await en.shot('88-english-phone');
});

test('a file of another platform: fetched with a button, waits while the line is down, comes by itself', async () => {
  await w.join('s1', 'd1', 'street', '370102001');
  const far = await open('s1', { size: phone });
  await far.hire('sun', ['--role', 'supervisor']);
  const doc = pdf('转来的办法.pdf', 5 << 20);
  await clerk.to('#/r/notice/new');
  await clerk.fill('record', { kind: 'document', title: '街道要看的通知' });
  await choose(clerk, doc.file);
  await until('whole', 30000, async () => (await clerk.page.locator('.file-list li', { hasText: '转来的办法.pdf' }).count()) === 1 && (await clerk.page.locator('.file-list progress').count()) === 0);
  await clerk.shot('88-before-phone');
  await clerk.page.click('#record button[type=submit]');
  await clerk.page.waitForSelector('.note-good');
  const hash = await clerk.page.evaluate(() => location.hash.split('?')[0]);
  const address = hash.replace('/me/', `/${w.nodes.get('d1').id}/`);
  await until('the record', 20000, () => w.state('s1').includes('街道要看的通知'));
  await w.stop('d1');
  await far.to(address);
  await far.seen(far.t('files.away'));
  assert.equal(await far.page.getByRole('button', { name: far.t('files.save_one', { name: '转来的办法.pdf' }) }).count(), 0);
  await far.shot('88-away-phone');
  await far.page.getByRole('button', { name: far.t('files.fetch_one', { name: '转来的办法.pdf' }) }).click();
  await far.seen(far.t('files.why.unreachable'));
  assert.deepEqual(await far.barriers(), []);
  await far.shot('88-coming-phone');
  await w.stop('s1', 'SIGKILL'); // the wish is still there afterwards
  await w.start('s1');
  await w.start('d1');
  await far.page.reload();
  await far.page.getByRole('button', { name: far.t('files.save_one', { name: '转来的办法.pdf' }) }).waitFor();
  const got = await saved(far, '转来的办法.pdf');
  assert.equal(got.as, '转来的办法.pdf');
  assert.ok(got.bytes.equals(doc.bytes));
  await far.shot('88-fetched-phone');
});

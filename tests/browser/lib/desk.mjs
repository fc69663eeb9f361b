// SPDX-License-Identifier: Apache-2.0
// Desks with a browser: Chromium pages at real daemons, watched. Whatever a page asks from elsewhere,
// refuses by its content policy, throws or says without a text of ours is kept and fails the test.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import axe from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const Axe = axe.default ?? axe;
const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../../..');
const texts = Object.fromEntries(['zh-CN', 'en'].map((l) => [l, JSON.parse(fs.readFileSync(path.join(root, `node/text/web.${l}.json`), 'utf8'))]));
export const languages = Object.keys(texts);
export const phone = { width: 360, height: 740 };
export const wide = { width: 1280, height: 800 };
export const within = 30000; // how long something may take that travels between platforms

// A sentence of the pages, as the tests expect it.
export function say(lang, key, vars = {}) {
  const s = texts[lang][key];
  assert.ok(s !== undefined, `no text ${key}`);
  return s.replace(/\{(\w+)\}/g, (m, n) => vars[n] ?? m);
}

let browser;
export async function openBrowser() {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  return browser;
}
export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

export const password = (login) => `correct horse ${login} staple`;

export class Desk {
  // One person's browser at one node. pick: the language, as a person would have chosen it.
  static async open(world, node, { lang = 'zh-CN', size = phone, locale, tls = false } = {}) {
    const d = new Desk();
    Object.assign(d, { world, node, lang, faults: [], asked: 0, open: 0 });
    d.origin = `${tls ? 'https' : 'http'}://127.0.0.1:${world.nodes.get(node).staff}`;
    d.context = await (await openBrowser()).newContext({ viewport: size, locale: locale ?? lang, reducedMotion: 'reduce', ignoreHTTPSErrors: tls });
    d.context.setDefaultTimeout(within);
    await d.context.exposeBinding('sanjiViolation', (_, v) => d.faults.push(`content policy: ${v}`));
    await d.context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (e) => window.sanjiViolation(`${e.violatedDirective} ${e.blockedURI}`));
    });
    d.context.on('request', (r) => {
      d.asked++;
      d.open++;
      const u = new URL(r.url());
      if (u.origin !== d.origin && !['data:', 'blob:'].includes(u.protocol)) d.faults.push(`asked elsewhere: ${r.url()}`);
    });
    for (const ev of ['requestfinished', 'requestfailed']) d.context.on(ev, () => d.open--);
    d.page = await d.context.newPage();
    d.page.on('pageerror', (e) => d.faults.push(`thrown: ${e.message}`));
    d.page.on('dialog', (x) => { d.faults.push(`dialog: ${x.message()}`); x.dismiss(); });
    d.page.on('console', (m) => {
      // The browser reports every refused request by itself; those belong to the story.
      if (['error', 'warning'].includes(m.type()) && !/^Failed to load resource/.test(m.text())) d.faults.push(`console: ${m.text()}`);
    });
    return d;
  }
  t(key, vars) {
    return say(this.lang, key, vars);
  }
  // Nothing was asked from elsewhere, thrown, blocked or left without a text.
  clean() {
    assert.ok(this.asked > 0);
    assert.deepEqual(this.faults, []);
  }
  async close() {
    await this.context.close();
  }
  async to(hash) {
    await this.page.goto(`${this.origin}/${hash}`);
    await this.here();
  }
  // Between a change of the address and the new page the old one still stands, and whatever is looked
  // at then belongs to it. Waits for the page of the present address, or for one that asks for a log-in.
  here() {
    return this.page.waitForFunction(() => document.querySelector('.gate')
      || (document.querySelector('main')?.dataset.at === location.hash && !document.querySelector('.waiting')));
  }
  // Waits for a field to hold the value: a press is answered a moment later.
  holds(field, value) {
    return this.page.waitForFunction(([f, v]) => document.querySelector(f)?.value === v, [field, value]);
  }
  field(key) {
    return this.page.getByLabel(this.t(key), { exact: false }).first();
  }
  button(key, vars) {
    return this.page.getByRole('button', { name: this.t(key, vars), exact: true });
  }
  link(key, vars) {
    return this.page.getByRole('link', { name: this.t(key, vars), exact: true });
  }
  async seen(text, ms = within) {
    await this.page.getByText(text).locator('visible=true').first().waitFor({ timeout: ms });
  }
  async logIn(login, word = password(login)) {
    const { page } = this;
    await page.fill('#login', login);
    await page.fill('#password', word);
    await page.keyboard.press('Enter');
  }
  // A new member of the staff: made on the command line, first log-in and own password in the page.
  async hire(login, args = []) {
    const once = JSON.parse(this.world.verb(this.node, 'user add', [...args, '--json', login])).one_time_password;
    await this.to('');
    await this.logIn(login, once);
    await this.page.fill('#old', once);
    await this.page.fill('#first', password(login));
    await this.page.fill('#second', password(login));
    await this.page.keyboard.press('Enter');
    await this.page.waitForSelector('.tiles');
    return once;
  }
  // A listing, need or notice: the form's fields by the names of the kind's table.
  async write(kind, values) {
    await this.to(`#/r/${kind}/new`);
    await this.fill('record', values);
    await this.page.click('#record button[type=submit]');
    await this.page.waitForSelector('.note-good');
    const [, , owner, id] = this.place();
    return { owner, id };
  }
  // #/r/listing/OWNER/ID -> ["r", "listing", "OWNER", "ID"]
  place() {
    return new URL(this.page.url()).hash.replace(/^#\//, '').replace(/\?.*$/, '').split('/').map(decodeURIComponent);
  }
  async fill(form, values) {
    for (const [name, v] of Object.entries(values)) {
      const at = this.page.locator(`[id="${form}-${name}"]`);
      const more = this.page.locator(`#${form} .fold > button[aria-expanded=false]`);
      await this.page.waitForSelector(`#${form}`);
      if (!(await at.count()) && (await more.count())) await more.first().click();
      const tag = await at.evaluate((e) => (e.tagName === 'SELECT' ? 'select' : e.tagName === 'FIELDSET' ? 'ticks' : e.type === 'checkbox' ? 'tick' : 'text'));
      if (tag === 'select') await at.selectOption(v);
      else if (tag === 'tick') await at.setChecked(v);
      else if (tag === 'ticks') for (const c of v) await this.page.check(`[id="${form}-${name}-${c}"]`);
      else await at.fill(v);
    }
  }
  // Serious and critical findings of axe, as "rule: element".
  async barriers() {
    const r = await new Axe({ page: this.page }).analyze();
    return r.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes[0].target.join(' ')} ${v.nodes[0].failureSummary.replace(/\s+/g, ' ')}`);
  }
  // Elements that stand out over the right edge of the window.
  overflow() {
    return this.page.evaluate(() => {
      const w = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= w) return [];
      return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > w + 1).slice(0, 3)
        .map((e) => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)} > ${w}`);
    });
  }
  async shot(name) {
    if (!process.env.SANJI_SHOTS) return;
    fs.mkdirSync(process.env.SANJI_SHOTS, { recursive: true });
    await this.page.screenshot({ path: path.join(process.env.SANJI_SHOTS, `${name}.png`), fullPage: true });
  }
}

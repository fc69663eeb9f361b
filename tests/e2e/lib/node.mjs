// SPDX-License-Identifier: Apache-2.0
// Real daemons for the end-to-end tests: data folders in a temporary place, loopback, free ports, and
// every process ended by its own pid.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const SANJI = process.env.SANJI_BIN ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../build/release/sanji');
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

const used = new Set();
export async function freePort() {
  for (;;) {
    const port = await new Promise((resolve, reject) => {
      const s = net.createServer();
      s.once('error', reject);
      s.listen(0, '127.0.0.1', () => {
        const p = s.address().port;
        s.close(() => resolve(p));
      });
    });
    if (!used.has(port)) {
      used.add(port);
      return port;
    }
  }
}

export async function until(what, ms, fn) {
  const end = Date.now() + ms;
  let last;
  while (Date.now() < end) {
    try {
      last = await fn();
      if (last) return last;
    } catch (e) {
      last = e;
    }
    await sleep(40);
  }
  throw new Error(`not within ${ms} ms: ${what} (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`);
}

export class World {
  constructor() {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sanji-e2e.'));
    this.nodes = new Map();
    this.bins = {}; // node: another program than SANJI
  }
  // Runs one verb to its end. args: words behind `sanji`.
  run(args, { input, lang = 'en', env, bin = SANJI } = {}) {
    const r = spawnSync(bin, [...args, '--lang', lang], {
      input, encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, ...env },
    });
    if (r.error) throw r.error;
    return { code: r.status, out: r.stdout, err: r.stderr };
  }
  // The same without waiting: a promise of {code, out, err}.
  runAsync(args, { input = '' } = {}) {
    return new Promise((resolve, reject) => {
      const c = spawn(SANJI, [...args, '--lang', 'en'], { stdio: ['pipe', 'pipe', 'pipe'] });
      let out = '';
      let err = '';
      c.stdout.on('data', (d) => { out += d; });
      c.stderr.on('data', (d) => { err += d; });
      c.stdin.on('error', () => {}); // it may end before it has read everything
      c.once('error', reject);
      c.once('close', (code) => resolve({ code, out, err }));
      c.stdin.end(input);
    });
  }
  ok(args, opts) {
    const r = this.run(args, opts);
    if (r.code !== 0) throw new Error(`sanji ${args.join(' ')}: exit ${r.code}\n${r.err}${r.out}`);
    return r.out;
  }
  data(name) {
    return path.join(this.dir, name);
  }
  async addresses(n, tier, url) {
    n.staff = await freePort();
    const a = ['--staff', `127.0.0.1:${n.staff}`];
    if (tier !== 'street') {
      n.sync = await freePort();
      a.push('--sync', `127.0.0.1:${n.sync}`, '--url', url ?? `https://127.0.0.1:${n.sync}`);
    }
    return a;
  }
  // The first node of a federation.
  async init(name, tier = 'city', area = '3701', { url } = {}) {
    const n = { name, tier, dir: this.data(name) };
    const a = await this.addresses(n, tier, url);
    const bin = this.bins[name];
    this.ok(['init', '--data', n.dir, '--name', name, '--tier', tier, '--area', area, '--root-key', this.data(name + '.root'), ...a], { bin });
    this.nodes.set(name, n);
    await this.start(name);
    return n;
  }
  async join(name, parent, tier, area, { url, start = true } = {}) {
    const n = { name, tier, dir: this.data(name), parent };
    // A parent that has just started may still be waiting for its own roster.
    const invite = await until(`${parent} invites ${name}`, 30000, () => this.verb(parent, 'invite', ['--name', name, '--tier', tier, '--area', area, '--auto-approve']).trim());
    const a = await this.addresses(n, tier, url);
    this.ok(['join', '--data', n.dir, ...a, invite], { bin: this.bins[name] });
    this.nodes.set(name, n);
    if (!start) return n;
    await this.start(name);
    // Until its parent's roster has come it can invite nobody.
    await until(`${name} knows itself`, 15000, () => this.tryVerb(name, 'node show', [n.id]).code === 0);
    return n;
  }
  // The tree most tests need: a city, two districts, a street each. start: names that get a daemon.
  async tree(names = ['city', 'd1', 'd2', 's1', 's2']) {
    await this.init('city');
    if (names.includes('d1')) await this.join('d1', 'city', 'district', '370102');
    if (names.includes('d2')) await this.join('d2', 'city', 'district', '370103');
    if (names.includes('s1')) await this.join('s1', 'd1', 'street', '370102001');
    if (names.includes('s2')) await this.join('s2', names.includes('d2') ? 'd2' : 'd1', 'street', '370103001');
  }
  seed(name) {
    return fs.readFileSync(path.join(this.data(name), 'keys/sign.seed'));
  }
  // verb('city', 'node list', ['--json'])
  verb(name, verb, args = [], opts) {
    return this.ok([...verb.split(' '), '--data', this.data(name), ...args], { bin: this.bins[name], ...opts });
  }
  tryVerb(name, verb, args = [], opts) {
    return this.run([...verb.split(' '), '--data', this.data(name), ...args], { bin: this.bins[name], ...opts });
  }
  json(name, verb, args = []) {
    return JSON.parse(this.verb(name, verb, [...args, '--json']));
  }
  async start(name, { env } = {}) {
    const n = this.nodes.get(name);
    const from = this.log(name).length;
    const log = fs.openSync(this.data(name + '.log'), 'a');
    n.proc = spawn(this.bins[name] ?? SANJI, ['serve', '--data', n.dir], { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
    fs.closeSync(log);
    n.exited = new Promise((r) => n.proc.once('exit', (code, sig) => r({ code, sig })));
    n.ended = null;
    n.exited.then((e) => { n.ended = e; });
    // Its own word for it: a verb that asks too early would open the folder itself and keep serve out.
    await until(`${name} serves`, 15000, () => n.ended || this.log(name).slice(from).includes('event=serve.ready'));
    if (n.ended) throw new Error('daemon ended: ' + this.log(name).slice(-2000));
    n.id ??= this.id(name);
    return n;
  }
  id(name) {
    return /"node":"(n[a-z2-7]{13})"/.exec(this.verb(name, 'status', ['--json']))[1];
  }
  log(name) {
    try { return fs.readFileSync(this.data(name + '.log'), 'utf8'); } catch { return ''; }
  }
  async stop(name, signal = 'SIGTERM') {
    const n = this.nodes.get(name);
    if (!n?.proc || n.ended) return n?.ended;
    n.proc.kill(signal);
    return n.exited;
  }
  put(name, kind, records, args = []) {
    const input = records.map((r) => JSON.stringify(r)).join('\n') + '\n';
    return this.verb(name, 'put', [kind, ...args], { input }).trim().split('\n');
  }
  state(name, args = []) {
    return this.verb(name, 'export-state', args);
  }
  async close() {
    for (const name of this.nodes.keys()) await this.stop(name);
    if (!process.env.SANJI_KEEP) fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

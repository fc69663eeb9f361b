// SPDX-License-Identifier: Apache-2.0
// Measures real daemons street -> district -> city -> second street (the second street directly below the
// city) and prints the figures beside PostgreSQL 15 logical replication in cascade and beside the bare
// floor, taken in the same run, round by round. See README.md. Asserts nothing about time.
import { spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { World, SANJI } from '../e2e/lib/node.mjs';
import { Lane, signKey } from '../e2e/lib/proto.mjs';
import { ask } from './lib/control.mjs';
import { Meter, anonMB, cpu, dirMB, now, pct, pssMB, rssMB, sleep } from './lib/meter.mjs';
import { line, source } from './lib/records.mjs';
import { table } from './lib/table.mjs';

const opt = { records: 100000, rounds: 1, only: null, peer: true, children: 50, updates: 5 };
for (let a = process.argv.slice(2); a.length > 0;) {
  const k = a.shift();
  if (k === '--quick') opt.records = 10000;
  else if (k === '--records') opt.records = Number(a.shift());
  else if (k === '--rounds') opt.rounds = Number(a.shift());
  else if (k === '--children') opt.children = Number(a.shift());
  else if (k === '--updates') opt.updates = Number(a.shift());
  else if (k === '--only') opt.only = new Set(a.shift().split(','));
  else if (k === '--no-peer') opt.peer = false;
  else { console.error(`unknown option ${k}`); process.exit(2); }
}
const wanted = (w) => opt.only === null || opt.only.has(w);
const N = opt.records;
const results = []; // {round, who, work, ...}
function out(round, work, o) {
  const row = { round, who: 'sanji', work, ...o };
  results.push(row);
  const text = JSON.stringify(row, (_, v) => (typeof v === 'number' && !Number.isInteger(v) ? +v.toFixed(2) : v));
  console.log(text);
  if (process.env.BENCH_OUT) fs.appendFileSync(process.env.BENCH_OUT, text + '\n');
}

const CASE = {
  subject_kind: 'person', reason: 'ability', title: '就业指导', detail: '希望了解社区就业岗位和技能培训。', name: '测试',
  contact: '13800000000', consent: { by: 'self', how: 'written', on: '2026-11-22', text_version: '1', scope: ['name', 'contact'], purpose: '转介就业服务' },
};

// ---- small steps ----
const held = async (w, name, id, r = 1) => {
  const a = await ask(w.data(name), ['get', id]);
  return a.code === 0 && (r === 1 || JSON.parse(a.out).revision >= r);
};
async function until(w, name, id, r, ms, limit = 600) {
  for (const t = now(); !(await held(w, name, id, r));) {
    if (now() - t > limit) throw new Error(`${name} has not received ${id} within ${limit} s`);
    await sleep(ms);
  }
  return now();
}
// A `put` that stays open: lines in, ids out.
function writer(w, name, args) {
  const c = spawn(SANJI, ['put', '--data', w.data(name), 'listing', ...args, '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ids = [], waiting = [];
  let rest = '';
  c.stdout.on('data', (d) => {
    const parts = (rest + d).split('\n');
    rest = parts.pop();
    ids.push(...parts);
    while (waiting.length > 0 && ids.length >= waiting[0].n) waiting.shift().go();
  });
  const ended = new Promise((go) => c.once('close', go));
  return {
    ids, ended, pid: c.pid, stdin: c.stdin,
    count: (n) => (ids.length >= n ? null : new Promise((go) => waiting.push({ n, go }))),
    end: async () => { c.stdin.end(); if (await ended !== 0) throw new Error('put failed'); },
  };
}
function putFile(w, name, file, args = []) {
  const c = spawn(SANJI, ['put', '--data', w.data(name), 'listing', ...args, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  c.stdout.on('data', (d) => { text += d; });
  return new Promise((go, no) => c.once('close', (code) => (code === 0 ? go({ at: now(), ids: text.trimEnd().split('\n') }) : no(new Error(`put: exit ${code}`)))));
}
function writeRecords(file, n, rev, id) {
  const fd = fs.openSync(file, 'w');
  for (let i = 0; i < n; i += 1000) {
    let s = '';
    for (let k = i; k < Math.min(n, i + 1000); k++) s += line(k, rev, id?.(k));
    fs.writeSync(fd, s);
  }
  fs.closeSync(fd);
}
const pids = (w, ...names) => Object.fromEntries(names.map((n) => [n, w.nodes.get(n).proc.pid]));
const ALL = ['street', 'district', 'city', 'street2'];
const full = (w, id) => `${w.nodes.get('street').id}/${id}`;
const costs = (m, n, links) => ({ cpu_us: m.cpu_s / n * 1e6, bytes: m.bytes / n / links, peak_MB: m.peak_MB, cpu_by: m.cpu_by, peak_by: m.peak_by });
async function count(w, name) {
  const s = JSON.parse((await ask(w.data(name), ['status', '--json'])).out);
  return s.records?.listing ?? s.counts?.records ?? s.records ?? NaN;
}
// Until the daemons use no CPU: background work (search index, statistics) belongs to what caused it.
async function settle(ps, limit = 120) {
  const t = now();
  for (let quiet = 0; quiet < 3 && now() - t < limit;) {
    const a = Object.values(ps).reduce((x, p) => x + cpu(p), 0);
    await sleep(500);
    quiet = Object.values(ps).reduce((x, p) => x + cpu(p), 0) - a <= 0.01 ? quiet + 1 : 0;
  }
}

// ---- the works ----
async function w1(w, round) {
  const file = w.data('w1.ndjson');
  writeRecords(file, N, 1);
  const bytes = fs.statSync(file).size / N;
  fs.appendFileSync(file, line(N, 1)); // one more: its id is the last one printed
  const m = new Meter(pids(w, ...ALL)).start(), t0 = now();
  const put = await putFile(w, 'street', file);
  const last = full(w, put.ids.at(-1));
  const [tc, t2] = await Promise.all([until(w, 'city', last, 1, 20), until(w, 'street2', last, 1, 20)]);
  const r = m.stop();
  const c0 = ALL.reduce((x, n) => x + cpu(w.nodes.get(n).proc.pid), 0);
  await settle(pids(w, ...ALL));
  const later = ALL.reduce((x, n) => x + cpu(w.nodes.get(n).proc.pid), 0) - c0;
  out(round, 'W1', { n: N, record_bytes: bytes, local_s: put.at - t0, city_s: tc - t0, street2_s: t2 - t0, rec_s: N / (t2 - t0), ...costs(r, N, 3), cpu_us_later: later / N * 1e6, held: await count(w, 'street2'), disk_MB: dirMB(w.data('city')) });
  return put.ids;
}
async function w1single(w, round) {
  const n = Math.min(N, 20000), m = new Meter(pids(w, ...ALL)).start(), t0 = now();
  // one after the other: the next is given when the last one's id has come back, durable
  const p = writer(w, 'street', ['--stream']);
  const few = Math.min(n, 5000);
  for (let i = 0; i < few; i++) {
    p.stdin.write(line(1000000 + i, 1));
    await p.count(i + 1);
  }
  const t1 = now();
  const last = full(w, p.ids.at(-1));
  const t2 = await until(w, 'street2', last, 1, 20);
  const r = m.stop();
  out(round, 'W1-single', { n: few, rec_s_street: few / (t1 - t0), rec_s: few / (t2 - t0), ...costs(r, few, 3) });
  // as fast as lines can be given: what has come in meanwhile shares a commit and a bundle
  const m2 = new Meter(pids(w, ...ALL)).start(), t3 = now();
  for (let i = 0; i < n; i++) {
    if (!p.stdin.write(line(1100000 + i, 1))) await new Promise((go) => p.stdin.once('drain', go));
  }
  await p.count(few + n);
  const t4 = now(), end = full(w, p.ids.at(-1));
  const t5 = await until(w, 'street2', end, 1, 20);
  const r2 = m2.stop();
  await p.end();
  out(round, 'W1-stream', { n, rec_s_street: n / (t4 - t3), rec_s: n / (t5 - t3), ...costs(r2, n, 3) });
}
async function w2(w, round, { count: n = 100, every = 200, name = 'W2', busy = null } = {}) {
  const city = [], street2 = [];
  const p = writer(w, 'street', ['--stream', ...(busy ? ['--audience', 'up'] : [])]);
  const m = new Meter(pids(w, ...ALL)).start();
  for (let i = 0; i < n && !(busy && busy.done); i++) {
    const id = `w2-${round}-${busy ? 'b' : 'a'}-${i}`, t = now();
    p.stdin.write(line(2000000 + i, 1, id));
    const [c, s] = await Promise.all([until(w, 'city', full(w, id), 1, 1), busy ? now() : until(w, 'street2', full(w, id), 1, 1)]);
    city.push((c - t) * 1000);
    if (!busy) street2.push((s - t) * 1000);
    await sleep(Math.max(0, every - (now() - t) * 1000));
  }
  const r = m.stop();
  await p.end();
  out(round, name, { n: city.length, city_p50: pct(city, 0.5), city_p99: pct(city, 0.99), street2_p50: pct(street2, 0.5), street2_p99: pct(street2, 0.99), cpu_by: r.cpu_by });
}
// A referral to the second street, and a record for the levels above, while a bulk load is under way.
async function w2busy(w, round) {
  const file = w.data('busy.ndjson'), busy = { done: false };
  const fd = fs.openSync(file, 'w');
  for (let i = 0; i < N; i++) fs.writeSync(fd, line(3000000 + i, 1));
  fs.closeSync(fd);
  const put = putFile(w, 'street', file).then(async (p) => {
    await until(w, 'street2', full(w, p.ids.at(-1)), 1, 50);
    busy.done = true;
  });
  await sleep(300);
  const to = w.nodes.get('street2').id, ref = [];
  const referrals = (async () => {
    for (let i = 0; !busy.done && i < 200; i++) {
      const t = now();
      const a = await new Promise((go) => {
        const c = spawn(SANJI, ['referral', 'send', '--data', w.data('street'), '--to', to, '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
        let text = '';
        c.stdout.on('data', (d) => { text += d; });
        c.once('close', (code) => go({ code, text }));
        c.stdin.end(JSON.stringify(CASE));
      });
      const id = a.text.trim().split(/\s+/)[0];
      if (a.code !== 0 || id === '') { busy.refused = true; return; }
      for (;;) {
        const r = await ask(w.data('street2'), ['referral', 'show', id]);
        if (r.code === 0) break;
        if (now() - t > 60) throw new Error('referral did not arrive');
        await sleep(2);
      }
      ref.push((now() - t) * 1000);
      await sleep(Math.max(0, 200 - (now() - t) * 1000));
    }
  })();
  await Promise.all([w2(w, round, { name: 'W2-busy', busy, count: 1000 }), referrals, put]);
  if (ref.length > 0) out(round, 'W2-busy-referral', { n: ref.length, street2_p50: pct(ref, 0.5), street2_p99: pct(ref, 0.99) });
}
async function w3(w, round, ids, name, rev) {
  const fresh = 'fresh' + name;
  const n0 = await w.join(fresh, 'city', 'street', '370101', { start: false });
  const m0 = cpu(w.nodes.get('city').proc.pid), t0 = now();
  const starting = w.start(fresh);
  while (!w.nodes.get(fresh).proc) await sleep(1);
  const m = new Meter(pids(w, 'city', fresh)).start();
  await starting;
  const t2 = await until(w, fresh, full(w, ids.at(-1)), rev, 20);
  const r = m.stop();
  out(round, name, { n: ids.length, seconds: t2 - t0, rec_s: ids.length / (t2 - t0), ...costs(r, ids.length, 1), disk_MB: dirMB(n0.dir), held: await count(w, fresh), city_cpu_s: cpu(w.nodes.get('city').proc.pid) - m0 });
  await w.stop(fresh);
}
async function updates(w, round, ids) {
  const file = w.data('up.ndjson'), m = new Meter(pids(w, ...ALL)).start(), t0 = now();
  const before = dirMB(w.data('city'));
  for (let k = 2; k <= opt.updates + 1; k++) {
    writeRecords(file, ids.length, k, (i) => ids[i]);
    await putFile(w, 'street', file);
  }
  const t2 = await until(w, 'street2', full(w, ids.at(-1)), opt.updates + 1, 50);
  const n = ids.length * opt.updates, r = m.stop();
  await settle(pids(w, ...ALL));
  out(round, 'W1-update', { n, rec_s: n / (t2 - t0), ...costs(r, n, 3), disk_before_MB: before, disk_MB: dirMB(w.data('city')) });
}
// Real children: joined, with their own keys, both lanes open, the fetching one held.
async function w4(w, round) {
  const city = w.nodes.get('city'), K = opt.children, lanes = [];
  const me = (dir) => {
    const key = signKey(fs.readFileSync(path.join(dir, 'keys/sign.seed')));
    return { key, inst: fs.readFileSync(path.join(dir, 'keys/inst')) };
  };
  const kids = [];
  for (let i = 0; i < K; i++) kids.push(await w.join('kid' + i, 'city', 'street', '3701', { start: false }));
  await settle(pids(w, 'city'));
  const idle = cpu(city.proc.pid);
  await sleep(10000);
  const alone = (cpu(city.proc.pid) - idle) / 10 * 100, base = anonMB(city.proc.pid);
  const g = Buffer.from(JSON.parse((await ask(city.dir, ['status', '--json'])).out).g ?? '', 'base64url');
  for (const k of kids) {
    const who = { ...me(k.dir), g, node: idOf(w, k) };
    for (const lane of ['up', 'down']) {
      const l = new Lane(who, { id: city.id, port: city.sync }, lane);
      const o = await l.open();
      if (o.status !== 200) throw new Error(`session of ${who.node}: ${JSON.stringify(o)}`);
      const h = { full: true, lines: 0, hd: crypto.createHash('sha256').digest().fill(0).toString('base64url') };
      if (lane === 'down') {
        await l.exchange({ ...h, max: 1, wait: 0 });
        l.hold = l.exchange({ lines: 0, max: 0, wait: 55000 }).catch(() => {});
      } else {
        await l.exchange({ ...h });
      }
      lanes.push(l);
    }
  }
  await sleep(2000);
  const c0 = cpu(city.proc.pid);
  await sleep(20000);
  const c1 = cpu(city.proc.pid), mem = anonMB(city.proc.pid);
  out(round, 'W4', { children: K, connections: lanes.length, KiB_per_child: (mem - base) / K * 1024, parent_pss_MB: pssMB(city.proc.pid), cpu_pct: (c1 - c0) / 20 * 100, cpu_pct_without: alone });
  for (const l of lanes) l.close();
}
function idOf(w, k) {
  const r = spawnSync(SANJI, ['status', '--data', k.dir, '--json'], { encoding: 'utf8' });
  return JSON.parse(r.stdout).node;
}
async function rest(w, round) {
  const p = pids(w, ...ALL);
  await settle(p);
  const c = Object.fromEntries(Object.entries(p).map(([k, v]) => [k, cpu(v)]));
  await sleep(20000);
  for (const [k, v] of Object.entries(p)) out(round, 'rest', { node: k, rss_MB: rssMB(v), pss_MB: pssMB(v), cpu_pct: (cpu(v) - c[k]) / 20 * 100 });
}

async function ours(round) {
  const w = new World();
  try {
    await w.init('city');
    await w.join('district', 'city', 'district', '370102');
    while (w.run(['invite', '--data', w.data('district'), '--name', 'x', '--tier', 'street', '--area', '370102']).code !== 0) await sleep(100); // until it knows itself
    await w.join('street', 'district', 'street', '370102001');
    await w.join('street2', 'city', 'street', '370101');
    await sleep(1500);
    if (wanted('rest')) await rest(w, round);
    let ids = wanted('W1') || wanted('W3') ? await w1(w, round) : null;
    if (wanted('W1')) await w1single(w, round);
    if (wanted('W2')) await w2(w, round);
    if (wanted('W3')) await w3(w, round, ids, 'W3', 1);
    if (wanted('W3')) {
      await updates(w, round, ids);
      await w3(w, round, ids, 'W3-updated', opt.updates + 1);
    }
    if (wanted('W2') || wanted('W2-busy')) await w2busy(w, round);
    if (wanted('W4')) await w4(w, round);
  } finally {
    await w.close();
  }
}

// ---- the others ----
const shared = process.env.SANJI_TEST_DATA && path.join(process.env.SANJI_TEST_DATA, 'bench');
function peer(round) {
  const script = shared && path.join(shared, 'peers/postgresql/run.sh');
  if (!opt.peer || !script || !fs.existsSync(script)) return console.log('bench: PostgreSQL is not measured (no SANJI_TEST_DATA with bench/peers/postgresql, or --no-peer)');
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'sanji-bench-peer.')), 'out');
  spawnSync('sh', [script, String(N)], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, BENCH_OUT: file }, timeout: 900000 });
  for (const l of fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n') : []) {
    const o = JSON.parse(l);
    results.push({ ...o, round, who: 'postgresql' });
    console.log(l);
  }
  fs.rmSync(path.dirname(file), { recursive: true, force: true });
}
function floor(round) {
  const src = shared && path.join(shared, 'limits/cascade.c');
  if (!opt.peer || !src || !fs.existsSync(src)) return;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sanji-bench-floor.'));
  try {
    const cc = spawnSync(process.env.CC ?? 'cc', ['-O2', '-o', dir + '/cascade', src, '-lsqlite3', '-lcjson', '-lcrypto', '-lzstd'], { stdio: ['ignore', 'ignore', 'inherit'] });
    if (cc.status !== 0) return;
    const gen = spawnSync('node', [path.join(shared, 'gen/gen_records.mjs'), String(N)], { encoding: 'utf8', maxBuffer: 1 << 30 });
    // ids that sort by time, as ours do
    let n = 0;
    fs.writeFileSync(dir + '/s.ndjson', gen.stdout.replace(/"id":"[0-9a-f]{12}/g, () => `"id":"${(0x19a000000000 + n++).toString(16).padStart(12, '0')}`));
    for (const [work, args] of [['W1', [String(N), '500', '0']], ['W2', ['0', '1', '0']]]) {
      const r = spawnSync(dir + '/cascade', [dir + '/s.ndjson', dir, ...args], { encoding: 'utf8', timeout: 600000 });
      const m = /= (\d+) rec\/s; CPU [\d.]+ s \(([\d.]+) us\/rec.*; (\d+) B\/rec/.exec(r.stdout);
      const l = [...r.stdout.matchAll(/floor (\w+): p50 ([\d.]+) ms p99 ([\d.]+)/g)];
      if (m) results.push({ round, who: 'floor', work, rec_s: +m[1], cpu_us: +m[2], bytes: +m[3] });
      if (l.length === 2) results.push({ round, who: 'floor', work, city_p50: +l[0][2], city_p99: +l[0][3], street2_p50: +l[1][2], street2_p99: +l[1][3] });
      console.log(r.stdout.trim());
    }
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

console.log(`bench: ${N} records (${source}), ${opt.rounds} round(s), ${os.cpus().length} x ${os.cpus()[0].model}, ${SANJI}`);
for (let round = 1; round <= opt.rounds; round++) {
  await ours(round);
  floor(round);
  peer(round);
}
console.log(table(results));
process.exit(0);

// SPDX-License-Identifier: Apache-2.0
// Would the tests notice? Puts one defect at a time into a copy of the sources, builds what a test needs
// of it, and runs tests until one fails. All tests must pass on the unchanged sources first; a defect
// whose text is not found, or that does not build, is a failure of this list and not of the product.
// --only a,b   these defects        --sample N   every so many, N in all
// --check      only whether each of them still fits the sources
// --random N   besides: N operators or constants changed at random places (--seed S repeats a draw)
// A survivor is either a missing test or a change without effect; a person has to tell them apart.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { everywhere, mutants } from './mutants.table.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const arg = (name) => { const i = process.argv.indexOf('--' + name); return i < 0 ? null : process.argv[i + 1]; };
const LIMIT_MS = 900000;

const onlyCheck = process.argv.includes('--check');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'sanji-mutants.'));
const src = path.join(work, 'src'), build = path.join(work, 'build');
const run = (cmd, args, opts = {}) => spawnSync(cmd, args, { encoding: 'utf8', maxBuffer: 1 << 26, timeout: LIMIT_MS, killSignal: 'SIGKILL', ...opts });
function must(r, what) {
  if (r.status !== 0) throw new Error(`${what} failed:\n${(r.stdout ?? '').slice(-3000)}${(r.stderr ?? '').slice(-3000)}`);
}

// A test is named as in ctest, without "unit."; sim and power with their arguments.
const command = (t) => {
  if (t === 'sim') return { target: 'sim', exe: 'tests/sim/sim', args: ['--seeds', '1', '250'] };
  if (t === 'sim.regress') return { target: 'sim', exe: 'tests/sim/sim', args: ['--file', path.join(src, 'tests/sim/regress/seeds')] };
  if (t.startsWith('power.')) return { target: 'power', exe: 'tests/power/power', args: { cuts: ['cuts', '1', '240'], kills: ['kills', '25'], faults: ['faults', '9'] }[t.slice(6)] };
  return { target: 'test_' + t, exe: 'tests/test_' + t, args: [] };
};
const ninja = (tests) => run('ninja', ['-C', build, ...new Set(tests.map((t) => command(t).target))]);
// What happened: null passed, else how it failed.
function fails(t) {
  const c = command(t);
  const r = run(path.join(build, c.exe), c.args, { cwd: work, env: { ...process.env, TMPDIR: work } });
  return r.status === 0 ? null : r.error?.code === 'ETIMEDOUT' ? 'stopped' : r.signal ? r.signal : 'failed';
}

function random(count) {
  let state = Number(arg('seed') ?? 1) >>> 0;
  const rnd = (n) => { // mulberry32: the same seed draws the same changes
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
  const rules = [
    [/ == /, ' != '], [/ != /, ' == '], [/ < /, ' <= '], [/ <= /, ' < '], [/ > /, ' >= '], [/ >= /, ' > '],
    [/ && /, ' || '], [/ \|\| /, ' && '], [/ \+ 1\b/, ''], [/ - 1\b/, ''], [/\breturn 0;/, 'return SANJI_E_BUG;'],
    [/\btrue\b/, 'false'], [/\bfalse\b/, 'true'],
  ];
  const points = [];
  for (const dir of ['protocol', 'sync']) {
    for (const f of fs.readdirSync(path.join(src, dir)).filter((x) => x.endsWith('.c'))) {
      fs.readFileSync(path.join(src, dir, f), 'utf8').split('\n').forEach((line, i) => {
        if (/^\s*(\/\*|\*|#|static const|const)/.test(line) || /assert\(|NOLINT/.test(line)) return;
        rules.forEach(([from, to]) => { if (from.test(line)) points.push({ name: `${dir}/${f}:${i + 1}`, file: path.join(dir, f), line: i, from, to, by: [], random: true }); });
      });
    }
  }
  return Array.from({ length: count }, () => points[rnd(points.length)]);
}

function changed(m, text) {
  if (m.random) {
    const lines = text.split('\n');
    lines[m.line] = lines[m.line].replace(m.from, m.to);
    return lines.join('\n');
  }
  const n = text.split(m.old).length - 1;
  if (n !== 1) throw new Error(`mutant ${m.name}: its text occurs ${n} times in ${m.file}`);
  return text.replace(m.old, () => m.new);
}

// The name of the test that catches it and how; null: nobody.
function caught(m) {
  for (const group of [m.by.map((t) => [t]), [everywhere]].flat()) {
    if (group.length === 0) continue;
    const r = ninja(group);
    if (r.status !== 0) throw new Error(`mutant ${m.name} does not build:\n${r.stdout.slice(-2000)}`);
    for (const t of group) {
      const how = fails(t);
      if (how !== null) return `${t} ${how}`;
    }
  }
  return null;
}

let bad = 0;
try {
  if (!onlyCheck) fs.cpSync(root, src, { recursive: true, filter: (p) => !/[\\/](build|node_modules|\.git)$/.test(p) });
  let list = mutants;
  if (arg('only')) list = list.filter((m) => arg('only').split(',').includes(m.name));
  if (arg('sample')) list = list.filter((_, i) => i % Math.ceil(list.length / Number(arg('sample'))) === 0);
  const rotten = list.flatMap((m) => { // shows before an hour is spent
    try { changed(m, fs.readFileSync(path.join(root, m.file), 'utf8')); return []; } catch (e) { return [e.message]; }
  });
  if (rotten.length > 0) throw new Error(rotten.join('\n'));
  if (onlyCheck) console.log(`mutants: ${list.length} fit the sources`);
  else prove(list);
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
process.exit(bad === 0 ? 0 : 1);

function prove(list) {
  if (arg('random')) list = [...(arg('only') ? list : mutants), ...random(Number(arg('random')))];
  must(run('cmake', ['-S', src, '-B', build, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release', '-DSANJI_WEB=OFF', '-DSANJI_WERROR=OFF']), 'configure');
  const tests = [...new Set([...list.flatMap((m) => m.by), ...(arg('sample') ? [] : everywhere)])];
  must(run('ninja', ['-C', build, ...new Set(tests.map((t) => command(t).target))], { timeout: 3 * LIMIT_MS }), 'build');
  for (const t of tests) {
    if (fails(t) !== null) throw new Error(`${t} does not pass on the unchanged sources`);
  }
  const survivors = [];
  for (const [i, m] of list.entries()) {
    const file = path.join(src, m.file);
    const before = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(file, changed(m, before));
    let by;
    try {
      by = caught(m);
    } catch (e) {
      if (!m.random) throw e;
      by = 'compiler failed';
    } finally {
      fs.writeFileSync(file, before);
    }
    console.log(`${i + 1}/${list.length} ${m.name}: ${by === null ? 'SURVIVED' : by}`);
    if (by === null) survivors.push(m.name);
  }
  const known = survivors.filter((n) => list.find((m) => m.name === n && !m.random));
  console.log(`mutants: ${list.length - survivors.length} of ${list.length} caught${survivors.length ? '; survivors: ' + survivors.join(', ') : ''}`);
  bad = known.length;
}

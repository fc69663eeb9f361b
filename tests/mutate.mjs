// SPDX-License-Identifier: Apache-2.0
// Would the tests notice? Changes one operator or constant at a time in a copy of protocol/ and sync/,
// builds, runs the unit tests and a few simulator seeds, and counts how many changes were caught.
// usage: node tests/mutate.mjs [--count 20] [--seed 1] [--seeds 40]
// A change that does not compile is drawn again. Survivors are printed with their line: each is either
// a missing test or a change without effect, which a person has to tell apart.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const arg = (name, def) => {
  const i = process.argv.indexOf('--' + name);
  return i < 0 ? def : Number(process.argv[i + 1]);
};
const count = arg('count', 20), simSeeds = arg('seeds', 40);
let state = arg('seed', 1) >>> 0;
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

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'sanji-mutate.'));
const src = path.join(work, 'src'), build = path.join(work, 'build');
const run = (cmd, args, opts = {}) => spawnSync(cmd, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...opts });
function must(r, what) {
  if (r.status !== 0) throw new Error(`${what} failed:\n${r.stdout}${r.stderr}`);
}
const unit = 'unit\\.(ids|jcur|item|bundle|frame|msg|act|roster|seal|kinds|flow_referral|stats|vectors|sync|sync_wrong|sync_derive|keys)$';

function points() {
  const out = [];
  for (const dir of ['protocol', 'sync']) {
    for (const f of fs.readdirSync(path.join(src, dir)).filter((x) => x.endsWith('.c'))) {
      fs.readFileSync(path.join(src, dir, f), 'utf8').split('\n').forEach((line, i) => {
        if (/^\s*(\/\*|\*|#|static const|const)/.test(line) || /assert\(|NOLINT/.test(line)) return;
        rules.forEach(([from, to]) => { if (from.test(line)) out.push({ file: path.join(dir, f), line: i, from, to }); });
      });
    }
  }
  return out;
}
const caught = () => {
  const t = run('ctest', ['--test-dir', build, '-R', unit, '-j2', '--stop-on-failure', '--timeout', '120']);
  if (t.status !== 0) return 'unit';
  const s = run(path.join(build, 'tests/sim/sim'), ['--seeds', '1', String(simSeeds)], { timeout: 300000 });
  return s.status === 0 ? null : 'sim';
};

try {
  fs.cpSync(root, src, { recursive: true, filter: (p) => !/[\\/](build|node_modules|\.git)$/.test(p) });
  must(run('cmake', ['-S', src, '-B', build, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release', '-DSANJI_WEB=OFF', '-DSANJI_WERROR=OFF']), 'configure');
  must(run('ninja', ['-C', build]), 'build');
  if (caught() !== null) throw new Error('the tests do not pass on the unchanged tree');
  const all = points();
  const seen = { unit: 0, sim: 0 };
  const survivors = [];
  for (let n = 0; n < count;) {
    const p = all[rnd(all.length)];
    const file = path.join(src, p.file);
    const before = fs.readFileSync(file, 'utf8');
    const lines = before.split('\n');
    lines[p.line] = lines[p.line].replace(p.from, p.to);
    fs.writeFileSync(file, lines.join('\n'));
    if (run('ninja', ['-C', build]).status === 0) {
      n++;
      const by = caught();
      console.log(`${n}/${count} ${p.file}:${p.line + 1} ${by === null ? 'SURVIVED' : 'caught by ' + by}: ${lines[p.line].trim()}`);
      if (by === null) survivors.push(p); else seen[by]++;
    }
    fs.writeFileSync(file, before);
  }
  console.log(`mutation: ${count - survivors.length} of ${count} caught (${seen.unit} by unit tests, ${seen.sim} by the simulator)`);
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}

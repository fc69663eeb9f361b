// SPDX-License-Identifier: Apache-2.0
// The strict JSON gate against JSON.parse (PROTOCOL.md section 3): of many texts, damaged ones of the
// corpora among them, does each say what the other must? Not only "the gate is stricter": what it refuses
// and JSON.parse takes has to break one of the rules, worked out here a second time.
//   gate_against_node.mjs GATE_ASK CORPUS... [--mutants N] [--seed S]
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const arg = (name, otherwise) => { const i = process.argv.indexOf('--' + name); return i < 0 ? otherwise : Number(process.argv.splice(i, 2)[1]); };
const mutants = arg('mutants', 30000);
let state = arg('seed', 1) >>> 0;
const [ask, ...folders] = process.argv.slice(2);
const LIMITS = { protocol: { depth: 16, tokens: 4096, members: 64 }, generic: { depth: 64, tokens: 1000000, members: 1000 } };

const rnd = (n) => { // mulberry32
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % n;
};

// ---- texts ----

const walk = (p) => fs.statSync(p).isDirectory() ? fs.readdirSync(p).sort().flatMap((f) => walk(path.join(p, f))) : [p];
const seeds = folders.filter((f) => fs.existsSync(f)).flatMap(walk).map((f) => fs.readFileSync(f)).filter((b) => b.length < 200000);
const small = seeds.filter((b) => b.length < 2000);
const pieces = ['{', '}', '[', ']', ',', ':', '"', '\\', ' ', '\n', '\t', '0', '-0', '-', '1', '.5', 'e3', '1e400', '999999999999999', '1000000000000000', 'true', 'false', 'null', 'tru',
  '"a":1,', '"a":', '"A"', '""', '\\u0000', '\\u001f', '\\u001F', '\\n', '\\u000a', '\\/', '\\ud800', '\\ud83d\\ude00', '\\"', '\u007f', '\u2028', '中', '😀', '{"a":{}}', '[[]]', ',"a":2}', '\ufeff'];
const bad = [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff], [0xe4, 0xb8], [0x00], [0x1f]];
function mutate(b) {
  const at = rnd(b.length + 1);
  switch (rnd(7)) {
    case 0: { const c = Buffer.from(b); if (at < c.length) c[at] ^= 1 << rnd(8); return c; }
    case 1: return b.subarray(0, at);
    case 2: return Buffer.concat([b.subarray(0, at), b.subarray(Math.min(b.length, at + 1 + rnd(4)))]);
    case 3: return Buffer.concat([b.subarray(0, at), Buffer.from(bad[rnd(bad.length)]), b.subarray(at)]);
    case 4: { const o = small[rnd(small.length)], k = rnd(o.length + 1); return Buffer.concat([b.subarray(0, at), o.subarray(k, k + 1 + rnd(20)), b.subarray(at)]); }
    default: return Buffer.concat([b.subarray(0, at), Buffer.from(pieces[rnd(pieces.length)]), b.subarray(at)]);
  }
}
// Sound ones, near the limits too: what is never accepted proves little.
function grow(depth) {
  const word = () => ['a', 'b_1', 'k', '0', '10', 'zz'][rnd(6)] + rnd(40);
  const string = () => JSON.stringify(['', 'x', '中文', 'a"b\\', '\n\t\u0001', '😀', 'y'.repeat(rnd(60))][rnd(7)]);
  switch (depth > 16 ? 3 : rnd(6)) {
    case 0: return '[' + Array.from({ length: rnd(4) }, () => grow(depth + 1)).join(',') + ']';
    case 1: case 2: { const names = new Set(Array.from({ length: rnd(5) }, word)); return '{' + [...names].map((n) => `"${n}":${grow(depth + 1)}`).join(',') + '}'; }
    case 3: return string();
    case 4: return String(rnd(3) === 0 ? -1 - rnd(1e6) : rnd(1e6));
    default: return ['true', 'false', '0', '999999999999999', '-999999999999999', '1'][rnd(6)];
  }
}
const edge = [15, 16, 17, 63, 64, 65].flatMap((n) => ['{"a":'.repeat(n) + '1' + '}'.repeat(n), '{"a":' + '['.repeat(n - 1) + ']'.repeat(n - 1) + '}'])
  .concat([63, 64, 65, 999, 1000, 1001].map((n) => '{' + Array.from({ length: n }, (_, i) => `"a${i}":1`).join(',') + '}'))
  .concat([4090, 4092, 4093, 4094, 4095, 4096].map((n) => `{"a":[${Array.from({ length: n }, () => '1').join(',')}]}`))
  .concat([1, 31, 32, 33].map((n) => `{"${'n'.repeat(n)}":1}`));
const texts = [...seeds, ...edge.map((t) => Buffer.from(t))];
for (let i = 0; i < mutants; i++) {
  let b = rnd(3) === 0 ? Buffer.from(`{"a":${grow(1)}}`) : small[rnd(small.length)];
  for (let k = rnd(4); k > 0; k--) b = mutate(b);
  texts.push(b);
}

// ---- what must be said of them ----

// A text that JSON.parse takes, read again with what JSON.parse forgets: names twice, order, spelling.
function tree(t) {
  let i = 0;
  const seen = { depth: 0, tokens: 0, members: 0, twice: false, lone: false, nul: false };
  const blank = () => { while (' \n\r\t'.includes(t[i]) && i < t.length) i++; };
  const string = () => {
    const from = i++;
    while (t[i] !== '"') i += t[i] === '\\' ? 2 : 1;
    const v = JSON.parse(t.slice(from, ++i));
    seen.lone ||= /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(v);
    seen.nul ||= v.includes('\0');
    return v;
  };
  const value = (depth) => {
    blank();
    seen.tokens++;
    if (t[i] === '"') return { s: string() };
    if (t[i] !== '{' && t[i] !== '[') { const from = i; while (i < t.length && !',]} \n\r\t'.includes(t[i])) i++; return { raw: t.slice(from, i) }; }
    seen.depth = Math.max(seen.depth, depth);
    const object = t[i++] === '{', list = [], names = new Set();
    for (blank(); t[i] !== '}' && t[i] !== ']'; blank()) {
      if (t[i] === ',') { i++; blank(); }
      let name;
      if (object) {
        name = string();
        seen.tokens++;
        seen.twice ||= names.has(name);
        names.add(name);
        blank();
        i++;
      }
      list.push([name, value(depth + 1)]);
    }
    i++;
    if (object) seen.members = Math.max(seen.members, list.length);
    return { object, list };
  };
  return [value(1), seen];
}
const NEVER = '\0'; // stands in no text that is taken
const spelled = (v) => v.s !== undefined ? JSON.stringify(v.s)
  : v.raw !== undefined ? (/^(true|false|0|-?[1-9][0-9]{0,14})$/.test(v.raw) ? v.raw : NEVER)
    : v.list.some(([n]) => v.object && !/^[a-z0-9_]{1,32}$/.test(n)) ? NEVER
      : (v.object ? '{' : '[') + v.list.map(([n, x]) => (v.object ? JSON.stringify(n) + ':' : '') + spelled(x)).join(',') + (v.object ? '}' : ']');
const within = (s, l) => s.depth <= l.depth && s.tokens <= l.tokens && s.members <= l.members;

function expected(bytes) {
  let text;
  try { text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes); JSON.parse(text); } catch { return [false, false]; }
  const [v, seen] = tree(text);
  const generic = !seen.twice && !seen.lone && within(seen, LIMITS.generic);
  return [generic && v.object === true && !seen.nul && within(seen, LIMITS.protocol) && spelled(v) === text, generic];
}

const input = Buffer.concat(texts.flatMap((b) => { const n = Buffer.alloc(4); n.writeUInt32BE(b.length); return [n, b]; }));
const r = spawnSync(ask, [], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
const lines = r.stdout.trim().split('\n');
let wrong = 0;
const count = { protocol: 0, generic: 0 };
if (r.status !== 0 || lines.length !== texts.length) { console.log(`gate_ask: status ${r.status}, ${lines.length} answers to ${texts.length}`); process.exit(1); }
texts.forEach((b, i) => {
  const [p, g] = lines[i].split(' '), [wp, wg] = expected(b);
  count.protocol += p === 'ok';
  count.generic += g === 'ok';
  if ((p === 'ok') === wp && (g === 'ok') === wg) return;
  if (wrong++ < 10) console.log(`protocol ${p}, generic ${g}; expected ${wp} ${wg}: ${JSON.stringify(b.toString('latin1').slice(0, 300))}`);
});
console.log(`${texts.length} texts (${seeds.length} from corpora), ${count.generic} taken, ${count.protocol} of them as protocol; ${wrong} differ from JSON.parse and the rules`);
process.exit(wrong > 0 || count.protocol < texts.length / 50 ? 1 : 0);

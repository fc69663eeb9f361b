// SPDX-License-Identifier: Apache-2.0
// Does every sentence of the pages come from node/text, in both languages, and do the pages stay
// inside their content policy? Reads the sources as text, so that it needs no packages.
//   node tests/lint/web_literals.mjs [repository]
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = process.argv[2] || join(dirname(fileURLToPath(import.meta.url)), "../..");
const cjk = /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]/;

function withoutComments(s) {
  // Good enough for this code: no string here contains "//" but addresses, which are refused anyway.
  return s.replace(/\/\*[\s\S]*?\*\//g, (m) => m.replace(/[^\n]/g, " ")).replace(/(^|[^:"'`\\])\/\/[^\n]*/g, "$1");
}

const rules = [
  ["CJK text", /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]+/g],
  // The end of a tag stands right behind a name, a quote or a brace, a comparison has spaces; and code
  // that follows a tag begins with punctuation or contains some.
  ["text between tags", /[\w"}/]>\s*(?![,:?])[^<>{}=;()[\]|&]*[A-Za-z]{2}[^<>{}=;()[\]|&]*</g],
  ["text in an attribute", /\s(?:title|alt|placeholder|aria-label|label|text)="[^"]*[A-Za-z]{2}[^"]*"/g],
  ["a sentence", /["'`][A-Z][a-z]+(?: [a-z]+)+/g],
  ["an inline style", /\sstyle=/g],
  ["raw HTML", /innerHTML|outerHTML|insertAdjacentHTML|document\.write/g],
  ["evaluated code", /\beval\(|new Function\(|set(?:Timeout|Interval)\(["'`]/g],
  ["an outside address", /["'`](?:https?:)?\/\/[a-z]/g],
];

function literals(name, source) {
  const s = withoutComments(source);
  const found = [];
  for (const [what, re] of rules) {
    for (const m of s.matchAll(re)) {
      const line = s.slice(0, m.index + m[0].search(/\S/)).split("\n").length;
      found.push(`${name}:${line}: ${what}: ${m[0].trim().slice(0, 60)}`);
    }
  }
  return found;
}

function keysUsed(source) {
  const s = withoutComments(source);
  const whole = [];
  const starts = [];
  for (const m of s.matchAll(/\b(?:tt?|has)\(([^()]*(?:\([^()]*\)[^()]*)*)\)/g)) {
    for (const k of m[1].matchAll(/"([a-z][\w]*(?:\.[\w-]+)+)"/g)) whole.push(k[1]);
    for (const k of m[1].matchAll(/`([a-z][\w]*\.[\w.]*)\$\{/g)) starts.push(k[1]);
  }
  for (const m of s.matchAll(/\bkey: "([a-z]+\.[a-z_.]+)"/g)) whole.push(m[1]);
  return { whole, starts };
}

function texts(zh, en) {
  const found = [];
  const holes = (s) => [...s.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort().join(" ");
  for (const k of new Set([...Object.keys(zh), ...Object.keys(en)])) {
    if (zh[k] === undefined || en[k] === undefined) {
      found.push(`${k}: only in one language`);
    } else if (typeof zh[k] !== "string" || zh[k] === "" || typeof en[k] !== "string" || en[k] === "") {
      found.push(`${k}: empty`);
    } else if (holes(zh[k]) !== holes(en[k])) {
      found.push(`${k}: different {places} in the two languages`);
    } else if (cjk.test(en[k]) && k !== "app.language.zh-CN") {
      found.push(`${k}: Chinese in the English text`);
    } else if (/[A-Za-z]{4} [a-z]+ [a-z]+/.test(zh[k])) {
      found.push(`${k}: English in the Chinese text`);
    }
  }
  return found;
}

function files(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) =>
    e.isDirectory() ? files(join(dir, e.name)) : /\.(jsx?|mjs)$/.test(e.name) ? [join(dir, e.name)] : [],
  );
}

// A check that finds nothing must be shown to find something.
function selfTest() {
  const bad = [
    ['<p>Please wait</p>', 1],
    ['<p class="x">\n  Please wait\n</p>', 1],
    ['<input placeholder="Search here" />', 1],
    ['const x = "\u4e2d\u6587";', 1],
    ['throw new Error("Something went wrong");', 1],
    ['<p style={{ color: "red" }}>{t("a.b")}</p>', 1],
    ['fetch("https://example.org/x")', 1],
    ['if (a > b && c < d) return <b class="hidden">{t("x.y")}</b>; // Please wait, it is fine', 0],
    ['list.map((x) => <li key={x}>{x}</li>)', 0],
  ];
  return bad.filter(([s, n]) => (literals("sample", s).length > 0) !== (n > 0)).map(([s]) => `self-test: ${s}`);
}

const read = (p) => JSON.parse(readFileSync(join(root, p), "utf8"));
const zh = read("node/text/web.zh-CN.json");
const en = read("node/text/web.en.json");
const found = [...selfTest(), ...texts(zh, en)];
const all = files(join(root, "node/web/src"));
for (const f of all) {
  const name = relative(root, f);
  const source = readFileSync(f, "utf8");
  found.push(...literals(name, source));
  const used = keysUsed(source);
  used.whole.filter((k) => zh[k] === undefined).forEach((k) => found.push(`${name}: no text for ${k}`));
  used.starts
    .filter((p) => !Object.keys(zh).some((k) => k.startsWith(p)))
    .forEach((p) => found.push(`${name}: no text begins with ${p}`));
}
for (const f of ["node/web/index.html", "node/web/without.html"]) {
  const s = readFileSync(join(root, f), "utf8");
  if (/<style|\sstyle=|\son\w+=|<script>|https?:\/\//.test(s)) found.push(`${f}: inline script, style or outside address`);
}
found.forEach((x) => console.log(x));
console.log(`${all.length} sources, ${Object.keys(zh).length} texts, ${found.length} found wrong`);
process.exit(found.length ? 1 : 0);

// SPDX-License-Identifier: Apache-2.0
// Does the command line keep its contract without a daemon: names, exit codes, both languages?
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const bin = process.env.SANJI_BIN ?? join(process.cwd(), "build/release/sanji");
const base = mkdtempSync(join(tmpdir(), "sanji-cli-"));
const dir = join(base, "city");
const least = '{"kind":"venue","title":"社区议事厅","capacity":40}';

function run(args, { input = "", env = {} } = {}) {
  const r = spawnSync(bin, args, {
    input,
    encoding: "utf8",
    env: { PATH: process.env.PATH, LANG: "C", ...env },
    maxBuffer: 64 << 20,
    timeout: 60000,
  });
  return { code: r.status, out: r.stdout, err: r.stderr };
}
const at = (verb, ...rest) => [...verb.split(" "), "--data", dir, ...rest];

before(() => {
  const r = run(at("init", "--name", "济南市", "--tier", "city", "--area", "370100", "--json"));
  assert.equal(r.code, 0, r.err);
  assert.match(JSON.parse(r.out).node, /^n[a-z2-7]{13}$/);
  assert.match(r.err, /offline/);
});
after(() => rmSync(base, { recursive: true, force: true }));

test("init keeps the root key outside, refuses a second time and a key inside", () => {
  assert.equal(statSync(`${dir}-root.key`).mode & 0o777, 0o600);
  assert.equal(run(at("init", "--name", "x", "--tier", "city", "--area", "37")).code, 1);
  const d2 = join(base, "d2");
  const r = run(["init", "--data", d2, "--name", "x", "--tier", "city", "--area", "37", "--root-key", join(d2, "k")]);
  assert.notEqual(r.code, 0);
  assert.ok(!existsSync(d2));
  assert.equal(run(["init", "--data", d2, "--name", "x", "--tier", "village", "--area", "37"]).code, 2);
  assert.ok(!existsSync(d2));
});

test("put prints an id per record in order; the same again changes nothing", () => {
  const one = run(at("put", "listing"), { input: least });
  assert.equal(one.code, 0, one.err);
  assert.match(one.out, /^r[0-9a-z]{26}\n$/);
  const lines = [1, 2, 3].map((i) => JSON.stringify({ id: `v${i}`, kind: "venue", title: `会议室 ${i}` })).join("\n");
  assert.deepEqual(run(at("put", "listing", "-"), { input: lines }).out, "v1\nv2\nv3\n");
  const first = run(at("export-state")).out;
  const file = join(base, "in.ndjson");
  writeFileSync(file, `\ufeff${lines}\r\n\r\n`);
  assert.equal(run(at("put", "listing", file)).out, "v1\nv2\nv3\n");
  assert.equal(run(at("export-state")).out, first);
  const pretty = run(at("put", "listing"), { input: JSON.stringify({ id: "v4", kind: "venue", title: "厅" }, null, 2) });
  assert.equal(pretty.out, "v4\n", pretty.err);
});

test("put names every wrong line and stores nothing", () => {
  const before = run(at("export-state")).out;
  const input = [least, "{", '{"kind":"castle","title":"x"}', least, '{"kind":"venue","title":"x","capacity":1.5}', '{"kind":"venue","titel":"x"}'].join("\n");
  const r = run(at("put", "listing"), { input });
  assert.equal(r.code, 1);
  assert.equal(r.out, "");
  for (const n of [2, 3, 5, 6]) assert.match(r.err, new RegExp(`line ${n}:`));
  for (const n of [1, 4]) assert.doesNotMatch(r.err, new RegExp(`line ${n}:`));
  assert.match(r.err, /titel|title/);
  assert.match(r.err, /4 of 6/);
  assert.equal(run(at("export-state")).out, before);
  assert.match(run([...at("put", "listing"), "--lang", "zh"], { input }).err, /第 3 行/);
});

test("put --stream stores the good lines", () => {
  const r = run(at("put", "--stream", "listing"), { input: `${least}\n{"kind":"x"}\n${least}\n` });
  assert.equal(r.code, 1);
  assert.equal(r.out.trim().split("\n").length, 2);
  assert.match(r.err, /line 2:/);
});

test("put refuses kinds that people do not write", () => {
  for (const k of ["stat", "act", "sealed", "nonsense"]) {
    const r = run(at("put", k), { input: "{}" });
    assert.equal(r.code, 2);
    assert.match(r.err, /listing/);
  }
});

test("get, list, withdraw, explain", () => {
  assert.equal(JSON.parse(run(at("get", "v1")).out).content.title, "会议室 1");
  assert.match(run(at("list", "listing")).out, /会议室 2/);
  assert.equal(run(at("list", "listing", "--limit", "x")).code, 2);
  const x = JSON.parse(run(at("explain", "v1", "--json")).out);
  assert.equal(x.forms[0].key, "current");
  assert.equal(run(at("withdraw", "v3")).code, 0);
  assert.equal(run(at("withdraw", "nothing")).code, 1);
  assert.equal(run(at("get", "nothing")).code, 1);
  assert.doesNotMatch(run(at("export-state")).out, /"v3"/);
  assert.equal(run(at("put", "need"), { input: '{"id":"v1","kind":"venue","title":"x"}' }).code, 1);
});

test("bundles are what was signed; verify, rebuild and doctor agree", () => {
  const all = run(at("bundles")).out.trim().split("\n").map((l) => JSON.parse(l));
  assert.ok(all.length > 3);
  for (const b of all) assert.equal(JSON.parse(b.h).n, b.b.length);
  const id = JSON.parse(all[0].h).by;
  assert.equal(run(at("bundles", "--stream", `${id}/trust`)).out.trim().split("\n").length, 1);
  assert.equal(run(at("bundles", "--stream", "nobody")).code, 2);
  assert.equal(JSON.parse(run(at("verify", "--json")).out).wrong, 0);
  assert.equal(JSON.parse(run(at("rebuild", "--json")).out).same, true);
  assert.equal(run(at("doctor")).code, 0);
  assert.equal(run(at("parked list")).out, "");
  assert.match(run(at("unsent list")).err, /published again|重新发布/);
});

test("what was taken and cannot be signed is listed with its reason, and has two ways out", () => {
  const sql = process.env.SANJI_SQL ?? join(bin, "../tests/sql");
  const lay = (name, item) => {
    const text = "fed\n" + JSON.stringify(item);
    const r = spawnSync(sql, [join(dir, "sanji.db"), `INSERT OR REPLACE INTO kv(key,value) VALUES('${name}',CAST('${text}' AS BLOB))`], { encoding: "utf8" });
    assert.equal(r.status, 0, r.stderr);
  };
  const item = (kind) => ({ id: "ref1", k: "listing/1", op: "put", r: 1, z: "AAAAAAAAAAAAAAAAAAAAAA", d: { kind, title: "张某某" } });
  lay("refused/1.1", item("no_such"));
  assert.equal(run(at("doctor")).code, 1);
  assert.match(run(at("doctor")).out + run(at("doctor")).err, /sanji unsent list/);
  const list = run(at("unsent list"));
  assert.equal(list.code, 0);
  assert.match(list.out, /refused\/1\.1 +fed +listing\/1 ref1: .*\(kind\)/);
  assert.match(list.err, /unsent discard.*unsent retry/s);
  assert.ok(!(list.out + list.err).includes("张某某"), "names no person");
  const [row] = run(at("unsent list", "--json")).out.trim().split("\n").map((l) => JSON.parse(l));
  assert.deepEqual([row.name, row.aud, row.items, row.member], ["refused/1.1", "fed", "listing/1 ref1", "kind"]);
  const no = run(at("unsent retry", "refused/1.1"));
  assert.notEqual(no.code, 0);
  assert.match(no.err, /kind/);
  lay("refused/1.1", item("venue"));
  assert.equal(run(at("unsent retry", "refused/1.1")).code, 0);
  assert.match(run(at("export-state", "--kind", "listing")).out, /"ref1"/);
  lay("refused/1.2", item("venue"));
  assert.match(run(at("unsent retry", "refused/1.2")).err, /changed since/);
  assert.equal(run(at("unsent discard", "refused/1.2")).code, 0);
  assert.notEqual(run(at("unsent discard", "refused/1.2")).code, 0);
  assert.notEqual(run(at("unsent discard", "self/g")).code, 0);
  assert.equal(run(at("unsent list", "--json")).out, "");
  assert.equal(run(at("doctor")).code, 0);
  assert.equal(run(at("withdraw", "ref1")).code, 0);
});

test("statistics equal a recount", () => {
  const day = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7);
  const r = run(at("stats", "--period", day, "--json", "--recount"));
  assert.equal(r.code, 0, r.out + r.err);
  const s = JSON.parse(r.out);
  assert.deepEqual(s.recount.wrong, []);
  const live = JSON.parse(JSON.stringify(s.cells.find((c) => c.ind === "listing.live")));
  const held = run(at("export-state", "--kind", "listing")).out.trim().split("\n").length;
  assert.equal(live.v, held);
  assert.ok(live.bundles.length >= 1);
  assert.match(run(at("stats", "--period", day, "--csv")).out, /^node,name,indicator,value\r\n/);
  assert.equal(run(at("stats", "--period", "soon")).code, 2);
});

test("users get a one-time password once", () => {
  const r = run(at("user add", "li", "--role", "manager", "--json"));
  assert.equal(r.code, 0, r.err);
  assert.match(JSON.parse(r.out).one_time_password, /^\w{4}-\w{4}-\w{4}$/);
  assert.equal(run(at("user add", "li")).code, 1);
  assert.equal(run(at("user add", "x", "--role", "king")).code, 1);
  assert.equal(run(at("user reset", "nobody")).code, 1);
  assert.match(run(at("user list")).out, /^li +manager +one-time/m);
});

test("misuse is named and answered with 2", () => {
  for (const [args, what] of [
    [[], /command/],
    [["frobnicate"], /frobnicate/],
    [["put"], /--data/],
    [at("put"), /KIND/],
    [at("status", "--colour"), /colour/],
    [at("status", "--json=1"), /json/],
    [at("status", "extra"), /extra/],
    [["status", "--data", dir, "--data", dir], /data/],
    [["status", "--lang", "fr"], /fr/],
  ]) {
    const r = run(args);
    assert.equal(r.code, 2, args.join(" "));
    assert.match(r.err, what);
    assert.equal(r.out, "");
  }
});

test("a folder without a node, a settings file with mistakes", () => {
  assert.equal(run(["status", "--data", base]).code, 1);
  const conf = join(dir, "sanji.conf");
  const old = readFileSync(conf, "utf8");
  writeFileSync(conf, "log_levle = info\nsession_idle = 1s\n");
  const r = run(at("status"));
  assert.equal(r.code, 1);
  assert.match(r.err, /line 1: .*log_levle.*log_level/);
  assert.match(r.err, /line 2: .*session_idle.*1m/);
  writeFileSync(conf, old);
  assert.equal(run(at("status")).code, 0);
});

test("help is complete in both languages", () => {
  const all = run(["--help"]).out;
  const verbs = [...all.matchAll(/^ {2}([a-z-]+(?: [a-z-]+)?) {2,}/gm)].map((m) => m[1]);
  for (const v of ["init", "invite", "join", "approve", "node list", "node show", "node move", "node rotate-key", "node revoke",
    "serve", "status", "doctor", "sync", "put", "get", "list", "withdraw", "referral send", "referral open", "referral accept",
    "referral decline", "referral outcome", "referral cancel", "referral close", "export-state", "bundles", "rebuild", "user add",
    "user reset", "user list", "set-parent-url", "verify", "parked list", "parked retry", "parked discard", "unsent list", "unsent retry", "unsent discard", "explain", "stats"]) {
    assert.ok(verbs.includes(v), v);
  }
  for (const v of verbs) {
    for (const env of [{ LANG: "C" }, { LC_ALL: "zh_CN.UTF-8" }]) {
      const r = run([...v.split(" "), "--help"], { env });
      assert.equal(r.code, 0);
      assert.match(r.out, new RegExp(`^sanji ${v}`));
      assert.equal(/[\u4e00-\u9fff]/.test(r.out.replace(/社区议事厅/g, "")), "LC_ALL" in env, v);
    }
  }
});

test("the top has nobody to sync with; a missing parent is 75", () => {
  assert.equal(run(at("sync")).code, 1);
  const bad = run(["join", "--data", join(base, "j"), "sanji1-xxxx-yyyy"]);
  assert.equal(bad.code, 1);
  assert.ok(!existsSync(join(base, "j")));
  writeFileSync(join(dir, "sanji.conf"), "url = https://127.0.0.1:1\n");
  const inv = run(at("invite", "--name", "区", "--tier", "district", "--area", "370102"));
  assert.equal(inv.code, 0, inv.err);
  assert.match(inv.out, /^sanji1-[\w-]+-[a-z2-7]{8}\n$/);
  const j = run(["join", "--data", join(base, "j"), inv.out.trim(), "--no-wait"]);
  assert.equal(j.code, 75, j.err);
  const line = inv.out.trim();
  for (const input of [inv.out, line, `${line.slice(0, 60)}\n${line.slice(60)}\n`]) {
    const p = run(["join", "--data", join(base, "p"), "-", "--no-wait"], { input });
    assert.equal(p.code, 75, p.err);
  }
  for (const input of ["", "sanji1-xxxx-yyyy\n", "\n\n", "x".repeat(1 << 20)]) {
    const p = run(["join", "--data", join(base, "q"), "-", "--no-wait"], { input });
    assert.equal(p.code, 1, p.err);
    assert.ok(!existsSync(join(base, "q")));
  }
  assert.match(run(at("invite", "--name", "区", "--tier", "street", "--area", "370102", "--qr")).out, /▀|▄|█/);
});

test("a data folder of another user is named, with the reason, in both languages", (t) => {
  const other = process.getuid() === 0;
  const as = (lang) => spawnSync(bin, ["status", "--data", dir, "--lang", lang], { encoding: "utf8", ...(other ? { uid: 65534, gid: 65534 } : {}) });
  if (other && as("en").error) return t.skip("the program cannot be run by another user here");
  const lock = join(dir, "lock");
  if (!other) chmodSync(lock, 0);
  try {
    const en = as("en");
    assert.equal(en.status, 1);
    assert.match(en.stderr, /permission denied: \/.*city/);
    assert.match(as("zh").stderr, /没有权限：\/.*city/);
  } finally {
    if (!other) chmodSync(lock, 0o600);
  }
});

test("sanji.conf speaks the language of the command that made it", () => {
  for (const [lang, zh] of [["en", false], ["zh", true]]) {
    const d = join(base, `lang-${lang}`);
    const r = run(["init", "--data", d, "--name", "x", "--tier", "city", "--area", "37", "--lang", lang]);
    assert.equal(r.code, 0, r.err);
    assert.equal(/[\u4e00-\u9fff]/.test(readFileSync(join(d, "sanji.conf"), "utf8")), zh);
  }
});

test("a line without an end is named and not read for ever", () => {
  const zero = run(at("put", "listing", "/dev/zero"));
  assert.equal(zero.code, 1);
  assert.match(zero.err, /^line 1: .*\n/);
  const pipe = (more) => spawnSync("sh", ["-c", `(echo '${least}'; cat /dev/zero) | "$0" put --data "$1" ${more} listing`, bin, dir], { encoding: "utf8", timeout: 60000, env: { PATH: process.env.PATH, LANG: "C" } });
  for (const more of ["", "--stream", "--dry-run"]) {
    const r = pipe(more);
    assert.equal(r.status, 1, `${more}: ${r.stderr}`);
    assert.match(r.stderr, /^line 2: /m, more);
    assert.equal(r.stdout.split("\n").filter(Boolean).length, more === "--stream" ? 1 : 0, more);
  }
});

test("without a daemon, too, each line of a stream is answered before the next is given", async () => {
  const p = spawn(bin, at("put", "--stream", "listing"), { stdio: ["pipe", "pipe", "inherit"] });
  let out = "";
  let wake = () => {};
  p.stdout.on("data", (d) => { out += d; wake(); });
  const code = new Promise((r) => p.on("exit", r));
  for (let i = 1; i <= 3; i++) {
    p.stdin.write(least + "\n");
    while (out.split("\n").length <= i) await new Promise((r) => { wake = r; });
  }
  p.stdin.end();
  assert.equal(await code, 0);
  assert.equal(new Set(out.trim().split("\n")).size, 3);
});

test("an option that is missing, unknown or wrong: three sentences, each with the option and what is allowed", () => {
  for (const [args, en, zh] of [
    [["status"], /option --data is missing; give --data DIR/, /缺少选项 --data；请写 --data DIR/],
    [at("invite", "--tier", "street"), /option --name is missing; give --name .*80 characters/, /缺少选项 --name；.*80/],
    [at("status", "--colour=geheim"), /no option "--colour" here; there are: --data --json/, /没有“--colour”这个选项；有：--data --json/],
    [at("invite", "--name", "x", "--area", "3701", "--tier", "village"), /option --tier: "village" is not allowed; allowed: city, district, street/, /选项 --tier 不能是“village”；可用：city、district、street/],
    [at("node revoke", "nabcdefghijklm", "--why", "fun"), /option --why: "fun" is not allowed; allowed: lost\|stolen\|left\|fork\|other/, /--why 不能是“fun”；可用：lost/],
    [at("list", "listing", "--limit", "many"), /option --limit: "many".*from 1 to 1000000/, /--limit 不能是“many”/],
    [at("stats", "--period", "today"), /option --period: "today".*2026-Q4/, /--period 不能是“today”/],
  ]) {
    for (const [lang, what] of [["en", en], ["zh", zh]]) {
      const r = run([...args, "--lang", lang]);
      assert.equal(r.code, 2, args.join(" "));
      assert.match(r.err, what);
      assert.ok(!r.err.includes("geheim"), "what was given to an option that is none");
    }
  }
});

test("a node that is not in the roster is named alike by every list of one node", () => {
  for (const args of [at("list", "listing", "--owner", "bogus"), at("stats", "--period", "2026-11", "--of", "bogus")]) {
    const r = run(args);
    assert.equal(r.code, 1, args.join(" "));
    assert.match(r.err, /no node bogus in the roster.*sanji node list/);
    assert.equal(r.out, "");
  }
});

test("an invite for an area outside the own one is made, with a word about it", () => {
  const d = join(base, "areas");
  assert.equal(run(["init", "--data", d, "--name", "x", "--tier", "city", "--area", "370100", "--url", "https://127.0.0.1:9"]).code, 0);
  for (const [area, outside] of [["370102", false], ["370102001", false], ["3701", false], ["370202", true], ["440103", true]]) {
    const r = run(["invite", "--data", d, "--name", "y", "--tier", "district", "--area", area]);
    assert.equal(r.code, 0, r.err);
    assert.match(r.out, /^sanji1-/);
    assert.equal(/outside this node's own area 370100/.test(r.err), outside, `${area}: ${r.err}`);
  }
});

// SPDX-License-Identifier: Apache-2.0
// Builds the staff pages: one esbuild call, then names by content, gzip copies and the manifest that
// the C side embeds. Nothing here depends on time, paths or locale, so equal sources give equal bytes.
//   node build.mjs --modules DIR/node_modules --out DIR
// The modules may lie outside the source tree: CMake installs them into the build directory.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const args = new Map();
for (let i = 2; i + 1 < process.argv.length; i += 2) {
  args.set(process.argv[i], process.argv[i + 1]);
}
const modules = resolve(args.get("--modules") || join(here, "node_modules"));
const out = resolve(args.get("--out") || join(here, "dist"));

const esbuild = createRequire(join(modules, "x.js"))("esbuild");
const packages = {
  name: "packages",
  setup(build) {
    build.onResolve({ filter: /^(preact|fflate|uqr)($|\/)/ }, (a) =>
      a.pluginData === "inner"
        ? undefined
        : build.resolve(a.path, { kind: a.kind, resolveDir: dirname(modules), pluginData: "inner" }),
    );
  },
};

const result = await esbuild.build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.jsx" },
  outdir: "out",
  bundle: true,
  write: false,
  minify: true,
  metafile: true,
  format: "iife",
  // ES2017 is what Chrome 71 and Safari 12.1 run; the engines also decide how CSS is lowered.
  // Safari 12.1's gap in destructuring concerns a form that nobody writes here.
  target: ["es2017", "chrome71", "safari12.1"],
  supported: { destructuring: true },
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  plugins: [packages],
  logLevel: "warning",
  logLimit: 10,
});

const text = (lang) => JSON.parse(readFileSync(join(here, `../text/web.${lang}.json`), "utf8"));
const sha = (data) => createHash("sha256").update(data).digest("hex").slice(0, 20);
const files = [];
const emit = (name, type, data, immutable) => files.push({ name, type, data, immutable, etag: sha(data) });
const hashed = (data, stem, ext) => `${stem}-${sha(data)}.${ext}`;

const js = result.outputFiles.find((f) => f.path.endsWith(".js")).contents;
const css = result.outputFiles.find((f) => f.path.endsWith(".css")).contents;
const icon = readFileSync(join(here, "src/icon.svg"));
const names = {
  js: hashed(js, "app", "js"),
  css: hashed(css, "app", "css"),
  icon: hashed(icon, "icon", "svg"),
};
const zh = text("zh-CN");
const en = text("en");
const html = readFileSync(join(here, "index.html"), "utf8").replace(/\{\{(\w+):?([\w.]*)\}\}/g, (m, w, key) => {
  const from = { zh, en }[w];
  const v = from ? from[key] : names[w];
  if (v === undefined) throw new Error(`index.html: ${m}`);
  return v;
});
emit("index.html", "text/html; charset=utf-8", Buffer.from(html), false);
emit(names.js, "text/javascript; charset=utf-8", js, true);
emit(names.css, "text/css; charset=utf-8", css, true);
emit(names.icon, "image/svg+xml", icon, true);

const gzip = (data) => {
  const z = gzipSync(data, { level: 9 });
  z[9] = 255; // "unknown system": zlib writes a different number per platform
  return z;
};
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const rows = files.map((f) => {
  writeFileSync(join(out, f.name), f.data);
  writeFileSync(join(out, `${f.name}.gz`), gzip(f.data));
  return [`/${f.name}`, f.type, f.name, `${f.name}.gz`, f.etag, f.immutable ? "immutable" : "revalidate"].join("\t");
});
writeFileSync(join(out, "manifest.tsv"), rows.join("\n") + "\n");

if (args.has("--inputs")) {
  // What the bundle was made from, so that the build system looks again when one of them changes.
  const own = Object.keys(result.metafile.inputs)
    .map((p) => resolve(here, p))
    .filter((p) => !p.includes("node_modules"));
  own.push(join(here, "index.html"), join(here, "src/icon.svg"), fileURLToPath(import.meta.url));
  writeFileSync(args.get("--inputs"), own.sort().join("\n") + "\n");
}
const total = files.reduce((n, f) => n + gzip(f.data).length, 0);
console.log(`${files.length} files, ${total} bytes compressed, in ${relative(process.cwd(), out) || "."}`);

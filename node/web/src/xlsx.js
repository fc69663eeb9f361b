// SPDX-License-Identifier: Apache-2.0
// XLSX files as rows of texts. What somebody sends may be anything: sizes are counted while inflating,
// entities are refused, and nothing in the file names anything outside it.
import { Inflate } from "fflate";

const fileMax = 16 << 20; // packed
const partMax = 48 << 20; // of one part, unpacked
const rowsMax = 20001;
const colsMax = 128;
const cellMax = 32767;

function bad(key) {
  const e = new Error(key);
  e.key = key;
  return e;
}

/* ---- the zip ---- */

function directory(b) {
  const v = new DataView(b.buffer, b.byteOffset, b.byteLength);
  let end = b.length - 22;
  const least = Math.max(0, b.length - 65557);
  while (end >= least && v.getUint32(end, true) !== 0x06054b50) end--;
  if (end < least) throw bad("sheet.not_xlsx");
  const n = v.getUint16(end + 10, true);
  let at = v.getUint32(end + 16, true);
  const out = {};
  for (let i = 0; i < n; i++) {
    if (at + 46 > b.length || v.getUint32(at, true) !== 0x02014b50) throw bad("sheet.damaged");
    const [flags, how, packed, nameLen, extra, note, head] = [v.getUint16(at + 8, true), v.getUint16(at + 10, true), v.getUint32(at + 20, true), v.getUint16(at + 28, true), v.getUint16(at + 30, true), v.getUint16(at + 32, true), v.getUint32(at + 42, true)];
    const name = new TextDecoder().decode(b.subarray(at + 46, at + 46 + nameLen));
    out[name] = { flags, how, packed, head };
    at += 46 + nameLen + extra + note;
  }
  return { v, parts: out };
}

function unpack(b, dir, name) {
  const p = Object.prototype.hasOwnProperty.call(dir.parts, name) ? dir.parts[name] : null;
  if (!p) return null;
  if (p.flags & 1) throw bad("sheet.locked");
  if (p.head + 30 > b.length || dir.v.getUint32(p.head, true) !== 0x04034b50) throw bad("sheet.damaged");
  const from = p.head + 30 + dir.v.getUint16(p.head + 26, true) + dir.v.getUint16(p.head + 28, true);
  const data = b.subarray(from, from + p.packed);
  if (data.length !== p.packed || (p.how !== 0 && p.how !== 8)) throw bad("sheet.damaged");
  if (p.how === 0) return data;
  const pieces = [];
  let n = 0;
  const z = new Inflate((piece) => {
    n += piece.length;
    if (n > partMax) throw bad("sheet.large");
    pieces.push(piece);
  });
  try {
    // Bit by bit: a bomb is noticed before it has gone off.
    for (let i = 0; i < data.length; i += 16384) z.push(data.subarray(i, i + 16384), i + 16384 >= data.length);
  } catch (e) {
    throw e.key ? e : bad("sheet.damaged");
  }
  const out = new Uint8Array(n);
  let at = 0;
  pieces.forEach((x) => {
    out.set(x, at);
    at += x.length;
  });
  return out;
}

function xml(b, dir, name) {
  const bytes = unpack(b, dir, name);
  if (!bytes) return null;
  const text = new TextDecoder().decode(bytes);
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw bad("sheet.damaged");
  const doc = new DOMParser().parseFromString(text, "application/xml");
  if (doc.getElementsByTagName("parsererror").length) throw bad("sheet.damaged");
  return doc;
}

/* ---- the workbook ---- */

const all = (node, name) => Array.from(node.getElementsByTagNameNS("*", name));
// Texts of a string: all runs, without the reading aid beside them.
const textOf = (node) =>
  all(node, "t")
    .filter((x) => x.parentNode.localName !== "rPh")
    .map((x) => x.textContent)
    .join("");

// "date", "time", "both" or null. 14-22, 27-36, 45-58: the formats every program knows by number.
function dateKind(id, code) {
  if (code === undefined) {
    if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id === 36 || (id >= 50 && id <= 54) || id === 57 || id === 58) return "date";
    if (id === 22) return "both";
    return (id >= 18 && id <= 21) || (id >= 32 && id <= 35) || (id >= 45 && id <= 47) || id === 55 || id === 56 ? "time" : null;
  }
  const s = code.replace(/"[^"]*"|\\.|\[[^\]]*\]|_.|\*./g, "").toLowerCase();
  const day = /[yd]/.test(s);
  const hour = /h|s/.test(s);
  return day ? (hour ? "both" : "date") : hour ? "time" : /^m+$/.test(s) ? "date" : null;
}

function stylesOf(doc) {
  const codes = {};
  if (!doc) return [];
  all(doc, "numFmt").forEach((f) => (codes[f.getAttribute("numFmtId")] = f.getAttribute("formatCode") || ""));
  const xfs = all(doc, "cellXfs")[0];
  return xfs ? all(xfs, "xf").map((x) => dateKind(+x.getAttribute("numFmtId"), codes[x.getAttribute("numFmtId")])) : [];
}

const two = (n) => `0${n}`.slice(-2);
// Serial days since 1899-12-30; before March 1900 the programs count a day that never was.
function dateText(v, kind, is1904) {
  const days = v + (is1904 ? 1462 : v < 60 ? 1 : 0);
  const d = new Date(Math.round((days - 25569) * 86400) * 1000);
  if (Number.isNaN(d.getTime())) return String(v);
  const day = `${`000${d.getUTCFullYear()}`.slice(-4)}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`;
  const hour = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
  return kind === "date" ? day : kind === "time" ? hour : `${day} ${hour}`;
}

function numberText(raw, kind, is1904) {
  const v = Number(raw);
  if (raw === "" || Number.isNaN(v)) return raw;
  if (kind) return dateText(v, kind, is1904);
  return String(Number(v.toPrecision(15)));
}

function columnOf(ref) {
  const m = /^([A-Z]{1,3})\d+$/.exec(ref || "");
  return m ? Array.from(m[1]).reduce((n, c) => n * 26 + c.charCodeAt(0) - 64, 0) - 1 : -1;
}

// Characters XML cannot hold stand as _xHHHH_.
const spelled = (s) => s.replace(/_x([0-9A-Fa-f]{4})_/g, (m, h) => String.fromCharCode(parseInt(h, 16)));

function cellText(c, book) {
  const type = c.getAttribute("t") || "n";
  if (type === "inlineStr") return spelled(textOf(c));
  const v = all(c, "v")[0];
  const raw = v ? v.textContent : "";
  if (type === "s") return book.strings[+raw] || "";
  if (type === "str") return spelled(raw);
  if (type === "b") return raw === "1" ? "true" : "false";
  if (type === "e") return "";
  if (type === "d") return raw.slice(0, 10);
  return numberText(raw, book.styles[+(c.getAttribute("s") || 0)], book.is1904);
}

function rowsOf(doc, book) {
  const out = [];
  all(doc, "row").forEach((row) => {
    const no = +(row.getAttribute("r") || out.length + 1);
    const cells = [];
    all(row, "c").forEach((c) => {
      const at = c.getAttribute("r") ? columnOf(c.getAttribute("r")) : cells.length;
      const text = cellText(c, book);
      if (text === "") return;
      if (at < 0 || at >= colsMax) throw bad("sheet.wide");
      cells[at] = text.slice(0, cellMax);
    });
    if (!cells.length) return;
    if (!(no > out.length) || no > 1048576) throw bad("sheet.damaged");
    if (out.length >= rowsMax || no > rowsMax * 10) throw bad("sheet.long");
    while (out.length < no - 1) out.push([]); // row numbers stay what the person sees
    out.push(Array.from(cells, (x) => x || ""));
  });
  return out;
}

// The sheets of a workbook by name; rows(i) reads one.
export function openXlsx(buffer) {
  const b = new Uint8Array(buffer);
  if (b.length > fileMax) throw bad("sheet.large");
  if (b.length > 8 && b[0] === 0xd0 && b[1] === 0xcf && b[2] === 0x11) throw bad("sheet.locked");
  const dir = directory(b);
  const doc = xml(b, dir, "xl/workbook.xml");
  const rels = xml(b, dir, "xl/_rels/workbook.xml.rels");
  if (!doc || !rels) throw bad("sheet.not_xlsx");
  const target = {};
  all(rels, "Relationship").forEach((r) => (target[r.getAttribute("Id")] = r.getAttribute("Target") || ""));
  const pr = all(doc, "workbookPr")[0];
  const sheets = all(doc, "sheet").map((s) => {
    const of = Array.from(s.attributes).find((x) => x.localName === "id" && x.namespaceURI);
    const id = of ? of.value : "";
    const to = target[id] || "";
    return { name: s.getAttribute("name") || "", path: to[0] === "/" ? to.slice(1) : `xl/${to}` };
  });
  if (!sheets.length) throw bad("sheet.not_xlsx");
  const book = { is1904: !!pr && /^(1|true)$/.test(pr.getAttribute("date1904") || "") };
  return {
    names: sheets.map((s) => s.name),
    rows(i) {
      const strings = xml(b, dir, "xl/sharedStrings.xml");
      book.strings = strings ? all(strings, "si").map((s) => spelled(textOf(s))) : [];
      book.styles = stylesOf(xml(b, dir, "xl/styles.xml"));
      const sheet = xml(b, dir, sheets[i].path);
      if (!sheet) throw bad("sheet.damaged");
      return rowsOf(sheet, book);
    },
  };
}

// The way everything goes to the node: one reader there, whatever the file was. A text that begins as a
// formula gets the apostrophe the node takes off again (protocol/base/csv.c).
const guarded = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
export const toCsv = (rows) =>
  rows.map((r) => r.map((c) => `"${(guarded.test(c) ? `'${c}` : c).replace(/"/g, '""')}"`).join(",")).join("\r\n");

// SPDX-License-Identifier: Apache-2.0
// The tables of record kinds, as the node describes them, drive forms, lists and details: nothing in
// the pages knows a single field by name.
import { has, t, tt } from "./i18n.js";
import { useOnce } from "./load.js";
import { isDate, isPeriod } from "./when.js";

// kind.referral.decline.reason, else kind.referral.reason: the steps of a workflow share most labels.
function keysOf(scope, f, rest) {
  const own = f.outer ? `${scope.replace(/\.[^.]*$/, "")}.${f.outer}` : scope;
  const name = `${f.inner || f.name}${rest}`;
  const keys = [`${own}.${name}`];
  if (own.split(".").length > 2) keys.push(`${own.replace(/\.[^.]*$/, "")}.${name}`);
  return keys;
}
export const fieldLabel = (scope, f) => tt(...keysOf(scope, f, ""));
export const choiceLabel = (scope, f, c) => (f.labels && f.labels[c]) || tt(...keysOf(scope, f, `.${c}`));
export const fieldHelp = (scope, f) => {
  const keys = keysOf(scope, f, ".help");
  // A member of the consent shares labels with its neighbours, not their help.
  const key = (f.outer ? keys.slice(0, 1) : keys).find(has);
  return key ? t(key) : "";
};

// Words that platforms have added to a table's open lists, renamed or taken out of use.
function addCodes(fields, codes) {
  fields.forEach((f) => {
    const own = codes.filter((c) => f.open && c.list === f.open);
    if (!own.length) return;
    f.choices = f.choices.concat(own.map((c) => c.code).filter((c) => f.choices.indexOf(c) < 0));
    f.labels = own.reduce((o, c) => ({ ...o, [c.code]: c.label }), {});
    f.off = own.filter((c) => c.off).map((c) => c.code);
  });
}
// What there is to choose: what is in use, and what the record says already.
export const offered = (f, has) => f.choices.filter((c) => has.indexOf(c) >= 0 || !f.off || f.off.indexOf(c) < 0).concat(has.filter((c) => c && f.choices.indexOf(c) < 0));

// The tables of all kinds, read once.
export function useKinds() {
  const all = useOnce("/api/kinds");
  const { data } = all;
  if (data && data.codes) {
    data.kinds.forEach((k) => addCodes(k.fields, data.codes));
    Object.keys(data.referral.events).forEach((e) => addCodes(data.referral.events[e], data.codes));
    delete data.codes;
  }
  return all;
}

// Some integers on the wire count a small unit. People read and type the large one.
const digitsOf = (f) => f.digits || 0;

function unscale(n, k) {
  if (!k) return String(n);
  const s = String(Math.abs(n)).padStart(k + 1, "0");
  const frac = s.slice(-k).replace(/0+$/, "");
  return `${n < 0 ? "-" : ""}${s.slice(0, -k)}${frac ? `.${frac}` : ""}`;
}
// The integer, or null when the text is no such number. Done on digits: 0.29 * 100 is not 29.
function scale(s, k) {
  const m = /^(-?)(\d{1,13})(?:\.(\d*))?$/.exec(s);
  if (!m || (m[3] || "").length > k || (m[3] !== undefined && !k)) return null;
  const n = +(m[2] + (m[3] || "").padEnd(k, "0"));
  return n > 999999999999999 ? null : m[1] ? -n : n;
}

// An object inside an event (the consent) comes with its own table and is typed like the rest; its
// members travel as "consent.by" through the form and are put together again by toContent().
export function spread(fields, tables) {
  const out = [];
  fields.forEach((f) => {
    if (f.type !== "object" || !tables || !tables[f.name]) {
      out.push(f);
      return;
    }
    tables[f.name].forEach((g) => out.push({ ...g, name: `${f.name}.${g.name}`, inner: g.name, outer: f.name, max: g.max }));
  });
  return out;
}
const pick = (d, f) => (d ? (f.outer ? (d[f.outer] || {})[f.inner] : d[f.name]) : undefined);

// Bytes, objects and what the node fills by itself are not for typing.
export const typed = (f) => !f.auto && !f.given && !f.held && f.type !== "b64u" && f.type !== "object";
export const fieldWith = (fields, flag) => fields.find((f) => f[flag]);

// Of a row's members: what tells it apart is the page's to give, choices belong to where one chooses.
const asked = { choices: (row) => /^choice/.test(row.type) };
export const rowFields = (f, row) =>
  f.rows.filter((g) => !g.auto && (!asked[g.name] || asked[g.name](row))).map((g) => (asked[g.name] ? { ...g, required: true } : g));
export function newRow(f, list) {
  const key = f.rows.find((g) => g.key && g.auto);
  const row = toForm(f.rows, null);
  for (let i = list.length + 1; key && !row[key.name]; i++) if (!list.some((r) => r[key.name] === `q${i}`)) row[key.name] = `q${i}`;
  return row;
}

export function toForm(fields, d) {
  const v = {};
  fields.forEach((f) => {
    const x = pick(d, f);
    if (f.type === "bool") v[f.name] = x === true;
    else if (f.type === "rows") v[f.name] = (Array.isArray(x) ? x : []).map((row) => toForm(f.rows, row));
    else if (f.type === "enums" || f.type === "files") v[f.name] = Array.isArray(x) ? x : [];
    else if (f.type === "texts") v[f.name] = Array.isArray(x) ? x.join("\n") : "";
    else if (x === undefined || x === null) v[f.name] = f.preset !== undefined ? f.preset : f.type === "enum" && f.required && f.state && !d ? f.choices[0] : "";
    else if (f.type === "int") v[f.name] = unscale(x, digitsOf(f));
    else v[f.name] = String(x);
  });
  return v;
}

const points = (s) => Array.from(s).length;
const lines = (s) => s.split("\n").map((l) => l.trim()).filter(Boolean);

function intFault(f, n) {
  const k = digitsOf(f);
  if (n === null) return { key: k ? "check.decimal" : "check.int", vars: { digits: k } };
  return n < f.min || n > f.max ? { key: "check.range", vars: { min: unscale(f.min, k), max: unscale(f.max, k) } } : null;
}

function rowsFault(f, list) {
  if (list.length < f.min) return { key: "check.required" };
  if (list.length > f.max) return { key: "check.count", vars: f };
  for (let i = 0; i < list.length; i++) {
    const g = rowFields(f, list[i]).find((x) => fault(x, list[i][x.name]));
    if (g) return { key: "check.row", vars: { n: i + 1, at: g, fault: fault(g, list[i][g.name]) } };
  }
  return null;
}
// A fault in words; scope is where the field's labels stand.
export function faultText(scope, f, x) {
  if (x.key !== "check.row") return t(x.key, x.vars);
  return t(x.key, { n: x.vars.n, field: fieldLabel(`${scope}.${f.name}`, x.vars.at), fault: t(x.vars.fault.key, x.vars.fault.vars) });
}

// The same of what the node said about a member: "questions.3.choices" is line 3 of the list.
export function refusalText(scope, f, member, text) {
  const [, n, name] = member.split(".");
  const at = f.type === "rows" && f.rows.find((g) => g.name === name);
  return at ? t("check.row", { n, field: fieldLabel(`${scope}.${f.name}`, at), fault: text }) : text;
}

// The fault of one value as {key, vars}, or null. The node checks again; this only answers sooner.
export function fault(f, x) {
  if (f.type === "rows") return rowsFault(f, x);
  if (f.type === "files") return x.length > f.max ? { key: "check.count", vars: f } : x.some((y) => y.upload) ? { key: "check.files" } : null;
  if (f.type === "bool") return f.required && f.must && !x ? { key: "check.required" } : null;
  if (f.type === "enums" || f.type === "texts") {
    const n = f.type === "enums" ? x.length : lines(x).length;
    if (n === 0) return f.required ? { key: "check.required" } : null;
    if (n < f.min || n > f.max) return { key: "check.count", vars: f };
    return f.type === "texts" && lines(x).some((l) => points(l) > 80) ? { key: "check.line" } : null;
  }
  const s = x.trim();
  if (s === "") return f.required && !f.own_area && !f.since ? { key: "check.required" } : null;
  switch (f.type) {
    case "int":
      return intFault(f, scale(s, digitsOf(f)));
    case "time":
      return isDate(s.slice(0, 10)) && /^.{10}T([01]\d|2[0-3]):[0-5]\d$/.test(s) ? null : { key: "check.time" };
    case "date":
      return isDate(s) ? null : { key: "check.date" };
    case "period":
      return isPeriod(s) ? null : { key: "check.period" };
    case "area":
      return /^\d{2,12}$/.test(s) ? null : { key: "check.area" };
    case "text":
    case "long":
      return points(s) < f.min || points(s) > f.max ? { key: "check.length", vars: f } : null;
    default:
      return null;
  }
}

// What is to be sent of one value; undefined: nothing.
function content(f, x, before) {
  switch (f.type) {
    case "bool":
      return x || f.required || before !== undefined ? !!x : undefined;
    case "rows":
      return x.length ? x.map((row) => toContent(f.rows.filter((g) => g.auto).map((g) => ({ ...g, auto: false })).concat(rowFields(f, row)), row)) : undefined;
    case "files":
      return x.length ? x : undefined;
    case "enums":
      return x.length ? offered(f, x).filter((c) => x.indexOf(c) >= 0) : undefined;
    case "texts":
      return lines(x).length ? lines(x) : undefined;
    case "int":
      return x.trim() === "" ? undefined : scale(x.trim(), digitsOf(f));
    case "long":
      return x.trim() === "" ? undefined : x.replace(/\r\n?/g, "\n").trim();
    default:
      return x.trim() === "" ? undefined : x.trim();
  }
}

export function toContent(fields, values, before) {
  const d = {};
  fields.forEach((f) => {
    const old = pick(before, f);
    // What a form does not show (bytes, objects) stays as it was.
    const x = typed(f) ? content(f, values[f.name], old) : old;
    if (x === undefined) return;
    if (f.outer) (d[f.outer] = d[f.outer] || {})[f.inner] = x;
    else d[f.name] = x;
  });
  return d;
}

// A value as text for lists and details.
export function show(scope, f, x, names) {
  if (x === undefined || x === null || x === "") return "";
  if (f.type === "bool") return t(x ? "word.yes" : "word.no");
  if (f.type === "enum") return choiceLabel(scope, f, x);
  if (f.type === "enums") return Array.isArray(x) ? x.map((c) => choiceLabel(scope, f, c)).join(t("word.comma")) : String(x);
  if (f.type === "files" && Array.isArray(x)) return x.map((y) => y.name).join(t("word.comma"));
  if (f.type === "rows" && Array.isArray(x)) return x.map((row) => row[(fieldWith(f.rows, "title") || f.rows[0]).name]).join(t("word.comma"));
  if (f.type === "texts") return Array.isArray(x) ? x.join(t("word.comma")) : String(x);
  if (f.type === "node") return (names && names[x]) || String(x);
  if (f.type === "time") return String(x).replace("T", " ");
  if (f.type === "int" && digitsOf(f)) return unscale(x, digitsOf(f));
  // What the node counted, under the names of the fields it stands for.
  if (f.auto && typeof x === "object") return Object.keys(x).map((k) => `${fieldLabel(scope, { name: k })} ${x[k]}`).join(t("word.comma"));
  if (typeof x === "object") return JSON.stringify(x);
  return String(x);
}

// Records that name this one: [kind, field], in the order of the tables.
export const relatedTo = (kinds, name) => {
  const out = [];
  kinds.forEach((k) => k.fields.forEach((f) => f.refers && f.refers.indexOf(name) >= 0 && out.push([k, f])));
  return out;
};

// Who wrote what stands in d, where organisations file; a kind that does not say is the staff's.
export const writtenBy = (k, d) => {
  const f = fieldWith(k.fields, "by");
  return f ? (d || {})[f.name] || f.choices[0] : "";
};
// What a person of an organisation may still change: what its people wrote, while it is their turn.
export const isOpenTo = (k, d, role) => writtenBy(k, d) === "org" && stepsFrom(k, stateOf(k, d), role, "org").length > 0;
// The organisation's own form: whose it is goes without saying, and the staff's words are the staff's.
export const heldFor = (k, fields, org) =>
  org && k.filed ? fields.map((f) => (f.name === k.filed.org || k.filed.desk.indexOf(f.name) >= 0 ? { ...f, held: true } : f)) : fields;

// The states a person with this role may give a record that is in `from` ("": a new one) and was written by the
// staff or by an organisation; null: any.
export const stepsFrom = (k, from, role, by) => {
  if (!k.steps) return null;
  const out = [];
  k.steps.forEach((s) => {
    if (s.from !== from || (s.roles && s.roles.indexOf(role) < 0) || (s.by && s.by !== by)) return;
    s.to.forEach((to) => out.indexOf(to) < 0 && out.push(to));
  });
  return out;
};

// Does this step need a reason in words?
export const asksWhy = (k, from, to) => (k.steps || []).some((s) => s.from === from && s.to.indexOf(to) >= 0 && (s.why || []).indexOf(to) >= 0);

// The form's fields: of the state only what the workflow allows from where the record is.
export const fieldsFor = (k, from, role, by) => {
  const to = stepsFrom(k, from, role, by);
  if (!to) return k.fields;
  const may = (c) => c === from || to.indexOf(c) >= 0;
  return k.fields.map((f) => (f.state ? { ...f, required: true, choices: f.choices.filter(may) } : f));
};
// What is filled into a form (k.form): its questions as fields, the form itself as given.
const questionTypes = { text: "text", long: "long", int: "int", bool: "bool", date: "date", choice: "enum", choices: "enums" };
const rangeOf = { text: [1, 200], long: [1, 4000], int: [-999999999999, 999999999999], choices: [1, 40] };
export function fieldsOfForm(k, fields, template) {
  const d = template.d || {};
  const own = (f) => (f.name === "period" && d.each === "once") || (f.refers && d.about === "none");
  const questions = (d.questions || []).map((q) => ({
    name: `${k.form.answers}.${q.name}`,
    inner: q.name,
    outer: k.form.answers,
    label: q.label,
    help: q.hint,
    required: !!q.required,
    type: questionTypes[q.type] || "object",
    min: (rangeOf[q.type] || [0])[0],
    max: (rangeOf[q.type] || [0, 0])[1],
    choices: q.choices,
    labels: (q.choices || []).reduce((o, c) => ({ ...o, [c]: c }), {}),
  }));
  return [].concat(
    ...fields
      .filter((f) => !own(f))
      .map((f) => {
        if (f.name === k.form.answers) return questions;
        if (f.name === k.form.template) return [{ ...f, given: true }];
        return [f.refers || f.name === "period" ? { ...f, required: true } : f];
      }),
  );
}

// A record that does not say its state is in the first one.
export const stateOf = (k, d) => {
  const f = fieldWith(k.fields, "state");
  return f ? (d || {})[f.name] || f.choices[0] : "";
};

export const recordScope = (kind) => `kind.${kind}`;
export const eventScope = (ev) => `kind.referral.${ev}`;

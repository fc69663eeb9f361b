// SPDX-License-Identifier: Apache-2.0
// A table becomes records: choose the file, look at what each column is and what the rows become, then
// let it go in. The node does all of it; this page sends bytes and shows.
import { useEffect, useState } from "preact/hooks";
import { download, enc, get, post, query } from "../api.js";
import { base64, bytesOf, partBytes } from "../files.js";
import { t, tt } from "../i18n.js";
import { fieldLabel, fieldWith, recordScope, show, typed, useKinds } from "../kinds.js";
import { useLoad } from "../load.js";
import { Badge, Facts, Note, Problem, Rows, Stamp, Title, Waiting } from "../parts/bits.jsx";
import { useNames } from "../parts/detail.jsx";
import { mayPut } from "../roles.js";
import { go, href } from "../route.js";
import { openXlsx, toCsv } from "../xlsx.js";

const fileMax = 8 << 20;
const working = ["checking", "running", "undoing"];
const kindName = (k) => t(`kind.${k}`);
const writable = (k) => (k.shape === "state" || k.shape === "both") && k.owner !== "machine" && k.export;
// What of a kind a column may be, besides its fields.
const outer = (k) => [{ name: "id", label: t("word.id") }].concat(k.audiences.length > 1 ? [{ name: "audience", label: t("word.audience") }] : []);

async function send(kind, name, bytes, told) {
  if (bytes.length > fileMax) throw { err: "too_large", message: t("import.too_large"), body: {} };
  const { n } = await post("/api/imports", { kind, name: name.slice(-200) });
  try {
    for (let i = 0; i * partBytes < bytes.length; i++) {
      told(Math.round((100 * i * partBytes) / bytes.length));
      await post(`/api/imports/${n}/part`, { i, data: base64(bytes.subarray(i * partBytes, (i + 1) * partBytes)) });
    }
    await post(`/api/imports/${n}/read`);
  } catch (e) {
    await post(`/api/imports/${n}/drop`).catch(() => {});
    throw e;
  }
  return n;
}

const saidOf = (e) => (e.key ? { err: e.key, message: t(e.key), body: {} } : e);

function Choose({ kinds, chosen }) {
  const [kind, setKind] = useState(chosen || "org");
  const [file, setFile] = useState(null);
  const [book, setBook] = useState(null);
  const [sheet, setSheet] = useState(0);
  const [error, setError] = useState(null);
  const [done, setDone] = useState(null);
  const isBook = (f) => /\.xls[xm]?$/i.test(f.name);
  const pick = async (f) => {
    setFile(f);
    setBook(null);
    setSheet(0);
    setError(null);
    if (!f || !isBook(f)) return;
    try {
      setBook(openXlsx(await bytesOf(f)));
    } catch (e) {
      setError(saidOf(e));
    }
  };
  const start = async (e) => {
    e.preventDefault();
    setError(null);
    if (!file) {
      setError({ err: "no_file", message: t("import.no_file"), body: {} });
      return;
    }
    if (isBook(file) && !book) return; // being opened, or no workbook: said already
    setDone(0);
    try {
      const bytes = isBook(file) ? new TextEncoder().encode(toCsv(book.rows(sheet))) : new Uint8Array(await bytesOf(file));
      go(["import", "job", String(await send(kind, file.name, bytes, setDone))]);
    } catch (x) {
      setDone(null);
      setError(saidOf(x));
    }
  };
  return (
    <form class="card" onSubmit={start} noValidate>
      <Problem error={error} />
      <div class="fields">
        <div class="field">
          <label htmlFor="import-kind">{t("import.kind")}</label>
          <select id="import-kind" value={kind} onChange={(e) => setKind(e.currentTarget.value)}>
            {kinds.filter(writable).map((k) => (
              <option key={k.name} value={k.name}>
                {kindName(k.name)}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label htmlFor="import-file">{t("import.file")}</label>
          <input
            id="import-file"
            type="file"
            accept=".csv,.txt,.tsv,.xlsx,.json"
            aria-describedby="import-file-help"
            onChange={(e) => pick(e.currentTarget.files[0] || null)}
          />
          <p class="help" id="import-file-help">
            {t("import.file_help")}
          </p>
        </div>
        {book && book.names.length > 1 && (
          <div class="field">
            <label htmlFor="import-sheet">{t("import.sheet")}</label>
            <select id="import-sheet" value={String(sheet)} onChange={(e) => setSheet(+e.currentTarget.value)}>
              {book.names.map((n, i) => (
                <option key={n} value={String(i)}>
                  {n}
                </option>
              ))}
            </select>
          </div>
        )}
      </div>
      <p class="form-actions">
        <button type="submit" class="button primary" disabled={done !== null || !!(file && isBook(file) && !book)}>
          {done === null ? t("import.look") : t("import.sending", { percent: done })}
        </button>
      </p>
    </form>
  );
}

function Past() {
  const { data, error, reload } = useLoad("/api/imports", 5000);
  if (error) return <Problem error={error} retry={reload} />;
  if (!data || !data.imports.length) return null;
  return (
    <section class="related">
      <h2>{t("import.past")}</h2>
      <Rows
        caption={t("import.past")}
        columns={[
          { key: "name", label: t("import.file"), main: true },
          { key: "kind", label: t("import.kind"), wrap: true },
          { key: "state", label: t("word.state") },
          { key: "stored", label: t("import.count.stored"), num: true },
          { key: "by", label: t("import.by"), wrap: true },
          { key: "at", label: t("word.updated"), wrap: true },
        ]}
        rows={data.imports.map((j) => ({
          key: j.n,
          name: <a href={href(["import", "job", String(j.n)])}>{j.name}</a>,
          kind: tt(`kind.${j.kind}`, j.kind),
          state: <Badge value={j.state} text={t(`import.state.${j.state}`)} />,
          stored: j.counts.stored,
          by: j.login,
          at: <Stamp ms={j.changed} />,
        }))}
      />
    </section>
  );
}

/* ---- one import ---- */

function Columns({ k, job, plan, change, busy }) {
  const scope = recordScope(k.name);
  const first = (job.sample[0] && job.sample[0].cells) || [];
  const taken = plan.map.filter(Boolean);
  const fields = outer(k).concat(k.fields.filter((f) => f.type !== "b64u").map((f) => ({ name: f.name, label: fieldLabel(scope, f) })));
  const missing = k.fields.filter((f) => f.required && taken.indexOf(f.name) < 0);
  const set = (i, name) => change({ map: plan.map.map((x, j) => (j === i ? name : x === name ? "" : x)) });
  return (
    <section class="card">
      <h2>{t("import.columns")}</h2>
      <p class="help">{t("import.columns_help")}</p>
      {missing.length > 0 && (
        <Note tone="warn">
          <p>{t("import.missing", { fields: missing.map((f) => fieldLabel(scope, f)).join(t("word.comma")) })}</p>
        </Note>
      )}
      <Rows
        caption={t("import.columns")}
        columns={[
          { key: "head", label: t("import.column"), main: true },
          { key: "first", label: t("import.example"), wrap: true },
          { key: "field", label: t("import.field"), wrap: true },
        ]}
        rows={plan.map.map((name, i) => ({
          key: i,
          head: <span class="cut">{job.head[i] || t("import.nth", { n: i + 1 })}</span>,
          first: <span class="cut">{first[i] || ""}</span>,
          field: (
            <select aria-label={t("import.field_of", { column: job.head[i] || i + 1 })} id={`import-map-${i}`} value={name} disabled={busy} onChange={(e) => set(i, e.currentTarget.value)}>
              <option value="">{t("import.leave")}</option>
              {fields.map((f) => (
                <option key={f.name} value={f.name}>
                  {f.label}
                </option>
              ))}
            </select>
          ),
        }))}
      />
    </section>
  );
}

function Wishes({ k, plan, change, busy }) {
  return (
    <section class="card">
      <div class="fields">
        <div class="field">
          <label htmlFor="import-doubles">{t("import.doubles")}</label>
          <select id="import-doubles" value={plan.doubles} disabled={busy} onChange={(e) => change({ doubles: e.currentTarget.value })}>
            {["skip", "update", "new"].map((d) => (
              <option key={d} value={d}>
                {t(`import.doubles.${d}`)}
              </option>
            ))}
          </select>
          <p class="help">{t("import.doubles_help")}</p>
        </div>
        {k.audiences.length > 1 && (
          <div class="field">
            <label htmlFor="import-audience">{t("word.audience")}</label>
            <select id="import-audience" value={plan.audience || k.audience} disabled={busy} onChange={(e) => change({ audience: e.currentTarget.value })}>
              {k.audiences.map((a) => (
                <option key={a} value={a}>
                  {t(`audience.${a}`)}
                </option>
              ))}
            </select>
          </div>
        )}
      </div>
    </section>
  );
}

const tone = { new: "good", update: "calm", same: "plain", skip: "warn", bad: "bad", stored: "good", refused: "bad", kept: "warn", undone: "plain" };
const fate = (r) => r.st || r.act;
const Fate = ({ row }) => (fate(row) ? <Badge tone={tone[fate(row)]} text={t(`import.fate.${fate(row)}`)} /> : null);

// The first rows, as they will be: the columns that say most, the rest in the record.
function Preview({ k, job, me }) {
  const scope = recordScope(k.name);
  const names = useNames();
  const taken = job.plan.map.filter(Boolean);
  const fields = k.fields.filter((f) => taken.indexOf(f.name) >= 0 && typed(f) && f.type !== "long").slice(0, 5);
  const title = fieldWith(k.fields, "title");
  return (
    <section class="related by-row">
      <h2>{t("import.preview")}</h2>
      <Rows
        caption={t("import.preview")}
        columns={[{ key: "no", label: t("import.row"), main: true }, { key: "fate", label: t("import.becomes") }]
          .concat(fields.map((f) => ({ key: f.name, label: fieldLabel(scope, f), num: f.type === "int", wrap: true })))
          .concat({ key: "say", label: t("import.what"), wrap: true })}
        rows={job.sample.map((r) => {
          const d = r.d || {};
          const out = { key: r.no, no: r.no, fate: <Fate row={r} />, say: r.message };
          if (r.st === "stored") out.no = <a href={href(["r", k.name, me.node.id, r.rec])}>{r.no}</a>;
          fields.forEach((f) => {
            const i = job.plan.map.indexOf(f.name);
            const raw = (r.cells || [])[i];
            out[f.name] = <span class="cut">{f === title || r.d ? show(scope, f, d[f.name], names) || raw : raw}</span>;
          });
          return out;
        })}
      />
    </section>
  );
}

function Bad({ job }) {
  const [more, setMore] = useState({ at: "", rows: [], next: null });
  const [error, setError] = useState(null);
  const at = `${job.n} ${job.state}`;
  const own = more.at === at ? more : { rows: [], next: job.next || null };
  const rows = job.bad.concat(own.rows);
  if (!rows.length) return null;
  const load = () =>
    get(`/api/imports/${job.n}${query({ after: own.next })}`).then(
      (d) => setMore({ at, rows: own.rows.concat(d.bad), next: d.next || null }),
      setError,
    );
  return (
    <section class="related by-row">
      <header class="related-head">
        <h2>{t("import.bad")}</h2>
        <button type="button" class="button small" onClick={() => download(`/api/imports/${job.n}/bad`).catch(setError)}>
          {t("import.bad_file")}
        </button>
      </header>
      <p class="help">{t("import.bad_help")}</p>
      <Problem error={error} />
      <Rows
        caption={t("import.bad")}
        columns={[
          { key: "no", label: t("import.row"), main: true },
          { key: "say", label: t("import.what"), wrap: true },
        ]}
        rows={rows.map((r) => ({ key: r.no, no: r.no, say: r.message }))}
      />
      {own.next && (
        <p class="centre">
          <button type="button" class="button" onClick={load}>
            {t("list.more")}
          </button>
        </p>
      )}
    </section>
  );
}

const told = ["new", "update", "same", "skip", "bad", "stored", "refused", "undone", "kept"];

function Job({ n, kinds, me }) {
  const [fast, setFast] = useState(true);
  const { data: job, error, reload } = useLoad(`/api/imports/${enc(n)}`, fast ? 700 : undefined);
  const [trouble, setTrouble] = useState(null);
  const [ask, setAsk] = useState("");
  const busy = !!job && working.indexOf(job.state) >= 0;
  useEffect(() => setFast(!job || busy), [job && job.state]);
  if (!job) return error ? <Problem error={error} retry={reload} /> : <Waiting />;
  const k = kinds.find((x) => x.name === job.kind);
  const act = (step, body) => {
    setTrouble(null);
    setAsk("");
    post(`/api/imports/${n}/${step}`, body).then(() => {
      if (step === "drop") go(["import"]);
      else {
        setFast(true);
        reload();
      }
    }, setTrouble);
  };
  const change = (part) => act("plan", { plan: { ...job.plan, ...part } });
  const good = job.counts.new + job.counts.update;
  const sure = (step, key, vars) =>
    ask === step ? (
      <section class="note note-warn ask" role="group" aria-label={t(`import.${step}`)}>
        <p>{t(key, vars)}</p>
        <button type="button" class="button danger" onClick={() => act(step)}>
          {t(`import.${step}_yes`)}
        </button>
        <button type="button" class="button" onClick={() => setAsk("")}>
          {t("action.cancel")}
        </button>
      </section>
    ) : (
      <button type="button" class="button danger" onClick={() => setAsk(step)}>
        {t(`import.${step}`)}
      </button>
    );
  return (
    <>
      <section class="card">
        <p class="meta" role="status">
          <Badge value={job.state} text={t(`import.state.${job.state}`)} />
          <span>{kindName(job.kind)}</span>
          <span>{t("import.rows", { n: job.rows })}</span>
          {busy && <progress value={job.at} max={job.rows + 1} aria-label={t(`import.state.${job.state}`)} />}
        </p>
        <Facts rows={told.filter((c) => job.counts[c] > 0).map((c) => [t(`import.count.${c}`), String(job.counts[c])])} />
        <Problem error={trouble || error} />
        {job.state === "checked" && (
          <p class="form-actions">
            <button type="button" class="button primary" disabled={!good} onClick={() => act("start")}>
              {t(job.counts.bad ? "import.start_good" : "import.start", { n: good })}
            </button>
          </p>
        )}
        <div class="form-actions">
          {job.state === "done" && sure("undo", "import.undo_ask", { n: job.counts.stored })}
          {["loading", "checked", "done", "undone"].indexOf(job.state) >= 0 && sure("drop", job.state === "done" ? "import.drop_ask_done" : "import.drop_ask")}
        </div>
      </section>
      {job.state === "checked" && k && <Columns k={k} job={job} plan={job.plan} change={change} busy={busy} />}
      {job.state === "checked" && k && <Wishes k={k} plan={job.plan} change={change} busy={busy} />}
      <Bad job={job} />
      {k && job.plan && job.state !== "checking" && <Preview k={k} job={job} me={me} />}
    </>
  );
}

export function Import({ me, route }) {
  const { data, error, reload } = useKinds();
  const [, what, n] = route.path;
  const job = what === "job" && /^\d+$/.test(n || "");
  const kinds = data ? data.kinds.filter((k) => mayPut(me, k.name)) : null;
  return (
    <>
      <Title text={t("import.title")} back={job ? href(["import"]) : undefined} />
      {!job && <p class="lead">{t("import.lead")}</p>}
      <Problem error={error} retry={reload} />
      {!kinds && !error && <Waiting />}
      {kinds && (job ? <Job key={n} n={n} kinds={kinds} me={me} /> : <Choose key={what} kinds={kinds} chosen={kinds.some((k) => k.name === what && writable(k)) ? what : ""} />)}
      {kinds && !job && <Past />}
    </>
  );
}

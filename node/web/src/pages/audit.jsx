// SPDX-License-Identifier: Apache-2.0
// The audit log for those who have to look after it: the administrator and the supervisor.
import { useState } from "preact/hooks";
import { get, query } from "../api.js";
import { has, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Problem, Rows, Stamp, Title, Waiting } from "../parts/bits.jsx";
import { amend } from "../route.js";

// What is written down is the route or the command; people get words where there are some.
const or = (key, text) => (has(key) ? t(key) : text);
const whatText = (what) => or(`audit.what.${what.replace(/\s+/g, "_")}`, what);
const outcome = (result) => (result === "ok" ? t("audit.ok") : or(`audit.result.${result}`, or(`err.${result}`, result)));

export function Audit({ route }) {
  const who = route.params.who || "";
  const path = `/api/audit${query({ who })}`;
  const { data, error, reload } = useLoad(path);
  const [typed, setTyped] = useState(who);
  const [older, setOlder] = useState({ path: "", rows: [], end: false, error: null });
  const more = older.path === path ? older : { path, rows: [], end: false, error: null };
  const all = ((data && data.rows) || []).concat(more.rows);
  const last = all.length > 0 ? all[all.length - 1].n : 0;
  const load = () =>
    get(`/api/audit${query({ who, before: last })}`).then(
      (d) => setOlder({ path, rows: more.rows.concat(d.rows), end: d.rows.length === 0, error: null }),
      (e) => setOlder({ ...more, error: e }),
    );
  const rows = all.map((a) => ({
    key: a.n,
    what: whatText(a.what),
    when: <Stamp ms={a.ts} />,
    who: <code>{a.who}</code>,
    target: a.target && <code>{a.target}</code>,
    result: outcome(a.result),
  }));
  return (
    <>
      <Title text={t("nav.audit")} />
      <p>{t("audit.lead")}</p>
      <form
        class="card filters stay"
        onSubmit={(e) => {
          e.preventDefault();
          amend(["audit"], { who: typed.trim() });
        }}
      >
        <div class="field">
          <label htmlFor="audit-who">{t("audit.person")}</label>
          <input id="audit-who" type="text" value={typed} autoCapitalize="none" spellcheck={false} onInput={(e) => setTyped(e.currentTarget.value)} />
        </div>
        <button type="submit" class="button">
          {t("audit.show")}
        </button>
      </form>
      <Problem error={error || more.error} retry={error ? reload : load} />
      {!data && !error && <Waiting />}
      {data && rows.length === 0 && (
        <div class="card empty">
          <p>{t("audit.none")}</p>
        </div>
      )}
      {rows.length > 0 && (
        <Rows
          caption={t("nav.audit")}
          columns={[
            { key: "what", label: t("audit.what"), main: true },
            { key: "when", label: t("audit.when") },
            { key: "who", label: t("audit.who") },
            { key: "target", label: t("audit.target"), wrap: true },
            { key: "result", label: t("audit.result"), wrap: true },
          ]}
          rows={rows}
        />
      )}
      {rows.length > 0 && !more.end && last > 1 && (
        <p>
          <button type="button" class="button" onClick={load}>
            {t("audit.more")}
          </button>
        </p>
      )}
    </>
  );
}

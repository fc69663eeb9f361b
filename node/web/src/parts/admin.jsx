// SPDX-License-Identifier: Apache-2.0
// Small pieces of the administrator's pages.
import { useState } from "preact/hooks";
import { post, sentence } from "../api.js";
import { t } from "../i18n.js";
import { Note, Problem, Rows, Waiting } from "./bits.jsx";

export function Choice({ id, label, value, onInput, options }) {
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(e) => onInput(e.currentTarget.value)}>
        {options.map(([v, text]) => (
          <option key={v} value={v}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

// Pressed twice, not by mistake: a program stops at once.
export function Sure({ path, name, ask, go, done }) {
  const [sure, setSure] = useState(false);
  const [error, setError] = useState(null);
  if (error) return <Problem error={error} retry={() => setError(null)} />;
  if (!sure)
    return (
      <button type="button" class="button small" aria-label={`${ask}: ${name}`} onClick={() => setSure(true)}>
        {ask}
      </button>
    );
  return (
    <span class="line">
      <button type="button" class="button small danger" onClick={() => post(path).then(done, setError)}>
        {go}
      </button>
      <button type="button" class="link" onClick={() => setSure(false)}>
        {t("admin.keep")}
      </button>
    </span>
  );
}

// What is typed into a form of these pages until the node has made what it asks for. made(answer, body)
export function useMaking(blank, made) {
  const [v, set] = useState(blank);
  const [problem, refuse] = useState("");
  const [busy, setBusy] = useState(false);
  const change = (k) => (x) => set((s) => ({ ...s, [k]: typeof x === "function" ? x(s[k]) : x }));
  const send = (path, body) => {
    setBusy(true);
    refuse("");
    post(path, body).then(
      (x) => {
        setBusy(false);
        set(blank);
        made({ ...x, name: body.name });
        window.scrollTo(0, 0);
      },
      (e) => {
        setBusy(false);
        refuse(sentence(e));
      },
    );
  };
  return { v, change, problem, refuse, busy, send };
}

// A secret is shown once, to be copied.
export const Once = ({ id, lead, text }) => (
  <Note tone="good">
    <p>{lead}</p>
    <p>
      <code class="key" id={id}>
        {text}
      </code>
    </p>
  </Note>
);

// What there is of something, or that there is nothing yet.
export function Shelf({ data, error, reload, none, caption, columns, rows }) {
  return (
    <>
      <Problem error={error} retry={reload} />
      {!data && !error && <Waiting />}
      {data && rows.length === 0 && (
        <div class="card empty">
          <p>{none}</p>
        </div>
      )}
      {rows.length > 0 && <Rows caption={caption} columns={columns} rows={rows} />}
    </>
  );
}

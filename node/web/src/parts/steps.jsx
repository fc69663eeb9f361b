// SPDX-License-Identifier: Apache-2.0
// The steps a record may take next, and what the staff have said of what an organisation filed.
import { useState } from "preact/hooks";
import { enc, post } from "../api.js";
import { t } from "../i18n.js";
import { choiceLabel, fieldLabel, fieldWith, recordScope, stateOf, stepsFrom, writtenBy } from "../kinds.js";
import { orgOf } from "../roles.js";
import { Note, Problem } from "./bits.jsx";

// What the staff have said of it, before anything else an organisation reads in its own form.
export function Desk({ k, d, me }) {
  const said = orgOf(me) && k.filed ? k.fields.filter((f) => k.filed.desk.indexOf(f.name) >= 0 && d[f.name]) : [];
  if (!said.length) return null;
  return (
    <Note tone={stateOf(k, d) === "returned" ? "warn" : undefined}>
      {said.map((f) => (
        <p key={f.name} class="long">
          <strong>{`${fieldLabel(recordScope(k.name), f)}${t("word.colon")}`}</strong>
          {d[f.name]}
        </p>
      ))}
    </Note>
  );
}

// The next states this person may give it, one press each. What a state asks for besides (a reason) is
// said, and typed in the form.
export function Steps({ k, record, me, reload }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const f = fieldWith(k.fields, "state");
  const to = stepsFrom(k, stateOf(k, record.d), me.role, writtenBy(k, record.d));
  if (!f || !to || !to.some((s) => s !== stateOf(k, record.d))) return null;
  const scope = recordScope(k.name);
  const go = (state) => {
    setBusy(true);
    setError(null);
    post(`/api/records/${enc(k.name)}`, { id: record.id, seen_r: record.r, d: { ...record.d, [f.name]: state } }).then(
      () => {
        setBusy(false);
        reload();
      },
      (e) => {
        setBusy(false);
        setError(e);
        if (e.err === "conflict") reload();
      },
    );
  };
  return (
    <section class="steps" aria-label={t("word.state")}>
      <Problem error={error} />
      {to.filter((s) => s !== stateOf(k, record.d)).map((s) => (
        <button key={s} type="button" class="button" disabled={busy} onClick={() => go(s)}>
          {t("step.to", { state: choiceLabel(scope, f, s) })}
        </button>
      ))}
    </section>
  );
}

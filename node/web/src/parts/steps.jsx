// SPDX-License-Identifier: Apache-2.0
// The steps a record may take next, and what the staff have said of what an organisation filed.
import { useState } from "preact/hooks";
import { enc, post } from "../api.js";
import { t } from "../i18n.js";
import { asksWhy, choiceLabel, fieldLabel, fieldWith, recordScope, stateOf, stepsFrom, writtenBy } from "../kinds.js";
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

// The next states this person may give it, one press each; a step that tells somebody no asks for its
// reason first. What a state asks for besides is said, and typed in the form.
export function Steps({ k, record, me, reload }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState(null); // the state that waits for its reason
  const [why, setWhy] = useState("");
  const f = fieldWith(k.fields, "state");
  const to = stepsFrom(k, stateOf(k, record.d), me.role, writtenBy(k, record.d));
  if (!f || !to || !to.some((s) => s !== stateOf(k, record.d))) return null;
  const scope = recordScope(k.name);
  const reason = k.fields.filter((x) => x.name === "reason")[0];
  const go = (state, more) => {
    setBusy(true);
    setError(null);
    post(`/api/records/${enc(k.name)}`, { id: record.id, seen_r: record.r, d: { ...record.d, ...more, [f.name]: state } }).then(
      () => {
        setBusy(false);
        setAsked(null);
        setWhy("");
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
        <button
          key={s}
          type="button"
          class="button"
          disabled={busy}
          aria-expanded={asksWhy(k, stateOf(k, record.d), s) ? asked === s : undefined}
          onClick={() => (asksWhy(k, stateOf(k, record.d), s) ? setAsked(asked === s ? null : s) : go(s))}
        >
          {t("step.to", { state: choiceLabel(scope, f, s) })}
        </button>
      ))}
      {asked && (
        <form
          class="answering"
          onSubmit={(e) => {
            e.preventDefault();
            go(asked, { reason: why.trim() });
          }}
        >
          <div class="field field-wide">
            <label htmlFor="step-reason">{t("step.why", { state: choiceLabel(scope, f, asked) })}</label>
            <textarea id="step-reason" rows={3} maxLength={reason.max} value={why} onInput={(e) => setWhy(e.currentTarget.value)} />
          </div>
          <button type="submit" class="button primary" disabled={busy}>
            {t("step.say")}
          </button>
        </form>
      )}
    </section>
  );
}

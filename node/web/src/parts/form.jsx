// SPDX-License-Identifier: Apache-2.0
// The form for every kind and every event. What is typed lies in the browser's storage at every
// keystroke and at the node at every pause, and goes away only after the node has answered with the
// record's id: a closed page, an ended session, a dead battery or another telephone loses nothing.
import { Fragment } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { sentence } from "../api.js";
import { t } from "../i18n.js";
import { acceptDraft, dropDraft, fetchDraft, flushDraft, keepDraft, loadDraft } from "../drafts.js";
import { fault, faultText, fieldLabel, refusalText, toContent, toForm, typed } from "../kinds.js";
import { clock, stamp } from "../when.js";
import { Field } from "./fields.jsx";
import { Note } from "./bits.jsx";

const restore = (fields, initial, draft) => {
  const values = toForm(fields, initial);
  if (!draft) return values;
  // Only what still fits the table comes back: the kind may have changed since.
  fields.forEach((f) => {
    const x = draft.values[f.name];
    if (typeof x === typeof values[f.name] && Array.isArray(x) === Array.isArray(values[f.name])) values[f.name] = x;
  });
  return values;
};

/* fields: of the kind table; visible(f, values) hides some; fold(f) says which stand outside the
 * disclosure "more"; base: what the values are typed over (a revision), kept with the draft;
 * partly(values): answers of an inner object may still be missing; send(d, base) returns a promise and is called only with content that passed the checks here. */
export function Form({ id, scope, fields, initial, base, draft, visible, fold, partly, send, label, done, cancel, children }) {
  const own = fields.filter(typed);
  const kept = useRef(undefined);
  if (kept.current === undefined) kept.current = draft ? loadDraft(draft) : null;
  const over = useRef(undefined);
  if (over.current === undefined) over.current = kept.current && kept.current.base !== undefined ? kept.current.base : base;
  const [values, setValues] = useState(() => restore(own, initial, kept.current));
  const [restored, setRestored] = useState(kept.current ? kept.current.at : 0);
  const [saved, setSaved] = useState(null);
  const [problems, setProblems] = useState({});
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const [other, setOther] = useState(null); // what another device has kept since
  const top = useRef(null);
  const live = useRef(true);
  const touched = useRef(false);
  const take = (d, at) => {
    setValues(restore(own, initial, d));
    over.current = d.base !== undefined ? d.base : base;
    acceptDraft(draft, at);
    setRestored(at);
    setOther(null);
  };
  const told = ({ at, other: theirs }) => {
    if (!live.current) return;
    if (theirs) setOther({ ...theirs, at });
    else setSaved({ at, node: true });
  };
  useEffect(() => {
    live.current = true;
    if (draft) {
      fetchDraft(draft).then(
        (r) => {
          const mine = kept.current;
          const news = r && (!mine || !mine.node || r.at > mine.node);
          if (!live.current) return;
          if (news && (mine || touched.current)) setOther({ ...r.draft, at: r.at });
          else if (news) take(r.draft, r.at);
          else if (mine && !mine.node) keepDraft(draft, mine.values, mine.base, told);
        },
        () => {}, // the browser's own copy does, until the node answers
      );
    }
    return () => {
      live.current = false;
      if (draft) flushDraft(draft);
    };
  }, []);
  const shown = own.filter((f) => !visible || visible(f, values));
  const list = shown.filter((f) => problems[f.name]);
  const first = fold ? shown.filter(fold) : shown;
  const rest = fold ? shown.filter((f) => !fold(f)) : [];
  const [open, setOpen] = useState(false);
  const unfolded = open || rest.some((f) => problems[f.name]);

  const change = (name, x) => {
    const next = { ...values, [name]: x };
    setValues(next);
    if (problems[name]) {
      setProblems({ ...problems, [name]: undefined });
      setError(null);
    }
    touched.current = true;
    if (draft) setSaved(keepDraft(draft, next, over.current, told) ? { at: Date.now() } : { at: 0 });
  };
  const discard = () => {
    if (draft) dropDraft(draft);
    setValues(toForm(own, initial));
    over.current = base;
    kept.current = null;
    setRestored(0);
    setSaved(null);
    setProblems({});
    setError(null);
  };
  const refuse = (bad, e) => {
    setProblems(bad);
    setError(e);
    setTimeout(() => top.current && top.current.focus(), 0);
  };
  const submit = async (e) => {
    e.preventDefault();
    if (busy) return;
    const bad = {};
    shown.forEach((f) => {
      const later = f.outer && partly && partly(values);
      const x = fault(later ? { ...f, required: false } : f, values[f.name]);
      if (x) bad[f.name] = faultText(scope, f, x);
    });
    if (Object.keys(bad).length) {
      refuse(bad, null);
      return;
    }
    setBusy(true);
    setError(null);
    setProblems({});
    try {
      const reply = await send(toContent(fields.filter((f) => !typed(f) || shown.indexOf(f) >= 0), values, initial), over.current);
      if (draft) dropDraft(draft);
      if (done) done(reply);
    } catch (err) {
      // The page shows both versions of a conflict itself.
      if (err.err === "conflict") return;
      // The node names an inner member (answers.q1) or a line of a list (questions.3.label).
      const m = String(err.member || "");
      const at = shown.find((f) => f.name === m) || shown.find((f) => f.name === m.split(".")[0] || f.name === m.split(".").pop());
      if (live.current) refuse(at ? { [at.name]: refusalText(scope, at, m, sentence(err)) } : {}, err);
    } finally {
      if (live.current) setBusy(false);
    }
  };

  // Members of an inner object (the consent) stand under its name.
  const field = (f, i, all) => (
    <Fragment key={f.name}>
      {f.outer && (i === 0 || all[i - 1].outer !== f.outer) && (
        <h2 class="group">{fieldLabel(scope, { name: f.outer })}</h2>
      )}
      {input(f)}
    </Fragment>
  );
  const input = (f) => (
    <Field
      scope={scope}
      f={f}
      id={`${id}-${f.name}`}
      value={values[f.name]}
      problem={problems[f.name]}
      onInput={(x) => change(f.name, x)}
    />
  );
  return (
    <form id={id} class="form" noValidate onSubmit={submit}>
      {other && (
        <Note tone="warn">
          <p>{t("form.other", { when: stamp(other.at) })}</p>
          <button type="button" class="button small" onClick={() => take(other, other.at)}>
            {t("form.other_take")}
          </button>
          <button
            type="button"
            class="button small"
            onClick={() => {
              acceptDraft(draft, other.at);
              setOther(null);
              keepDraft(draft, values, over.current, told);
            }}
          >
            {t("form.other_keep")}
          </button>
        </Note>
      )}
      {restored > 0 && (
        <Note>
          <p>{t("form.restored", { when: stamp(restored) })}</p>
          <button type="button" class="button small" onClick={discard}>
            {t("form.discard")}
          </button>
        </Note>
      )}
      {(list.length > 0 || error) && (
        <div class="note note-bad" role="alert" tabIndex={-1} ref={top}>
          <p>{list.length ? t("form.faults", { n: list.length }) : sentence(error)}</p>
          {list.length > 0 && (
            <ul>
              {list.map((f) => (
                <li key={f.name}>
                  <button
                    type="button"
                    class="link"
                    onClick={() => {
                      const el = document.getElementById(`${id}-${f.name}`);
                      if (el) el.focus();
                    }}
                  >
                    {f.label || fieldLabel(scope, f)}
                  </button>
                  <span>{` ${problems[f.name]}`}</span>
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
      <div class="fields">{first.map(field)}</div>
      {rest.length > 0 && (
        <div class="fold">
          <button type="button" class="button small" aria-expanded={unfolded ? "true" : "false"} onClick={() => setOpen(!unfolded)}>
            {t(unfolded ? "form.less" : "form.more", { n: rest.length })}
          </button>
          {unfolded && <div class="fields">{rest.map(field)}</div>}
        </div>
      )}
      {children}
      <div class="form-foot">
        <button type="submit" class="button primary" disabled={busy}>
          {busy ? t("word.sending") : label || t("action.save")}
        </button>
        {cancel && (
          <button type="button" class="button" onClick={cancel}>
            {t("action.cancel")}
          </button>
        )}
        <span class="saved" aria-live="polite">
          {saved ? (saved.at ? t(saved.node ? "form.saved_node" : "form.saved", { when: clock(saved.at) }) : t("form.unsaved")) : ""}
        </span>
      </div>
    </form>
  );
}

// SPDX-License-Identifier: Apache-2.0
// How one asked time stands, and what may be answered to it: shared by the list and the calendar.
import { useState } from "preact/hooks";
import { post } from "../api.js";
import { t } from "../i18n.js";
import { Badge, Problem } from "./bits.jsx";

const tone = { confirmed: "good", checked_in: "good", completed: "good", held: "warn", waitlisted: "warn", asked: "calm", rejected: "bad", cancelled: "plain", withdrawn: "plain", no_show: "bad" };
const reasons = ["refused", "closed", "quota", "listing", "other"];

export const spanText = (at) => `${at.from.slice(0, 10)} ${at.from.slice(11)}–${at.to.slice(0, 10) === at.from.slice(0, 10) ? at.to.slice(11) : at.to.replace("T", " ")}`;

// The state in words, with what belongs to it: place in the line, end of the hold, reason.
export function Standing({ at }) {
  return (
    <>
      <Badge tone={tone[at.state]} text={t(`booking.state.${at.state}`)} />
      {at.state === "waitlisted" && <span>{t("booking.place", { n: at.place })}</span>}
      {at.state === "held" && <span>{t("booking.held_until", { when: at.until.replace("T", " ") })}</span>}
      {at.reason && <span>{t(`kind.booking.reason.${at.reason}`)}</span>}
      {at.cancel && <Badge tone="warn" text={t(`kind.booking.cancel.${at.cancel}`)} />}
      {at.clash && <Badge tone="bad" text={t("booking.clash")} />}
      {at.note && <q>{at.note}</q>}
    </>
  );
}

export function Entry({ e }) {
  return (
    <p class="entry">
      <strong>{`${e.from.slice(11)}–${e.to.slice(11)}`}</strong>
      <span>{e.org}</span>
      <span class="dim">{e.node_name}</span>
      <Standing at={e} />
    </p>
  );
}

// The owner's answers. One that refuses others says whom, and is asked once more.
export function Answers({ node, ask, at, reload }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const [hits, setHits] = useState(null);
  const [no, setNo] = useState(null);
  const [reason, setReason] = useState("refused");
  const [note, setNote] = useState("");
  const answer = (say, more) => {
    setBusy(true);
    setError(null);
    post("/api/bookings/answer", { node, ask, no: at.no, say, ...more }).then(
      () => {
        setBusy(false);
        setHits(null);
        setNo(null);
        reload();
      },
      (e) => {
        setBusy(false);
        if (e.err === "others_asked") setHits({ say, list: e.body.hits });
        else setError(e);
      },
    );
  };
  const press = (ev) => (ev === "reject" || ev === "cancel" ? setNo(ev) : answer(ev));
  const id = `no-${ask}-${at.no}`;
  if (!at.next || !at.next.length) return null;
  return (
    <div class="answers">
      <Problem error={error} />
      {hits && (
        <section class="note note-warn ask" role="alert">
          <p>{t("booking.hits", { n: hits.list.length })}</p>
          <button type="button" class="button primary small" disabled={busy} onClick={() => answer(hits.say, { yes: true })}>
            {t("booking.hits_yes")}
          </button>
          <button type="button" class="button small" onClick={() => setHits(null)}>
            {t("action.cancel")}
          </button>
        </section>
      )}
      {no && (
        <section class="note ask" role="group" aria-label={t(`booking.do.${no}`)}>
          {no === "reject" && (
            <div class="field">
              <label htmlFor={id}>{t("kind.booking.reason")}</label>
              <select id={id} value={reason} onChange={(e) => setReason(e.currentTarget.value)}>
                {reasons.map((r) => (
                  <option key={r} value={r}>
                    {t(`kind.booking.reason.${r}`)}
                  </option>
                ))}
              </select>
            </div>
          )}
          <div class="field">
            <label htmlFor={`${id}-note`}>{t("kind.booking.note")}</label>
            <input id={`${id}-note`} value={note} maxLength={200} onInput={(e) => setNote(e.currentTarget.value)} />
          </div>
          <button type="button" class="button danger small" disabled={busy} onClick={() => answer(no, { ...(no === "reject" ? { reason } : {}), ...(note.trim() ? { note: note.trim() } : {}) })}>
            {t(`booking.do.${no}`)}
          </button>
          <button type="button" class="button small" onClick={() => setNo(null)}>
            {t("action.cancel")}
          </button>
        </section>
      )}
      {!hits && !no && (
        <div class="steps">
          {at.next
            .filter((ev) => ev !== "keep" || at.cancel === "asked")
            .map((ev) => (
              <button key={ev} type="button" class={`button small ${ev === "confirm" ? "primary" : ""}`} disabled={busy} onClick={() => press(ev)}>
                {t(`booking.do.${ev}`)}
              </button>
            ))}
        </div>
      )}
    </div>
  );
}

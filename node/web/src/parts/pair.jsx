// SPDX-License-Identifier: Apache-2.0
// A record that others answer (a report and what the platforms above say about it): where it stands, who
// has said what, and the answer this platform may give.
import { useState } from "preact/hooks";
import { enc, post } from "../api.js";
import { t } from "../i18n.js";
import { stamp } from "../when.js";
import { Badge, Note, Problem } from "./bits.jsx";

export const PairBadge = ({ state }) => <Badge value={state} text={t(`pair.state.${state}`)} />;

function Answering({ record, pair, reload }) {
  const [reason, setReason] = useState("");
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const say = (state) => {
    setBusy(true);
    setError(null);
    const d = { about: `${record.owner}/${record.id}`, state, seen: pair.no };
    if (reason.trim()) d.reason = reason.trim();
    post(`/api/records/${enc(pair.answer_kind)}`, { id: pair.answer_id, seen_r: pair.answer_r, d }).then(
      () => {
        setBusy(false);
        setReason("");
        reload();
      },
      (e) => {
        setBusy(false);
        setError(e);
        if (e.err === "conflict" || e.err === "wrong_state") reload();
      },
    );
  };
  return (
    <div class="answering">
      <Problem error={error} />
      <div class="field field-wide">
        <label htmlFor="pair-reason">{t("pair.reason")}</label>
        <textarea id="pair-reason" rows={3} maxLength={2000} value={reason} onInput={(e) => setReason(e.currentTarget.value)} />
      </div>
      <div class="steps">
        {pair.may.map((s) => (
          <button key={s} type="button" class={`button ${s === "accepted" ? "primary" : ""}`} disabled={busy} onClick={() => say(s)}>
            {t(`pair.do.${s}`)}
          </button>
        ))}
      </div>
    </div>
  );
}

export function Pair({ record, reload }) {
  const pair = record.pair;
  if (pair.state === "draft" || pair.state === "none") return null;
  const asks = record.mine && (pair.state === "returned" || pair.state === "reopened");
  return (
    <section class={`card edge edge-${asks ? "warn" : "calm"} pair-card`}>
      <h2>{t("pair.title")}</h2>
      <p>
        <PairBadge state={pair.state} /> <span>{t("pair.times", { n: pair.no })}</span>
      </p>
      {asks && (
        <Note tone="warn">
          <p>{t("pair.fix")}</p>
        </Note>
      )}
      {pair.again && <p class="help">{t("pair.again")}</p>}
      {pair.answers.length === 0 && <p class="help">{t("pair.none")}</p>}
      <ul class="answers">
        {pair.answers.map((a) => (
          <li key={a.by}>
            <PairBadge state={a.state} /> <strong>{a.by_name || a.by}</strong> <span>{`${t("pair.times", { n: a.seen })} · ${stamp(a.ts)}`}</span>
            {a.reason && <p class="long">{a.reason}</p>}
            {a.note && <p class="long">{a.note}</p>}
          </li>
        ))}
      </ul>
      {pair.answer_kind && pair.may.length > 0 && <Answering record={record} pair={pair} reload={reload} />}
    </section>
  );
}

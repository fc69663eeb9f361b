// SPDX-License-Identifier: Apache-2.0
// A notice that asks to be acknowledged: the press for its readers, the list for its author. And where a
// matter stands in the queue, so that nobody has to telephone.
import { useState } from "preact/hooks";
import { post } from "../api.js";
import { t } from "../i18n.js";
import { mayPut } from "../roles.js";
import { Note, Problem, Rows, Stamp } from "./bits.jsx";

export function Queue({ queue }) {
  return (
    <Note>
      <p>
        <strong>{t("queue.title")}</strong> {t("queue.text", queue)}
      </p>
      {queue.due_uncertain && <p>{t("duty.uncertain")}</p>}
    </Note>
  );
}

export function Acknowledge({ record, me, reload }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const act = () => {
    setBusy(true);
    setError(null);
    post("/api/records/ack", { d: { about: `${record.owner}/${record.id}` } }).then(
      () => {
        setBusy(false);
        reload();
      },
      (e) => {
        setBusy(false);
        setError(e.err === "conflict" ? null : e);
        if (e.err === "conflict") reload();
      },
    );
  };
  return (
    <section class={`note ${record.acked ? "note-good" : "note-warn"}`} role="status">
      <p>{t(record.acked ? "ack.done" : "ack.ask")}</p>
      <Problem error={error} />
      {!record.acked && mayPut(me, "ack") && (
        <button type="button" class="button primary" disabled={busy} onClick={act}>
          {t("ack.do")}
        </button>
      )}
    </section>
  );
}

export function Acks({ list }) {
  const have = list.filter((x) => x.ts).length;
  return (
    <section class="card">
      <h2>{t("ack.title")}</h2>
      <p class="help ack-sum">{t("ack.sum", { have, all: list.length })}</p>
      <Rows
        caption={t("ack.title")}
        columns={[
          { key: "name", label: t("word.node"), main: true },
          { key: "at", label: t("ack.title"), wrap: true },
        ]}
        rows={list
          .slice()
          .sort((a, b) => (!a.ts === !b.ts ? (a.name < b.name ? -1 : 1) : a.ts ? 1 : -1))
          .map((x) => ({ key: x.node, name: x.name || x.node, at: x.ts ? <Stamp ms={x.ts} /> : t("ack.none") }))}
      />
    </section>
  );
}

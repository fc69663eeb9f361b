// SPDX-License-Identifier: Apache-2.0
// Takes a record back, after a second press.
import { useState } from "preact/hooks";
import { enc, post } from "../api.js";
import { t } from "../i18n.js";
import { Problem } from "./bits.jsx";

export function Withdraw({ k, record, reload }) {
  const [ask, setAsk] = useState(false);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const act = () => {
    setBusy(true);
    post(`/api/records/${enc(k.name)}/${enc(record.id)}/withdraw`, { seen_r: record.r }).then(
      () => {
        setBusy(false);
        setAsk(false);
        reload();
      },
      (e) => {
        setBusy(false);
        setError(e);
        // The newest version takes the page; who still means it presses again.
        if (e.err === "conflict") reload();
      },
    );
  };
  if (!ask) {
    return (
      <button type="button" class="button danger" onClick={() => setAsk(true)}>
        {t("action.withdraw")}
      </button>
    );
  }
  return (
    <section class="note note-warn ask" role="group" aria-label={t("action.withdraw")}>
      <p>{t("withdraw.ask", { title: record.title })}</p>
      <Problem error={error} />
      <button type="button" class="button danger" onClick={act} disabled={busy}>
        {t("withdraw.yes")}
      </button>
      <button type="button" class="button" onClick={() => setAsk(false)}>
        {t("action.cancel")}
      </button>
    </section>
  );
}

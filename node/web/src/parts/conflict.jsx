// SPDX-License-Identifier: Apache-2.0
// What a person sees when a colleague was faster.
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n.js";
import { fieldLabel, recordScope, show, typed } from "../kinds.js";
import { stamp } from "../when.js";
import { Rows } from "./bits.jsx";
import { useNames } from "./detail.jsx";

// Two people changed the same record: both versions side by side, and the person decides.
export function Conflict({ k, mine, theirs, keep, take, busy }) {
  const scope = recordScope(k.name);
  const names = useNames();
  const d = theirs.d || {};
  const ref = useRef(null);
  useEffect(() => {
    if (ref.current) ref.current.focus();
  }, [theirs]);
  const changed = k.fields.filter((f) => typed(f) && JSON.stringify(mine[f.name]) !== JSON.stringify(d[f.name]));
  return (
    <section class="note note-warn conflict" role="alert" tabIndex={-1} ref={ref}>
      <h2>{t("conflict.title")}</h2>
      <p>{t("conflict.lead", { when: stamp(theirs.ts) })}</p>
      <Rows
        caption={t("conflict.title")}
        columns={[
          { key: "f", label: t("conflict.field"), main: true },
          { key: "a", label: t("conflict.mine"), wrap: true },
          { key: "b", label: t("conflict.theirs"), wrap: true },
        ]}
        rows={changed.map((f) => ({
          key: f.name,
          f: fieldLabel(scope, f),
          a: show(scope, f, mine[f.name], names),
          b: show(scope, f, d[f.name], names),
        }))}
      />
      <button type="button" class="button primary" onClick={keep} disabled={busy}>
        {t("conflict.keep")}
      </button>
      <button type="button" class="button" onClick={take} disabled={busy}>
        {t("conflict.take")}
      </button>
    </section>
  );
}

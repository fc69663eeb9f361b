// SPDX-License-Identifier: Apache-2.0
// What a record changes in another one: what stands there, and what is to stand there.
import { enc } from "../api.js";
import { t } from "../i18n.js";
import { fieldLabel, recordScope, show, stateOf } from "../kinds.js";
import { useLoad } from "../load.js";
import { Rows } from "./bits.jsx";

const of = (k, d) => {
  const ref = k.effect && k.effect.was && d && d[k.effect.ref];
  const f = ref && k.fields.find((x) => x.name === k.effect.ref);
  return f ? `/api/records/me/${enc(f.refers[0])}/${enc(ref)}` : "";
};
export const changed = (k) => (k.effect && k.effect.was ? k.effect.from : []);

// The fields of its form, each with what stands there now, as far as this person may see it.
export function useNow(k, fields, d) {
  const { data } = useLoad(of(k, d));
  const now = (data && data.d) || {};
  const scope = recordScope(k.name);
  return fields.map((f) => {
    const at = changed(k).indexOf(f.name);
    const x = at < 0 ? undefined : now[k.effect.to[at]];
    return x === undefined ? f : { ...f, help: t("change.now", { value: show(scope, f, x) }) };
  });
}

// Once it is agreed the record itself says what stood there before; until then whoever may see it is shown
// what stands there today.
export function Changes({ k, record }) {
  const d = record.d || {};
  const done = k.effect && stateOf(k, d) === k.effect.state;
  const { data } = useLoad(done ? "" : of(k, d));
  const scope = recordScope(k.name);
  const names = changed(k).filter((n) => d[n] !== undefined);
  if (!names.length) return null;
  const now = (data && data.d) || {};
  const before = d[k.effect.was] || {};
  return (
    <section class="card">
      <h2>{t("change.title")}</h2>
      <Rows
        caption={t("change.title")}
        columns={[
          { key: "f", label: t("conflict.field"), main: true },
          { key: "a", label: t("change.before"), wrap: true },
          { key: "b", label: t("change.after"), wrap: true },
        ]}
        rows={names.map((n) => {
          const f = k.fields.find((x) => x.name === n);
          const to = k.effect.to[k.effect.from.indexOf(n)];
          const old = before[to] !== undefined ? before[to] : now[to];
          return { key: n, f: fieldLabel(scope, f), a: show(scope, f, old) || "–", b: show(scope, f, d[n]) };
        })}
      />
    </section>
  );
}

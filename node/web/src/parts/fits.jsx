// SPDX-License-Identifier: Apache-2.0
// What may meet a need, and which needs a resource may meet: of the same kind, the nearest first, then
// by fields of work and ways of service they share. A suggestion; nobody is told.
import { query } from "../api.js";
import { t } from "../i18n.js";
import { choiceLabel, recordScope, stateOf } from "../kinds.js";
import { useLoad } from "../load.js";
import { href } from "../route.js";
import { Problem } from "./bits.jsx";

// Of each the other one, and in which of its own states somebody looks for something.
const other = { need: "listing", listing: "need" };
const open = { need: ["open", "proposals"], listing: ["published"] };
const shown = 5;
const levels = [12, 9, 6, 4, 2]; // digits of the area code that both have
const full = ["none", "full_waitlist"];

const near = (a, b) => {
  const i = levels.findIndex((n) => a && b && a.length >= n && b.slice(0, n) === a.slice(0, n));
  return i < 0 ? 0 : levels.length - i;
};
const shared = (a, b) => (a || []).filter((x) => (b || []).indexOf(x) >= 0);

// The higher the better; null: it does not fit.
function score(need, listing) {
  if (full.indexOf(listing.capacity_state) >= 0) return null;
  const people = need.kind === "venue" && !need.unit; // of another unit nobody here knows
  if (people && need.amount > 0 && listing.capacity > 0 && listing.capacity < need.amount) return null;
  return near(need.area, listing.area) * 2 + shared(need.field, listing.field).length * 3 + shared(need.mode, listing.mode).length;
}

export function Fits({ kinds, k, record }) {
  const d = record.d || {};
  const table = kinds.find((x) => x.name === other[k.name]);
  const asks = table && open[k.name].indexOf(stateOf(k, d)) >= 0 && d.kind !== "other";
  const ask = (area) => (asks ? `/api/records${query({ kind: table.name, "f.kind": d.kind, area, limit: 200 })}` : "");
  const here = useLoad(ask(d.area ? d.area.slice(0, 6) : ""));
  const all = useLoad(ask(""));
  if (!asks || (!all.data && !all.error)) return null;
  const seen = {};
  const items = ((here.data && here.data.items) || [])
    .concat((all.data && all.data.items) || [])
    .filter((it) => {
      const key = `${it.owner}/${it.id}`;
      const looks = it.state !== "withdrawn" && open[table.name].indexOf(stateOf(table, it.d)) >= 0;
      return seen[key] || !looks ? false : (seen[key] = true);
    })
    .map((it) => ({ it, n: k.name === "need" ? score(d, it.d || {}) : score(it.d || {}, d) }))
    .filter((x) => x.n !== null)
    .sort((a, b) => b.n - a.n)
    .slice(0, shown);
  const field = k.fields.find((f) => f.name === "field");
  return (
    <section class="card related">
      <h2>{t(`fits.${k.name}`)}</h2>
      <p class="help">{t("fits.help")}</p>
      <Problem error={all.error} retry={all.reload} />
      {all.data && items.length === 0 && <p class="help">{t(`fits.none.${k.name}`)}</p>}
      {items.length > 0 && (
        <ul class="related-list">
          {items.map(({ it }) => (
            <li key={`${it.owner}/${it.id}`}>
              <a href={href(["r", table.name, it.owner, it.id])}>{it.title}</a>
              <span class="help">
                {[it.owner_name || it.owner].concat(shared(d.field, (it.d || {}).field).map((c) => choiceLabel(recordScope(k.name), field, c))).join(t("word.comma"))}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

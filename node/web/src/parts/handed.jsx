// SPDX-License-Identifier: Apache-2.0
// Times that were handed over: their owner sees what was used and takes them back; whoever holds them sees what
// it may confirm by itself.
import { enc } from "../api.js";
import { t } from "../i18n.js";
import { mayWrite } from "../roles.js";
import { href } from "../route.js";
import { Sure } from "./admin.jsx";
import { Badge } from "./bits.jsx";
import { spanText } from "./booking.jsx";

const tone = { open: "good", recalled: "warn" };

// list: of one side; held: those of others; named: say which resource it is
export function Handed({ list, held, named, me, reload }) {
  if (!list || list.length === 0) return null;
  const name = t(held ? "allot.held" : "allot.given");
  return (
    <section class="card handed" aria-label={name}>
      <h2>{name}</h2>
      <p class="help">{t(held ? "allot.lead_held" : "allot.lead_given")}</p>
      <ul class="entries">
        {list.map((x) => (
          <li key={x.id}>
            <p class="entry">
              {named && (
                <a href={href(["bookings", x.owner, x.listing], { from: x.at[0][0].slice(0, 10) })}>
                  <strong>{x.listing_title}</strong>
                </a>
              )}
              <span>{held ? t("booking.of", { name: x.owner_name }) : x.node_name}</span>
              <Badge tone={tone[x.state]} text={t(`kind.allotment.state.${x.state}`)} />
            </p>
            <p class="meta">
              {x.at.map(([from, to]) => (
                <a key={from} href={href(["bookings", x.owner, x.listing], { view: "day", from: from.slice(0, 10) })}>
                  {spanText({ from, to })}
                </a>
              ))}
              <span>{t("allot.until", { when: x.until.replace("T", " ") })}</span>
            </p>
            {x.uses.length === 0 && <p class="help">{t("allot.unused")}</p>}
            {x.uses.length > 0 && (
              <ul aria-label={t("allot.used")}>
                {x.uses.map((u) => (
                  <li key={u.from + u.org}>{`${spanText(u)} ${u.org}`}</li>
                ))}
              </ul>
            )}
            {!held && x.state === "recalled" && <p class="help">{t("allot.waits", { name: x.node_name })}</p>}
            {held && x.state === "open" && mayWrite(me) && (
              <Sure path={`/api/bookings/allotments/${enc(x.owner)}/${enc(x.id)}/return`} name={x.owner_name} ask={t("allot.return")} go={t("allot.return_sure")} done={reload} />
            )}
            {!held && x.state === "open" && mayWrite(me) && (
              <Sure path={`/api/bookings/allotments/${enc(x.id)}/recall`} name={x.node_name} ask={t("allot.recall")} go={t("allot.recall_sure")} done={reload} />
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

// SPDX-License-Identifier: Apache-2.0
// Bookings: what this platform asked for, what others ask of it, and the calendar of one resource.
import { useState } from "preact/hooks";
import { enc, post, query } from "../api.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Badge, Note, Problem, Title, Waiting } from "../parts/bits.jsx";
import { Feeds } from "../parts/feeds.jsx";
import { Answers, Standing, spanText } from "../parts/booking.jsx";
import { Handed } from "../parts/handed.jsx";
import { mayWrite } from "../roles.js";
import { amend, href } from "../route.js";
import { stamp } from "../when.js";
import { Calendar } from "./calendar.jsx";

const everyMs = 5000;
const boxes = ["mine", "here"];
const over = ["rejected", "cancelled", "completed", "withdrawn", "no_show"];

// Gives one time back, or all of them.
function GiveBack({ ask, no, reload }) {
  const [error, setError] = useState(null);
  const [sure, setSure] = useState(false);
  const act = () =>
    post(`/api/bookings/${enc(ask)}/withdraw`, { no }).then(
      () => {
        setSure(false);
        reload();
      },
      (e) => setError(e),
    );
  return (
    <>
      <Problem error={error} />
      <button type="button" class={`button small ${sure ? "danger" : ""}`} onClick={() => (sure ? act() : setSure(true))}>
        {t(sure ? "booking.give_back_yes" : "booking.give_back")}
      </button>
    </>
  );
}

function Alternatives({ it, at }) {
  if (!at.alt || !at.alt.length) return null;
  return (
    <p class="alts">
      <span>{t("booking.alternatives")}</span>
      {at.alt.map((x) => (
        <a key={x.from} class="button small" href={href(["bookings", it.owner, x.listing || it.listing], { view: "day", from: x.from.slice(0, 10), at: x.from, to: x.to })}>
          {spanText(x)}
        </a>
      ))}
    </p>
  );
}

function Occurrence({ it, at, box, me, reload }) {
  const ours = box === "mine" && mayWrite(me) && !at.given_back && over.indexOf(at.state) < 0;
  return (
    <li class="occurrence">
      <p class="entry">
        <strong>{spanText(at)}</strong>
        <Standing at={at} />
        {at.given_back && at.state !== "withdrawn" && at.state !== "cancelled" && <Badge tone="warn" text={t("booking.given_back")} />}
      </p>
      {box === "mine" && <Alternatives it={it} at={at} />}
      {ours && (
        <div class="steps">
          <GiveBack ask={it.id} no={at.no} reload={reload} />
          {(at.state === "confirmed" || at.state === "waitlisted") && (
            <a class="button small" href={href(["bookings", it.owner, it.listing], { view: "week", from: at.from.slice(0, 10), instead: `${it.id}.${at.no}` })}>
              {t("booking.change")}
            </a>
          )}
        </div>
      )}
      {box === "here" && mayWrite(me) && <Answers node={it.node} ask={it.id} at={at} reload={reload} />}
    </li>
  );
}

function One({ it, box, me, reload }) {
  return (
    <section class={`card edge ${it.waits && box === "here" ? "edge-warn" : ""}`}>
      <h2>
        <a href={href(["bookings", it.owner, it.listing], { from: it.at[0].from.slice(0, 10) })}>{it.listing_title}</a>
      </h2>
      <p class="meta">
        <span>{it.d.org}</span>
        <span>{t(`kind.booking_ask.purpose.${it.d.purpose}`)}</span>
        <span>{box === "mine" ? t("booking.of", { name: it.owner_name }) : t("booking.by", { name: it.node_name })}</span>
        {it.d.heads !== undefined && <span>{t("booking.heads", { n: it.d.heads })}</span>}
        <span>{stamp(it.ts)}</span>
      </p>
      {it.d.note && <p>{it.d.note}</p>}
      {it.d.equipment && <p class="help">{it.d.equipment.join(" · ")}</p>}
      <ul>
        {it.at.map((at) => (
          <Occurrence key={at.no} it={it} at={at} box={box} me={me} reload={reload} />
        ))}
      </ul>
    </section>
  );
}

function List({ params, me }) {
  const box = boxes.indexOf(params.box) >= 0 ? params.box : "mine";
  const open = params.all ? "" : 1;
  const { data, error, reload } = useLoad(`/api/bookings${query({ box, open })}`, everyMs);
  const handed = useLoad("/api/bookings/allotments", everyMs);
  return (
    <>
      <Title text={t("nav.bookings")} />
      <p class="lead">{t("booking.lead")}</p>
      {params.saved && <Note tone="good">{t("booking.sent")}</Note>}
      <div class="card filters stay">
        <div class="boxes" role="group" aria-label={t("booking.boxes")}>
          {boxes.map((b) => (
            <button key={b} type="button" class={`box ${b === box ? "box-on" : ""}`} aria-pressed={b === box ? "true" : "false"} onClick={() => amend(["bookings"], { box: b })}>
              {b === "here" && data && data.waiting ? `${t("booking.box.here")} (${data.waiting})` : t(`booking.box.${b}`)}
            </button>
          ))}
        </div>
        <label class="check">
          <input type="checkbox" checked={!!params.all} onChange={(e) => amend(["bookings"], { box, all: e.currentTarget.checked ? 1 : "" })} />
          <span>{t("booking.all")}</span>
        </label>
      </div>
      <Problem error={error} retry={reload} />
      <Problem error={handed.error} retry={handed.reload} />
      {handed.data && <Handed list={handed.data[box === "mine" ? "held" : "given"]} held={box === "mine"} named={true} me={me} reload={handed.reload} />}
      {!data && !error && <Waiting />}
      {data && data.items.length === 0 && (
        <div class="card empty">
          <p>{t(`booking.none_${box}`)}</p>
          {box === "mine" && (
            <p>
              <a class="button" href={href(["r", "listing"])}>
                {t("nav.listing")}
              </a>
            </p>
          )}
        </div>
      )}
      {data && data.items.map((it) => <One key={it.node + it.id} it={it} box={box} me={me} reload={reload} />)}
      {box === "mine" && <Feeds />}
    </>
  );
}

export function Bookings({ me, route }) {
  if (route.path.length >= 3) return <Calendar key={route.path.join("/")} route={route} me={me} />;
  return <List params={route.params} me={me} />;
}

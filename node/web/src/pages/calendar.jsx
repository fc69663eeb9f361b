// SPDX-License-Identifier: Apache-2.0
// A resource day by day: what is free, what is taken, and the ask for a time of it. For its own
// platform also who asked and what may be answered. A free time is no promise: its owner decides.
import { useEffect, useState } from "preact/hooks";
import { enc, post, query } from "../api.js";
import { t } from "../i18n.js";
import { recordScope, useKinds } from "../kinds.js";
import { useLoad } from "../load.js";
import { Icon, Note, Problem, Title, Waiting } from "../parts/bits.jsx";
import { Feeds } from "../parts/feeds.jsx";
import { Answers, Entry } from "../parts/booking.jsx";
import { DateInput } from "../parts/date.jsx";
import { Form } from "../parts/form.jsx";
import { Handed } from "../parts/handed.jsx";
import { mayWrite } from "../roles.js";
import { amend, href, replace } from "../route.js";
import { ago, isDate } from "../when.js";

const everyMs = 15000;
const dayMs = 86400000;
const asked = ["org", "purpose", "heads", "equipment", "wait", "note"];

// Times are those of UTC+8 wherever the reader is: they are taken as plain numbers.
const minute = (s) => Date.parse(`${s}:00Z`) / 60000;
const timeText = (m) => new Date(m * 60000).toISOString().slice(0, 16);
const hour = (s) => s.slice(11, 16);
const dayShift = (day, n) => new Date(Date.parse(`${day}T00:00:00Z`) + n * dayMs).toISOString().slice(0, 10);
const today = () => new Date(Date.now() + 8 * 3600000).toISOString().slice(0, 10);
const weekday = (day) => t(`booking.day.${new Date(`${day}T00:00:00Z`).getUTCDay()}`);
const monday = (day) => dayShift(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7));

// The times its owner has handed to this platform that hold this one.
const handed = (c, from, to) =>
  c.mine ? null : (c.allotments || []).find((x) => x.state === "open" && x.at.some(([a, b]) => minute(a) <= from && to <= minute(b)));

// Why a slot cannot be had; "free" when it can, as far as is known here.
function slotState(c, from, to) {
  if (from <= minute(c.now)) return "past";
  const own = handed(c, from, to);
  if (own) { // what was given away here may not have reached its owner
    const used = c.busy.some(([a, b, s]) => s === "taken" && minute(a) < to && from < minute(b)) || own.uses.some((u) => minute(u.from) < to && from < minute(u.to));
    return used ? "taken" : "ours";
  }
  const met = c.busy.find(([a, b]) => minute(a) < to && from < minute(b));
  if (met) return met[2];
  const pad = (c.before || 0) + (c.after || 0);
  return c.busy.some(([a, b]) => minute(a) - pad < to && from < minute(b) + pad) ? "buffer" : "free";
}

function slotsOf(c, day) {
  const out = [];
  c.open.forEach(([a, b, slot]) => {
    if (a.slice(0, 10) !== day) return;
    for (let m = minute(a); m + slot <= minute(b); m += slot) {
      out.push({ from: timeText(m), to: timeText(m + slot), slot, state: slotState(c, m, m + slot) });
    }
  });
  return out;
}

// Free slots that follow each other from this one on: how long it could be taken.
function lengthsFrom(slots, from) {
  const out = [];
  const first = slots.findIndex((s) => s.from === from);
  let i = first;
  while (i >= 0 && i < slots.length && slots[i].state === slots[first].state && (!out.length || slots[i].from === out[out.length - 1])) {
    out.push(slots[i].to);
    i += 1;
  }
  return out;
}

function Day({ c, day, chosen, choose, me, reload, listing }) {
  const slots = slotsOf(c, day);
  const entries = (c.entries || []).filter((e) => e.from.slice(0, 10) <= day && day <= e.to.slice(0, 10) && e.state !== "rejected" && e.state !== "cancelled");
  return (
    <section class="card bookday" aria-label={`${day} ${weekday(day)}`}>
      <h2>
        {day.slice(5)} <span class="dim">{weekday(day)}</span>
      </h2>
      {slots.length === 0 && <p class="help">{t("booking.closed")}</p>}
      {slots.length > 0 && (
        <ul class="slots">
          {slots.map((s) => (
            <li key={s.from}>
              <button
                type="button"
                class={`slot slot-${s.state}`}
                disabled={(s.state !== "free" && s.state !== "ours") || !mayWrite(me) || !c.bookable}
                aria-pressed={chosen && chosen.from <= s.from && s.to <= chosen.to ? "true" : "false"}
                aria-label={`${hour(s.from)}–${hour(s.to)} ${t(`booking.slot.${s.state}`)}`}
                onClick={() => choose({ from: s.from, to: s.to })}
              >
                <span>{hour(s.from)}</span>
                {s.state !== "free" && <small>{t(`booking.slot.${s.state}`)}</small>}
              </button>
            </li>
          ))}
        </ul>
      )}
      {entries.length > 0 && (
        <ul class="entries">
          {entries.map((e) => (
            <li key={`${e.node}${e.ask}${e.no}`}>
              <Entry e={e} />
              {mayWrite(me) && <Answers node={e.node} ask={e.ask} at={e} reload={reload} listing={listing} />}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

// The chosen time and how often, then the few things the other side needs to know. The owner may hand the time
// to another platform instead.
function Ask({ c, owner, listing, chosen, choose, kinds, instead, me, reload }) {
  const slots = slotsOf(c, chosen.from.slice(0, 10));
  const ends = lengthsFrom(slots, chosen.from);
  const own = handed(c, minute(chosen.from), minute(chosen.to));
  const [weeks, setWeeks] = useState("1");
  const [hand, setHand] = useState(false);
  const fieldsOf = (kind, names) => kinds.find((x) => x.name === kind).fields.filter((f) => names.indexOf(f.name) >= 0);
  const fields = hand ? fieldsOf("allotment", ["to", "until"]).map((f) => (f.name === "to" ? { ...f, except: me.node.id } : f)) : fieldsOf("booking_ask", asked);
  const send = (d) => {
    const at = [];
    for (let i = 0; i < (own ? 1 : +weeks); i++) at.push([timeText(minute(chosen.from) + i * 10080), timeText(minute(chosen.to) + i * 10080)]);
    if (hand) return post("/api/bookings/allotments", { d: { ...d, listing, at } });
    return post("/api/bookings", { d: { ...d, listing: `${owner}/${listing}`, at, ...(instead ? { instead } : {}), ...(own ? { allot: own.id } : {}) } });
  };
  return (
    <section class="card" aria-label={t("booking.ask")}>
      <h2>{t(hand ? "allot.hand" : "booking.ask")}</h2>
      <p class="big">{`${chosen.from.slice(0, 10)} ${hour(chosen.from)}–${hour(chosen.to)}`}</p>
      {c.mine && !instead && (
        <div class="boxes" role="group" aria-label={t("allot.mode")}>
          {[false, true].map((x) => (
            <button key={x} type="button" class={`box ${x === hand ? "box-on" : ""}`} aria-pressed={x === hand ? "true" : "false"} onClick={() => setHand(x)}>
              {t(x ? "allot.hand" : "allot.ask")}
            </button>
          ))}
        </div>
      )}
      <p class="help">{t(hand ? "allot.lead_hand" : own ? "booking.ours" : c.approval ? "booking.approval" : "booking.at_once")}</p>
      {instead && <Note>{t("booking.instead")}</Note>}
      <div class="chosen">
        <div class="field">
          <label htmlFor="ask-to">{t("booking.until")}</label>
          <select id="ask-to" value={chosen.to} onChange={(e) => choose({ ...chosen, to: e.currentTarget.value })}>
            {ends.map((x) => (
              <option key={x} value={x}>
                {hour(x) === "00:00" ? "24:00" : hour(x)}
              </option>
            ))}
          </select>
        </div>
        {!instead && !own && (
          <div class="field">
            <label htmlFor="ask-weeks">{t("booking.weeks")}</label>
            <select id="ask-weeks" value={weeks} onChange={(e) => setWeeks(e.currentTarget.value)}>
              {["1", "2", "3", "4", "6", "8", "12", "16", "26"].map((n) => (
                <option key={n} value={n}>
                  {n}
                </option>
              ))}
            </select>
          </div>
        )}
      </div>
      <Note>{t(hand ? "kind.allotment.help" : "kind.booking_ask.help")}</Note>
      <Form
        key={hand}
        id={hand ? "hand" : "ask"}
        scope={recordScope(hand ? "allotment" : "booking_ask")}
        fields={fields}
        initial={hand ? { until: chosen.from } : undefined}
        draft={hand ? undefined : `booking_ask.new.${listing}`}
        fold={(f) => f.name !== "equipment"}
        send={send}
        label={t(hand ? "allot.send" : "booking.send")}
        done={() => (hand ? (choose(null), reload()) : replace(["bookings"], { box: owner === me.node.id ? "here" : "mine", saved: 1 }))}
        cancel={() => choose(null)}
      />
    </section>
  );
}

export function Calendar({ route, me }) {
  const [, owner, listing] = route.path;
  const { params } = route;
  const view = params.view === "day" ? "day" : "week";
  const from = view === "day" ? params.from || today() : monday(params.from || today());
  const days = view === "day" ? 1 : 7;
  const [chosen, choose] = useState(params.at ? { from: params.at, to: params.to } : null);
  const kinds = useKinds().data;
  const path = `/api/bookings/calendar/${enc(owner)}/${enc(listing)}${query({ from, days })}`;
  const { data, error, reload } = useLoad(path, everyMs);
  const title = useLoad(`/api/records/${enc(owner)}/listing/${enc(listing)}`).data;
  const [typed, setTyped] = useState(from);
  useEffect(() => setTyped(from), [from]);
  const show = (more) => amend(route.path, { view, from, instead: params.instead, ...more });
  const move = (d) => {
    setTyped(d);
    if (isDate(d)) show({ from: d });
  };
  const all = Array.from({ length: days }, (_, i) => dayShift(from, i));
  return (
    <>
      <Title text={title ? title.title : t("booking.calendar")} back={href(["r", "listing", owner, listing])} />
      <p class="asof">
        {data && `${data.node_name} · ${data.mine ? t("booking.here_decides") : data.as_of ? t("booking.as_of", { when: ago(data.as_of) }) : t("booking.as_of_none")}`}
      </p>
      <div class="card filters stay">
        <div class="boxes" role="group" aria-label={t("booking.view")}>
          {["day", "week"].map((v) => (
            <button key={v} type="button" class={`box ${v === view ? "box-on" : ""}`} aria-pressed={v === view ? "true" : "false"} onClick={() => show({ view: v })}>
              {t(`booking.view.${v}`)}
            </button>
          ))}
        </div>
        <div class="moves">
          <button type="button" class="button small" onClick={() => show({ from: dayShift(from, -days) })}>
            <Icon name="back" />
            <span class="hidden">{t("booking.earlier")}</span>
          </button>
          <label class="hidden" htmlFor="booking-from">
            {t("booking.from")}
          </label>
          <DateInput id="booking-from" value={typed} onInput={move} />
          <button type="button" class="button small" onClick={() => show({ from: dayShift(from, days) })}>
            <Icon name="next" />
            <span class="hidden">{t("booking.later")}</span>
          </button>
        </div>
      </div>
      <Problem error={error} retry={reload} />
      {!data && !error && <Waiting />}
      {data && !data.bookable && <Note tone="warn">{t(data.mine ? "booking.no_hours" : "booking.not_bookable")}</Note>}
      {data && <Handed list={data.allotments} held={!data.mine} me={me} reload={reload} />}
      {data && data.bookable && mayWrite(me) && !chosen && <p class="help">{t("booking.choose")}</p>}
      {data && chosen && kinds && data.bookable && (
        <Ask key={chosen.from} c={data} owner={owner} listing={listing} chosen={chosen} choose={choose} kinds={kinds.kinds} instead={params.instead} me={me} reload={reload} />
      )}
      {data && (
        <div class={`days days-${view}`}>
          {all.map((day) => (
            <Day key={day} c={data} day={day} chosen={chosen} choose={choose} me={me} reload={reload} listing={listing} />
          ))}
        </div>
      )}
      {data && <Feeds listing={`${owner === "me" ? me.node.id : owner}/${listing}`} />}
    </>
  );
}

// SPDX-License-Identifier: Apache-2.0
// Small pieces used on every page.
import { useEffect, useRef } from "preact/hooks";
import { sentence } from "../api.js";
import { t, tt } from "../i18n.js";
import { stamp } from "../when.js";

const paths = {
  status: "M3 12h4l3-7 4 14 3-7h4",
  listing: "M4 5h16v5H4zM4 14h16v5H4zM8 7.5h.01M8 16.5h.01",
  need: "M12 21s-7-4.6-7-10a4 4 0 0 1 7-2.6A4 4 0 0 1 19 11c0 5.4-7 10-7 10z",
  org: "M4 20V8l8-4 8 4v12M9 20v-5h6v5M9 11h.01M15 11h.01",
  consultation: "M4 5h16v11H9l-5 4zM8 9h8M8 12h5",
  service: "M5 12l4 4 10-10M5 20h14",
  reports: "M6 3h9l4 4v14H6zM15 3v4h4M9 12h7M9 16h7",
  activity: "M5 4h14v16H5zM5 9h14M9 4V2M15 4V2M9 14l2 2 4-4",
  todo: "M9 11l3 3 8-8M20 12v7H4V5h10",
  card: "M3 6h18v12H3zM7 10h4M7 14h10",
  notice: "M4 10v4h3l6 4V6L7 10zM17 9a4 4 0 0 1 0 6",
  referrals: "M4 8h13l-3-3M20 16H7l3 3",
  import: "M12 4v11M7 10l5 5 5-5M4 20h16",
  bookings: "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4M8 14h3M8 17h6",
  event: "M12 4l8 4-8 4-8-4zM6 10v5c0 2 3 3 6 3s6-1 6-3v-5M20 8v6",
  stats: "M5 20V11M12 20V4M19 20v-6",
  audit: "M8 5h9v15H5V8zM8 5v3H5M9 12h5M9 16h5",
  tokens: "M14 10a4 4 0 1 1-4-4 4 4 0 0 1 4 4zM13 13l7 7M17 17l2-2",
  hooks: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  nodes: "M12 4v5M6 15v-3h12v3M12 9v3M10 4h4M4 15h4v4H4zM16 15h4v4h-4z",
  form: "M5 3h14v18H5zM8 8h2M8 12h2M8 16h2M13 8h3M13 12h3M13 16h3",
  words: "M5 5h14M5 10h9M5 15h14M5 20h9",
  help: "M9 9a3 3 0 1 1 4 2.8c-.7.3-1 .8-1 1.7M12 17h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  account: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-4 4.5-5 8-5s7 1 8 5",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  calendar: "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
};

export function Icon({ name }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

// How much waits for this person stands in the tab's title, whatever page is open.
let waits = 0;
const bare = () => document.title.replace(/^\(\d+\) /, "");
export function setWaits(n) {
  waits = n;
  document.title = waits ? `(${waits}) ${bare()}` : bare();
}

// The page's heading takes the focus after a move, so that keyboards and screen readers start there.
let moved = false;
window.addEventListener("hashchange", () => (moved = true));

export function Title({ text, children, back }) {
  const ref = useRef(null);
  useEffect(() => {
    document.title = `${waits ? `(${waits}) ` : ""}${text} · ${t("app.name")}`;
    if (moved && ref.current && !(document.activeElement && document.activeElement.closest(".stay"))) {
      ref.current.focus();
      window.scrollTo(0, 0);
    }
    moved = false;
  }, [text]);
  return (
    <div class="title">
      <div class="title-text">
        {back && (
          <a class="back" href={back}>
            <Icon name="back" />
            <span>{t("action.back")}</span>
          </a>
        )}
        <h1 tabIndex={-1} ref={ref}>
          {text}
        </h1>
      </div>
      {children && <div class="title-actions">{children}</div>}
    </div>
  );
}

export function Problem({ error, retry }) {
  if (!error) return null;
  return (
    <div class="note note-bad" role="alert">
      <p>{sentence(error)}</p>
      {retry && (
        <button type="button" class="button small" onClick={retry}>
          {t("action.retry")}
        </button>
      )}
    </div>
  );
}

export function Note({ tone, children }) {
  return (
    <div class={`note note-${tone || "info"}`} role="status">
      {children}
    </div>
  );
}

export const Waiting = () => (
  <p class="waiting" role="status">
    {t("word.loading")}
  </p>
);

const tones = {
  good: ["done", "available", "published", "open", "fulfilled", "agreed", "accepted", "scheduled", "in_service", "completed", "active", "locked"],
  warn: ["checking", "running", "undoing", "limited", "stale", "assured_due", "assess_first", "proposals", "info_needed", "cancel_requested", "no_show", "appt_cancelled", "paused", "pending", "suspended", "returned", "reopened"],
  bad: ["none", "full", "declined", "unmet", "error", "revoked"],
  calm: ["sent", "delivered", "received"],
};
export function Badge({ value, text, tone }) {
  const auto = Object.keys(tones).find((k) => tones[k].indexOf(value) >= 0);
  return <span class={`badge badge-${tone || auto || "plain"}`}>{text}</span>;
}

export function Facts({ rows }) {
  return (
    <dl class="facts">
      {rows
        .filter((r) => r && r[1] !== undefined && r[1] !== null && r[1] !== "")
        .map(([label, value, wide]) => (
          <div class={wide ? "fact fact-wide" : "fact"} key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

const isBlank = (x) => x === undefined || x === null || x === "";
const cellClass = (c, x) => `${c.num ? "num" : c.main ? "main" : c.wrap ? "wrap" : ""} ${isBlank(x) ? "blank" : ""}`.trim() || undefined;

// Date and time that may stand in two lines, but never break inside.
export function Stamp({ ms }) {
  const [day, hour] = stamp(ms).split(" ");
  return (
    <span class="stamp">
      <span>{day}</span> <span>{hour}</span>
    </span>
  );
}

// A table on wide screens, cards on phones (the style sheet turns rows into cards). The roles are
// spelled out because a table displayed as blocks loses them in some browsers.
export function Rows({ caption, columns, rows, foot }) {
  return (
    <table class="rows" role="table">
      <caption class="hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((c) => (
            <th key={c.key} role="columnheader" scope="col" class={c.num ? "num" : undefined}>
              {c.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((r) => (
          <tr role="row" key={r.key} class={r.class}>
            {columns.map((c) => (
              <td key={c.key} role="cell" data-label={c.label} class={cellClass(c, r[c.key])}>
                <span class="cell">{isBlank(r[c.key]) ? "–" : r[c.key]}</span>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
      {foot && (
        <tfoot role="rowgroup">
          <tr role="row">
            {columns.map((c) => (
              <td key={c.key} role="cell" data-label={c.label} class={cellClass(c, foot[c.key])}>
                <span class="cell">{foot[c.key] === undefined ? "–" : foot[c.key]}</span>
              </td>
            ))}
          </tr>
        </tfoot>
      )}
    </table>
  );
}

export const tierName = (tier) => (tier ? tt(`tier.${tier}`, tier) : "");
export const areaText = (code, name) => (name ? `${name}` : code || "");
export const shortId = (id) => (id && id.length > 12 ? `${id.slice(0, 10)}…` : id || "");

// SPDX-License-Identifier: Apache-2.0
// What a platform does with an event: take seats, give them back; and where it is its own, answer who
// asks, let people in, see who came and what they thought of it.
import { useState } from "preact/hooks";
import { enc, post } from "../api.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { mayPut, mayWrite } from "../roles.js";
import { href } from "../route.js";
import { stamp } from "../when.js";
import { Facts, Note, Problem, Rows } from "./bits.jsx";
import { Answers, Standing } from "./booking.jsx";

const everyMs = 5000;
const tiers = ["city", "district", "street", "community", "other"];
const over = ["rejected", "cancelled", "completed", "withdrawn", "no_show", "checked_in"];
export const questions = ["content", "teacher", "service", "use"];
const most = 20;

const sum = (taken) => tiers.reduce((n, x) => n + ((taken || {})[x] || 0), 0);

function Seats({ e }) {
  const rows = tiers
    .filter((x) => e.d[`seats_${x}`] !== undefined)
    .map((x) => [t(`event.tier.${x}`), t("event.of", { n: (e.taken || {})[x] || 0, all: e.d[`seats_${x}`] })]);
  const waiting = (e.taken || {}).waiting || 0;
  return (
    <>
      <p class="seats">
        <strong>{t("event.taken", { n: sum(e.taken), all: e.d.seats })}</strong>
        {waiting > 0 && <span>{t("event.waiting", { n: waiting })}</span>}
      </p>
      <Facts rows={rows} />
      <p class="help">{e.mine ? t("booking.here_decides") : e.as_of ? t("booking.as_of", { when: stamp(e.as_of) }) : t("event.as_of_none")}</p>
    </>
  );
}

function SignUp({ e, reload }) {
  const [org, setOrg] = useState("");
  const [seats, setSeats] = useState("1");
  const [wait, setWait] = useState(true);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const [sent, setSent] = useState(false);
  const send = (ev) => {
    ev.preventDefault();
    setBusy(true);
    setError(null);
    setSent(false);
    post(`/api/events/${enc(e.owner)}/${enc(e.id)}/sign`, { org: org.trim(), seats: +seats, wait }).then(
      () => {
        setBusy(false);
        setSent(true);
        setOrg("");
        setSeats("1");
        reload();
      },
      (x) => {
        setBusy(false);
        setError(x);
      },
    );
  };
  return (
    <form class="sign-up" onSubmit={send}>
      <Problem error={error} />
      {sent && (
        <Note tone="good">
          <p>{t("event.sent")}</p>
        </Note>
      )}
      <div class="fields">
        <div class="field">
          <label htmlFor="sign-org">{t("kind.booking_ask.org")}</label>
          <input id="sign-org" type="text" value={org} required maxLength={120} autoComplete="off" onInput={(x) => setOrg(x.currentTarget.value)} />
        </div>
        <div class="field">
          <label htmlFor="sign-seats">{t("event.seats")}</label>
          <select id="sign-seats" value={seats} onChange={(x) => setSeats(x.currentTarget.value)}>
            {Array.from({ length: most }, (x, i) => (
              <option key={i} value={i + 1}>
                {i + 1}
              </option>
            ))}
          </select>
        </div>
      </div>
      <label class="check">
        <input type="checkbox" checked={wait} onChange={(x) => setWait(x.currentTarget.checked)} />
        <span>{t("event.wait")}</span>
      </label>
      <p class="help">{t("event.no_names")}</p>
      <button type="submit" class="button primary" disabled={busy || !org.trim()}>
        {t("event.sign")}
      </button>
    </form>
  );
}

function Mine({ it, me, reload }) {
  const at = it.at[0];
  const [sure, setSure] = useState(false);
  const [error, setError] = useState(null);
  const act = () => post(`/api/bookings/${enc(it.id)}/withdraw`, { no: 0 }).then(reload, setError);
  return (
    <li class="occurrence">
      <p class="entry">
        <strong>{it.d.org}</strong>
        <Standing at={at} />
      </p>
      <Problem error={error} />
      {mayWrite(me) && !at.given_back && over.indexOf(at.state) < 0 && (
        <button type="button" class={`button small ${sure ? "danger" : ""}`} onClick={() => (sure ? act() : setSure(true))}>
          {t(sure ? "booking.give_back_yes" : "booking.give_back")}
        </button>
      )}
    </li>
  );
}

// By hand, for who has no telephone to scan with.
function LetIn({ e, reload }) {
  const open = [];
  (e.here || []).forEach((it) => {
    const state = it.at[0].state;
    const key = `${it.node} ${it.d.org}`;
    if ((state === "confirmed" || state === "no_show") && !open.some((x) => x.key === key)) open.push({ key, node: it.node, org: it.d.org, label: `${it.d.org} · ${it.node_name}` });
  });
  const [who, setWho] = useState("");
  const [name, setName] = useState("");
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const chosen = open.find((x) => x.key === who);
  const send = (ev) => {
    ev.preventDefault();
    setBusy(true);
    setError(null);
    post(`/api/events/${enc(e.id)}/attend`, { node: chosen.node, org: chosen.org, name: name.trim() }).then(
      () => {
        setBusy(false);
        setName("");
        reload();
      },
      (x) => {
        setBusy(false);
        setError(x);
      },
    );
  };
  if (!open.length) return null;
  return (
    <form class="let-in" onSubmit={send}>
      <h3>{t("event.by_hand")}</h3>
      <Problem error={error} />
      <div class="fields">
        <div class="field">
          <label htmlFor="in-org">{t("door.org")}</label>
          <select id="in-org" value={who} onChange={(x) => setWho(x.currentTarget.value)}>
            <option value="">{t("form.choose")}</option>
            {open.map((x) => (
              <option key={x.key} value={x.key}>
                {x.label}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label htmlFor="in-name">{t("kind.attendance.name")}</label>
          <input id="in-name" type="text" value={name} maxLength={40} autoComplete="off" onInput={(x) => setName(x.currentTarget.value)} />
        </div>
      </div>
      <button type="submit" class="button" disabled={busy || !chosen || !name.trim()}>
        {t("event.let_in")}
      </button>
    </form>
  );
}

function Roll({ e }) {
  if (!e.roll.length) return <p class="help">{t("event.nobody")}</p>;
  return (
    <Rows
      caption={t("event.roll")}
      columns={[
        { key: "name", label: t("kind.attendance.name"), main: true },
        { key: "org", label: t("kind.attendance.org"), wrap: true },
        { key: "node", label: t("word.owner"), wrap: true },
        { key: "at", label: t("kind.attendance.at"), wrap: true },
      ]}
      rows={e.roll.map((x) => ({ key: x.number, name: x.name || "–", org: x.org, node: x.node_name, at: x.at.replace("T", " ") }))}
    />
  );
}

function Score({ score }) {
  if (score.of === 0) return <p class="help">{t("event.score_few", { n: score.n, from: score.shown_from })}</p>;
  return <Facts rows={[[t("event.score_n"), t("event.score_of", { n: score.n, of: score.of, from: score.shown_from })]].concat(questions.map((q) => [t(`event.question.${q}`), (score[q] / 100).toFixed(2)]))} />;
}

function Ours({ e, me, reload }) {
  return (
    <>
      <section class="card" aria-label={t("event.here")}>
        <header class="related-head">
          <h2>{t("event.here")}</h2>
          {mayPut(me, "event") && (
            <div class="moves">
              <a class="button" href={href(["events", e.id, "sheet"])}>
                {t("sheet.title")}
              </a>
              <a class="button" href={href(["events", e.id, "door"])}>
                {t("event.door")}
              </a>
            </div>
          )}
        </header>
        {e.here.length === 0 && <p class="help">{t("event.none_here")}</p>}
        <ul>
          {e.here.map((it) => (
            <li key={it.node + it.id} class="occurrence">
              <p class="entry">
                <strong>{it.d.org}</strong>
                <span class="dim">{it.node_name}</span>
                <Standing at={it.at[0]} />
              </p>
              {mayWrite(me) && <Answers node={it.node} ask={it.id} at={it.at[0]} reload={reload} />}
            </li>
          ))}
        </ul>
      </section>
      <section class="card" aria-label={t("event.roll")}>
        <header class="related-head">
          <h2>{t("event.roll_n", { n: e.roll.length })}</h2>
          {e.certified && e.roll.length > 0 && mayPut(me, "event") && (
            <a class="button" href={href(["events", e.id, "certificates"])}>
              {t("event.certificates")}
            </a>
          )}
        </header>
        <Roll e={e} />
        {mayPut(me, "event") && <LetIn e={e} reload={reload} />}
      </section>
      <section class="card" aria-label={t("event.score")}>
        <h2>{t("event.score")}</h2>
        <Score score={e.score} />
      </section>
    </>
  );
}

export function EventPanel({ owner, id, me }) {
  const { data: e, error, reload } = useLoad(`/api/events/${enc(owner)}/${enc(id)}`, everyMs);
  if (!e) return <Problem error={error} retry={reload} />;
  return (
    <>
      <section class="card" aria-label={t("event.seats_title")}>
        <h2>{t("event.seats_title")}</h2>
        <Seats e={e} />
        {e.my && e.my.length > 0 && (
          <>
            <h3>{t("event.my")}</h3>
            <ul>
              {e.my.map((it) => (
                <Mine key={it.id} it={it} me={me} reload={reload} />
              ))}
            </ul>
          </>
        )}
        {mayWrite(me) && (e.open ? <SignUp e={e} reload={reload} /> : <p class="help">{t("event.closed")}</p>)}
      </section>
      {e.mine && e.roll && <Ours e={e} me={me} reload={reload} />}
    </>
  );
}

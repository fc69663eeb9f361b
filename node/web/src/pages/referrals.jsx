// SPDX-License-Identifier: Apache-2.0
// Referrals: two boxes, the history both sides wrote, and the steps this side may take now.
import { useEffect, useState } from "preact/hooks";
import { enc, get, post, query } from "../api.js";
import { t, tt } from "../i18n.js";
import { eventScope, spread, useKinds } from "../kinds.js";
import { useLoad } from "../load.js";
import { Badge, Icon, Note, Problem, Rows, Title, Waiting } from "../parts/bits.jsx";
import { Content } from "../parts/detail.jsx";
import { Form } from "../parts/form.jsx";
import { mayWrite } from "../roles.js";
import { amend, go, href, replace } from "../route.js";
import { span, stamp, today } from "../when.js";

const stateText = (s) => t(`referral.state.${s}`);
const evText = (e) => t(`referral.ev.${e}`);

function Marks({ it }) {
  return (
    <>
      <Badge value={it.state} text={stateText(it.state)} />
      {it.cancel_pending && <Badge tone="warn" text={t("referral.cancel_pending")} />}
      {it.overdue && <Badge tone="bad" text={tt(`referral.overdue.${it.overdue}`, "referral.overdue")} />}
    </>
  );
}

const everyMs = 5000;
const boxes = ["todo", "in", "out"];

function List({ params, states, me }) {
  const box = boxes.indexOf(params.box) >= 0 ? params.box : "in";
  const path = `/api/referrals${query({ box, state: params.state })}`;
  const { data, error, reload } = useLoad(path, everyMs);
  const [more, setMore] = useState({ path: "", items: [], next: null, error: null });
  const own = more.path === path ? more : null;
  const next = own ? own.next : data && data.next;
  const have = {};
  const items = ((data && data.items) || []).concat(data && own ? own.items : []).filter((it) => !have[it.id] && (have[it.id] = true));
  const load = () =>
    get(`${path}&after=${enc(next)}`).then(
      (d) => setMore({ path, items: (own ? own.items : []).concat(d.items), next: d.next, error: null }),
      (e) => setMore({ path, items: own ? own.items : [], next, error: e }),
    );
  const rows = items.map((it) => ({
    key: it.id,
    title: <a href={href(["referrals", it.id])}>{it.title || t("referral.sealed")}</a>,
    peer: box === "todo" ? t(it.who === "I" ? "referral.to_peer" : "referral.from_peer", { peer: it.peer_name || it.peer }) : it.peer_name || it.peer,
    state: <Marks it={it} />,
    urgency: it.urgency ? <Badge tone={it.urgency === "urgent" ? "bad" : it.urgency === "soon" ? "warn" : "plain"} text={t(`kind.referral.urgency.${it.urgency}`)} /> : "",
    created: stamp(it.created),
    updated: stamp(it.updated),
  }));
  return (
    <>
      <Title text={t("nav.referrals")}>
        {mayWrite(me) && (
          <a class="button primary" href={href(["referrals", "new"])}>
            <Icon name="plus" />
            <span>{t("referral.new")}</span>
          </a>
        )}
      </Title>
      <div class="card filters stay">
        <div class="boxes" role="group" aria-label={t("referral.boxes")}>
          {boxes.map((b) => (
            <button
              key={b}
              type="button"
              class={`box ${b === box ? "box-on" : ""}`}
              aria-pressed={b === box ? "true" : "false"}
              onClick={() => amend(["referrals"], { ...params, box: b })}
            >
              {t(`referral.box.${b}`)}
            </button>
          ))}
        </div>
        <div class="field">
          <label htmlFor="by-state">{t("word.state")}</label>
          <select id="by-state" value={params.state || ""} onChange={(e) => amend(["referrals"], { ...params, box, state: e.currentTarget.value })}>
            <option value="">{t("list.any")}</option>
            {states.map((s) => (
              <option key={s} value={s}>
                {stateText(s)}
              </option>
            ))}
          </select>
        </div>
      </div>
      <Problem error={error} retry={reload} />
      {!data && !error && <Waiting />}
      {data && rows.length === 0 && (
        <div class="card empty">
          <p>{t(next ? "list.none_yet" : params.state ? "list.none_found" : `referral.none_${box}`)}</p>
        </div>
      )}
      {rows.length > 0 && (
        <Rows
          caption={t(`referral.box.${box}`)}
          columns={[
            { key: "title", label: t("kind.referral.title"), main: true },
            { key: "peer", label: t({ in: "referral.from", out: "referral.to", todo: "referral.peer" }[box]), wrap: true },
            { key: "state", label: t("word.state"), wrap: true },
            { key: "urgency", label: t("kind.referral.urgency") },
            { key: "created", label: t("referral.created") },
            { key: "updated", label: t("word.updated") },
          ]}
          rows={rows}
        />
      )}
      <Problem error={own && own.error} />
      {next ? (
        <p class="centre">
          <button type="button" class="button" onClick={load}>
            {t(rows.length ? "list.more" : "list.look_on")}
          </button>
        </p>
      ) : null}
    </>
  );
}

// A referral of an organisation carries nothing personal; one of a person carries consent.
const ofPerson = ["birth_year", "sex", "sensitive", "consent"];
export function visibleInSend(f, v) {
  if (ofPerson.indexOf(f.outer || f.name) >= 0 && v.subject_kind !== "person") return false;
  if (f.name === "org_code") return v.subject_kind !== "person";
  if (f.name === "replaces" || f.name === "consent.to") return false;
  if (f.name === "consent.guardian") return v["consent.by"] === "guardian";
  if (f.name === "consent.sensitive") return (v.sensitive || []).length > 0;
  return true;
}
const visibleInOutcome = (f, v) => f.name !== "reason" || (v.result && v.result !== "success");
const visible = { send: visibleInSend, reopen: visibleInSend, outcome: visibleInOutcome };

function sendFields(events, name) {
  return spread(events[name] || [], { consent: events.consent }).map((f) =>
    f.name === "consent.sensitive" ? { ...f, required: true, must: true } : f,
  );
}

// What the receiver needs first; the rest is one press away.
const usual = ["to", "detail", "urgency", "name", "contact"];
const isMain = (f) => f.required || f.outer === "consent" || usual.indexOf(f.name) >= 0;

// The consent names the receiver it was given for.
function complete(d, to) {
  if (d.consent) d.consent.to = to;
  return d;
}

function New({ events, me }) {
  const fields = [{ name: "to", type: "node", required: true, min: 0, max: 0, except: me.node.id, label: t("referral.to"), help: t("referral.to_help") }].concat(
    sendFields(events, "send"),
  );
  const send = (d) => {
    const { to, ...rest } = d;
    return post("/api/referrals", { to, d: complete(rest, to) });
  };
  return (
    <>
      <Title text={t("referral.new")} back={href(["referrals"], { box: "out" })} />
      <Note>
        <p>{t("referral.sealed_note")}</p>
      </Note>
      <section class="card">
        <Form
          id="referral"
          scope={eventScope("send")}
          fields={fields}
          initial={{ urgency: "normal", consent: { on: today(), text_version: t("consent.version"), by: "self" } }}
          draft="referral.new"
          visible={(f, v) => f.name === "to" || visibleInSend(f, v)}
          fold={isMain}
          send={send}
          label={t("referral.send")}
          done={(r) => replace(["referrals", r.id], { saved: 1 })}
          cancel={() => go(["referrals"], { box: "out" })}
        >
          <details class="consent-text">
            <summary>{t("consent.show")}</summary>
            <p>{t("consent.text")}</p>
          </details>
        </Form>
      </section>
    </>
  );
}

function Step({ id, step, events, to, ours, done }) {
  const fields = spread(step.fields || [], { consent: events.consent });
  const [open, setOpen] = useState(false);
  const label = t(`referral.do.${step.ev}`);
  const grave = ["decline", "cancel_request", "void", "erase"].indexOf(step.ev) >= 0;
  if (!open) {
    return (
      <button type="button" class={`button ${grave ? "danger" : ours ? "primary" : ""}`} onClick={() => setOpen(true)}>
        {label}
      </button>
    );
  }
  return (
    <section class="step" aria-label={label}>
      <h3>{label}</h3>
      <p class="help">{t(`referral.do.${step.ev}.help`)}</p>
      <Form
        id={`do-${step.ev}`}
        scope={eventScope(step.ev)}
        fields={fields}
        draft={`referral.${id}.${step.ev}`}
        visible={visible[step.ev]}
        send={(d) => post(`/api/referrals/${enc(id)}/${enc(step.ev)}`, { d: complete(d, to) })}
        label={label}
        done={() => {
          setOpen(false);
          done();
        }}
        cancel={() => setOpen(false)}
      />
    </section>
  );
}

// What was asked before and has no answer yet when this one is given: how long it waited.
function waited(list, e) {
  if (e.ev !== "give_info") return 0;
  let since = 0;
  for (const x of list) {
    if (x === e) break;
    if (x.ev === "ask_info") since = since || x.ts;
    if (x.ev === "give_info") since = 0;
  }
  return since ? e.ts - since : 0;
}

function Timeline({ list, events, names }) {
  return (
    <ol class="timeline">
      {list.map((e) => (
        <li key={`${e.who} ${e.step}`} class={`event event-${e.who === "I" ? "i" : "r"}`}>
          <p class="event-head">
            <strong>{evText(e.ev)}</strong>
            <span>{names[e.who] || e.who}</span>
            <time>{stamp(e.ts)}</time>
            {waited(list, e) > 0 && <span>{t("question.after", { span: span(waited(list, e) / 1000) })}</span>}
          </p>
          {e.d && Object.keys(e.d).length > 0 && (
            <Content scope={eventScope(e.ev)} fields={spread(events[e.ev] || [], { consent: events.consent })} d={e.d} />
          )}
        </li>
      ))}
    </ol>
  );
}

const over = ["closed", "erased", "entered_in_error"];

function One({ id, events, me, route }) {
  const [saved] = useState(route.params.saved);
  useEffect(() => {
    if (saved) amend(route.path, {});
  }, []);
  const { data, error, reload } = useLoad(`/api/referrals/${enc(id)}`, everyMs);
  if (!data) return error ? <><Title text={t("nav.referrals")} back={href(["referrals"])} /><Problem error={error.status === 404 ? { err: "not_found" } : error} retry={reload} /></> : <Waiting />;
  const out = data.who === "I";
  const peer = data.peer_name || data.peer;
  const names = out ? { I: me.node.name, R: peer } : { I: peer, R: me.node.name };
  return (
    <>
      <Title text={data.title || t("referral.sealed")} back={href(["referrals"], { box: out ? "out" : "in" })} />
      {saved && data.state === "sent" && (
        <Note tone="good">
          <p>{t("referral.sent_note")}</p>
        </Note>
      )}
      <section class="card">
        <p class="meta">
          <Marks it={data} />
          <span>{t(out ? "referral.to_peer" : "referral.from_peer", { peer })}</span>
          <span>{t("word.updated_at", { when: stamp(data.updated) })}</span>
        </p>
        {data.cancel_pending && <p class="help">{t("referral.cancel_pending_help")}</p>}
        <code>{data.id}</code>
      </section>
      {data.next && data.next.length > 0 && mayWrite(me) ? (
        <section class="card">
          <h2>{t(data.todo ? "referral.next" : "referral.waits")}</h2>
          {!data.todo && <p class="help">{t("referral.waits_help")}</p>}
          <div class="steps">
            {data.next.map((s) => (
              <Step key={s.ev} id={id} step={s} events={events} ours={data.todo} to={out ? data.peer : me.node.id} done={reload} />
            ))}
          </div>
        </section>
      ) : (
        <p class="help">{t(over.indexOf(data.state) >= 0 ? "referral.over" : "referral.next_none")}</p>
      )}
      <section class="card">
        <h2>{t("referral.history")}</h2>
        <Timeline list={data.events || []} events={events} names={names} />
      </section>
    </>
  );
}

export function Referrals({ me, route }) {
  const { data: kinds, error, reload } = useKinds();
  if (!kinds) return error ? <><Title text={t("nav.referrals")} /><Problem error={error} retry={reload} /></> : <Waiting />;
  const r = kinds.referral || {};
  const events = r.events || {};
  const seen = {};
  const states = (r.edges || []).map((e) => e.to).filter((s) => !seen[s] && (seen[s] = true));
  if (route.path[1] === "new") return <New key="new" events={events} me={me} />;
  if (route.path[1]) return <One key={route.path[1]} id={route.path[1]} events={events} me={me} route={route} />;
  return <List params={route.params} states={states} me={me} />;
}

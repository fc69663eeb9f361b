// SPDX-License-Identifier: Apache-2.0
// The first page: is this node well, does it hold what the others hold, and as of when.
import { useState } from "preact/hooks";
import { get, post } from "../api.js";
import { t, tt } from "../i18n.js";
import { useLoad } from "../load.js";
import { Badge, Facts, Note, Problem, Rows, Title, Waiting, areaText, shortId, tierName } from "../parts/bits.jsx";
import { useNames } from "../parts/detail.jsx";
import { Unsent } from "../parts/unsent.jsx";
import { href } from "../route.js";
import { mayCases, mayFile, mayWrite } from "../roles.js";
import { ago, bytes, span, stamp } from "../when.js";

const everyMs = 15000;
const skewMs = 120000; // where a wrong clock begins to confuse people

const longMs = 86400000; // a parent that is away for longer is more than a bad hour

function linkTone(p) {
  if (!p.connected) return ["bad", "link.off"];
  return p.behind ? ["warn", "link.behind"] : ["good", "link.in_step"];
}

const Skew = ({ ms }) => (Math.abs(ms || 0) > skewMs ? <Badge tone="warn" text={t("link.skew", { span: span(Math.abs(ms) / 1000) })} /> : null);

function Parent({ parent, top, asOf }) {
  if (!parent) {
    return (
      <section class="card">
        <h2>{t("status.parent")}</h2>
        <p>{t(top === false ? "status.no_parent_yet" : "status.is_top")}</p>
      </section>
    );
  }
  const [tone, key] = linkTone(parent);
  return (
    <section class={`card edge edge-${tone}`}>
      <h2>{t("status.parent")}</h2>
      <p class="big">
        {parent.name || parent.id} <Badge tone={tone} text={t(key)} />
      </p>
      <Facts
        rows={[
          [t("status.data_as_of"), parent.last_ok ? `${stamp(parent.last_ok)} (${ago(parent.last_ok)})` : t("span.never")],
          [t("status.to_send"), parent.behind ? t("status.items", { n: parent.behind }) : t("status.nothing_behind")],
          [t("status.last_err"), parent.last_err ? t(`code.${parent.last_err}`) : ""],
        ]}
      />
      {!parent.connected && <p class="help">{t("status.offline")}</p>}
      {!parent.connected && parent.last_ok > 0 && asOf - parent.last_ok > longMs && <p class="help">{t("status.offline_long")}</p>}
      <Skew ms={parent.skew_ms} />
    </section>
  );
}

const tiles = [
  ["referral_todo", ["referrals"], { box: "todo" }],
  ["listing", ["r", "listing"]],
  ["need", ["r", "need"]],
  ["notice", ["r", "notice"]],
  ["referral_in", ["referrals"], { box: "in" }],
  ["referral_out", ["referrals"], { box: "out" }],
];

function Tiles({ counts, me }) {
  return (
    <ul class="tiles">
      {tiles.filter(([, path]) => path[0] !== "referrals" || mayCases(me)).map(([k, path, params]) => (
        <li key={k} class={k === "referral_todo" && counts[k] ? "tile-todo" : undefined}>
          <a href={href(path, params)}>
            <span class="tile-n">{counts[k] === undefined ? "–" : counts[k]}</span>
            <span class="tile-t">{t(`count.${k}`)}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Children({ list }) {
  if (!list || list.length === 0) return null;
  const behind = list.filter((c) => !c.connected || c.behind).length;
  return (
    <section class="card">
      <h2>{t("status.children", { n: list.length })}</h2>
      <p class="help">{behind ? t("status.children_behind", { n: behind }) : t("status.children_well")}</p>
      <Rows
        caption={t("status.children", { n: list.length })}
        columns={[
          { key: "name", label: t("word.node"), main: true },
          { key: "state", label: t("word.state"), wrap: true },
          { key: "last", label: t("status.data_as_of") },
          { key: "behind", label: t("status.to_send"), num: true },
        ]}
        rows={list.map((c) => {
          const [tone, key] = linkTone(c);
          return {
            key: c.id,
            name: c.name || c.id,
            state: (
              <>
                <Badge tone={tone} text={t(key)} /> <Skew ms={c.skew_ms} />
              </>
            ),
            last: c.last_ok ? stamp(c.last_ok) : t("span.never"),
            behind: c.behind || 0,
          };
        })}
      />
    </section>
  );
}

// Of whom something is missing, or nothing has come for a day.
function News({ list }) {
  if (!list || list.length === 0) return null;
  const title = t("status.news", { n: list.length });
  return (
    <section class="card edge edge-warn">
      <h2>{title}</h2>
      <p class="help">{t("status.news_help")}</p>
      <Rows
        caption={title}
        columns={[
          { key: "by", label: t("word.node"), main: true },
          { key: "aud", label: t("word.audience") },
          { key: "state", label: t("word.state"), wrap: true },
          { key: "since", label: t("word.since") },
          { key: "via", label: t("status.news_via"), wrap: true },
        ]}
        rows={list.map((s) => ({
          key: `${s.by} ${s.aud}`,
          by: s.by_name || shortId(s.by),
          aud: tt(`audience.${String(s.aud).split(":")[0]}`, s.aud),
          state: <Badge tone={s.state === "silent" ? "warn" : "bad"} text={t(`news.${s.state}`, { n: s.missing })} />,
          since: s.since ? stamp(s.since) : "",
          via: s.via_name || shortId(s.via),
        }))}
      />
    </section>
  );
}

function Streams({ list }) {
  const [open, setOpen] = useState(false);
  if (!list || list.length === 0) return null;
  const title = t("status.streams", { n: list.length });
  return (
    <section class="card">
      <h2>{title}</h2>
      <p class="help">{t("status.streams_help")}</p>
      <button type="button" class="button small" aria-expanded={open ? "true" : "false"} onClick={() => setOpen(!open)}>
        {t(open ? "action.hide" : "action.show")}
      </button>
      {open && (
        <Rows
          caption={title}
          columns={[
            { key: "by", label: t("word.node"), main: true },
            { key: "aud", label: t("word.audience") },
            { key: "seq", label: t("stream.seq"), num: true },
            { key: "ts", label: t("stream.last") },
            { key: "lag", label: t("stream.lag"), num: true },
          ]}
          rows={list.map((s) => ({
            key: `${s.by} ${s.aud} ${s.ep}`,
            by: (
              <>
                {s.by_name || s.by} {s.frozen && <Badge tone="bad" text={t("stream.frozen")} />}
              </>
            ),
            aud: tt(`audience.${String(s.aud).split(":")[0]}`, s.aud),
            seq: s.ep > 1 ? `${s.ep}.${s.seq}` : s.seq,
            ts: stamp(s.last_ts),
            lag: s.lag || 0,
          }))}
        />
      )}
    </section>
  );
}

function Parked({ list }) {
  const names = useNames();
  if (!list || list.length === 0) return null;
  return (
    <section class="card edge edge-warn">
      <h2>{t("status.parked", { n: list.length })}</h2>
      <p class="help">{t("status.parked_help")}</p>
      <Rows
        caption={t("status.parked", { n: list.length })}
        columns={[
          { key: "by", label: t("word.node"), main: true },
          { key: "place", label: t("stream.seq"), num: true },
          { key: "reason", label: t("word.reason"), wrap: true },
          { key: "since", label: t("word.since") },
        ]}
        rows={list.map((p) => ({
          key: `${p.by} ${p.seq} ${p.idx}`,
          by: p.by_name || names[p.by] || shortId(p.by),
          place: `${p.seq}/${p.idx}`,
          reason: t(`code.${p.reason}`),
          since: stamp(p.since),
        }))}
      />
    </section>
  );
}

// The node takes the wish at once and the exchange needs its time: looks until it is over.
const lookMs = 700;
const looks = 45;
function outcome() {
  let n = 0;
  const look = () =>
    get("/api/status").then((s) => {
      if (s.exchange !== "pending") return s.exchange === "ok";
      return ++n < looks ? new Promise((go) => setTimeout(go, lookMs)).then(look) : false;
    });
  return look();
}

// Of the others this node knows nothing newer than the last exchange with its parent.
function asOf(data) {
  const p = data.parent;
  if (!p || p.connected || !p.last_ok) return t("status.as_of", { when: stamp(data.as_of) });
  return t("status.data_until", { when: stamp(p.last_ok), ago: ago(p.last_ok) });
}

export function Status({ me }) {
  const { data, error, reload } = useLoad("/api/status", everyMs);
  const [said, setSaid] = useState(null);
  const [busy, setBusy] = useState(false);
  const sync = () => {
    setBusy(true);
    setSaid(null);
    post("/api/sync")
      .then(outcome)
      .then(
        (ok) => {
          setBusy(false);
          setSaid({ tone: ok ? "good" : "warn", text: t(ok ? "sync.done" : "sync.not_now") });
          reload();
        },
        (e) => {
          setBusy(false);
          setSaid({ error: e });
        },
      );
  };
  const names = useNames();
  const n = (data && data.node) || {};
  const f = (data && data.federation) || {};
  return (
    <>
      <Title text={t("nav.status")}>
        {mayWrite(me) && data && data.parent && (
          <button type="button" class="button primary" onClick={sync} disabled={busy}>
            {t(busy ? "sync.busy" : "sync.now")}
          </button>
        )}
      </Title>
      <Problem error={error} retry={reload} />
      {said && (said.error ? <Problem error={said.error} /> : <Note tone={said.tone}><p>{said.text}</p></Note>)}
      {!data && !error && <Waiting />}
      {data && (
        <>
          <p class="asof">{asOf(data)}</p>
          {mayFile(me) && <Unsent />}
          {(data.alarms || []).map((a) => (
            <div class="note note-bad" role="alert" key={`${a.ts} ${a.code}`}>
              <p>
                <strong>{`${names[a.peer] ? `${names[a.peer]}${t("word.colon")}` : ""}${t(`code.${a.code}`)}`}</strong>
              </p>
              <p>{stamp(a.ts)}</p>
            </div>
          ))}
          <Tiles counts={data.counts || {}} me={me} />
          <div class="columns">
            <Parent parent={data.parent} asOf={data.as_of} top={f.top === undefined ? undefined : f.top === n.id} />
            <section class="card">
              <h2>{t("status.node")}</h2>
              <Facts
                rows={[
                  [t("word.name"), n.name],
                  [t("word.tier"), tierName(n.tier)],
                  [t("word.area"), `${areaText(n.area, n.area_name)}`],
                  [t("status.federation"), t("status.nodes_known", { n: f.nodes })],
                  [t("status.roster"), f.roster_ts ? stamp(f.roster_ts) : ""],
                  [t("status.uptime"), n.uptime_s === undefined ? "" : span(n.uptime_s)],
                  [t("status.disk"), bytes(n.disk_free)],
                  [t("status.version"), n.version],
                  [t("word.id"), n.id && <code>{n.id}</code>],
                ]}
              />
            </section>
          </div>
          <Parked list={data.parked} />
          <Children list={data.children} />
          <News list={data.news} />
          <Streams list={data.streams} />
        </>
      )}
    </>
  );
}

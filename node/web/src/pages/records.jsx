// SPDX-License-Identifier: Apache-2.0
// List, detail and form of any record kind; the kind's table says what they look like.
import { useEffect, useRef, useState } from "preact/hooks";
import { download, enc, get, post, query } from "../api.js";
import { has, t, tt } from "../i18n.js";
import { dropDraft, loadDraft } from "../drafts.js";
import { choiceLabel, fieldLabel, fieldWith, fieldsFor, fieldsOfForm, heldFor, isOpenTo, recordScope, relatedTo, show, stateOf, toContent, typed, useKinds, writtenBy } from "../kinds.js";
import { useLoad } from "../load.js";
import { Badge, Facts, Icon, Note, Problem, Rows, Stamp, Title, Waiting, areaText } from "../parts/bits.jsx";
import { Acknowledge, Acks, Queue } from "../parts/acks.jsx";
import { ConsultAccount } from "../parts/consult.jsx";
import { Changes, changed, useNow } from "../parts/changes.jsx";
import { Conflict } from "../parts/conflict.jsx";
import { Content, Explain, useNames } from "../parts/detail.jsx";
import { EventPanel } from "../parts/event.jsx";
import { Questions } from "../parts/question.jsx";
import { Fits } from "../parts/fits.jsx";
import { Form } from "../parts/form.jsx";
import { Choose, FormActs, useTemplate } from "../parts/template.jsx";
import { Pair, PairBadge } from "../parts/pair.jsx";
import { Desk, Steps } from "../parts/steps.jsx";
import { draftOfForm } from "../parts/unsent.jsx";
import { Withdraw } from "../parts/withdraw.jsx";
import { mayPut, mayRead, mayWrite, orgOf } from "../roles.js";
import { amend, href, replace } from "../route.js";
import { stamp } from "../when.js";

const page = 50;
const kindName = (k) => t(`kind.${k}`);

function StateBadge({ k, state }) {
  const f = fieldWith(k.fields, "state");
  if (!state) return null;
  return <Badge value={state} text={state === "withdrawn" ? t("state.withdrawn") : f ? choiceLabel(recordScope(k.name), f, state) : state} />;
}

// Where others answer a record, what became of it counts and not that it was sent.
function StandBadge({ k, it }) {
  if (it.pair_state && it.state !== "withdrawn") return <PairBadge state={it.pair_state} />;
  return <StateBadge k={k} state={it.state} />;
}

// What the filters say, under the names the API knows.
function apiFilters(k, params) {
  const out = { q: params.q, owner: params.owner };
  k.fields.forEach((f) => {
    const x = params[f.name];
    if (!f.filter || !x) return;
    if (f.state) out.state = x;
    else if (f.own_area) out.area = x;
    else out[`f.${f.name}`] = x;
  });
  return out;
}

function Filters({ k, params, total }) {
  const scope = recordScope(k.name);
  const names = useNames();
  const [q, setQ] = useState(params.q || "");
  const sent = useRef(params.q || "");
  const set = (name, x) => amend(["r", k.name], { ...params, [name]: x });
  // The box follows the address (a link, the way back), except for what it has just written there.
  useEffect(() => {
    if ((params.q || "") !== sent.current) setQ((sent.current = params.q || ""));
  }, [params.q]);
  useEffect(() => {
    if (q === (params.q || "")) return undefined;
    const late = setTimeout(() => set("q", (sent.current = q)), 300);
    return () => clearTimeout(late);
  }, [q]);
  const offered = k.fields.filter((f) => f.filter && (f.choices || f.type === "area" || f.type === "bool" || f.type === "int"));
  const used = k.fields.filter((f) => f.filter && params[f.name]).length + (params.owner ? 1 : 0);
  const [open, setOpen] = useState(used > 0);
  const clear = () => {
    setQ("");
    amend(["r", k.name], {});
  };
  return (
    <form class="card filters stay" role="search" onSubmit={(e) => e.preventDefault()}>
      <div class="filters-head">
        <div class="field grow">
          <label htmlFor="q">{t("list.search", { kind: kindName(k.name) })}</label>
          <input id="q" type="search" value={q} autoComplete="off" onInput={(e) => setQ(e.currentTarget.value)} />
        </div>
        <button type="button" class="button" aria-expanded={open ? "true" : "false"} onClick={() => setOpen(!open)}>
          {used ? t("list.filters_n", { n: used }) : t("list.filters")}
        </button>
      </div>
      {open && (
        <div class="fields">
          {offered.map((f) => (
            <div class="field" key={f.name}>
              <label htmlFor={`by-${f.name}`}>{fieldLabel(scope, f)}</label>
              {f.choices || f.type === "bool" ? (
                <select id={`by-${f.name}`} value={params[f.name] || ""} onChange={(e) => set(f.name, e.currentTarget.value)}>
                  <option value="">{t("list.any")}</option>
                  {(f.choices || ["true", "false"]).map((c) => (
                    <option key={c} value={c}>
                      {f.choices ? choiceLabel(scope, f, c) : t(c === "true" ? "word.yes" : "word.no")}
                    </option>
                  ))}
                </select>
              ) : (
                <input
                  id={`by-${f.name}`}
                  type="text"
                  inputMode="numeric"
                  maxLength={12}
                  value={params[f.name] || ""}
                  onChange={(e) => set(f.name, e.currentTarget.value.trim())}
                />
              )}
            </div>
          ))}
          <div class="field">
            <label htmlFor="by-owner">{t("word.owner")}</label>
            <select id="by-owner" value={params.owner || ""} onChange={(e) => set("owner", e.currentTarget.value)}>
              <option value="">{t("list.any")}</option>
              {Object.keys(names).map((id) => (
                <option key={id} value={id}>
                  {names[id]}
                </option>
              ))}
            </select>
          </div>
        </div>
      )}
      <p class="filters-foot" role="status">
        {total === undefined ? "" : t("list.total", { n: total })}
        {(used > 0 || params.q) && (
          <button type="button" class="link" onClick={clear}>
            {t("list.clear")}
          </button>
        )}
      </p>
    </form>
  );
}

// What the filters show, as a file, all of it.
function Export({ k, params }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const take = (format) => {
    setBusy(true);
    setError(null);
    download(`/api/records/export${query({ kind: k.name, format, ...apiFilters(k, params) })}`)
      .catch(setError)
      .then(() => setBusy(false));
  };
  return (
    <section class="export" aria-label={t("list.export")}>
      <Problem error={error} />
      {["xlsx", "csv"].map((f) => (
        <button key={f} type="button" class="link" disabled={busy} onClick={() => take(f)}>
          {t(`list.export_${f}`)}
        </button>
      ))}
    </section>
  );
}

const everyMs = 5000;

// The first page, which is asked for again and again, before what was fetched below it. Something new
// at the top must not push its last line into nowhere; what was newer than that line and is missing
// now was withdrawn or changed.
const keyOf = (it) => `${it.owner}/${it.id}`;
function together(first, rest, byTime) {
  const have = {};
  first.forEach((it) => (have[keyOf(it)] = true));
  const last = first.length ? first[first.length - 1].ts : Infinity;
  return first.concat(rest.filter((it) => !have[keyOf(it)] && !(byTime && it.ts > last)));
}

function List({ k, params, me }) {
  const scope = recordScope(k.name);
  const names = useNames();
  const path = `/api/records${query({ kind: k.name, limit: page, ...apiFilters(k, params) })}`;
  const { data, error, reload, busy } = useLoad(path, everyMs);
  const [more, setMore] = useState({ path: "", items: [], next: null, error: null });
  const own = more.path === path ? more : null;
  const items = data ? together(data.items, own ? own.items : [], !params.q) : [];
  const next = own ? own.next : data && data.next;
  // Among many records that are not for these eyes a page may hold none: it goes on by itself.
  const now = useRef(path);
  now.current = path;
  const load = (after, shown) =>
    get(`${path}&after=${enc(after)}`).then(
      (d) => {
        const all = together(shown, d.items);
        if (now.current !== path) return null;
        setMore({ path, items: all, next: d.next, error: null });
        return d.next && all.length === shown.length ? load(d.next, all) : null;
      },
      (e) => setMore({ path, items: shown, next: after, error: e }),
    );
  const none = !!(data && data.next && data.items.length === 0 && !own);
  useEffect(() => {
    if (none) load(data.next, []);
  }, [path, none]);
  const title = fieldWith(k.fields, "title");
  const cols = k.fields.filter((f) => f.list && !f.title && !f.state && !f.own_area && f.type !== "object" && f.type !== "b64u");
  const state = fieldWith(k.fields, "state");
  const area = fieldWith(k.fields, "own_area");
  const columns = [{ key: "title", label: title ? fieldLabel(scope, title) : t("word.id"), main: true }]
    .concat(cols.map((f) => ({ key: f.name, label: fieldLabel(scope, f), num: f.type === "int" })))
    .concat(state ? [{ key: "state_", label: t("word.state") }] : [])
    .concat(area ? [{ key: "area_", label: t("word.area") }] : [])
    .concat({ key: "owner_", label: t("word.owner"), wrap: true }, { key: "ts_", label: t("word.updated"), wrap: true });
  const rows = items.map((it) => {
    const r = {
      key: keyOf(it),
      title: <a href={href(["r", k.name, it.owner, it.id])}>{it.title || it.id}</a>,
      state_: <StandBadge k={k} it={it} />,
      area_: areaText(it.area, it.area_name),
      owner_: it.mine ? <strong>{it.owner_name || t("word.us")}</strong> : it.owner_name || it.owner,
      ts_: <Stamp ms={it.ts} />,
    };
    cols.forEach((f) => (r[f.name] = (it.refs && it.refs[f.name]) || show(scope, f, (it.d || {})[f.name], names)));
    return r;
  });
  return (
    <>
      <Title text={kindName(k.name)}>
        {k.form && mayRead(me, "form_template") && (
          <a class="button" href={href(["r", "form_template"])}>
            {kindName("form_template")}
          </a>
        )}
        {mayPut(me, k.name) && (
          <a class="button primary" href={href(["r", k.name, "new"])}>
            <Icon name="plus" />
            <span>{t("action.new")}</span>
          </a>
        )}
      </Title>
      {has(`kind.${k.name}.help`) && <p class="lead">{t(`kind.${k.name}.help`)}</p>}
      <Filters k={k} params={params} total={data ? data.total : undefined} />
      <Problem error={error} retry={reload} />
      {!data && busy && <Waiting />}
      {data && items.length === 0 && (
        <div class="card empty">
          <p>{t(next ? "list.none_yet" : query(apiFilters(k, params)) ? "list.none_found" : mayPut(me, k.name) ? "list.none_write" : "list.none")}</p>
        </div>
      )}
      {items.length > 0 && <Rows caption={kindName(k.name)} columns={columns} rows={rows} />}
      {items.length > 0 && <Export k={k} params={params} />}
      {k.owner !== "machine" && mayWrite(me) && mayPut(me, k.name) && k.export && (
        <p class="export">
          <a href={href(["import", k.name])}>{t("list.import")}</a>
        </p>
      )}
      <Problem error={own && own.error} />
      {next && (
        <p class="centre">
          <button type="button" class="button" onClick={() => load(next, items)}>
            {t(items.length ? "list.more" : "list.look_on")}
          </button>
        </p>
      )}
    </>
  );
}

// Whom a new record is for is part of the form, and of its draft: what was meant for few must not come
// back from a reload as meant for all.
const audienceField = (k) => ({
  name: "audience_",
  type: "enum",
  required: true,
  choices: k.audiences,
  preset: k.audience,
  label: t("word.audience"),
  help: t("audience.help"),
  labels: k.audiences.reduce((o, a) => ({ ...o, [a]: t(`audience.${a}`) }), {}),
});

// A new record's id is made here, once for each form: sent a second time, because the answer to the
// first got lost, it is still one record.
function newId() {
  const raw = crypto.getRandomValues(new Uint8Array(12));
  return `w${Array.from(raw, (b) => (b + 256).toString(16).slice(1)).join("")}`;
}
const holds = (k, theirs, mine) =>
  theirs.mine && theirs.kind === k.name && k.fields.every((f) => mine[f.name] === undefined || JSON.stringify(mine[f.name]) === JSON.stringify((theirs.d || {})[f.name]));

// What a form shows at once; the rest is one press away. A kind and a title make a listing.
const isMain = (f) => f.required || f.outer || f.title || f.list || f.state || f.type === "long" || f.type === "files";

function Edit({ k, record, me, preset, template }) {
  const [base, setBase] = useState(record);
  const [fresh] = useState(newId);
  const [turn, setTurn] = useState(0);
  const [conflict, setConflict] = useState(null);
  const [keepError, setKeepError] = useState(null);
  const [busy, setBusy] = useState(false);
  const back = base ? href(["r", k.name, base.owner, base.id]) : href(["r", k.name]);
  // What a page opens "for" another record is a draft of its own.
  const given = preset ? (k.key || Object.keys(preset)).map((f) => preset[f]).filter((x) => x !== undefined && /^[\w:-]{1,40}$/.test(x)).join(".") : "";
  const draft = record ? `${k.name}.${record.id}` : template ? draftOfForm(k, preset) : given ? `${k.name}.new.${given}` : `${k.name}.new`;
  const plain = heldFor(k, fieldsFor(k, base ? stateOf(k, base.d) : "", me.role, base && writtenBy(k, base.d)), orgOf(me));
  const fields = useNow(k, template ? fieldsOfForm(k, plain, template) : plain, base ? base.d : preset);
  const choose = !record && !k.home && k.audiences && k.audiences.length > 1;
  const write = (body) => post(`/api/records/${enc(k.name)}`, body);
  // over: the revision the form was begun from, or the id of a new record.
  const send = async (content, over) => {
    const { audience_: audience, ...d } = content;
    setConflict(null);
    setKeepError(null);
    try {
      return await write(base ? { id: base.id, seen_r: over, d } : { ...(k.key ? {} : { id: over }), ...(choose ? { audience } : {}), d });
    } catch (e) {
      const theirs = e.err === "conflict" && e.body && e.body.current;
      if (theirs && !base && holds(k, theirs, d)) return { id: theirs.id };
      if (theirs) setConflict({ mine: d, theirs });
      throw e;
    }
  };
  const done = (reply) => replace(["r", k.name, (base && base.owner) || me.node.id, reply.id || base.id], { saved: 1 });
  const keep = () => {
    setBusy(true);
    setKeepError(null);
    // The form stays open beside both versions: what was typed into it since counts.
    const typedNow = loadDraft(draft);
    const mine = typedNow ? toContent(fields, typedNow.values, base && base.d) : conflict.mine;
    write({ id: conflict.theirs.id, seen_r: conflict.theirs.r, d: mine }).then(
      (reply) => {
        dropDraft(draft);
        done(reply);
      },
      (e) => {
        setBusy(false);
        if (e.err === "conflict" && e.body && e.body.current) setConflict({ ...conflict, theirs: e.body.current });
        else setKeepError(e);
      },
    );
  };
  const take = () => {
    dropDraft(draft);
    setBase({ ...base, ...conflict.theirs });
    setTurn(turn + 1);
    setConflict(null);
  };
  return (
    <>
      <Title text={base ? t("form.edit", { title: base.title }) : template ? template.title : tt(`form.new.${k.name}`, "form.new")} back={back}>
        <a class="button small" href={href(["help", k.name])}>
          {t("help.form")}
        </a>
      </Title>
      {base && <Desk k={k} d={base.d} me={me} />}
      {template && template.d.guide && <p class="lead long">{template.d.guide}</p>}
      {conflict && <Conflict k={k} mine={conflict.mine} theirs={conflict.theirs} keep={keep} take={take} busy={busy} />}
      <Problem error={keepError} />
      <section class="card">
        <Form
          key={turn}
          id="record"
          scope={recordScope(k.name)}
          fields={choose ? fields.concat(audienceField(k)) : fields}
          initial={base ? base.d : preset}
          base={base ? base.r : fresh}
          draft={draft}
          fold={changed(k).length ? undefined : isMain}
          partly={k.form && ((values) => k.form.partly.indexOf(values[fieldWith(k.fields, "state").name]) >= 0)}
          send={send}
          done={done}
          cancel={() => (location.hash = back)}
        />
      </section>
    </>
  );
}

// Resources that are had by the hour (PROTOCOL.md 17.5); the rest is asked for by telephone.
const bookable = ["venue", "mentor", "equipment", "space", "visit"];

// The page's heading and the line below it say them already.
const toldOf = (k) => k.fields.filter((f) => f.title || f.own_area || (k.sent && f.state) || (k.effect && f.name === k.effect.was) || changed(k).indexOf(f.name) >= 0).map((f) => f.name);

// What names this record: an organisation's visits, honours, assessments.
function Related({ k, field, record, me }) {
  const path = `/api/records${query({ kind: k.name, [`f.${field.name}`]: record.id, limit: 5 })}`;
  const { data, error, reload } = useLoad(path);
  return (
    <section class="card related">
      <header class="related-head">
        <h2>{kindName(k.name)}</h2>
        {mayPut(me, k.name) && (
          <a class="button small" href={href(["r", k.name, "new"], { [field.name]: record.id })}>
            {t("related.new")}
          </a>
        )}
      </header>
      <Problem error={error} retry={reload} />
      {data && data.items.length === 0 && <p class="help">{t("related.none")}</p>}
      {data && data.items.length > 0 && (
        <ul class="related-list">
          {data.items.map((it) => (
            <li key={it.id}>
              <a href={href(["r", k.name, it.owner, it.id])}>{it.title || it.id}</a>
              <StateBadge k={k} state={it.state} />
              <Stamp ms={it.ts} />
            </li>
          ))}
        </ul>
      )}
      {data && data.next && (
        <p>
          <a href={href(["r", k.name], { [field.name]: record.id })}>{t("related.all")}</a>
        </p>
      )}
    </section>
  );
}

function Detail({ k, kinds, record, template, reload, saved, me }) {
  const gone = record.state === "withdrawn";
  const turn = !orgOf(me) || isOpenTo(k, record.d, me.role);
  const ours = record.mine && !gone && mayPut(me, k.name) && turn && (!record.pair || record.pair.may.length > 0);
  return (
    <>
      <Title text={record.title || record.id} back={href(["r", k.name])}>
        {k.name === "listing" && !gone && bookable.indexOf((record.d || {}).kind) >= 0 && (
          <a class="button" href={href(["bookings", record.owner, record.id])}>
            <Icon name="calendar" />
            <span>{t("booking.book")}</span>
          </a>
        )}
        <FormActs kinds={kinds} k={k} record={record} me={me} />
        {ours && (
          <a class="button primary" href={href(["r", k.name, record.owner, record.id, "edit"])}>
            {t("action.edit")}
          </a>
        )}
      </Title>
      {saved && (
        <Note tone="good">
          <p>{t("form.done")}</p>
        </Note>
      )}
      {record.explain && record.explain.unproven && (
        <Note tone="warn">
          <p>{t(record.mine ? "unproven.mine" : "unproven.other")}</p>
        </Note>
      )}
      {record.doubt && record.mine && (
        <Note tone="warn">
          <p>{t(`doubt.${record.doubt.why}`)}</p>
        </Note>
      )}
      {ours && <Steps k={k} record={record} me={me} reload={reload} />}
      <Desk k={k} d={record.d || {}} me={me} />
      {record.queue && <Queue queue={record.queue} />}
      {record.acked !== undefined && <Acknowledge record={record} me={me} reload={reload} />}
      {record.pair && <Pair record={record} reload={reload} />}
      <Changes k={k} record={record} />
      <section class="card">
        <p class="meta">
          {record.pair && !gone ? <PairBadge state={record.pair.state} /> : <StateBadge k={k} state={record.state} />}
          <span>{record.owner_name || record.owner}</span>
          {record.steward && <span>{t("word.steward", { name: record.steward_name || record.steward })}</span>}
          <span>{areaText(record.area, record.area_name)}</span>
          <span>{t("word.updated_at", { when: stamp(record.ts) })}</span>
        </p>
        <Content scope={recordScope(k.name)} fields={template ? fieldsOfForm(k, k.fields, template) : k.fields} d={record.d || {}} skip={toldOf(k)} refs={record.refs} at={[record.owner, k.name, record.id]} />
        <Facts
          rows={[
            [t("word.audience"), tt(`audience.${String(record.aud).split(":")[0]}`, record.aud)],
            [t("word.revision"), record.r],
            [t("word.id"), <code>{record.id}</code>],
          ]}
        />
      </section>
      {record.acks && record.acks.length > 0 && <Acks list={record.acks} />}
      {!gone && <ConsultAccount k={k} record={record} me={me} />}
      {!gone && <Fits kinds={kinds} k={k} record={record} />}
      {!gone && <Questions k={k} kinds={kinds} record={record} me={me} />}
      {k.name === "event" && !gone && <EventPanel owner={record.owner} id={record.id} me={me} />}
      {record.mine && !gone && relatedTo(kinds, k.name).filter(([x]) => mayRead(me, x.name)).map(([x, f]) => <Related key={x.name} k={x} field={f} record={record} me={me} />)}
      {ours && !(k.sent && stateOf(k, record.d) === k.sent) && !((k.fixed || orgOf(me)) && stateOf(k, record.d) !== stateOf(k)) && <Withdraw k={k} record={record} reload={reload} />}
      {record.explain && <Explain x={record.explain} owner={record.owner} />}
    </>
  );
}

function One({ k, kinds, route, me }) {
  const [, , owner, id, mode] = route.path;
  const [saved] = useState(route.params.saved);
  // Said once: neither a reload nor the way back says it again.
  useEffect(() => {
    if (saved) amend(route.path, {});
  }, []);
  const { data, error, reload } = useLoad(`/api/records/${enc(owner)}/${enc(k.name)}/${enc(id)}`);
  if (!data) {
    if (!error) return <Waiting />;
    return (
      <>
        <Title text={kindName(k.name)} back={href(["r", k.name])} />
        <Problem error={error.status === 404 ? { err: "not_found" } : error} retry={reload} />
      </>
    );
  }
  const With = k.form ? Filled : Plain;
  return (
    <With k={k} d={data.d || {}}>
      {(template) =>
        mode === "edit" && data.mine && mayPut(me, k.name) && (!orgOf(me) || isOpenTo(k, data.d, me.role)) ? (
          <Edit k={k} record={data} me={me} template={template} />
        ) : (
          <Detail k={k} kinds={kinds} record={data} template={template} reload={reload} saved={saved} me={me} />
        )
      }
    </With>
  );
}

const Plain = ({ children }) => children(null);

// With the form it is filled into. Where that is not here any more, what was filled in still is.
function Filled({ k, d, children }) {
  const { data, error } = useTemplate(k, d);
  if (!data && !error) return <Waiting />;
  return (
    <>
      {error && <Note tone="warn">{t("form.no_template")}</Note>}
      {children(data)}
    </>
  );
}

// A link may say what a new record is for: #/r/service/new?org=ID
function presetOf(k, params) {
  const out = {};
  k.fields.forEach((f) => {
    if (typed(f) && params[f.name] && ["ref", "enum", "period", "text"].indexOf(f.type) >= 0) out[f.name] = params[f.name];
  });
  return Object.keys(out).length ? out : undefined;
}

// The next version of a form begins with the questions of the one it follows.
function After({ k, me, id }) {
  const { data, error, reload } = useLoad(`/api/records/me/${enc(k.name)}/${enc(id)}`);
  if (!data) return error ? <Problem error={error} retry={reload} /> : <Waiting />;
  const state = fieldWith(k.fields, "state");
  return <Edit k={k} me={me} preset={{ ...data.d, version: data.d.version + 1, [state.name]: state.choices[0] }} />;
}

function New({ k, me, params: said }) {
  const org = k.filed && orgOf(me);
  const params = org ? { ...said, [k.filed.org]: org } : said;
  const preset = presetOf(k, params);
  if (k.form && !params[k.form.template]) return <Choose k={k} params={params} me={me} />;
  if (k.form) return <Filled k={k} d={params}>{(template) => template && <Edit k={k} me={me} preset={preset} template={template} />}</Filled>;
  return params.after ? <After k={k} me={me} id={params.after} /> : <Edit k={k} me={me} preset={preset} />;
}

export function Records({ me, route }) {
  const { data: kinds, error, reload } = useKinds();
  const k = kinds && kinds.kinds.find((x) => x.name === route.path[1]);
  if (!k) {
    if (!kinds && !error) return <Waiting />;
    return (
      <>
        <Title text={kinds ? t("page.not_found") : tt(`kind.${route.path[1]}`, "page.not_found")} back={href([])} />
        <Problem error={kinds ? { err: "unknown_kind" } : error} retry={kinds ? undefined : reload} />
      </>
    );
  }
  if (route.path[2] === "new" && mayPut(me, k.name)) return <New key={route.at} k={k} me={me} params={route.params} />;
  if (route.path.length >= 4) return <One key={route.key} k={k} kinds={kinds.kinds} route={route} me={me} />;
  return <List k={k} params={route.params} me={me} />;
}

// SPDX-License-Identifier: Apache-2.0
// Programs and group robots that are told what comes to wait here, for the administrator.
import { useState } from "preact/hooks";
import { enc, post } from "../api.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Choice, Once, Shelf, Sure, useMaking } from "../parts/admin.jsx";
import { Badge, Problem, Stamp, Title } from "../parts/bits.jsx";
import { Refusal, Text } from "../parts/gate.jsx";

const forms = ["wecom", "dingtalk", "plain"];

function Make({ sources, made }) {
  const blank = { name: "", form: "wecom", url: "", secret: "", events: [], password: "" };
  const { v, change, problem, refuse, busy, send } = useMaking(blank, made);
  const tick = (k) => (e) => {
    const on = e.currentTarget.checked;
    change("events")((now) => sources.filter((x) => (x === k ? on : now.indexOf(x) >= 0)));
  };
  const submit = (e) => {
    e.preventDefault();
    if (!v.name.trim() || !v.url.trim() || !v.password) {
      refuse(t("hook.need"));
      return;
    }
    const body = { name: v.name.trim(), form: v.form, url: v.url.trim(), password: v.password };
    if (v.form === "dingtalk" && v.secret.trim()) body.secret = v.secret.trim();
    if (v.events.length) body.events = v.events.join(" ");
    send("/api/hooks", body);
  };
  return (
    <form class="card narrow form" id="hook" noValidate onSubmit={submit}>
      <h2>{t("hook.new")}</h2>
      <Refusal text={problem} />
      <Text id="hook-name" type="text" label={t("hook.name")} value={v.name} onInput={change("name")} auto="off" />
      <Choice id="hook-form" label={t("hook.form")} value={v.form} onInput={change("form")} options={forms.map((f) => [f, t(`hook.form.${f}`)])} />
      <Text id="hook-url" type="text" mode="url" label={t("hook.url")} value={v.url} onInput={change("url")} auto="off" help={t(`hook.url_help.${v.form}`)} />
      {v.form === "dingtalk" && <Text id="hook-secret" type="password" label={t("hook.secret")} value={v.secret} onInput={change("secret")} auto="off" help={t("hook.secret_help")} />}
      <fieldset class="field field-wide">
        <legend>{t("hook.events")}</legend>
        <div class="ticks">
          {sources.map((k) => (
            <label key={k} class="tick">
              <input type="checkbox" checked={v.events.indexOf(k) >= 0} onChange={tick(k)} />
              <span>{t(`todo.source.${k}`)}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <Text id="hook-password" type="password" label={t("password.old")} value={v.password} onInput={change("password")} auto="current-password" />
      <button type="submit" class="button primary wide" disabled={busy}>
        {t(busy ? "word.sending" : "hook.go")}
      </button>
    </form>
  );
}

function Test({ n, name, done }) {
  const [error, setError] = useState(null);
  if (error) return <Problem error={error} retry={() => setError(null)} />;
  return (
    <button type="button" class="button small" aria-label={`${t("hook.test")}: ${name}`} onClick={() => post(`/api/hooks/${enc(n)}/test`).then(done, setError)}>
      {t("hook.test")}
    </button>
  );
}

const state = (h) => {
  if (h.dead) return <Badge tone="bad" text={t("hook.dead")} />;
  if (h.fails > 0) return <Badge tone="warn" text={t("hook.failing")} />;
  return h.ok_at ? <Badge tone="good" text={t("hook.ok")} /> : t("hook.never");
};

function last(h) {
  if (h.fails > 0) return <code>{h.why}</code>;
  return h.ok_at ? <Stamp ms={h.ok_at} /> : "";
}

export function Hooks() {
  const { data, error, reload } = useLoad("/api/hooks", 5000);
  const [fresh, setFresh] = useState(null);
  const rows = ((data && data.hooks) || []).map((h) => ({
    key: h.n,
    name: <span dir="auto">{h.name}</span>,
    form: t(`hook.form.${h.form}`),
    to: <code>{h.to}</code>,
    state: state(h),
    last: last(h),
    queued: h.queued,
    end: (
      <span class="line">
        <Test n={h.n} name={h.name} done={reload} />
        <Sure path={`/api/hooks/${enc(h.n)}/drop`} name={h.name} ask={t("hook.drop")} go={t("hook.drop_sure")} done={reload} />
      </span>
    ),
  }));
  return (
    <>
      <Title text={t("nav.hooks")} />
      <p>{t("hook.lead")}</p>
      {fresh && fresh.secret && (
        <Once id="hook-text" lead={t("hook.once", { name: fresh.name })} text={fresh.secret} />
      )}
      <Shelf
        data={data}
        error={error}
        reload={reload}
        none={t("hook.none")}
        caption={t("nav.hooks")}
        columns={[
          { key: "name", label: t("hook.name"), main: true },
          { key: "form", label: t("hook.form"), wrap: true },
          { key: "to", label: t("hook.to"), wrap: true },
          { key: "state", label: t("hook.state") },
          { key: "last", label: t("hook.last"), wrap: true },
          { key: "queued", label: t("hook.queued"), num: true },
          { key: "end", label: t("hook.do"), wrap: true },
        ]}
        rows={rows}
      />
      <Make
        sources={(data && data.sources) || []}
        made={(x) => {
          setFresh(x);
          reload();
        }}
      />
    </>
  );
}

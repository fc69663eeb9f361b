// SPDX-License-Identifier: Apache-2.0
// Keys of other programs to this platform's interface, for the administrator: made, shown once, ended.
import { useState } from "preact/hooks";
import { enc, query } from "../api.js";
import { t, tt } from "../i18n.js";
import { useLoad } from "../load.js";
import { Choice, Once, Shelf, Sure, useMaking } from "../parts/admin.jsx";
import { Problem, Title } from "../parts/bits.jsx";
import { Refusal, Text } from "../parts/gate.jsx";
import { dateOf } from "../when.js";

const roles = ["supervisor", "clerk", "reviewer", "manager", "admin", "member"];
const spans = [30, 90, 365, 1095];

function Organisation({ value, onInput }) {
  const { data, error, reload } = useLoad(`/api/records${query({ kind: "org", owner: "me", limit: 200 })}`);
  const items = ((data && data.items) || []).filter((r) => r.state !== "withdrawn");
  if (error) return <Problem error={error} retry={reload} />;
  return <Choice id="token-org" label={t("token.org")} value={value} onInput={onInput} options={[["", t("form.choose")]].concat(items.map((r) => [r.id, r.title]))} />;
}

function Make({ made }) {
  const blank = { name: "", role: "supervisor", org: "", days: "365", password: "" };
  const { v, change, problem, refuse, busy, send } = useMaking(blank, made);
  const submit = (e) => {
    e.preventDefault();
    if (!v.name.trim() || !v.password || (v.role === "member" && !v.org)) {
      refuse(t("token.need"));
      return;
    }
    const body = { name: v.name.trim(), role: v.role, days: Number(v.days), password: v.password };
    send("/api/tokens", v.role === "member" ? { ...body, org: v.org } : body);
  };
  return (
    <form class="card narrow form" id="token" noValidate onSubmit={submit}>
      <h2>{t("token.new")}</h2>
      <Refusal text={problem} />
      <Text id="token-name" type="text" label={t("token.name")} value={v.name} onInput={change("name")} auto="off" help={t("token.name_help")} />
      <Choice id="token-role" label={t("account.role")} value={v.role} onInput={change("role")} options={roles.map((r) => [r, tt(`role.${r}`, r)])} />
      {v.role === "member" && <Organisation value={v.org} onInput={change("org")} />}
      <Choice id="token-days" label={t("token.valid")} value={v.days} onInput={change("days")} options={spans.map((n) => [String(n), t("span.days", { n })])} />
      <Text id="token-password" type="password" label={t("password.old")} value={v.password} onInput={change("password")} auto="current-password" />
      <button type="submit" class="button primary wide" disabled={busy}>
        {t(busy ? "word.sending" : "token.go")}
      </button>
    </form>
  );
}

export function Tokens() {
  const { data, error, reload } = useLoad("/api/tokens");
  const [fresh, setFresh] = useState(null);
  const now = Date.now();
  const rows = ((data && data.tokens) || []).map((x) => ({
    key: x.n,
    name: <span dir="auto">{x.name}</span>,
    n: <code>{`token:${x.n}`}</code>,
    role: tt(`role.${x.role}`, x.role),
    until: x.expires > now ? dateOf(new Date(x.expires)) : t("token.expired"),
    used: x.used || t("token.never"),
    end: (
      <Sure
        path={`/api/tokens/${enc(x.n)}/revoke`}
        name={x.name}
        ask={t("token.revoke")}
        go={t("token.revoke_sure")}
        done={() => {
          setFresh(null);
          reload();
        }}
      />
    ),
  }));
  return (
    <>
      <Title text={t("nav.tokens")} />
      <p>{t("token.lead")}</p>
      {fresh && (
        <Once id="token-text" lead={t("token.once", { name: fresh.name })} text={fresh.token} />
      )}
      <Shelf
        data={data}
        error={error}
        reload={reload}
        none={t("token.none")}
        caption={t("nav.tokens")}
        columns={[
          { key: "name", label: t("token.name"), main: true },
          { key: "n", label: t("token.in_log") },
          { key: "role", label: t("account.role"), wrap: true },
          { key: "until", label: t("token.until") },
          { key: "used", label: t("token.used") },
          { key: "end", label: t("token.end") },
        ]}
        rows={rows}
      />
      <Make
        made={(x) => {
          setFresh(x);
          reload();
        }}
      />
    </>
  );
}

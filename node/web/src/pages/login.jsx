// SPDX-License-Identifier: Apache-2.0
// Signing in, the first change of a one-time password, and the account page.
import { useState } from "preact/hooks";
import { post, sentence } from "../api.js";
import { t, tt } from "../i18n.js";
import { Facts, Note, Title } from "../parts/bits.jsx";
import { Brand, Languages } from "../parts/frame.jsx";

function Text({ id, label, type, value, onInput, auto, help }) {
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type={type}
        value={value}
        autoComplete={auto}
        autoCapitalize="none"
        spellcheck={false}
        aria-describedby={help ? `${id}-help` : undefined}
        onInput={(e) => onInput(e.currentTarget.value)}
      />
      {help && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}

function Gate({ title, lead, lang, speak, children }) {
  return (
    <div class="gate">
      <header class="gate-top">
        <Brand />
        <Languages lang={lang} speak={speak} />
      </header>
      <main class="gate-card">
        <h1>{title}</h1>
        {lead && <p class="lead">{lead}</p>}
        {children}
      </main>
    </div>
  );
}

const Refusal = ({ text }) =>
  text ? (
    <div class="note note-bad" role="alert">
      <p>{text}</p>
    </div>
  ) : null;

export function Login({ enter, ended, lang, speak }) {
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = (e) => {
    e.preventDefault();
    if (!login.trim() || !password) {
      setProblem(t("login.both"));
      return;
    }
    setBusy(true);
    post("/api/login", { login: login.trim(), password }).then(enter, (err) => {
      setBusy(false);
      setProblem(err.status === 401 && !err.message ? t("login.wrong") : sentence(err));
    });
  };
  document.title = `${t("login.title")} · ${t("app.name")}`;
  return (
    <Gate title={t("login.title")} lead={t("login.lead")} lang={lang} speak={speak}>
      <form class="form" noValidate onSubmit={submit}>
        {ended && !problem && (
          <Note tone="warn">
            <p>{t("login.ended")}</p>
          </Note>
        )}
        <Refusal text={problem} />
        <Text id="login" type="text" label={t("login.name")} value={login} onInput={setLogin} auto="username" />
        <Text id="password" type="password" label={t("login.password")} value={password} onInput={setPassword} auto="current-password" />
        <button type="submit" class="button primary wide" disabled={busy}>
          {t(busy ? "word.sending" : "login.go")}
        </button>
        <p class="help">{t("login.help")}</p>
      </form>
    </Gate>
  );
}

// As PASSWORD_MIN in node/password.h, which decides.
const shortest = 8;

function Passwords({ done, label, askOld }) {
  const [v, set] = useState({ old: "", first: "", second: "" });
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const change = (name) => (x) => set({ ...v, [name]: x });
  const submit = (e) => {
    e.preventDefault();
    const bad =
      (!v.old && "password.need_old") ||
      (Array.from(v.first).length < shortest && "password.short") ||
      (v.first === v.old && "password.same") ||
      (v.first !== v.second && "password.differ");
    if (bad) {
      setProblem(t(bad, { n: shortest }));
      return;
    }
    setBusy(true);
    setProblem("");
    post("/api/password", { old: v.old, new: v.first }).then(
      () => {
        set({ old: "", first: "", second: "" });
        setBusy(false);
        done();
      },
      (err) => {
        setBusy(false);
        setProblem(sentence(err));
      },
    );
  };
  return (
    <form class="form" noValidate onSubmit={submit}>
      <Refusal text={problem} />
      <Text id="old" type="password" label={t(askOld)} value={v.old} onInput={change("old")} auto="current-password" />
      <Text
        id="first"
        type="password"
        label={t("password.new")}
        value={v.first}
        onInput={change("first")}
        auto="new-password"
        help={t("password.rule", { n: shortest })}
      />
      <Text id="second" type="password" label={t("password.again")} value={v.second} onInput={change("second")} auto="new-password" />
      <button type="submit" class="button primary wide" disabled={busy}>
        {busy ? t("word.sending") : label}
      </button>
    </form>
  );
}

export function NewPassword({ again, leave, lang, speak }) {
  document.title = `${t("password.first_title")} · ${t("app.name")}`;
  return (
    <Gate title={t("password.first_title")} lead={t("password.first_lead")} lang={lang} speak={speak}>
      <Passwords done={again} label={t("password.go")} askOld="password.one_time" />
      <p>
        <button type="button" class="link" onClick={leave}>
          {t("action.logout")}
        </button>
      </p>
    </Gate>
  );
}

export function Account({ me, lang, speak, leave }) {
  const [done, setDone] = useState(false);
  return (
    <>
      <Title text={t("nav.account")} />
      <section class="card">
        <Facts
          rows={[
            [t("account.name"), me.name],
            [t("login.name"), me.login],
            [t("account.role"), tt(`role.${me.role}`, me.role)],
          ]}
        />
        <div class="line">
          <span>{t("app.language")}</span>
          <Languages lang={lang} speak={speak} />
        </div>
        <button type="button" class="button" onClick={leave}>
          {t("action.logout")}
        </button>
      </section>
      <section class="card narrow">
        <h2>{t("password.title")}</h2>
        {done && (
          <Note tone="good">
            <p>{t("password.done")}</p>
          </Note>
        )}
        <Passwords done={() => setDone(true)} label={t("password.go")} askOld="password.old" />
      </section>
    </>
  );
}

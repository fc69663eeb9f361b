// SPDX-License-Identifier: Apache-2.0
// Signing in, what has to be done before the first page, and the account page.
import { useState } from "preact/hooks";
import { post, sentence } from "../api.js";
import { t, tt } from "../i18n.js";
import { Facts, Note, Title } from "../parts/bits.jsx";
import { Languages } from "../parts/frame.jsx";
import { Gate, Refusal, Text } from "../parts/gate.jsx";
import { SecondFactor } from "../parts/second.jsx";
import { href } from "../route.js";

// The code is asked for after the password, so that whoever has none sees no field for it.
export function Login({ enter, ended, lang, speak }) {
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const back = () => {
    setCode(null);
    setPassword("");
    setProblem("");
  };
  const submit = (e) => {
    e.preventDefault();
    if (!login.trim() || !password || code === "") {
      setProblem(t(code === "" ? "login.code_need" : "login.both"));
      return;
    }
    setBusy(true);
    setProblem("");
    const body = { login: login.trim(), password };
    if (code !== null) body.code = code.replace(/\s/g, "");
    post("/api/login", body).then(enter, (err) => {
      setBusy(false);
      if (err.err === "need_code") setCode("");
      else setProblem(err.status === 401 && !err.message ? t("login.wrong") : sentence(err));
    });
  };
  document.title = `${t("login.title")} · ${t("app.name")}`;
  return (
    <Gate title={t("login.title")} lead={t(code === null ? "login.lead" : "login.code_lead")} lang={lang} speak={speak}>
      <form class="form" noValidate onSubmit={submit}>
        {ended && !problem && (
          <Note tone="warn">
            <p>{t("login.ended")}</p>
          </Note>
        )}
        <Refusal text={problem} />
        {code === null ? (
          <>
            <Text id="login" type="text" label={t("login.name")} value={login} onInput={setLogin} auto="username" />
            <Text id="password" type="password" label={t("login.password")} value={password} onInput={setPassword} auto="current-password" />
          </>
        ) : (
          <Text id="code" type="text" mode="numeric" label={t("login.code")} value={code} onInput={setCode} auto="one-time-code" focus />
        )}
        <button type="submit" class="button primary wide" disabled={busy}>
          {t(busy ? "word.sending" : "login.go")}
        </button>
        {code === null ? (
          <>
            <p class="help">{t("login.help")}</p>
            {location.protocol === "https:" && (
              <p>
                <a href={href(["trust"])}>{t("trust.ask")}</a>
              </p>
            )}
          </>
        ) : (
          <>
            <p class="help">{t("second.lost")}</p>
            <p>
              <button type="button" class="link" onClick={back}>
                {t("login.code_back")}
              </button>
            </p>
          </>
        )}
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

export function NewSecond({ me, again, leave, lang, speak }) {
  document.title = `${t("second.must_title")} · ${t("app.name")}`;
  return (
    <Gate title={t("second.must_title")} lead={t("second.must_lead")} lang={lang} speak={speak}>
      <SecondFactor me={me} again={again} />
      <p>
        <button type="button" class="link" onClick={leave}>
          {t("action.logout")}
        </button>
      </p>
    </Gate>
  );
}

export function Account({ me, lang, speak, leave, again }) {
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
      <section class="card narrow">
        <h2>{t("second.title")}</h2>
        <SecondFactor me={me} again={again} />
      </section>
    </>
  );
}

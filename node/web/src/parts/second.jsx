// SPDX-License-Identifier: Apache-2.0
// Setting up the second factor of the log-in, and switching it off.
import { useState } from "preact/hooks";
import { get, post, sentence } from "../api.js";
import { t } from "../i18n.js";
import { Refusal, Text } from "./gate.jsx";

const groups = (key) => key.replace(/(.{4})(?=.)/g, "$1 ");

function Password({ value, onInput }) {
  return <Text id="second-password" type="password" label={t("login.password")} value={value} onInput={onInput} auto="current-password" />;
}

export function SecondFactor({ me, again }) {
  const [offer, setOffer] = useState(null);
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const run = (asked, then) => {
    setBusy(true);
    setProblem("");
    asked.then(
      (x) => {
        setBusy(false);
        then(x);
      },
      (err) => {
        setBusy(false);
        setProblem(sentence(err));
      },
    );
  };
  const ended = () => {
    setOffer(null);
    setPassword("");
    setCode("");
    again();
  };
  const submit = (e) => {
    e.preventDefault();
    const digits = code.replace(/\s/g, "");
    if (!password || digits.length !== 6) {
      setProblem(t("second.need"));
      return;
    }
    if (me.second) run(post("/api/second/off", { password, code: digits }), ended);
    else run(post("/api/second", { password, secret: offer.secret, code: digits }), ended);
  };
  if (!me.second && !offer)
    return (
      <>
        <p>{t("second.lead")}</p>
        <Refusal text={problem} />
        <button type="button" class="button" disabled={busy} onClick={() => run(get("/api/second/new"), setOffer)}>
          {t("second.start")}
        </button>
      </>
    );
  return (
    <form class="form second" noValidate onSubmit={submit}>
      {me.second ? (
        <p>{t("second.on")}</p>
      ) : (
        <>
          <p>{t("second.scan")}</p>
          <svg class="qr" viewBox={`0 0 ${offer.side} ${offer.side}`} role="img" aria-label={t("second.picture")} shape-rendering="crispEdges">
            <path d={offer.path} />
          </svg>
          <p>
            <a href={offer.uri}>{t("second.open")}</a>
          </p>
          <p class="help">
            {t("second.type")} <code class="key">{groups(offer.secret)}</code>
          </p>
          <p>{t("second.confirm")}</p>
        </>
      )}
      <Refusal text={problem} />
      <Text id="second-code" type="text" mode="numeric" label={t("second.code")} value={code} onInput={setCode} auto="one-time-code" />
      <Password value={password} onInput={setPassword} />
      <button type="submit" class={`button ${me.second ? "" : "primary"} wide`} disabled={busy}>
        {t(busy ? "word.sending" : me.second ? "second.off_go" : "second.go")}
      </button>
      <p class="help">{t("second.lost")}</p>
    </form>
  );
}

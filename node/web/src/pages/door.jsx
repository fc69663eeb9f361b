// SPDX-License-Identifier: Apache-2.0
// What a telephone shows that has scanned the code at the door: sign in, answer four questions, take
// the certificate. None of it needs a log-in; the address somebody is given for himself is his key.
import { useEffect, useState } from "preact/hooks";
import { enc, get, post } from "../api.js";
import { t } from "../i18n.js";
import { Note, Problem, Waiting } from "../parts/bits.jsx";
import { spanText } from "../parts/booking.jsx";
import { Certificate } from "../parts/certificate.jsx";
import { questions } from "../parts/event.jsx";
import { Gate, Text } from "../parts/gate.jsx";
import { go, href } from "../route.js";

const marks = [1, 2, 3, 4, 5];

function useTitle(text) {
  useEffect(() => {
    document.title = `${text} · ${t("app.name")}`;
  }, [text]);
}

function useAsked(ask) {
  const [state, set] = useState({ data: null, error: null });
  const [turn, again] = useState(0);
  useEffect(() => {
    let live = true;
    ask().then(
      (data) => live && set({ data, error: null }),
      (error) => live && set({ data: null, error }),
    );
    return () => {
      live = false;
    };
  }, [turn]);
  return { ...state, reload: () => again((n) => n + 1) };
}

const Head = ({ it }) => (
  <p class="lead">
    <strong>{it.title}</strong>
    <br />
    {`${it.by} · ${spanText(it)} ${it.place || ""}`}
  </p>
);

export function Door({ route, lang, speak }) {
  const path = `/api/door/${enc(route.path[1] || "-")}/${enc(route.path[2] || "-")}`;
  const { data, error } = useAsked(() => get(path));
  const [who, setWho] = useState("");
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  useTitle(t("door.title"));
  const send = (ev) => {
    ev.preventDefault();
    const x = data.orgs[+who];
    setBusy(true);
    setProblem(null);
    post(`/api/door/${enc(route.path[1] || "-")}/${enc(data.ticket)}`, { node: x.node, org: x.org, name: name.trim() }).then(
      (r) => location.replace(href(["attended", r.code])),
      (e) => {
        setBusy(false);
        setProblem(e);
      },
    );
  };
  return (
    <Gate title={t("door.title")} lang={lang} speak={speak}>
      <Problem error={error} />
      {!data && !error && <Waiting />}
      {data && (
        <form onSubmit={send}>
          <Head it={data} />
          <Problem error={problem} />
          {data.orgs.length === 0 && <p>{t("door.none")}</p>}
          {data.orgs.length > 0 && (
            <>
              <div class="field">
                <label htmlFor="door-org">{t("door.org")}</label>
                <select id="door-org" value={who} onChange={(e) => setWho(e.currentTarget.value)}>
                  <option value="">{t("form.choose")}</option>
                  {data.orgs.map((x, i) => (
                    <option key={`${x.node} ${x.org}`} value={i}>
                      {`${x.org} · ${x.node_name}`}
                    </option>
                  ))}
                </select>
              </div>
              <Text id="door-name" label={t("kind.attendance.name")} type="text" value={name} onInput={setName} auto="name" help={t("door.name_why")} />
              <button type="submit" class="button primary wide" disabled={busy || who === "" || !name.trim()}>
                {t("door.go")}
              </button>
            </>
          )}
        </form>
      )}
    </Gate>
  );
}

function Questions({ code, done }) {
  const [v, setV] = useState({});
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const send = (ev) => {
    ev.preventDefault();
    setBusy(true);
    post("/api/attended/rate", { code, ...v }).then(done, (e) => {
      setBusy(false);
      setError(e);
    });
  };
  return (
    <form onSubmit={send}>
      <h2>{t("door.questions")}</h2>
      <p class="help">{t("door.questions_lead")}</p>
      <Problem error={error} />
      {questions.map((q) => (
        <fieldset key={q} class="field marks">
          <legend>{t(`event.question.${q}`)}</legend>
          {marks.map((m) => (
            <label key={m} class="mark">
              <input type="radio" name={q} value={m} checked={v[q] === m} onChange={() => setV({ ...v, [q]: m })} />
              <span>{m}</span>
            </label>
          ))}
        </fieldset>
      ))}
      <button type="submit" class="button primary wide" disabled={busy || questions.some((q) => !v[q])}>
        {t("door.rate")}
      </button>
    </form>
  );
}

export function Attended({ route, lang, speak }) {
  const code = route.path[1] || "";
  const { data, error, reload } = useAsked(() => post("/api/attended", { code }));
  useTitle(t("door.in"));
  return (
    <Gate title={t("door.in")} lang={lang} speak={speak}>
      <Problem error={error} />
      {!data && !error && <Waiting />}
      {data && (
        <>
          <Note tone="good">
            <p>{t("door.welcome", { name: data.name, when: data.at.replace("T", " ") })}</p>
          </Note>
          <Head it={data} />
          <p class="help">{t("door.keep")}</p>
          {data.rated && <p>{t("door.thanks")}</p>}
          {!data.rated && data.begun && <Questions code={code} done={reload} />}
          {!data.rated && !data.begun && <p class="help">{t("door.later")}</p>}
          {data.certificate && !data.number && <p class="help">{t("door.certificate_later")}</p>}
          {data.number && (
            <>
              <Certificate it={data} />
              <button type="button" class="button wide" onClick={() => window.print()}>
                {t("cert.print")}
              </button>
            </>
          )}
        </>
      )}
    </Gate>
  );
}

function Found({ number }) {
  const { data, error } = useAsked(() => get(`/api/certificates/${enc(number)}`));
  if (error) return error.status === 404 ? <div class="note note-bad" role="alert"><p>{t("cert.unknown", { number })}</p></div> : <Problem error={error} />;
  if (!data) return <Waiting />;
  return (
    <>
      <Note tone="good">
        <p>{t("cert.valid", { number: data.number })}</p>
      </Note>
      <Head it={data} />
      <p>{t("cert.whose", { name: data.name, org: data.org })}</p>
    </>
  );
}

export function Check({ route, lang, speak }) {
  const number = route.path[1] || "";
  const [typed, setTyped] = useState(number);
  useTitle(t("cert.check"));
  return (
    <Gate title={t("cert.check")} lead={t("cert.check_lead")} lang={lang} speak={speak}>
      {number && <Found number={number} />}
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (typed.trim()) go(["certificate", typed.trim().toUpperCase()]);
        }}
      >
        <Text id="cert-number" label={t("kind.attendance.number")} type="text" value={typed} onInput={setTyped} auto="off" />
        <button type="submit" class="button wide" disabled={!typed.trim()}>
          {t("cert.go")}
        </button>
      </form>
    </Gate>
  );
}

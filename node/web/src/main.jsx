// SPDX-License-Identifier: Apache-2.0
// The staff pages: who is signed in decides between log-in, a first change of the one-time password,
// and the pages themselves.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, post, setCsrf, whenOtherSession, whenSignedOut } from "./api.js";
import { hasOwnChoice, language, setLanguage, t } from "./i18n.js";
import { draftsOf } from "./drafts.js";
import { forgetOnce } from "./load.js";
import { href, useRoute } from "./route.js";
import { Problem, Title, Waiting } from "./parts/bits.jsx";
import { Frame } from "./parts/frame.jsx";
import { Audit } from "./pages/audit.jsx";
import { Account, Login, NewPassword, NewSecond } from "./pages/login.jsx";
import { Bookings } from "./pages/bookings.jsx";
import { Attended, Check, Door } from "./pages/door.jsx";
import { Events } from "./pages/events.jsx";
import { Help } from "./pages/help.jsx";
import { Hooks } from "./pages/hooks.jsx";
import { Import } from "./pages/import.jsx";
import { More } from "./pages/more.jsx";
import { Nodes } from "./pages/nodes.jsx";
import { Records } from "./pages/records.jsx";
import { Referrals } from "./pages/referrals.jsx";
import { Reports } from "./pages/reports.jsx";
import { Stats } from "./pages/stats.jsx";
import { Status } from "./pages/status.jsx";
import { Todo } from "./pages/todo.jsx";
import { Tokens } from "./pages/tokens.jsx";
import { Trust } from "./pages/trust.jsx";
import "./style.css";

const pages = {
  "": Status,
  r: Records,
  referrals: Referrals,
  reports: Reports,
  todo: Todo,
  bookings: Bookings,
  events: Events,
  stats: Stats,
  nodes: Nodes,
  import: Import,
  audit: Audit,
  tokens: Tokens,
  hooks: Hooks,
  help: Help,
  account: Account,
  more: More,
};

const Nowhere = () => (
  <>
    <Title text={t("page.not_found")} />
    <p>
      <a class="button" href={href([])}>
        {t("page.home")}
      </a>
    </p>
  </>
);

function App() {
  const [me, setMe] = useState(undefined); // undefined: not known yet, null: signed out
  const [error, setError] = useState(null);
  const [lang, setLang] = useState(language());
  const [ended, setEnded] = useState(false);
  const route = useRoute();

  const enter = (who) => {
    setCsrf(who && who.csrf);
    draftsOf(who);
    forgetOnce();
    setError(null);
    setEnded(false);
    if (who && who.lang && !hasOwnChoice()) {
      setLanguage(who.lang);
      setLang(language());
    }
    setMe(who);
  };
  const known = useRef(null);
  known.current = me;
  const ask = () => get("/api/me").then(enter, (e) => (e.status === 401 ? enter(null) : setError(e)));
  useEffect(() => {
    whenSignedOut(() => {
      enter(null);
      setEnded(true);
    });
    // The same person in another tab: this page goes on with the new token. Another person: the page
    // becomes his, and drafts stay with whom they belong to.
    whenOtherSession(() =>
      get("/api/me").then((who) => {
        const same = known.current && who.login === known.current.login;
        if (same) setCsrf(who.csrf);
        else enter(who);
        return same;
      }),
    );
    ask();
  }, []);
  const speak = (l) => {
    setLanguage(l);
    forgetOnce();
    setLang(l);
  };
  const leave = () => post("/api/logout").then(() => enter(null), () => enter(null));

  // At the door of an event, and with a certificate in hand, nobody has a log-in here.
  const Open = { door: Door, attended: Attended, certificate: Check }[route.path[0]];
  if (Open) return <Open key={route.at} route={route} lang={lang} speak={speak} />;
  if (route.path[0] === "trust") return <Trust lang={lang} speak={speak} />;
  if (me === undefined) return <main class="plain">{error ? <Problem error={error} retry={ask} /> : <Waiting />}</main>;
  if (me === null) return <Login enter={enter} ended={ended} lang={lang} speak={speak} />;
  if (me.must_change) return <NewPassword me={me} enter={enter} again={ask} leave={leave} lang={lang} speak={speak} />;
  if (me.must_second) return <NewSecond me={me} again={ask} leave={leave} lang={lang} speak={speak} />;
  const Page = pages[route.path[0] || ""] || Nowhere;
  return (
    <Frame me={me} route={route} lang={lang} speak={speak} leave={leave}>
      <Page key={`${me.login} ${lang} ${route.path[0]} ${route.path[0] === "r" ? route.path[1] : ""}`} me={me} route={route} leave={leave} lang={lang} speak={speak} again={ask} />
    </Frame>
  );
}

render(<App />, document.getElementById("app"));

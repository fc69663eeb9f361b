// SPDX-License-Identifier: Apache-2.0
// What surrounds every page: navigation at the side on wide screens and at the bottom on phones.
import { useEffect } from "preact/hooks";
import { countPath } from "../api.js";
import { languages, t } from "../i18n.js";
import { href } from "../route.js";
import { mayAdmin, mayAudit, mayRead, mayWrite, mayPut, orgOf } from "../roles.js";
import { Icon, areaText, setWaits, tierName } from "./bits.jsx";
import { useLoad } from "../load.js";

const places = [
  { key: "status", path: [], phone: true },
  { key: "todo", path: ["todo"], phone: true },
  { key: "listing", path: ["r", "listing"], phone: true },
  { key: "activity", path: ["r", "activity"], phone: true, org: true },
  { key: "need", path: ["r", "need"] },
  { key: "referrals", path: ["referrals"], phone: true, kind: "referral" },
  { key: "event", path: ["r", "event"] },
  { key: "bookings", path: ["bookings"], kind: "booking" },
  { key: "org", path: ["r", "org"], kind: "org" },
  { key: "consultation", path: ["r", "consultation"], kind: "consultation" },
  { key: "service", path: ["r", "service"], kind: "service" },
  { key: "reports", path: ["reports"], kind: "work_report" },
  { key: "form", path: ["r", "form_entry"], kind: "form_entry" },
  { key: "card", path: ["r", "card"] },
  { key: "notice", path: ["r", "notice"] },
  { key: "import", path: ["import"], write: true },
  { key: "stats", path: ["stats"], kind: "stat" },
  { key: "nodes", path: ["nodes"] },
  { key: "words", path: ["r", "code_list"], puts: "code_list" },
  { key: "audit", path: ["audit"], audit: true },
  { key: "tokens", path: ["tokens"], admin: true },
  { key: "hooks", path: ["hooks"], admin: true },
  { key: "help", path: ["help"] },
  { key: "account", path: ["account"] },
];
export const placesOf = (me) => places.filter((p) => (!p.kind || mayRead(me, p.kind)) && (!p.write || mayWrite(me)) && (!p.org || orgOf(me)) && (!p.puts || mayPut(me, p.puts)) && (!p.audit || mayAudit(me)) && (!p.admin || mayAdmin(me)));

const here = (route, path) => path.join("/") === (route.path[0] === "r" ? route.path.slice(0, 2) : route.path.slice(0, 1)).join("/");

// The phone's "more" stands for every place that has none of its own in the bar.
function Links({ route, items, className, waits }) {
  const at = items.find((p) => here(route, p.path)) || items.find((p) => p.key === "more");
  return (
    <ul class={className}>
      {items.map((p) => (
        <li key={p.key}>
          <a href={href(p.path)} aria-current={p === at ? (here(route, p.path) ? "page" : "true") : undefined}>
            <Icon name={p.key} />
            <span>{t(`nav.${p.key}`)}</span>
            {p.key === "todo" && waits > 0 && (
              <span class="count">
                <span aria-hidden="true">{waits}</span>
                <span class="hidden">{t("todo.count", { n: waits })}</span>
              </span>
            )}
          </a>
        </li>
      ))}
    </ul>
  );
}

export function Languages({ lang, speak }) {
  return (
    <div class="languages" role="group" aria-label={t("app.language")}>
      {languages.map((l) => (
        <button key={l} type="button" class="link" lang={l} aria-pressed={l === lang ? "true" : "false"} onClick={() => speak(l)}>
          {t(`app.language.${l}`)}
        </button>
      ))}
    </div>
  );
}

export function Brand({ small }) {
  return (
    <span class="brand">
      <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <rect width="32" height="32" rx="8" />
        <path d="M16 9v7M8 23v-4q0-3 3-3h10q3 0 3 3v4M16 16v7" />
        <circle cx="16" cy="8" r="3.2" />
        <circle cx="8" cy="23.5" r="2.8" />
        <circle cx="16" cy="23.5" r="2.8" />
        <circle cx="24" cy="23.5" r="2.8" />
      </svg>
      {!small && <span class="brand-name">{t("app.name")}</span>}
    </span>
  );
}

const countMs = 10000;

export function Frame({ me, route, lang, speak, leave, children }) {
  const { data } = useLoad(countPath, countMs);
  const waits = data ? data.count : 0;
  useEffect(() => {
    setWaits(waits);
    return () => setWaits(0);
  }, [waits]);
  const node = me.node || {};
  const phone = placesOf(me).filter((p) => p.phone).concat({ key: "more", path: ["more"] });
  return (
    <div class="frame">
      <a
        class="skip"
        href="#main"
        onClick={(e) => {
          e.preventDefault();
          const h = document.querySelector("main h1");
          if (h) h.focus();
        }}
      >
        {t("app.skip")}
      </a>
      <header class="top">
        <Brand small />
        <div class="top-node">
          <strong>{node.name}</strong>
          <span>{tierName(node.tier)}</span>
        </div>
        <Languages lang={lang} speak={speak} />
      </header>
      <nav class="side" aria-label={t("nav.main")}>
        <div class="side-head">
          <Brand />
          <div class="side-node">
            <strong>{node.name}</strong>
            <span>{`${tierName(node.tier)} · ${areaText(node.area, node.area_name)}`}</span>
          </div>
        </div>
        <Links route={route} items={placesOf(me).filter((p) => p.key !== "account")} className="side-links" waits={waits} />
        <div class="side-foot">
          <a href={href(["account"])} aria-current={here(route, ["account"]) ? "page" : undefined}>
            <Icon name="account" />
            <span>{me.name || me.login}</span>
          </a>
          <Languages lang={lang} speak={speak} />
          <button type="button" class="link" onClick={leave}>
            {t("action.logout")}
          </button>
        </div>
      </nav>
      {/* data-at says which address is shown: between a change of address and this, the old page stands. */}
      <main id="main" class="main" data-at={route.at}>
        {children}
      </main>
      <nav class="bottom" aria-label={t("nav.phone")}>
        <Links route={route} items={phone} className="bottom-links" waits={waits} />
      </nav>
    </div>
  );
}

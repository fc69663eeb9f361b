// SPDX-License-Identifier: Apache-2.0
// Help that needs no network and no telephone: short answers to what staff ask first, and of every form
// what it asks for, who sees it and which steps it takes, as the kinds' tables say.
import { useState } from "preact/hooks";
import { has, t } from "../i18n.js";
import { choiceLabel, fieldHelp, fieldLabel, fieldWith, recordScope, typed, useKinds } from "../kinds.js";
import { mayRead } from "../roles.js";
import { Facts, Title } from "../parts/bits.jsx";

const topics = ["tiers", "asof", "todo", "draft", "listing", "need", "booking", "event", "referral", "privacy", "report", "fill", "filing", "words", "import", "stats", "parked", "conflict", "password", "second", "trust"];

// Whoever does not know the word of the page finds it by any word of the answer.
const within = (q, ...texts) => q.split(/\s+/).every((w) => texts.some((s) => s.toLowerCase().indexOf(w) >= 0));

const kindTexts = (k) => [t(`kind.${k.name}`), has(`kind.${k.name}.help`) ? t(`kind.${k.name}.help`) : ""].concat(k.fields.filter(typed).map((f) => fieldLabel(recordScope(k.name), f)));

function Steps({ k }) {
  const scope = recordScope(k.name);
  const state = fieldWith(k.fields, "state");
  const label = (s) => (s === "" ? t("help.step_new") : choiceLabel(scope, state, s));
  return (
    <ul>
      {k.steps.map((s, i) => (
        <li key={i}>
          {t(s.by ? "help.step_org" : s.roles ? "help.step_by" : "help.step", {
            from: label(s.from),
            to: s.to.map(label).join(t("word.comma")),
            roles: (s.roles || []).map((r) => t(`role.${r}`)).join(t("word.comma")),
          })}
        </li>
      ))}
    </ul>
  );
}

function Kind({ k, open }) {
  const scope = recordScope(k.name);
  const about = (f) => [fieldHelp(scope, f), f.required ? t("form.required") : "", f.personal ? t("form.personal") : ""].filter(Boolean).join(t("word.comma"));
  return (
    <details class="help-kind" open={open} id={`help-${k.name}`}>
      <summary>{t(`kind.${k.name}`)}</summary>
      {has(`kind.${k.name}.help`) && <p>{t(`kind.${k.name}.help`)}</p>}
      <p>{`${t("help.goes_to")}${t("word.colon")}${k.audiences.map((a) => t(`audience.${a}`)).join(t("word.comma"))}`}</p>
      <h3>{t("help.fields")}</h3>
      <Facts rows={k.fields.filter(typed).map((f) => [fieldLabel(scope, f), about(f) || "–", false])} />
      {k.steps && <h3>{t("help.steps")}</h3>}
      {k.steps && <Steps k={k} />}
    </details>
  );
}

export function Help({ me, route }) {
  const { data } = useKinds();
  const [q, setQ] = useState("");
  const word = q.trim().toLowerCase();
  const at = route.path[1];
  const found = topics.filter((k) => within(word, t(`help.${k}.q`), t(`help.${k}.a`)));
  const kinds = ((data && data.kinds) || []).filter((k) => k.owner !== "machine" && has(`kind.${k.name}`) && ["state", "both"].indexOf(k.shape) >= 0 && mayRead(me, k.name) && within(word, ...kindTexts(k)));
  // From a form the page comes with its own kind first, opened.
  kinds.sort((a, b) => (b.name === at ? 1 : 0) - (a.name === at ? 1 : 0));
  const ofKinds = kinds.length > 0 && (
    <div class="card" key="kinds">
      <h2>{t("help.kinds")}</h2>
      {kinds.map((k) => (
        <Kind key={k.name} k={k} open={k.name === at || (word !== "" && kinds.length === 1)} />
      ))}
    </div>
  );
  return (
    <>
      <Title text={t("nav.help")} />
      <form class="card stay" role="search" onSubmit={(e) => e.preventDefault()}>
        <div class="field">
          <label htmlFor="help-q">{t("help.search")}</label>
          <input id="help-q" type="search" autoComplete="off" value={q} onInput={(e) => setQ(e.currentTarget.value)} />
        </div>
      </form>
      {at && ofKinds}
      {found.length > 0 && (
        <div class="card prose">
          <h2 class="hidden">{t("help.topics")}</h2>
          {found.map((k) => (
            <section key={k}>
              <h2>{t(`help.${k}.q`)}</h2>
              <p>{t(`help.${k}.a`)}</p>
            </section>
          ))}
        </div>
      )}
      {!at && ofKinds}
      {data && found.length === 0 && kinds.length === 0 && <p class="card empty">{t("help.none")}</p>}
    </>
  );
}

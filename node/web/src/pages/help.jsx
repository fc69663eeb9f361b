// SPDX-License-Identifier: Apache-2.0
// Help that needs no network and no telephone: short answers to what staff ask first.
import { t } from "../i18n.js";
import { Title } from "../parts/bits.jsx";

const topics = ["tiers", "asof", "draft", "listing", "need", "event", "referral", "privacy", "stats", "parked", "conflict", "password", "second", "trust"];

export function Help() {
  return (
    <>
      <Title text={t("nav.help")} />
      <div class="card prose">
        {topics.map((k) => (
          <section key={k}>
            <h2>{t(`help.${k}.q`)}</h2>
            <p>{t(`help.${k}.a`)}</p>
          </section>
        ))}
      </div>
    </>
  );
}

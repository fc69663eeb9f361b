// SPDX-License-Identifier: Apache-2.0
// The paper somebody takes home: what it says can be checked at the node that issued it.
import { t } from "../i18n.js";
import { href } from "../route.js";
import { spanText } from "./booking.jsx";
import { Qr } from "./qr.jsx";

export const checkAddress = (number) => `${location.origin}/${href(["certificate", number])}`;

export function Certificate({ it }) {
  return (
    <article class="certificate" aria-label={t("cert.title")}>
      <h2>{t("cert.title")}</h2>
      <p class="certificate-name">{it.name}</p>
      <p>{it.org}</p>
      <p class="certificate-text">{t("cert.text", { title: it.title, when: spanText(it) })}</p>
      {it.minutes > 0 && <p>{t("cert.hours", { n: Math.round(it.minutes / 6) / 10 })}</p>}
      <div class="certificate-foot">
        <div>
          <p>{it.by}</p>
          <p>{t("cert.number", { number: it.number })}</p>
          <p class="help">{t("cert.check_at", { address: checkAddress(it.number) })}</p>
        </div>
        <Qr text={checkAddress(it.number)} label={t("cert.qr")} />
      </div>
    </article>
  );
}

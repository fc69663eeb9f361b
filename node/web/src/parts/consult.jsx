// SPDX-License-Identifier: Apache-2.0
// The account of free consultations: on the page of the organisation and on that of a consultation.
import { enc } from "../api.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { mayPut, mayRead } from "../roles.js";
import { href } from "../route.js";
import { Badge, Facts, Problem } from "./bits.jsx";

export function ConsultAccount({ k, record, me }) {
  const d = record.d || {};
  const org = k.name === "org" ? record.id : k.name === "consultation" ? d.org : "";
  const here = record.mine && org && mayRead(me, "consultation");
  const { data, error, reload } = useLoad(here ? `/api/consulting/${enc(org)}` : "", 10000);
  if (!here || (data && !data.lines.length && k.name === "org")) return null;
  const rows = ((data && data.lines) || []).map((x) => [
    t(`kind.consultation.line.${x.line}`),
    <span>
      {t("consult.used", { n: x.used, all: x.free, period: x.period })} {x.used >= x.free && <Badge tone="warn" text={t("consult.spent")} />}
    </span>,
  ]);
  const open = k.name === "consultation" && (d.state || "asked") === "accepted" && !d.service && mayPut(me, "service");
  return (
    <section class="card" aria-label={t("consult.account")}>
      <header class="related-head">
        <h2>{t("consult.account")}</h2>
        {open && (
          <a class="button small" href={href(["r", "service", "new"], { org, title: d.title, method: "consult", fee: d.fee })}>
            {t("consult.service")}
          </a>
        )}
      </header>
      <Problem error={error} retry={reload} />
      {data && !rows.length && <p class="help">{t("consult.no_rule")}</p>}
      <Facts rows={rows} />
      {open && <p class="help">{t("consult.then")}</p>}
    </section>
  );
}

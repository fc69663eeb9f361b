// SPDX-License-Identifier: Apache-2.0
// How a device comes to trust the certificate this platform has issued for itself. Open without a
// log-in: whoever needs it has not typed a password here yet, and should not before.
import { t } from "../i18n.js";
import { useOnce } from "../load.js";
import { Problem, Waiting } from "../parts/bits.jsx";
import { Gate } from "../parts/gate.jsx";
import { href } from "../route.js";

const devices = ["iphone", "android", "windows", "linux"];

function Steps({ print }) {
  return (
    <>
      <h2>{t("trust.compare")}</h2>
      <p class="key print">{print}</p>
      <p class="help">{t("trust.compare_lead")}</p>
      <h2>{t("trust.get")}</h2>
      <p>
        <a class="button primary wide" href="/api/certificate/sanji.crt" download="sanji.crt">
          {t("trust.get_go")}
        </a>
      </p>
      <p class="help">{t("trust.only")}</p>
      <h2>{t("trust.install")}</h2>
      <dl class="steps-of">
        {devices.map((k) => (
          <div key={k}>
            <dt>{t(`trust.${k}`)}</dt>
            <dd>{t(`trust.${k}_how`)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

export function Trust({ lang, speak }) {
  const { data, error, reload } = useOnce("/api/certificate");
  document.title = `${t("trust.title")} · ${t("app.name")}`;
  return (
    <Gate title={t("trust.title")} lead={data && data.own ? t("trust.lead") : ""} lang={lang} speak={speak}>
      {error && <Problem error={error} retry={reload} />}
      {!error && !data && <Waiting />}
      {data && data.own && <Steps print={data.fingerprint} />}
      {data && !data.own && <p>{t("trust.none")}</p>}
      <p>
        <a href={href([])}>{t("trust.back")}</a>
      </p>
    </Gate>
  );
}

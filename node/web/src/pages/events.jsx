// SPDX-License-Identifier: Apache-2.0
// The pages of an event that are shown rather than read: the code at the door, and on paper the sign-in
// sheet and the certificates.
import { enc } from "../api.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Note, Problem, Title, Waiting } from "../parts/bits.jsx";
import { spanText } from "../parts/booking.jsx";
import { Certificate } from "../parts/certificate.jsx";
import { Qr } from "../parts/qr.jsx";
import { Sheet } from "../parts/sheet.jsx";
import { href } from "../route.js";

const codeMs = 20000; // each minute has a code of its own, and the last one is still good
const rollMs = 5000;
const isLocal = () => /^(localhost|127\.|\[::1\])/.test(location.hostname);

function DoorScreen({ e, id }) {
  const { data, error, reload } = useLoad(`/api/door/${enc(id)}`, codeMs, true);
  const address = data && `${location.origin}/${href(["door", id, data.code])}`;
  return (
    <>
      <Title text={e.title} back={href(["r", "event", e.owner, id])} />
      <p class="lead">{`${spanText(e.d)} ${e.d.place || ""}`}</p>
      <Problem error={error} retry={reload} />
      {isLocal() && (
        <Note tone="warn">
          <p>{t("door.local")}</p>
        </Note>
      )}
      {data && (
        <section class="card door-screen" aria-label={t("event.door")}>
          <Qr text={address} label={t("door.qr")} />
          <p class="lead">{t("door.scan")}</p>
          <p class="help">{t("door.ends", { n: data.minutes })}</p>
          <p>
            <a href={address}>{t("door.here")}</a>
          </p>
          <p role="status">{t("event.roll_n", { n: (e.roll || []).length })}</p>
        </section>
      )}
    </>
  );
}

function Certificates({ e, id, me }) {
  return (
    <>
      <Title text={t("event.certificates")} back={href(["r", "event", e.owner, id])}>
        <button type="button" class="button primary" onClick={() => window.print()}>
          {t("cert.print")}
        </button>
      </Title>
      {!e.certified && <p class="help">{t("cert.not_yet")}</p>}
      {e.certified &&
        (e.roll || [])
          .filter((x) => x.name)
          .map((x) => <Certificate key={x.number} it={{ ...x, title: e.title, from: e.d.from, to: e.d.to, minutes: e.d.minutes || 0, by: me.node.name }} />)}
    </>
  );
}

function SignSheet({ e, id }) {
  return (
    <>
      <Title text={t("sheet.title")} back={href(["r", "event", e.owner, id])}>
        <button type="button" class="button primary" onClick={() => window.print()}>
          {t("cert.print")}
        </button>
      </Title>
      <p class="help">{t("sheet.lead")}</p>
      <Sheet e={e} />
    </>
  );
}

export function Events({ me, route }) {
  const [, id, what] = route.path;
  const { data: e, error, reload } = useLoad(id ? `/api/events/me/${enc(id)}` : "", rollMs, what !== "certificates");
  if (!e || !e.d) {
    return (
      <>
        <Title text={t("nav.event")} back={href(["r", "event"])} />
        {error || !id || (e && !e.d) ? <Problem error={error || { err: "not_found" }} retry={reload} /> : <Waiting />}
      </>
    );
  }
  if (what === "sheet") return <SignSheet e={e} id={id} />;
  return what === "certificates" ? <Certificates e={e} id={id} me={me} /> : <DoorScreen e={e} id={id} />;
}

// SPDX-License-Identifier: Apache-2.0
// Bookings in the calendar of a telephone: addresses to subscribe to, each revoked alone. listing:
// "owner/id"; none: what this platform has asked for.
import { useState } from "preact/hooks";
import { enc, post } from "../api.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { dateOf } from "../when.js";
import { Sure } from "./admin.jsx";
import { Note, Problem } from "./bits.jsx";

export function Feeds({ listing }) {
  const { data, error, reload } = useLoad("/api/feeds");
  const [fresh, setFresh] = useState("");
  const [problem, setProblem] = useState(null);
  const own = ((data && data.feeds) || []).filter((f) => f.listing === (listing || ""));
  const make = () =>
    post("/api/feeds", listing ? { listing } : {}).then(
      (x) => {
        setProblem(null);
        setFresh(`${location.origin}${x.path}`);
        reload();
      },
      (e) => setProblem(e),
    );
  const ended = () => {
    setFresh("");
    reload();
  };
  return (
    <section class="card" id="feeds">
      <h2>{t("feed.title")}</h2>
      <p class="help">{t(listing ? "feed.lead_listing" : "feed.lead")}</p>
      <Problem error={problem || error} retry={problem ? () => setProblem(null) : reload} />
      {fresh && (
        <Note tone="good">
          <p>{t("feed.once")}</p>
          <p>
            <code class="key" id="feed-text">
              {fresh}
            </code>
          </p>
        </Note>
      )}
      {own.length > 0 && (
        <ul class="related-list">
          {own.map((f) => (
            <li key={f.n}>
              <span>{t("feed.one", { when: dateOf(new Date(f.created)), used: f.used || t("token.never") })}</span>
              <Sure path={`/api/feeds/${enc(f.n)}/revoke`} name={t("feed.title")} ask={t("token.revoke")} go={t("token.revoke_sure")} done={ended} />
            </li>
          ))}
        </ul>
      )}
      <button type="button" class="button" onClick={make}>
        {t("feed.make")}
      </button>
    </section>
  );
}

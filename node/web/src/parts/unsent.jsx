// SPDX-License-Identifier: Apache-2.0
// The forms this person has begun and not sent, wherever that was.
import { t, tt } from "../i18n.js";
import { useLoad, useOnce } from "../load.js";
import { href } from "../route.js";
import { Stamp } from "./bits.jsx";

// A form's name is that of its kind and what it is about: listing.new, service.new.ORG, org.ID,
// referral.new, referral.ID.STEP.
export function placeOfDraft(name, kinds) {
  const [kind, what, ...rest] = name.split(".");
  const more = rest[0];
  if (kind === "referral") return href(what === "new" ? ["referrals", "new"] : ["referrals", what]);
  const k = kinds.find((x) => x.name === kind);
  if (!k || !what) return null;
  if (what !== "new") return href(["r", kind, "me", what, "edit"]);
  if (k.key) return href(["r", kind, "new"], k.key.reduce((o, f, i) => ({ ...o, [f]: rest[i] }), {}));
  const f = more && k.fields.find((x) => x.refers);
  return href(["r", kind, "new"], f ? { [f.name]: more } : {});
}

export function Unsent() {
  const { data } = useLoad("/api/drafts", 15000);
  const kinds = useOnce("/api/kinds").data;
  if (!data || !kinds || !data.drafts.length) return null;
  return (
    <section class="card related">
      <h2>{t("unsent.title")}</h2>
      <p class="help">{t("unsent.help")}</p>
      <ul class="related-list">
        {data.drafts.map((d) => {
          const at = placeOfDraft(d.name, kinds.kinds);
          const label = `${tt(`kind.${d.name.split(".")[0]}`, d.name)}${d.name.indexOf(".new") > 0 ? ` · ${t("related.new")}` : ""}`;
          return (
            <li key={d.name}>
              {at ? <a href={at}>{label}</a> : <span>{label}</span>}
              <Stamp ms={d.at} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

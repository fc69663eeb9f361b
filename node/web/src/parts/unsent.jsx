// SPDX-License-Identifier: Apache-2.0
// The forms this person has begun and not sent, wherever that was.
import { t, tt } from "../i18n.js";
import { useKinds } from "../kinds.js";
import { useLoad } from "../load.js";
import { href } from "../route.js";
import { Stamp } from "./bits.jsx";

// A form's name is that of its kind and what it is about: listing.new, service.new.ORG, org.ID,
// referral.new, referral.ID.STEP; what is filled into a form: form_entry.new.ORG.PERIOD.OWNER:FORM.
const none = "-";
export const draftOfForm = (k, given) => {
  const org = k.fields.find((f) => f.refers).name;
  return `${k.name}.new.${given[org] || none}.${given.period || none}.${given[k.form.template].replace("/", ":")}`;
};
const formOfDraft = (k, [org, period, ...template]) => ({
  [k.fields.find((f) => f.refers).name]: org === none ? undefined : org,
  period: period === none ? undefined : period,
  [k.form.template]: template.join(".").replace(":", "/"),
});

export function placeOfDraft(name, kinds) {
  const [kind, what, ...rest] = name.split(".");
  const more = rest[0];
  if (kind === "referral") return href(what === "new" ? ["referrals", "new"] : ["referrals", what]);
  // question.new.KIND.OWNER:ID, question_answer.new.KIND.ID:QUESTION: typed on the page of the record.
  if (kind === "question" || kind === "question_answer") {
    const at = rest.slice(1).join(".");
    const cut = kind === "question" ? at.indexOf(":") : at.lastIndexOf(":");
    return href(kind === "question" ? ["r", more, at.slice(0, cut), at.slice(cut + 1)] : ["r", more, "me", at.slice(0, cut)]);
  }
  const k = kinds.find((x) => x.name === kind);
  if (!k || !what) return null;
  if (what !== "new") return href(["r", kind, "me", name.slice(kind.length + 1), "edit"]);
  if (k.form) return href(["r", kind, "new"], formOfDraft(k, rest));
  if (k.key) return href(["r", kind, "new"], k.key.reduce((o, f, i) => ({ ...o, [f]: rest[i] }), {}));
  const f = more && k.fields.find((x) => x.refers);
  const period = k.fields.find((x) => x.type === "period");
  return href(["r", kind, "new"], f ? { [f.name]: more, ...(period && rest[1] ? { [period.name]: rest[1] } : {}) } : {});
}

export function Unsent() {
  const { data } = useLoad("/api/drafts", 15000);
  const kinds = useKinds().data;
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

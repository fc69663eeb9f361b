// SPDX-License-Identifier: Apache-2.0
// Forms that are records themselves: which there are to fill in, and what can be done with one.
import { query } from "../api.js";
import { t } from "../i18n.js";
import { stateOf } from "../kinds.js";
import { useLoad } from "../load.js";
import { mayPut } from "../roles.js";
import { href } from "../route.js";
import { Icon, Problem, Title, Waiting } from "./bits.jsx";

const kindOfForms = "form_template";
const path = (ref) => `/api/records/${(ref.indexOf("/") > 0 ? ref : `me/${ref}`).replace("/", `/${kindOfForms}/`)}`;

// The form that content d is filled into.
export const useTemplate = (k, d) => useLoad(path(String(d[k.form.template] || "none")));

// Of each form the newest version that is published.
function newest(items) {
  const best = {};
  items.forEach((it) => {
    const key = `${it.owner}/${it.d.code}`;
    if (!best[key] || best[key].d.version < it.d.version) best[key] = it;
  });
  return items.filter((it) => best[`${it.owner}/${it.d.code}`] === it);
}

// Before a form is filled in: which one. For an organisation those of its stage.
export function Choose({ k, params }) {
  const about = k.fields.find((f) => f.refers);
  const ref = params[about.name];
  const { data, error, reload } = useLoad(`/api/records${query({ kind: kindOfForms, state: "published", limit: 200 })}`);
  const one = useLoad(ref ? `/api/records/me/${about.refers[0]}/${encodeURIComponent(ref)}` : "").data;
  const fits = (d) => !ref || (d.about === "org" && (!d.stages || !d.stages.length || !one || d.stages.indexOf((one.d || {}).stage) >= 0));
  const items = newest((data && data.items) || []).filter((it) => fits(it.d));
  return (
    <>
      <Title text={t("form.which")} back={href(["r", k.name])} />
      {one && <p class="lead">{one.title}</p>}
      <Problem error={error} retry={reload} />
      {!data && !error && <Waiting />}
      {data && items.length === 0 && <p class="card empty">{t("form.no_templates")}</p>}
      {items.length > 0 && (
        <ul class="card places">
          {items.map((it) => (
            <li key={`${it.owner}/${it.id}`}>
              <a href={href(["r", k.name, "new"], { ...params, [k.form.template]: `${it.owner}/${it.id}` })}>
                <Icon name="form" />
                <span>
                  {it.title}
                  <span class="help">{` ${it.owner_name || it.owner}`}</span>
                </span>
                <Icon name="next" />
              </a>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

// Beside a form: fill it in, what was filled in, and the version that follows it.
export function FormActs({ kinds, k, record, me }) {
  const into = kinds.find((x) => x.form && k.name === kindOfForms);
  if (!into) return null;
  const ref = `${record.owner}/${record.id}`;
  const state = stateOf(k, record.d);
  return (
    <>
      {state === "published" && mayPut(me, into.name) && (
        <a class="button primary" href={href(["r", into.name, "new"], { [into.form.template]: ref })}>
          {t("form.fill")}
        </a>
      )}
      {state !== "draft" && (
        <a class="button" href={href(["r", into.name], { [into.form.template]: ref })}>
          {t(`kind.${into.name}`)}
        </a>
      )}
      {record.mine && state !== "draft" && mayPut(me, k.name) && (
        <a class="button" href={href(["r", k.name, "new"], { after: record.id })}>
          {t("form.next_version")}
        </a>
      )}
    </>
  );
}

// SPDX-License-Identifier: Apache-2.0
// What waits for this person, in one list.
import { t, tt } from "../i18n.js";
import { useKinds } from "../kinds.js";
import { useLoad } from "../load.js";
import { Badge, Note, Problem, Rows, Stamp, Title, Waiting } from "../parts/bits.jsx";
import { placeOfDraft } from "../parts/unsent.jsx";
import { placeOf as placeOfReport, reportLabel } from "./reports.jsx";
import { href } from "../route.js";

const everyMs = 10000;

function placeOf(x, kinds, me) {
  if (x.source === "draft") return placeOfDraft(x.id, kinds);
  if (x.source === "parked") return href([]);
  if (x.source === "keep") return t("todo.keep", { n: x.extra });
  if (x.source === "erase") return null;
  if (x.source === "file") {
    const k = kinds.find((y) => y.name === x.kind);
    return href(["r", x.kind, "new"], { ...(k.form ? { [k.form.template]: x.id } : {}), period: x.extra || undefined });
  }
  if (x.source === "question") return href(["r", x.kind, me.node.id, x.extra]);
  if (x.source === "booking") return x.kind === "event" ? href(["r", "event", me.node.id, x.extra]) : href(["bookings"], { box: "here" });
  if (x.kind === "referral") return href(["referrals", x.id]);
  if (x.source === "report") {
    const [report, period] = x.extra.split(" ");
    return placeOfReport(me, { report, period, record: x.id, draft: x.state === "draft", filed: ["missing", "open", "draft"].indexOf(x.state) < 0 });
  }
  return href(["r", x.kind, x.owner, x.id]);
}

function titleOf(x) {
  if (x.source === "parked") return t("todo.parked", { n: x.extra });
  if (x.source === "file") return x.id ? [x.title, x.extra].filter(Boolean).join(" · ") : `${t(`kind.${x.kind}`)} ${x.title}`;
  if (x.source === "erase") return t("todo.erase", { n: x.extra });
  if (x.source === "report") {
    const [report, period] = x.extra.split(" ");
    return `${reportLabel(report)} ${period} · ${x.title}`;
  }
  return x.title || tt(`kind.${x.kind}`, x.id);
}

export function Todo({ me }) {
  const { data, error, reload } = useLoad("/api/todo", everyMs);
  const kinds = useKinds().data;
  return (
    <>
      <Title text={t("nav.todo")} />
      <p class="lead">{t("todo.lead")}</p>
      <Problem error={error} retry={reload} />
      {(!data || !kinds) && !error && <Waiting />}
      {data && data.due_uncertain && (
        <Note tone="warn">
          <p>{t("todo.uncertain")}</p>
        </Note>
      )}
      {data && data.items.length === 0 && (
        <div class="card empty">
          <p>{t("todo.none")}</p>
        </div>
      )}
      {data && kinds && data.items.length > 0 && (
        <Rows
          caption={t("nav.todo")}
          columns={[
            { key: "title", label: t("todo.what"), main: true },
            { key: "source", label: t("word.state"), wrap: true },
            { key: "due", label: t("todo.due"), wrap: true },
            { key: "from", label: t("todo.from"), wrap: true },
            { key: "since", label: t("word.since"), wrap: true },
          ]}
          rows={data.items.map((x) => {
            const at = placeOf(x, kinds.kinds, me);
            return {
              key: `${x.source} ${x.kind} ${x.owner} ${x.id} ${x.extra}`,
              title: at ? <a href={at}>{titleOf(x)}</a> : titleOf(x),
              source: <Badge tone={x.overdue ? "bad" : x.state === "returned" ? "warn" : "calm"} text={t(`todo.source.${x.source}`)} />,
              due: x.due && (
                <span>
                  {`${x.due} `}
                  {x.overdue && <Badge tone="bad" text={t("todo.overdue")} />}
                </span>
              ),
              from: x.owner && x.owner !== me.node.id ? x.owner_name || x.owner : "",
              since: x.since ? <Stamp ms={x.since} /> : "",
            };
          })}
        />
      )}
      {data && data.more && <p class="help">{t("todo.more")}</p>}
    </>
  );
}

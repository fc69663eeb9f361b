// SPDX-License-Identifier: Apache-2.0
// Reports up the tree: what this platform owes and by when, and for its own demands which platform below
// has sent what.
import { t } from "../i18n.js";
import { choiceLabel, recordScope } from "../kinds.js";
import { useLoad } from "../load.js";
import { Badge, Icon, Problem, Rows, Title, Waiting } from "../parts/bits.jsx";
import { mayPut } from "../roles.js";
import { href } from "../route.js";

const everyMs = 15000;
const tones = { missing: "bad", returned: "warn", reopened: "warn", open: "calm", draft: "calm", submitted: "calm", accepted: "good", locked: "good" };
const wants = ["missing", "returned", "reopened", "open"];

export function DutyBadge({ cell }) {
  const state = cell.draft && cell.state !== "not_due" ? "draft" : cell.state;
  return (
    <span class="duty">
      <Badge tone={tones[cell.state] || "plain"} text={t(`duty.state.${state}`)} />
      {cell.late && <Badge tone="warn" text={t("duty.late")} />}
      {cell.late_unknown && <Badge tone="plain" text={t("duty.unsure")} />}
      {cell.late !== cell.said_late && cell.seen && cell.said && <span class="help">{t("duty.both", { seen: cell.seen, said: cell.said })}</span>}
      {cell.revised && <Badge tone="plain" text={t("duty.revised")} />}
    </span>
  );
}

export const reportLabel = (r) => choiceLabel(recordScope("work_report"), { name: "report" }, r);

// The form, with everything that is known already.
function formOf(me, x) {
  return href(["r", "work_report", "new"], {
    report: x.report,
    period: x.period,
    title: t("report.title", { period: x.period, report: reportLabel(x.report), node: me.node.name }),
  });
}
export const placeOf = (me, x) =>
  x.filed || x.draft ? href(["r", "work_report", me.node.id, x.record].concat(x.draft ? ["edit"] : [])) : formOf(me, x);

function Due({ x }) {
  return (
    <span>
      {x.due}
      {x.due_uncertain && <span class="help">{` ${t("duty.uncertain")}`}</span>}
    </span>
  );
}

function Mine({ list, me }) {
  const rank = (x) => (wants.indexOf(x.state) < 0 ? wants.length : wants.indexOf(x.state));
  const sorted = list.slice().sort((a, b) => rank(a) - rank(b) || (a.due < b.due ? -1 : 1));
  return (
    <section class="card">
      <h2>{t("duty.mine")}</h2>
      {list.length === 0 && <p class="help">{t("duty.mine_none")}</p>}
      {list.length > 0 && (
        <Rows
          caption={t("duty.mine")}
          columns={[
            { key: "title", label: t("kind.work_report.report"), main: true },
            { key: "period", label: t("duty.period") },
            { key: "due", label: t("duty.due"), wrap: true },
            { key: "state", label: t("word.state"), wrap: true },
            { key: "owner", label: t("duty.owner"), wrap: true },
            { key: "go", label: t("duty.open_it") },
          ]}
          rows={sorted.map((x) => ({
            key: `${x.owner} ${x.obligation} ${x.period}`,
            title: `${reportLabel(x.report)} · ${x.title}`,
            period: x.period,
            due: <Due x={x} />,
            state: <DutyBadge cell={x} />,
            owner: x.owner_name,
            go:
              x.filed || x.draft || (mayPut(me, "work_report") && x.state !== "not_due") ? (
                <a class="button small" href={placeOf(me, x)}>
                  {t(x.filed || x.draft ? "duty.open_it" : "duty.write")}
                  <span class="hidden">{` ${reportLabel(x.report)} ${x.period}`}</span>
                </a>
              ) : null,
          }))}
        />
      )}
    </section>
  );
}

function Grid({ grid }) {
  const periods = [];
  grid.rows.forEach((r) => r.cells.forEach((c) => periods.indexOf(c.period) < 0 && periods.push(c.period)));
  periods.sort();
  const title = t("duty.grid", { title: grid.title });
  return (
    <section class="card">
      <h2>{title}</h2>
      <p class="help duty-sum">{t("duty.sum", grid.sum)}</p>
      <div class="wide-scroll" tabIndex={0} role="region" aria-label={title}>
        <Rows
          caption={title}
          columns={[{ key: "node", label: t("word.node"), main: true }].concat(periods.map((p) => ({ key: p, label: p, wrap: true })))}
          rows={grid.rows.map((r) => {
            const row = { key: r.node, node: r.name || r.node };
            r.cells.forEach((c) => {
              row[c.period] = c.filed ? (
                <a href={href(["r", "work_report", r.node, c.record])}>
                  <DutyBadge cell={c} />
                </a>
              ) : (
                <DutyBadge cell={c} />
              );
            });
            return row;
          })}
        />
      </div>
    </section>
  );
}

export function Reports({ me }) {
  const { data, error, reload } = useLoad("/api/duties", everyMs);
  const demands = mayPut(me, "obligation");
  return (
    <>
      <Title text={t("nav.reports")}>
        {mayPut(me, "work_report") && (
          <a class="button primary" href={href(["r", "work_report", "new"])}>
            <Icon name="plus" />
            <span>{t("form.new.work_report")}</span>
          </a>
        )}
      </Title>
      <p class="lead">{t("kind.work_report.help")}</p>
      <Problem error={error} retry={reload} />
      {!data && !error && <Waiting />}
      {data && (data.mine.length > 0 || data.grids.length === 0) && <Mine list={data.mine} me={me} />}
      {data && data.grids.map((g) => <Grid key={g.id} grid={g} />)}
      <section class="card">
        <h2>{t("duty.lists")}</h2>
        <ul class="links">
          {["work_report", "report_answer", "obligation"].map((k) => (
            <li key={k}>
              <a href={href(["r", k])}>{t(`kind.${k}`)}</a>
            </li>
          ))}
        </ul>
        {demands && (
          <p>
            <a class="button small" href={href(["r", "obligation", "new"])}>
              {t("form.new.obligation")}
            </a>
          </p>
        )}
      </section>
    </>
  );
}

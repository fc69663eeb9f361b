// SPDX-License-Identifier: Apache-2.0
// Figures of a period, per platform and in total. Every figure can be asked where it comes from: a
// cell names the signed bundles it rests on.
import { useEffect, useRef, useState } from "preact/hooks";
import { query } from "../api.js";
import { has, t, tt } from "../i18n.js";
import { useLoad } from "../load.js";
import { Badge, Facts, Icon, Problem, Rows, Title, Waiting, tierName } from "../parts/bits.jsx";
import { useNames } from "../parts/detail.jsx";
import { amend } from "../route.js";
import { isPeriod, shiftPeriod, stamp, today } from "../when.js";

const indicator = (code) => tt(`stat.${code}`, code);
// What is counted says its name already; only measures need their unit.
const heading = (i) => indicator(i.code) + (has(`unit.${i.unit}`) ? ` (${t(`unit.${i.unit}`)})` : "");

function Provenance({ cell, close }) {
  const { data, error, reload } = useLoad(`/api/stats/cell${query({ owner: cell.owner, id: cell.id })}`);
  const names = useNames();
  const ref = useRef(null);
  useEffect(() => {
    if (ref.current) ref.current.focus();
  }, [cell.id, cell.owner]);
  const d = data || {};
  const heads = [].concat(d.cov || []);
  return (
    <section class="card edge edge-calm" tabIndex={-1} ref={ref} aria-label={t("stats.source")}>
      <div class="title">
        <h2>{t("stats.source_of", { what: `${cell.name} · ${indicator(cell.code)}` })}</h2>
        <button type="button" class="button icon-only" aria-label={t("action.close")} onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <p class="help">{t("stats.source_help")}</p>
      <Problem error={error} retry={reload} />
      {!data && !error && <Waiting />}
      {data && (
        <>
          <Facts
            rows={[
              [t("cell.owner"), d.owner_name || d.owner],
              [t("cell.ind"), indicator(d.ind || cell.code)],
              [t("cell.period"), d.period],
              [t("cell.v"), String(d.v)],
              [t("cell.n"), d.n],
              [t("cell.by"), Array.isArray(d.by) ? d.by.map((p) => `${names[p[0]] || p[0]} ${p[1]}`).join(t("word.comma")) : ""],
              [t("cell.locked"), d.locked === undefined ? "" : t(d.locked ? "word.yes" : "word.no")],
              [t("cell.ts"), stamp(d.ts)],
            ]}
          />
          <details>
            <summary>{t("explain.more")}</summary>
            <Facts
              rows={[
                [t("cell.id"), <code>{d.id}</code>],
                [t("cell.sha"), d.sha && <code>{d.sha}</code>, true],
                [t("cell.bundle"), d.explain && d.explain.bundle && <code>{d.explain.bundle}</code>, true],
                [t("cell.signed_by"), d.explain && d.explain.signed_by && <code>{d.explain.signed_by}</code>],
              ]}
            />
            {heads.length > 0 && <h3>{t("cell.cov")}</h3>}
            <ul class="raw">
              {heads.map((e, i) => (
                <li key={i}>
                  <code>{typeof e === "string" ? e : JSON.stringify(e)}</code>
                </li>
              ))}
            </ul>
          </details>
        </>
      )}
    </section>
  );
}

function Period({ period }) {
  const [text, setText] = useState(period);
  useEffect(() => setText(period), [period]);
  const to = (p) => amend(["stats"], { period: p });
  return (
    <form
      class="card filters stay period"
      onSubmit={(e) => {
        e.preventDefault();
        if (isPeriod(text.trim())) to(text.trim());
      }}
    >
      <div class="field">
        <label htmlFor="period">{t("stats.period")}</label>
        <div class="period-line">
          <button type="button" class="button icon-only" aria-label={t("stats.before")} onClick={() => to(shiftPeriod(period, -1))}>
            <Icon name="back" />
          </button>
          <input
            id="period"
            type="text"
            value={text}
            maxLength={10}
            autoComplete="off"
            aria-describedby="period-help"
            aria-invalid={isPeriod(text.trim()) ? undefined : "true"}
            onInput={(e) => setText(e.currentTarget.value)}
          />
          <button type="button" class="button icon-only" aria-label={t("stats.after")} onClick={() => to(shiftPeriod(period, 1))}>
            <Icon name="next" />
          </button>
          <button type="submit" class="button">
            {t("action.show")}
          </button>
        </div>
        <p class="help" id="period-help">
          {t("check.period")}
        </p>
      </div>
    </form>
  );
}

export function Stats({ route }) {
  const period = isPeriod(route.params.period || "") ? route.params.period : today().slice(0, 7);
  const { data, error, reload } = useLoad(`/api/stats${query({ period })}`);
  const names = useNames();
  const [cell, setCell] = useState(null);
  useEffect(() => setCell(null), [period]);
  // Columns in which nobody counted anything only make the table wider.
  const counted = (i) => (data.totals || {})[i.code] !== undefined || (data.rows || []).some((r) => (r.values || {})[i.code]);
  const inds = ((data && data.indicators) || []).filter(counted);
  const columns = [{ key: "name", label: t("word.node"), main: true }].concat(
    inds.map((i) => ({ key: i.code, label: heading(i), num: true })),
  );
  const rows = ((data && data.rows) || []).map((r) => {
    const out = { key: r.node, name: (<><strong>{r.name || r.node}</strong> <span class="dim">{tierName(r.tier)}</span></>) };
    inds.forEach((i) => {
      const c = (r.values || {})[i.code];
      if (!c) return;
      out[i.code] = c.cell_id ? (
        <button
          type="button"
          class="link figure"
          aria-label={t("stats.source_of", { what: `${r.name} ${indicator(i.code)} ${c.v}` })}
          onClick={() => setCell({ owner: r.node, id: c.cell_id, name: r.name, code: i.code })}
        >
          {String(c.v)}
        </button>
      ) : (
        String(c.v)
      );
    });
    return out;
  });
  const foot = { name: <strong>{t("stats.total")}</strong> };
  inds.forEach((i) => {
    const v = ((data && data.totals) || {})[i.code];
    foot[i.code] = <strong>{v === undefined || v === null ? "–" : String(v)}</strong>;
  });
  const odd = (data && data.mismatches) || [];
  return (
    <>
      <Title text={t("nav.stats")}>
        <button type="button" class="button" onClick={() => window.print()}>
          {t("action.print")}
        </button>
      </Title>
      <Period period={period} />
      <Problem error={error} retry={reload} />
      {!data && !error && <Waiting />}
      {odd.length > 0 && (
        <section class="note note-warn" role="status">
          <p>
            <strong>{t("stats.mismatch", { n: odd.length })}</strong>
          </p>
          <p>{t("stats.mismatch_help")}</p>
          <ul>
            {odd.map((m, i) => (
              <li key={i}>
                {t("stats.mismatch_line", {
                  what: `${m.period} ${indicator(m.ind)}`,
                  sender: names[m.sender] || m.sender,
                  a: m.sender_says,
                  receiver: names[m.receiver] || m.receiver,
                  b: m.receiver_says,
                })}
              </li>
            ))}
          </ul>
        </section>
      )}
      {cell && <Provenance cell={cell} close={() => setCell(null)} />}
      {data && rows.length === 0 && (
        <div class="card empty">
          <p>{t("stats.none")}</p>
        </div>
      )}
      {rows.length > 0 && (
        <>
          <p class="help">{t("stats.lead", { period, n: rows.length })} <Badge tone="calm" text={t("stats.click")} /></p>
          <div class="scroll" role="region" tabIndex={0} aria-label={t("nav.stats")}>
            <Rows caption={`${t("nav.stats")} ${period}`} columns={columns} rows={rows} foot={foot} />
          </div>
        </>
      )}
    </>
  );
}

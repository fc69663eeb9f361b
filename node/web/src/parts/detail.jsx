// SPDX-License-Identifier: Apache-2.0
// The content of a record or an event as label and value, in the order of its kind's table.
import { t } from "../i18n.js";
import { fieldLabel, show } from "../kinds.js";
import { useOnce } from "../load.js";
import { href } from "../route.js";
import { Facts } from "./bits.jsx";
import { FileList } from "./files.jsx";

export function useNames() {
  const all = useOnce("/api/nodes").data;
  const names = {};
  ((all && all.nodes) || []).forEach((n) => (names[n.id] = n.name));
  return names;
}

// Only http and https become links: an address of another sort could run script.
function value(scope, f, x, names) {
  const text = show(scope, f, x, names);
  if (f.type === "text" && /^https?:\/\/[^\s]+$/i.test(text)) {
    return (
      <a href={text} rel="noopener noreferrer" target="_blank">
        {text}
      </a>
    );
  }
  if (f.type === "rows" && Array.isArray(x)) {
    return (
      <ol class="row-shown">
        {x.map((row, i) => (
          <li key={i}>
            {f.rows.filter((g) => !g.key && row[g.name] !== undefined).map((g) => (
              <span key={g.name} class={g.title ? "" : "help"}>
                {g.title ? show(`${scope}.${f.name}`, g, row[g.name], names) : ` ${fieldLabel(`${scope}.${f.name}`, g)}: ${show(`${scope}.${f.name}`, g, row[g.name], names)}`}
              </span>
            ))}
          </li>
        ))}
      </ol>
    );
  }
  return f.type === "long" ? <span class="long">{text}</span> : text;
}

// at: [owner, kind, id] of a record, for what it has attached.
export function Content({ scope, fields, d, skip, refs, at }) {
  const names = useNames();
  const known = {};
  const rows = [];
  fields.forEach((f) => {
    known[f.outer || f.name] = true;
    const x = f.outer ? (d[f.outer] || {})[f.inner] : d[f.name];
    // Bytes are for machines to compare.
    if (x === undefined || f.type === "b64u" || (skip && skip.indexOf(f.name) >= 0)) return;
    if (f.given) {
      rows.push([fieldLabel(scope, f), <a href={href(["r", "form_template"].concat(String(x).indexOf("/") > 0 ? String(x).split("/") : ["me", x]))}>{String(x).split(".").slice(1).join(" · ")}</a>]);
      return;
    }
    const there = f.refers && refs && refs[f.name];
    const files = f.type === "files" && at && <FileList files={x} at={at} names={names} />;
    const shown = files || (there ? <a href={href(["r", f.refers[0], "me", x])}>{there}</a> : value(scope, f, x, names));
    rows.push([f.label || fieldLabel(scope, f), shown, f.type === "long" || f.type === "texts" || f.type === "rows" || f.type === "files"]);
  });
  // Members of a newer version of the kind are shown as they came rather than hidden.
  Object.keys(d).forEach((k) => {
    if (!known[k]) rows.push([k, typeof d[k] === "object" ? JSON.stringify(d[k]) : String(d[k])]);
  });
  return rows.length ? <Facts rows={rows} /> : null;
}

// In one sentence who signed it and which way it came; what an administrator compares lies below.
export function Explain({ x, owner }) {
  const names = useNames();
  const name = (id) => names[id] || id;
  const path = Array.isArray(x.path) ? x.path : [];
  return (
    <section class="card explain">
      <h2>{t("explain.title")}</h2>
      <p>
        {x.unproven
          ? t("explain.unproven")
          : path.length > 1
          ? t("explain.who", { name: name(owner), path: path.map(name).join(" → ") })
          : t("explain.here", { name: name(owner) })}
      </p>
      <p class="help">{t("explain.help")}</p>
      <details>
        <summary>{t("explain.more")}</summary>
        <Facts
          rows={[
            [t("explain.signed_by"), x.signed_by && <code>{x.signed_by}</code>],
            [t("explain.stream"), x.stream && <code>{`${x.stream} #${x.seq}`}</code>, true],
            [t("explain.bundle"), x.bundle && <code>{x.bundle}</code>, true],
            [t("explain.rv"), x.rv && <code>{x.rv}</code>],
          ]}
        />
      </details>
    </section>
  );
}

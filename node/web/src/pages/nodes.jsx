// SPDX-License-Identifier: Apache-2.0
// The federation as a tree, from the roster this node holds.
import { useState } from "preact/hooks";
import { t, tt } from "../i18n.js";
import { useLoad } from "../load.js";
import { Badge, Problem, Title, Waiting, areaText, tierName } from "../parts/bits.jsx";

const deepest = 12; // a roster that named itself as its own ancestor must not hang the page

function Branch({ node, below, own, depth }) {
  const kids = depth < deepest ? below[node.id] || [] : [];
  return (
    <li>
      <div class={`tree-node ${node.id === own ? "tree-own" : ""}`}>
        <strong>{node.name}</strong>
        {node.id === own && <Badge tone="here" text={t("nodes.here")} />}
        <span class="tree-meta">
          <span>{tierName(node.tier)}</span>
          <span>{areaText(node.area, node.area_name)}</span>
          <code>{node.id}</code>
        </span>
        {node.state && node.state !== "active" && <Badge value={node.state} tone="bad" text={tt(`kind.node.state.${node.state}`)} />}
      </div>
      {kids.length > 0 && (
        <ul>
          {kids.map((k) => (
            <Branch key={k.id} node={k} below={below} own={own} depth={depth + 1} />
          ))}
        </ul>
      )}
    </li>
  );
}

export function Nodes({ me }) {
  const { data, error, reload } = useLoad("/api/nodes");
  const [find, setFind] = useState("");
  const all = (data && data.nodes) || [];
  const q = find.trim().toLowerCase();
  const hits = q ? all.filter((n) => `${n.name} ${n.id} ${n.area} ${n.area_name || ""}`.toLowerCase().indexOf(q) >= 0) : all;
  const ids = {};
  hits.forEach((n) => (ids[n.id] = true));
  const below = {};
  const roots = [];
  hits.forEach((n) => {
    if (!q && n.up && ids[n.up] && n.up !== n.id) (below[n.up] = below[n.up] || []).push(n);
    else roots.push(n);
  });
  return (
    <>
      <Title text={t("nav.nodes")} />
      <Problem error={error} retry={reload} />
      {!data && !error && <Waiting />}
      {data && (
        <section class="card">
          <div class="field narrow">
            <label htmlFor="find-node">{t("nodes.find")}</label>
            <input id="find-node" type="search" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
          </div>
          <p class="help" role="status">
            {t("nodes.count", { n: hits.length })}
          </p>
          <ul class="tree">
            {roots.map((n) => (
              <Branch key={n.id} node={n} below={below} own={me.node && me.node.id} depth={0} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

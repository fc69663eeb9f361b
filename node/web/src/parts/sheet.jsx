// SPDX-License-Identifier: Apache-2.0
// The paper at the door: a line for each seat that was given. Names are those of who has signed in already; they
// stand at the event's own node alone, and whoever signs up sends none.
import { t } from "../i18n.js";
import { spanText } from "./booking.jsx";

const given = ["confirmed", "no_show"]; // who has come stands in the roll

export const linesOf = (e) =>
  (e.roll || [])
    .map((x) => ({ key: x.number, org: x.org, node: x.node_name, name: x.name || "" }))
    .concat((e.here || []).filter((it) => given.indexOf(it.at[0].state) >= 0).map((it) => ({ key: it.node + it.id, org: it.d.org, node: it.node_name, name: "" })));

export function Sheet({ e }) {
  const lines = linesOf(e);
  return (
    <section class="sheet" aria-label={t("sheet.title")}>
      <h2>{e.title}</h2>
      <p>{`${spanText(e.d)} ${e.d.place || ""}`}</p>
      {lines.length === 0 && <p class="help">{t("sheet.none")}</p>}
      {lines.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{t("sheet.no")}</th>
              <th scope="col">{t("kind.attendance.org")}</th>
              <th scope="col">{t("word.owner")}</th>
              <th scope="col">{t("kind.attendance.name")}</th>
              <th scope="col">{t("sheet.sign")}</th>
            </tr>
          </thead>
          <tbody>
            {lines.map((x, i) => (
              <tr key={x.key}>
                <td>{i + 1}</td>
                <td>{x.org}</td>
                <td>{x.node}</td>
                <td>{x.name}</td>
                <td />
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

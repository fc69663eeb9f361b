// SPDX-License-Identifier: Apache-2.0
// The phone's fifth place: everything that has no room in the bottom bar.
import { t } from "../i18n.js";
import { Icon, Title } from "../parts/bits.jsx";
import { placesOf } from "../parts/frame.jsx";
import { href } from "../route.js";

export function More({ me, leave }) {
  return (
    <>
      <Title text={t("nav.more")} />
      <ul class="card places">
        {placesOf(me).filter((p) => !p.phone).map((p) => (
          <li key={p.key}>
            <a href={href(p.path)}>
              <Icon name={p.key} />
              <span>{t(`nav.${p.key}`)}</span>
              <Icon name="next" />
            </a>
          </li>
        ))}
      </ul>
      <p>
        <button type="button" class="button wide" onClick={leave}>
          {t("action.logout")}
        </button>
      </p>
    </>
  );
}

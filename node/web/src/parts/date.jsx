// SPDX-License-Identifier: Apache-2.0
// A date as text, YYYY-MM-DD, with a month to pick from. Browsers' own date inputs write dates in an
// order that depends on the machine, which people at two desks then read differently.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n.js";
import { dateOf, isDate, today } from "../when.js";
import { Icon } from "./bits.jsx";

const dayMs = 86400000;
const at = (s) => new Date(`${s}T12:00:00`);
const move = (s, days) => dateOf(new Date(at(s).getTime() + days * dayMs));

function moveMonth(s, by) {
  const d = at(s);
  const last = new Date(d.getFullYear(), d.getMonth() + by + 1, 0, 12).getDate();
  return dateOf(new Date(d.getFullYear(), d.getMonth() + by, Math.min(d.getDate(), last), 12));
}

function weeks(s) {
  const d = at(s);
  const first = new Date(d.getFullYear(), d.getMonth(), 1, 12);
  const lead = (first.getDay() + 6) % 7; // weeks begin on Monday
  const n = new Date(d.getFullYear(), d.getMonth() + 1, 0, 12).getDate();
  const cells = [];
  for (let i = 0; i < lead; i++) cells.push(null);
  for (let i = 1; i <= n; i++) cells.push(dateOf(new Date(d.getFullYear(), d.getMonth(), i, 12)));
  while (cells.length % 7) cells.push(null);
  const out = [];
  for (let i = 0; i < cells.length; i += 7) out.push(cells.slice(i, i + 7));
  return out;
}

function Month({ start, chosen, onPick, onClose }) {
  const [day, setDay] = useState(start);
  const grid = useRef(null);
  useLayoutEffect(() => {
    const b = grid.current && grid.current.querySelector('button[tabindex="0"]');
    if (b) b.focus();
  }, [day]);
  useLayoutEffect(() => {
    if (grid.current) grid.current.scrollIntoView({ block: "center" });
  }, []);
  const keys = {
    ArrowLeft: (d) => move(d, -1),
    ArrowRight: (d) => move(d, 1),
    ArrowUp: (d) => move(d, -7),
    ArrowDown: (d) => move(d, 7),
    PageUp: (d) => moveMonth(d, -1),
    PageDown: (d) => moveMonth(d, 1),
  };
  const onKey = (e) => {
    if (e.key === "Escape") {
      e.stopPropagation();
      onClose();
    } else if (keys[e.key]) {
      e.preventDefault();
      setDay(keys[e.key]);
    }
  };
  const names = t("date.weekdays").split(" ");
  return (
    <div class="month" role="dialog" aria-label={t("date.pick")} onKeyDown={onKey}>
      <div class="month-head">
        <button type="button" class="button icon-only" aria-label={t("date.before")} onClick={() => setDay(moveMonth(day, -1))}>
          <Icon name="back" />
        </button>
        <strong aria-live="polite">{day.slice(0, 7)}</strong>
        <button type="button" class="button icon-only" aria-label={t("date.after")} onClick={() => setDay(moveMonth(day, 1))}>
          <Icon name="next" />
        </button>
      </div>
      <table ref={grid}>
        <thead>
          <tr>
            {names.map((n) => (
              <th key={n} scope="col">
                {n}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeks(day).map((w, i) => (
            <tr key={i}>
              {w.map((d, j) => (
                <td key={j}>
                  {d && (
                    <button
                      type="button"
                      class={`day ${d === chosen ? "day-chosen" : ""} ${d === today() ? "day-today" : ""}`}
                      tabIndex={d === day ? 0 : -1}
                      aria-label={d}
                      aria-pressed={d === chosen ? "true" : "false"}
                      onClick={() => onPick(d)}
                    >
                      {+d.slice(8)}
                    </button>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <div class="month-foot">
        <button type="button" class="button small" onClick={() => onPick(today())}>
          {t("date.today")}
        </button>
        <button type="button" class="button small" onClick={onClose}>
          {t("action.close")}
        </button>
      </div>
    </div>
  );
}

export function DateInput({ id, value, onInput, described, invalid, required }) {
  const [open, setOpen] = useState(false);
  const box = useRef(null);
  const close = () => {
    setOpen(false);
    const b = box.current && box.current.querySelector(".date-open");
    if (b) b.focus();
  };
  useEffect(() => {
    if (!open) return undefined;
    const outside = (e) => box.current && !box.current.contains(e.target) && setOpen(false);
    document.addEventListener("mousedown", outside);
    return () => document.removeEventListener("mousedown", outside);
  }, [open]);
  return (
    <div class="date" ref={box}>
      <input
        id={id}
        type="text"
        inputMode="numeric"
        maxLength={10}
        autoComplete="off"
        placeholder={t("date.shape")}
        value={value}
        aria-describedby={described}
        aria-invalid={invalid ? "true" : undefined}
        aria-required={required ? "true" : undefined}
        onInput={(e) => onInput(e.currentTarget.value)}
      />
      <button
        type="button"
        class="button icon-only date-open"
        aria-label={t("date.pick")}
        aria-expanded={open ? "true" : "false"}
        onClick={() => setOpen(!open)}
      >
        <Icon name="calendar" />
      </button>
      {open && (
        <Month
          start={isDate(value) ? value : today()}
          chosen={value}
          onClose={close}
          onPick={(d) => {
            onInput(d);
            close();
          }}
        />
      )}
    </div>
  );
}

// SPDX-License-Identifier: Apache-2.0
// Times for people. Written the same way in both languages (2026-11-22 18:05), in the reader's zone.
import { t } from "./i18n.js";

const two = (n) => (n < 10 ? `0${n}` : `${n}`);

export const dateOf = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
export const today = () => dateOf(new Date());

export function stamp(ms) {
  if (!ms) return "–";
  const d = new Date(ms);
  return `${dateOf(d)} ${two(d.getHours())}:${two(d.getMinutes())}`;
}

export function clock(ms) {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}`;
}

export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return t("span.seconds", { n: s });
  if (s < 5400) return t("span.minutes", { n: Math.round(s / 60) });
  if (s < 172800) return t("span.hours", { n: Math.round(s / 3600) });
  return t("span.days", { n: Math.round(s / 86400) });
}

export function ago(ms) {
  if (!ms) return t("span.never");
  const s = (Date.now() - ms) / 1000;
  return s < 10 ? t("span.now") : t("span.ago", { span: span(s) });
}

export function bytes(n) {
  if (n === undefined || n === null) return "–";
  let i = 0;
  while (n >= 1024 && i < 4) {
    n /= 1024;
    i++;
  }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB"][i]}`;
}

// The day exists in the calendar: 2026-02-30 does not.
export function isDate(s) {
  const m = /^(\d{4})-(\d{2})-(\d{2})$/.exec(s);
  if (!m) return false;
  const d = new Date(Date.UTC(+m[1], +m[2] - 1, +m[3]));
  return d.getUTCMonth() === +m[2] - 1 && d.getUTCDate() === +m[3];
}

export const isPeriod = (s) => /^\d{4}(-(0[1-9]|1[0-2]|Q[1-4]|H[12]|W(0[1-9]|[1-4]\d|5[0-3]))(-\d{2})?)?$/.test(s);

export function shiftPeriod(p, by) {
  const m = /^(\d{4})(?:-(\d{2})|-Q([1-4])|-H([12]))?$/.exec(p);
  if (!m) return p;
  const per = m[2] ? 12 : m[3] ? 4 : m[4] ? 2 : 1;
  const n = +m[1] * per + (+(m[2] || m[3] || m[4] || 1) - 1) + by;
  const year = Math.floor(n / per);
  const i = (n % per) + 1;
  return m[2] ? `${year}-${two(i)}` : m[3] ? `${year}-Q${i}` : m[4] ? `${year}-H${i}` : `${year}`;
}

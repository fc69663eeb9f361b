// SPDX-License-Identifier: Apache-2.0
// Medians over the rounds, ours beside PostgreSQL and the floor, with ratios.
const median = (v) => {
  const s = v.filter(Number.isFinite).sort((a, b) => a - b);
  return s.length === 0 ? NaN : s[Math.floor((s.length - 1) / 2)];
};
// Their lines name the same things differently.
const pgValue = {
  rec_s: (o) => o.rec_s_street2 ?? o.rec_s, rec_s_street: (o) => o.n / o.local_s, cpu_us: (o) => o.cpu_s / o.n * 1e6,
  bytes: (o) => o.bytes_per_rec_link ?? o.bytes_per_rec, peak_MB: (o) => Math.max(...Object.values(o.peak_pss_MB ?? {})),
  city_p50: (o) => o.city_p50_ms, city_p99: (o) => o.city_p99_ms, street2_p50: (o) => o.street2_p50_ms, street2_p99: (o) => o.street2_p99_ms,
  seconds: (o) => o.seconds, KiB_per_child: (o) => o.parent_KiB_per_child, cpu_pct: (o) => o.idle_cpu_pct, disk_MB: (o) => o.disk_city_MB ?? o.disk_fresh_MB,
};
// work, their work, figure, what it is
const rows = [
  ['W1', 'W1', 'rec_s', 'records/s at the second street'],
  ['W1', 'W1', 'cpu_us', 'CPU us per record, four nodes'],
  ['W1', null, 'cpu_us_later', 'CPU us per record afterwards (search index, statistics)'],
  ['W1', 'W1', 'bytes', 'bytes per record and link'],
  ['W1', 'W1', 'peak_MB', 'peak PSS of the largest node, MB'],
  ['W1', 'W1', 'disk_MB', 'disk at the city, MB'],
  ['W1-single', 'W1-single-tx', 'rec_s_street', 'one after the other: records/s at the street'],
  ['W1-single', 'W1-single-tx', 'rec_s', 'one after the other: records/s at the second street'],
  ['W1-single', 'W1-single-tx', 'cpu_us', 'one after the other: CPU us per record'],
  ['W1-stream', 'W1-single-tx', 'rec_s', 'as a stream: records/s at the second street'],
  ['W2', 'W2', 'city_p50', 'W2 p50 ms at the city'],
  ['W2', 'W2', 'city_p99', 'W2 p99 ms at the city'],
  ['W2', 'W2', 'street2_p50', 'W2 p50 ms at the second street'],
  ['W2', 'W2', 'street2_p99', 'W2 p99 ms at the second street'],
  ['W2-busy', null, 'city_p50', 'during a bulk load: p50 ms at the city'],
  ['W2-busy', null, 'city_p99', 'during a bulk load: p99 ms at the city'],
  ['W2-busy-referral', null, 'street2_p50', 'during a bulk load: a referral, p50 ms'],
  ['W2-busy-referral', null, 'street2_p99', 'during a bulk load: a referral, p99 ms'],
  ['W1-update', 'W1-update', 'rec_s', 'updates/s at the second street'],
  ['W1-update', 'W1-update', 'cpu_us', 'CPU us per update'],
  ['W1-update', 'W1-update', 'peak_MB', 'peak PSS of the largest node, MB'],
  ['W1-update', 'W1-update', 'disk_MB', 'disk at the city after the updates, MB'],
  ['W3', 'W3', 'seconds', 'fresh node, no updates before, s (PostgreSQL: after five)'],
  ['W3', 'W3', 'bytes', 'bytes per live record'],
  ['W3-updated', 'W3', 'seconds', 'fresh node after five updates each, s'],
  ['W3-updated', 'W3', 'bytes', 'bytes per live record'],
  ['W3-updated', 'W3', 'peak_MB', 'peak PSS, MB'],
  ['W4', 'W4', 'KiB_per_child', 'parent memory per idle child, KiB'],
  ['W4', 'W4', 'cpu_pct', 'parent CPU with idle children, %'],
  ['rest', null, 'rss_MB', 'at rest: RSS of the largest node, MB'],
  ['rest', null, 'cpu_pct', 'at rest: CPU, %'],
];
export function table(results) {
  const of = (who, work, get) => median(results.filter((r) => r.who === who && r.work === work).map(get));
  const show = (v) => (Number.isFinite(v) ? (v >= 100 ? v.toFixed(0) : v.toFixed(v >= 10 ? 1 : 2)) : '-');
  const lines = [['work', 'figure', 'sanji', 'PostgreSQL', 'ratio', 'floor', 'ratio']];
  for (const [work, theirs, figure, label] of rows) {
    const a = of('sanji', work, (r) => r[figure]);
    if (!Number.isFinite(a)) continue;
    const b = theirs ? of('postgresql', theirs, pgValue[figure] ?? (() => NaN)) : NaN;
    const f = of('floor', work, (r) => r[figure]);
    lines.push([work, label, show(a), show(b), show(a / b), show(f), show(a / f)]);
  }
  const width = lines[0].map((_, i) => Math.max(...lines.map((l) => l[i].length)));
  return lines.map((l) => l.map((c, i) => (i < 2 ? c.padEnd(width[i]) : c.padStart(width[i]))).join('  ')).join('\n');
}

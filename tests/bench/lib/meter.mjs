// SPDX-License-Identifier: Apache-2.0
// CPU and memory of the daemons, bytes on lo, percentiles. Memory is PSS: shared pages counted once.
import fs from 'node:fs';

const HZ = 100;
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
export const now = () => performance.now() / 1000;
export function pct(v, p) {
  const s = [...v].sort((a, b) => a - b);
  return s.length === 0 ? NaN : s[Math.min(s.length - 1, Math.round(p * (s.length - 1)))];
}
export function cpu(pid) {
  const s = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const f = s.slice(s.lastIndexOf(')') + 2).split(' ');
  return (+f[11] + +f[12]) / HZ;
}
const rollup = (pid, name) => +new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1] / 1024;
export const pssMB = (pid) => rollup(pid, 'Pss');
export const anonMB = (pid) => rollup(pid, 'Anonymous');
export const rssMB = (pid) => rollup(pid, 'Rss');
export const loBytes = () => +/lo:\s*(\d+)/.exec(fs.readFileSync('/proc/net/dev', 'utf8'))[1];
export function dirMB(d) {
  let t = 0;
  for (const e of fs.readdirSync(d, { withFileTypes: true, recursive: true })) {
    try { t += e.isFile() ? fs.statSync(`${e.parentPath ?? e.path}/${e.name}`).blocks * 512 : 0; } catch { /* gone */ }
  }
  return t / 1e6;
}
export class Meter {
  constructor(pids) { this.pids = pids; } // { street: pid, ... }
  start() {
    this.c0 = Object.fromEntries(Object.entries(this.pids).map(([k, p]) => [k, cpu(p)]));
    this.b0 = loBytes();
    this.t0 = now();
    this.peak = {};
    const look = () => { try { for (const [k, p] of Object.entries(this.pids)) this.peak[k] = Math.max(this.peak[k] ?? 0, pssMB(p)); } catch { /* it ends */ } };
    look();
    this.look = look;
    this.timer = setInterval(look, 250);
    return this;
  }
  stop() {
    clearInterval(this.timer);
    this.look();
    const by = {};
    let all = 0;
    for (const [k, p] of Object.entries(this.pids)) { by[k] = cpu(p) - this.c0[k]; all += by[k]; }
    return { wall_s: now() - this.t0, bytes: loBytes() - this.b0, cpu_s: all, cpu_by: by, peak_MB: Math.max(...Object.values(this.peak)), peak_by: this.peak };
  }
}

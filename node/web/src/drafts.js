// SPDX-License-Identifier: Apache-2.0
// What is typed lies in the browser at every keystroke and at the node at every pause, so that neither a
// dead browser nor another telephone loses it. The node gives each kept form a time; a device says which
// one it goes on from, and where another wrote since, both are shown.
import { enc, get, post } from "./api.js";
import { dropLocal, loadLocal, saveLocal, useDraftsOf } from "./keep.js";

const pauseMs = 1500;
const againMs = 15000;
let seen = {}; // by form: the node's time of what this device knows
let timers = {};
let waiting = {}; // by form: what is to be sent
let lines = {}; // by form: one request after the other
let gone = {}; // by form: how often it was sent or thrown away; an answer from before is late
let era = 0; // grows with every change of person: an answer to the one before is nobody's

export function draftsOf(me) {
  useDraftsOf(me);
  era++;
  Object.keys(timers).forEach((n) => clearTimeout(timers[n]));
  seen = {};
  timers = {};
  waiting = {};
  lines = {};
  gone = {};
}

const address = (name) => `/api/drafts/${enc(name)}`;
const queue = (name, fn) => (lines[name] = (lines[name] || Promise.resolve()).then(fn));

function send(name) {
  clearTimeout(timers[name]);
  const w = waiting[name];
  if (!w) return;
  delete waiting[name];
  const mine = era;
  const life = gone[name] || 0;
  const late = () => mine !== era || life !== (gone[name] || 0);
  queue(name, () => {
    if (late()) return undefined; // another person's line, or sent meanwhile
    return post(address(name), { seen: seen[name] || 0, draft: w.body }).then(
      (r) => {
        if (mine !== era) return;
        seen[name] = r.at;
        if (late()) return;
        if (!waiting[name]) saveLocal(name, { ...w.body, node: r.at });
        w.told({ at: r.at });
      },
      (e) => {
        if (late()) return;
        if (e.err === "conflict" && e.body && e.body.draft) {
          w.told({ other: e.body.draft, at: e.body.at });
        } else if (!waiting[name]) {
          // The text is safe in this browser; the node hears of it when it answers again.
          waiting[name] = w;
          timers[name] = setTimeout(() => send(name), againMs);
        }
      },
    );
  });
}

/* told({at}) when the node has it, told({other, at}) when another device wrote since. Returns whether
 * the browser has kept it. */
export function keepDraft(name, values, base, told) {
  const body = { values, base, at: Date.now() };
  waiting[name] = { body, told };
  clearTimeout(timers[name]);
  timers[name] = setTimeout(() => send(name), pauseMs);
  return saveLocal(name, body);
}

// A form that closes does not wait for the pause.
export const flushDraft = (name) => send(name);

// From now on this device goes on from what the other has written.
export const acceptDraft = (name, at) => (seen[name] = at);

export function dropDraft(name) {
  clearTimeout(timers[name]);
  delete waiting[name];
  dropLocal(name, seen[name] || 0);
  gone[name] = (gone[name] || 0) + 1;
  const mine = era;
  queue(name, () => {
    if (mine !== era) return undefined;
    return post(`${address(name)}/drop`).then(
      () => {
        if (mine !== era) return;
        seen[name] = 0;
        const here = loadLocal(name);
        if (here && here.dropped) dropLocal(name, 0); // nobody has begun anew meanwhile
      },
      () => {}, // remembered here as dropped, see fetchDraft
    );
  });
}

// What the node keeps: {at, draft}, null when there is nothing, or nothing newer than what was dropped.
export function fetchDraft(name) {
  const here = loadLocal(name);
  return get(address(name)).then((r) => {
    if (!r.draft) return null;
    if (here && here.dropped && r.at <= here.dropped) {
      seen[name] = r.at;
      dropDraft(name);
      return null;
    }
    return r;
  });
}

// What this browser keeps; `node`: the time of it at the node, absent when it was never told.
export function loadDraft(name) {
  const d = loadLocal(name);
  if (!d || !d.values || typeof d.values !== "object") return null;
  if (d.node) seen[name] = d.node;
  return d;
}

// SPDX-License-Identifier: Apache-2.0
// The only place that talks to the node. Every failure becomes one shape, {status, err, member, want,
// message}, also when what answered was not our node (a login page of some network, a proxy).
import { has, language, t } from "./i18n.js";

let csrf = "";
let onSignedOut = () => {};
let onOtherSession = () => Promise.reject(new Error());
export const setCsrf = (token) => (csrf = token || "");
export const whenSignedOut = (fn) => (onSignedOut = fn);
// Somebody logged in anew in another tab. fn asks who it is now; true: the same person, go on.
export const whenOtherSession = (fn) => (onOtherSession = fn);

// A question without an answer for so long counts as unreachable: a dead network says nothing.
const patienceMs = 30000;

// How many things wait: asked every few seconds.
export const countPath = "/api/todo?count=1";

function fail(status, body) {
  const e = new Error(body.err || "failed");
  e.status = status;
  e.err = body.err || "failed";
  e.member = body.member;
  e.want = body.want;
  e.message = body.message || "";
  e.body = body;
  return e;
}

// The node's words end where the command line likes it; on a page they are a sentence.
const whole = (s) => s[0].toUpperCase() + s.slice(1) + (/[.!?:\u3002\uff01\uff1f\uff1a]$/.test(s) ? "" : t("word.stop"));

export function sentence(e) {
  if (e.message && e.body) return whole(e.message);
  return t(has(`err.${e.err}`) ? `err.${e.err}` : "err.failed", { status: e.status || "", want: e.want || "" });
}

// One signal out of the caller's and our patience. Only questions are given up: what becomes of a
// write that was given up nobody could say.
function patience(method, signal) {
  if (method !== "GET") return { signal, done: () => {} };
  const own = new AbortController();
  const out = { signal: own.signal, late: false, done: () => clearTimeout(timer) };
  const timer = setTimeout(() => {
    out.late = true;
    own.abort();
  }, patienceMs);
  if (signal) signal.addEventListener("abort", () => own.abort());
  return out;
}

async function call(method, path, body, signal, byItself) {
  const limit = patience(method, signal);
  try {
    return await exchange(method, path, body, limit.signal, byItself);
  } catch (e) {
    if (limit.late && e.name === "AbortError") throw fail(0, { err: "unreachable" });
    throw e;
  } finally {
    limit.done();
  }
}

async function exchange(method, path, body, signal, byItself) {
  const headers = { Accept: "application/json", "Accept-Language": language() };
  if (byItself) headers["X-By-Itself"] = "1"; // nobody is at work: the log-in is not kept alive by it
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  let res;
  try {
    res = await fetch(path, {
      method,
      headers,
      signal,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (e) {
    if (e && e.name === "AbortError") throw e;
    throw fail(0, { err: "unreachable" });
  }
  let json;
  try {
    const text = await res.text();
    json = text === "" ? {} : JSON.parse(text);
  } catch (e) {
    if (e && e.name === "AbortError") throw e;
    throw fail(res.status, { err: "not_our_node" });
  }
  if (!res.ok || json === null || typeof json !== "object") {
    const e = fail(res.status, json && typeof json === "object" ? json : {});
    // The first question of a visit has no session yet that could have ended, and what a page asks by
    // itself takes no form away from somebody who comes back to it.
    if (res.status === 401 && path !== "/api/login" && path !== "/api/me" && path !== countPath) onSignedOut();
    throw e;
  }
  return json;
}

// A file for the person: what came under the name the node gives it, saved as the browser saves files.
export async function download(path) {
  let res;
  try {
    res = await fetch(path, { headers: { "Accept-Language": language() }, credentials: "same-origin", cache: "no-store", redirect: "error" });
  } catch (e) {
    throw fail(0, { err: "unreachable" });
  }
  const head = res.headers.get("Content-Disposition") || "";
  const said = /filename\*=UTF-8''([\w.%-]+)/.exec(head) || /filename="([\w.-]+)"/.exec(head);
  if (!res.ok || !said) {
    const body = await res.json().catch(() => ({ err: "not_our_node" }));
    if (res.status === 401) onSignedOut();
    throw fail(res.status, body);
  }
  save(await res.blob(), decodeURIComponent(said[1]));
}

export function save(blob, name) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(blob);
  a.download = name;
  document.body.appendChild(a);
  a.click();
  document.body.removeChild(a);
  setTimeout(() => URL.revokeObjectURL(a.href), 60000);
}

export const get = (path, signal, byItself) => call("GET", path, undefined, signal, byItself);
export async function post(path, body) {
  const write = () => call("POST", path, body === undefined ? {} : body);
  try {
    return await write();
  } catch (e) {
    // Refused before anything was done, so asking again is safe.
    if (e.err === "csrf" && (await onOtherSession().catch(() => false))) return write();
    throw e;
  }
}

// Members that are empty stay out; segments are for the caller to encode with enc().
export const enc = encodeURIComponent;
export function query(params) {
  const s = Object.keys(params)
    .filter((k) => params[k] !== undefined && params[k] !== null && params[k] !== "")
    .map((k) => `${enc(k)}=${enc(params[k])}`)
    .join("&");
  return s ? `?${s}` : "";
}

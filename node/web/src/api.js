// SPDX-License-Identifier: Apache-2.0
// The only place that talks to the node. Every failure becomes one shape, {status, err, member, want,
// message}, also when what answered was not our node (a login page of some network, a proxy).
import { has, language, t } from "./i18n.js";

let csrf = "";
let onSignedOut = () => {};
export const setCsrf = (token) => (csrf = token || "");
export const whenSignedOut = (fn) => (onSignedOut = fn);

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

export function sentence(e) {
  if (e.message && e.body) return e.message;
  return t(has(`err.${e.err}`) ? `err.${e.err}` : "err.failed", { status: e.status || "", want: e.want || "" });
}

async function call(method, path, body, signal) {
  const headers = { Accept: "application/json", "Accept-Language": language() };
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
    // The first question of a visit has no session yet that could have ended.
    if (res.status === 401 && path !== "/api/login" && path !== "/api/me") onSignedOut();
    throw e;
  }
  return json;
}

export const get = (path, signal) => call("GET", path, undefined, signal);
export const post = (path, body) => call("POST", path, body === undefined ? {} : body);

// Members that are empty stay out; segments are for the caller to encode with enc().
export const enc = encodeURIComponent;
export function query(params) {
  const s = Object.keys(params)
    .filter((k) => params[k] !== undefined && params[k] !== null && params[k] !== "")
    .map((k) => `${enc(k)}=${enc(params[k])}`)
    .join("&");
  return s ? `?${s}` : "";
}

// SPDX-License-Identifier: Apache-2.0
// Addresses live behind the #, so the node serves one page and a reload or a bookmark comes back to
// the same place. #/r/listing?q=hall -> {path: ["r", "listing"], params: {q: "hall"}}
import { useEffect, useState } from "preact/hooks";
import { query } from "./api.js";

function parse() {
  const [path, search] = location.hash.replace(/^#\/?/, "").split("?");
  const params = {};
  (search || "").split("&").forEach((pair) => {
    const i = pair.indexOf("=");
    if (i < 1) return;
    try {
      params[decodeURIComponent(pair.slice(0, i))] = decodeURIComponent(pair.slice(i + 1).replace(/\+/g, " "));
    } catch (e) {
      // A broken escape in a typed address counts as absent.
    }
  });
  const parts = path.split("/").filter(Boolean);
  try {
    return { path: parts.map(decodeURIComponent), params, key: parts.join("/"), at: location.hash };
  } catch (e) {
    return { path: [], params: {}, key: "", at: location.hash };
  }
}

export const href = (path, params) => `#/${path.map(encodeURIComponent).join("/")}${query(params || {})}`;
export const go = (path, params) => (location.hash = href(path, params));

// To a record after the form that made it: "back" then leads to the list, not into the form again.
export const replace = (path, params) => location.replace(href(path, params));

// Changes the address without a step in the history, for typing into a search box.
export function amend(path, params) {
  history.replaceState(null, "", href(path, params));
  window.dispatchEvent(new Event("hashchange"));
}

export function useRoute() {
  const [route, set] = useState(parse);
  useEffect(() => {
    const on = () => set(parse());
    window.addEventListener("hashchange", on);
    // Between the first look at the address and this it may have changed, and nobody was told.
    if (location.hash !== route.at) on();
    return () => window.removeEventListener("hashchange", on);
  }, []);
  return route;
}

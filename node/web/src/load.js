// SPDX-License-Identifier: Apache-2.0
// Reading for a page: what is shown stays shown while newer data is on its way or cannot be had.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.js";

// A page somebody has left open must not keep the session alive: without a touch it stops asking.
const restMs = 300000;
let touched = Date.now();
["pointerdown", "keydown", "wheel", "focus"].forEach((ev) =>
  window.addEventListener(ev, () => (touched = Date.now()), { capture: true, passive: true }),
);

export function useLoad(path, everyMs) {
  const [state, set] = useState({ path: null, data: null, error: null, busy: true });
  const [turn, again] = useState(0);
  const aborter = useRef(null);
  useEffect(() => {
    if (!path) return undefined;
    const a = new AbortController();
    aborter.current = a;
    set((s) => ({ ...s, data: s.path === path ? s.data : null, path, busy: true }));
    get(path, a.signal).then(
      (data) => set({ path, data, error: null, busy: false }),
      (error) => {
        if (error.name !== "AbortError") set((s) => ({ ...s, error, busy: false }));
      },
    );
    return () => a.abort();
  }, [path, turn]);
  useEffect(() => {
    if (!everyMs) return undefined;
    const id = setInterval(() => {
      if (!document.hidden && Date.now() - touched < restMs) again((n) => n + 1);
    }, everyMs);
    return () => clearInterval(id);
  }, [everyMs]);
  const reload = useCallback(() => again((n) => n + 1), []);
  // Until the effect has run for a new address, the old data is not an answer to it.
  return state.path === path ? { ...state, reload } : { path, data: null, error: null, busy: true, reload };
}

// Small lists that hardly change (kinds, nodes): asked once per visit.
const cache = {};
export function useOnce(path) {
  const [data, set] = useState(null);
  useEffect(() => {
    let live = true;
    const p = cache[path] || (cache[path] = get(path));
    p.then(
      (d) => live && set(d),
      () => {
        delete cache[path];
      },
    );
    return () => {
      live = false;
    };
  }, [path]);
  return data;
}
export const forgetOnce = () => Object.keys(cache).forEach((k) => delete cache[k]);

// SPDX-License-Identifier: Apache-2.0
// Reading for a page: what is shown stays shown while newer data is on its way or cannot be had.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.js";

// A page somebody has left open stops asking after a while without a touch. What it asks by itself
// keeps the session alive only where it was touched since it last asked so.
const restMs = 300000;
let touched = performance.now();
let counted = touched;
["pointerdown", "keydown", "wheel", "focus"].forEach((ev) =>
  window.addEventListener(ev, () => (touched = performance.now()), { capture: true, passive: true }),
);
function isUse() {
  const is = touched > counted;
  counted = touched;
  return is;
}

// shown: a screen that is looked at and not touched, such as the code at a door, goes on all the same.
export function useLoad(path, everyMs, shown) {
  const [state, set] = useState({ path: null, data: null, error: null, busy: true });
  const [turn, again] = useState(0);
  const waits = useRef(false);
  const byItself = useRef(false);
  useEffect(() => {
    if (!path) return undefined;
    const a = new AbortController();
    const own = byItself.current && !isUse();
    byItself.current = false;
    waits.current = true;
    set((s) => ({ ...s, data: s.path === path ? s.data : null, path, busy: true }));
    get(path, a.signal, own).then(
      (data) => {
        waits.current = false;
        set({ path, data, error: null, busy: false });
      },
      (error) => {
        if (error.name === "AbortError") return;
        waits.current = false;
        set((s) => ({ ...s, error, busy: false }));
      },
    );
    return () => a.abort();
  }, [path, turn]);
  useEffect(() => {
    if (!everyMs) return undefined;
    const id = setInterval(() => {
      // A slow answer is waited for: asking anew would throw it away, and the next one too.
      if (document.hidden || waits.current || !(shown || performance.now() - touched < restMs)) return;
      byItself.current = true;
      again((n) => n + 1);
    }, everyMs);
    return () => clearInterval(id);
  }, [everyMs, shown]);
  const reload = useCallback(() => again((n) => n + 1), []);
  // Until the effect has run for a new address, the old data is not an answer to it.
  return state.path === path ? { ...state, reload } : { path, data: null, error: null, busy: true, reload };
}

// Small lists that hardly change (kinds, nodes): asked once per visit, and again after a failure when
// somebody wants it.
const cache = {};
export function useOnce(path) {
  const [state, set] = useState({ data: null, error: null });
  const [turn, again] = useState(0);
  useEffect(() => {
    let live = true;
    const p = cache[path] || (cache[path] = get(path));
    p.then(
      (data) => live && set({ data, error: null }),
      (error) => {
        delete cache[path];
        if (live) set({ data: null, error });
      },
    );
    return () => {
      live = false;
    };
  }, [path, turn]);
  return { ...state, reload: () => again((n) => n + 1) };
}
export const forgetOnce = () => Object.keys(cache).forEach((k) => delete cache[k]);

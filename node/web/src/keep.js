// SPDX-License-Identifier: Apache-2.0
// What the browser keeps: the language and unsent forms. Storage may be full or forbidden; then the
// pages work on without it, and say so where a draft is concerned.
const prefix = "sanji.";

export function recall(key) {
  try {
    return localStorage.getItem(prefix + key);
  } catch (e) {
    return null;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(prefix + key, value);
    return true;
  } catch (e) {
    return false;
  }
}

export function forget(key) {
  try {
    localStorage.removeItem(prefix + key);
  } catch (e) {
    // Nothing was kept.
  }
}

// Drafts belong to one person at one node: two people at one desk do not see each other's.
let owner = "";
export function useDraftsOf(me) {
  owner = me ? `${me.node ? me.node.id : ""}.${me.login}` : "";
}
const draftKey = (name) => `draft.${owner}.${name}`;

export function loadLocal(name) {
  try {
    return JSON.parse(recall(draftKey(name)));
  } catch (e) {
    return null;
  }
}
export const saveLocal = (name, d) => remember(draftKey(name), JSON.stringify(d));
// dropped: the node's time of what is thrown away, in case it cannot be told now.
export function dropLocal(name, dropped) {
  if (!dropped || !saveLocal(name, { dropped })) forget(draftKey(name));
}

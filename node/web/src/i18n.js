// SPDX-License-Identifier: Apache-2.0
// Every sentence of the pages comes from node/text/web.*.json through t(). Both languages travel in
// the bundle (a few kilobytes), so that switching needs no request and works while the node is down.
import zh from "../../text/web.zh-CN.json";
import en from "../../text/web.en.json";
import { recall, remember } from "./keep.js";

const tables = { "zh-CN": zh, en };
export const languages = Object.keys(tables);

function first() {
  const kept = recall("lang");
  if (tables[kept]) return kept;
  const wish = (navigator.languages || [navigator.language || ""]).join(",").toLowerCase();
  // Chinese first: English only for a browser that asks for English and for no Chinese.
  return /(^|,)en/.test(wish) && !/(^|,)zh/.test(wish) ? "en" : "zh-CN";
}

let lang = first();
export const language = () => lang;

export function setLanguage(l) {
  if (!tables[l]) return;
  lang = l;
  remember("lang", l);
  document.documentElement.lang = l;
}
setLanguage(lang);
export const hasOwnChoice = () => recall("lang") !== null;

export const has = (key) => tables[lang][key] !== undefined;

// A key without a text (a kind newer than the pages) shows its last part rather than nothing, and
// says so once in the console, where the tests look.
const missed = {};
export function t(key, vars) {
  let s = tables[lang][key];
  if (s === undefined) {
    s = key.slice(key.lastIndexOf(".") + 1).replace(/_/g, " ");
    if (!missed[key]) console.warn(`sanji: no text for ${key}`);
    missed[key] = true;
  }
  return vars ? s.replace(/\{(\w+)\}/g, (m, name) => (vars[name] === undefined ? m : String(vars[name]))) : s;
}

// First of several keys that has a text; the fallback of t() for the last.
export function tt(...keys) {
  return t(keys.find(has) || keys[keys.length - 1]);
}

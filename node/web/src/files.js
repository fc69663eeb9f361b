// SPDX-License-Identifier: Apache-2.0
// Files on their way to the node, in pieces: what has arrived stays there, whatever happens to the
// network, this page or the node, and the rest follows.
import { enc, get, post } from "./api.js";

export const partBytes = 524288;
const pauseMs = 1000;
const pauseMostMs = 15000;

export const bytesOf = (blob) => new Response(blob).arrayBuffer();
export function base64(bytes) {
  let s = "";
  for (let i = 0; i < bytes.length; i += 8192) s += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192));
  return btoa(s).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const later = (ms) => new Promise((done) => setTimeout(done, ms));
// Nobody answered, or somebody on the way did: the node may be back in a moment.
const passing = (e) => e.status === 0 || e.status === 502 || e.status === 503 || e.status === 504 || e.err === "not_our_node";

export const announce = (file) => post("/api/uploads", { name: file.name, len: file.size });
export const dropUpload = (id) => post(`/api/uploads/${enc(id)}/drop`).catch(() => {});

/* Brings what is missing of an upload; told(bytes there, waits), live(): does anybody want it still?
 * Resolves with what the record takes, or undefined when nobody does. */
export async function bring(id, file, told, live) {
  const path = `/api/uploads/${enc(id)}`;
  let pause = pauseMs;
  let at = -1; // not known
  while (live()) {
    try {
      if (at < 0) at = (await get(path)).at;
      if (at >= file.size) {
        const u = await post(`${path}/finish`);
        return { name: u.name, type: u.type, len: u.len, sha256: u.sha256 };
      }
      told(at, false);
      const piece = new Uint8Array(await bytesOf(file.slice(at, at + partBytes)));
      at = (await post(`${path}/part`, { at, data: base64(piece) })).at;
      pause = pauseMs;
    } catch (e) {
      if (e.err === "conflict" && e.body && e.body.at !== undefined) at = e.body.at;
      else if (!passing(e)) throw e;
      else {
        told(at < 0 ? 0 : at, true);
        await later(pause);
        pause = Math.min(pause * 2, pauseMostMs);
        at = -1;
      }
    }
  }
  return undefined;
}

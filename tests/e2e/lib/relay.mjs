// SPDX-License-Identifier: Apache-2.0
// A line between a child and its parent that does not pass everything on: it ends TLS with the parent's own
// key, so that pinning passes, reads each exchange message, and leaves out the bundles it is told to.
// What a district with a good key and other intentions looks like from above and from below.
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { decompress } from 'fzstd';
import { frameLength } from './proto.mjs';

const line = (f) => JSON.parse(Buffer.from(decompress(f)).toString('utf8'));

function filter(body, keep) {
  const frames = [];
  for (let at = 0; at < body.length;) {
    const n = frameLength(body.subarray(at));
    frames.push(body.subarray(at, at + n));
    at += n;
  }
  if (frames.length === 0) return { body, dropped: 0, have: [] };
  const bundles = 1 + (line(frames[0]).lines ?? 0);
  const kept = frames.filter((f, i) => i < bundles || keep(JSON.parse(line(f).h)));
  const have = frames.slice(1, bundles).flatMap((f) => line(f).have);
  return { body: Buffer.concat(kept), dropped: frames.length - kept.length, have };
}

// port: where the child connects; to: the parent's; keys: DIR/keys of the parent. keep(dir, header): does a
// bundle pass? It may be changed at any time. stated: up to where the child has said to hold "BY AUD" of the
// newest epoch. Each connection has one of its own behind: sessions are bound to it.
export async function relay(port, to, keys) {
  const me = { port, keep: () => true, dropped: { up: 0, down: 0 }, stated: {} };
  const behind = new WeakMap();
  const socks = new Set();
  const opts = { key: fs.readFileSync(path.join(keys, 'tls.key')), cert: fs.readFileSync(path.join(keys, 'tls.crt')) };
  const pass = (dir, url, body) => {
    if (!url.endsWith('/exchange')) return body;
    const r = filter(body, (h) => me.keep(dir, h));
    me.dropped[dir] += r.dropped;
    for (const [by, aud, epochs] of dir === 'up' ? r.have : []) me.stated[`${by} ${aud}`] = epochs.at(-1)[2];
    return r.body;
  };
  const srv = https.createServer(opts, (rq, rs) => {
    const parts = [];
    rq.on('data', (d) => parts.push(d));
    rq.on('end', () => {
      const body = pass('up', rq.url, Buffer.concat(parts));
      const headers = { 'Content-Type': rq.headers['content-type'], 'Content-Length': body.length };
      if (rq.headers.authorization) headers.Authorization = rq.headers.authorization;
      const out = https.request({ host: '127.0.0.1', port: to, path: rq.url, method: rq.method, headers, agent: behind.get(rq.socket) }, (answer) => {
        const got = [];
        answer.on('data', (d) => got.push(d));
        answer.on('end', () => {
          const b = answer.statusCode === 200 ? pass('down', rq.url, Buffer.concat(got)) : Buffer.concat(got);
          rs.writeHead(answer.statusCode, { 'Content-Type': answer.headers['content-type'], 'Content-Length': b.length });
          rs.end(b);
        });
        answer.on('error', () => rq.socket.destroy());
      });
      out.on('error', () => rq.socket.destroy());
      out.end(body);
    });
    rq.on('error', () => {});
  });
  for (const k of ['keepAliveTimeout', 'requestTimeout', 'headersTimeout', 'timeout']) srv[k] = 0;
  srv.on('secureConnection', (s) => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0, rejectUnauthorized: false });
    behind.set(s, agent);
    socks.add(s);
    s.on('error', () => {});
    s.on('close', () => { socks.delete(s); agent.destroy(); });
  });
  srv.on('tlsClientError', () => {});
  await new Promise((r) => srv.listen(port, '127.0.0.1', r));
  me.close = () => new Promise((d) => { for (const s of socks) s.destroy(); srv.close(d); });
  return me;
}

// SPDX-License-Identifier: Apache-2.0
// A proxy between child and parent that ends TLS with the parent's own key, so that pinning passes and
// every changed byte reaches a parser of ours.
import fs from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';

// keys: DIR/keys of the parent; mangle(direction, chunk) returns the bytes to pass on, or null to cut.
export function proxy(port, to, keys, mangle) {
  const socks = new Set();
  const opts = { key: fs.readFileSync(path.join(keys, 'tls.key')), cert: fs.readFileSync(path.join(keys, 'tls.crt')) };
  const srv = tls.createServer(opts, (down) => {
    const up = tls.connect({ host: '127.0.0.1', port: to, rejectUnauthorized: false });
    for (const [from, other, dir] of [[down, up, 'up'], [up, down, 'down']]) {
      socks.add(from);
      from.on('data', (d) => {
        const x = mangle(dir, d);
        if (x === null) from.destroy();
        else other.write(x);
      });
      from.on('error', () => {});
      from.on('close', () => { socks.delete(from); other.destroy(); });
    }
  });
  srv.on('tlsClientError', () => {});
  return new Promise((r) => srv.listen(port, '127.0.0.1', () => r({
    close: () => new Promise((d) => { for (const s of socks) s.destroy(); srv.close(d); }),
  })));
}

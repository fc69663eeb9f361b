// Do both listeners answer malformed HTTP with the right status or a closed connection, and stay alive?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import test, { after, before } from 'node:test';
import tls from 'node:tls';
import { World } from './lib/node.mjs';

const w = new World();
before(() => w.tree(['city']));
after(() => w.close());

const PATHS = { staff: '/healthz', sync: '/sanji/1/session' };
const connect = (which) => {
  const n = w.nodes.get('city');
  return which === 'staff' ? net.connect(n.staff, '127.0.0.1') : tls.connect({ host: '127.0.0.1', port: n.sync, rejectUnauthorized: false });
};
// Sends the bytes; all that came back until the peer closed or `ms` passed.
function talk(which, bytes, { ms = 3000, every = 0 } = {}) {
  return new Promise((resolve) => {
    const s = connect(which);
    let out = '';
    let timer = null;
    const done = (closed) => {
      clearTimeout(limit);
      clearInterval(timer);
      s.destroy();
      resolve({ out, closed, statuses: [...out.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((m) => Number(m[1])) });
    };
    const limit = setTimeout(() => done(false), ms);
    s.on('data', (d) => { out += d.toString('latin1'); });
    s.on('error', () => {});
    s.on('close', () => done(true));
    s.once(which === 'staff' ? 'connect' : 'secureConnect', () => {
      if (!every) return s.write(bytes);
      let i = 0;
      timer = setInterval(() => (i < bytes.length ? s.write(bytes[i++]) : clearInterval(timer)), every);
    });
  });
}
const alive = async () => {
  const h = await talk('staff', 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
  assert.equal(h.statuses[0], 200, h.out);
  const s = await talk('sync', 'POST /sanji/1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}');
  assert.ok(s.statuses[0] >= 400 && s.statuses[0] < 500, s.out);
};
const head = (which, lines, method = 'POST') => `${method} ${PATHS[which]} HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines.join('\r\n')}${lines.length ? '\r\n' : ''}\r\n`;

for (const which of ['staff', 'sync']) {
  test(`${which}: heads that would let two readers disagree are refused`, async () => {
    const bad = {
      'bare LF': `POST ${PATHS[which]} HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 0\n\n`,
      'bare CR': `POST ${PATHS[which]} HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n`,
      'two lengths': head(which, ['Content-Length: 2', 'Content-Length: 3']) + '{}',
      'two equal lengths': head(which, ['Content-Length: 2', 'Content-Length: 2']) + '{}',
      'a list of lengths': head(which, ['Content-Length: 2, 2']) + '{}',
      'a negative length': head(which, ['Content-Length: -1']),
      'a signed length': head(which, ['Content-Length: +2']) + '{}',
      'a length of 30 digits': head(which, ['Content-Length: ' + '9'.repeat(30)]),
      'length and chunked': head(which, ['Content-Length: 2', 'Transfer-Encoding: chunked']) + '0\r\n\r\n',
      'another coding': head(which, ['Transfer-Encoding: gzip, chunked']) + '0\r\n\r\n',
      'a folded line': head(which, ['X: a', ' b', 'Content-Length: 0']),
      'white space before the colon': head(which, ['Content-Length : 0']),
      'no colon': head(which, ['Nonsense', 'Content-Length: 0']),
      'a NUL': head(which, ['X: a\0b', 'Content-Length: 0']),
      'no host': `POST ${PATHS[which]} HTTP/1.1\r\nContent-Length: 0\r\n\r\n`,
      'two hosts': head(which, ['Host: other', 'Content-Length: 0']),
      'HTTP/2.0': `POST ${PATHS[which]} HTTP/2.0\r\nHost: x\r\n\r\n`,
      'no version': `POST ${PATHS[which]}\r\n\r\n`,
      'a name of 100 KiB': head(which, ['X'.repeat(100000) + ': 1']),
      'ten thousand headers': head(which, Array.from({ length: 10000 }, (_, i) => `X-${i}: 1`)),
      'a line of 100 KiB': `POST /${'a'.repeat(100000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      noise: Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 7919) % 256)),
    };
    for (const [what, bytes] of Object.entries(bad)) {
      const r = await talk(which, bytes);
      assert.ok(r.closed, `${what}: the connection must be closed (${r.out.slice(0, 100)})`);
      assert.ok(r.statuses.length <= 1 && r.statuses.every((s) => s >= 400), `${what}: ${r.statuses}`);
    }
    await alive();
  });

  test(`${which}: a smuggled second request is not answered`, async () => {
    const inner = `GET ${PATHS[which]}?smuggled HTTP/1.1\r\nHost: x\r\n\r\n`;
    for (const lines of [['Content-Length: 0', `Content-Length: ${inner.length}`], ['Transfer-Encoding: chunked', `Content-Length: ${inner.length}`], ['Transfer-Encoding: identity', 'Content-Length: 0']]) {
      const r = await talk(which, head(which, lines) + inner);
      assert.ok(r.statuses.length <= 1, `${lines}: ${r.statuses}`);
    }
  });

  test(`${which}: paths that leave the tree, and methods nobody knows`, async () => {
    for (const path of ['/../../../../etc/passwd', '/..%2f..%2fetc/passwd', '//etc/passwd', '/keys/sign.seed', '/./sanji.db', '/%00', '/%zz', '*', 'http://evil/']) {
      const r = await talk(which, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
      assert.ok(r.closed && !r.out.includes('root:') && (r.statuses[0] ?? 400) >= 400, `${path}: ${r.out.slice(0, 80)}`);
    }
    for (const method of ['TRACE', 'CONNECT', 'BREW', 'get', 'DELETE']) {
      const r = await talk(which, head(which, ['Connection: close', 'Content-Length: 0'], method));
      assert.ok(r.closed && (r.statuses[0] ?? 400) >= 400, `${method}: ${r.out.slice(0, 80)}`);
    }
    await alive();
  });

  test(`${which}: bodies without end and too large ones are cut off`, async () => {
    const big = await talk(which, head(which, ['Content-Length: 999999999']) + 'x'.repeat(1000));
    assert.ok(big.closed && (big.statuses[0] ?? 413) >= 400, big.out.slice(0, 80));
    const chunk = '10000\r\n' + 'y'.repeat(65536) + '\r\n';
    const r = await talk(which, Array.from({ length: 200 }, (_, i) => (i === 0 ? head(which, ['Transfer-Encoding: chunked']) : chunk)), { ms: 15000, every: 2 });
    assert.ok(r.closed && (r.statuses[0] ?? 413) >= 400, `endless chunks: ${r.statuses}`);
    await alive();
  });
}

test('a hundred slow connections do not keep others out', async () => {
  const slow = Array.from({ length: 60 }, (_, i) => {
    const s = connect(i % 2 ? 'staff' : 'sync');
    s.on('error', () => {});
    s.write('POST / HTTP/1.1\r\nX-');
    const t = setInterval(() => s.write('a'), 500);
    s.on('close', () => clearInterval(t));
    return s;
  });
  await alive();
  const ids = w.put('city', 'notice', [{ kind: 'notice', title: '慢连接期间' }]);
  assert.equal(ids.length, 1);
  await alive();
  for (const s of slow) s.destroy();
  assert.equal(w.nodes.get('city').ended, null);
  assert.ok(!w.log('city').includes('Sanitizer'));
  const fds = fs.readdirSync(`/proc/${w.nodes.get('city').proc.pid}/fd`).length;
  assert.ok(fds < 200, `${fds} open files`);
});

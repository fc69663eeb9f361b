#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over the product's sources. usage: tidy.sh ROOT BUILD. 77: no clang-tidy 14 here.
set -u
cd "$1" || exit 1
tool=$(command -v clang-tidy-14 || command -v clang-tidy) || exit 77
"$tool" --version | grep -q 'version 14' || exit 77
out=$(mktemp)
find protocol sync config node -name '*.c' | sort | xargs -P 2 -n 4 "$tool" --quiet --extra-arg=-Wno-unknown-warning-option -p "$2" >"$out" 2>/dev/null
r=$?
grep -E 'warning:|error:' "$out" | sort -u
rm -f "$out"
[ $r = 0 ]

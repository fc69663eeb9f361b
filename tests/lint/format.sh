#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is every C file in the one format? usage: format.sh ROOT. 77: no clang-format 14 here.
set -u
cd "$1" || exit 1
tool=$(command -v clang-format-14 || command -v clang-format) || exit 77
"$tool" --version | grep -q 'version 14' || exit 77
command -v git >/dev/null 2>&1 && files=$(git ls-files '*.c' '*.h' 2>/dev/null)
[ -n "${files:-}" ] || files=$(find protocol sync config node tests -name '*.[ch]')
bad=0
for f in $files; do
    "$tool" --dry-run -Werror "$f" >/dev/null 2>&1 || { echo "not formatted: $f"; bad=1; }
done
exit $bad

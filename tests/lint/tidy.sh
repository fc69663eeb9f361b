#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over the product's sources. usage: tidy.sh ROOT BUILD. 77: no clang-tidy 14 here.
# A source that passed is not read again while it, what it includes, its flags and the checks are the
# same: passes are remembered by their contents in SANJI_TIDY_CACHE, by default in the user's cache.
set -u
cd "$1" || exit 1
root=$(pwd)
build=$2
tool=$(command -v clang-tidy-14 || command -v clang-tidy) || exit 77
version=$("$tool" --version)
case "$version" in *"version 14"*) ;; *) exit 77 ;; esac
cache=${SANJI_TIDY_CACHE:-${XDG_CACHE_HOME:-${HOME:-$build}/.cache}/sanji-tidy}
mkdir -p "$cache" || cache=$build/tidy && mkdir -p "$cache"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ninja -C "$build" -t deps >"$work/deps" 2>/dev/null || : >"$work/deps"
base=$( (echo "$version"; cat .clang-tidy; grep -h "^CMAKE_BUILD_TYPE\|^CMAKE_C_COMPILER:\|^SANJI_" "$build/CMakeCache.txt") | sha256sum)

# The files a source is made of, as the compiler noted them: system headers come with the version.
made_of() {
    awk -v src="$root/$1" -v root="$root/" '
        /^[^ ].*: #deps/ { n = 0; next }
        /^$/ { if (mine) exit; next }
        { sub(/^ +/, ""); if (n++ == 0) mine = ($0 == src); if (mine && index($0, root) == 1) print }' "$work/deps"
}
find protocol sync config node -name '*.c' | sort >"$work/all"
while read -r f; do
    parts=$(made_of "$f")
    # Not compiled here: every header counts.
    [ -n "$parts" ] || parts=$(echo "$f"; find protocol sync config node -name '*.h' | sort)
    # shellcheck disable=SC2086 # names here have no spaces
    key=$( (echo "$base $f"; cat $parts) | sha256sum | cut -d ' ' -f 1)
    [ -e "$cache/$key" ] || echo "$f $cache/$key"
done <"$work/all" >"$work/todo"
echo "$(wc -l <"$work/todo") of $(wc -l <"$work/all") sources to read"
export tool build
xargs -r -P 2 -n 2 sh -c '"$tool" --quiet --extra-arg=-Wno-unknown-warning-option -p "$build" "$0" 2>/dev/null && : >"$1"' <"$work/todo" >"$work/out"
r=$?
grep -E 'warning:|error:' "$work/out" | sort -u
find "$cache" -type f -mtime +30 -delete 2>/dev/null
[ $r = 0 ]

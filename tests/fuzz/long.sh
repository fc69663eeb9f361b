#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# long.sh [SECONDS [TARGET...]]: builds the fuzz targets (or these) and lets libFuzzer work on each for
# SECONDS (60), one on each processor, beginning with the kept inputs. New inputs stay in a temporary
# folder; a finding fails the run, and it says where it lies.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-60}
[ $# -eq 0 ] || shift
cd "$root" || exit 1
[ $# -gt 0 ] || set -- $(sed -n 's/^sanji_fuzz(\([a-z_]*\).*/\1/p' tests/fuzz/CMakeLists.txt)
cmake --preset fuzz >/dev/null && cmake --build --preset fuzz --target "${@/#/fuzz_}" || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/sanji-fuzz.XXXXXX")
one() { # one SECONDS NAME
    mkdir -p "$work/$2"
    if "$root/build/fuzz/tests/fuzz_$2" -max_total_time="$1" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$work/$2/" "$work/$2" "$root/tests/fuzz/corpus/$2" >"$work/$2.log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$2.log")
        echo "$2: ${runs:-0} runs in $1 s, no finding"
    else
        echo "$2: FOUND something, see $work/$2.log"
        tail -n 15 "$work/$2.log"
        return 1
    fi
}
export -f one
export root work
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c 'one "$0" {}' "$seconds" | tee "$work/all"
clean=$(grep -c ', no finding$' "$work/all")
echo "fuzz: $clean of $# targets without a finding"
[ "$clean" = $# ] && [ $# -gt 0 ] && rm -rf "$work"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every libFuzzer target of the fuzz build for SECONDS each (default 60), beginning with the kept
# inputs. New inputs stay in a temporary folder; a finding ends the run and prints where it lies.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-60}
work=$(mktemp -d "${TMPDIR:-/tmp}/sanji-fuzz.XXXXXX")
total=0
bad=0
for f in "$root"/build/fuzz/tests/fuzz_*; do
    [ -x "$f" ] || continue
    name=$(basename "$f")
    mkdir -p "$work/$name"
    if "$f" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$work/$name/" "$work/$name" "$root/tests/fuzz/corpus/${name#fuzz_}" >"$work/$name.log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log")
        echo "$name: ${runs:-0} runs in $seconds s, no finding"
        total=$((total + 1))
    else
        bad=$((bad + 1))
        echo "$name: FOUND something, see $work/$name.log"
        tail -n 15 "$work/$name.log"
    fi
done
[ $bad = 0 ] && rm -rf "$work"
echo "$total targets clean, $bad with findings"
[ $bad = 0 ] && [ $total -gt 0 ]

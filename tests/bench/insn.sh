#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Instructions per received (and written) record, counted by callgrind: unlike seconds they are the same
# on a busy machine, so two runs of CI can be compared. usage: insn.sh PROGRAM [RECORDS]
# Asserts nothing but that it ran. Without valgrind it says so and exits 77 (skipped).
set -eu
prog=$1
n=${2:-3000}
command -v valgrind >/dev/null 2>&1 || { echo "insn: valgrind is not installed"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count() { # FUNCTION PER_BUNDLE PER_COMMIT RECORDS -> instructions inside FUNCTION
    valgrind --tool=callgrind --toggle-collect="$1*" --callgrind-out-file="$dir/out" \
        "$prog" "$4" "$2" "$3" >"$dir/said" 2>"$dir/err" || { cat "$dir/err"; exit 1; }
    sed -n 's/^==[0-9]*== Collected : *\([0-9]*\).*/\1/p' "$dir/err"
}
show() { # LABEL FUNCTION PER_BUNDLE PER_COMMIT RECORDS
    ir=$(count "$2" "$3" "$4" "$5")
    [ "${ir:-0}" -gt 0 ] || { echo "insn: nothing counted in $2"; cat "$dir/err"; exit 1; }
    echo "insn: $1: $((ir / $5)) Ir per record"
}
show "received, bundles of 500, 3 a commit" receive_frames 500 3 "$n"
show "received, one record a bundle and commit" receive_frames 1 1 $((n / 30))
show "written, bundles of 500" write_records 500 3 "$n"

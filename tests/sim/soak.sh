#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# soak.sh BUILD_DIR SECONDS [FROM]: new seeds until the time is over, on every processor. Closes with
# the number of seeds and prints the failing ones; they belong into the list
# of their flags in regress/. SIM_FLAGS: --restores, --erases, --rare, --sticks.
set -eu
sim=$1/tests/sim/sim
seconds=$2
from=${3:-$(date +%s)000}
procs=$(nproc)
end=$(($(date +%s) + seconds))
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
worker() {
    at=$1
    while [ "$(date +%s)" -lt "$end" ]; do
        rc=0
        "$sim" ${SIM_FLAGS-} --seeds "$at" 50 || rc=$?
        [ $rc -le 1 ] || echo "sim: stopped at or after seed $at with status $rc"
        at=$((at + procs * 50))
    done
}
i=0
while [ $i -lt "$procs" ]; do
    worker $((from + i * 50)) >"$out/$i" &
    i=$((i + 1))
done
wait
cat "$out"/* | awk '
    /^sim: [0-9]+ seeds, / { seeds += $2; failed += $4; next }
    { print; failed += /^sim: stopped/ }
    END { printf "soak: %d seeds, %d failed\n", seeds, failed; exit failed > 0 }'

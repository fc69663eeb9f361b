#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# soak.sh BUILD_DIR SECONDS [FROM]: new seeds until the time is over, on every processor. Prints the
# failing seeds; they belong into regress/seeds.
set -eu
sim=$1/tests/sim/sim
seconds=$2
from=${3:-$(date +%s)000}
procs=$(nproc)
end=$(($(date +%s) + seconds))
worker() {
    at=$1
    bad=0
    while [ "$(date +%s)" -lt "$end" ]; do
        "$sim" --seeds "$at" 50 || bad=1
        at=$((at + procs * 50))
    done
    return $bad
}
pids=
i=0
while [ $i -lt "$procs" ]; do
    worker $((from + i * 50)) &
    pids="$pids $!"
    i=$((i + 1))
done
rc=0
for p in $pids; do
    wait "$p" || rc=1
done
exit $rc

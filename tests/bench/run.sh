#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmark in a network namespace of its own (only lo, so that every byte on it is ours); without
# the right to make one it runs as it is and byte counts include other traffic on lo.
# usage: tests/bench/run.sh [--quick] [--records N] [--rounds R] [--only W1,W2,W2-busy,W3,W4,rest] [--no-peer]
#   SANJI_BIN        the program (default build/release/sanji)
#   SANJI_TEST_DATA  folder with bench/peers/postgresql/run.sh and bench/limits/cascade.c; without it only
#                    our own figures are printed
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if unshare -n true 2>/dev/null; then
    exec unshare -n sh -c 'ip link set lo up && exec "$@"' sh node "$here/run.mjs" "$@"
fi
echo "bench: no network namespace of its own: byte counts include other traffic on lo" >&2
exec node "$here/run.mjs" "$@"

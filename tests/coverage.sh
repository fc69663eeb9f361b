#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Which branches of the inner layers do the unit tests take, and which with the simulator? Builds with
# counters, runs the unit tests that need no node (all of label unit with --all), prints lines and
# branches of protocol/ and sync/, then the same after 100 simulated federations and 40 with restored
# data folders. The files that a percentage hides come first: the least covered.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
command -v gcovr >/dev/null || { echo "coverage.sh: gcovr is missing; apt-get install gcovr" >&2; exit 1; }
inner='act|base|bundle|calendar|ferry|flow_referral|frame|ids|item|jcur|json_gate|jspec|kinds|msg|refusals'
inner="$inner|roster|roster_order|ceremony|seal|stats|suite|vectors|sync|sync_[a-z_]+"
[ "${1:-}" = --all ] && inner='.*'
cmake --preset coverage >/dev/null || exit 1
find build/coverage -name '*.gcda' -delete
targets=$(ninja -C build/coverage -t targets all | sed -nE "s,^(tests/test_($inner)): .*EXECUTABLE.*,\1,p")
# shellcheck disable=SC2086
ninja -C build/coverage -j2 $targets sim >build/coverage/build.log || { tail build/coverage/build.log; exit 1; }
bad=0
run() {
    "$@" >build/coverage/last.log 2>&1 || { echo "$* failed"; tail -n 5 build/coverage/last.log; bad=1; }
}
for t in $targets; do
    run "build/coverage/$t"
    case $t in *sync_storefail*) SANJI_SWEEP=all run "build/coverage/$t" --alloc ;; esac
done
report() {
    for part in protocol sync; do
        echo "== $part, $1"
        # Left out: assert() has a side that no test takes, by intent.
        gcovr -r . build/coverage --exclude-unreachable-branches --exclude-throw-branches \
            --exclude-lines-by-pattern '.*\bassert\(.*' \
            --filter "$part/" --branches --sort-percentage 2>/dev/null | grep -E '^(protocol|sync|TOTAL)'
    done
}
report "unit tests"
for run in "--seeds 1 100" "--restores --seeds 1 40"; do
    # shellcheck disable=SC2086
    run build/coverage/tests/sim/sim $run
done
report "unit tests and simulator"
exit $bad

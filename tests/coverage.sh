#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Which branches of the inner layers do the tests take? Builds with counters, runs the unit tests that
# need no node (all of label unit with --all), then the simulator, and prints the branches of protocol/
# and sync/. The files that a percentage hides come first: the least covered. In full it also lets
# every allocation fail, and prints what the unit tests take alone.
# --ci: two lines, in some two minutes on two processors; what takes long and adds little is left out,
# and of the ways that lead to a call of the store, or for memory, those that end alike fail once.
# It fails when either layer is below FLOOR.
set -u
FLOOR=${SANJI_COVERAGE_FLOOR:-82}
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
command -v gcovr >/dev/null || { echo "coverage.sh: gcovr is missing; apt-get install gcovr" >&2; exit 1; }
inner='act|base|booking|bundle|calendar|ceremony|csv|ferry|flow_pair|flow_referral|frame|ids|item|jcur'
inner="$inner|json_gate|jspec|kinds(_rules)?|msg|refusals|roster|roster_order|seal|seats|stats|suite|vectors|sync|sync_[a-z_]+"
ci=0
case "${1:-}" in
--all) inner='.*' ;;
--ci) ci=1 ;;
'') ;;
*) echo "coverage.sh: unknown option $1 (--all --ci)" >&2; exit 2 ;;
esac
cmake --preset coverage >/dev/null || exit 1
find build/coverage -name '*.gcda' -delete
targets=$(ninja -C build/coverage -t targets all | sed -nE "s,^(tests/test_($inner)): .*EXECUTABLE.*,\1,p")
[ $ci = 0 ] || targets=$(printf '%s\n' "$targets" | grep -v 'sync_beat$') # years of virtual time
# shellcheck disable=SC2086
ninja -C build/coverage $targets sim >build/coverage/build.log || { tail build/coverage/build.log; exit 1; }
# Two at a time; the counters' files are locked while they are added to.
all() {
    xargs -P 2 -I {} sh -c '{} >build/coverage/last.$$ 2>&1 && rm build/coverage/last.$$ || { echo "{} failed"; tail -n 5 build/coverage/last.$$; exit 1; }'
}
report() {
    # Left out: assert() has a side that no test takes, by intent.
    gcovr -r . build/coverage -j 2 --exclude-unreachable-branches --exclude-throw-branches \
        --exclude-lines-by-pattern '.*\bassert\(.*' --filter protocol/ --filter sync/ --branches \
        --sort-percentage 2>/dev/null >build/coverage/report
    if [ $ci = 0 ]; then
        echo "== $1"
        grep -E '^(protocol|sync)' build/coverage/report
    fi
    for part in protocol sync; do
        awk -v part="$part" -v floor="$FLOOR" '
            index($1, part "/") == 1 { all += $2; taken += $3 }
            END {
                share = all > 0 ? 100 * taken / all : 0
                printf "branches of %s/: %d of %d, %.1f %%%s\n", part, taken, all, share, share < floor ? ", below " floor " %" : ""
                exit share < floor
            }' build/coverage/report || bad=1
    done
}
bad=0
commands() {
    for t in $targets; do
        echo "build/coverage/$t"
    done
}
sims() {
    sim=build/coverage/tests/sim/sim
    printf '%s\n' "$sim --seeds 1 120" "$sim --restores --seeds 1 40" "$sim --rare --restores --erases --seeds 600 30" "$sim --sticks --seeds 1 60"
}
if [ $ci = 1 ]; then
    sweeps='s,^.*sync_storefail.*$,env SANJI_SWEEP=near &,'
    { commands | grep storefail | sed "$sweeps;s,\$, --alloc,"; commands | sed "$sweeps" | tac; sims; } | all || bad=1
else
    commands | all || bad=1
    for t in $targets; do
        case $t in *sync_storefail*) echo "env SANJI_SWEEP=all build/coverage/$t --alloc" | all || bad=1 ;; esac
    done
    FLOOR=0 report "unit tests"
    sims | all || bad=1
fi
report "unit tests and simulator"
exit $bad

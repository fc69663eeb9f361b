#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# All tests, from a bare Debian 12: installs what they need, builds the release and the sanitizer
# build, runs the fixed share (tests/README.md) and closes with one line "N passed, N failed".
# --long adds the soak, the seeded defects, every kill and many power cuts, the long fuzz and the benchmarks; --quick leaves out browser and sanitizers.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/deploy/packages.sh"
long=0
quick=0
for a in "$@"; do
    case "$a" in
    --long) long=1 ;;
    --quick) quick=1 ;;
    *) echo "run.sh: unknown option $a (--long --quick)" >&2; exit 2 ;;
    esac
done
# shellcheck disable=SC2086
pkg_install $PKG_BUILD $PKG_TEST || exit 1
pkg_install_web
# shellcheck disable=SC2086
[ $quick = 1 ] || pkg_install $PKG_BROWSER || echo "no browser: those tests are skipped" >&2
cd "$root" || exit 1
if [ -f tests/package-lock.json ] && command -v npm >/dev/null 2>&1; then
    (cd tests && { [ -d node_modules/playwright-core ] || npm ci --ignore-scripts --no-audit --no-fund >/dev/null 2>&1; }) ||
        echo "npm packages of the browser tests could not be installed: skipped" >&2
fi

passed=0
failed=0
run() { # run PRESET CTEST-ARGUMENTS...
    preset=$1
    shift
    ctest --preset "$preset" -j2 --no-tests=error "$@" 2>&1
}
count() { # count FILE: what ctest said; nothing: it failed
    n=$(sed -n 's/.*, \([0-9]*\) tests failed out of \([0-9]*\).*/\1 \2/p' "$1")
    if [ -z "$n" ]; then
        failed=$((failed + 1))
    else
        failed=$((failed + ${n% *}))
        passed=$((passed + ${n#* } - ${n% *}))
    fi
}
build() {
    cmake --preset "$1" >/dev/null && cmake --build --preset "$1" || { failed=$((failed + 1)); return 1; }
}
# Daemons and pages are mostly waited for. Meanwhile, behind everything else, the same unit, vector and
# replay tests run under AddressSanitizer and UBSan with a share of the rest, libFuzzer works on what
# strangers write, and the branches that the tests of the inner layers take are counted (printed; fails
# below a floor).
ahead=$(mktemp -d)
behind=
trap '[ -z "$behind" ] || kill -- "-$behind" 2>/dev/null; rm -rf "$ahead"' EXIT
look_ahead() {
    if { cmake --preset asan && cmake --build --preset asan; } >"$ahead/asan" 2>&1; then
        # Not beside what computes: tests have their time, and there is none left for these.
        until [ -e "$ahead/release.done" ] || grep -q 'Start.*: \(e2e\|browser\)\.' "$ahead/release"; do sleep 1; done
        run asan -L 'unit|fuzz|sim' >"$ahead/asan"
    fi
    mv "$ahead/asan" "$ahead/asan.done"
    ./tests/fuzz/long.sh 60 json_gate bundle apply import seal config order >"$ahead/fuzz" 2>&1
    echo $? >"$ahead/fuzz.rc"
    if pkg_install gcovr >"$ahead/branches" 2>&1; then
        ./tests/coverage.sh --ci >"$ahead/branches" 2>&1
        echo $? >"$ahead/rc"
    else
        echo "no gcovr: the share of branches is not worked out" >"$ahead/branches"
        echo 0 >"$ahead/rc"
    fi
}
awaited() { # awaited FILE: until it is there, or whoever makes it is not
    while [ ! -e "$ahead/$1" ] && kill -0 "$behind" 2>/dev/null; do sleep 1; done
}
touch "$ahead/release"
if build release; then
    if [ $quick = 0 ]; then
        set -m # a group of its own, so that it ends with this one
        { renice -n 19 -p $BASHPID >/dev/null 2>&1; look_ahead; } </dev/null &
        behind=$!
        set +m
    fi
    run release | tee "$ahead/release"
    touch "$ahead/release.done"
    count "$ahead/release"
fi
if [ $quick = 0 ] && [ -n "$behind" ]; then
    renice -n 0 -g "$behind" >/dev/null 2>&1 # nothing is left that waits
    awaited asan.done
    touch "$ahead/asan.done"
    cat "$ahead/asan.done"
    count "$ahead/asan.done"
    awaited fuzz.rc
    cat "$ahead/fuzz" 2>/dev/null
    [ "$(cat "$ahead/fuzz.rc" 2>/dev/null)" = 0 ] || failed=$((failed + 1))
    awaited rc
    cat "$ahead/branches" 2>/dev/null
    [ "$(cat "$ahead/rc" 2>/dev/null)" = 0 ] || failed=$((failed + 1))
fi
if [ $long = 1 ]; then
    ./tests/bare.sh
    case $? in 0 | 77) ;; *) failed=$((failed + 1)) ;; esac
    ./tests/fuzz/long.sh 600 || failed=$((failed + 1))
    ./tests/sim/soak.sh build/release 3600 || failed=$((failed + 1))
    ./tests/sim/mutants.sh --random 20 || failed=$((failed + 1))
    power=build/release/tests/power/power
    { $power kills && $power faults && $power cuts 1000000 20000; } || failed=$((failed + 1))
    [ -z "${SANJI_TEST_DATA:-}" ] || ./tests/bench/run.sh || failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]

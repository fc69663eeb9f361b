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
# share PRESET CTEST-ARGUMENTS...: counts what ctest says
share() {
    preset=$1
    shift
    out=$(mktemp)
    ctest --preset "$preset" -j2 --no-tests=error "$@" 2>&1 | tee "$out"
    n=$(sed -n 's/.*, \([0-9]*\) tests failed out of \([0-9]*\).*/\1 \2/p' "$out")
    if [ -z "$n" ]; then
        failed=$((failed + 1))
    else
        failed=$((failed + ${n% *}))
        passed=$((passed + ${n#* } - ${n% *}))
    fi
    rm -f "$out"
}
build() {
    cmake --preset "$1" >/dev/null && cmake --build --preset "$1" || { failed=$((failed + 1)); return 1; }
}
build release && share release
if [ $quick = 0 ]; then
    # The same unit, vector and replay tests under AddressSanitizer and UBSan, and a share of the rest.
    build asan && share asan -L 'unit|fuzz|sim'
    # How many branches of the inner layers the tests take, printed; fails below a floor.
    if pkg_install gcovr; then
        ./tests/coverage.sh --ci || failed=$((failed + 1))
    else
        echo "no gcovr: the share of branches is not worked out" >&2
    fi
fi
if [ $long = 1 ]; then
    ./tests/bare.sh
    case $? in 0 | 77) ;; *) failed=$((failed + 1)) ;; esac
    build fuzz && ./tests/fuzz/long.sh || failed=$((failed + 1))
    ./tests/sim/soak.sh build/release 3600 || failed=$((failed + 1))
    ./tests/sim/mutants.sh --random 20 || failed=$((failed + 1))
    power=build/release/tests/power/power
    { $power kills && $power faults && $power cuts 1000000 20000; } || failed=$((failed + 1))
    [ -z "${SANJI_TEST_DATA:-}" ] || ./tests/bench/run.sh || failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]

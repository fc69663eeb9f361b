# SPDX-License-Identifier: Apache-2.0
# Sourced by demo.sh and tests/run.sh: installs Debian packages that are missing. Bare means bare: no
# sudo, no locale and no network are assumed when everything is already here.

PKG_BUILD="cmake ninja-build pkg-config gcc libc6-dev libcurl4-openssl-dev libsqlite3-dev libcjson-dev libssl-dev libevent-dev libzstd-dev zlib1g-dev libqrencode-dev libxlsxwriter-dev"
PKG_WEB="nodejs npm"
PKG_TEST="clang clang-format clang-tidy libclang-rt-14-dev libcmocka-dev openssl sqlite3 valgrind procps"
PKG_BROWSER="chromium fonts-wqy-microhei"

pkg_have() {
    dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -q '^installed$'
}

# pkg_install NAME...: 0 when all are there afterwards.
pkg_install() {
    pkg_missing=""
    for pkg in "$@"; do
        pkg_have "$pkg" || pkg_missing="$pkg_missing $pkg"
    done
    [ -z "$pkg_missing" ] && return 0
    if [ "$(id -u)" = 0 ]; then
        pkg_as=""
    elif command -v sudo >/dev/null 2>&1; then
        pkg_as="sudo"
    else
        echo "missing packages:$pkg_missing" >&2
        echo "缺少软件包，请以 root 运行，或先安装上列软件包 / run as root, or install them first" >&2
        return 1
    fi
    echo "apt-get install$pkg_missing"
    $pkg_as apt-get update -qq || true
    # shellcheck disable=SC2086 # word splitting is meant
    $pkg_as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $pkg_missing >/dev/null
}

# An npm that is already there is used, wherever it came from: beside a nodejs of another source
# Debian's npm cannot be installed.
pkg_install_web() {
    if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; then
        return 0
    fi
    # shellcheck disable=SC2086
    pkg_install $PKG_WEB || echo "no npm: the staff pages are left out / 没有 npm：不含工作页面" >&2
}

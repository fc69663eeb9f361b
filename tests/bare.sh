#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does the README's first command work on a machine that has nothing? A minimal Debian is made in a
# temporary folder and `deploy/demo.sh --once`, or the command given, runs in it. Needs root,
# debootstrap and the package registries; the host's own package sources, certificates and npm
# settings are used.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
skip() { echo "skipped: $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip "not root"
command -v debootstrap >/dev/null 2>&1 || skip "no debootstrap"
mirror=$(sed -n 's/^URIs: *//p; s/^deb \([^ ]*\) .*/\1/p' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
[ -n "$mirror" ] || skip "no package source"
bare=$(mktemp -d)
end() {
    umount "$bare/dev" "$bare/proc" 2>/dev/null
    # Never through a mount that could not be taken away.
    mountpoint -q "$bare/dev" || rm -rf --one-file-system "$bare"
}
trap end EXIT
debootstrap --variant=minbase bookworm "$bare" "$mirror" >"$bare.log" 2>&1 || { tail -n 5 "$bare.log"; exit 1; }
rm -f "$bare.log"
rm -f "$bare/etc/apt/sources.list"
for f in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/resolv.conf /etc/hosts /etc/npmrc /usr/share/keyrings /usr/local/share/ca-certificates; do
    [ -e "$f" ] || continue
    mkdir -p "$bare$(dirname "$f")"
    rm -rf "${bare:?}$f"
    cp -rL "$f" "$bare$f"
done
mount -t proc proc "$bare/proc" && mount --bind /dev "$bare/dev" || exit 1
mkdir -p "$bare/root/sanji"
(cd "$root" && tar c --exclude=./build --exclude=node_modules --exclude=./.git .) | tar x -C "$bare/root/sanji"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb chroot "$bare" /bin/sh -c "cd /root/sanji && ${*:-./deploy/demo.sh --once}"

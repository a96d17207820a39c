#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# make install-dkms into an empty directory; dkms builds the module from there for a kernel whose headers are installed.
set -u
cd "$(dirname "$0")/.." || exit 1
fail() { echo "not ok dkms: $1" && exit 1; }

for tool in dkms modinfo; do
	command -v $tool >/dev/null || { echo "skip dkms: $tool is not installed"; exit 77; }
done
# dkms wants to find the headers as an installed kernel has them.
for kdir in /usr/src/linux-headers-*; do
	[ -e "$kdir/include/generated/utsrelease.h" ] && break
done
[ -e "$kdir/include/generated/utsrelease.h" ] || { echo "skip dkms: no kernel headers in /usr/src"; exit 77; }
release=$(sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' "$kdir/include/generated/utsrelease.h")
version=$(sed -n 's/^VERSION := //p' Makefile)

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
grep -q "^PACKAGE_VERSION=\"$version\"$" dkms.conf || fail "dkms.conf has another version than the Makefile, $version"
make install-dkms DESTDIR="$dir" >"$dir/log" 2>&1 || { cat "$dir/log"; fail "make install-dkms"; }
[ -e "$dir/usr/lib/udev/rules.d/60-netmap.rules" ] || fail "no udev rule"
mkdir "$dir/dkms"
dkms build -m linerate -v "$version" -k "$release" --kernelsourcedir "$kdir" --sourcetree "$dir/usr/src" --dkmstree "$dir/dkms" \
	>"$dir/log" 2>&1 || { cat "$dir/log"; cat "$dir"/dkms/linerate/*/build/make.log; fail "dkms build"; }
ko=$(find "$dir/dkms" -path '*/module/netmap.ko*' | head -n 1)
[ -n "$ko" ] || fail "dkms built no netmap.ko"
echo "ok dkms: netmap.ko for $release"
[ "$(modinfo -F version "$ko")" = "$version" ] || fail "the module says version $(modinfo -F version "$ko")"
[ "$(modinfo -F license "$ko")" = "Dual BSD/GPL" ] || fail "licence"
echo "ok dkms: it has the version and the licence"
make uninstall-dkms DESTDIR="$dir" >/dev/null || fail "make uninstall-dkms"
[ ! -e "$dir/usr/src/linerate-$version" ] || fail "uninstall-dkms left its tree"
echo "ok dkms: uninstall leaves nothing"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# make install-dkms and install-dkms-drivers into an empty directory; dkms builds the module, and a driver, from there for a kernel whose
# headers are installed.
set -u
cd "$(dirname "$0")/.." || exit 1
fail() { echo "not ok dkms: $1" && exit 1; }

for tool in dkms modinfo; do
	command -v $tool >/dev/null || { echo "skip dkms: $tool is not installed"; exit 77; }
done
# dkms wants to find the headers as an installed kernel has them.
kdir=$(scripts/headers.sh | head -n 1)
[ -n "$kdir" ] || { echo "skip dkms: no kernel headers in /usr/src"; exit 77; }
release=$(sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' "$kdir/include/generated/utsrelease.h")
version=$(sed -n 's/^VERSION := //p' Makefile)

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
grep -q "^PACKAGE_VERSION=\"$version\"$" dkms.conf || fail "dkms.conf has another version than the Makefile, $version"
make install-dkms DESTDIR="$dir" >"$dir/log" 2>&1 || { cat "$dir/log"; fail "make install-dkms"; }
[ -e "$dir/usr/lib/udev/rules.d/60-netmap.rules" ] || fail "no udev rule"
mkdir "$dir/dkms"

# built PACKAGE MODULE: sets ko.
built() {
	dkms build -m "$1" -v "$version" -k "$release" --kernelsourcedir "$kdir" --sourcetree "$dir/usr/src" --dkmstree "$dir/dkms" \
		>"$dir/log" 2>&1 || { cat "$dir/log"; cat "$dir/dkms/$1"/*/build/make.log; fail "dkms build of $1"; }
	ko=$(find "$dir/dkms" -path "*/module/$2.ko*" | head -n 1)
	[ -n "$ko" ] || fail "dkms built no $2.ko"
}

built linerate netmap
echo "ok dkms: netmap.ko for $release"
[ "$(modinfo -F version "$ko")" = "$version" ] || fail "the module says version $(modinfo -F version "$ko")"
[ "$(modinfo -F license "$ko")" = "Dual BSD/GPL" ] || fail "licence"
echo "ok dkms: it has the version and the licence"
! make install-dkms-drivers DESTDIR="$dir" >"$dir/log" 2>&1 || fail "drivers that nobody named"
grep -q 'name the drivers.*e1000e' "$dir/log" || fail "no word about which drivers there are"
make install-dkms-drivers DESTDIR="$dir" DRIVERS="e1000e" >"$dir/log" 2>&1 || { cat "$dir/log"; fail "make install-dkms-drivers"; }
export LR_DRIVER_SOURCE=$PWD/build/drivers/source
built linerate-drivers e1000e
modinfo -F depends "$ko" | grep -qw netmap || fail "e1000e does not need netmap, but: $(modinfo -F depends "$ko")"
echo "ok dkms: e1000e with netmap for $release"
make uninstall-dkms DESTDIR="$dir" >/dev/null || fail "make uninstall-dkms"
[ -z "$(ls "$dir/usr/src")" ] || fail "uninstall-dkms left $(ls "$dir/usr/src")"
echo "ok dkms: uninstall leaves nothing"

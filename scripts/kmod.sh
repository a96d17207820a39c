#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds netmap.ko out of the tree, in build/kmod/RELEASE[-debug]/, for the kernel whose headers or build tree are in KDIR.
set -eu -o pipefail
export LC_ALL=C
unset MAKEFLAGS MFLAGS	# the kernel's build is one of its own

usage() {
	cat <<END
usage: scripts/kmod.sh [-h] [-d] [-s] [KDIR]
  Builds netmap.ko for the kernel in KDIR (default: the running one's headers) and says where it is.
  Any warning is an error.
    -d   debug: assertions, and failing allocations on request (parameter fail_alloc)
    -s   look at all files with sparse too
END
}

debug= sparse=
while getopts hds opt; do
	case $opt in
	h) usage; exit 0 ;;
	d) debug=1 ;;
	s) sparse='C=2' ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))

kdir=${1:-/lib/modules/$(uname -r)/build}
if [ ! -e "$kdir/include/generated/utsrelease.h" ]; then
	echo "$kdir: no kernel headers there. Install the package linux-headers-$(uname -r), or name a directory: KDIR=..." >&2
	exit 1
fi
root=$(cd "$(dirname "$0")/.." && pwd)
release=$(sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' "$kdir/include/generated/utsrelease.h")
version=$(sed -n 's/^VERSION := //p' "$root/Makefile")
dir=$root/build/kmod/$release${debug:+-debug}

mkdir -p "$dir/nic"
for part in core os kmod include nic/linux nic/native; do
	rm -rf "${dir:?}/$part"
	cp -a "$root/$part" "$dir/$part"
done
cp "$root/kmod/Kbuild" "$dir/Kbuild"
log=$dir/build.log
if ! make -j"$(nproc)" -C "$kdir" M="$dir" W=1 $sparse LR_DEBUG=$debug LR_VERSION="$version" modules >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
# Two lines that are no fault of ours: another gcc built the kernel, and the kernel's package has no vmlinux for BTF.
if grep -vE 'warning: the compiler differs|Skipping BTF generation' "$log" | grep -i -A5 'warning' >&2; then
	echo "$dir: warnings" >&2
	exit 1
fi
echo "$dir/netmap.ko"

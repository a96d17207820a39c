#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds netmap.ko for a kernel of kernel.sh, in its chroot if it has one, and prints where it is. Nothing is done when it
# is newer than all of its sources. make kmod takes warnings for errors.
set -u
export LC_ALL=C

usage() {
	cat <<USAGE
usage: test/vm/module.sh [-h] VERSION [VARIABLE=VALUE...]
  VERSION as for test/vm/kernel.sh; the rest goes to \`make kmod\`, for example DEBUG=1.
USAGE
}

case ${1:-} in
-h) usage; exit 0 ;;
'' | -*) usage >&2; exit 2 ;;
esac
version=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
parts=$("$here/kernel.sh" "$version") || exit 1
eval "$parts"
# The kernel's build is one of its own.
unset MAKEFLAGS MFLAGS MAKELEVEL

log=$root/build/vm/module-$version.log
case " $* " in *' DEBUG=1 '*) ko=$root/build/kmod/$release-debug/netmap.ko ;; *) ko=$root/build/kmod/$release/netmap.ko ;; esac
command=(nice make -s -C "$root" kmod "KDIR=$kdir" "$@")
mkdir -p "$root/build/vm"
exec 9>"$root/build/vm/.module-$version.lock"
flock -w 600 9 || exit 1

up_to_date() {
	[ -e "$ko" ] || return 1
	[ -z "$(cd "$root" && find core os kmod include nic/linux nic/native scripts/kmod.sh -newer "$ko" -print -quit)" ]
}

if up_to_date; then
	:
elif [ -z "$chroot" ]; then
	timeout 600 "${command[@]}" >"$log" 2>&1
else
	# Mounts of a namespace that ends with the command.
	timeout 600 unshare --mount --propagation private bash -c '
		chroot=$1 root=$2
		shift 2
		mkdir -p "$chroot$root" && mount --bind "$root" "$chroot$root" && mount -t proc proc "$chroot/proc" &&
			exec chroot "$chroot" "$@"' - "$chroot" "$root" "${command[@]}" >"$log" 2>&1
fi || { tail -n 40 "$log" >&2; echo "module for $version: the build failed ($log)" >&2; exit 1; }
[ -r "$ko" ] || { echo "module for $version: make kmod left no $ko" >&2; exit 1; }
echo "$ko"

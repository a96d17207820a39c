#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Shows that netmap.ko builds without a warning, and that the core asks nothing of its surroundings but the OS contract.
set -eu -o pipefail
export LC_ALL=C

# What each host brings beside its side of the contract: the NIC ports, and interfaces for persistent ports of switches.
missing_ok='lr_nic_kind|lr_vale_if_create|lr_vale_if_destroy'

usage() {
	cat <<EOF
usage: scripts/kbuild-check.sh [-h] [KDIR...]
  Builds the module with the kernel headers in each KDIR (default: all of /usr/src/linux-headers-*), with sparse where
  that is installed, and core/ alone with gcc and clang. Any warning or unknown symbol is an error. Needs the package
  linux-headers-amd64 or the like; exit code 77 where no headers are.
EOF
}

while getopts h opt; do
	case $opt in
	h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/build/kbuild
sources=$(cd "$root" && printf 'include core/files.mk\nall:\n\t@echo $(addprefix core/,$(CORE_SRCS))\n' | make -s -f - all)
sparse=$(! command -v sparse >/dev/null || echo -s)
failed=0

fail() {	# subject, file with the reasons
	echo "not ok kbuild $1"
	sed 's/^/    /' "$2"
	failed=1
}

# The core alone, in user space: it calls only what os/os.h names, the bodies of that header's inline functions apart.
# $1 is the compiler.
check_contract() {
	local dir=$out/$1 log=$out/$1.log src
	local flags='-std=gnu11 -ffreestanding -O2 -fno-pie -Wall -Wextra -Werror -U_FORTIFY_SOURCE -fno-stack-protector'
	local contract=$root/os/os.h bodies=$root/os/user/os_inline.h

	rm -rf "$dir"
	mkdir -p "$dir"
	for src in $sources; do
		"$1" $flags -I"$root" -I"$root/include" -I"$root/os/user" -c -o "$dir/$(basename "$src" .c).o" "$root/$src"
	done >"$log" 2>&1 || { fail "contract $1" "$log"; return 0; }
	ld -r -o "$dir/core" "$dir"/*.o
	nm -u "$dir/core" | awk '{ print $2 }' | grep -Evx "$missing_ok" |
		grep -vxFf <(grep -ohE '[a-z0-9_]+' "$contract" "$bodies") | sed 's/^/not in os\/os.h: /' >"$log" || :
	[ ! -s "$log" ] || { fail "contract $1" "$log"; return 0; }
	echo "ok kbuild contract $1"
}

# The whole module; an unknown symbol or a warning is an error there.
check_kernel() {
	local release log

	release=$(sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' "$1/include/generated/utsrelease.h")
	log=$out/$release.log
	if "$root/scripts/kmod.sh" $sparse "$1" >"$log" 2>&1; then
		echo "ok kbuild $release${sparse:+, with sparse}"
	else
		fail "$release" "$log"
	fi
}

mkdir -p "$out"
for cc in gcc clang; do
	! command -v $cc >/dev/null || check_contract $cc
done

if [ $# -eq 0 ]; then
	set -- $("$root/scripts/headers.sh")
fi
for kdir in "$@"; do
	[ -e "$kdir/Module.symvers" ] || { echo "$kdir: no kernel headers there" >&2; exit 2; }
	check_kernel "$kdir"
done
[ $failed -eq 0 ] || exit 1
if [ $# -eq 0 ]; then
	echo "skip kbuild: no kernel headers in /usr/src (package linux-headers-amd64)"
	exit 77
fi

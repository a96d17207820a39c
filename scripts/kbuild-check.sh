#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Shows that the core and os/linux compile as kernel objects, and that the core asks nothing of its surroundings but
# the OS contract. Works in build/kbuild/, where links stand for the sources.
set -eu -o pipefail
export LC_ALL=C
unset MAKEFLAGS MFLAGS	# the kernel's build is one of its own

# What the kernel side does not have yet: the NIC back end.
missing_ok='lr_nic_kind'

usage() {
	cat <<EOF
usage: scripts/kbuild-check.sh [-h] [-s] [KDIR...]
  Compiles core/ and os/linux/ with the kernel headers in each KDIR (default: all of /usr/src/linux-headers-*),
  and core/ alone with gcc and clang. Any warning or unknown symbol is an error. Needs the package linux-headers-amd64
  or the like; exit code 77 where no headers are.
  -s   also run sparse
EOF
}

sparse=
while getopts hs opt; do
	case $opt in
	h) usage; exit 0 ;;
	s) sparse='C=2' ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/build/kbuild
sources=$(cd "$root" && printf 'include core/files.mk\nall:\n\t@echo $(addprefix core/,$(CORE_SRCS))\n' | make -s -f - all)
failed=0

fail() {	# subject, file with the reasons
	echo "FAILED kbuild $1"
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

# Symbols that neither this object nor the kernel has. $1: object, $2: Module.symvers.
unknown_symbols() {
	nm -u "$1" | awk '{ print $2 }' |
		awk -F'\t' 'NR == FNR { if ($3 == "vmlinux" && $5 == "") has[$2]; next } !($1 in has)' "$2" - |
		grep -Evx "$missing_ok" | sed 's/^/not exported by the kernel: /' || :
}

check_kernel() {
	local kdir=$1 dir log release

	release=$(sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' "$kdir/include/generated/utsrelease.h")
	dir=$out/$release
	log=$out/$release.log
	rm -rf "$dir"
	mkdir -p "$dir"
	cp -as "$root/core" "$root/os" "$root/include" "$dir"
	ln -s "$root/kmod/Kbuild" "$dir/Kbuild"
	if ! make -s -j2 -C "$kdir" M="$dir" W=1 $sparse lr_core.o >"$log" 2>&1; then
		fail "$release" "$log"
		return
	fi
	# One line that is no fault of ours: make says when another gcc built the kernel.
	grep -v 'warning: the compiler differs' "$log" | grep -i -A3 'warning' >"$log.w" || :
	unknown_symbols "$dir/lr_core.o" "$kdir/Module.symvers" >>"$log.w"
	if [ -s "$log.w" ]; then
		fail "$release" "$log.w"
	else
		echo "ok kbuild $release"
	fi
}

mkdir -p "$out"
for cc in gcc clang; do
	! command -v $cc >/dev/null || check_contract $cc
done

if [ $# -eq 0 ]; then
	for kdir in /usr/src/linux-headers-*; do
		# Debian's -common packages have no configuration, the -amd64 ones do.
		[ ! -e "$kdir/include/generated/utsrelease.h" ] || set -- "$@" "$kdir"
	done
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

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Shows that the debug kernel finds bugs, and that what watches its log takes notice: plants one of each kind
# (planted/planted.c) and looks for the report. Without this a clean run of check-vm-debug would say little.
#
#	test/vm/planted.sh	builds the module, boots the debug kernel, plants
#	test/vm/planted.sh -g	the part in the guest; LR_PLANTED is the module
#	test/vm/planted.sh -h
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
failed=0

ok() { echo "ok planted: $*"; }

not_ok() {
	echo "not ok planted: $1: $2"
	failed=1
}

# plant BUG PATTERN: the log has a line like PATTERN, and log.sh takes that for trouble.
plant() {
	local found

	insmod "$LR_PLANTED" bug="$1" || { not_ok "$1" "the module does not load"; return; }
	rmmod planted
	found=$(bash "$here/log.sh") && { not_ok "$1" "nothing found"; return; }
	if grep -qE "$2" <<<"$found"; then ok "$1"; else not_ok "$1" "no line like $2 in: $found"; fi
}

# Locks come first: lockdep is off once anything else is known to be broken.
guest() {
	local found

	sysctl -q kernel.panic_on_warn=0 kernel.panic_on_oops=0
	plant lock_order 'possible circular locking dependency'
	plant sleep_in_spinlock 'BUG: sleeping function called from invalid context'
	plant use_after_free 'KASAN: (slab-)?use-after-free in use_after_free'
	plant out_of_bounds 'KASAN: vmalloc-out-of-bounds in out_of_bounds'
	plant page_after_free 'KASAN: use-after-free in page_after_free'
	plant list_twice 'list_del corruption'
	plant free_armed_timer 'ODEBUG: free active'
	plant shift 'UBSAN: shift-out-of-bounds'
	insmod "$LR_PLANTED" bug=leak && rmmod planted
	found=$(bash "$here/leak.sh")
	[ $? -eq 1 ] && grep -q 'LLLLLLLLLLLLLLLL' <<<"$found" && ok leak || not_ok leak "nothing found: $found"
	bash "$here/log.sh" >/dev/null	# the end of this run is not about what was planted
}

host() {
	local parts build=$root/build/vm/planted code

	parts=$("$here/kernel.sh" debug) || exit 1
	eval "$parts"
	mkdir -p "$build"
	cp "$here"/planted/* "$build"
	(unset MAKEFLAGS MFLAGS MAKELEVEL; make -s -C "$kdir" M="$build" modules) >"$build/log" 2>&1 || { cat "$build/log" >&2; exit 1; }
	"$here/boot.sh" -k debug -M 768 -t 600 -a kasan_multi_shot -e LR_PLANTED="$build/planted.ko" -- bash "$here/planted.sh" -g || failed=1
	"$here/boot.sh" -k debug -M 768 -t 300 -m "$build/planted.ko" -p bug=use_after_free -- true >"$build/log" 2>&1
	code=$?
	if [ $code -eq 126 ] && grep -q 'KASAN: .*use-after-free' "$build/log"; then
		ok "a machine that panics is a failure with the reason"
	else
		not_ok "a machine that panics is a failure with the reason" "exit code $code, output: $(tail -n 5 "$build/log")"
	fi
}

case ${1:-} in
-g) guest ;;
'') host ;;
*) sed -n 's/^#	//p' "$0"; exit 2 ;;
esac
exit $failed

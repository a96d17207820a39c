#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Where the instructions of one measurement go, by function: all of them, not samples (profile.c).
#
#	bench/vm/profile.sh [-h] [-k KERNEL] [-m MODULE.ko] [-b BATCH] [-t SECONDS] [-n LINES] tx|rx METHOD INTERFACE
#	  -k	6.1 (default), 6.12, 7.2
#	  -m	the netmap.ko to use; else it is built. "none" for measurements that need none
#	  -b -t	as for guest.sh
#	  -n	how many functions (40)
#	Example: bench/vm/profile.sh tx netmap e1000a; load list shows the methods, guest.sh the interfaces.
#
# A jump-free piece of code counts for the function that it begins in. Inlined functions count for where they are. Names
# that begin with "program:" are those of the load program. For rx it is the difference of the injector with a receiver
# and the injector alone.
set -u -o pipefail
export LC_ALL=C
top=$(cd "$(dirname "$0")/../.." && pwd)
bin=$top/build/bench/vm
kernel=6.1 module='' batch=256 seconds=0.03 lines=40

usage() { sed -n '4,/^set /s/^# \{0,1\}//p' "$0" | grep -v '^set '; }
die() { echo "profile: $*" >&2; exit 1; }

while getopts hk:m:b:t:n: opt; do
	case $opt in
	h) usage; exit 0 ;;
	k) kernel=$OPTARG ;;
	m) module=$OPTARG ;;
	b) batch=$OPTARG ;;
	t) seconds=$OPTARG ;;
	n) lines=$OPTARG ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 3 ] || { usage >&2; exit 2; }
. "$top/bench/vm/machine.sh"
make -s -C "$top" build/bench/vm/load build/bench/vm/profile.so || exit 1
case $module in
none) module= ;;
'') module=$("$top/test/vm/module.sh" "$kernel") || exit 1 ;;
esac
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
mkdir "$tmp/w"
"$top/test/vm/boot.sh" -k "$kernel" ${module:+-m "$module"} -i -M 512 -n "e1000 virtio" -t 300 -w "$tmp/w" \
	-a "$kernel_args" -q "$qemu_args -plugin file=$bin/profile.so,out=$tmp/spans" -- \
	"$top/bench/vm/guest.sh" -t "$seconds" -b "$batch" -s "$tmp/w/kallsyms" "$bin/load" "$@" >"$tmp/guest" 2>&1 ||
	{ cat "$tmp/guest"; die "the guest failed"; }
line=$(grep '^result' "$tmp/guest") || { cat "$tmp/guest"; die "no result"; }
echo "$line"

value() { printf '%s\n' $line | sed -n "s/^$1=//p"; }

# Symbols and blocks in one list, by address (as text: awk has no numbers of 64 bits): each block is the last symbol's.
{
	awk '$2 ~ /^[tTwW]$/ { print $1, "A", $3 $4 }' "$tmp/w/kallsyms"
	nm "$bin/load" | awk 'NF == 3 && $2 ~ /^[tTwWi]$/ { print $1, "A", "program:" $3 }'
	awk '$1 == "span" { span = $2; next } { print substr("0000000000000000", length($1) + 1) $1, "B", span, $2 }' "$tmp/spans"
} | sort -s -k1,2 | awk -v direction="$1" -v packets="$(value packets)" -v base="$(value base_packets)" '
$2 == "A" { name = $3; next }
direction == "tx" && $3 == 2 || direction == "rx" && $3 == 4 { count[name] += $4 / packets }
direction == "rx" && $3 == 2 { count[name] -= $4 / base }
END {
	for (name in count) {
		if (name == "program:meter_soak") {
			printf "%10.1f (waiting)\n", count[name] > "/dev/stderr"
		} else {
			total += count[name]
			printf "%10.1f %s\n", count[name], name
		}
	}
	printf "%10.1f total\n", total
}' | sort -g -r | head -n $((lines + 1))

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Instructions per packet, measured in a guest that has one processor and counts each instruction as a nanosecond:
# a table, bench/out/results-vm.json, and figures. bench/README.md says how to read them.
#
#	bench/vm/run.sh [-h] [-q] [-k KERNEL]
#	  -q	shorter: batch 256 alone
#	  -k	6.1 (default), 6.12, 7.2
#	Needs root, build/bench/vm/load and build/bench/report: make bench-vm. BENCH_OUT: where results go.
set -u -o pipefail
export LC_ALL=C
top=$(cd "$(dirname "$0")/../.." && pwd)
out=${BENCH_OUT:-$top/bench/out}
bin=$top/build/bench
kernel=6.1 seconds=0.03 batches="256 512" limit=480

usage() { sed -n '4,/^set /s/^# \{0,1\}//p' "$0" | grep -v '^set '; }
die() { echo "bench-vm: $*" >&2; exit 1; }

while getopts hqk: opt; do
	case $opt in
	h) usage; exit 0 ;;
	q) seconds=0.015 batches=256 ;;
	k) kernel=$OPTARG ;;
	*) usage >&2; exit 2 ;;
	esac
done
[ -x "$bin/vm/load" ] && [ -x "$bin/report" ] || die "make bench-vm builds what is missing"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# The machine: guest NICS OPTIONS-OF-guest.sh..., its lines to $tmp/guest
guest() {
	local nics=$1

	shift
	"$top/test/vm/boot.sh" -k "$kernel" -m "$module" -i -M 512 -n "$nics" -t "$limit" -a "$kernel_args" -q "$qemu_args" -- \
		"$top/bench/vm/guest.sh" -t "$seconds" "$@" "$bin/vm/load" >>"$tmp/guest" 2>&1
}

# instr METHOD tx|rx INTERFACE BATCH: from the guest's lines; the smallest, where there are several
instr() {
	awk -v m="$1" -v d="$2" -v i="$3" -v b="batch=$4" '
	$1 == "result" && $2 == m && $3 == d && $4 == i && $5 == b {
		sub("instr=", "", $7)
		if (!found++ || $7 + 0 < best) best = $7 + 0
	}
	END { if (!found) exit 1; print best }' "$tmp/guest"
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (!(b > 0)) exit 1; printf "%.4f\n", a / b }'; }

# result NAME UNIT GOAL VALUE; without a value, none
result() { [ -z "${4:-}" ] || echo "result $1 $4 $2 $3"; }

# goal NAME LIMIT A B: the ratio of the two
goal_ratio() {
	[ -n "$3" ] && [ -n "$4" ] || { echo "bench-vm: $1 could not be measured" >&2; return 1; }
	result "$1" ratio "<=$2" "$(ratio "$3" "$4")"
}

goals() {
	local tx rx pipe idle hop sink

	hop=$(instr vale tx none 256) sink=$(instr vale-sink tx none 256)
	[ -n "$hop" ] && [ -n "$sink" ] || { echo "bench-vm: the switch could not be measured" >&2; return 1; }
	pipe=$(instr pipe tx none 256) idle=$(instr null-idle tx none 256)
	tx=$(instr netmap tx e1000a 256) rx=$(instr netmap rx e1000b 256)
	[ -n "$pipe" ] && [ -n "$idle" ] || { echo "bench-vm: pipe or null port could not be measured" >&2; return 1; }
	result pipe_instr instr/packet '<=90' "$pipe"
	result vale_instr instr/packet '<=220' "$hop"
	result vale_sink_instr instr/packet '<=100' "$sink"
	result sync_idle_instr instr/sync '<=500' "$idle"
	goal_ratio generic_tx_vs_pktgen 1.25 "$tx" "$(instr pktgen-best tx e1000a 256)" &&
		goal_ratio generic_tx_vs_udp 0.5 "$tx" "$(instr udp tx e1000a 256)" &&
		goal_ratio generic_rx_vs_packet 0.5 "$rx" "$(instr packet rx e1000b 256)"
}

# Drivers that know netmap; the batch is the largest measured.
goals_native() {
	local batch=${batches##* }

	grep -q '^result native' "$tmp/guest" || return 0
	result e1000_tx_instr instr/packet '<=67' "$(instr native tx e1000a "$batch")"
	result e1000e_tx_instr instr/packet '<=67' "$(instr native tx e1000ea "$batch")"
	result e1000e_rx_instr instr/packet '<=67' "$(instr native rx e1000eb "$batch")"
	result virtio_tx_instr instr/packet '<=150' "$(instr native tx virtioa "$batch")"
	result veth_native_instr instr/packet '<=90' "$(instr native-pair tx veth0 "$batch")"
}

# Each line of the guest is a result, named METHOD_tx_DRIVER_BATCH.
details() {
	local word method direction interface batch name

	grep '^result' "$tmp/guest" | awk '{ sub("batch=", "", $5); if (!seen[$2, $3, $4, $5]++) print $2, $3, $4, $5 }' |
		while read -r method direction interface batch; do
			case $interface in
			none) name=${method}_${direction} ;;
			*) name=${method}_${direction}_${interface%[ab01]} ;;
			esac
			word=packet
			[[ $method != *-idle ]] || word=sync
			result "${name}_$batch" "instr/$word" - "$(instr "$method" "$direction" "$interface" "$batch")"
		done
}

# curve METHOD tx|rx INTERFACE LABEL
curve() {
	local v

	v=$(instr "$1" "$2" "$3" 256) && echo "curve $v$([[ $1 == netmap* || $1 == pipe ]] && echo '!') $4"
}

curve_native() { # interface, tx|rx
	local v

	! v=$(instr native "$2" "$1" "${batches##* }") || echo "curve $v! netmap, native driver"
	! v=$(instr native-pair "$2" "$1" "${batches##* }") || echo "curve $v! netmap, native driver, both ends"
}

notes() {
	echo "note one instruction per cycle; 60-byte packets, batch 256; program, system call, driver, interrupts, both ends of the pipe"
	echo "note Linux $release in QEMU, one processor; numbers are instructions per packet"
}

figure_tx() { # file, interface, driver
	echo "figure $1 Mpps Sending on $3"
	curve pipe tx none "netmap pipe, tx + rx"
	curve_native "$2" tx
	curve netmap tx "$2" "netmap, any driver"
	curve pktgen-best tx "$2" "pktgen, one packet, bursts"
	curve pktgen tx "$2" "pktgen"
	curve xsk tx "$2" "AF_XDP"
	curve packet-mmap tx "$2" "PACKET_MMAP"
	curve packet tx "$2" "AF_PACKET send"
	curve udp tx "$2" "UDP sendto"
	notes
}

figure_rx() {
	echo "figure $1 Mpps Receiving on $3"
	curve_native "$2" rx
	curve netmap rx "$2" "netmap, any driver"
	curve xsk rx "$2" "AF_XDP"
	curve packet-mmap rx "$2" "PACKET_MMAP"
	curve packet rx "$2" "AF_PACKET recv"
	notes
}

figures() {
	figure_tx vm-tx-e1000 e1000a e1000
	figure_tx vm-tx-virtio virtioa virtio-net
	figure_tx vm-tx-veth veth0 "a veth pair"
	figure_rx vm-rx-e1000 e1000b e1000
	figure_rx vm-rx-virtio virtiob virtio-net
	figure_rx vm-rx-veth veth1 "a veth pair"
}

. "$top/bench/vm/machine.sh"
parts=$("$top/test/vm/kernel.sh" "$kernel") || exit 1
eval "$parts"
module=$("$top/test/vm/module.sh" "$kernel") || exit 1
mkdir -p "$out" || exit 1
echo "bench-vm: measuring on Linux $release, some minutes" >&2
guest "e1000 virtio" -b "$batches"
code=$?
case $code in
0) ;;
124) echo "bench-vm: this machine is slow: after $limit s the rest, of the larger batches, is left out" >&2 ;;
*) cat "$tmp/guest"; die "the guest failed ($code)" ;;
esac
if drivers=$("$top/scripts/drivers.sh" -k "$kernel" e1000 e1000e virtio_net veth 2>"$tmp/drivers"); then
	drivers=$(dirname "${drivers##*$'\n'}")
	guest "e1000 e1000e virtio" -b "${batches##* }" -n "$drivers" || { cat "$tmp/guest"; die "the guest with native drivers failed"; }
else
	echo "bench-vm: no native drivers: $(tail -n 1 "$tmp/drivers")" >&2
fi
grep -E '^failed' "$tmp/guest" >&2
{ goals && goals_native && details && figures; } >"$tmp/lines" || { cat "$tmp/guest"; die "not everything could be measured"; }
"$bin/report" -o "$out" -n results-vm <"$tmp/lines" || die "no report"
echo "bench-vm: written: $out/results-vm.json, $out/vm-*.svg" >&2
! grep -q '^failed' "$tmp/guest"

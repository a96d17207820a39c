#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Tests the module on real kernels in test machines: builds it for each, then runs the parts of plan.sh, each in a machine
# of its own, some at once. Prints the lines of the tests with the kernel's name in them.
set -u
cd "$(dirname "$0")/../.." || exit 1
here=test/vm

usage() {
	cat <<USAGE
usage: test/vm/check.sh [-h] [-j MACHINES] [-p PART]... [KERNEL...]
  KERNEL	6.1, 6.12, 7.2 (those three if none is named), debug
  -j		machines at once (three for two processors)
  -p		this part, may be repeated; all of them, which takes hours, if none is named: raw, kernel, netns, small, linked;
		e1000, e1000e, virtio: tests on these NICs; nics: on all three; native: on these and vmxnet3 with
		drivers that know netmap, which are built for it (see make drivers); veth: the same for veth pairs; igb: the
		same, in a machine of a newer QEMU (see qemu.sh); bytes, bridge, flood, opens, stack, removal: what those
		drivers do under load, see traffic.sh; traffic: all six
  LR_SLOW	how many times longer than on a real machine a test may take (4; debug: 12)
  LR_NATIVE_WIRE	any word: native runs on its NICs what e1000, e1000e, virtio run on theirs; igb always does
  LR_WIRE_ALL	any word: on NICs also those tests of the suite that are the same on all of them
  LR_VM_SECONDS	how long a machine may live (1500; debug: 5400)
  LR_VM_BUDGET	no machine is begun after so many seconds: its part is skipped, and said to be (no limit)
  Needs the tests to be built (make all tests) and root. Output of each machine stays in build/log/vm-KERNEL-PART.log.
USAGE
}

jobs=$(($(nproc) + $(nproc) / 2)) only=''	# each waits now and then
while getopts hj:p: opt; do
	case $opt in
	h) usage; exit 0 ;;
	j) jobs=$OPTARG ;;
	p) only+=" $OPTARG" ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 6.1 6.12 7.2

if [ "$(id -u)" -ne 0 ]; then
	echo "skip vm: needs root"
	exit 77
fi
scripts/deps.sh vm || { echo "not ok vm: packages are missing"; exit 1; }
logs=build/log
mkdir -p "$logs"
running=()
trap 'exit 130' INT TERM HUP
# Each machine is a process group.
set -m
trap 'for p in ${running[@]+"${running[@]}"}; do kill -- "-$p"; done 2>/dev/null' EXIT

# Every kernel runs the suite, plain and through libnetmap, the tests of test/kernel and those with namespaces, and on NICs what
# may differ from NIC to NIC, with the kernel's drivers and with ours.
parts='raw kernel netns small nics linked native veth igb traffic'

# What a part wants of its machine.
machine() {
	case $1 in
	small) echo "-M 256 -n e1000 -- small dummy" ;;
	native) echo "-M 1024 -c 2 -n e1000|e1000e|virtio|vmxnet3 -- native e1000 native e1000e native virtio native vmxnet3" ;;
	bytes | flood | opens | stack | removal)
		echo "-M 1024 -c 2 -n e1000|e1000e|virtio|vmxnet3 -- $1 e1000 $1 e1000e $1 virtio $1 vmxnet3" ;;
	bridge) echo "-M 1024 -c 2 -n e1000|e1000e|virtio|vmxnet3 -- bridge e1000 e1000e bridge virtio vmxnet3" ;;
	igb) echo "-M 1024 -c 2 -n igb -- native igb" ;;
	veth) echo "-M 1024 -c 2 -- veth veth_netns" ;;
	e1000 | e1000e | virtio) echo "-M 1024 -c 2 -n $1 -- wire $1" ;;
	*) echo "-M 1024 -c 2 -- $1" ;;
	esac
}

# Bits 22 and up of the flags are zero on every processor, whatever code does. Seen once in some thousand machines, in the
# kernel's memory allocator, as a debug trap that nobody had asked for.
astray='EFLAGS: (00[4-9a-f]|0[1-9a-f]|[1-9a-f])[0-9a-f]+$'

# one KERNEL PART MODULE: boots, prints.
one() {
	local kernel=$1 part=$2 module=$3 log=$logs/vm-$1-$2.log options=() slow=4 seconds=1500 memory='' drivers='' rc w

	[ "$kernel" != debug ] || slow=12 seconds=5400 memory='-M 2048'
	for w in $(machine "$part"); do
		[ "$w" != -- ] || break
		options+=("${w//|/ }")
	done
	case $part in
	# Those of its NICs only: the debug kernel has not what others need.
	native | bytes | bridge | flood | opens | stack | removal) drivers='e1000 e1000e virtio_net vmxnet3' ;;
	veth) drivers=veth ;;
	# The conformance suite has nowhere else this NIC.
	igb) drivers=igb options+=(-e LR_NATIVE_WIRE=1) ;;
	esac
	if [ -n "$drivers" ]; then
		scripts/drivers.sh -k "$kernel" $drivers >"$log" 2>&1 ||
			{ tail -n 20 "$log"; echo "not ok $kernel $part: the drivers cannot be built"; return 1; }
		w=$(basename "${module%/*}")
		options+=(-e "LR_DRIVERS=$PWD/build/drivers/${w%-debug}")
	fi
	if [ "$part" = bytes ]; then
		mkdir -p "$logs/dump-$kernel"
		options+=(-d -w "$PWD/$logs/dump-$kernel")
	fi
	run() {
		bash $here/boot.sh -k "$kernel" -m "$module" -t "${LR_VM_SECONDS:-$seconds}" -e "LR_SLOW=${LR_SLOW:-$slow}" -e "LR_KO=$module" \
			${options[@]+"${options[@]}"} $memory -- bash $here/plan.sh $(machine "$part" | sed 's/.* -- //') >"$log" 2>&1
	}
	run
	rc=$?
	if [ $rc -ne 0 ] && grep -qE "$astray" "$log"; then
		mv "$log" "$log.astray"
		run
		rc=$?
		echo "# $part: the machine was run again: in $log.astray the emulator's flags register has bits that no processor has" >>"$log"
	fi
	# A machine that ended without a word about why, or while a test ran, is a failure of its own.
	[ $rc -eq 0 ] || grep -q '^not ok ' "$log" && [ $rc -lt 124 ] ||
		echo "not ok $part: the machine ended with code $rc, $(grep '^lr-vm: ' "$log" | head -n 1)" >>"$log"
	# One machine's lines together.
	flock 8
	sed -nE "s/^(ok|not ok|skip|#) /&$kernel /p; s/^(  \||lr-vm:)/&/p" "$log"
	flock -u 8
	! grep -q '^not ok ' "$log"
}

exec 8>"$logs/.vm.lock"
# While the first ones run, the other kernels are fetched.
(bash $here/kernel.sh "$@" >/dev/null 2>&1 &)
failed=0
# The module of a kernel and a part: with assertions on the debug kernel, and where parts run on one kernel only, or one
# wants to make allocations fail.
module_of() {
	case $1-$2 in
	debug-* | 6.1-linked | 6.1-kernel) bash $here/module.sh "$1" DEBUG=1 ;;
	*) bash $here/module.sh "$1" ;;
	esac
}

kernels=()
for kernel in "$@"; do
	if module_of "$kernel" raw >/dev/null && module_of "$kernel" kernel >/dev/null; then
		echo "ok $kernel module: builds without a warning"
		kernels+=("$kernel")
	else
		echo "not ok $kernel module: does not build"
		failed=1
	fi
done
# What matters most comes first, on all kernels.
only=${only:-$parts}
only=${only/nics/e1000 e1000e virtio}
for part in ${only/traffic/bytes bridge flood opens stack removal}; do
	for kernel in ${kernels[@]+"${kernels[@]}"}; do
		while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
			wait -n
		done
		if [ $SECONDS -ge "${LR_VM_BUDGET:-$((SECONDS + 1))}" ]; then
			echo "skip $kernel $part: no time is left for another machine (LR_VM_BUDGET=$LR_VM_BUDGET)"
			continue
		fi
		one "$kernel" "$part" "$(module_of "$kernel" "$part")" &
		running+=($!)
	done
done
for p in "${running[@]}"; do
	wait "$p" || failed=1
done
running=()
exit $failed

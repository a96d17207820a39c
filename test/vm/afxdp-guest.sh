#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The guest's part of afxdp.sh, which see: how its NICs are driven, then the tests of test/netns and test/conformance
# that are about interfaces. The NICs are two pairs: lr0 and lr1, lr4 and lr5.
#
#	afxdp-guest.sh KIND RINGS brief|traffic|interface WORDS		WORDS: what pkt-gen says of the back end
#
# LR_AFXDP_TESTS, a regular expression, narrows the tests.
set -u
cd "$(dirname "$0")/../.." || exit 1
kind=$1 rings=$2 group=$3 expected=$4
B=${LR_BUILD:-build}
out=/run/afxdp.out
failed=0

ok() { echo "ok $*"; }
not_ok() {
	echo "not ok $1: $2"
	failed=1
}

# run NAME SECONDS COMMAND...: its lines, with the name in them
run() {
	local name=$1 limit=$2 rc start=$SECONDS

	shift 2
	timeout --kill-after=10 $((limit * LR_SLOW)) "$@" 2>&1 </dev/null | tee $out |
		sed -un "s/^\(ok\|not ok\|skip\) /&$name: /p"
	rc=${PIPESTATUS[0]}
	if [ $rc -ne 0 ] && [ $rc -ne 77 ]; then
		failed=1
		grep -q '^not ok ' $out || not_ok "$name" "exit code $rc"
		tail -n 25 $out | sed 's/^/  | /'
	fi
	bash test/vm/log.sh >$out || { not_ok "$name" "the kernel complained"; sed 's/^/  | /' $out; }
	echo "# $kind $name: $((SECONDS - start)) s"
}

# The interface with the address of a pair and a side that afxdp.sh gave it.
interface() {
	local d _

	for _ in {1..100}; do
		for d in /sys/class/net/*; do
			[[ $(<"$d/address") != 52:54:00:6d:0$1:0$2 ]] || { echo "${d##*/}"; return; }
		done
		sleep 0.1
	done
	return 1
}

# name NAME PAIR SIDE
name() {
	local from

	from=$(interface "$2" "$3") && ip link set "$from" name "$1" || return 1
	echo 1 >/proc/sys/net/ipv6/conf/"$1"/disable_ipv6
	[ "$kind" != virtio ] || ethtool -L "$1" combined "$rings"
}

# Both NICs of a pair are open, and are driven as they should be.
test_driven() {
	local pids=() name end=$((SECONDS + 10 * LR_SLOW))

	ip link set lr0 up
	ip link set lr1 up
	for name in lr0 lr1; do
		"$B/bin/pkt-gen" -i netmap:$name -f rx >$out.$name 2>&1 &
		pids+=($!)
	done
	until said lr0 >/dev/null && said lr1 >/dev/null || [ $SECONDS -ge $end ] || ! kill -0 "${pids[@]}" 2>/dev/null; do
		sleep 0.2
	done
	for name in lr0 lr1; do
		if grep -qF "$name: af_xdp: $expected, $rings queue" $out.$name; then
			ok "$name: $(said $name)"
		else
			not_ok "$name: $expected" "$(cat $out.$name)"
		fi
	done
	kill -INT "${pids[@]}" 2>/dev/null
	wait "${pids[@]}"
}

said() { sed -n "s/^$1: af_xdp: //p" $out.$1 | grep .; }

test_queues() { LR_CASES=": ($1)" run queues 60 bash test/netns/queues.sh; }
test_flow() { LR_CASES=": ($1)" run flow 60 bash test/netns/flow.sh; }
test_bridge() { LR_CASES="^af_xdp\$|: ($1)" run bridge 60 bash test/netns/bridge.sh; }
test_kill() { ROUNDS=$1 run kill 60 bash test/netns/kill.sh; }
test_nic() { run nic 60 "$B/test/conformance/nic" -t $((20 * LR_SLOW)) "$@"; }
test_interface() { run interface 60 "$B/test/conformance/interface" -t $((20 * LR_SLOW)) "$@"; }
test_nicpoll() { run nicpoll 60 "$B/test/conformance/nicpoll" -t $((20 * LR_SLOW)) "$@"; }

maybe() {
	local test=$1

	shift
	[[ ! $test =~ ${LR_AFXDP_TESTS:-} ]] || "test_$test" "$@"
}

brief() {
	maybe queues '64 flows$|a process'
	maybe bridge 'ping$|iperf3 TCP$|numbered'
	maybe kill 2
	# QEMU's vmxnet3 forgets the address that it was given whenever it is brought up.
	[ "$kind" != vmxnet3 ] || { ip link set lr0 promisc on; ip link set lr1 promisc on; }
	maybe nic counters_and_back_end bad_slots
	maybe interface down_and_up
}

traffic() {
	maybe queues '64 flows|out of|a process|one of|all rings'
	maybe flow 'netmap to netmap, 60|one packet|first ring'
	maybe bridge 'ping|iperf3 TCP|numbered'
	maybe kill 5
}

interface_group() {
	maybe interface down_and_up peer_down_and_up renamed mtu_changed moved_to_another_namespace 'nothing_left*' \
		stack_works_after_close
	maybe nic slots_as_asked counters_and_back_end slow_receiver 'zero_copy*' extra_buffers_in_an_rx_ring bad_slots \
		odd_lengths
	maybe nicpoll packets_wake_poll poll_of_two_interfaces child_goes_on parent_goes_on
}

# Host rings, which divert what the host sends with what the kernel has.
host() {
	modprobe -a tun nf_tables nft_fwd_netdev sch_ingress cls_u32 act_mirred veth
	run host 60 "$B/test/conformance/host" -t $((20 * LR_SLOW)) the_wire_reaches_the_host all_is_as_before_after_close \
		nic_rings_alone both down_and_up open_and_close_under_load forward_to_the_host forward_to_the_wire \
		long_packets vlan_tags
	LR_WIRE='' run host 100 bash test/netns/host.sh
}

modprobe "${kind/#virtio/virtio_net}"
if ! name lr0 0 a || ! name lr1 0 b || ! name lr4 1 a || ! name lr5 1 b; then
	not_ok interfaces "they are not there, or have no $rings queues"
	exit 1
fi
export LR_WIRE=$kind LR_WIRE2=$kind COUNT=1000 LR_RX_QUEUES=$rings
[ "$kind" = virtio ] || LR_RX_QUEUES=1		# QEMU puts all that comes into the first queue
maybe driven
case $group in
brief | traffic | host) $group ;;
*) interface_group ;;
esac
exit $failed

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The guest's part of afxdp.sh, which see. For each kind of NIC: how it is driven, then the tests of test/netns and
# test/conformance that are about interfaces, on two pairs of its NICs, which are lr0 and lr1, lr4 and lr5 for the time.
#
#	afxdp-guest.sh "KIND RINGS full|brief WORDS"...		WORDS: what pkt-gen says of the back end
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${LR_BUILD:-build}
out=/run/afxdp.out
failed=0
export LR_WIRE2=yes COUNT=1000 ROUNDS=5

ok() { echo "ok $kind: $*"; }
not_ok() {
	echo "not ok $kind: $1: $2"
	failed=1
}

# run NAME SECONDS COMMAND...: its lines, with the kind of NIC and the name in them
run() {
	local name=$1 limit=$2 rc start=$SECONDS

	shift 2
	timeout --kill-after=10 $((limit * LR_SLOW)) "$@" 2>&1 </dev/null | tee $out |
		sed -un "s/^\(ok\|not ok\|skip\) /&$kind: $name: /p"
	rc=${PIPESTATUS[0]}
	if [ $rc -ne 0 ] && [ $rc -ne 77 ]; then
		failed=1
		grep -q '^not ok ' $out || not_ok "$name" "exit code $rc"
		tail -n 25 $out | sed 's/^/  | /'
	fi
	bash test/vm/log.sh >$out || { not_ok "$name" "the kernel complained"; sed 's/^/  | /' $out; }
	echo "# $kind: $name: $((SECONDS - start)) s"
}

# The interface with this number of this kind: afxdp.sh gives addresses that end with both.
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

# take NUMBER: the four NICs of a kind get their names.
take() {
	local i=0 name from

	modprobe "${kind/#virtio/virtio_net}" || return 1
	for name in lr0 lr1 lr4 lr5; do
		from=$(interface "$1" $i) || return 1
		ip link set "$from" name $name || return 1
		echo 1 >/proc/sys/net/ipv6/conf/$name/disable_ipv6
		[ "$kind" != virtio ] || ethtool -L $name combined "$rings" || return 1
		i=$((i + 1))
	done
}

# Until the next kind has these names.
give() {
	local name

	for name in lr0 lr1 lr4 lr5; do
		ip link set $name down
		ip link set $name name "$kind${name#lr}"
	done
}

# Both NICs of a pair are open, and are driven as they should be.
test_driven() {
	local pids=() name words

	ip link set lr0 up
	ip link set lr1 up
	for name in lr0 lr1; do
		"$B/bin/pkt-gen" -i netmap:$name -f rx >$out.$name 2>&1 &
		pids+=($!)
	done
	for name in lr0 lr1; do
		for _ in {1..200}; do
			words=$(sed -n "s/^$name: af_xdp: //p" $out.$name)
			[ -z "$words" ] || break
			sleep 0.1
		done
		case $words in
		"$expected, $rings queue"*) ok "$name: $words" ;;
		*) not_ok "$name: $expected" "$(cat $out.$name)" ;;
		esac
	done
	kill -INT "${pids[@]}"
	wait "${pids[@]}"
}

test_queues() { LR_CASES=": ($1)" run queues 60 bash test/netns/queues.sh; }
test_flow() { LR_CASES=": ($1)" run flow 60 bash test/netns/flow.sh; }
test_bridge() { LR_CASES="^af_xdp$1\$|: ($2)" run bridge 60 bash test/netns/bridge.sh; }
test_kill() { ROUNDS=$1 run kill 60 bash test/netns/kill.sh; }
test_nic() { run nic 60 "$B/test/conformance/nic" -t $((20 * LR_SLOW)) "$@"; }
test_interface() { run interface 60 "$B/test/conformance/interface" -t $((20 * LR_SLOW)) "$@"; }
test_nicpoll() { run nicpoll 60 "$B/test/conformance/nicpoll" -t $((20 * LR_SLOW)) "$@"; }

# LR_AFXDP_TESTS narrows them: a regular expression for "virtio bridge" and the like.
maybe() {
	[[ ! "$kind $1" =~ ${LR_AFXDP_TESTS:-} ]] || "test_$@"
}

brief() {
	maybe queues '64 flows$|a process'
	maybe bridge '' 'ping$|iperf3 TCP$|numbered'
	maybe kill 3
	maybe nic counters_and_back_end bad_slots
	maybe interface down_and_up
}

full() {
	maybe queues '64 flows|out of|a process|one of'
	maybe flow 'netmap to netmap, 60|one packet|first ring'
	maybe bridge '(, copying)?' 'ping|iperf3 TCP|numbered'
	maybe kill 5
	maybe nic receives sends exclusive slots_as_asked smallest_rings counters_and_back_end slow_receiver \
		'zero_copy*' extra_buffers_in_an_rx_ring bad_slots odd_lengths
	maybe interface
	maybe nicpoll
}

number=0
for plan in "$@"; do
	read -r kind rings level expected <<<"$plan"
	number=$((number + 1))
	if take $number; then
		export LR_WIRE=$kind LR_RX_QUEUES=$rings
		[ "$kind" = virtio ] || export LR_RX_QUEUES=1	# QEMU puts all that comes into the first queue
		maybe driven
		$level
		give
	else
		not_ok "interfaces" "they are not there"
	fi
done
exit $failed

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Those who stop for a second and go on: a receiver that does not look at its rings, a process that is stopped by a
# signal, a bridge that is. Packets may be lost meanwhile; none is damaged, none comes twice or late, and it goes on.
#
#	a: v0 10.0.0.1 ===== m0 :m: m1 ===== v1 10.0.0.2 :b

. "$(dirname "$0")/../lib/netns.sh"
netns_begin

# paused NAME PORT OPTIONS...: a receiver in m that pauses, while the kernel of a sends all the time
paused() {
	local name=$1

	shift
	netns_spawn rx m "$B/test/netns/flow" rx -i "$@" -w 0 -m -1
	wait_for 10 netns_said rx ready
	netns_spawn tx a "$B/test/netns/flow" tx -i raw:v0 -w 0 -R 20000 -S 4
	netns_reap tx && netns_stop rx
	verdict "$name" $? "does not go on, or not rightly"
}

# The same, the whole process stopped.
stopped() {
	local name=$1

	netns_spawn rx m "$B/test/netns/flow" rx -i netmap:m0 -w 0 -m -1
	wait_for 10 netns_said rx ready
	netns_spawn tx a "$B/test/netns/flow" tx -i raw:v0 -w 0 -R 20000 -S 3
	wait_for 5 packets_flow
	netns_signal "${netns_pids[rx]}" STOP
	in_ns a sleep 1
	netns_signal "${netns_pids[rx]}" CONT
	netns_reap tx
	netns_stop rx
	verdict "$name" $? "does not go on, or not rightly"
}

packets_flow() { [ "$(in_ns m cat /sys/class/net/m0/statistics/rx_packets)" -gt 1000 ]; }

bridge_stopped() {
	netns_spawn bridge m "$B/bin/bridge" -i netmap:m0 -i netmap:m1
	wait_for 10 in_ns a ping -q -c 1 -W 1 10.0.0.2 >/dev/null
	netns_spawn flood a ping -q -f -c 100000 -w 3 10.0.0.2
	netns_signal "${netns_pids[bridge]}" STOP
	in_ns a sleep 1
	netns_signal "${netns_pids[bridge]}" CONT
	netns_reap flood
	wait_for 5 in_ns a ping -q -c 5 -i 0.02 -W 1 10.0.0.2 >/dev/null
	verdict "$1" $? "carries nothing any more"
	netns_stop bridge
}

netns_add a m b
netns_veth a v0 m m0 2
netns_veth m m1 b v1 2
netns_no_offloads a v0
netns_no_offloads b v1
netns_addr a v0 10.0.0.1/24
netns_addr b v1 10.0.0.2/24
for nic in $BACKENDS; do
	export NETMAP_NIC=$nic
	paused "$nic: a receiver that pauses" netmap:m0 -p 1000
	paused "$nic: a receiver with a small ring that pauses" netmap:m0@conf:rx-slots=64 -p 1000
	stopped "$nic: a process that is stopped"
	bridge_stopped "$nic: a bridge that is stopped"
done
netns_end

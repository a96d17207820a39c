#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# All queues of an interface: flows that are spread over them, by one process with all rings and by processes with a
# ring each, of which some end while the others go on.
#
#	a: v0 ======= v1 :b		2 queues; flows of UDP, so that a NIC has something to spread by
#
# LR_RX_QUEUES=N: of the interface's rx queues only N ever get packets.

. "$(dirname "$0")/../lib/netns.sh"
netns_begin

flow="$B/test/netns/flow"
count=${COUNT:-2000}

# How many rx rings v1 has.
rings() {
	netns_spawn gen b "$B/bin/pkt-gen" -i netmap:v1 -f rx
	wait_for 10 netns_said gen 'rx rings\? of'
	netns_stop gen
	sed -n 's/.* \([0-9]*\) rx rings\? of.*/\1/p' "$TMP/gen.out"
}

# The rings of a receiver's report that got packets.
used() { awk '/^rings/ { for (i = 2; i <= NF; i++) n += $i > 0 } END { print n + 0 }' "$TMP/$1.out"; }
got() { awk '/^received/ { n += $2 } END { print n + 0 }' "$TMP/$1.out"; }

# spread NAME TX RX OPTIONS...: 64 flows, all of each in order, and no queue is idle
spread() {
	local name=$1 tx=$2 rx=$3

	shift 3
	wanted "$name" || return
	netns_spawn rx b "$flow" rx -i "$rx" -U -n "$count" "$@"
	wait_for 10 netns_said rx ready
	netns_spawn tx a "$flow" tx -i "$tx" -U -n "$count" -f 64 "$@"
	netns_reap tx && netns_reap rx
	verdict "$name" $? "packets are missing, damaged or late"
	netns_stop rx KILL
	[ "$rx" != raw:v1 ] || return
	[ "$(used rx)" -ge "$busy" ]
	verdict "$name: $busy of $queues rx rings are used" $? "$(used rx) are"
}

# All of them out of one ring, without acknowledgements, which may come in elsewhere.
last_ring() {
	wanted "$nic: out of the last ring" || return
	netns_spawn rx b "$flow" rx -i netmap:v1 -U -n "$count" -w 0
	wait_for 10 netns_said rx ready
	netns_spawn tx a "$flow" tx -i "netmap:v0-$((queues - 1))" -U -n "$count" -f 64 -w 0 -R 1000
	netns_reap tx && netns_reap rx
	verdict "$nic: out of the last ring" $? "packets are missing, damaged or late"
	netns_stop rx KILL
}

# A receiver for each ring.
receivers() {
	local i

	for ((i = 0; i < queues; i++)); do
		netns_spawn "rx$i" b "$flow" rx -i "netmap:v1-$i" -U -w 0 -t 20000
		wait_for 10 netns_said "rx$i" ready || return
	done
}

# receivers_end NAME FIRST: those from FIRST on are interrupted, none of them misses a packet of its flows.
receivers_end() {
	local name=$1 i bad=""

	for ((i = $2; i < queues; i++)); do
		netns_stop "rx$i"
		netns_said "rx$i" ' lost 0 late 0 damaged 0' || bad+=" $i"
	done
	[ -z "$bad" ]
	verdict "$name" $? "receivers of ring$bad miss packets"
}

sender() { netns_spawn tx a "$flow" tx -i netmap:v0 -U -f 64 -n "$count" -w 0 -R 1000; }

# What all of them have got.
total() {
	local i n=0

	for ((i = 0; i < queues; i++)); do
		n=$((n + $(got "rx$i")))
	done
	echo "$n"
}

frames() { in_ns b cat /sys/class/net/v1/statistics/rx_packets; }
frames_come() { [ "$(frames)" -gt $(($1 + 100)) ]; }

apart() {
	wanted "$nic: a process for each ring" || return
	receivers && sender && netns_reap tx
	in_ns b sleep 0.3	# the last ones are on the way
	receivers_end "$nic: a process for each ring" 0
	[ "$(total)" -eq "$count" ]
	verdict "$nic: they have all packets together" $? "$(total) of $count"
}

# The first receiver dies while packets come.
one_dies() {
	local before

	wanted "$nic: one of them is killed" || return
	receivers
	before=$(frames)
	sender
	wait_for 10 frames_come "$before"
	netns_stop rx0 KILL
	netns_reap tx
	in_ns b sleep 0.3
	receivers_end "$nic: one of them is killed, the others go on" 1
}

netns_add a b
netns_veth a v0 b v1 2
for nic in $BACKENDS; do
	export NETMAP_NIC=$nic
	queues=$(rings)
	busy=${LR_RX_QUEUES:-$queues}
	[ "$busy" -le "$queues" ] || busy=$queues
	spread "$nic: 64 flows" netmap:v0 netmap:v1
	spread "$nic: 64 flows from the kernel" raw:v0 netmap:v1
	spread "$nic: 64 flows to the kernel" netmap:v0 raw:v1
	[ "$queues" -gt 1 ] || continue
	last_ring
	apart
	one_dies
	wait_for 5 netns_no_xdp b v1
	verdict "$nic: no XDP program is left" $?
	spread "$nic: all rings again" netmap:v0 netmap:v1
done
netns_end

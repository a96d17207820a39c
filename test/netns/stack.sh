#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The stack's own use of two NICs that programs have had: ping, TCP and UDP as before, and the same offloads.
#
#	a: v0 10.0.0.1 ======== v1 10.0.0.2 :b

. "$(dirname "$0")/../lib/netns.sh"
. "$(dirname "$0")/../lib/talk.sh"
netns_begin

# A NIC may get its carrier back a while after a program has left it.
ordinary() {
	wait_for 10 in_ns a ping -q -c 1 -W 1 10.0.0.2 >/dev/null
	ping_all "$1: ping" -s 56
	ping_all "$1: ping in fragments" -s 4000
	iperf "$1: iperf3 TCP" -t $seconds
	iperf "$1: iperf3 TCP, the other way" -t $seconds -R
	iperf "$1: iperf3 UDP" -t 1 -u -b 20M -l 1400
}

features() {
	in_ns a ethtool -k v0
	in_ns b ethtool -k v1
}

# Programs at both ends.
programs() {
	netns_spawn rx b "$B/test/netns/flow" rx -i netmap:v1 -n 2000
	wait_for 10 netns_said rx ready
	netns_spawn tx a "$B/test/netns/flow" tx -i netmap:v0 -n 2000 -d $((SLOW > 1 ? 3000 : 0))
	netns_reap tx && netns_reap rx
	verdict "$1" $? "packets are missing or damaged"
	netns_stop rx KILL
}

netns_add a b
netns_veth a v0 b v1 2
netns_addr a v0 10.0.0.1/24
netns_addr b v1 10.0.0.2/24
seconds=$((SLOW > 1 ? 4 : 1))
features >"$TMP/before"
ordinary "before"
for nic in $BACKENDS; do
	export NETMAP_NIC=$nic
	programs "$nic: numbered packets"
	wait_for 5 netns_is_up a v0
	wait_for 5 netns_is_up b v1
	features >"$TMP/after"
	cmp -s "$TMP/before" "$TMP/after"
	verdict "$nic: offloads are as before" $? "$(diff "$TMP/before" "$TMP/after" | tr '\n' ' ')"
	ordinary "after $nic"
done
netns_end

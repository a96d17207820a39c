#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Two NICs joined by bridge(8) carry what a cable carries: ping, TCP and UDP of iperf3, numbered packets, and a
# capture file played by tcpreplay, which arrives byte by byte.
#
#	a: v0 10.0.0.1 ===== m0 :m: m1 ===== v1 10.0.0.2 :b
#	                     bridge -i m0 -i m1

. "$(dirname "$0")/../lib/netns.sh"
. "$(dirname "$0")/../lib/talk.sh"
netns_begin

start_bridge() {
	netns_spawn bridge m "$B/bin/bridge" -i netmap:m0 -i netmap:m1 "$@"
	wait_for 10 in_ns a ping -q -c 1 -W 1 10.0.0.2 >/dev/null
}

stop_bridge() { netns_stop bridge INT; }

flow() {
	local name=$1

	shift
	wanted "$name" || return
	netns_spawn rx b "$B/test/netns/flow" rx -i raw:v1 "$@"
	wait_for 10 netns_said rx ready
	netns_spawn tx a "$B/test/netns/flow" tx -i raw:v0 "$@"
	netns_reap tx && netns_reap rx
	verdict "$name" $? "packets are missing or damaged"
	netns_stop rx KILL
}

# Plays a capture file in a, captures in b, compares the packets; flows may overtake each other on other queues.
replay() {
	local name=$1

	wanted "$name" || return
	netns_spawn dump b tcpdump -i v1 -Q in -U -w "$TMP/seen.pcap" --immediate-mode ether src 02:00:00:00:aa:01
	wait_for 10 netns_said dump 'listening on'
	netns_spawn replay a tcpreplay -q --pps 2000 -i v0 "$TMP/sent.pcap"
	netns_reap replay && wait_for 10 all_seen
	"$B/test/netns/capture" -c "$TMP/sent.pcap" "$TMP/seen.pcap" >"$TMP/compare.out"
	verdict "$name" $? "$(cat "$TMP/compare.out")"
	netns_stop dump INT
}

# Packets that are the same take the same room in a file.
all_seen() { [ "$(stat -c %s "$TMP/seen.pcap")" -ge "$(stat -c %s "$TMP/sent.pcap")" ]; }

netns_add a m b
netns_veth a v0 m m0 2
netns_veth m m1 b v1 2
# The middle is no station of its own.
ip -n "$(ns_name m)" link set m0 promisc on
ip -n "$(ns_name m)" link set m1 promisc on
netns_no_offloads a v0
netns_no_offloads b v1
netns_addr a v0 10.0.0.1/24
netns_addr b v1 10.0.0.2/24
"$B/test/netns/capture" "$TMP/sent.pcap"

# One second of a slow machine is over before TCP has found its pace.
seconds=$((SLOW > 1 ? 4 : 2))
for nic in $BACKENDS; do
	export NETMAP_NIC=$nic
	for mode in "" "-c"; do
		what="$nic${mode:+, copying}"
		wanted "$what" || continue
		start_bridge $mode || { not_ok "$what: ping" "nothing comes through"; stop_bridge; continue; }
		ping_all "$what: ping" -s 56
		ping_all "$what: ping with 1514 bytes" -s 1472 -M "do"
		iperf "$what: iperf3 TCP" -t $seconds
		iperf "$what: iperf3 TCP, four streams, both ways" -t $seconds -P 4 --bidir
		iperf "$what: iperf3 UDP" -t $seconds -u -b 20M -l 1400
		flow "$what: numbered packets" -n "${COUNT:-20000}"
		replay "$what: tcpreplay"
		stop_bridge
		verdict "$what: ends at an interrupt" $?
	done
	wait_for 5 netns_no_xdp m m0 && wait_for 5 netns_no_xdp m m1
	verdict "$nic: no XDP program is left" $?
done
netns_end

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Two NICs joined by bridge(8) carry what a cable carries: ping, TCP and UDP of iperf3, numbered packets, and a
# capture file played by tcpreplay, which arrives byte by byte.
#
#	a: v0 10.0.0.1 ===== m0 :m: m1 ===== v1 10.0.0.2 :b
#	                     bridge -i m0 -i m1

. "$(dirname "$0")/../lib/netns.sh"
netns_begin

start_bridge() {
	netns_spawn bridge m "$B/bin/bridge" -i netmap:m0 -i netmap:m1 "$@"
	wait_for 10 in_ns a ping -q -c 1 -W 1 10.0.0.2 >/dev/null
}

stop_bridge() { netns_stop bridge INT; }

iperf() {
	local name=$1

	shift
	netns_spawn server b iperf3 -s -1 -J
	wait_for 10 netns_listens || { not_ok "$name" "iperf3 -s does not listen"; return; }
	in_ns a timeout 30 iperf3 -c 10.0.0.2 -J "$@" >"$TMP/client.out" 2>&1
	verdict "$name" $? "iperf3 failed"
	netns_stop server KILL
}

netns_listens() { in_ns b sh -c 'ss -Htln "sport = :5201"' | grep -q 5201; }

# Bytes that the receiver of the last iperf got, and datagrams it lost.
json() { grep -o "\"$1\":[^,}]*" "$TMP/client.out" | tail -n 1 | sed 's/.*://; s/[^0-9.].*//; s/\..*//'; }

flow() {
	local name=$1

	shift
	netns_spawn rx b "$B/test/netns/flow" rx -i raw:v1 "$@"
	wait_for 10 netns_said rx ready
	netns_spawn tx a "$B/test/netns/flow" tx -i raw:v0 "$@"
	netns_reap tx && netns_reap rx
	verdict "$name" $? "packets are missing or damaged"
	netns_stop rx KILL
}

# Plays a capture file in a, captures in b, compares the packets.
replay() {
	local name=$1

	netns_spawn dump b tcpdump -i v1 -Q in -U -w "$TMP/seen.pcap" --immediate-mode ether src 02:00:00:00:aa:01
	wait_for 10 netns_said dump 'listening on'
	in_ns a tcpreplay -q --pps 2000 -i v0 "$TMP/sent.pcap" >"$TMP/replay.out" 2>&1 || { not_ok "$name" "tcpreplay failed"; return; }
	wait_for 10 same_packets
	verdict "$name" $? "$(packets "$TMP/sent.pcap" | wc -l) packets sent, $(packets "$TMP/seen.pcap" | wc -l) captured, or they differ"
	netns_stop dump INT
}

packets() { tcpdump -t -nn -xx -r "$1" 2>/dev/null | grep -P '^\t0x'; }
same_packets() { cmp -s <(packets "$TMP/sent.pcap") <(packets "$TMP/seen.pcap"); }

netns_add a m b
netns_veth a v0 m m0 2
netns_veth m m1 b v1 2
netns_no_offloads a v0
netns_no_offloads b v1
netns_addr a v0 10.0.0.1/24
netns_addr b v1 10.0.0.2/24
"$B/test/netns/capture" "$TMP/sent.pcap"

for nic in $BACKENDS; do
	export NETMAP_NIC=$nic
	for mode in "" "-c"; do
		what="$nic${mode:+, copying}"
		start_bridge $mode || { not_ok "$what: ping" "nothing comes through"; stop_bridge; continue; }
		in_ns a ping -q -c 20 -i 0.02 -W 2 10.0.0.2 >"$TMP/ping.out" 2>&1
		verdict "$what: ping" $? "lost"
		in_ns a ping -q -c 20 -i 0.02 -s 1472 -M do -W 2 10.0.0.2 >"$TMP/ping.out" 2>&1
		verdict "$what: ping with 1514 bytes" $? "lost"
		iperf "$what: iperf3 TCP" -t 2
		[ "$(json bytes)" -gt 1000000 ] || not_ok "$what: iperf3 TCP" "only $(json bytes) bytes in 2 s"
		iperf "$what: iperf3 TCP, four streams, both ways" -t 2 -P 4 --bidir
		iperf "$what: iperf3 UDP" -t 2 -u -b 20M -l 1400
		flow "$what: numbered packets" -n 20000
		replay "$what: tcpreplay"
		stop_bridge
		verdict "$what: ends at an interrupt" $?
	done
	wait_for 5 netns_no_xdp m m0 && wait_for 5 netns_no_xdp m m1
	verdict "$nic: no XDP program is left" $?
done
netns_end

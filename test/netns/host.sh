#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# bridge(8) between a NIC and its own host: the host's connections go on as if nothing were in between, with all
# offloads of the interface switched on; with each back end.
#
#	a: 10.0.0.1 host -- bridge -i v0 -- v0 ===== v1 10.0.0.2 :b

. "$(dirname "$0")/../lib/netns.sh"
netns_begin
start_bridge() {
	netns_spawn bridge a "$B/bin/bridge" -i netmap:v0 "$@"
	wait_for 10 netns_said bridge 'packets are' && wait_for 10 ping_once
}

ping_once() { in_ns a ping -q -c 1 -W 1 10.0.0.2 >/dev/null; }
no_ping() { ! ping_once; }

seconds=$((SLOW > 1 ? 1 : 3))

serve() {
	netns_spawn server "$1" "$B/test/netns/stream" -s 7000
	wait_for 10 netns_said server ready
}

# A stream from one side to the other and back.
stream() {
	local name=$1 from=$2 to=$3 address=$4

	shift 4
	serve "$to"
	netns_spawn client "$from" "$B/test/netns/stream" -c "$address" 7000 "$@"
	netns_reap client
	verdict "$name" $? "the stream broke"
	netns_stop server KILL
}

# Of the in-process host nothing is left behind but what the interface is.
left() { ip -n "$(ns_name a)" -o link show | grep -q nmhost || ip -n "$(ns_name a)" -d link show dev v0 | grep -q xdp; }
nothing_left() { ! left; }

features() { in_ns a ethtool -k v0; }
promiscuous() { ip -n "$(ns_name a)" -d link show dev v0 | grep -o 'promiscuity [0-9]*'; }

netns_add a b
netns_veth a v0 b v1 2
netns_addr a v0 10.0.0.1/24
netns_addr b v1 10.0.0.2/24
for n in "a v0" "b v1"; do
	set -- $n
	for f in tx rx sg tso gso gro; do
		in_ns "$1" ethtool -K "$2" $f on >/dev/null 2>&1
	done
done
before=$(features; promiscuous)
# As long as this one runs the kernel need not patch its code when a port opens: emulators of several processors that are
# older than QEMU 8.1 lose track of that under load.
if on_device; then
	in_ns a ip link add hold0 type veth peer name hold1
	netns_spawn hold a "$B/bin/bridge" -i netmap:hold0 -w 0
	wait_for 10 netns_said hold 'packets are'
fi

for backend in $BACKENDS; do
	on_device || export NETMAP_NIC=$backend
	for mode in "" "-c"; do
		what="$backend: bridge${mode:+, copying}"
		start_bridge $mode || { not_ok "$what: ping" "nothing comes through"; netns_stop bridge INT; continue; }
		netns_spawn ping a ping -q -c 20 -i 0.02 -W 2 -s 1472 -M "do" 10.0.0.2
		netns_reap ping && netns_said ping ' 0% packet loss'
		verdict "$what: ping with 1514 bytes" $? "lost packets"
		stream "$what: TCP from the host" a b 10.0.0.2 $seconds
		stream "$what: TCP to the host" b a 10.0.0.1 $seconds
		netns_stop bridge INT
		verdict "$what: ends at an interrupt" $?
	done

	# One connection, while the bridge comes and goes.
	serve b
	netns_spawn client a "$B/test/netns/stream" -c 10.0.0.2 7000 10 5
	good=0
	for _ in 1 2 3; do
		start_bridge || good=1
		netns_stop bridge INT || good=1
		ping_once || good=1
	done
	start_bridge || good=1
	netns_stop bridge KILL
	wait_for 5 ping_once && wait_for 5 nothing_left || good=1
	verdict "$backend: the host has the interface back each time" $good
	netns_reap client
	verdict "$backend: a connection outlives the bridge" $? "it broke"
	netns_stop server KILL

	# A program on the NIC's rings alone has it for itself.
	netns_spawn alone a "$B/bin/pkt-gen" -i netmap:v0 -f rx
	wait_for 10 no_ping
	verdict "$backend: the NIC's rings cut the host off" $? "the host still gets answers"
	netns_stop alone INT
	wait_for 10 ping_once
	verdict "$backend: and give it back" $? "no answer any more"
done

[ "$(features; promiscuous)" = "$before" ]
verdict "the interface is as it was" $? "$(diff <(echo "$before") <(features; promiscuous) | tr '\n' ' ')"

# The module takes packets where a bridge does; the others before and beside it.
if on_device; then
	in_ns a ip link add br0 type bridge && in_ns a ip link set v0 master br0
	netns_spawn refused a "$B/bin/pkt-gen" -i netmap:v0 -f rx
	! netns_reap refused && netns_said refused 'v0 is part of a bridge'
	verdict "refused while it is part of a bridge" $? "it was opened, or the reason is not said"
	in_ns a ip link del br0
fi
netns_stop hold INT
netns_end

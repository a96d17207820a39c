#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The main job, shown with real packets. As root, after `make all benches`; ends within a minute, leaves nothing behind.
#
#	namespace A: lrd0 ======== veth ======== lrd1 :namespace B      pkt-gen tx -> pkt-gen rx; UDP; AF_PACKET
#
#	namespace C: lrd2 === lrd3 [namespace M: bridge] lrd4 === lrd5 :namespace D      ping, iperf3
#
#	netmap:demo{1 -> netmap:demo}1      a pipe, both ends in one process
set -u
cd "$(dirname "$0")/.." || exit 1
bin=build/bin bench=build/bench out=bench/out
packets=1500000
A=lrdA-$$ B=lrdB-$$ C=lrdC-$$ D=lrdD-$$ M=lrdM-$$
mac_a=02:00:00:00:01:01 mac_b=02:00:00:00:01:02
tmp=$(mktemp -d) || exit 1
pids=()

clean() {
	local p
	trap - EXIT INT TERM HUP
	for p in ${pids[@]+"${pids[@]}"}; do kill "$p" 2>/dev/null; done
	wait 2>/dev/null
	for p in "$A" "$B" "$C" "$D" "$M"; do ip netns del "$p" 2>/dev/null; done
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '\n== %s\n' "$*"; }
die() { echo "demo: $*" >&2; exit 1; }
in_ns() { local ns=$1; shift; timeout 30 ip netns exec "$ns" "$@"; }

[ "$(id -u)" = 0 ] || die "needs root, to make network namespaces; try: sudo make demo"
for p in $bin/pkt-gen $bin/bridge $bench/udp $bench/packet $bench/pipe $bench/sink $bench/report; do
	[ -x "$p" ] || die "$p is not built; run: make all benches"
done
core_tx=0 core_rx=0
[ "$(nproc)" -lt 2 ] || core_tx=1

# --- Helpers ------------------------------------------------------------------------------------------------

# pair NS IF MAC IP NS IF MAC IP: a veth pair with addresses (- for none)
pair() {
	ip link add "$2" netns "$1" address "$3" type veth peer name "$6" netns "$5" address "$7" || die "cannot make a veth pair"
	end "$1" "$2" "$4"
	end "$5" "$6" "$8"
}

end() {
	ip netns exec "$1" sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6' 2>/dev/null
	# Whole packets with complete checksums, as a wire would carry them.
	ip netns exec "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null 2>&1
	[ "$3" = - ] || ip -n "$1" addr add "$3" dev "$2"
	ip -n "$1" link set lo up && ip -n "$1" link set "$2" up || die "cannot bring $2 up"
}

# wait_for COMMAND...: until it succeeds, 10 s at most
wait_for() {
	local n
	for n in $(seq 500); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.02
	done
	return 1
}

# The kernel's own counter: stat NS IF rx|tx
stat() { ip netns exec "$1" cat "/sys/class/net/$2/statistics/$3_packets"; }

# The receiver's half of a veth runs in a thread of its own, and a sender waits instead of losing packets: as with a wire.
tune() {
	local comm
	wait_for in_ns "$B" sh -c 'echo 1 > /sys/class/net/lrd1/threaded' || return 0
	for comm in $(grep -ls '^napi/lrd1' /proc/[0-9]*/comm); do
		comm=${comm#/proc/}
		taskset -cp $core_rx "${comm%/comm}" >/dev/null 2>&1
	done
}

value() { awk -v k="$1=" '{ for (i = 1; i <= NF; i++) if (index($i, k) == 1) v = substr($i, length(k) + 1) } END { print v }'; }
average() { sed -n 's/^average \([0-9.]*\) pps.*/\1/p' "$1" | tail -n 1; }
total() { sed -n "s/^$2 \([0-9]*\) packets.*/\1/p" "$1" | tail -n 1; }

rows="$tmp/rows"
row() { printf '%s|%s|%s|%s\n' "$1" "$2" "$(awk "BEGIN { printf \"%.0f\", $mhz * 1e6 / $2 }")" "${3:-}" >> "$rows"; }

# --- A pipe: the framework alone ------------------------------------------------------------------------------

say "a pipe inside one process, tx -> rx, batches of 256"
timeout 30 $bench/pipe -c $core_tx -t 2 > "$tmp/pipe" || die "the pipe failed"
mhz=$(value mhz < "$tmp/pipe")
pipe_pps=$(value pps < "$tmp/pipe")
pipe_cycles=$(value cycles < "$tmp/pipe")
cat "$tmp/pipe"

# --- pkt-gen over AF_XDP -----------------------------------------------------------------------------------------

for ns in "$A" "$B" "$C" "$D" "$M"; do ip netns add "$ns" || die "cannot make a network namespace"; done
pair "$A" lrd0 $mac_a 192.0.2.1/24 "$B" lrd1 $mac_b 192.0.2.2/24
ip -n "$A" neigh replace 192.0.2.2 lladdr $mac_b dev lrd0 nud permanent
tc -n "$A" qdisc replace dev lrd0 root pfifo limit 1000 2>/dev/null

say "pkt-gen tx -> pkt-gen rx over a veth pair, $packets packets of 60 bytes"
ip netns exec "$B" timeout 40 $bin/pkt-gen -i lrd1 -f rx -N -a $core_rx -n $packets > "$tmp/rx" 2>&1 &
rx_pid=$!
pids+=($rx_pid)
wait_for grep -q 'lrd1: af_' "$tmp/rx" || { cat "$tmp/rx"; die "the receiver did not start"; }
tune
tx0=$(stat "$A" lrd0 tx) rx0=$(stat "$B" lrd1 rx)
in_ns "$A" $bin/pkt-gen -i lrd0 -f tx -N -a $core_tx -n $packets -D $mac_b > "$tmp/tx" 2>&1 || { cat "$tmp/tx"; die "the sender failed"; }
# What was lost on the way never comes: the receiver gets a moment, then is told to stop.
wait_for sh -c "! kill -0 $rx_pid" & waiter=$!
for _ in $(seq 100); do kill -0 $rx_pid 2>/dev/null || break; sleep 0.02; done
kill -INT $rx_pid 2>/dev/null
wait $rx_pid
kill $waiter 2>/dev/null
tx1=$(stat "$A" lrd0 tx) rx1=$(stat "$B" lrd1 rx)
sed 's/^/tx: /' "$tmp/tx"
sed 's/^/rx: /' "$tmp/rx"
sent=$(total "$tmp/tx" sent) received=$(total "$tmp/rx" received)
k_tx=$((tx1 - tx0)) k_rx=$((rx1 - rx0))
printf '\n  %-34s %12s\n  %-34s %12s\n  %-34s %12s\n  %-34s %12s\n' "pkt-gen says it sent" "$sent" "the kernel counted out of lrd0" $k_tx \
	"the kernel counted into lrd1" $k_rx "pkt-gen says it received" "$received"
[ "$sent" = "$packets" ] || die "pkt-gen sent $sent packets, not $packets"
[ "$k_tx" -ge "$sent" ] || die "the kernel counted fewer packets than pkt-gen sent"
[ -n "$received" ] && [ "$received" -gt 0 ] && [ "$received" -le "$k_rx" ] || die "pkt-gen received none, or more packets than the kernel counted"
dropped=$(sed -n 's/^port counters: \([0-9]*\) dropped.*/\1/p' "$tmp/rx")
printf '  %-34s %12s\n' "and dropped, its ring being full" "${dropped:-0}"
if [ "$k_tx" = "$sent" ] && [ "$k_rx" = "$sent" ] && [ $((received + ${dropped:-0})) = "$sent" ]; then
	echo "  every packet is accounted for"
else
	echo "  $((sent - received - ${dropped:-0})) packets went in ways that are not counted here"
fi
tx_pps=$(average "$tmp/tx") rx_pps=$(average "$tmp/rx")

# --- The same veth, as programs without netmap send ----------------------------------------------------------------

say "pkt-gen, a UDP socket and an AF_PACKET mmap ring on the same veth, into the same sink, 2 s each"
ip netns exec "$B" timeout 40 $bench/sink -i lrd1 > "$tmp/sink" 2>&1 &
pids+=($!)
wait_for grep -q ready "$tmp/sink" || die "the sink did not start"
tune
timeout -s INT 2 ip netns exec "$A" $bin/pkt-gen -i lrd0 -f tx -N -a $core_tx -D $mac_b > "$tmp/tx-sink" 2>&1
sent_pps=$(average "$tmp/tx-sink")
[ -n "$sent_pps" ] || { cat "$tmp/tx-sink"; die "the sender failed"; }
tail -n 2 "$tmp/tx-sink"
in_ns "$A" $bench/udp -s 192.0.2.1 -d 192.0.2.2 -c $core_tx -t 2 > "$tmp/udp" || die "the UDP sender failed"
in_ns "$A" $bench/packet -i lrd0 -D $mac_b -c $core_tx -t 2 > "$tmp/packet" || die "the AF_PACKET sender failed"
cat "$tmp/udp" "$tmp/packet"
udp_pps=$(value pps < "$tmp/udp") packet_pps=$(value pps < "$tmp/packet")

# --- bridge ----------------------------------------------------------------------------------------------------------

say "bridge between two interfaces: ping and iperf3 through it"
pair "$C" lrd2 02:00:00:00:01:03 198.51.100.1/24 "$M" lrd3 02:00:00:00:01:04 -
pair "$M" lrd4 02:00:00:00:01:05 - "$D" lrd5 02:00:00:00:01:06 198.51.100.2/24
ip netns exec "$M" timeout 40 $bin/bridge -i netmap:lrd3 -i netmap:lrd4 > "$tmp/bridge" 2>&1 &
bridge_pid=$!
pids+=($bridge_pid)
wait_for in_ns "$C" ping -c 1 -W 1 198.51.100.2 || { cat "$tmp/bridge"; die "no ping comes through the bridge"; }
in_ns "$C" ping -c 5 -i 0.2 198.51.100.2 || die "ping through the bridge failed"
ip netns exec "$D" timeout 40 iperf3 -s -1 > "$tmp/iperf-server" 2>&1 &
pids+=($!)
wait_for in_ns "$D" sh -c 'grep -q ":1451 " /proc/net/tcp /proc/net/tcp6' || die "iperf3 does not listen"
b0=$(($(stat "$M" lrd3 rx) + $(stat "$M" lrd4 rx)))
in_ns "$C" iperf3 -c 198.51.100.2 -t 4 > "$tmp/iperf" 2>&1 || { cat "$tmp/iperf"; die "iperf3 through the bridge failed"; }
b1=$(($(stat "$M" lrd3 rx) + $(stat "$M" lrd4 rx)))
tail -n 5 "$tmp/iperf"
tcp=$(awk '/receiver/ { for (i = 1; i < NF; i++) if ($(i + 1) ~ /bits\/sec/) print $i " " $(i + 1) }' "$tmp/iperf" | tail -n 1)
kill -INT $bridge_pid 2>/dev/null
wait $bridge_pid
sed 's/^/bridge: /' "$tmp/bridge"

# --- One table -----------------------------------------------------------------------------------------------------------

row "pipe, tx + rx in one thread" "$pipe_pps" "netmap, no NIC"
row "pkt-gen tx to pkt-gen rx, sent" "$tx_pps" "netmap over AF_XDP, both ends of a veth"
row "pkt-gen tx to pkt-gen rx, received" "$rx_pps" ""
row "pkt-gen tx to a sink" "$sent_pps" "netmap over AF_XDP, veth"
row "AF_PACKET mmap to the same sink" "$packet_pps" "same veth, qdisc bypassed"
row "UDP sendto to the same sink" "$udp_pps" "same veth"
row "bridge, TCP through two NICs" "$(((b1 - b0) / 4))" "${tcp:-iperf3}, zero-copy"
echo
printf '  %-36s %14s %15s   %s\n' "" "packets/s" "cycles/packet" ""
while IFS='|' read -r what pps cycles how; do
	printf '  %-36s %14.0f %15s   %s\n' "$what" "$pps" "$cycles" "$how"
done < "$rows"
echo
mkdir -p $out
mpps() { awk "BEGIN { printf \"%.4g\", $1 / 1e6 }"; }
{
	echo "chart demo Mpps Sending 60-byte packets over a veth pair, one core"
	echo "bar $(mpps "$sent_pps")! netmap over AF_XDP (pkt-gen)"
	echo "bar $(mpps "$packet_pps") AF_PACKET mmap"
	echo "bar $(mpps "$udp_pps") UDP sendto"
	echo "note counter at $mhz MHz, Linux $(uname -r), $(nproc) cores"
	echo "chart demo-pipe Mpps A pipe: both ends in one thread"
	echo "bar $(mpps "$pipe_pps")! netmap pipe, $pipe_cycles cycles a packet"
	echo "bar 14.88 10 Gbit/s line rate"
	echo "note batch 256"
} | $bench/report -o $out >/dev/null || die "the charts could not be written"
echo "charts: $out/demo.svg, $out/demo-pipe.svg"

#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# All measurements in one run: run.sh [quick]. As root, after the bench programs are built.
#
#	namespace A: lrb0 (senders) ======== veth ======== namespace B: lrb1 (sink, receivers)
#
# What is compared is measured in turns (a, b, c, c, b, a, ...), and each ratio is the median of the ratios of
# neighbouring turns: a shared or throttled machine changes speed all the time, but slowly. Many short turns, as the median
# of the same program against itself then stays within 3 %, even on a busy machine. A transmit rate counts what the sink
# saw arrive.
#
# Transmit twice. "inline": the veth as it is, where the receiving end's work is done on the sender's core, in its system
# call; all on one core, so other work on the machine disturbs it least: the goals are of this one. "apart": threaded
# NAPI on the receiving interface, its thread on the other core, as a network card's own work is apart from the sender's;
# and a queue (pfifo) on the sending one, for then a full veth makes senders wait instead of losing packets. Receive:
# apart.
#
# Missed goals do not fail the run (results.json says "met": false); a measurement that cannot be made does.
#
# BENCH_BIN: where the programs are; BENCH_OUT: where results go.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
bin=${BENCH_BIN:-$top/build/bench}
out=${BENCH_OUT:-$top/bench/out}
A=lrbA-$$
B=lrbB-$$
mac_a=02:00:00:00:00:01
mac_b=02:00:00:00:00:02
rounds=25
few_rounds=9
seconds=0.25
core_seconds=3

case ${1:-} in
'') ;;
quick) rounds=9 few_rounds=3 core_seconds=1 ;;
-h | --help) sed -n '3,/^set /s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) echo "usage: run.sh [quick]" >&2; exit 2 ;;
esac

export NETMAP_HOST=${NETMAP_HOST:-inprocess}

say() { printf '%s\n' "bench: $*" >&2; }
die() { say "$*"; exit 1; }

sink_pid=
source_pid=
daemon_pid=
tmp=$(mktemp -d) || exit 1

clean() {
	trap - EXIT INT TERM HUP
	for pid in $sink_pid $source_pid $daemon_pid; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	for ns in "$A" "$B"; do
		ip netns del "$ns" 2>/dev/null
	done
	rm -rf "$tmp"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- The two namespaces ----------------------------------------------------------------------------------

# Not for what runs in the background: its pid would be that of a shell.
in_a() { ip netns exec "$A" "$@"; }
in_b() { ip netns exec "$B" "$@"; }

setup_end() { # namespace, interface, its address, peer's address, peer's mac
	ip netns exec "$1" sh -c 'for f in all default; do echo 1 > /proc/sys/net/ipv6/conf/$f/disable_ipv6; done' 2>/dev/null
	ip -n "$1" addr add "$3/30" dev "$2" && ip -n "$1" link set lo up && ip -n "$1" link set "$2" up &&
		ip -n "$1" neigh replace "$4" lladdr "$5" dev "$2" nud permanent
}

setup() {
	ip netns add "$A" && ip netns add "$B" &&
		ip link add lrb0 netns "$A" address $mac_a numrxqueues 2 numtxqueues 2 type veth \
			peer name lrb1 netns "$B" address $mac_b numrxqueues 2 numtxqueues 2 &&
		setup_end "$A" lrb0 192.0.2.1 192.0.2.2 $mac_b && setup_end "$B" lrb1 192.0.2.2 192.0.2.1 $mac_a ||
		die "cannot make two namespaces with a veth pair"
}

# tune inline|apart: who does the receiving end's work. Threads are made with the program, so this comes after it.
tune() {
	threaded=0
	[ "$1" = inline ] || threaded=1
	tries=0
	until in_b sh -c "echo $threaded > /sys/class/net/lrb1/threaded" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 5 ] || { say "no threaded NAPI: the sender does the receiver's work"; return; }
		sleep 0.02
	done
	for comm in $(grep -ls '^napi/lrb1' /proc/[0-9]*/comm); do
		pid=${comm#/proc/}
		taskset -cp "$core_rx" "${pid%/comm}" >/dev/null 2>&1
	done
}

# --- Reading results ----------------------------------------------------------------------------------------

# value KEY: of the result line on standard input
value() {
	awk -v k="$1=" '
	{ for (i = 1; i <= NF; i++) if (index($i, k) == 1) v = substr($i, length(k) + 1) }
	END { if (v == "") exit 1; print v }'
}

# calc EXPRESSION: of awk
calc() { awk "BEGIN { printf \"%.6g\\n\", $1 }"; }

# median FILE: of the numbers in it
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { if (!NR) exit 1; print v[int((NR + 1) / 2)] }'; }

# ratio A B: median of the ratios of their lines
ratio() {
	paste "$tmp/$1" "$tmp/$2" | awk 'NF == 2 && $2 > 0 { printf "%.6g\n", $1 / $2 }' > "$tmp/ratio" && median "$tmp/ratio"
}

# --- Transmit -------------------------------------------------------------------------------------------------

wait_for() { # word, file
	n=0
	until grep -q "$1" "$2" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 500 ] || return 1
		sleep 0.02
	done
}

start_sink() { # inline|apart
	ip netns exec "$B" "$bin/sink" -i lrb1 > "$tmp/sink" &
	sink_pid=$!
	wait_for ready "$tmp/sink" || die "the sink did not start"
	tune "$1"
}

stop_sink() {
	kill "$sink_pid" && wait "$sink_pid"
	sink_pid=
}

# Packets that the sink has seen so far.
arrived() {
	lines=$(wc -l < "$tmp/sink")
	kill -USR1 "$sink_pid" || return 1
	n=0
	while [ "$(wc -l < "$tmp/sink")" = "$lines" ]; do
		n=$((n + 1))
		[ $n -lt 200 ] || return 1
		sleep 0.01
	done
	tail -n 1 "$tmp/sink" | value packets
}

# The same when no more come: on a busy machine some are late, and would be counted with the next turn.
all_arrived() {
	now=$(arrived) || return 1
	late=0
	while [ $late -lt 50 ]; do
		sleep 0.02
		was=$now
		now=$(arrived) || return 1
		[ "$now" != "$was" ] || break
		late=$((late + 1))
	done
	echo "$now"
}

tx_turn() { # program, inline|apart
	how=$2
	case $1 in
	nic) set -- nic "$bin/nic" tx -i netmap:lrb0-0 -D $mac_b ;;
	xsk) set -- xsk "$bin/xsk" tx -i lrb0 -D $mac_b ;;
	packet) set -- packet "$bin/packet" -i lrb0 -D $mac_b ;;
	udp) set -- udp "$bin/udp" ;;
	esac
	who=$1
	shift
	before=$(arrived) || die "the sink does not answer"
	in_a timeout 30 "$@" -c "$core_tx" -t "$seconds" > "$tmp/line" || die "$who could not be measured"
	after=$(all_arrived) || die "the sink does not answer"
	grep backend "$tmp/line" > "$tmp/backend"
	sent=$(value packets < "$tmp/line") && took=$(value seconds < "$tmp/line") || die "$who gave no result"
	came=$((after - before))
	[ "$came" -gt 0 ] && [ "$came" -le "$sent" ] || die "$who says it sent $sent packets, $came arrived"
	calc "$came / $took" >> "$tmp/$how.$who"
	calc "$came / $sent" >> "$tmp/came.$who"
	value cycles < "$tmp/line" >> "$tmp/$how.cycles.$who"
}

# measure_tx inline|apart rounds program...: in turns, in one order and the other
measure_tx() {
	how=$1 rounds_tx=$2
	shift 2
	backwards=
	for p in "$@"; do
		backwards="$p $backwards"
	done
	start_sink "$how"
	i=0
	while [ $i -lt "$rounds_tx" ]; do
		[ $((i % 5)) != 0 ] || say "transmit $how, round $((i + 1)) of $rounds_tx"
		if [ $((i % 2)) = 0 ]; then order=$*; else order=$backwards; fi
		for p in $order; do
			tx_turn "$p" "$how"
		done
		i=$((i + 1))
	done
	stop_sink
	for p in "$@"; do
		share=$(median "$tmp/came.$p")
		[ "$(calc "$share < 0.99")" = 0 ] || say "$p: only $share of its packets arrived; rates are of those"
	done
}

# --- Receive ---------------------------------------------------------------------------------------------------

rx_turn() { # program
	case $1 in
	nic) ip netns exec "$B" timeout 30 "$bin/nic" rx -i netmap:lrb1-0 -w -c "$core_rx" -t "$seconds" > "$tmp/line" & ;;
	xsk) ip netns exec "$B" timeout 30 "$bin/xsk" rx -i lrb1 -w -c "$core_rx" -t "$seconds" > "$tmp/line" & ;;
	esac
	receiver_pid=$!
	wait_for ready "$tmp/line" || die "$1 did not start to receive"
	tune apart
	ip netns exec "$A" "$bin/xsk" tx -i lrb0 -D $mac_b -c "$core_tx" -t 10 > "$tmp/source" &
	source_pid=$!
	wait "$receiver_pid" || die "$1 could not be measured"
	kill "$source_pid" && wait "$source_pid"
	source_pid=
	value pps < "$tmp/line" >> "$tmp/rx.$1" || die "$1 gave no result"
}

measure_rx() {
	i=0
	while [ $i -lt $rounds ]; do
		[ $((i % 5)) != 0 ] || say "receive, round $((i + 1)) of $rounds"
		if [ $((i % 2)) = 0 ]; then order="nic xsk"; else order="xsk nic"; fi
		for p in $order; do
			rx_turn "$p"
		done
		i=$((i + 1))
	done
}

# --- The rest ----------------------------------------------------------------------------------------------------

measure_core() {
	say "pipe"
	timeout 60 "$bin/pipe" -c "$core_tx" -t "$core_seconds" > "$tmp/pipe" || die "the pipe could not be measured"
	say "switch"
	timeout 60 "$bin/vale" -c "$core_tx" -t "$core_seconds" > "$tmp/vale" || die "the switch could not be measured"
	timeout 60 "$bin/vale" -c "$core_tx" -t "$core_seconds" sink > "$tmp/vale-sink" || die "the switch could not be measured"
	timeout 60 "$bin/vale" -c "$core_tx" -t "$core_seconds" -l 1514 memcpy > "$tmp/vale-copy" ||
		die "the switch could not be measured"
	say "simulated NIC"
	timeout 60 "$bin/simnic" -c "$core_tx" -t "$core_seconds" > "$tmp/simnic" || die "the simulated NIC could not be measured"
}

# Two processes, through netmapd, through UDP sockets and the veth, and through DPDK's memif: in turns.
#
# Memif polls and does not sleep: two processes that share their processors with others would be measured by how often these let
# them meet. So in its turns both sides are real-time, for a fraction of a second and never longer than two. The daemon is below its
# clients: who was answered goes on at once and asks again, and the daemon finds that before it has gone to sleep.
alone="prlimit --rttime=2000000:2000000 chrt -f 2"
below="prlimit --rttime=2000000:2000000 chrt -f 1"

daemon_turn() { # file, prefix, batch, ports
	f=$1 prefix=$2 size=$3
	shift 3
	timeout 30 env NETMAP_HOST=daemon NETMAP_SOCKET="$tmp/netmapd" $prefix "$bin/pair" -t "$seconds" -b "$size" "$@" > "$tmp/line" ||
		die "netmapd could not be measured"
	value pps < "$tmp/line" >> "$tmp/$f"
}

memif_turn() { # batch
	timeout 30 $alone "$bin/memif" -t "$seconds" -b "$1" > "$tmp/line" || die "memif could not be measured"
	value pps < "$tmp/line" >> "$tmp/memif-$1"
}

# best NAME: NAME-BATCH with the highest median
best() {
	for size in $sizes; do
		echo "$(median "$tmp/$1-$size") $1-$size"
	done | sort -gr | sed -n '1s/.* //p'
}

udp_turn() {
	ip netns exec "$A" timeout 30 "$bin/udp" -t 10 -c "$core_tx" > "$tmp/source" &
	source_pid=$!
	in_b timeout 30 "$bin/udp" recv -t "$seconds" -c "$core_rx" > "$tmp/line" || die "UDP sockets could not be measured"
	kill "$source_pid" && wait "$source_pid"
	source_pid=
	value pps < "$tmp/line" >> "$tmp/udp-pair"
}

start_daemon() { # prefix
	$1 "$bin/../bin/netmapd" -p -s "$tmp/netmapd" &
	daemon_pid=$!
	n=0
	until [ -S "$tmp/netmapd" ]; do
		n=$((n + 1))
		[ $n -lt 500 ] || die "netmapd does not start"
		sleep 0.02
	done
}

stop_daemon() {
	kill "$daemon_pid" && wait "$daemon_pid"
	daemon_pid=
}

# in_turns turn...: all, in one order and the other
in_turns() {
	backwards=
	for t in "$@"; do
		backwards="$t $backwards"
	done
	i=0
	while [ $i -lt $few_rounds ]; do
		if [ $((i % 2)) = 0 ]; then order=$*; else order=$backwards; fi
		for t in $order; do
			$t
		done
		i=$((i + 1))
	done
}

# Each at the batch that suits it best: one that is usual, and what its ring holds.
sizes="256 1000"

shared_switch() { daemon_turn daemon-shared "" 256 vale0:a vale0:b; }

two_processes() {
	for size in $sizes; do
		daemon_turn "daemon-$size" "$alone" "$size" vale0:a vale0:b
		daemon_turn "daemon-pipe-$size" "$alone" "$size"
		[ -z "$memif" ] || memif_turn "$size"
	done
}

measure_daemon() {
	say "netmapd and UDP sockets"
	start_daemon ""
	in_turns shared_switch udp_turn
	stop_daemon
	$alone true 2>/dev/null || { say "no real-time priority: other work disturbs what follows"; alone= below=; }
	say "netmapd${memif:+ and memif}"
	start_daemon "$below"
	in_turns two_processes
	stop_daemon
}

measure_open() {
	say "opening"
	in_a timeout 120 "$bin/open" -i lrb0 > "$tmp/open" || die "opening could not be measured"
}

mpps() { calc "$(median "$1") / 1e6"; }

tx_chart() { # inline|apart, file, title
	echo "chart $2 Mpps $3"
	echo "bar $(mpps "$tmp/$1.nic")! netmap over AF_XDP"
	echo "bar $(mpps "$tmp/$1.xsk") bare AF_XDP"
	echo "bar $(mpps "$tmp/$1.packet") AF_PACKET mmap"
	echo "bar $(mpps "$tmp/$1.udp") UDP sendto"
	echo "note 60-byte frames, batch 256; packets that arrived, median of the rounds"
	echo "note $note"
}

lines() {
	pipe_pps=$(value pps < "$tmp/pipe") && pipe_cycles=$(value cycles < "$tmp/pipe") &&
		sim_cycles=$(value cycles < "$tmp/simnic") && mhz=$(value mhz < "$tmp/pipe") || return 1
	cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
	vale_pps=$(value pps < "$tmp/vale") && vale_cycles=$(value cycles < "$tmp/vale") &&
		sink_cycles=$(value cycles < "$tmp/vale-sink") && copy_ratio=$(grep ^ratio "$tmp/vale-copy" | value value) || return 1
	note="${cpu:-$(uname -m)}, counter at $mhz MHz, Linux $(uname -r), $(nproc) cores"
	tx_chart inline nic-tx "Sending over a veth pair, all on one core"
	tx_chart apart nic-tx-apart "Sending over a veth pair, the receiving end on another core"
	echo "chart nic-rx Mpps Receiving from a veth pair"
	echo "bar $(mpps "$tmp/rx.nic")! netmap over AF_XDP"
	echo "bar $(mpps "$tmp/rx.xsk") bare AF_XDP"
	echo "note 60-byte frames, batch 256, in poll(); the same sender for both, median of the rounds"
	echo "note $note"
	echo "chart core cycles/packet The framework alone, sending and receiving in one thread"
	echo "bar $pipe_cycles! pipe, tx + rx"
	echo "bar 18 its goal: below"
	echo "bar $vale_cycles! VALE hop, tx + switch + rx"
	echo "bar $sim_cycles! simulated NIC, txsync + rxsync"
	echo "bar 30 its goal: below"
	echo "note batch 256; shorter is better"
	echo "note $note"
	echo "result nic_tx_vs_xsk $(ratio inline.nic inline.xsk) ratio >=0.95"
	echo "result nic_rx_vs_xsk $(ratio rx.nic rx.xsk) ratio >=0.95"
	echo "result nic_tx_vs_udp $(ratio inline.nic inline.udp) ratio >=3"
	echo "result nic_tx_vs_xsk_apart $(ratio apart.nic apart.xsk) ratio -"
	echo "result nic_tx_vs_udp_apart $(ratio apart.nic apart.udp) ratio -"
	echo "result nic_tx_mpps $(mpps "$tmp/inline.nic") Mpps -"
	echo "result nic_rx_mpps $(mpps "$tmp/rx.nic") Mpps -"
	echo "result nic_tx_cycles $(median "$tmp/inline.cycles.nic") cycles/packet -"
	echo "result pipe_mpps $(calc "$pipe_pps / 1e6") Mpps >=150"
	echo "result pipe_cycles $pipe_cycles cycles/packet <18"
	echo "result vale_mpps $(calc "$vale_pps / 1e6") Mpps >=20"
	echo "result vale_cycles $vale_cycles cycles/packet -"
	echo "result vale_sink_cycles $sink_cycles cycles/packet -"
	echo "result vale_1514_vs_memcpy $copy_ratio ratio >=0.8"
	echo "result simnic_cycles $sim_cycles cycles/packet <30"
	daemon=$(best daemon)
	echo "result daemon_mpps $(mpps "$tmp/$daemon") Mpps >=14.88"
	echo "result daemon_256_mpps $(mpps "$tmp/daemon-256") Mpps -"
	echo "result daemon_pipe_mpps $(mpps "$tmp/$(best daemon-pipe)") Mpps -"
	if [ -n "$memif" ]; then
		memif=$(best memif)
		echo "result memif_mpps $(mpps "$tmp/$memif") Mpps -"
		echo "result daemon_vs_memif $(ratio "$daemon" "$memif") ratio >=2"
		echo "result daemon_256_vs_memif $(ratio daemon-256 memif-256) ratio -"
		echo "result daemon_pipe_vs_memif $(ratio "$(best daemon-pipe)" "$memif") ratio -"
	fi
	echo "result daemon_vs_udp $(ratio daemon-shared udp-pair) ratio >=20"
	echo "result open_mib $(value mib < "$tmp/open") MiB <64"
	echo "result open_ms $(value net_ms < "$tmp/open") ms <50"
	echo "result open_program_ms $(value program_ms < "$tmp/open") ms -"
}

[ "$(id -u)" = 0 ] || die "needs root, for network namespaces and XDP"
for p in nic xsk packet udp sink pipe pair vale simnic open report ../bin/netmapd; do
	[ -x "$bin/$p" ] || die "$bin/$p is not built"
done
memif=yes
[ -x "$bin/memif" ] || { say "$bin/memif is not built, for want of DPDK: it is left out"; memif=; }
core_tx=0 core_rx=0
[ "$(nproc)" -lt 2 ] || core_tx=1
mkdir -p "$out" || exit 1
setup
measure_core
measure_open
measure_daemon
measure_tx inline $rounds nic xsk udp packet
tc -n "$A" qdisc replace dev lrb0 root pfifo limit 1000 2>/dev/null || say "no pfifo: a full veth loses packets"
measure_tx apart $few_rounds nic xsk udp packet
measure_rx
lines > "$tmp/lines" || die "a measurement gave no result"
[ ! -s "$tmp/backend" ] || cat "$tmp/backend"
"$bin/report" -o "$out" < "$tmp/lines" || die "no report"
say "written: $out"

# SPDX-License-Identifier: BSD-2-Clause
# pkt-gen with real packets between two namespaces. To be sourced.

# packets NS IF rx|tx: the kernel's own count.
kernel_count() {
	ip -n "$1" -s -s -j link show "$2" | sed -E "s/.*\"$3\":\\{\"bytes\":[0-9]*,\"packets\":([0-9]+).*/\\1/"
}

# transfer NAME COUNT BYTES RX-OPTIONS -- TX-OPTIONS: COUNT packets from v0 to v1 arrive, BYTES in all unless empty.
transfer() {
	local name=$1 count=$2 bytes=$3 rx=() why="" got
	shift 3
	while [ "$1" != -- ]; do
		rx+=("$1")
		shift
	done
	shift
	background "$work/rx" "$b" 20 "$bin/pkt-gen" -i v1 -f rx -n "$count" ${rx[@]+"${rx[@]}"}
	local receiver=$job
	if ! open_port "$work/rx"; then
		not_ok "$name" "the receiver does not start: $(reason "$work/rx")"
		return 1
	fi
	in_ns "$a" 20 "$bin/pkt-gen" -i v0 -f tx -n "$count" "$@" >"$work/tx" 2>&1 || why="the sender failed: $(reason "$work/tx")"
	finish "$receiver" 5
	if [ -n "$why" ]; then
		:
	elif [ "$code" -ne 0 ]; then
		why="the receiver ended with $code: $(reason "$work/rx"); sender: $(grep ^sent "$work/tx")"
	else
		got=$(number "$work/rx" 'received ([0-9]+) packets')
		[ "$got" = "$count" ] || why="$got packets of $count arrived"
		got=$(number "$work/tx" 'sent ([0-9]+) packets')
		[ "$got" = "$count" ] || why="$got packets of $count were sent"
		got=$(number "$work/rx" 'received .* packets, ([0-9]+) bytes')
		[ -z "$bytes" ] || [ "$got" = "$bytes" ] || why="$got bytes of $bytes arrived"
		! grep -q 'not taken' "$work/tx" || why=$(grep 'not taken' "$work/tx")
	fi
	verdict "$name" "$why"
	[ -z "$why" ]
}

# What a 60-byte packet stream looks like to the kernel on the other side. A netmap port must not be needed there.
tcpdump_start() {
	background "$work/dump.log" "$b" 30 tcpdump -i v1 -p -n --immediate-mode -s 0 -w "$work/dump.pcap"
	dumper=$job
	await 10 grep -q 'listening on' "$work/dump.log"
}

# tcpdump_stop COUNT: waits until it has so many packets.
tcpdump_stop() {
	local count=$1

	await 5 dump_has "$count"
	tell INT "$dumper"
	finish "$dumper" 5
}
dump_has() { [ "$(tcpdump -r "$work/dump.pcap" -n -t 2>/dev/null | wc -l)" -ge "$1" ]; }

# capture_make FILE: packets of several lengths with bytes that differ everywhere.
capture_make() {
	local i j length

	printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\1\0\0\0' >"$1"
	for length in 60 61 64 127 128 129 590 1024 1513 1514; do
		printf "\\\\x%02x" 1 0 0 0 2 0 0 0 $((length & 255)) $((length >> 8)) 0 0 $((length & 255)) $((length >> 8)) 0 0
		for ((i = 0; i < length; i++)); do
			j=$(((i * 7 + length * 13) & 255))
			[ $i -ge 6 ] || j=$((2 + i))
			[ $i -ne 12 ] || j=$((0x88))
			[ $i -ne 13 ] || j=$((0xb5))
			printf "\\\\x%02x" $j
		done
	done | xargs -0 printf '%b' >>"$1"
}

case_replay() {
	local why=

	capture_make "$work/sample.pcap"
	tcpdump_start || { not_ok replay "tcpdump does not start"; return; }
	in_ns "$a" 20 "$bin/pkt-gen" -i v0 -f tx -P "$work/sample.pcap" -R 1000 >"$work/tx" 2>&1 ||
		why="the sender failed: $(reason "$work/tx")"
	tcpdump_stop 10
	tcpdump -r "$work/sample.pcap" -n -t -xx 2>/dev/null >"$work/want"
	tcpdump -r "$work/dump.pcap" -n -t -xx 2>/dev/null >"$work/got"
	if [ -z "$why" ] && [ "$(number "$work/tx" 'sent ([0-9]+) packets')" != 10 ]; then
		why="not 10 packets: $(grep ^sent "$work/tx")"
	elif [ -z "$why" ] && ! cmp -s "$work/want" "$work/got"; then
		why="what arrived differs: $(diff "$work/want" "$work/got" | head -n 3 | tr '\n' ' ')"
	fi
	verdict "replay of a capture, as the kernel sees it" "$why"
}

# The hexadecimal lines of a dump, one packet after the other, bytes only.
dump_bytes() { sed -nE 's/^ *[0-9]+: (([0-9a-f]{2} )+).*/\1/p' "$1" | tr -d ' \n'; }

case_replay_netmap() {
	local want

	capture_make "$work/sample.pcap"
	transfer "replay of a capture, to a netmap receiver" 10 "" -X -- -P "$work/sample.pcap" -R 1000 || return
	# In the file each packet has a header of its own before it.
	want=$(tail -c +25 "$work/sample.pcap" | od -An -v -tx1 | tr -d ' \n')
	verdict "replay arrives byte by byte" "$(
		got=$(dump_bytes "$work/rx")
		for length in 60 61 64 127 128 129 590 1024 1513 1514; do
			[ "${want:32:length * 2}" = "${got:0:length * 2}" ] || { echo "the packet of $length bytes differs"; break; }
			want=${want:32 + length * 2} got=${got:length * 2}
		done
	)"
}

case_packets() {
	local why="" lengths

	tcpdump_start || { not_ok "packets" "tcpdump does not start"; return; }
	in_ns "$a" 20 "$bin/pkt-gen" -i v0 -f tx -n 200 -R 2000 -l 64 -l 1500 -s 10.0.0.1:2000-10.0.0.2:2004 -d 10.1.0.1:9 \
		-D 02:00:00:00:00:01-02:00:00:00:00:04 >"$work/tx" 2>&1 || why="the sender failed: $(reason "$work/tx")"
	in_ns "$a" 20 "$bin/pkt-gen" -i v0 -f tx -n 50 -R 2000 -6 -z -l 100 >>"$work/tx" 2>&1 ||
		why="the sender failed: $(reason "$work/tx")"
	tcpdump_stop 250
	tcpdump -r "$work/dump.pcap" -n -t -e -vv 2>/dev/null >"$work/got"
	lengths=$(sed -nE 's/.*ethertype IPv4 .*, length ([0-9]+): .*/\1/p' "$work/got" | sort -nu)
	if [ -n "$why" ]; then
		:
	elif [ "$(grep -c 'ethertype IPv' "$work/got")" -ne 250 ]; then
		why="$(grep -c 'ethertype IPv' "$work/got") of 250 packets arrived"
	elif grep -qi 'bad.*cksum' "$work/got"; then
		why="bad checksums: $(grep -ci 'bad.*cksum' "$work/got")"
	elif [ "$(grep -c 'udp sum ok' "$work/got")" -ne 250 ]; then
		why="$(grep -c 'udp sum ok' "$work/got") packets have a good UDP checksum"
	elif [ "$(head -n 1 <<<"$lengths")" -lt 64 ] || [ "$(tail -n 1 <<<"$lengths")" -gt 1500 ] || [ "$(wc -l <<<"$lengths")" -lt 50 ]; then
		why="lengths are not spread over 64 to 1500"
	elif [ "$(grep -oE '10\.0\.0\.[12]\.200[0-4] > 10\.1\.0\.1\.9' "$work/got" | sort -u | wc -l)" -ne 10 ]; then
		why="not all of the source range was used"
	elif [ "$(grep -oE '> 02:00:00:00:00:0[1-4], ethertype IPv4' "$work/got" | sort -u | wc -l)" -ne 4 ]; then
		why="not all of the destination mac range was used"
	elif [ "$(grep -oE 'fd00::[0-9a-f:]*\.[0-9]+ > fd00::2\.1234' "$work/got" | sort -u | wc -l)" -lt 45 ]; then
		why="random sources are not random"
	fi
	verdict "random lengths, ranges and checksums" "$why"
}

case_rate() {
	local why="" seconds

	in_ns "$a" 20 "$bin/pkt-gen" -i v0 -f tx -n 3000 -R 2k >"$work/tx" 2>&1 || why="the sender failed: $(reason "$work/tx")"
	seconds=$(number "$work/tx" 'sent .* bytes, in ([0-9.]+) s')
	if [ -z "$why" ] && ! awk -v s="$seconds" 'BEGIN { exit !(s > 1.4 && s < 2.5) }'; then
		why="3000 packets at 2000 a second took ${seconds:-?} s"
	fi
	verdict "rate" "$why"
}

case_counts() {
	local before after

	before=$(kernel_count "$b" v1 rx)
	transfer "exact count" 5000 300000 -- -R 10k || return
	after=$(kernel_count "$b" v1 rx)
	verdict "the kernel counts the same" "$([ $((after - before)) -eq 5000 ] || echo "$((after - before)) of 5000")"
	transfer "one packet" 1 60 --
	transfer "burst 1" 500 30000 -b 1 -- -b 1 -R 10k
	transfer "busy receiver, big packets" 1000 1514000 -- -l 1514 -R 10k
	transfer "random lengths" 1000 "" -- -l 60 -l 1514 -R 10k
	transfer "rubbish" 1000 64000 -- -r -l 64 -R 10k
	transfer "virtio-net header is part of the packet" 100 7200 -- -H 12 -R 10k
	transfer "plain units, verbose, pinned" 1000 60000 -N -v -a 0 -c 1 -- -N -v -a 0 -R 10k || return
	verdict "plain units and per-ring counters" "$(
		grep -qE '^average [0-9]+ pps, [0-9]+ bps' "$work/tx" || echo "no plain average"
		grep -qE '^tx ring 0: ' "$work/tx" || echo "no counters of rings"
		grep -qE '^thread 0: .*core 0' "$work/tx" || echo "no threads"
	)"
}

case_threads() {
	two_sides 2
	in_ns "$a" 10 "$bin/pkt-gen" -i v0 -f tx -n 1 >"$work/tx" 2>&1
	if ! grep -q '^v0: 2 tx rings' "$work/tx"; then
		skip "two threads" "$(head -n 1 "$work/tx")"
		return
	fi
	transfer "two threads, a ring pair each" 4000 240000 -p 2 -- -p 2 -R 10k
	transfer "as many threads as rings" 4000 240000 -- -p 0 -R 10k
	in_ns "$a" 10 "$bin/pkt-gen" -i v0 -f tx -p 3 -n 1 >"$work/tx" 2>&1
	verdict "more threads than rings" "$([ $? -eq 1 ] && grep -q '3 threads were asked for' "$work/tx" || reason "$work/tx")"
}

# Packets of several slots need a kernel and a driver that take them.
case_fragments() {
	background "$work/rx" "$b" 10 "$bin/pkt-gen" -i v1 -f rx -n 100
	local receiver=$job
	open_port "$work/rx"
	in_ns "$a" 10 "$bin/pkt-gen" -i v0 -f tx -n 100 -l 1500 -F 3 -R 10k >"$work/tx" 2>&1
	finish "$receiver" 3
	if [ "$code" -eq 0 ]; then
		verdict "packets of three slots" "$(
			[ "$(number "$work/rx" 'received 100 packets, ([0-9]+) bytes')" = 150000 ] || grep ^received "$work/rx"
		)"
	elif grep -qE ' [1-9][0-9]* (dropped|bad slots)' "$work/tx"; then
		skip "packets of three slots" "the port does not take them: $(grep 'port counters' "$work/tx")"
	else
		not_ok "packets of three slots" "$(grep ^received "$work/rx"), $(grep ^sent "$work/tx") $(reason "$work/tx")"
	fi
}

case_ping() {
	local why=

	background "$work/pong" "$b" 30 "$bin/pkt-gen" -i v1 -f pong
	local pong=$job
	open_port "$work/pong"
	in_ns "$a" 20 "$bin/pkt-gen" -i v0 -f ping -n 500 >"$work/ping" 2>&1 || why="ping failed: $(reason "$work/ping")"
	in_ns "$a" 20 "$bin/pkt-gen" -i v0 -f ping -n 200 -R 1k -6 -l 200 >"$work/ping6" 2>&1 || why="ping failed: $(reason "$work/ping6")"
	tell INT "$pong"
	finish "$pong" 5
	if [ -z "$why" ] && ! grep -q '^sent 500 requests, received 500 answers, lost 0 (0.00 %), repeated 0' "$work/ping"; then
		why=$(grep '^sent' "$work/ping")
	elif [ -z "$why" ] && ! grep -q '^sent 200 requests, received 200 answers' "$work/ping6"; then
		why=$(grep '^sent' "$work/ping6")
	elif [ "$code" -ne 0 ] || ! grep -q '^answered 700 packets' "$work/pong"; then
		why="pong ended with $code: $(grep '^answered' "$work/pong")"
	elif ! sed -nE 's/^latency us: min (.*), avg .*, p50 (.*), p90 (.*), p99 (.*), p99\.9 (.*), max (.*)/\1 \2 \3 \4 \5 \6/p' "$work/ping" |
		awk '{ n++; for (i = 2; i <= 6; i++) if ($i < $(i - 1)) exit 1 } END { exit n != 1 || $1 <= 0 }'; then
		why="strange latencies: $(grep '^latency' "$work/ping")"
	fi
	verdict "ping and pong" "$why"
	in_ns "$a" 20 "$bin/pkt-gen" -i v0 -f ping -n 2 >"$work/ping" 2>&1
	verdict "ping without answers ends" "$([ $? -eq 0 ] && grep -q 'lost 2 (100.00 %)' "$work/ping" || reason "$work/ping")"
}

case_stop() {
	local signal why

	for signal in INT TERM; do
		why=
		background "$work/rx" "$b" 20 "$bin/pkt-gen" -i v1 -f rx
		open_port "$work/rx"
		tell "$signal" "$job"
		finish "$job" 3
		[ "$code" -eq 0 ] && grep -q '^received 0 packets' "$work/rx" || why="code $code: $(tail -n 1 "$work/rx")"
		verdict "a waiting receiver and SIG$signal" "$why"
	done
	why=
	background "$work/tx" "$a" 20 "$bin/pkt-gen" -i v0 -f tx
	open_port "$work/tx"
	sleep 0.3
	tell INT "$job"
	finish "$job" 4
	[ "$code" -eq 0 ] && grep -qE '^sent [1-9][0-9]* packets' "$work/tx" || why="code $code: $(tail -n 1 "$work/tx")"
	verdict "a busy sender and SIGINT" "$why"
}

case_lost() {
	local role why

	for role in rx tx; do
		why=
		background "$work/$role" "$b" 20 "$bin/pkt-gen" -i v1 -f $role
		open_port "$work/$role"
		sleep 0.3
		ip -n "$a" link del v0
		finish "$job" 10
		[ "$code" -eq 1 ] && grep -q 'port was lost' "$work/$role" || why="code $code: $(tail -n 1 "$work/$role")"
		verdict "$role when the interface is gone" "$why"
		veth "$a" v0 "$b" v1
	done
}

# Pipes of the in-process host do not lead out of the process, so there is only one end.
case_pipe() {
	local why=

	timeout 10 "$bin/pkt-gen" -i 'netmap:lrtool{1' -f tx -n 100 >"$work/tx" 2>&1 || why="code $?: $(reason "$work/tx")"
	[ -n "$why" ] || grep -q '^sent 100 packets' "$work/tx" || why=$(tail -n 1 "$work/tx")
	verdict "a pipe without a reader" "$why"
}

case_examples() {
	local name port why

	for name in receive classic; do
		why=
		port=v1
		[ $name = classic ] || port=netmap:v1
		background "$work/example" "$b" 20 "$bin/$name" $port 20
		sleep 1
		in_ns "$a" 20 "$bin/pkt-gen" -i v0 -f tx -n 20 -l 100 -R 1k >"$work/tx" 2>&1 || why="the sender failed: $(reason "$work/tx")"
		finish "$job" 5
		[ -n "$why" ] || { [ "$code" -eq 0 ] && [ "$(grep -c '100 bytes, first is ff' "$work/example")" -ge 20 ]; } ||
			why="code $code: $(tail -n 1 "$work/example")"
		verdict "example $name" "$why"
	done
}

traffic_run() {
	two_sides || { not_ok "namespaces" "they can't be made"; return; }
	case_counts
	case_packets
	case_replay
	case_replay_netmap
	case_rate
	case_fragments
	case_ping
	case_stop
	case_examples
	case_pipe
	case_lost
	case_threads
	clean
}

# SPDX-License-Identifier: BSD-2-Clause
# bridge between two namespaces, in a third one. To be sourced.

# a has v0, b has v1, both lead to $m.
three_sides() {
	clean
	ns_add a && ns_add b && ns_add m && veth "$a" v0 "$m" m0 && veth "$b" v1 "$m" m1 || return 1
	ip -n "$a" addr add 10.99.0.1/24 dev v0
	ip -n "$b" addr add 10.99.0.2/24 dev v1
}

# bridge_case NAME WORDS OPTIONS...: carries ping and TCP, ends with totals; WORDS say how packets move.
bridge_case() {
	local name=$1 words=$2 why="" job_bridge
	shift 2
	background "$work/bridge" "$m" 40 "$bin/bridge" "$@"
	job_bridge=$job
	if ! await 10 grep -q "$words" "$work/bridge"; then
		not_ok "$name" "it does not start: $(reason "$work/bridge")"
		return
	fi
	in_ns "$a" 15 ping -q -i 0.02 -c 100 -W 2 -s 1400 10.99.0.2 >"$work/ping" 2>&1 || why="ping: $(grep received "$work/ping")"
	[ -n "$why" ] || grep -q '100 received' "$work/ping" || why="ping: $(grep received "$work/ping")"
	if [ -z "$why" ] && command -v iperf3 >/dev/null; then
		background "$work/iperf-server" "$b" 20 iperf3 -s -1
		await 5 grep -q listening "$work/iperf-server"
		in_ns "$a" 15 iperf3 -c 10.99.0.2 -t 1 >"$work/iperf" 2>&1 || why="iperf3: $(tail -n 1 "$work/iperf")"
	fi
	tell INT "$job_bridge"
	finish "$job_bridge" 5
	[ -n "$why" ] || [ "$code" -eq 0 ] || why="exit code $code"
	[ -n "$why" ] || [ "$(grep -cE ' -> .*: [1-9][0-9]+ packets, [1-9][0-9]+ bytes, 0 dropped' "$work/bridge")" -ge 2 ] ||
		why="totals: $(tail -n 2 "$work/bridge")"
	verdict "$name" "$why"
}

case_bridge_count() {
	local why=

	background "$work/bridge" "$m" 30 "$bin/bridge" -i m0 -i m1 -b 7
	local job_bridge=$job
	await 10 grep -q 'packets are' "$work/bridge"
	transfer "through a bridge, small bursts" 3000 180000 -- -R 10k
	tell INT "$job_bridge"
	finish "$job_bridge" 5
	grep -q '^m0 -> m1: 3000 packets, 180000 bytes, 0 dropped' "$work/bridge" || why=$(grep '^m0 ->' "$work/bridge" || reason "$work/bridge")
	verdict "the bridge counts the same" "$why"
}

case_bridge_idle() {
	local ticks why=

	background "$work/bridge" "$m" 30 "$bin/bridge" -i m0 -i m1
	await 10 grep -q 'packets are' "$work/bridge"
	ticks=$(cpu_ticks)
	sleep 1
	ticks=$(($(cpu_ticks) - ticks))
	[ $ticks -lt 20 ] || why="$ticks ticks of 100 in a second without packets"
	tell INT "$job"
	finish "$job" 5
	verdict "an idle bridge sleeps" "$why"
}

# The end of a pipe that nobody reads takes a ring of packets and no more.
case_bridge_full() {
	local ticks why=

	background "$work/bridge" "$m" 30 "$bin/bridge" -i m0 -i 'm0{1'
	await 10 grep -q 'packets are' "$work/bridge"
	in_ns "$a" 10 "$bin/pkt-gen" -i v0 -f tx -n 5000 -R 50k >"$work/tx" 2>&1
	sleep 0.3
	ticks=$(cpu_ticks)
	sleep 1
	ticks=$(($(cpu_ticks) - ticks))
	[ $ticks -lt 20 ] || why="$ticks ticks of 100 in a second"
	tell INT "$job"
	finish "$job" 5
	grep -qE '^m0 -> m0\{1: [1-9][0-9]{2,3} packets, .* 0 dropped' "$work/bridge" || why=$(tail -n 2 "$work/bridge")
	verdict "a bridge with nowhere to go sleeps" "$why"
}

# What the command under timeout has used so far.
cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$(child "$job")/stat" 2>/dev/null || echo 0
}

case_bridge_lost() {
	local why=

	background "$work/bridge" "$m" 30 "$bin/bridge" -i m0 -i m1
	await 10 grep -q 'packets are' "$work/bridge"
	sleep 0.3
	ip -n "$b" link del v1
	finish "$job" 10
	[ "$code" -eq 1 ] && grep -q 'port was lost' "$work/bridge" || why="code $code: $(tail -n 1 "$work/bridge")"
	verdict "a bridge that loses a port" "$why"
}

case_bridge_host() {
	ip -n "$m" addr add 10.99.0.3/24 dev m0
	background "$work/bridge" "$m" 30 "$bin/bridge" -i m0
	if ! await 5 grep -q 'packets are' "$work/bridge"; then
		finish "$job" 3
		if [ "$code" -eq 1 ]; then
			skip "bridge to the host stack" "$(reason "$work/bridge")"
		else
			not_ok "bridge to the host stack" "code $code: $(tail -n 1 "$work/bridge")"
		fi
		return
	fi
	in_ns "$a" 15 ping -q -i 0.02 -c 50 -W 2 10.99.0.3 >"$work/ping" 2>&1
	tell INT "$job"
	finish "$job" 5
	verdict "bridge to the host stack" "$(grep -q '50 received' "$work/ping" || grep received "$work/ping")"
}

bridge_run() {
	three_sides || { not_ok "namespaces" "they can't be made"; return; }
	bridge_case "bridge, swapping buffers" swapping -i m0 -i m1 -v
	bridge_case "bridge, copying" copied -c -i netmap:m0 -i netmap:m1
	case_bridge_count
	case_bridge_idle
	case_bridge_full
	case_bridge_host
	case_bridge_lost
	clean
}

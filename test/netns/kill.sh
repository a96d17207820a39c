#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Programs that die by kill -9 at random moments, a hundred times: the interface goes on working for the host, no XDP
# program, hook or tap interface stays behind, and the next program can open it.
#
#	a: v0 10.0.0.1 ===== v1 10.0.0.2 :b
#	   the victim

. "$(dirname "$0")/../lib/netns.sh"
netns_begin

victims=(
	"$B/bin/pkt-gen -i netmap:v0 -f rx -T 50"
	"$B/bin/pkt-gen -i netmap:v0 -f tx -T 50"
	"$B/bin/pkt-gen -i netmap:v0 -f rx -p 2"
	"$B/test/netns/flow rx -i netmap:v0 -n 100000"
	"$B/bin/bridge -i netmap:v0 -i netmap:w0"
	"$B/bin/bridge -i netmap:v0"
	"$B/bin/pkt-gen -i netmap:v0^ -f rx"
)

no_taps() { ! ip -n "$(ns_name a)" -o link show | grep -q nmhost; }
stack_works() { in_ns a ping -q -c 1 -W 1 10.0.0.2 >/dev/null; }

netns_add a b
netns_veth a v0 b v1 2
netns_veth a w0 b w1 2
netns_addr a v0 10.0.0.1/24
netns_addr b v1 10.0.0.2/24
rounds=${ROUNDS:-100}
set +m
stuck=0 left=0 moments=""
for ((i = 0; i < rounds; i++)); do
	read -ra victim <<<"${victims[i % ${#victims[@]}]}"
	ip netns exec "$(ns_name a)" "${victim[@]}" >"$TMP/victim.log" 2>&1 &
	one=$!
	# Two at a time now and then: who comes second fails, and may be killed while it does.
	[ $((i % 7)) -ne 3 ] || ip netns exec "$(ns_name a)" "$B/bin/pkt-gen" -i netmap:v0 -f rx >/dev/null 2>&1 &
	delay=$((RANDOM % ((i % 3 ? 60 : 250) * SLOW)))
	delay=$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))
	sleep "$delay"		# the moment is what is random here
	kill -KILL $one 2>/dev/null
	for pid in $(ip netns pids "$(ns_name a)"); do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	if ! on_device && ! { wait_for 5 netns_no_xdp a v0 && wait_for 5 netns_no_xdp a w0 && wait_for 5 no_taps; }; then
		left=$((left + 1)) moments+=" $delay"
	fi
	if ! wait_for 5 stack_works; then
		stuck=$((stuck + 1)) moments+=" $delay"
	fi
done 2>/dev/null
on_device || verdict "no XDP program and no tap left after $rounds kills" "$left" "left $left times, killed after$moments"
verdict "interface works after $rounds kills" "$stuck" "did not work $stuck times, killed after$moments"
! ip -n "$(ns_name a)" -d link show | grep -q 'promiscuity [1-9]'
verdict "not left in promiscuous mode" $?

# And the next one opens it as if nothing had been.
set -m
netns_spawn rx b "$B/test/netns/flow" rx -i raw:v1 -n 1000
wait_for 10 netns_said rx ready
netns_spawn tx a "$B/test/netns/flow" tx -i netmap:v0 -n 1000
netns_reap tx && netns_reap rx
verdict "opens and sends after $rounds kills" $?
netns_end

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What namespace a has to say to 10.0.0.2 in namespace b; to be sourced after netns.sh.
#
#	ping_all NAME [OPTION...]	of ping
#	iperf NAME [OPTION...]		of iperf3

# Twenty pings, none lost. On a slow machine the last answers may come when ping, which waits for twice the time that others
# took, is gone.
ping_all() {
	local name=$1

	shift
	wanted "$name" || return
	netns_spawn ping a ping -q -c 20 -i 0.02 -W 2 "$@" 10.0.0.2
	netns_reap ping && [ "$(sed -n 's/.*, \([0-9]*\) received.*/\1/p' "$TMP/ping.out")" -ge $((SLOW > 1 ? 18 : 20)) ]
	verdict "$name" $? "lost packets"
}

iperf() {
	local name=$1

	shift
	wanted "$name" || return
	netns_spawn server b iperf3 -s -1 -J
	wait_for 10 netns_listens || { not_ok "$name" "iperf3 -s does not listen"; return; }
	netns_spawn client a timeout 30 iperf3 -c 10.0.0.2 -J "$@"
	netns_reap client
	verdict "$name" $(($? || $(bytes) < 1000000 / SLOW)) "iperf3 failed, $(bytes) bytes arrived"
	netns_stop server KILL
}

# What arrived in the last iperf, in bytes.
bytes() { grep -A9 '"sum\(_received\)\?":' "$TMP/client.out" | sed -n 's/.*"bytes":[^0-9]*\([0-9]*\).*/\1/p' | tail -n 1 | grep . || echo 0; }

netns_listens() { in_ns b sh -c 'ss -Htln "sport = :5201"' | grep -q 5201; }

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Several processes on one interface, each with ring pairs of its own.
#
#	a: v0 ======= v1 :b		2 queues; flow 0 goes through ring 0, flow 1 through ring 1
#	   flow tx       flow rx v1-0, flow rx v1-1

. "$(dirname "$0")/../lib/netns.sh"
netns_begin

flow="$B/test/netns/flow"
export NETMAP_NIC=af_xdp

receivers() {
	netns_spawn zero b "$flow" rx -i netmap:v1-0 -w 0 "$@"
	wait_for 10 netns_said zero ready
	netns_spawn one b "$flow" rx -i netmap:v1-1 -w 0 "$@"
	wait_for 10 netns_said one ready
}

netns_add a b
netns_veth a v0 b v1 2

receivers -n 2000
netns_spawn tx a "$flow" tx -i netmap:v0 -f 2 -n 4000 -w 0 -R 2000
netns_reap tx && netns_reap zero && netns_reap one
verdict "two processes, a ring each" $? "not each got its flow"
wait_for 5 netns_no_xdp b v1
verdict "no XDP program is left" $?

# Whoever goes first, in whichever way, the other one goes on.
for first in zero one; do
	other=one
	[ $first = zero ] || other=zero
	for signal in INT KILL; do
		receivers -m -1
		netns_spawn tx a "$flow" tx -i netmap:v0 -f 2 -n 6000 -w 0 -R 2000
		kill -$signal "$(netns_pid $first)"
		netns_reap $first 5
		netns_reap tx
		netns_stop $other
		[ "$(sed -n 's/^received \([0-9]*\).*/\1/p' "$TMP/$other.out")" = 3000 ]
		verdict "the receiver of ring $first ends by SIG$signal, the other one goes on" $?
		wait_for 5 netns_no_xdp b v1
		verdict "no XDP program is left" $?
	done
done

# A third one for the same ring is refused, and nobody notices.
receivers -n 2000
netns_spawn third b "$flow" rx -i netmap:v1-1 -n 1
! netns_reap third 10
verdict "a ring that another process has is refused" $?
netns_spawn tx a "$flow" tx -i netmap:v0 -f 2 -n 4000 -w 0 -R 2000
netns_reap tx && netns_reap zero && netns_reap one
verdict "those who have the rings do not notice" $?
netns_end

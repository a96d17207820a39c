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
	wait_for 10 netns_said zero ready || return
	netns_spawn one b "$flow" rx -i netmap:v1-1 -w 0 "$@"
	wait_for 10 netns_said one ready
}

# two_flows COUNT: half of them to each
two_flows() { netns_spawn tx a "$flow" tx -i netmap:v0 -f 2 -n "$1" -w 0 -R 2000; }

# What each ring gets in one_leaves.
each=${COUNT:-3000}

# one_leaves FIRST OTHER SIGNAL: whoever goes first, in whichever way, the other one goes on
one_leaves() {
	receivers -m -1 && two_flows $((2 * each)) && netns_stop "$1" "$3"
	netns_reap tx
	netns_stop "$2"
	netns_said "$2" "^received $each "
	verdict "the receiver of ring $1 ends by SIG$3, the other one goes on" $?
	netns_stop "$1" KILL
	wait_for 5 netns_no_xdp b v1
	verdict "no XDP program is left" $?
}

netns_add a b
netns_veth a v0 b v1 2

receivers -n 2000 && two_flows 4000 && netns_reap tx && netns_reap zero && netns_reap one
verdict "two processes, a ring each" $? "not each got its flow"
netns_stop zero KILL
netns_stop one KILL
wait_for 5 netns_no_xdp b v1
verdict "no XDP program is left" $?
one_leaves zero one INT
one_leaves zero one KILL
one_leaves one zero INT
one_leaves one zero KILL

# A third one for the same ring is refused, and nobody notices. (The kernel's device lets processes share a ring.)
! on_device || netns_end
receivers -n 2000
netns_spawn third b "$flow" rx -i netmap:v1-1 -n 1
! netns_reap third 10
verdict "a ring that another process has is refused" $?
netns_said third "flow (process [0-9]*).*netmapd"
verdict "and told who has it, and what can be done" $?
two_flows 4000 && netns_reap tx && netns_reap zero && netns_reap one
verdict "those who have the rings do not notice" $?
netns_end

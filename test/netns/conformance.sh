#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The parts of the conformance suite that are about interfaces, with each back end by name. The programs make their own
# namespaces.

. "$(dirname "$0")/../lib/netns.sh"
netns_begin

run() {
	local program=$1

	shift
	NETMAP_NIC=$nic timeout 200 "$B/test/conformance/$program" -t 40 "$@" 2>"$TMP/$program.out" |
		sed "s/^\(ok\|not ok\|skip\) /\1 $nic: $program: /"
	[ "${PIPESTATUS[0]}" -eq 0 ] || netns_failed=1
}

for nic in $BACKENDS; do
	run nic
	run nicpoll
	run segment
	run valenic
	run interface
	run hostile scribble_on_an_interface
	run descriptor interface
done
netns_end

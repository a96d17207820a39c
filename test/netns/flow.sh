#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Packets of all sizes arrive intact and in order, each end being netmap or the kernel's packet socket.
#
#	namespace a: v0 ======= v1 :namespace b		veth, 2 queues
#	   flow tx                   flow rx

. "$(dirname "$0")/../lib/netns.sh"
netns_begin

# transfer NAME TX-PORT RX-PORT COUNT OPTIONS...: the numbered packets of flow.c, all of them and in order
transfer() {
	local name=$1 tx=$2 rx=$3 count=$4 rc

	shift 4
	wanted "$name" || return
	netns_spawn rx b "$B/test/netns/flow" rx -i "$rx" -n "$count" "$@"
	wait_for 10 netns_said rx ready || { not_ok "$name" "the receiver does not start"; netns_stop rx KILL; return; }
	netns_spawn tx a "$B/test/netns/flow" tx -i "$tx" -n "$count" "$@"
	netns_reap tx; rc=$?
	if [ $rc -ne 0 ]; then
		netns_stop rx
		not_ok "$name" "the sender failed (code $rc)"
		return
	fi
	netns_reap rx
	verdict "$name" $? "the receiver failed"
}

count=${COUNT:-20000}
netns_add a b
netns_veth a v0 b v1 2
netns_no_offloads a v0
netns_no_offloads b v1

for nic in $BACKENDS; do
	export NETMAP_NIC=$nic
	transfer "$nic: netmap to netmap, 60 to 1514 bytes" netmap:v0 netmap:v1 "$count"
	transfer "$nic: kernel to netmap" raw:v0 netmap:v1 "$count"
	transfer "$nic: netmap to kernel" netmap:v0 raw:v1 "$count"
	transfer "$nic: four flows over all rings" netmap:v0 netmap:v1 "$count" -f 4
	transfer "$nic: one packet at a time" netmap:v0 netmap:v1 500 -w 1
	transfer "$nic: shortest" netmap:v0 netmap:v1 "$count" -l 60 -L 60
	transfer "$nic: longest" netmap:v0 netmap:v1 "$count" -l 1514 -L 1514
	transfer "$nic: timestamps" raw:v0 netmap:v1 500 -T
	transfer "$nic: first ring alone" netmap:v0-0 netmap:v1 2000
done

# Packets of several slots: a veth pair that carries 9000 bytes.
netns_veth a w0 b w1 2 9000
netns_no_offloads a w0
netns_no_offloads b w1
for nic in $BACKENDS; do
	export NETMAP_NIC=$nic
	transfer "$nic: up to 9014 bytes, netmap to netmap" netmap:w0 netmap:w1 5000 -L 9014
	transfer "$nic: up to 9014 bytes, kernel to netmap" raw:w0 netmap:w1 5000 -L 9014
	transfer "$nic: up to 9014 bytes, netmap to kernel" netmap:w0 raw:w1 5000 -L 9014
	transfer "$nic: slots of 1000 bytes" netmap:w0 netmap:w1 5000 -L 9014 -s 1000
	transfer "$nic: 1514 bytes in two slots" netmap:w0 raw:w1 5000 -s 800
done

# Interfaces whose drivers have no XDP: generic XDP, in the kernel's receive path.
#	a: mv0 --- v0 ===== v1 --- mv1 :b
if ! wanted "no XDP in the driver"; then
	:
elif ip -n "$(ns_name a)" link add mv0 link v0 type macvlan mode bridge 2>/dev/null; then
	ip -n "$(ns_name b)" link add mv1 link v1 type macvlan mode bridge
	ip -n "$(ns_name a)" link set mv0 up
	ip -n "$(ns_name b)" link set mv1 up
	! on_device || { netns_in_order a mv0 && netns_in_order b mv1; }
	wait_for 5 netns_is_up a mv0
	wait_for 5 netns_is_up b mv1
	for nic in $BACKENDS; do
		export NETMAP_NIC=$nic
		transfer "$nic: no XDP in the driver, netmap to netmap" netmap:mv0 netmap:mv1 5000
		transfer "$nic: no XDP in the driver, kernel to netmap" raw:mv0 netmap:mv1 5000
		transfer "$nic: no XDP in the driver, netmap to kernel" netmap:mv0 raw:mv1 5000
	done
	if ! on_device; then
		netns_spawn gen b env NETMAP_NIC=af_xdp "$B/bin/pkt-gen" -i netmap:mv1 -f rx
		wait_for 10 netns_said gen 'generic XDP'
		verdict "af_xdp: no XDP in the driver is told" $?
		netns_stop gen
	fi
else
	skip "no XDP in the driver" "this kernel has no macvlan"
fi
netns_end

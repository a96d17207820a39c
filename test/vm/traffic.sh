# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Parts of plan.sh, which sources this: what NICs do under load while their own drivers know netmap. admode is 1 here, so that
# what is said to be native is.
#
#	bytes KIND		frames as the programs have them are, byte by byte, what QEMU saw on the wire (boot.sh -d)

# traffic_begin KIND...: drivers, carriers. traffic_end KIND...
traffic_begin() {
	local kind

	drivers_loaded=0
	for kind in "$@"; do
		change_driver "$kind" "$LR_DRIVERS" || { not_ok "$kind" "the driver cannot be loaded: $(dmesg | tail -n 1)"; return 1; }
		drivers_loaded=$((drivers_loaded + 1))
	done
	interfaces_before=$(interfaces)
	echo 1 >/sys/module/netmap/parameters/admode
}

traffic_end() {
	local kind

	echo 0 >/sys/module/netmap/parameters/admode
	for kind in "$@"; do
		change_driver "$kind" stock
		verdict "$kind: the driver goes" $? "it does not"
	done
	drivers_loaded=0
	interfaces_before=$(interfaces)
	leftovers "$1"
}

# Both interfaces of a kind are up, with that MTU, and hear each other.
up() {
	local side

	for side in a b; do
		ip link set "$1$side" down
		ip link set "$1$side" mtu "${2:-1500}" promisc on up || return 1
	done
	soon carrier "${1}a" && soon carrier "${1}b"
}

carrier() { [ "$(cat "/sys/class/net/$1/carrier" 2>/dev/null)" = 1 ]; }

# limited SECONDS COMMAND...
limited() {
	local seconds=$(($1 * LR_SLOW))

	shift
	timeout --kill-after=10 $seconds "$@"
}

# --- Bytes --------------------------------------------------------------------------------------------

bytes() {
	local kind=$1 a=${1}a b=${1}b

	traffic_begin "$kind" || return
	up "$kind" || not_ok "$kind/bytes" "no carrier"
	same_bytes "$kind/bytes: 60 to 1514" "$a" "$b"
	same_bytes "$kind/bytes: the other way" "$b" "$a"
	same_bytes "$kind/bytes: in slots of 300" "$a" "$b" -s 300
	up "$kind" 6000 || not_ok "$kind/bytes" "no carrier"
	same_bytes "$kind/bytes: long ones in slots of 1500" "$a" "$b" -L 6000 -s 1500
	up "$kind"
	traffic_end "$kind"
}

# same_bytes NAME FROM TO OPTION...: numbered packets, of all sizes
same_bytes() {
	local name=$1 from=$2 to=$3 sent=/run/sent.pcap got=/run/got.pcap at_from at_to rx

	shift 3
	at_from=$(stat -c %s "$LR_DUMP/$from.pcap") at_to=$(stat -c %s "$LR_DUMP/$to.pcap")
	limited 60 "$B/test/netns/flow" rx -i "netmap:$to" -n 1500 -o $got "$@" >$out.b 2>&1 &
	rx=$!
	soon grep -q ready $out.b
	# The sender's interface may lose its carrier when it is opened, as QEMU's e1000 hears nothing for a while.
	limited 60 "$B/test/netns/flow" tx -i "netmap:$from" -n 1500 -d 3000 -o $sent "$@" >$out 2>&1
	verdict "$name: sent" $? "$(tail -n 2 $out $out.b)"
	wait $rx
	verdict "$name: received" $? "$(tail -n 2 $out.b)"
	# Ours of those in the dump: the type, flow 0, and the word that data begin with.
	"$B/test/netns/capture" -o $sent "$LR_DUMP/$from.pcap" "$at_from" 88b60000776f6c66 >$out
	verdict "$name: what was sent is on the wire" $? "$(cat $out)"
	"$B/test/netns/capture" -o $got "$LR_DUMP/$to.pcap" "$at_to" 88b60000776f6c66 >$out
	verdict "$name: what was on the wire is received" $? "$(cat $out)"
}

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# In the guest, as root: sets up the interfaces, then measures. run.sh and profile.sh start it.
#
#	guest.sh [-h] [-t SECONDS] [-b "BATCH..."] [-s FILE] [-n DIRECTORY] LOAD [MEASUREMENT]
#	  -t	seconds of 10^9 instructions for each measurement (0.03)
#	  -b	batches (256)
#	  -s	leave the kernel's symbols there
#	  -n	drivers that know netmap are there: measures them, and nothing else; e1000ea ==== hub ==== e1000eb, 192.0.5.1/30
#	  LOAD	the program that measures, see load.c
#	  MEASUREMENT	one alone, like "tx udp e1000a" or "rx netmap veth1"; else all, and a line "failed ..." for each
#			that could not be made
#
#	e1000a ==== hub ==== e1000b	192.0.1.1/30	    veth0 ==== veth1	192.0.3.1/30
#	virtioa ==== hub ==== virtiob	192.0.2.1/30	    dummy0		192.0.4.1/30
#
# The frames go to an address that is nobody's. The far end of a hub drops them by its hardware filter, which costs the
# guest nothing; at the far end of the veth pair the host's stack drops them, first thing in ip_rcv(). It is the same for
# all methods. e1000 has its largest rings, so that a batch of 512 fits into them; virtio has the 256 that QEMU gives it.
set -u
seconds=0.03 batches=256 symbols='' native=''

usage() { sed -n '4,/^set /s/^# \{0,1\}//p' "$0" | grep -v '^set '; }

while getopts ht:b:s:n: opt; do
	case $opt in
	h) usage; exit 0 ;;
	t) seconds=$OPTARG ;;
	b) batches=$OPTARG ;;
	s) symbols=$OPTARG ;;
	n) native=$OPTARG ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || { usage >&2; exit 2; }
load=$1
shift

end_up() { # interface, number of its network if it has one
	case $1 in
	e1000*) ethtool -G "$1" tx 4096 rx 4096 || return 1 ;;
	esac
	[ -z "${2:-}" ] || ip addr add "192.0.$2.1/30" dev "$1" || return 1
	ip link set "$1" up || return 1
	[ -z "${2:-}" ] || ip neigh replace "192.0.$2.2" lladdr 02:00:00:00:00:02 dev "$1" nud permanent
}

# Nothing is sent but what is measured.
quiet() {
	local f

	for f in all default; do
		echo 1 >/proc/sys/net/ipv6/conf/$f/disable_ipv6
	done
}

setup() {
	quiet
	modprobe pktgen && modprobe dummy numdummies=0 && modprobe veth &&
		ip link add veth0 type veth peer name veth1 && ip link add dummy0 type dummy &&
		end_up e1000a 1 && end_up e1000b && end_up virtioa 2 && end_up virtiob && end_up veth0 3 && end_up veth1 &&
		end_up dummy0 4 && sleep 3
}

# The drivers of `native` in place of the kernel's; interfaces are found again by their addresses.
change_drivers() {
	local d m i mac=()

	for i in /sys/class/net/*[ab]; do
		mac+=("${i##*/}=$(cat "$i/address")")
	done
	modprobe veth
	for d in e1000 e1000e virtio_net veth; do
		rmmod $d && insmod "$native/$d.ko" || return 1
	done
	sleep 1
	for m in "${mac[@]}"; do
		for i in /sys/class/net/*; do
			[ "$(cat "$i/address")" != "${m#*=}" ] || ip link set "${i##*/}" name "${m%%=*}" || return 1
		done
	done
}

setup_native() {
	quiet
	change_drivers && end_up e1000a 1 && end_up e1000b && end_up virtioa 2 && end_up virtiob && end_up e1000ea 5 &&
		end_up e1000eb && ip link add veth0 type veth peer name veth1 && end_up veth0 3 && end_up veth1 && sleep 3
}

natively() { # in batches of so many
	local i

	for i in e1000a e1000ea virtioa; do
		measure tx native $i "$1"
	done
	measure tx native-pair veth0 "$1"
	for i in e1000b e1000eb virtiob; do
		measure rx native $i "$1"
	done
}

# Who sends what INTERFACE receives by METHOD: a method, its interface, and where the injector's own cost is measured. On a
# veth pair the latter must not include delivery at the far end, which is part of receiving: a dummy interface frees the
# packet at once.
injection() { # method, interface
	case $1,$2 in
	netmap-host,*) echo packet-stack "$2" "$2" ;;	# what the host sends there
	# As fast as they come at line rate, or nearly: else it is interrupts that are measured, one for a few packets.
	native,*b) echo native "${2%b}a" "${2%b}a" ;;
	*,e1000b) echo packet-mmsg e1000a e1000a ;;
	*,e1000eb) echo packet-mmsg e1000ea e1000ea ;;
	*,virtiob) echo packet-mmsg virtioa virtioa ;;
	*) echo packet-mmsg veth0 dummy0 ;;
	esac
}

network() {
	case $1 in
	e1000a) echo 1 ;;
	virtioa) echo 2 ;;
	veth0) echo 3 ;;
	e1000ea) echo 5 ;;
	*) echo 4 ;;
	esac
}

measure() { # tx|rx, method, interface, batch
	local n

	n=$(network "$3")
	set -- "$@" -s "192.0.$n.1" -d "192.0.$n.2" -t "$seconds"
	if [ "$1" = tx ]; then
		timeout 60 "$load" tx "$2" -i "$3" -b "${@:4}"
	else
		timeout 60 "$load" rx "$2" $(injection "$2" "$3") -i "$3" -b "${@:4}"
	fi || { echo "failed $2 $1 $3 batch=$4"; return 1; }
}

# The batch makes no difference to those that take packets one by one.
singly() {
	local i m

	for i in e1000a virtioa veth0; do
		for m in udp packet pktgen; do
			measure tx $m $i 256
		done
		measure tx udp-mmsg $i 256
		measure tx packet-mmsg $i 256
	done
	for i in e1000b virtiob veth1; do
		measure rx packet $i 256
		measure rx packet-mmsg $i 256
	done
	measure tx null-idle none 256
	measure tx netmap-idle e1000a 256
}

in_batches() { # of so many
	local i m

	measure tx pipe none "$1"
	measure tx vale none "$1"
	measure tx vale-sink none "$1"
	measure tx null none "$1"
	for i in e1000a virtioa veth0; do
		for m in packet-mmap xsk netmap; do
			measure tx $m $i "$1"
		done
	done
	# veth shares no packets, so it refuses bursts of one. pktgen waits by spinning when an interface is full, which only
	# virtio gets, when its thread of QEMU is late: the smallest of three runs has least of that in it.
	measure tx pktgen-best e1000a "$1"
	for i in 1 2 3; do
		measure tx pktgen-best virtioa "$1"
	done
	for i in e1000b virtiob veth1; do
		for m in packet-mmap xsk netmap; do
			measure rx $m $i "$1"
		done
	done
	measure tx netmap-host e1000b "$1"
	measure rx netmap-host e1000b "$1"
}

if [ -n "$native" ]; then
	setup_native || { echo "the drivers that know netmap could not be set up" >&2; exit 1; }
	for batch in $batches; do
		natively "$batch"
	done
	exit 0
fi
setup || { echo "the interfaces could not be set up" >&2; exit 1; }
[ -z "$symbols" ] || cat /proc/kallsyms >"$symbols" || exit 1
if [ $# -gt 0 ]; then
	for batch in $batches; do
		measure $* "$batch" || exit 1
	done
else
	singly
	for batch in $batches; do
		in_batches "$batch"
	done
	true
fi

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The tests of the kernel's /dev/netmap, in a machine of boot.sh that has the module loaded. Lines `ok`, `not ok`, `skip` as
# all tests print them. After each program the kernel log is looked at, nobody may have the module in use, and the
# interfaces must be those that were there before.
#
#	bash test/vm/plan.sh PART...
#	small		a machine of little memory: load, open, unload, again and again
#	raw		the conformance suite, programs that know nothing of libnetmap
#	linked		the same linked with libnetmap
#	netns		namespaces, processes, kill -9
#	kernel		test/kernel: what only the kernel has
#	wire KIND	conformance, flows and kill -9 on NICs KINDa and KINDb: what may differ from NIC to NIC
#	dummy		an interface that takes everything
#	native KIND	the driver of LR_DRIVERS, which knows netmap, and what may happen to its device; with LR_NATIVE_WIRE, any
#			word, then all of wire
#	veth		the driver of LR_DRIVERS for veth pairs, which knows netmap; veth_netns: netns with it
#	bytes KIND, bridge KIND OTHER, flood KIND, opens KIND, stack KIND, removal KIND: see traffic.sh
#
# Environment: LR_SLOW, how many times slower than a real machine this one is; LR_KO, the module's file; LR_WIRE_ALL, any
# word: on NICs also what is the same on all of them.
set -u
cd "$(dirname "$0")/../.." || exit 1
here=test/vm
B=${LR_BUILD:-build}
export NETMAP_HOST=device LR_SLOW=${LR_SLOW:-4}
out=/run/plan.out
failed=0

ok() { echo "ok $*"; }
not_ok() {
	echo "not ok $1: $2"
	failed=1
}

# run NAME SECONDS COMMAND...: its lines with the name in them, then what it left behind.
run() {
	local name=$1 limit=$2 rc start=$SECONDS

	shift 2
	timeout --kill-after=10 $((limit * LR_SLOW)) "$@" >$out 2>&1 </dev/null
	rc=$?
	sed -n "s|^ok |&$name: |p; s|^not ok |&$name: |p; s|^skip |&$name: |p" $out
	case $rc in
	0) grep -qE '^(ok|not ok|skip) ' $out || ok "$name" ;;
	77) grep -q '^skip ' $out || echo "skip $name: $(tail -n 1 $out)" ;;
	124 | 137) not_ok "$name" "took more than $((limit * LR_SLOW)) s" ;;
	*) grep -q '^not ok ' $out || not_ok "$name" "exit code $rc" ;;
	esac
	if [ $rc -ne 0 ] && [ $rc -ne 77 ]; then
		failed=1
		tail -n 25 $out | sed 's/^/  | /'
	fi
	leftovers "$name"
	echo "# $name: $((SECONDS - start)) s"
}

leftovers() {
	log_clean "$1"
	soon unused || not_ok "$1" "afterwards the module has $(cat /sys/module/netmap/refcnt) users: $(lsof_netmap)"
	soon same_interfaces || not_ok "$1" "afterwards there are the interfaces $(interfaces)"
}

log_clean() {
	local why

	why=$(bash $here/log.sh) && return
	not_ok "$1" "the kernel complained"
	echo "$why" | sed 's/^/  | /'
}

# Namespaces and their interfaces are taken down in the background.
soon() {
	local _

	for _ in {1..100}; do
		"$@" && return
		sleep 0.1
	done
	return 1
}

# Drivers that know netmap use it as long as they are loaded.
drivers_loaded=0
unused() {
	local n=$drivers_loaded

	[ ! -e /sys/module/netmap ] || read -r n </sys/module/netmap/refcnt
	[ "$n" -eq "$drivers_loaded" ]
}

lsof_netmap() { find /proc/[0-9]*/fd -lname /dev/netmap 2>/dev/null | tr '\n' ' '; }
interfaces() { (cd /sys/class/net && echo *); }
same_interfaces() { [ "$(interfaces)" = "$interfaces_before" ]; }

# --- The parts ---------------------------------------------------------------------------------------

raw() {
	local t

	for t in "$B"/test/conformance/*-raw; do
		run "raw/$(basename "$t" -raw)" 100 "$t" -t $((30 * LR_SLOW))
	done
}

linked() {
	local t

	for t in "$B"/test/conformance/*; do
		case $t in
		*-raw | *.d) ;;
		*) run "linked/$(basename "$t")" 100 "$t" -t $((30 * LR_SLOW)) ;;
		esac
	done
}

netns() {
	# Drivers that pass packets on, as macvlan, put them in a queue of the processor, which is short for so slow a one.
	echo 20000 >/proc/sys/net/core/netdev_max_backlog
	run netns/flow 120 env COUNT=2000 bash test/netns/flow.sh
	run netns/processes 60 env COUNT=2000 bash test/netns/processes.sh
	run netns/queues 100 bash test/netns/queues.sh
	run netns/pause 100 bash test/netns/pause.sh
	run netns/bridge 150 env COUNT=4000 bash test/netns/bridge.sh
	run netns/host 150 bash test/netns/host.sh
	run netns/kill 150 env ROUNDS=21 bash test/netns/kill.sh
	chmod 666 /dev/netmap
	run netns/refuse 60 bash test/netns/refuse.sh
	chmod 600 /dev/netmap
}

kernel() {
	run kernel 300 bash "$B/test/kernel/run.sh" -k "$LR_KO" -t $((60 * LR_SLOW))
	run vale 100 env BIN="$PWD/$B/bin" bash test/kernel/vale.sh
}

# on_wire KIND PROGRAM CASE...: these cases of it, or all.
on_wire() {
	local kind=$1 program=$2

	shift 2
	[ -z "${LR_WIRE_ALL:-}" ] || set --
	run "$kind/$program" 100 "$B/test/conformance/$program-raw" -t $((30 * LR_SLOW)) "$@"
}

# NICs as the pair lr0, lr1 of test/conformance/wire.h and test/lib/netns.sh.
wire() {
	local kind=$1

	ip link set "${kind}a" down
	ip link set "${kind}b" down
	ip link set "${kind}a" name lr0 && ip link set "${kind}b" name lr1 || { not_ok "wire/$kind" "no interfaces"; return; }
	interfaces_before=$(interfaces)
	export LR_WIRE=$kind
	on_wire "$kind" nic receives sends tx_ring_empties tx_rings_only rx_rings_only slots_as_asked smallest_rings \
		timestamps counters_and_back_end slow_receiver 'zero_copy*' extra_buffers_in_an_rx_ring bad_slots odd_lengths
	on_wire "$kind" nicpoll packets_wake_poll packets_wake_epoll_edge poll_of_two_interfaces child_goes_on
	# QEMU's e1000e and vmxnet3 cut a packet into segments of another size than they are told, its igb forgets PSH on the last.
	case $kind in e1000e | igb | vmxnet3) ;; *) on_wire "$kind" segment ;; esac
	# What is the kernel's rather than the NIC's is looked at on one kernel.
	case $(uname -r) in
	7.*) on_wire "$kind" interface down_and_up opened_while_down peer_down_and_up renamed mtu_changed \
		moved_to_another_namespace stack_works_after_close nothing_left_after_exit 'long_packets*'
		on_wire "$kind" host the_wire_reaches_the_host all_is_as_before_after_close nic_rings_alone both down_and_up \
			open_and_close_under_load forward_to_the_host 'forward_to_the_wire*' long_packets vlan_tags ;;
	*) on_wire "$kind" interface down_and_up mtu_changed stack_works_after_close 'long_packets*'
		on_wire "$kind" host both open_and_close_under_load forward_to_the_host 'forward_to_the_wire*' long_packets ;;
	esac
	run "$kind/hostile" 60 "$B/test/conformance/hostile-raw" -t $((30 * LR_SLOW)) scribble_on_an_interface
	# The other ones make interfaces of their own.
	run "$kind/flow" 120 env COUNT=2000 LR_CASES='^device: (netmap|kernel|one|first)' bash test/netns/flow.sh
	run "$kind/kill" 100 env ROUNDS=5 bash test/netns/kill.sh
	unset LR_WIRE
	ip link del lr0.5 2>/dev/null
	ip link set lr0 down
	ip link set lr1 down
	ip link set lr0 name "${kind}a"
	ip link set lr1 name "${kind}b"
	interfaces_before=$(interfaces)
}

# Interfaces KINDa and KINDb get another driver: stock, or that of LR_DRIVERS.
change_driver() {
	local kind=$1 driver=$1 file=$2 side d mac_a mac_b

	[ "$kind" != virtio ] || driver=virtio_net
	# Tests may have given them other addresses.
	mac_a=$(ethtool -P "${kind}a" | sed 's/.*: //') mac_b=$(ethtool -P "${kind}b" | sed 's/.*: //')
	rmmod "$driver" || return
	if [ "$file" = stock ]; then modprobe "$driver"; else insmod "$file/$driver.ko"; fi || return
	for side in "a $mac_a" "b $mac_b"; do
		soon named "$kind${side%% *}" "${side#* }" || return
	done
}

# The interface with that address gets the name.
named() {
	local d

	for d in /sys/class/net/*; do
		[ "$(cat "$d/address")" = "$2" ] && ip link set "${d##*/}" name "$1" && return
	done
	return 1
}

native() {
	local kind=$1

	change_driver "$kind" "$LR_DRIVERS" || { not_ok "native/$kind" "the driver cannot be loaded: $(dmesg | tail -n 1)"; return; }
	drivers_loaded=1
	interfaces_before=$(interfaces)
	backend "$kind" 'native: '
	modes "$kind"
	changes "$kind"
	[ -z "${LR_NATIVE_WIRE:-}" ] || wire "$kind"
	change_driver "$kind" stock
	verdict "native/$kind: the driver goes" $? "it does not"
	drivers_loaded=0
	backend "$kind" 'generic: '
	leftovers "native/$kind"
}

# The port on KINDa is driven so.
backend() {
	"$B/bin/pkt-gen" -i "netmap:${1}a" -f tx -n 1 -l 60 >$out 2>&1
	grep -q "$2" $out
	verdict "native/$1: ${2%: }" $? "$(tail -n 3 $out | tr '\n' ' ')"
}

# Parameter admode.
modes() {
	local mode=/sys/module/netmap/parameters/admode

	ip link set "${1}a" up
	ip link set "${1}b" up
	echo 2 >$mode
	backend "$1" 'generic: '
	echo 1 >$mode
	backend "$1" 'native: '
	"$B/bin/pkt-gen" -i netmap:lo -f tx -n 1 >$out 2>&1
	[ $? -ne 0 ] && grep -q 'admode' $out
	verdict "native/$1: admode 1 wants a native driver" $? "$(tail -n 2 $out | tr '\n' ' ')"
	echo 0 >$mode
}

# What happens to a device while a program has it: the program goes on, or ends with an error; nobody hangs.
changes() {
	local a=${1}a b=${1}b i device driver

	for i in {1..20}; do
		"$B/bin/pkt-gen" -i "netmap:$a" -f tx -n 500 -l 60 >$out 2>&1 || break
	done &
	for i in {1..20}; do
		timeout 60 "$B/bin/pkt-gen" -i "netmap:$b" -f tx -n 500 -l 60 >$out.b 2>&1 || break
	done
	wait $!
	verdict "native/$1: opened and closed again and again under load" $? "$(tail -n 2 $out $out.b | tr '\n' ' ')"
	hold "$a"
	ip link set "$a" down
	sleep 1
	ip link set "$a" up
	sleep 3
	"$B/bin/pkt-gen" -i "netmap:$b" -f tx -n 5000 -l 60 >$out.b 2>&1
	sleep 2
	release
	grep -qE 'received [1-9]' $out
	verdict "native/$1: receives again after down and up" $? "$(tail -n 3 $out | tr '\n' ' ')"
	hold "$a"
	ethtool -G "$a" rx 128
	ended
	verdict "native/$1: other ring sizes end the program" $? "it goes on"
	device=$(basename "$(readlink "/sys/class/net/$a/device")")
	driver=/sys/class/net/$a/device/driver
	driver=$(readlink -f "$driver")
	hold "$a"
	echo "$device" >"$driver/unbind"
	ended
	verdict "native/$1: unbound from its driver, the program ends" $? "it goes on"
	echo "$device" >"$driver/bind"
	sleep 1
	for i in /sys/class/net/eth*; do
		[ -e "$i" ] && ip link set "${i##*/}" name "$a"
	done
	ip link set "$a" up
	leftovers "native/$1"
}

# Pairs whose two ends hand slots to each other, and what else a veth does. Tests that make pairs get such ones.
veth() {
	local t

	veth_begin || return
	backend veth 'native: '
	modes veth
	run veth/pair 150 "$B/test/conformance/pair-raw" -t $((60 * LR_SLOW))
	! grep -q '^skip' $out || not_ok veth/pair "skipped with the driver that knows netmap"
	veth_killed
	veth_changes
	for t in nic nicpoll interface host hostile; do
		run "veth/$t" 100 "$B/test/conformance/$t-raw" -t $((30 * LR_SLOW))
	done
	veth_end
}

veth_netns() {
	veth_begin || return
	netns
	veth_end
}

veth_begin() {
	rmmod veth && insmod "$LR_DRIVERS/veth.ko" && ip link add vetha numtxqueues 2 numrxqueues 2 type veth peer name vethb ||
		{ not_ok veth "the driver cannot be loaded: $(dmesg | tail -n 1)"; return 1; }
	drivers_loaded=1
	interfaces_before=$(interfaces)
}

veth_end() {
	ip link del vetha
	rmmod veth
	verdict "veth: the driver goes" $? "it does not"
	drivers_loaded=0
	modprobe veth
	interfaces_before=$(interfaces)
	leftovers veth
}

# Programs at both ends, one of them killed: the other one goes on.
veth_killed() {
	local ends functions i victim bad=0

	for i in {1..12}; do
		read -ra ends <<<"$([ $((i % 2)) -eq 0 ] && echo vetha vethb || echo vethb vetha)"
		read -ra functions <<<"$([ $((i % 4)) -lt 2 ] && echo tx rx || echo rx tx)"
		"$B/bin/pkt-gen" -i "netmap:${ends[0]}" -f "${functions[0]}" -l 60 >$out.b 2>&1 &
		victim=$!
		"$B/bin/pkt-gen" -i "netmap:${ends[1]}" -f "${functions[1]}" -l 60 >$out 2>&1 &
		holder=$!
		soon grep -q " slots, region " $out
		sleep "$((i % 3)).$((i % 7))"
		kill -KILL $victim
		wait $victim 2>/dev/null
		kill -0 $holder 2>/dev/null || bad=$((bad + 1))
		release
	done 2>/dev/null
	[ $bad -eq 0 ]
	verdict "veth: killed at either end" $? "$bad times of 12 the other one ended: $(tail -n 2 $out)"
	leftovers "veth: killed"
}

veth_changes() {
	hold vetha
	ethtool -L vetha tx 1 rx 1
	ended
	verdict "veth: other channels end the program" $? "it goes on"
	ethtool -L vetha tx 2 rx 2
	"$B/bin/pkt-gen" -i netmap:vethb -f tx -l 60 >$out.b 2>&1 &
	local sender=$!
	hold vetha
	sleep 1
	ip link del vetha
	ended
	verdict "veth: deleted under traffic, the receiver ends" $? "it goes on"
	holder=$sender
	ended
	verdict "veth: deleted under traffic, the sender ends" $? "it goes on"
	ip link add vetha type veth peer name vethb
	hold vetha
	rmmod veth
	ended
	verdict "veth: without its driver, the program ends" $? "it goes on"
	insmod "$LR_DRIVERS/veth.ko"
	ip link add vetha numtxqueues 2 numrxqueues 2 type veth peer name vethb
	leftovers "veth: changes"
}

# The program of hold ends by itself.
ended() {
	soon eval '! kill -0 $holder 2>/dev/null'
	local rc=$?

	[ $rc -eq 0 ] || kill -KILL $holder
	wait $holder
	return $rc
}

# An interface that takes everything and gives nothing back.
dummy() {
	local sent

	modprobe dummy numdummies=0
	ip link add lrdummy type dummy && ip link set lrdummy up || { not_ok dummy "cannot be made"; return; }
	"$B/bin/pkt-gen" -i netmap:lrdummy -f tx -n 5000 -l 60 >$out 2>&1 || not_ok dummy "pkt-gen: $(tail -n 1 $out)"
	sent=$(cat /sys/class/net/lrdummy/statistics/tx_packets)
	if [ "$sent" -ge 5000 ]; then ok "dummy: 5000 packets sent"; else not_ok "dummy: 5000 packets sent" "$sent were"; fi
	timeout 60 "$B/bin/pkt-gen" -i netmap:lrdummy -f tx -l 60 >$out 2>&1 &
	sleep 1
	ip link del lrdummy
	if wait_gone $!; then ok "dummy: deleted under a sender"; else not_ok "dummy: deleted under a sender" "it is stuck"; fi
	leftovers dummy
}

# The process ends, by itself or by an interrupt.
wait_gone() {
	sleep 1
	kill -INT "$1" 2>/dev/null
	soon eval "! kill -0 $1 2>/dev/null"
}

# KiB that cannot be had any more: what is not free after all caches are dropped.
used() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 0.2
	awk '/^MemTotal/ { total = $2 } /^(MemFree|Buffers|Cached|SReclaimable):/ { free += $2 } END { print total - free }' /proc/meminfo
}

# The debug kernel keeps what is freed for a while (KASAN's quarantine); there kmemleak tells what is lost.
skbs() {
	[ ! -w /sys/kernel/debug/kmemleak ] || { echo 0; return; }
	awk '/^skbuff_(head_cache|fclone_cache)/ { n += $2 } END { print n + 0 }' /proc/slabinfo
}

# The kernel's list of mappings names who made them.
vmalloc_ours() { grep -c '\[netmap\]' /proc/vmallocinfo; }

load() { insmod "$LR_KO" "$@"; }

small() {
	local before rc

	[ "$(stat -c '%a %u:%g' /dev/netmap)" = "600 0:0" ]
	verdict "small: root's alone" $? "/dev/netmap is $(stat -c '%a %u:%g' /dev/netmap)"
	ip link add lr0 type veth peer name lr1
	ip link set lr0 up
	ip link set lr1 up
	interfaces_before=$(interfaces)
	hold e1000a
	verdict "small: a NIC of hardware opens" $? "$(tail -n 2 $out)"
	release
	leftovers small
	before=$(used)
	hold lr0
	verdict "small: a NIC opens" $? "$(tail -n 2 $out)"
	echo "# opening a NIC takes $(($(used) - before)) KiB of $(awk '/^MemTotal/ { print $2 }' /proc/meminfo)"
	rmmod netmap 2>/dev/null
	rc=$?
	[ $rc -ne 0 ] && [ -e /sys/module/netmap ]
	verdict "small: not unloaded in use" $? "rmmod ended with code $rc"
	release
	leftovers small
	rmmod netmap
	verdict "small: unloaded after use" $? "rmmod failed"
	[ ! -e /dev/netmap ] && [ ! -e /sys/class/misc/netmap ]
	verdict "small: the device goes with the module" $?
	[ "$(vmalloc_ours)" -eq 0 ]
	verdict "small: no mapping is left" $? "$(grep '\[netmap\]' /proc/vmallocinfo)"
	load_again
	load_use_drift
	ip link del lr0
	interfaces_before=$(interfaces)
	load
}

verdict() { if [ "$2" -eq 0 ]; then ok "$1"; else not_ok "$1" "${3:-failed}"; fi; }

# Somebody who has the port open, until release, and receives, or does what is said.
hold() {
	"$B/bin/pkt-gen" -i "netmap:$1" -f "${2:-rx}" >$out 2>&1 &
	holder=$!
	soon eval 'grep -q " slots, region " $out || ! kill -0 $holder 2>/dev/null' && kill -0 $holder
}

release() {
	kill -INT $holder
	soon eval '! kill -0 $holder 2>/dev/null' || kill -KILL $holder
	wait $holder
}

load_again() {
	local i

	for i in {1..10}; do
		load && rmmod netmap || { not_ok "small: loaded and unloaded ten times" "failed at number $i"; return; }
	done
	log_clean "small: loaded and unloaded ten times"
	ok "small: loaded and unloaded ten times"
}

# The same work over and over does not take more and more memory. What the kernel itself keeps after the first rounds does not
# count, nor what comes and goes: the least of three rounds is held against the least of the three before.
load_use_drift() {
	local i n first=999999999 last=999999999 skbs_first skbs_last

	for i in {1..9}; do
		load
		hold lr0
		"$B/bin/pkt-gen" -i netmap:lr1 -f tx -n 20000 -l 60 >/dev/null 2>&1
		release
		soon unused
		rmmod netmap
		n=$(used)
		[ $i -ne 3 ] || skbs_first=$(skbs)
		if [ $i -gt 3 ] && [ $i -le 6 ] && [ "$n" -lt "$first" ]; then first=$n; fi
		if [ $i -gt 6 ] && [ "$n" -lt "$last" ]; then last=$n; fi
	done
	skbs_last=$(skbs)
	echo "# memory in use: $first KiB after rounds 4 to 6, $last KiB after rounds 7 to 9; skbs $skbs_first, $skbs_last"
	if [ -w /sys/kernel/debug/kmemleak ]; then
		echo "skip small: rounds of work take no more memory: KASAN keeps back what is freed; kmemleak looks at the end"
	else
		[ $((last - first)) -lt 2048 ]
		verdict "small: rounds of work take no more memory" $? "$((last - first)) KiB more in three rounds"
	fi
	[ $((skbs_last - skbs_first)) -lt 2000 ]
	verdict "small: rounds of work leave no packets" $? "$((skbs_last - skbs_first)) more after six rounds"
}

# Where the kernel can tell: memory that nobody points to.
kmemleak() {
	local found

	[ -w /sys/kernel/debug/kmemleak ] || return 0
	if found=$(bash $here/leak.sh); then ok kmemleak; return; fi
	not_ok kmemleak "memory is lost"
	echo "$found" | head -n 60 | sed 's/^/  | /'
}

. $here/traffic.sh
[ $# -gt 0 ] || { sed -n 's/^#	//p' "$0" >&2; exit 2; }
modprobe veth
interfaces_before=$(interfaces)
while [ $# -gt 0 ]; do
	case $1 in
	small | raw | linked | netns | kernel | dummy | veth | veth_netns) $1 ;;
	wire | native | bytes | flood | opens | stack | removal)
		$1 "$2"
		shift
		;;
	bridge)
		bridge "$2" "$3"
		shift 2
		;;
	*)
		echo "not ok plan: there is no part $1"
		exit 2
		;;
	esac
	shift
done
if [ -e /sys/module/netmap ]; then
	soon unused && rmmod netmap
	verdict "unloaded at the end" $? "$(cat /sys/module/netmap/refcnt 2>/dev/null) users: $(lsof_netmap)"
fi
kmemleak
log_clean "at the end"
exit $failed

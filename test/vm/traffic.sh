# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Parts of plan.sh, which sources this: what NICs do under load while their own drivers know netmap. admode is 1 here, so that
# what is said to be native is.
#
#	bytes KIND		frames as the programs have them are, byte by byte, what QEMU saw on the wire (boot.sh -d)
#	bridge KIND OTHER	two NICs, of two drivers, joined by bridge(8): test/netns/bridge.sh
#	flood KIND		received without a pause, for LR_FLOOD_SECONDS (20); meanwhile the console answers in LR_FLOOD_MS
#	opens KIND		opened and closed LR_OPENS times (1000; vmxnet3, which takes half a second: 200) under load
#	stack KIND		what the stack does with it, before and after
#	removal KIND		the device or its driver goes while programs send, receive, and wait

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
	if [ "$kind" = vmxnet3 ]; then
		echo "skip $kind/bytes: long ones: its driver knows netmap with frames that fit a buffer"
	else
		up "$kind" 6000 || not_ok "$kind/bytes" "no carrier"
		same_bytes "$kind/bytes: long ones in slots of 1500" "$a" "$b" -L 6000 -s 1500
		up "$kind"
	fi
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

# --- Bridge -------------------------------------------------------------------------------------------

# The interfaces of two pairs as those of test/lib/netns.sh, and back: cables NAME NAME NAME NAME
cables() {
	local from to=(lr0 lr1 lr4 lr5) i=0

	for from in "$@"; do
		ip link set "$from" down
		ip link set "$from" name "${to[i++]}" || return 1
	done
	interfaces_before=$(interfaces)
}

uncables() {
	local to from=(lr0 lr1 lr4 lr5) i=0

	for to in "$@"; do
		ip link set "${from[i]}" down
		ip link set "${from[i++]}" name "$to"
	done
	interfaces_before=$(interfaces)
}

bridge() {
	traffic_begin "$1" "$2" || return
	cables "${1}a" "${1}b" "${2}a" "${2}b" || { not_ok "bridge/$1-$2" "no interfaces"; return; }
	LR_WIRE=$1 LR_WIRE2=$2 COUNT=2000 run "bridge/$1-$2" 70 bash test/netns/bridge.sh
	uncables "${1}a" "${1}b" "${2}a" "${2}b"
	traffic_end "$1" "$2"
}

# --- The stack -----------------------------------------------------------------------------------------

stack() {
	traffic_begin "$1" || return
	cables "${1}a" "${1}b" || { not_ok "stack/$1" "no interfaces"; return; }
	LR_WIRE=$1 run "stack/$1" 70 bash test/netns/stack.sh
	uncables "${1}a" "${1}b"
	traffic_end "$1"
}

# --- Flood ---------------------------------------------------------------------------------------------

# A shell that naps, starts a process and writes to the console, for so many seconds. Its longest round, in ms.
responsive() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) before now worst=0 never

	exec {never}<> <(:)
	before=${EPOCHREALTIME/./}
	while [ "$before" -lt $end ]; do
		read -rt 0.05 -u "$never" _
		/bin/true
		printf . >/dev/console
		now=${EPOCHREALTIME/./}
		[ $((now - before)) -le $worst ] || worst=$((now - before))
		before=$now
	done
	exec {never}>&-
	echo $((worst / 1000))
}

# The receiver reads all that comes; then it reads nothing.
flood() {
	local kind=$1 a=${1}a b=${1}b seconds=$((${LR_FLOOD_SECONDS:-20} / 2 + 1)) bound=${LR_FLOOD_MS:-$((1000 * LR_SLOW))} worst sender

	traffic_begin "$kind" || return
	up "$kind" || not_ok "flood/$kind" "no carrier"
	echo "# flood/$kind: without a flood, $(responsive 3) ms at most"
	hold "$a"
	"$B/bin/pkt-gen" -i "netmap:$b" -f tx -l 60 >$out.b 2>&1 &
	sender=$!
	soon grep -qE '[1-9][0-9.]* .?pps' $out
	worst=$(responsive $seconds)
	verdict "flood/$kind: received, the console answers in $worst ms" $((worst > bound)) "more than $bound"
	kill -STOP $holder
	worst=$(responsive $seconds)
	verdict "flood/$kind: not read, the console answers in $worst ms" $((worst > bound)) "more than $bound"
	kill -CONT $holder
	release
	kill -INT $sender
	wait $sender
	echo "# flood/$kind: $(tail -n 1 $out.b); $(tail -n 1 $out)"
	grep -qE 'received [1-9][0-9]{3}' $out
	verdict "flood/$kind: packets came" $? "$(tail -n 2 $out $out.b | tr '\n' ' ')"
	traffic_end "$kind"
}

# --- Opens ---------------------------------------------------------------------------------------------

# One end sends without a pause, and at the other the stack does.
opens() {
	local kind=$1 a=${1}a b=${1}b count=1000 load

	[ "$kind" != vmxnet3 ] || count=200
	count=${LR_OPENS:-$count}
	traffic_begin "$kind" || return
	up "$kind" || not_ok "opens/$kind" "no carrier"
	"$B/bin/pkt-gen" -i "netmap:$b" -f tx -l 60 >$out.b 2>&1 &
	load=$!
	"$B/test/netns/flow" tx -i "raw:$a" -w 0 -R 500 >/dev/null 2>&1 &
	load+=" $!"
	limited $((30 + count)) "$B/test/netns/opens" "$a" "$count" >$out 2>&1
	verdict "opens/$kind: $count times under load" $? "$(tail -n 2 $out)"
	echo "# opens/$kind: $(tail -n 1 $out)"
	kill -INT $load
	# A packet that stays in a queue of the stack's keeps its sender.
	soon eval "! kill -0 $load 2>/dev/null"
	verdict "opens/$kind: those who sent end" $? "$(tc -s qdisc show dev "$a" | tr '\n' ' ')"
	kill -KILL $load 2>/dev/null
	wait $load
	nothing_stays "$a"
	verdict "opens/$kind: nothing stays in the stack's queues" $? "$(tc -s qdisc show dev "$a" | tr '\n' ' ')"
	traffic_end "$kind"
}

# The stack's sender ends while rings change hands: what it left behind is sent, though nothing follows.
nothing_stays() {
	local i sender user

	for i in 1 3 5 7; do
		"$B/test/netns/flow" tx -i "raw:$1" -w 0 -R 300 >/dev/null 2>&1 &
		sender=$!
		"$B/test/netns/opens" "$1" 2 >/dev/null 2>&1 &
		user=$!
		sleep 0.$i
		kill -INT $sender
		wait $user
		soon nothing_waits "$1" || { kill -KILL $sender; return 1; }
		kill -KILL $sender
		wait $sender
	done 2>/dev/null
}

nothing_waits() { ! tc -s qdisc show dev "$1" | grep -q 'backlog [^ ]* [1-9]'; }

# --- Removal -------------------------------------------------------------------------------------------

removal() {
	local kind=$1 way what skbs_before mappings

	traffic_begin "$kind" || return
	for way in unbind remove; do
		for what in rx tx idle; do
			up "$kind" || not_ok "removal/$kind" "no carrier"
			gone_under "$kind" $way $what || { not_ok "removal/$kind: $way, $what" "it does not come back"; return; }
			[ $way-$what != unbind-rx ] || skbs_before=$(skbs) mappings=$(vmalloc_ours)
		done
	done
	leftovers "removal/$kind"
	[ $(($(skbs) - skbs_before)) -lt 2000 ] && [ "$(vmalloc_ours)" -eq "$mappings" ]
	verdict "removal/$kind: no packets and no mappings are left" $? "skbs $skbs_before, $(skbs), mappings $mappings, $(vmalloc_ours)"
	up "$kind" || not_ok "removal/$kind" "no carrier"
	limited 30 "$B/test/netns/flow" rx -i "netmap:${kind}a" -n 500 >$out 2>&1 &
	soon grep -q ready $out
	limited 30 "$B/test/netns/flow" tx -i "netmap:${kind}b" -n 500 -d 3000 >$out.b 2>&1 && wait $!
	verdict "removal/$kind: afterwards it sends and receives" $? "$(tail -n 2 $out $out.b | tr '\n' ' ')"
	traffic_end "$kind"
}

# gone_under KIND WAY rx|tx|idle: the program that has KINDa open gets an error. Then the interface is there again.
gone_under() {
	local kind=$1 way=$2 what=$3 a=${1}a b=${1}b mac device driver sender='' name="removal/$1: $2, ${3/idle/nothing comes}" rc

	mac=$(ethtool -P "$a" | sed 's/.*: //')
	device=$(readlink -f "/sys/class/net/$a/device")
	driver=$(readlink -f "$device/driver")
	hold "$a" "${what/idle/rx}"
	if [ "$what" = rx ]; then
		"$B/bin/pkt-gen" -i "netmap:$b" -f tx -l 60 >$out.b 2>&1 &
		sender=$!
	fi
	[ "$what" = idle ] || soon grep -qE '[1-9][0-9.]* .?pps' $out
	if [ "$way" = unbind ]; then
		echo "${device##*/}" >"$driver/unbind" &
	else
		# A virtio device is the child of the PCI device.
		[ -e "$device/remove" ] || device=${device%/*}
		echo 1 >"$device/remove" &
	fi
	local changer=$!
	soon eval "! kill -0 $changer 2>/dev/null"
	verdict "$name: it goes" $? "somebody holds it"
	ended 2>/dev/null
	rc=$?
	verdict "$name: the program ends" $rc "it goes on: $(tail -n 1 $out)"
	grep -qiE 'error|gone|POLLERR|no such device' $out
	verdict "$name: it is told" $? "$(tail -n 2 $out | tr '\n' ' ')"
	[ -z "$sender" ] || { kill -INT "$sender"; wait "$sender"; }
	if [ "$way" = unbind ]; then echo "${device##*/}" >"$driver/bind"; else echo 1 >/sys/bus/pci/rescan; fi
	soon named "$a" "$mac"
}

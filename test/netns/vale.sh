#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# One switch of a netmapd, with everything on it that can be: three namespaces, each behind a veth pair, and two virtual machines' network
# cards, one with offloads and long virtio-net headers, the other with short ones. Everybody reaches everybody, an address moves from
# one to another, the switch is filled up, and one sender floods it.
#
#	a: e0 10.0.0.1 ==== p1 --+         +-- 10.0.0.4 tap of "machine" :m	headers of 12 bytes
#	b: e0 10.0.0.2 ==== p2 --+- vale0 -+
#	c: e0 10.0.0.3 ==== p3 --+         +-- 10.0.0.5 tap of "machine" :n	headers of 10 bytes
#	                  namespace s, with netmapd

LIMIT=120	# netmapd is there all the time
. "$(dirname "$0")/../lib/netns.sh"
if on_device; then
	echo "skip vale: this is about netmapd; test/kernel/vale.sh is for the device"
	exit 77
fi
netns_begin

export NETMAP_HOST=daemon NETMAP_SOCKET=$TMP/socket
hosts="a b c m n"
declare -A address=([a]=10.0.0.1 [b]=10.0.0.2 [c]=10.0.0.3 [m]=10.0.0.4 [n]=10.0.0.5)
ctl() { in_ns s "$B/bin/vale-ctl" "$@" 2>&1; }
on_switch() { ctl | grep -c 'vale0:'; }
ports_are() { [ "$(on_switch)" -eq "$1" ]; }

# --- Who is there ---------------------------------------------------------------------------------------------

# Commands of netns.sh run as children of two others: this is netmapd itself.
start_daemon() {
	netns_spawn netmapd s "$B/bin/netmapd" -s "$NETMAP_SOCKET"
	wait_for 10 test -S "$NETMAP_SOCKET" || return
	daemon=$(netns_child "$(netns_child "${netns_pids[netmapd]}")")
}

# machine NAMESPACE HEADER: its tap is made where its switch is, and moves.
start_machine() {
	netns_spawn "machine$1" s "$B/test/netns/machine" "vale0:$1" "tap$1" "$2"
	wait_for 10 netns_said "machine$1" ready || return
	ip -n "$(ns_name s)" link set "tap$1" netns "$(ns_name "$1")" name e0 && ip -n "$(ns_name "$1")" link set e0 up
}

set_up() {
	local n i=0

	netns_add s $hosts
	start_daemon || return
	for n in a b c; do
		i=$((i + 1))
		netns_veth s p$i "$n" e0 2
		ctl -a vale0:p$i || return
	done
	start_machine m 12 && start_machine n 10 || return
	for n in $hosts; do
		netns_addr "$n" e0 "${address[$n]}/24"
		mac[$n]=$(in_ns "$n" cat /sys/class/net/e0/address)
	done
	ports_are 5
}

# --- Traffic --------------------------------------------------------------------------------------------------

# reaches FROM ADDRESS [OPTIONS OF PING]: some of three packets come back
reaches() {
	local from=$1 to=$2

	shift 2
	in_ns "$from" ping -q -c 3 -i 0.02 -W 2 "$@" "$to" >/dev/null
}

all_pairs() {
	local a b bad=''

	for a in $hosts; do
		for b in $hosts; do
			[ "$a" = "$b" ] || reaches "$a" "${address[$b]}" "$@" || bad+=" $a-$b"
		done
	done
	verdict "$name" ${#bad} "no answer:$bad"
}

# What one asks by broadcast the four others see. tcpdump says when it listens.
seen_by_all() {
	local n bad=''

	for n in b c m n; do
		netns_spawn "dump$n" "$n" tcpdump -l -n -i e0 -c 1 arp and host 10.0.0.77
	done
	for n in b c m n; do
		wait_for 10 netns_said "dump$n" 'listening on'
	done
	in_ns a ping -q -c 1 -W 1 10.0.0.77 >/dev/null
	for n in b c m n; do
		netns_reap "dump$n" 5 && netns_said "dump$n" 'who-has 10.0.0.77 tell 10.0.0.1' || bad+=" $n"
	done
	verdict "ARP is seen by everybody" ${#bad} "not by$bad"
}

# A stream that is checked byte by byte, there and back.
stream() {
	netns_spawn server "$2" "$B/test/netns/stream" -s 7000
	wait_for 10 netns_said server ready
	netns_spawn client "$1" "$B/test/netns/stream" -c "${address[$2]}" 7000 1
	netns_reap client
	verdict "TCP: $1 to $2 and back" $? "the stream broke"
	netns_stop server KILL
}

listens() { in_ns "$1" ss -Htln "sport = :5201" | grep -q 5201; }

iperf() {
	netns_spawn server "$2" iperf3 -s -1
	wait_for 10 listens "$2" || { not_ok "iperf3: $1 to $2" "iperf3 -s does not listen"; return; }
	netns_spawn client "$1" iperf3 -c "${address[$2]}" -t 1 -f m
	netns_reap client
	verdict "iperf3: $1 to $2, $(sed -n 's/.* \([0-9.]* Mbits.sec\).*receiver.*/\1/p' "$TMP/client.out")" $? "no throughput"
	netns_stop server KILL
}

# --- An address that moves ------------------------------------------------------------------------------------

# From host to host; the new one says one word, and everybody finds it there with the next packet, with no ARP.
moving=10.0.0.99 moving_mac=02:00:00:00:99:99
take() { ip -n "$(ns_name "$1")" link set e0 address $moving_mac && ip -n "$(ns_name "$1")" addr add $moving/24 dev e0; }
leave() { ip -n "$(ns_name "$1")" addr del $moving/24 dev e0 && ip -n "$(ns_name "$1")" link set e0 address "${mac[$1]}"; }

settle() {
	local n

	for n in $hosts; do
		[ "$n" = "$1" ] || ip -n "$(ns_name "$n")" neigh replace $moving lladdr $moving_mac dev e0
	done
}

move() {
	local from=$1 to=$2 n bad=''

	leave "$from" && take "$to" && settle "$to"
	in_ns "$to" ping -q -c 1 -W 2 -I $moving 10.0.0.1 >/dev/null || bad=" (it reaches nobody)"
	for n in b m; do
		[ "$n" = "$to" ] || in_ns "$n" ping -q -c 1 -W 2 $moving >/dev/null || bad+=" $n"
	done
	verdict "an address moves from $from to $to" ${#bad} "not found there:$bad"
}

moves() {
	take c
	settle c
	move c m
	move m b
	move b n
	move n c
	leave c
	for n in $hosts; do
		ip -n "$(ns_name "$n")" neigh flush dev e0
	done
}

# --- A full switch --------------------------------------------------------------------------------------------

full_switch() {
	netns_spawn ports s "$B/test/netns/ports" vale0 249
	wait_for 30 netns_said ports full
	verdict "254 ports on one switch, each reaches all" $? "they do not"
	netns_said ports 'full: .*254'
	verdict "another one is refused with the reason" $? "it is not said"
	ctl -n late >/dev/null
	ctl -a vale0:late | grep -q 254
	verdict "to attach is refused with the reason" $? "it was attached, or the reason is not said"
	ctl -r late >/dev/null
	reaches a 10.0.0.5
	verdict "the others go on" $? "no answer"
	netns_stop ports INT
	wait_for 10 ports_are 5
	verdict "and they leave" $? "$(on_switch) ports are left"
}

# --- A storm --------------------------------------------------------------------------------------------------

memory() { awk '/^VmRSS/ { print $2 }' "/proc/$daemon/status"; }
descriptors() { ls "/proc/$daemon/fd" | wc -l; }
threads() { ls "/proc/$daemon/task" | wc -l; }

# Twenty control requests.
control() {
	local i

	for i in $(seq 20); do
		ctl -l vale0:p1 >/dev/null || return
	done
}

storm() {
	local before after memory_before n back few='' bad='' start

	before="$(descriptors) $(threads)"
	memory_before=$(memory)
	netns_spawn storm s "$B/bin/pkt-gen" -i vale0:evil -f tx -b 1024 -D ff:ff:ff:ff:ff:ff -T 100
	wait_for 10 netns_said storm 'pps'
	for n in b c m n; do
		back=$(in_ns a ping -q -c 200 -i 0.005 -W 1 "${address[$n]}" | sed -n 's/.* \([0-9]*\) received.*/\1/p')
		few+=" $back"
		[ "${back:-0}" -ge $((SLOW > 1 ? 10 : 40)) ] || bad+=" $n"
	done
	verdict "storm: of 200 pings come back$few" ${#bad} "too few from$bad"
	start=${EPOCHREALTIME/./}
	control
	verdict "storm: 20 control requests in $(((${EPOCHREALTIME/./} - start) / 1000)) ms" $? "not answered"
	[ $((${EPOCHREALTIME/./} - start)) -lt $((10000000 * SLOW)) ]
	verdict "storm: control requests are served" $? "they are slow"
	netns_running storm && netns_said storm pps
	verdict "storm: the sender was there all the time" $? "it ended"
	netns_stop storm KILL
	wait_for 10 ports_are 5
	after="$(descriptors) $(threads)"
	[ "$before" = "$after" ]
	verdict "storm: no descriptor, no thread is left behind" $? "$before before, $after after"
	[ "$(memory)" -lt $((memory_before + 32768)) ]
	verdict "storm: no memory is left behind" $? "$memory_before KiB before, $(memory) after"
	name="storm: all pairs after it" all_pairs
}

declare -A mac=()
set_up
verdict "three namespaces and two machines on one switch" $? "$(ctl)"
name="ping: all pairs" all_pairs
name="ping: all pairs, 1514 bytes" all_pairs -s 1472 -M "do"
seen_by_all
stream a b
stream m n
stream m c
stream b n
iperf m n
iperf a m
moves
full_switch
storm
for i in 1 2 3; do
	ctl -d vale0:p$i || break
done
wait_for 10 ports_are 2
verdict "detach" $? "$(ctl)"
netns_stop machinem
netns_stop machinen
wait_for 10 ports_are 0
verdict "the switch is gone with its ports" $? "$(ctl)"
netns_stop netmapd TERM
verdict "netmapd ends" $?
netns_end

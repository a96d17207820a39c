#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What is refused says why: an unknown interface, one that another process has, no privileges. And what an ordinary user
# can do: in a user namespace of his own packets go through af_packet.
#
#	a: v0 ===== v1 :b

. "$(dirname "$0")/../lib/netns.sh"
netns_begin

# refused NAME PATTERN COMMAND...: fails, soon, and says something like PATTERN
refused() {
	local name=$1 pattern=$2 rc

	shift 2
	netns_spawn try a "$@"
	netns_reap try 15
	rc=$?
	if [ $rc -eq 0 ] || [ $rc -ge 124 ]; then
		not_ok "$name" "exit code $rc"
	elif ! netns_said try "$pattern"; then
		not_ok "$name" "the message has no '$pattern'"
	else
		ok "$name"
	fi
}

ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all)

netns_add a b
netns_veth a v0 b v1 2
flow="$B/test/netns/flow"

refused "unknown interface" nosuch0 "$flow" rx -i netmap:nosuch0 -n 1
refused "unknown interface, pkt-gen" nosuch0 "$B/bin/pkt-gen" -i nosuch0 -f rx
refused "unknown interface, bridge" nosuch0 "$B/bin/bridge" -i netmap:v0 -i netmap:nosuch0
refused "interface of another namespace" v1 "$flow" rx -i netmap:v1 -n 1
refused "ring out of range" 'ring.* 7' "$flow" rx -i netmap:v0-7 -n 1
on_device || refused "bad environment" NETMAP_NIC env NETMAP_NIC=nonsense "$flow" rx -i netmap:v0 -n 1
for nic in $BACKENDS; do
	refused "$nic: no privileges" 'permi\|priv\|CAP_' env NETMAP_NIC="$nic" "${ordinary[@]}" "$flow" rx -i netmap:v0 -n 1
done

# Two processes: the second is told that the interface is taken, the first does not notice. The
# kernel's device lets them share it.
if ! on_device; then
	netns_spawn first a env NETMAP_NIC=af_xdp "$flow" rx -i netmap:v0 -n 2000
	wait_for 10 netns_said first ready
	refused "af_xdp: interface in use by another process" 'v0.*XDP\|in use\|busy' env NETMAP_NIC=af_xdp "$flow" rx -i netmap:v0 -n 1
	netns_spawn tx b "$flow" tx -i raw:v1 -n 2000
	netns_reap tx && netns_reap first
	verdict "af_xdp: the first process does not notice" $?
	wait_for 5 netns_no_xdp a v0
	verdict "af_xdp: no XDP program is left" $?

	netns_spawn first a "$B/bin/pkt-gen" -i netmap:v0^ -f rx
	wait_for 10 netns_said first 'pps'
	refused "host rings in use by another process" 'process [0-9]* (pkt-gen) has the host rings of v0' "$flow" rx -i netmap:v0^ -n 1
	netns_stop first
	netns_spawn next a "$B/bin/pkt-gen" -i netmap:v0^ -f rx
	wait_for 10 netns_said next 'pps'
	verdict "host rings are free again" $?
	netns_stop next
fi

# A user with nothing but a namespace of his own.
cat >"$TMP/user.sh" <<'SCRIPT'
ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up && ip link set lo up || exit 77
"$1" rx -i "$2" -n 3000 >"$4" 2>&1 &
until grep -q ready "$4" || ! kill -0 $! 2>/dev/null; do :; done
"$1" tx -i "$3" -n 3000 || exit 1
wait $!
SCRIPT
# Host rings need a device of the system in-process; the kernel's device has them for the owner of the namespace.
cat >"$TMP/host.sh" <<'SCRIPT'
ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up || exit 77
timeout -s INT "$3" "$1" -i netmap:v0^ -f rx 2>&1 | grep -q "$2"
SCRIPT
chmod 755 "$TMP" "$TMP/user.sh" "$TMP/host.sh"
user() {
	local name=$1 rc

	install -m 666 /dev/null "$TMP/user.log"
	netns_spawn user a "${ordinary[@]}" unshare -U -r -n bash "$TMP/user.sh" "$flow" "$2" "$3" "$TMP/user.log"
	netns_reap user
	rc=$?
	netns_recent+=("user")
	cat "$TMP/user.log" >>"$TMP/user.out"
	case $rc in
	77) skip "$name" "users cannot make namespaces here" ;;
	*) verdict "$name" $rc ;;
	esac
}
unset NETMAP_NIC
if ! "${ordinary[@]}" unshare -U -r -n true 2>/dev/null; then
	skip "user namespace" "ordinary users cannot make namespaces here"
elif setpriv --reuid=65534 --clear-groups test -x "$flow"; then
	user "user namespace: kernel to netmap" netmap:v1 raw:v0
	user "user namespace: netmap to kernel" raw:v1 netmap:v0
	user "user namespace: netmap to netmap" netmap:v1 netmap:v0
	if on_device; then
		"${ordinary[@]}" unshare -U -r -n bash "$TMP/host.sh" "$B/bin/pkt-gen" ' slots, region ' $((2 * SLOW))
		verdict "user namespace: host rings" $? "they are refused"
	elif "${ordinary[@]}" test -r /dev/net/tun; then
		skip "user namespace: host rings" "ordinary users can have tap interfaces here"
	else
		"${ordinary[@]}" unshare -U -r -n bash "$TMP/host.sh" "$B/bin/pkt-gen" 'host rings need /dev/net/tun' 5
		verdict "user namespace: host rings are refused" $? "the reason is not said"
	fi
else
	skip "user namespace" "other users cannot read $B"
fi
netns_end

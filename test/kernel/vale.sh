#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Interfaces on a switch of the module: three network namespaces, each behind a veth pair, and the host itself by a persistent
# port. Everybody reaches everybody; what is taken off is not reached any more; nothing of it stays.
#
#	ns A: a1 192.0.2.1 ==== a0 --+
#	ns B: b1 192.0.2.2 ==== b0 --+-- vale0 -- v0 192.0.2.9: the host
#	ns C: c1 192.0.2.3 ==== c0 --+
#
# As root, where /dev/netmap is the device. The programs are in BIN (build/bin).
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$top/build/bin}
failed=0

case ${1:-} in
-h | --help) sed -n '4,/^set /s/^# \{0,1\}//p' "$0" | grep -v '^set '; exit 0 ;;
esac
[ -c /dev/netmap ] || { echo "skip vale: /dev/netmap is no device here"; exit 77; }

ctl() { timeout 20 "$bin/vale-ctl" "$@"; }

check() { # name, command...
	local name=$1

	shift
	if "$@" >/tmp/vale.$$ 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name: $(tail -n 3 /tmp/vale.$$ | tr '\n' ' ')"
		failed=1
	fi
}

fails() { ! "$@"; }

clean() {
	local i

	trap - EXIT
	for i in a b c; do
		ctl -d vale0:${i}0 >/dev/null 2>&1
		ip netns del ns$i 2>/dev/null
		ip link del ${i}0 2>/dev/null
	done
	ctl -d vale0:v0 >/dev/null 2>&1
	ctl -r v0 >/dev/null 2>&1
	rm -f /tmp/vale.$$
}
trap clean EXIT
trap 'exit 130' INT TERM

make_end() { # letter, number
	ip netns add ns$1 && ip link add ${1}0 type veth peer name ${1}1 netns ns$1 && ip link set ${1}0 up &&
		ip -n ns$1 addr add 192.0.2.$2/24 dev ${1}1 && ip -n ns$1 link set ${1}1 up
}

reaches() { # letter, number
	timeout 30 ip netns exec ns$1 ping -q -c 3 -i 0.2 -W 5 192.0.2.$2
}

n=0
for i in a b c; do
	n=$((n + 1))
	check "namespace $i" make_end $i $n
	check "attach ${i}0" ctl -a vale0:${i}0
done
for i in a b c; do
	for n in 1 2 3; do
		[ "$i$n" = a1 ] || [ "$i$n" = b2 ] || [ "$i$n" = c3 ] || check "from $i to number $n" reaches $i $n
	done
done
check "a large packet" ip netns exec nsa ping -q -c 2 -s 1400 -W 5 192.0.2.2
check "detach b0" ctl -d vale0:b0
check "b is gone" fails ip netns exec nsa ping -q -c 1 -W 1 192.0.2.2
check "attach b0 again" ctl -a vale0:b0
check "b is back" reaches a 2
check "polling" ctl -p vale0:b0 -C 0,1
check "b is polled" reaches a 2
check "no polling" ctl -P vale0:b0
check "b is there" reaches a 2
check "a persistent port" ctl -n v0
check "it is an interface" ip link show v0
check "it comes up" ip link set v0 up
check "with an address" ip addr add 192.0.2.9/24 dev v0
check "attach v0" ctl -a vale0:v0
check "from a to the host" reaches a 9
check "from the host to c" timeout 30 ping -q -c 3 -i 0.2 -W 5 192.0.2.3
check "v0 cannot go" fails ctl -r v0
check "detach v0" ctl -d vale0:v0
check "the host is gone" fails ip netns exec nsa ping -q -c 1 -W 1 192.0.2.9
check "remove v0" ctl -r v0
check "no interface" fails ip link show v0
exit $failed

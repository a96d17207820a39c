#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The in-process host on NICs, in test machines and without the module: AF_XDP in zero-copy mode (virtio-net), in copy
# mode (virtio-net, vmxnet3) and with generic XDP (e1000e, vmxnet3), two pairs of NICs each, with several queues.
#
#	  guest                    here                      guest
#	lr0 ---- tap a ==== bridge ==== tap b ---- lr1		virtio: QEMU has several queues with taps only
#	lr0 ============ hub of QEMU ============ lr1		all others
#	lr4 ...						the second pair
#
# The taps and bridges are in a network namespace that ends with this script; nothing of the machine's own is touched.
# The guest's part is afxdp-guest.sh.
set -u -o pipefail

usage() {
	cat <<USAGE
usage: test/vm/afxdp.sh [-h] [-j N] [WORD...]
  Tests the in-process host on NICs of test machines, N machines at a time (as many as there are processors).
  WORD: the machines that have it: a kernel, a kind of NIC, a group of tests. Without one, all but "host" of
$(sed 's/^/    /' <<<"$machines")
USAGE
}

# Kernel, kind of NIC, its rings, which tests (afxdp-guest.sh has the lists), what pkt-gen says of how it is driven.
machines='6.1 e1000e 1 host generic XDP (native: not supported by the driver), copy mode (zero-copy: not supported by e1000e)
6.1 e1000e 1 brief generic XDP (native: not supported by the driver), copy mode (zero-copy: not supported by e1000e)
6.1 vmxnet3 2 brief generic XDP (native: not supported by the driver), copy mode (zero-copy: not supported by vmxnet3)
6.12 virtio 3 brief native XDP, copy mode (zero-copy: not supported by virtio_net)
7.2 vmxnet3 2 brief native XDP, copy mode (zero-copy: not supported by vmxnet3)
7.2 virtio 3 traffic native XDP, zero-copy
7.2 virtio 3 interface native XDP, zero-copy
7.2 virtio 3 host native XDP, zero-copy'

jobs=$(nproc)
while getopts hj: opt; do
	case $opt in
	h) usage; exit 0 ;;
	j) jobs=$OPTARG ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
here=$(cd "$(dirname "$0")" && pwd)

skip_all() {
	echo "skip afxdp: $*"
	exit 77
}

# The machines that have all words of the command line. Host rings in-process are tested on this machine's kernel anyway.
chosen() {
	local list=$machines word

	[ $# -gt 0 ] || list=$(grep -v ' host ' <<<"$list")
	for word in "$@"; do
		list=$(grep -F -w -e "$word" <<<"$list")
	done
	echo "$list"
}

# tap_pair BRIDGE: two taps that are joined
tap_pair() {
	local tap

	ip link add "$1" type bridge ageing_time 0 mcast_snooping 0 forward_delay 0 && ip link set "$1" up || return 1
	for tap in "${1}a" "${1}b"; do
		ip tuntap add dev "$tap" mode tap multi_queue && ip link set "$tap" txqueuelen 10000 master "$1" up || return 1
	done
}

# nics N KIND RINGS: QEMU's options for two pairs of NICs of machine N; the guest knows which is which by the addresses.
# Zero-copy takes a virtio-net that leaves addresses to the kernel's DMA interface (iommu_platform).
nics() {
	local n=$1 kind=$2 rings=$3 pair side net device=$2

	for pair in 0 1; do
		[ "$kind" != virtio ] || tap_pair "lr$n-$pair" || return 1
		for side in a b; do
			net="hubport,hubid=$pair"
			if [ "$kind" = virtio ]; then
				net="tap,ifname=lr$n-$pair$side,script=no,downscript=no,vhost=off,queues=$rings"
				device="virtio-net-pci,mq=on,vectors=$((2 * rings + 2)),disable-legacy=on,iommu_platform=on"
			fi
			echo "-netdev $net,id=n$pair$side -device $device,netdev=n$pair$side,romfile=,mac=52:54:00:6d:0$pair:0$side"
		done
	done
}

# machine N KERNEL KIND RINGS GROUP WORDS: its tests; each line says which machine it is about
machine() {
	local n=$1 kernel=$2 kind=$3 rings=$4 group=$5 words=$6 qemu

	qemu=$(nics "$n" "$kind" "$rings") || { echo "skip $kernel $kind: no taps or bridges here"; return 0; }
	LR_SLOW=5 NETMAP_HOST=inprocess NETMAP_NIC=af_xdp "$here/boot.sh" -k "$kernel" -c 2 -M 768 -t "${LR_VM_SECONDS:-290}" \
		-q "$(tr '\n' ' ' <<<"$qemu")" -- bash "$here/afxdp-guest.sh" "$kind" "$rings" "$group" "$words" |
		sed -u "s/^\(ok\|not ok\|skip\) /\1 $kernel $kind: /"
}

[ -n "$(chosen "$@")" ] || { usage >&2; exit 2; }
if [ -z "${LR_AFXDP_NS:-}" ]; then
	[ "$(id -u)" -eq 0 ] || skip_all "needs root"
	command -v qemu-system-x86_64 >/dev/null || skip_all "no qemu-system-x86_64"
	[ -c /dev/net/tun ] || skip_all "no /dev/net/tun"
	# These may be fetched, for which this machine's interfaces are needed.
	for kernel in $(chosen "$@" | cut -d ' ' -f 1 | sort -u); do
		"$here/kernel.sh" "$kernel" >/dev/null || exit 1
	done
	LR_AFXDP_NS=1 exec unshare --net "$0" -j "$jobs" "$@"
fi

failed=0 running=0 n=0
one_ends() {
	wait -n || failed=1
	running=$((running - 1))
}

# The last ones take longest.
mapfile -t list < <(chosen "$@" | tac)
for line in "${list[@]}"; do
	read -r kernel kind rings group words <<<"$line"
	[ "$running" -lt "$jobs" ] || one_ends
	{ machine $n "$kernel" "$kind" "$rings" "$group" "$words" || { echo "not ok $kernel $kind: $group: code $?"; exit 1; } } </dev/null &
	running=$((running + 1)) n=$((n + 1))
done
while [ "$running" -gt 0 ]; do
	one_ends
done
exit $failed

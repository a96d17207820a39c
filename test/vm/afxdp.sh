#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The in-process host on NICs, in test machines and without the module: AF_XDP in zero-copy mode (virtio-net), in copy
# mode (virtio-net, vmxnet3) and with generic XDP (e1000e, vmxnet3), two pairs of NICs each, with several queues.
#
#	  guest                    here                      guest
#	lr0 ---- tap lrN0 ==== bridge lrN ==== tap lrN1 ---- lr1	virtio: QEMU has several queues with taps only
#	lr0 ================ hub of QEMU ================== lr1	all others
#
# The taps and bridges are in a network namespace that ends with this script; nothing of the machine's own is touched.
# The guest's part is afxdp-guest.sh.
set -u -o pipefail

usage() {
	cat <<USAGE
usage: test/vm/afxdp.sh [-h] [KERNEL...]
  Tests the in-process host on NICs of test machines. KERNEL: 6.1, 6.12, 7.2; all of them.
USAGE
}

while getopts h opt; do
	case $opt in
	h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 6.1 6.12 7.2

here=$(cd "$(dirname "$0")" && pwd)
queues=3 cpus=2

skip_all() {
	echo "skip afxdp: $*"
	exit 77
}

# What a kernel is to show: a kind of NIC, its rings, which tests, what pkt-gen says about how it is driven.
plan() {
	case $1 in
	6.1)
		echo "e1000e 1 brief generic XDP (native: not supported by the driver), copy mode"
		echo "vmxnet3 $cpus brief generic XDP (native: not supported by the driver), copy mode"
		;;
	6.12) echo "virtio $queues brief native XDP, copy mode (zero-copy: not supported by virtio_net)" ;;
	7.2)
		echo "virtio $queues full native XDP, zero-copy"
		echo "vmxnet3 $cpus brief native XDP, copy mode (zero-copy: not supported by vmxnet3)"
		;;
	*) return 1 ;;
	esac
}

wire_make() {
	local bridge=$1 tap

	ip link add "$bridge" type bridge ageing_time 0 mcast_snooping 0 forward_delay 0 && ip link set "$bridge" up || return 1
	for tap in "${bridge}0" "${bridge}1"; do
		ip tuntap add dev "$tap" mode tap multi_queue && ip link set "$tap" txqueuelen 10000 master "$bridge" up || return 1
	done
}

# QEMU's options for two pairs of NICs; the guest knows them by the last two bytes of the address: kind and number.
# Zero-copy takes a virtio-net that leaves addresses to the kernel's DMA interface (iommu_platform).
nics() {
	local kind n=0 i id more net

	for kind in "$@"; do
		n=$((n + 1))
		for i in 0 1 2 3; do
			id=$kind$i
			case $kind in
			virtio)
				net="tap,ifname=lr$((i / 2))$((i % 2)),script=no,downscript=no,vhost=off,queues=$queues"
				more="virtio-net-pci,mq=on,vectors=$((2 * queues + 2)),disable-legacy=on,iommu_platform=on"
				;;
			*)
				net="hubport,hubid=$((100 + 2 * n + i / 2))"
				more=$kind
				;;
			esac
			echo "-netdev $net,id=$id -device $more,netdev=$id,romfile=,mac=52:54:00:6d:0$n:0$i"
		done
	done
}

# boot KERNEL: its tests, each line with the kernel's name
boot() {
	local kernel=$1 kinds qemu

	mapfile -t kinds < <(plan "$kernel")
	qemu=$(nics "${kinds[@]%% *}")
	LR_SLOW=5 NETMAP_HOST=inprocess NETMAP_NIC=af_xdp "$here/boot.sh" -k "$kernel" -c $cpus -M 1024 -t 290 -a no_timer_check \
		-q "$(tr '\n' ' ' <<<"$qemu")" -- bash "$here/afxdp-guest.sh" "${kinds[@]}" |
		sed -u "s/^\(ok\|not ok\|skip\) /\1 $kernel /"
}

if [ -z "${LR_AFXDP_NS:-}" ]; then
	[ "$(id -u)" -eq 0 ] || skip_all "needs root"
	command -v qemu-system-x86_64 >/dev/null || skip_all "no qemu-system-x86_64"
	[ -c /dev/net/tun ] || skip_all "no /dev/net/tun"
	for kernel in "$@"; do
		plan "$kernel" >/dev/null || { usage >&2; exit 2; }
		"$here/kernel.sh" "$kernel" >/dev/null || exit 1
	done
	LR_AFXDP_NS=1 exec unshare --net "$0" "$@"
fi
if ! wire_make lr0 || ! wire_make lr1; then
	skip_all "no bridge or tap interfaces here"
fi
failed=0
for kernel in "$@"; do
	boot "$kernel" || { echo "not ok $kernel: code $?"; failed=1; }
done
exit $failed

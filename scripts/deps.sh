#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Installs the Debian packages that a part of the project needs, those that are missing.
#
#	scripts/deps.sh build|demo|bench|check|vm|vm-debug|drivers
set -u

build="gcc make libc6-dev pkg-config libconfig-dev libbpf-dev libelf-dev zlib1g-dev libncurses-dev linux-libc-dev"
demo="iproute2 iperf3 iputils-ping ethtool procps"
bench="libdpdk-dev util-linux"
check="git g++ gcc-multilib sparse dkms clang libclang-rt-dev linux-headers-amd64 kmod tcpdump tcpreplay bpftool mandoc python3 flex bison dpkg-dev util-linux binutils"
vm="qemu-system-x86 mmdebstrap busybox-static cpio kmod pahole xz-utils zstd util-linux ethtool iproute2 linux-libc-dev tcpdump tcpreplay"
vm_debug="bc flex bison libelf-dev libssl-dev lz4 perl"
drivers="gcc make libc6-dev coccinelle dpkg-dev xz-utils kmod pahole"

case ${1:-} in
build) want=$build ;;
demo) want="$build $demo" ;;
bench) want="$build $demo $bench" ;;
check) want="$build $demo $check" ;;
vm) want="$build $demo $vm $drivers" ;;
vm-debug) want="$build $demo $vm $vm_debug $drivers" ;;
drivers) want=$drivers ;;
*)
	echo "usage: scripts/deps.sh build|demo|bench|check|vm|vm-debug|drivers" >&2
	exit 2
	;;
esac

# The runtime of clang's sanitizers and fuzzer is a package per version, without a common name in some releases.
clang_runtime() {
	apt-cache search --names-only '^libclang-rt-[0-9]+-dev$' | sed 's/ .*//' | while read -r p; do
		v=${p#libclang-rt-}
		apt-cache depends clang 2>/dev/null | grep -q "clang-${v%-dev}$" && echo "$p"
	done | head -n 1
}

installed() { dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed'; }

missing() {
	local p
	for p in $want; do
		if [ "$p" = libclang-rt-dev ]; then
			dpkg-query -W -f='${Package} ${Status}\n' 'libclang-rt-*-dev' 2>/dev/null | grep -q 'install ok installed' || echo "$p"
		else
			installed "$p" || echo "$p"
		fi
	done
}

list=$(missing)
[ -n "$list" ] || exit 0
if ! command -v apt-get >/dev/null; then
	echo "These Debian packages are needed, and there is no apt-get to install them:" $list >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "These packages are missing; install them as root:" $list >&2
	exit 1
fi
echo "installing:" $list
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! apt-get update -q >"$log" 2>&1; then
	tail -n 5 "$log" >&2
	echo "apt-get update failed; trying with the lists that are there" >&2
fi
list=$(for p in $list; do [ "$p" = libclang-rt-dev ] && clang_runtime || echo "$p"; done)
if ! apt-get install -y -q --no-install-recommends $list >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "installing failed" >&2
	exit 1
fi

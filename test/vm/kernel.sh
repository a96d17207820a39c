#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Makes the kernels of the VM tests available: the image that QEMU boots, its modules, what modules are built with.
#
# Nothing is installed on this machine. Packages come through a private apt configuration, from the mirror that the
# machine uses itself, and are unpacked below build/vm/. The newest kernel's build tools want a newer libc than the
# machine has: those are in a chroot. A kernel directory appears by a rename when it is complete; a lock makes several
# callers wait for one.
set -u -o pipefail
export LC_ALL=C

usage() {
	cat <<USAGE
usage: test/vm/kernel.sh [-h] [-u] VERSION...
  VERSION: 6.1 (Debian 12), 6.12 (its backports), 7.2 (the newest of Debian unstable), debug (see test/vm/debug-kernel.sh)
  Prints for each the variables of a shell:
    version, release	what was asked for, what uname -r says
    image		for qemu -kernel
    modules		directory of modules, to be /lib/modules/\$release
    kdir		for make -C or KDIR=, inside of chroot if that is not empty
    chroot		where to build (or empty: here)
  -u	fetches again what is there already
USAGE
}

update=
while getopts hu opt; do
	case $opt in
	h) usage; exit 0 ;;
	u) update=1 ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2; exit 2; }

root=$(cd "$(dirname "$0")/../.." && pwd)
# The name without links: a guest's first program looks for it under another root.
kernels=$(mkdir -p "$root/build/vm/kernels" && cd "$root/build/vm/kernels" && pwd -P) || exit 1

die() {
	echo "test/vm/kernel.sh: $*" >&2
	exit 1
}

# Debian's entries among the machine's own: "uri suite" lines.
machine_suites() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk '$2 ~ /^bookworm/ && $3 == "main" { print $1, $2 }' | sort -u
}

mirror() { machine_suites | awk '$2 == "bookworm" { print $1; exit }'; }

sources() {	# of one suite
	local uri

	case $1 in
	bookworm) machine_suites | awk '{ print "deb", $1, $2, "main" }' ;;
	*)
		uri=$(mirror)
		[ -n "$uri" ] && echo "deb $uri $1 main"
		;;
	esac
}

# The options of a private apt in directory $1.
apt_options() {
	echo "-o Dir::Etc::sourcelist=$1/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null"
	echo "-o Dir::State=$1/state -o Dir::State::status=$1/status -o Dir::Cache=$1/cache -o APT::Sandbox::User=root"
	echo "-o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false -o Acquire::Retries=3 -o Acquire::Languages=none"
}

apt_private() {	# directory, suite
	mkdir -p "$1/state/lists/partial" "$1/cache/archives/partial"
	: >"$1/status"
	sources "$2" >"$1/sources.list"
	[ -s "$1/sources.list" ] || die "no source of Debian packages on this machine to derive $2 from"
	timeout 300 apt-get $(apt_options "$1") -q update >"$1/log" 2>&1 || { tail -n 5 "$1/log" >&2; die "apt-get update for $2"; }
}

# Image, modules, headers and kbuild tools of the suite's linux-image-amd64, by name: "package" lines.
kernel_packages() {
	apt-cache $(apt_options "$1") depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
		--no-enhances linux-image-amd64 linux-headers-amd64 | grep -E '^linux-(image|binary|modules|headers|kbuild)-' |
		grep -vxE 'linux-(image|headers)-amd64|linux-.*-(dbg|unsigned)' | sort -u
}

fetch() {	# directory of apt, of the unpacked
	local list

	list=$(kernel_packages "$1")
	[ -n "$list" ] || die "no kernel in $(cat "$1/sources.list")"
	mkdir -p "$1/debs" "$2"
	(cd "$1/debs" && timeout 600 apt-get $(apt_options "$1") -q download $list) >"$1/log" 2>&1 ||
		{ tail -n 5 "$1/log" >&2; die "downloading" $list; }
	for deb in "$1"/debs/*.deb; do
		dpkg-deb -x "$deb" "$2" || die "unpacking $deb"
	done
	rm -rf "$1/debs"
}

# vmlinux out of a bzImage, by the boot protocol's header: QEMU enters it directly (PVH), which saves the unpacking.
image_unpack() {
	local setup offset length magic tool

	setup=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
	offset=$(od -An -tu4 -j $((0x248)) -N 4 "$1")
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$1")
	offset=$(((setup + 1) * 512 + offset))
	magic=$(od -An -tx1 -j $offset -N 4 "$1" | tr -d ' ')
	case $magic in
	fd377a58) tool='xz -dc' ;;
	28b52ffd) tool='zstd -dc' ;;
	1f8b*) tool='gzip -dc' ;;
	02214c18) tool='lz4 -dc' ;;
	*) return 1 ;;
	esac
	# The size of the whole follows the compressed data, and the tools grumble about it.
	tail -c +$((offset + 1)) "$1" | head -c $((length - 4)) | $tool >"$2" 2>/dev/null
	[ "$(od -An -tx1 -N 4 "$2" | tr -d ' ')" = 7f454c46 ]
}

# Headers name each other by absolute paths: relative ones, so that they work where they are.
headers_relocate() {
	local makefile

	for makefile in "$1"/usr/src/linux-headers-*-amd64/Makefile; do
		sed -i 's|^include /usr/src/|include $(dir $(lastword $(MAKEFILE_LIST)))../|' "$makefile"
	done
}

# The newest kernel's headers with the compiler and libc that belong to them.
chroot_make() {
	local uri log=$1.log

	uri=$(mirror)
	timeout 900 mmdebstrap --quiet --variant=apt --mode=root --aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Check-Date "false"' --aptopt='Acquire::Retries "3"' \
		--include=gcc,make,libc6-dev,linux-headers-amd64 unstable "$1" "$uri" >"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; die "mmdebstrap of unstable"; }
	rm -f "$log"
}

# Everything of one kernel into directory $2, of Debian's suite $3.
kernel_make() {
	local version=$1 dir=$2 suite=$3 apt=$2/apt tree=$2/root release boot

	mkdir -p "$dir"
	apt_private "$apt" "$suite"
	fetch "$apt" "$tree"
	rm -rf "$apt"
	[ -d "$tree/usr/lib/modules" ] || { mkdir -p "$tree/usr/lib" && mv "$tree/lib/modules" "$tree/usr/lib/"; }
	release=$(ls "$tree/usr/lib/modules")
	[ "$(echo "$release" | wc -w)" -eq 1 ] || die "$suite has several kernels:" $release
	boot=$tree/boot/vmlinuz-$release
	[ -e "$boot" ] || boot=$tree/usr/lib/modules/$release/vmlinuz
	[ -e "$boot" ] || die "no image of $release in its packages"
	image_unpack "$boot" "$dir/image" || cp "$boot" "$dir/image" || exit 1
	depmod -b "$tree/usr" "$release" 2>/dev/null || die "depmod $release"
	if [ "$suite" = unstable ]; then
		chroot_make "$dir/chroot"
		[ -d "$dir/chroot/usr/src/linux-headers-$release" ] || die "image and headers of unstable differ; try again"
		rm -rf "$tree/usr/src"
	else
		headers_relocate "$tree"
	fi
	echo "$release" >"$dir/release"
}

parts() {
	local dir=$kernels/$1 tree=$kernels/$1/root release

	release=$(cat "$dir/release") || exit 1
	echo "version=$1"
	echo "release=$release"
	echo "image=$dir/image"
	echo "modules=$tree/usr/lib/modules/$release"
	if [ -d "$dir/chroot" ]; then
		echo "kdir=/usr/src/linux-headers-$release"
		echo "chroot=$dir/chroot"
	elif [ -d "$dir/build" ]; then
		echo "kdir=$dir/build"
		echo "chroot="
	else
		echo "kdir=$tree/usr/src/linux-headers-$release"
		echo "chroot="
	fi
}

kernel() {
	local version=$1 dir=$kernels/$1 suite

	exec 9>"$kernels/.$version.lock"
	flock -w 1800 9 || die "somebody else works on $version, for half an hour"
	[ -z "$update" ] || rm -rf "$dir"
	if [ "$version" = debug ]; then
		"$root/test/vm/debug-kernel.sh" "$dir" >&2 || die "the debug kernel could not be made"
	elif [ ! -e "$dir/release" ]; then
		rm -rf "$dir" "$dir.new"
		case $version in
		6.1) suite=bookworm ;;
		6.12) suite=bookworm-backports ;;
		7.2) suite=unstable ;;
		*) die "unknown kernel $version (6.1, 6.12, 7.2, debug)" ;;
		esac
		[ "$(id -u)" -eq 0 ] || die "needs root"
		"$root/scripts/deps.sh" vm >&2 || exit 1
		kernel_make "$version" "$dir.new" "$suite"
		mv "$dir.new" "$dir"
	fi
	exec 9>&-
	parts "$version"
}

for v in "$@"; do
	kernel "$v"
done

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A newer QEMU than the machine's own, for devices that this one has not (igb). It is not installed: Debian's packages come through
# a private apt configuration and are unpacked below build/vm/; what they need else is what the machine's QEMU needs.
set -u -o pipefail
export LC_ALL=C

usage() {
	cat <<USAGE
usage: test/vm/qemu.sh [-h]
  Fetches QEMU of Debian's backports if that is not there yet; prints the program.
USAGE
}

while getopts h opt; do
	case $opt in
	h) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done

root=$(cd "$(dirname "$0")/../.." && pwd)
vm=$(mkdir -p "$root/build/vm" && cd "$root/build/vm" && pwd -P) || exit 1
dir=$vm/qemu
suite=bookworm-backports

die() {
	echo "test/vm/qemu.sh: $*" >&2
	exit 1
}

apt=$dir.new/apt
options="-o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null
	-o Dir::State=$apt/state -o Dir::State::status=$apt/status -o Dir::Cache=$apt/cache -o APT::Sandbox::User=root
	-o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false -o Acquire::Retries=3 -o Acquire::Languages=none"

fetch() {
	local deb

	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/debs"
	: >"$apt/status"
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v suite=$suite '$2 == "bookworm" && $3 == "main" { print "deb", $1, suite, "main"; exit }' >"$apt/sources.list"
	[ -s "$apt/sources.list" ] || die "no source of Debian packages on this machine to derive $suite from"
	timeout 300 apt-get -q $options update >"$apt/log" 2>&1 || { tail -n 5 "$apt/log" >&2; die "apt-get update for $suite"; }
	(cd "$apt/debs" && timeout 300 apt-get -q $options download qemu-system-x86 qemu-system-data seabios) >"$apt/log" 2>&1 ||
		{ tail -n 5 "$apt/log" >&2; die "downloading QEMU of $suite"; }
	for deb in "$apt"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir.new" || die "unpacking $deb"
	done
	rm -rf "$apt"
	# Modules are the machine's QEMU's, and fit no other.
	cat >"$dir.new/qemu" <<-PROGRAM
		#!/bin/sh
		export QEMU_MODULE_DIR=/nonexistent
		exec $dir/usr/bin/qemu-system-x86_64 -L $dir/usr/share/qemu -L $dir/usr/share/seabios "\$@"
	PROGRAM
	chmod 755 "$dir.new/qemu"
}

exec 9>"$vm/.qemu.lock"
flock -w 900 9 || die "somebody else fetches it, for a quarter of an hour"
if [ ! -e "$dir/qemu" ]; then
	rm -rf "$dir.new" "$dir"
	fetch
	mv "$dir.new" "$dir"
fi
"$dir/qemu" --version >/dev/null || die "it does not run here"
echo "$dir/qemu"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A program that knows nothing of us: libpcap from its Debian source package, unchanged, built against our headers with
# the netmap support it has, under Debian's own tcpdump. It captures and it sends, through the preload library.
#
#	namespace a: v0 ======= v1 :namespace b		veth
#	       inject           tcpdump			one of them on netmap:vN, the other on vN
#
# build/libpcap keeps what is built. The package lists are fetched to a place of our own, as few machines have those
# of source packages: the machine's configuration of apt stays as it is.

. "$(dirname "$0")/../lib/netns.sh"
netns_begin

WORK=$ROOT/build/libpcap
PRELOAD=$B/lib/libnetmap-preload.so
SANITIZER=$(ldd "$PRELOAD" 2>/dev/null | awk '/lib[at]san/ { print $3 }')
FILTER='udp or (vlan and udp)'

give_up() {
	echo "skip libpcap: $*"
	exit 77
}

# apt_sources DIR [SUITE]: the machine's lists of packages as lists of source packages, of this release or of SUITE
apt_sources() {
	local f change=

	mkdir -p "$1/parts" "$1/lists/partial"
	if [ $# -gt 1 ]; then
		change="s/^(deb[ \t].*[ \t])$CODENAME([ \t])/\1$2\2/; s/^Suites:(.*[ \t])?$CODENAME([ \t].*)?$/Suites: $2/"
	fi
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ -r "$f" ] || continue
		sed -E -e "$change" -e 's/^deb[ \t]/deb-src /; s/^Types:.*/Types: deb-src/' "$f" >"$1/parts/our-$(basename "$f")"
	done
}

# apt DIR COMMAND...: apt-get with those lists and a cache of their own
apt() {
	local dir=$1

	shift
	timeout --kill-after=5 60 apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/parts" \
		-o Dir::State::lists="$dir/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o APT::Sandbox::User=root -o Acquire::Retries=1 -o Acquire::http::Timeout=15 "$@"
}

# The source package, of this release or else of another one: a mirror does not always have all of them.
fetch() {
	local suite suites=("") dir=$WORK/apt new=$WORK/fetched

	CODENAME=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -z "$CODENAME" ] || suites+=("$CODENAME-backports" stable testing)
	for suite in "${suites[@]}"; do
		rm -rf "$dir" "$new" "$WORK/source"
		mkdir -p "$new"
		apt_sources "$dir" ${suite:+"$suite"}
		apt "$dir" update >"$WORK/fetch.log" 2>&1
		(cd "$new" && apt "$dir" source libpcap) >>"$WORK/fetch.log" 2>&1
		mv "$new"/libpcap-*/ "$WORK/source" 2>/dev/null && break
	done
	rm -rf "$dir" "$new"
	[ -d "$WORK/source" ]
}

# What has no use here is left out, so that it does not matter which libraries the machine has.
configure() {
	timeout --kill-after=5 200 ./configure --with-pcap=linux --enable-netmap --without-libnl --disable-dbus \
		--without-dpdk --disable-rdma --disable-bluetooth --disable-usb CFLAGS="-O2 -g -Wall -Wextra -I$ROOT/include" >"$WORK/configure.log" 2>&1
}

compile() {
	make clean >/dev/null 2>&1
	timeout --kill-after=5 200 make -j2 shared >"$WORK/make.log" 2>&1
}

# An older one does if no header of ours is newer.
up_to_date() {
	local so=$WORK/source/libpcap.so

	[ -e "$so" ] && [ -z "$(find "$ROOT/include" -name '*.h' -newer "$so")" ]
}

build() {
	mkdir -p "$WORK"
	exec 9>"$WORK/lock"
	flock -w 500 9 || give_up "another one is building it, and does not end"
	if ! up_to_date; then
		[ -x "$WORK/source/configure" ] || fetch || give_up "its source package can't be had: $(tail -n 1 "$WORK/fetch.log")"
		cd "$WORK/source" || exit 1
		rm -f libpcap.so
		configure || { not_ok "libpcap's configure" "see $WORK/configure.log"; netns_end; }
		compile || { not_ok "libpcap's make" "$(grep -m 1 'error' "$WORK/make.log"); see $WORK/make.log"; netns_end; }
		cd "$ROOT" || exit 1
	fi
	exec 9>&-
	grep -q '^#define PCAP_SUPPORT_NETMAP 1' "$WORK/source/config.h"
	verdict "libpcap's own check finds that our headers serve" $?
	! grep -q 'include/net/netmap.*warning' "$WORK/make.log"
	verdict "no warnings of our headers" $?
}

# The packets of a capture file, times left out.
packets() { tcpdump -n -t -e -xx -r "$1" 2>/dev/null | grep '0x'; }

same_packets() { cmp -s <(packets "$1") <(packets "$2"); }

count() { packets "$1" | grep -c '0x0000:'; }

# under DEVICE: the words a command line begins with, where it is a netmap port. The run-time library of a sanitizer must come
# first; and what tcpdump itself leaves behind is not the question.
under() {
	case $1 in
	netmap:*) echo "env LD_LIBRARY_PATH=$WORK/source LD_PRELOAD=${SANITIZER:+$SANITIZER:}$PRELOAD ASAN_OPTIONS=detect_leaks=0" ;;
	esac
}

# dump_start DEVICE [FILTER]: tcpdump in namespace b
dump_start() {
	rm -f "$TMP/out/came.pcap"
	LIMIT=40 netns_spawn tcpdump b $(under "$1") "$TMP/tcpdump" -i "$1" -n -U -w "$TMP/out/came.pcap" ${2:+"$2"}
	wait_for 10 netns_said tcpdump 'listening on'
}

# dump_stop NAME FILE: tcpdump is interrupted, ends well, and has exactly the packets of FILE, and says so
dump_stop() {
	local rc

	wait_for 10 same_packets "$2" "$TMP/out/came.pcap"
	netns_stop tcpdump INT; rc=$?
	if [ $rc -ne 0 ]; then
		not_ok "$1" "tcpdump ended with code $rc"
	elif ! same_packets "$2" "$TMP/out/came.pcap"; then
		not_ok "$1" "$(count "$TMP/out/came.pcap") packets of $(count "$2") came, or other ones"
	elif ! netns_said tcpdump "^$(count "$2") packets captured"; then
		not_ok "$1" "tcpdump says: $(grep captured "$TMP/tcpdump.out")"
	else
		ok "$1"
	fi
}

# transfer NAME FROM TO CAME [FILTER]: what is sent through device FROM in a is captured from device TO in b
transfer() {
	local name=$1 rc

	dump_start "$3" ${5:+"$5"} || { not_ok "$name" "tcpdump does not start"; netns_stop tcpdump KILL; return; }
	LIMIT=30 netns_spawn inject a $(under "$2") "$TMP/inject" "$2" "$TMP/all.pcap"
	netns_reap inject; rc=$?
	if [ $rc -ne 0 ]; then
		netns_stop tcpdump KILL
		not_ok "$name" "the sender failed (code $rc)"
		return
	fi
	dump_stop "$name" "$4"
}

no_such_interface() {
	local rc

	netns_spawn tcpdump b $(under netmap:) "$TMP/tcpdump" -i netmap:nosuch -n -w "$TMP/out/came.pcap"
	netns_reap tcpdump 10; rc=$?
	[ $rc -eq 1 ] && netns_said tcpdump 'nosuch'
	verdict "an unknown interface is an error with a message" $? "tcpdump ended with code $rc"
}

[ -e "$PRELOAD" ] || { not_ok "libpcap" "$PRELOAD is not built"; netns_end; }
for tool in tcpdump dpkg-source flex bison cc make flock; do
	command -v "$tool" >/dev/null || give_up "no $tool"
done
build

cc -O2 -o "$TMP/capture" "$ROOT/test/netns/capture.c" &&
	cc -O2 -Wall -I"$WORK/source" -o "$TMP/inject" "$ROOT/test/netns/libpcap/inject.c" -L"$WORK/source" -lpcap &&
	"$TMP/capture" "$TMP/all.pcap" && tcpdump -n -r "$TMP/all.pcap" -w "$TMP/udp.pcap" "$FILTER" 2>/dev/null &&
	[ "$(count "$TMP/udp.pcap")" -gt 100 ] && [ "$(count "$TMP/all.pcap")" -gt "$(count "$TMP/udp.pcap")" ]
verdict "a program with that libpcap, and packets for it" $?

# tcpdump drops its privileges before it writes. And AppArmor, where it is in use, knows tcpdump by its place.
chmod 711 "$TMP"
mkdir -m 1777 "$TMP/out"
cp "$(command -v tcpdump)" "$TMP/tcpdump"

netns_add a b
netns_veth a v0 b v1
for nic in $BACKENDS; do
	export NETMAP_NIC=$nic
	transfer "$nic: tcpdump captures" v0 netmap:v1 "$TMP/all.pcap"
	transfer "$nic: tcpdump captures what its filter says" v0 netmap:v1 "$TMP/udp.pcap" "$FILTER"
	transfer "$nic: pcap_inject sends" netmap:v0 v1 "$TMP/all.pcap"
	transfer "$nic: one sends, the other captures" netmap:v0 netmap:v1 "$TMP/all.pcap"
done
no_such_interface
netns_no_xdp a v0 && netns_no_xdp b v1
verdict "no XDP program stays behind" $?
netns_end

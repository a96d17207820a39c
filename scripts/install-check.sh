#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# make install into an empty directory, then a program built with pkg-config against what is there; make uninstall.
set -u
cd "$(dirname "$0")/.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "not ok install: $1" && exit 1; }

make install DESTDIR="$dir" PREFIX=/usr >"$dir/log" 2>&1 || { cat "$dir/log"; fail "make install"; }
for f in include/net/netmap.h include/net/netmap_user.h include/net/netmap_classic.h include/net/netmap_linerate.h \
	 include/libnetmap.h lib/libnetmap.so lib/libnetmap.a lib/libnetmap-preload.so lib/pkgconfig/libnetmap.pc \
	 bin/pkt-gen bin/bridge sbin/netmapd lib/systemd/system/netmapd.socket lib/systemd/system/netmapd.service share/man/man8/netmapd.8 share/man/man4/netmap.4 share/man/man4/netmap-module.4 share/man/man3/libnetmap.3 share/man/man8/pkt-gen.8 share/man/man8/bridge.8; do
	[ -e "$dir/usr/$f" ] || fail "$f is not there"
done
echo "ok install: every file is there"

cat >"$dir/p.c" <<'END'
#include <libnetmap.h>
#include <stdio.h>
int main(void)
{
	struct nmport_d *d = nmport_open("netmap:install{1");
	int ok = d != NULL;
	if (d)
		nmport_close(d);
	puts(ok ? "opened" : "failed");
	return !ok;
}
END
export PKG_CONFIG_PATH="$dir/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$dir"
cflags=$(PKG_CONFIG_PATH=$PKG_CONFIG_PATH pkg-config --cflags libnetmap) || fail "pkg-config"
# The .pc file of this build names its own prefix; DESTDIR is only a stage.
cc "$dir/p.c" $cflags -I"$dir/usr/include" -L"$dir/usr/lib" -lnetmap -o "$dir/shared" || fail "linking with libnetmap.so"
LD_LIBRARY_PATH="$dir/usr/lib" "$dir/shared" || fail "running with libnetmap.so"
echo "ok install: a program linked with libnetmap.so runs"
cc "$dir/p.c" -I"$dir/usr/include" "$dir/usr/lib/libnetmap.a" -lbpf -lpthread -ldl -o "$dir/static" || fail "linking with libnetmap.a"
"$dir/static" || fail "running with libnetmap.a"
echo "ok install: a program linked with libnetmap.a runs"
LD_LIBRARY_PATH="$dir/usr/lib" "$dir/usr/bin/pkt-gen" -h >/dev/null || fail "pkt-gen -h"
echo "ok install: pkt-gen runs"
"$dir/usr/sbin/netmapd" -c "$dir/usr/share/doc/linerate/netmapd.conf" -s "$dir/socket" -i 0 2>"$dir/netmapd.log" || { cat "$dir/netmapd.log"; fail "netmapd with its example configuration"; }
echo "ok install: netmapd runs with its example configuration"
make uninstall DESTDIR="$dir" PREFIX=/usr >/dev/null || fail "make uninstall"
[ -z "$(find "$dir/usr" -type f -o -type l)" ] || fail "uninstall left $(find "$dir/usr" -type f -o -type l | head -n 1)"
echo "ok install: uninstall leaves nothing"

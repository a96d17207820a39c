#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs a command with a netmapd of its own as the host:
#
#	test/daemon/with.sh BUILD COMMAND...
#
# BUILD is build, build/asan, ... The exit code is the command's, or 1 when the daemon did not end well.
set -u

case ${1-} in
-h) sed -n '3,9s/^# \{0,1\}//p' "$0" && exit 0 ;;
esac
[ $# -ge 2 ] || { echo "usage: test/daemon/with.sh BUILD COMMAND..." >&2; exit 2; }

build=$1
shift
dir=$(mktemp -d)
chmod 711 "$dir"
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

export NETMAP_SOCKET=$dir/socket NETMAP_HOST=daemon LR_NETMAPD=$PWD/$build/bin/netmapd
"$LR_NETMAPD" -s "$NETMAP_SOCKET" ${LR_NETMAPD_ARGS:-} 2>"$dir/log" &
pid=$!
for _ in $(seq 500); do
	[ -S "$NETMAP_SOCKET" ] && break
	sleep 0.02
done

"$@"
code=$?

kill -TERM "$pid" 2>/dev/null
for _ in $(seq 500); do
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.02
done
if kill -0 "$pid" 2>/dev/null; then
	echo "not ok netmapd: does not end"
	code=1
else
	wait "$pid"
	rc=$?
	pid=
	[ $rc -eq 0 ] || { echo "not ok netmapd: ended with code $rc" && code=1; }
	[ ! -e "$NETMAP_SOCKET" ] || { echo "not ok netmapd: left its socket behind" && code=1; }
fi
grep -v '^netmap: ' "$dir/log"
exit $code

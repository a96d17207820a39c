#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Unmodified programs under the preload library: those that use /dev/netmap find it, all others notice nothing. At the
# end, for information, what the library costs them.
#
#	test/preload/run.sh [BUILD]	BUILD: where the libraries are, build by default
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${1:-build}")
lib=$build/lib/libnetmap-preload.so
tmp=$(mktemp -d "${TMPDIR:-/tmp}/lr-preload-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
failed=0

[ -e "$lib" ] || { echo "not ok preload: there is no $lib"; exit 1; }

# with COMMAND...: runs it under the library.
with() {
	NETMAP_HOST=inprocess LD_PRELOAD=$lib timeout 60 "$@"
}

# check NAME COMMAND...: the command must end well and print "works".
check() {
	local name=$1 out
	shift
	out=$("$@" 2>&1)
	if [ "$?" -eq 0 ] && [ "$out" = works ]; then
		echo "ok $name"
	else
		echo "not ok $name: ${out//$'\n'/; }"
		failed=1
	fi
}

# same NAME COMMAND...: the command must print and return the same with the library and without.
same() {
	local name=$1 a b
	shift
	a=$(timeout 60 "$@" 2>&1; echo "code $?")
	b=$(with "$@" 2>&1; echo "code $?")
	if [ "$a" = "$b" ]; then
		echo "ok $name"
	else
		echo "not ok $name: something is different"
		diff <(echo "$a") <(echo "$b") | head -n 10
		failed=1
	fi
}

cc=${CC:-cc}
compile() {
	$cc -O2 -Wall -Iinclude "$@" || { echo "not ok compile: $*"; exit 1; }
}

compile test/preload/raw.c -o "$tmp/raw"
compile -D_FORTIFY_SOURCE=2 -D_FILE_OFFSET_BITS=64 test/preload/raw.c -o "$tmp/raw-fortified"
compile test/preload/linked.c -L"$build/lib" -Wl,-rpath,"$build/lib" -lnetmap -o "$tmp/linked"
compile test/preload/overhead.c -o "$tmp/overhead"

check program with "$tmp/raw"
check program_with_checks_of_the_compiler with "$tmp/raw-fortified"
check linked_program "$tmp/linked"
check linked_program_and_preload with "$tmp/linked"
if command -v python3 >/dev/null; then
	check python with python3 test/preload/device.py
else
	echo "skip python: there is no python3"
fi

same ls ls -l /usr /dev/null /nonexistent
same stat_of_the_device_elsewhere stat -c %F /dev/null
same pipes bash -c 'seq 20000 | sort -rn | head -n 100 | cksum; exit 3'
same redirections bash -c 'exec 5<>/dev/null 6>&1 7<&0; exec 6>&- 5<&-; { echo a; echo b >&2; } 2>&1 | cat; read -r -t 0.1 <&7; echo $?' </dev/null
same jobs bash -c 'for i in 1 2 3; do sleep 0.$i & done; wait; trap "echo term" TERM; kill $$; coproc cat; echo x >&${COPROC[1]}; read -r y <&${COPROC[0]}; echo $y'
same find find include -type f -newer /nonexistent
same timeout timeout 0.2 sleep 5
if command -v python3 >/dev/null; then
	same ordinary_python python3 test/preload/ordinary.py
fi

echo "# nanoseconds a call, without and with the library:"
a=$("$tmp/overhead") b=$(with "$tmp/overhead")
echo "$a $b" | awk '{ for (i = 1; i <= NF / 2; i += 2)
	printf "# %-12s %8.1f %8.1f  ratio %.3f\n", $i, $(i + 1), $(i + 1 + NF / 2), $(i + 1 + NF / 2) / $(i + 1) }'
exit $failed

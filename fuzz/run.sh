#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the fuzz targets and runs each for a while; new inputs stay in build/fuzz/NAME.corpus, where the next run finds them.
set -u -o pipefail

usage() {
	cat <<END
usage: fuzz/run.sh [-h] SECONDS [TARGET...]
  Runs each target (ioctl spec ring vale daemon) for SECONDS, as many at once as there are processors, under the address and undefined behaviour sanitizers.
  Exit code 1 if one found something (its input is named), 77 if there is no fuzzer here.
END
}

case ${1-} in
-h) usage; exit 0 ;;
'' | *[!0-9]*) usage >&2; exit 2 ;;
esac
seconds=$1
shift
[ $# -gt 0 ] || set -- ioctl spec ring vale daemon

cd "$(dirname "$0")/.." || exit 1
out=build/fuzz
cc=${FUZZ_CC:-clang}
mkdir -p "$out"
trap 'trap - TERM; echo "interrupted"; kill 0; exit 130' INT TERM

cflags=(-std=gnu11 -g -O1 -D_GNU_SOURCE -DLR_DEBUG -DLR_VERSION='"fuzz"' -I. -Iinclude -Ios/user -Wall -Wextra
	-fno-strict-aliasing -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)
core=()
for f in $(sed -n 's/^CORE_SRCS *:= *//p' core/files.mk); do
	core+=("core/$f")
done

printf 'int LLVMFuzzerTestOneInput(const char *, long);\nint LLVMFuzzerTestOneInput(const char *p, long n) { return !p && n; }\n' >"$out/probe.c"
if ! "$cc" -fsanitize=fuzzer,address,undefined "$out/probe.c" -o "$out/probe" 2>"$out/probe.log"; then
	echo "skip fuzz: $cc has no fuzzer runtime ($(head -n 1 "$out/probe.log"))"
	exit 77
fi

build() {	# target
	local more=() user=(os/user/*.c)

	# The library's calls of the C library go to a device in the target, not to the system's.
	[ "$1" != spec ] || more=(lib/nm*.c -Wl,--wrap=open,--wrap=close,--wrap=ioctl,--wrap=mmap)
	# The daemon has its own way to its callers' memory.
	[ "$1" != daemon ] || {
		user=($(ls os/user/*.c | grep -v /caller.c))
		more=($(ls daemon/*.c | grep -v -e /main.c -e /listen.c) -lconfig)
	}
	"$cc" "${cflags[@]}" "fuzz/$1.c" fuzz/no_nic.c "${core[@]}" "${user[@]}" "${more[@]}" -lpthread -o "$out/$1" >"$out/$1.build" 2>&1
}

run() {		# target
	local log=$out/$1.log seeds=(fuzz/corpus/"$1") runs input

	mkdir -p "$out/$1.corpus"
	if timeout --foreground --kill-after=20 $((seconds + 120)) "$out/$1" -max_total_time="$seconds" -max_len=2048 -timeout=20 -rss_limit_mb=2048 \
		-close_fd_mask=3 -print_final_stats=1 -artifact_prefix="$out/$1-" "$out/$1.corpus" "${seeds[@]}" >"$log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		echo "ok fuzz/$1: ${runs:-0} runs"
		return 0
	fi
	input=$(sed -n 's/.*Test unit written to //p' "$log" | head -n 1)
	# Once more, with all it has to say.
	[ ! -f "$input" ] || timeout --foreground --kill-after=20 60 "$out/$1" "$input" >>"$log" 2>&1
	echo "not ok fuzz/$1: $(grep -m 1 -E '^fuzz/|assertion failed|AddressSanitizer: |runtime error: ' "$log" ||
		grep -m 1 'ERROR: ' "$log" || tail -n 1 "$log")"
	echo "# input: ${input:-none}, log: $log"
	return 1
}

one() {		# target
	if [ ! -f "fuzz/$1.c" ]; then
		echo "not ok fuzz/$1: there is no such target"
		return 1
	elif ! build "$1"; then
		echo "not ok fuzz/$1: it does not build, see $out/$1.build"
		tail -n 20 "$out/$1.build"
		return 1
	fi
	run "$1"
}

# One for each processor.
status=0 running=0
for t in "$@"; do
	if [ "$running" -ge "$(nproc)" ]; then
		wait -n || status=1
		running=$((running - 1))
	fi
	{ said=$(one "$t"); code=$?; echo "$said"; exit $code; } &
	running=$((running + 1))
done
for ((; running > 0; running--)); do
	wait -n || status=1
done
exit $status

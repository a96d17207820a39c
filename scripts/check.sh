#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs tests and counts. Every test program prints lines `ok NAME`, `not ok NAME: why`, `skip NAME: why`; one that
# fails without saying so, or hangs, counts as a failure of its own. The last line is `N passed, N failed[, N skipped]`.
#
#	scripts/check.sh fast|full|asan|tsan|fuzz|netns|vm|daemon
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0 skipped=0
failures=()
started=$SECONDS
logs=build/log
mkdir -p "$logs"
jobs=$(nproc)
ahead=	# a build that is under way
# Who answers for /dev/netmap, where a test does not say; a daemon that happens to run here is not what is tested.
export NETMAP_HOST=${NETMAP_HOST:-inprocess}
trap 'echo; echo "interrupted"; exit 130' INT TERM
trap '[ -z "$ahead" ] || kill "$ahead" 2>/dev/null' EXIT

note() { printf '%4ds  %s\n' $((SECONDS - started)) "$*"; }

# run NAME SECONDS COMMAND...: runs a test with a time limit and counts what it printed.
run() {
	local name=$1 limit=$2 log rc ok bad skip
	shift 2
	log="$logs/$(echo "$name" | tr -c 'A-Za-z0-9_.\n-' _).log"
	timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null
	rc=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	skip=$(grep -c '^skip ' "$log")
	case $rc in
	0) [ "$ok" -gt 0 ] || [ "$bad" -gt 0 ] || [ "$skip" -gt 0 ] || ok=1 ;;
	77) if [ "$skip" -eq 0 ]; then
		skip=1
		echo "skip $name: $(tail -n 1 "$log")"
	    fi ;;
	124 | 137) bad=$((bad + 1)) && echo "not ok $name: took more than $limit s" ;;
	*) [ "$bad" -gt 0 ] || { bad=1 && echo "not ok $name: exit code $rc"; } ;;
	esac
	# Reports of a sanitizer in a program that went on, or that was a child of the test.
	if grep -qE '(ERROR|WARNING): (Address|Thread|Leak)Sanitizer|runtime error:' "$log"; then
		bad=$((bad + 1))
		echo "not ok $name: a sanitizer reported something"
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	if [ "$bad" -gt 0 ]; then
		failures+=("$name ($log)")
		grep '^not ok ' "$log"
		tail -n 25 "$log" | sed 's/^/    | /'
	fi
	grep '^skip ' "$log"
	note "$name: $ok passed, $bad failed, $skip skipped"
}

finish() {
	local f

	for f in ${failures[@]+"${failures[@]}"}; do
		echo "failed: $f"
	done
	note "done"
	if [ "$skipped" -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ "$failed" -eq 0 ]
	exit
}

# What the sanitized tests need is built while others wait for packets. Errors come to light in `build`.
build_ahead() {
	(
		trap 'kill $! 2>/dev/null; wait; exit' TERM
		for san in asan tsan; do
			nice -n 19 make -j"$jobs" SAN=$san all tests >"$logs/build-ahead-$san.log" 2>&1 &
			wait $!
		done
	) &
	ahead=$!
}

# build NAME TARGETS...: what does not build ends the run.
build() {
	local name=$1
	shift
	[ -z "$ahead" ] || wait "$ahead"
	ahead=
	note "build: $*"
	if ! make -j"$jobs" "$@" >"$logs/build-$name.log" 2>&1; then
		tail -n 40 "$logs/build-$name.log"
		failed=$((failed + 1))
		failures+=("build $name ($logs/build-$name.log)")
		finish
	fi
	passed=$((passed + 1))
}

# Unit and conformance tests of one build tree: DIR LABEL
unit() {
	local t

	for t in "$1"/test/unit/*_test; do
		run "$2unit/$(basename "$t" _test)" 300 "$t"
	done
}

conformance() {
	local t dir=$1 label=$2

	for t in "$dir"/test/conformance/*; do
		case $t in
		*.d) ;;
		*-raw) run "${label}conformance/$(basename "$t" -raw) (preload)" 300 \
			env LD_PRELOAD="$dir/lib/libnetmap-preload.so" "$t" ;;
		*) run "${label}conformance/$(basename "$t")" 300 "$t" ;;
		esac
	done
}

# The same programs with netmapd as the host, the preloaded ones with the default build only: DIR LABEL
on_daemon() {
	local t dir=$1 label=$2

	for t in "$dir"/test/conformance/* "$dir"/test/daemon/*; do
		case $t in
		*.d | *'*') ;;
		*-raw) [ -n "$label" ] || run "${label}daemon conformance/$(basename "$t" -raw) (preload)" 300 \
			bash test/daemon/with.sh "$dir" env LD_PRELOAD="$dir/lib/libnetmap-preload.so" "$t" ;;
		*) run "${label}daemon ${t#"$dir"/test/}" 300 bash test/daemon/with.sh "$dir" "$t" ;;
		esac
	done
}

netns() {
	local t

	if [ "$(id -u)" -ne 0 ]; then
		skipped=$((skipped + 1))
		echo "skip netns: needs root"
		return
	fi
	for t in test/netns/*.sh; do
		[ "$t" = test/netns/libpcap.sh ] || run "$2netns/$(basename "$t" .sh)" 600 env LR_BUILD="$1" bash "$t"
	done
}

sanitized() {
	local t

	export ASAN_OPTIONS=detect_stack_use_after_return=1:abort_on_error=0
	export UBSAN_OPTIONS=print_stacktrace=1
	build asan SAN=asan all tests soak-programs
	unit build/asan "asan "
	conformance build/asan "asan "
	for t in build/asan/test/daemon/*; do
		case $t in
		*.d) ;;
		*) run "asan daemon/$(basename "$t")" 300 bash test/daemon/with.sh build/asan "$t" ;;
		esac
	done
	netns build/asan "asan "
	run "asan soak" 300 env SOAK_SECONDS="${SOAK_SECONDS:-45}" bash test/soak/run.sh
}

threads() {
	export TSAN_OPTIONS=halt_on_error=0
	build tsan SAN=tsan all tests
	unit build/tsan "tsan "
	conformance build/tsan "tsan "
	on_daemon build/tsan "tsan "
}

quick() {
	build default all tests
	run "abi" 300 bash test/unit/abi/run.sh cc
	unit build ""
	conformance build ""
	on_daemon build ""
}

# What takes a minute and a half: all that is tested once, and twice where the second host or the preload library has a part in it.
fast() {
	local t dir=build/test

	build default all tests
	run "abi" 300 bash test/unit/abi/run.sh cc
	unit build ""
	for t in "$dir"/conformance/*; do
		case $t in
		*.d | *-raw) ;;
		*/host) run "conformance/host" 300 "$t" -x open_and_close_under_load ;;
		*) run "conformance/$(basename "$t")" 300 "$t" ;;
		esac
	done
	for t in control descriptor legacy option poll; do
		run "conformance/$t (preload)" 300 env LD_PRELOAD=build/lib/libnetmap-preload.so "$dir/conformance/$t-raw"
	done
	for t in descriptor memory pipe poll share vale; do
		run "daemon conformance/$t" 300 bash test/daemon/with.sh build "$dir/conformance/$t"
	done
	for t in "$dir"/daemon/*; do
		[ "${t%.d}" != "$t" ] || run "daemon $(basename "$t")" 300 bash test/daemon/with.sh build "$t"
	done
}

# The kernels of KERNELS, or all that have to work; the parts of PARTS, or all.
vm() {
	local k parts=()

	for k in ${PARTS:-}; do
		parts+=(-p "$k")
	done
	[ -n "${KERNELS:-}${PARTS:-}" ] || run "vm afxdp" 1800 bash test/vm/afxdp.sh
	# shellcheck disable=SC2086 # words
	run "vm" 86400 bash test/vm/check.sh ${parts[@]+"${parts[@]}"} ${KERNELS:-}
	for k in ${KERNELS:-}; do
		[ -n "${PARTS:-}" ] || [ "$k" = debug ] || run "vm afxdp $k" 1800 bash test/vm/afxdp.sh "$k"
	done
}

full() {
	quick
	run "style" 120 bash scripts/style.sh
	run "man pages" 60 bash scripts/man-check.sh
	run "preload" 300 bash test/preload/run.sh
	run "tools" 600 bash test/tools/run.sh
	build_ahead
	netns build ""
	run "netns/libpcap" 900 bash test/netns/libpcap.sh
	sanitized
	threads
	run "kernel objects" 600 bash scripts/kbuild-check.sh
	run "dkms" 900 bash scripts/dkms-check.sh
	run "hooks" 300 bash scripts/hooks-check.sh
	run "fuzz" 900 bash fuzz/run.sh "${FUZZ_SECONDS:-30}"
	build bench benches
	run "bench" 600 bash bench/run.sh quick
	run "demo" 300 bash scripts/demo.sh
	run "install" 120 bash scripts/install-check.sh
	run "vm afxdp" 1800 bash test/vm/afxdp.sh
	# All of it within the hour: what takes long comes last, and begins nothing after 50 minutes.
	export LR_VM_BUDGET=$((3000 - (SECONDS - started)))
	PARTS="raw kernel netns small nics linked" vm
}

case ${1:-} in
fast) fast ;;
full) full ;;
asan) sanitized ;;
tsan) threads ;;
daemon) build default all tests && on_daemon build "" ;;
netns) build default all tests && netns build "" ;;
vm) vm ;;
fuzz) run "fuzz" 7200 bash fuzz/run.sh "${SECONDS_EACH:-60}" ;;
*)
	echo "usage: scripts/check.sh fast|full|asan|tsan|daemon|netns|vm|fuzz" >&2
	exit 2
	;;
esac
finish

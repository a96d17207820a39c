#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The soak (soak.c says what it does), with address and leak sanitizers:
#
#	test/soak/run.sh		SOAK_SECONDS=3600 SEED=, from the environment; make soak builds it first
#
# Ends early, with all checks, at Ctrl-C. Exit code 0 if nothing was wrong.
set -eu

case ${1-} in
-h | --help) sed -n '4,9s/^# \{0,1\}//p' "$0" && exit 0 ;;
?*) echo "usage: SOAK_SECONDS=N SEED=N test/soak/run.sh" >&2 && exit 2 ;;
esac
cd "$(dirname "$0")/../.."
for p in soak netmapd; do
	[ -x "build/asan/test/soak/$p" ] || { echo "soak: build/asan/test/soak/$p is not there: make SAN=asan soak-programs" >&2; exit 2; }
done
# What was freed is kept for a short while only: memory is measured.
export ASAN_OPTIONS=quarantine_size_mb=2:malloc_context_size=12:detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1
exec build/asan/test/soak/soak build/asan/test/soak/netmapd "${SOAK_SECONDS:-3600}" "${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}"

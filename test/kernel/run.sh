#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the tests of this directory on the module that is loaded. Lines `ok NAME: case`, `not ok NAME: case: why`, `skip NAME: why`.
set -u

here=$(cd "$(dirname "$0")" && pwd)
parameters=/sys/module/netmap/parameters
seconds=60

usage() {
	cat <<USAGE
usage: run.sh [-h] [-k MODULE.ko] [-t SECONDS] [NAME...]
  Runs all test programs beside this script, or those named. As root, in a machine that may crash.
  -k	the module's file: some tests unload it and load it again
  -t	how long one case may take ($seconds)
USAGE
}

while getopts hk:t: opt; do
	case $opt in
	h) usage; exit 0 ;;
	k) LR_KO=$OPTARG; export LR_KO ;;
	t) seconds=$OPTARG ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
limit=$((15 * seconds))	# for one program

# What can be written there, as `name value` lines: tests change it, and may die before they change it back.
remember() {
	for f in "$parameters"/*; do
		[ ! -w "$f" ] || [ ! -f "$f" ] || echo "${f##*/} $(cat "$f")"
	done
}

restore() {
	echo "$remembered" | while read -r name value; do
		[ -z "$name" ] || [ ! -f "$parameters/$name" ] || [ "$(cat "$parameters/$name")" = "$value" ] ||
			echo "$value" >"$parameters/$name"
	done
	[ ! -c /dev/netmap ] || chmod 600 /dev/netmap
}

# Its lines with its name in them; 1 if it failed, also when it did not say so.
run() {
	name=$1
	log=$(mktemp)
	timeout "$limit" "$here/$name" -t "$seconds" >"$log" 2>&1 </dev/null
	code=$?
	sed "s/^\(ok\|not ok\|skip\) /\1 $name: /" "$log"
	if [ $code -eq 77 ] || { [ $code -eq 0 ] && ! grep -q '^not ok ' "$log"; }; then
		bad=0
	else
		bad=1
		grep -q '^not ok ' "$log" || echo "not ok $name: exit code $code"
	fi
	rm -f "$log"
	return $bad
}

if [ $# -eq 0 ]; then
	for f in "$here"/*; do
		name=${f##*/}
		case $name in
		*.sh | *.d | *.o) ;; # vale.sh needs more than this directory
		*) [ ! -x "$f" ] || [ ! -f "$f" ] || set -- "$@" "$name" ;;
		esac
	done
fi
remembered=$(remember)
failed=0
for name; do
	run "$name" || failed=1
	restore
done
exit $failed

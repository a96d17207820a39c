#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Tests the tools: their options, then, as root, with packets between namespaces. LR_BUILD is the directory they were built in (build).
# One line for each test: `ok NAME`, `not ok NAME: why` or `skip NAME: why`.
#
#	test/tools/run.sh [-h] [options|nmctl|traffic|bridge...]
set -u
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1

case ${1:-} in
-h)
	sed -n '3,8s/^# \{0,1\}//p' "$0"
	exit 0
	;;
esac

. test/tools/stage.sh
. test/tools/options.sh
. test/tools/traffic.sh
. test/tools/bridge.sh
. test/tools/nmctl.sh

if [ ! -x "$bin/pkt-gen" ] || [ ! -x "$bin/bridge" ]; then
	skip tools "$bin/pkt-gen and bridge are not built"
	exit 77
fi
for part in ${*:-options nmctl traffic bridge}; do
	case $part in
	options | nmctl) "${part}_run" ;;
	traffic | bridge)
		if ! may_netns; then
			skip "$part" "no right to make network namespaces"
		elif [ "$part" = traffic ] && ! command -v tcpdump >/dev/null; then
			skip "$part" "tcpdump is not installed"
		else
			"${part}_run"
		fi
		;;
	*)
		echo "run.sh: there is no part $part" >&2
		exit 2
		;;
	esac
done
[ "$failures" -eq 0 ]

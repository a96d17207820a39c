# SPDX-License-Identifier: BSD-2-Clause
# What the tests of the tools stand on: verdicts, namespaces joined by veth pairs, programs in the background. To be sourced.

build=${LR_BUILD:-build}
bin=$build/bin
work=$(mktemp -d)
failures=0
namespaces=()
started=()

ok() { echo "ok $1"; }
not_ok() {
	failures=$((failures + 1))
	echo "not ok $1: $2"
}
skip() { echo "skip $1: $2"; }

# verdict NAME WHY: good if WHY is empty.
verdict() {
	if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi
}

# timeout leads a process group: the command goes with it.
slay() {
	kill -9 -- "-$1" "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# Ends what was started and takes the namespaces down, whatever happened before.
clean() {
	local pid ns

	for pid in ${started[@]+"${started[@]}"}; do
		slay "$pid"
	done
	started=()
	for ns in ${namespaces[@]+"${namespaces[@]}"}; do
		ip netns del "$ns" 2>/dev/null
	done
	namespaces=()
}
trap 'clean; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Processes may be root's only with the right to make namespaces.
may_netns() {
	local ns=lrtool-$$

	ip netns add "$ns" 2>/dev/null && ip netns del "$ns"
}

# ns_add NAME: a namespace that says nothing by itself. Its full name is $NAME afterwards.
ns_add() {
	local ns=lrtool$1-$$

	ip netns add "$ns" || return 1
	namespaces+=("$ns")
	ip -n "$ns" link set lo up
	ip netns exec "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	printf -v "$1" %s "$ns"
}

# veth NS1 IF1 NS2 IF2 [QUEUES]
veth() {
	local queues=${5:-1} side

	ip -n "$1" link add "$2" numtxqueues "$queues" numrxqueues "$queues" type veth \
		peer name "$4" netns "$3" numtxqueues "$queues" numrxqueues "$queues" || return 1
	for side in "$1 $2" "$3 $4"; do
		# shellcheck disable=SC2086
		set -- $side
		ip -n "$1" link set "$2" up
		ip netns exec "$1" ethtool -K "$2" rx off tx off tso off gso off gro off >/dev/null 2>&1
	done
}

# two_sides [QUEUES]: $a has v0, $b has v1, the ends of one veth pair.
two_sides() {
	clean
	ns_add a && ns_add b && veth "$a" v0 "$b" v1 "${1:-1}"
}

# in_ns NS SECONDS COMMAND...
in_ns() {
	local ns=$1 limit=$2
	shift 2
	ip netns exec "$ns" timeout --kill-after=2 "$limit" "$@"
}

# background LOG NS SECONDS COMMAND...: $job is the pid of the timeout that runs it.
background() {
	local log=$1 ns=$2 limit=$3
	shift 3
	# Now, not when the command gets to it: nobody is to read what an earlier one wrote.
	: >"$log"
	ip netns exec "$ns" timeout --kill-after=2 "$limit" "$@" >"$log" 2>&1 </dev/null &
	job=$!
	started+=("$job")
}

# child JOB: the pid of the command itself.
child() { tr ' ' '\n' <"/proc/$1/task/$1/children" 2>/dev/null | head -n 1; }

# tell SIGNAL JOB
tell() { kill -"$1" "$(child "$2")" 2>/dev/null; }

# await SECONDS COMMAND...: until the command succeeds.
await() {
	local tries=$(($1 * 20))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# finish PID SECONDS: waits for it, its exit code is $code. 124 if it had to be killed.
finish() {
	if ! await "$2" gone "$1"; then
		slay "$1"
		code=124
		return 1
	fi
	wait "$1"
	code=$?
}

# open_port LOG: the program that writes this log has opened its port.
open_port() { await 10 grep -q ' slots, region ' "$1"; }

# number LOG PATTERN: the number where PATTERN, an extended expression, has its first group.
number() { sed -nE "s/.*$2.*/\\1/p" "$1" | tail -n 1; }

# reason LOG: the first thing it complained about.
reason() { grep -m 1 -E '^(pkt-gen|bridge|receive|classic): ' "$1" || tail -n 1 "$1"; }

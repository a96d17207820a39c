# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Network namespaces for tests and the demo; to be sourced by bash. Names carry the process id, everything is taken
# down at exit, every command has a time limit, nothing waits by sleeping.
#
#	netns_begin			root check, temporary directory $TMP, clean-up at exit
#	netns_add a b ...		makes namespaces; `in_ns a COMMAND...` runs there, at most $LIMIT seconds
#	netns_veth a eth0 b eth1 [QUEUES [MTU]]	joins two of them
#	netns_spawn NAME a COMMAND...	in the background; output in $TMP/NAME.out
#	netns_reap NAME [SECONDS]	waits for it; its exit code
#	netns_stop NAME [SIGNAL]	signals it and waits
#	wait_for SECONDS COMMAND...	tries until it succeeds
#	wanted NAME			is the test one of LR_CASES, a regular expression (all if there is none)?
#	on_device			are we testing the kernel's /dev/netmap (NETMAP_HOST=device)?
#	ok NAME, not_ok NAME WHY, skip NAME WHY, verdict NAME CODE WHY	one line each; netns_end is the exit code
#
# LR_SLOW=N: this machine is N times slower than others, all limits are longer. LR_WIRE, any word: there are interfaces
# lr0 and lr1, joined by a cable; the first pair asked for is these. LR_WIRE2, any word: there are lr4 and lr5, too, for
# the second pair.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
B=${LR_BUILD:-build}
case $B in /*) ;; *) B=$ROOT/$B ;; esac
SLOW=${LR_SLOW:-1}
LIMIT=$((${LIMIT:-60} * SLOW))

netns_names=()
declare -A netns_pids=()
netns_recent=()
netns_failed=0
netns_wires=()	# where the ends of LR_WIRE and LR_WIRE2 are: namespace, name, and the name from before

ok() {
	echo "ok $*"
	netns_recent=()
}

skip() { echo "skip $1: $2"; }

wanted() { [[ $1 =~ ${LR_CASES:-} ]]; }

# What the background commands since the last line said goes with a failure.
not_ok() {
	local n

	echo "not ok $1: $2"
	netns_failed=1
	for n in ${netns_recent[@]+"${netns_recent[@]}"}; do
		[ -s "$TMP/$n.out" ] || continue
		echo "  --- $n"
		tail -n 12 "$TMP/$n.out" | sed 's/^/  | /'
	done
	netns_recent=()
}

verdict() {
	if [ "$2" -eq 0 ]; then ok "$1"; else not_ok "$1" "${3:-failed} (code $2)"; fi
}

netns_cleanup() {
	local n pid

	trap '' INT TERM
	exec 2>/dev/null
	for n in "${!netns_pids[@]}"; do
		kill -KILL -- "-${netns_pids[$n]}"
	done
	for n in ${netns_wires[@]+"${netns_wires[@]}"}; do
		netns_return $n
	done
	for n in ${netns_names[@]+"${netns_names[@]}"}; do
		for pid in $(ip netns pids "$n" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null
		done
		ip netns del "$n" 2>/dev/null
	done
	wait 2>/dev/null
	[ -n "${TMP:-}" ] && rm -rf "$TMP"
}

netns_begin() {
	if [ "$(id -u)" -ne 0 ]; then
		echo "skip $(basename "$0" .sh): needs root"
		exit 77
	fi
	TMP=$(mktemp -d "${TMPDIR:-/tmp}/lr.XXXXXX") || exit 1
	trap netns_cleanup EXIT
	trap 'exit 130' INT TERM HUP
	# Jobs get process groups of their own, to be killed as one.
	set -m
}

netns_end() { exit "$netns_failed"; }

ns_name() { echo "lr$1-$$"; }

netns_add() {
	local n

	for n in "$@"; do
		ip netns add "$(ns_name "$n")" || exit 1
		netns_names+=("$(ns_name "$n")")
		# No packets but those of the test.
		ip netns exec "$(ns_name "$n")" sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
			echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6' 2>/dev/null
		ip -n "$(ns_name "$n")" link set lo up
	done
}

netns_del() {
	local n keep=()

	ip netns del "$(ns_name "$1")"
	for n in "${netns_names[@]}"; do
		[ "$n" = "$(ns_name "$1")" ] || keep+=("$n")
	done
	netns_names=(${keep[@]+"${keep[@]}"})
}

in_ns() {
	local n=$1

	shift
	timeout --foreground --kill-after=5 "$LIMIT" ip netns exec "$(ns_name "$n")" "$@"
}

# An interface that is there goes into a namespace, and back at the end.
netns_take() {
	ip link set "$1" down && ip link set "$1" mtu "$4" netns "$(ns_name "$2")" name "$3" || exit 1
	netns_wires+=("$(ns_name "$2") $3 $1")
}

netns_return() {
	ip -n "$1" link set "$2" down promisc off
	ip -n "$1" link set "$2" netns $$ name "$3"
}

netns_veth() {
	local a=$1 ia=$2 b=$3 ib=$4 queues=${5:-1} mtu=${6:-1500}

	if [ -n "${LR_WIRE:-}" ] && [ ${#netns_wires[@]} -eq 0 ]; then
		netns_take lr0 "$a" "$ia" "$mtu"
		netns_take lr1 "$b" "$ib" "$mtu"
	elif [ -n "${LR_WIRE2:-}" ] && [ ${#netns_wires[@]} -eq 2 ]; then
		netns_take lr4 "$a" "$ia" "$mtu"
		netns_take lr5 "$b" "$ib" "$mtu"
	else
		ip link add "$ia" netns "$(ns_name "$a")" mtu "$mtu" numrxqueues "$queues" numtxqueues "$queues" type veth \
			peer name "$ib" netns "$(ns_name "$b")" mtu "$mtu" numrxqueues "$queues" numtxqueues "$queues" || exit 1
		! on_device || { netns_in_order "$a" "$ia" && netns_in_order "$b" "$ib"; }
	fi
	ip -n "$(ns_name "$a")" link set "$ia" up
	ip -n "$(ns_name "$b")" link set "$ib" up
	wait_for 5 netns_is_up "$a" "$ia"
	wait_for 5 netns_is_up "$b" "$ib"
}

# What software interfaces receive waits in a queue of the processor that sent it, and a sender that moves to another processor
# overtakes itself. RPS has each flow received by one processor, whoever sends it.
netns_in_order() {
	local n

	n=$(nproc)
	in_ns "$1" sh -c 'for q in /sys/class/net/$1/queues/rx-*/rps_cpus; do echo $2 >$q; done' - "$2" \
		"$(printf %x $(((1 << (n < 16 ? n : 16)) - 1)))"
}

# LOWER_UP: the carrier, known at once. UP: the state, which follows it after a while.
netns_is_up() { ip -n "$(ns_name "$1")" link show dev "$2" up 2>/dev/null | grep -q 'LOWER_UP.* state UP'; }

# Packets of the stack with checksums and sizes as they are on a wire. Some NICs lose their carrier over it.
netns_no_offloads() {
	in_ns "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null 2>&1
	wait_for 5 netns_is_up "$1" "$2"
}

netns_addr() { ip -n "$(ns_name "$1")" addr add "$3" dev "$2"; }

# The subshell is there to tell an exit code of every end, without remarks of the shell.
netns_spawn() {
	local name=$1 n=$2

	shift 2
	: >"$TMP/$name.out"	# what an earlier one said counts no more
	(
		timeout --foreground --kill-after=5 "$LIMIT" ip netns exec "$(ns_name "$n")" "$@"
		exit $?
	) >"$TMP/$name.out" 2>&1 </dev/null &
	netns_pids[$name]=$!
	netns_recent+=("$name")
}

netns_reap() {
	local pid=${netns_pids[$1]:-} rc

	[ -n "$pid" ] || return 1
	wait_for "${2:-$LIMIT}" netns_has_ended "$pid" || netns_signal "$pid" KILL
	wait "$pid" 2>/dev/null
	rc=$?
	unset "netns_pids[$1]"
	return $rc
}

netns_has_ended() { ! kill -0 "$1" 2>/dev/null; }

# To the command under its subshell and timeout, once.
netns_signal() {
	local t

	t=$(netns_child "$1") && t=$(netns_child "$t") && kill "-$2" "$t" 2>/dev/null
}

# pgrep looks at all processes, which takes long in an emulated machine.
netns_child() {
	local c=''

	if [ -r "/proc/$1/task/$1/children" ]; then
		read -r c _ 2>/dev/null <"/proc/$1/task/$1/children"
		[ -n "$c" ] && echo "$c"
	else
		pgrep -P "$1"
	fi
}

netns_stop() {
	local pid=${netns_pids[$1]:-}

	[ -n "$pid" ] || return 0
	netns_signal "$pid" "${2:-INT}"
	netns_reap "$1" 10
}

netns_running() { kill -0 "${netns_pids[$1]:-0}" 2>/dev/null; }

# Has a background command said this?
netns_said() { grep -q "$2" "$TMP/$1.out" 2>/dev/null; }

# nap MILLISECONDS, less than a second: without a process for it
nap() {
	[ -n "${netns_never:-}" ] || exec {netns_never}<> <(:)
	read -rt "0.$(printf %03d "$1")" -u "$netns_never" _ || true
}

wait_for() {
	local end=$((SECONDS + $1 * SLOW + 1))

	shift
	while ! "$@"; do
		[ $SECONDS -lt $end ] || return 1
		nap $((20 * SLOW))
	done
}

# True when no XDP program is on the interface.
netns_no_xdp() { ! ip -n "$(ns_name "$1")" -d link show dev "$2" | grep -q 'xdp'; }

# The back ends to test; NETMAP_NIC, which the library reads, narrows them. The kernel's device has one, which is the module.
on_device() { [ "${NETMAP_HOST:-}" = device ]; }
BACKENDS=${NETMAP_NIC:-af_xdp af_packet}
! on_device || BACKENDS=device

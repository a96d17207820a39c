#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Looks for trouble in the kernel log of the machine it runs on, since it did so last: exit code 1 and the lines around
# if there is any. With -f FILE, in a file that holds a console's output.
#
#	test/vm/log.sh [-h] [-f FILE]
set -u

# Reports of the kernel's own checkers. The names in brackets are what WARN() and BUG() print.
bad='(^|[^a-z])(BUG:|WARNING:|Oops|Kernel panic|kernel BUG at|general protection fault|Call Trace:|unable to handle'
bad+='|INFO: (possible|task|rcu|suspicious|inconsistent)|rcu: INFO:|suspicious RCU usage|soft lockup|hard LOCKUP'
bad+='|KASAN:|UBSAN:|KCSAN:|kmemleak: [1-9][0-9]* new|unregister_netdevice: waiting|refcount_t:|list_(add|del) corruption'
bad+='|[Ss]lab.* (corrupt|still|remaining)|Objects remaining|Bad page|bad page|NETDEV WATCHDOG|scheduling while atomic'
bad+='|sleeping function called|held lock|lock held when returning|DEBUG_LOCKS|DMA-API: debugging out of|Memory cgroup out|Out of memory|segfault)'
# A machine without the hardware that a driver looks for, clocks of an emulator.
fine='clocksource: |Speculative|Spectre|MDS|mmio_stale|unprivileged eBPF|x86/cpu'

file=
while getopts hf: opt; do
	case $opt in
	f) file=$OPTARG ;;
	*) sed -n 's/^#	//p' "$0"; exit 2 ;;
	esac
done

if [ -n "$file" ]; then
	text=$(tr -d '\r' <"$file")
else
	mark=/run/lr/log.seen
	seen=$(cat $mark 2>/dev/null || echo 0)
	text=$(dmesg | tail -n +$((seen + 1)))
	echo $((seen + $(printf '%s\n' "$text" | grep -c .))) >$mark
fi
lines=$(printf '%s\n' "$text" | grep -nE "$bad" | grep -vE "$fine" | head -n 1 | cut -d: -f1)
[ -n "$lines" ] || exit 0
printf '%s\n' "$text" | tail -n +$((lines > 5 ? lines - 5 : 1)) | head -n 80
exit 1

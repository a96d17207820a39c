#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What a test machine does once it sees the files of its host: process 1. Sets up what a machine has, names the network
# interfaces, loads the module, runs the command, looks at the kernel log, tells the exit code and ends the machine.
#
# There is no way back but two I/O ports: a byte written to 0xe9 goes to a file of the host, a write to 0xf4 ends QEMU.
# Output of the command goes to the second serial port, the kernel's console is the first.
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C LC_ALL=C
. /run/lr/settings

# port NUMBER VALUE: one byte.
port() { printf "\\x$(printf %x "$2")" | dd of=/dev/port bs=1 count=1 seek="$1" status=none; }

# leave CODE: the file of the host gets the code, then QEMU ends. The serial port is drained first.
leave() {
	stty -F /dev/ttyS1 sane 2>/dev/null
	port $((0xe9)) "$1"
	port $((0xf4)) $((0x10))
	while :; do sleep 10; done
}

say() { echo "lr-vm: $*" >/dev/ttyS1; }

broken() {
	say "$@"
	leave 125
}

setup() {
	mount -t devpts -o mode=600,ptmxmode=666 devpts /dev/pts
	mount -t tmpfs shm /dev/shm
	mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
	mount -t bpf bpf /sys/fs/bpf 2>/dev/null
	ln -sf /proc/self/fd /dev/fd
	ln -sf /proc/self/fd/0 /dev/stdin
	ln -sf /proc/self/fd/1 /dev/stdout
	ln -sf /proc/self/fd/2 /dev/stderr
	hostname vm
	stty -F /dev/ttyS1 raw -echo
	ulimit -l unlimited
	ulimit -c 0
	mkdir -p /run/netns /run/lock
	ip link set lo up
	[ -z "$write" ] || mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 lrwrite "$write" || broken "cannot mount $write"
}

# boot.sh made the addresses: kind and side are in the last two bytes, see there.
name_interfaces() {
	local pair mac name d

	for pair in $nics; do
		modprobe "${pair%%=*}" || broken "modprobe ${pair%%=*}"
	done

	for pair in $macs; do
		mac=${pair%%=*} name=${pair#*=}
		for _ in $(seq 100); do
			for d in /sys/class/net/*; do
				[ "$(cat "$d/address")" = "$mac" ] || continue
				ip link set "${d##*/}" name "$name" 2>/dev/null
				continue 3
			done
			sleep 0.1
		done
		broken "no interface for $name"
	done
}

# Runs the command of /run/lr/command; children that it leaves behind do not keep us.
run() {
	local cat rc

	mkfifo /run/lr/out
	cat /run/lr/out >/dev/ttyS1 &
	cat=$!
	setsid --wait bash /run/lr/command >/run/lr/out 2>&1 </dev/null
	rc=$?
	for _ in $(seq 20); do
		kill -0 $cat 2>/dev/null || break
		sleep 0.1
	done
	return $rc
}

setup
name_interfaces
if [ -n "$module" ]; then
	insmod "/run/lr/$module" $params 2>/run/lr/why || broken "insmod $module: $(cat /run/lr/why; dmesg | tail -n 5)"
fi
run
rc=$?
if ! why=$(bash "${guest%/*}/log.sh"); then
	say "the kernel log has:"
	echo "$why" >/dev/ttyS1
	[ $rc -ne 0 ] || rc=126
fi
leave $rc

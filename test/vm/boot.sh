#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Boots a kernel in QEMU, without hardware help (TCG), and runs one command in it as root.
#
# The guest sees this machine's files, read-only through 9p, under a tmpfs that takes what it writes: a command that is
# here is there, in the same directory. The command's output comes out as it is written; the exit code is the command's.
# An end that the guest did not ask for, and anything bad in the kernel log, is a failure; the log is shown then.
set -u -o pipefail

usage() {
	cat <<USAGE
usage: test/vm/boot.sh [options] [--] COMMAND [ARGUMENT...]
  -k KERNEL	6.1, 6.12, 7.2 or debug, see kernel.sh (6.1)
  -m FILE.ko	module to load before the command
  -p PARAMS	its parameters
  -c CPUS	processors (1)
  -M MEMORY	in MiB (512)
  -t SECONDS	until it is killed (120)
  -n NICS	pairs of network interfaces: "e1000 e1000e igb virtio vmxnet3"; each is two, joined by a wire, named e1000a
		and e1000b, e1000ea and e1000eb, virtioa ...; with igb the machine is qemu.sh's
  -e NAME=VALUE	environment of the command, may be repeated; LR_* and NETMAP_* go there by themselves
  -d		what passes the wires goes to files, KINDa.pcap and KINDb.pcap in the directory of -w, as QEMU sees it; the
		command has the directory in LR_DUMP
  -w DIRECTORY	is written through to this machine, at the same path (the guest's other writes are lost)
  -a ARGS	more for the kernel's command line
  -q ARGS	more for QEMU
  -i		instructions as the clock (-icount shift=0,sleep=off): one is a nanosecond; one processor
  -v		the console goes to stderr
  -l FILE	keep the console's output there
  Exit code: the command's; 124 took too long; 125 the machine or the module did not start; 126 the kernel complained.
  Example: test/vm/boot.sh -k 6.12 -n virtio -- ip link
USAGE
}

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
kernel=6.1 module='' params='' cpus=1 memory=512 seconds=120 nics='' write='' append='' qemu_more='' icount='' verbose='' keep='' dump=''
environment=()
while getopts hk:m:p:c:M:t:n:de:w:a:q:ivl: opt; do
	case $opt in
	h) usage; exit 0 ;;
	k) kernel=$OPTARG ;;
	m) module=$OPTARG ;;
	p) params=$OPTARG ;;
	c) cpus=$OPTARG ;;
	M) memory=$OPTARG ;;
	t) seconds=$OPTARG ;;
	n) nics=$OPTARG ;;
	d) dump=1 ;;
	e) environment+=("$OPTARG") ;;
	w) write=$OPTARG ;;
	a) append=$OPTARG ;;
	q) qemu_more=$OPTARG ;;
	i) icount=1 ;;
	v) verbose=1 ;;
	l) keep=$OPTARG ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2; exit 2; }

die() {
	echo "test/vm/boot.sh: $*" >&2
	exit 125
}

[ -z "$module" ] || [ -r "$module" ] || die "no module $module"
[ -z "$write" ] || [ -d "$write" ] || die "no directory $write"
[ -z "$dump" ] || [ -n "$write" ] || die "-d without -w"
[ -z "$dump" ] || environment+=("LR_DUMP=$write")
parts=$("$here/kernel.sh" "$kernel") || exit 125
eval "$parts"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/lr-vm.XXXXXX") || exit 125
machine=
trap '[ -z "$machine" ] || kill "$machine"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# Modules that init needs, dependencies first. What is part of the kernel image has none.
modules_needed() {
	local m

	for m in virtio_pci 9pnet_virtio 9p overlay; do
		modprobe -d "${modules%/lib/modules/*}" -S "$release" --show-depends $m 2>/dev/null | awk '$1 == "insmod" { print $2 }'
	done | awk '!seen[$0]++'
}

# The part of the RAM disk that is the same for all boots of a kernel.
base_make() {
	local base=$1 d=$tmp/base m

	mkdir -p "$d"/{bin,dev,proc,sys,host,rw,new,lr/modules}
	cp "$(command -v busybox)" "$d/bin/busybox" || return 1
	for m in sh mount mkdir insmod switch_root dd printf cat cp sleep poweroff echo; do
		ln -s busybox "$d/bin/$m"
	done
	cp "$here/init" "$d/init" && chmod 755 "$d/init"
	modules_needed | while read -r m; do
		case $m in
		*.xz) xz -dc "$m" >"$d/lr/modules/$(basename "$m" .xz)" ;;
		*.zst) zstd -qdc "$m" >"$d/lr/modules/$(basename "$m" .zst)" ;;
		*) cp "$m" "$d/lr/modules/" ;;
		esac
		m=${m##*/}
		echo "${m%%.ko*}.ko"
	done >"$d/lr/modules.list"
	(cd "$d" && find . | cpio --quiet -o -H newc) >"$base.$$" && mv "$base.$$" "$base"
}

# What differs from boot to boot: the command, the module, settings of init and guest.sh.
extra_make() {
	local d=$tmp/extra/lr v

	mkdir -p "$d"
	{
		printf 'cd %q\n' "$PWD"
		for v in $(compgen -e | grep -E '^(LR|NETMAP)_'); do
			printf 'export %s=%q\n' "$v" "${!v}"
		done
		[ ${#environment[@]} -eq 0 ] || printf 'export %q\n' "${environment[@]}"
		printf 'exec'
		printf ' %q' "$@"
		echo
	} >"$d/command"
	[ -z "$module" ] || cp "$module" "$d/" || return 1
	{
		printf 'release=%q\nmodules=%q\nguest=%q\n' "$release" "$modules" "$here/guest.sh"
		printf 'module=%q\nparams=%q\nnics=%q\nmacs=%q\nwrite=%q\n' "${module##*/}" "$params" "$drivers" "$macs" "$write"
	} >"$d/settings"
	(cd "$tmp/extra" && find . | cpio --quiet -o -H newc)
}

# Two interfaces of each kind, and the hub between them. Without a peer on the hub, a virtio interface sends nothing.
drivers='' macs='' nic_args=() program=qemu-system-x86_64
nics_add() {
	local kind n=0 device driver side mac at

	for kind in $nics; do
		n=$((n + 1))
		driver=$kind device=$kind
		case $kind in
		virtio) driver=virtio_net device=virtio-net-pci ;;
		igb) program=$("$here/qemu.sh") || die "no QEMU that has igb" ;;
		e1000 | e1000e | vmxnet3) ;;
		*) die "unknown kind of interface $kind" ;;
		esac
		drivers+=" $driver"
		for side in a b; do
			mac=$(printf '52:54:00:6c:%02x:0%s' $n $side)
			# QEMU's vmxnet3 hears no other than the one that it was made with: those that the tests give to all.
			[ "$kind" != vmxnet3 ] || mac=02:00:00:00:00:0$((16#$side - 9))
			macs+=" $mac=$kind$side"
			# Where its virtual functions, sixteen slots later, are in nobody's way.
			at=''
			case $kind$side in igba) at=,addr=8 ;; igbb) at=,addr=a ;; esac
			nic_args+=(-netdev "hubport,hubid=$n,id=$kind$side" -device "$device,netdev=$kind$side,mac=$mac,romfile=$at")
			[ -z "$dump" ] || nic_args+=(-object "filter-dump,id=dump$kind$side,netdev=$kind$side,maxlen=65536,file=$write/$kind$side.pcap")
		done
	done
}

nics_add
base=$(dirname "$image")/initrd
if [ ! -e "$base" ] || [ "$here/init" -nt "$base" ] || [ "$here/boot.sh" -nt "$base" ]; then
	base_make "$base" || die "no initial RAM disk"
fi
extra_make "$@" >"$tmp/extra.cpio" || die "no initial RAM disk"
cat "$base" "$tmp/extra.cpio" >"$tmp/initrd"

console=$tmp/console
: >"$console" >"$tmp/code"
qemu=("$program" -nodefaults -no-user-config -display none -no-reboot -M q35 -m "$memory" -smp "$cpus,sockets=$cpus"
	-cpu max,la57=off
	-kernel "$image" -initrd "$tmp/initrd"
	-append "console=ttyS0 loglevel=7 oops=panic panic_on_warn=1 panic=-1 softlockup_panic=1 watchdog_thresh=60 hung_task_panic=1
		sysctl.kernel.hung_task_timeout_secs=120 log_buf_len=4M mitigations=off
		rcupdate.rcu_cpu_stall_timeout=60 random.trust_cpu=on no_timer_check net.ifnames=0 $append"
	-serial "file:$console" -chardev stdio,id=out,signal=off -serial chardev:out
	-chardev "file,id=code,path=$tmp/code" -device isa-debugcon,iobase=0xe9,chardev=code
	-device isa-debug-exit,iobase=0xf4,iosize=0x04
	-virtfs local,path=/,mount_tag=lrroot,security_model=none,readonly=on,multidevs=remap)
[ -z "$write" ] || qemu+=(-virtfs "local,path=$write,mount_tag=lrwrite,security_model=none,multidevs=remap")
if [ -n "$icount" ]; then
	qemu+=(-accel tcg -icount shift=0,sleep=off)
else
	# One thread for all processors: with several, QEMU before 8.1 now and then keeps a translation of code that the
	# kernel is patching (static keys), and the guest stumbles over a breakpoint that is no longer there.
	qemu+=(-accel tcg,thread=single)
fi
[ -z "$verbose" ] || tail -q -s 0.2 -f --pid=$$ "$console" >&2 &
# In the background, so that a signal to this script ends it at once.
timeout --kill-after=5 "$seconds" "${qemu[@]}" ${nic_args[@]+"${nic_args[@]}"} $qemu_more </dev/null \
	2> >(grep -v 'is not connected to host network' >&2) &
machine=$!
wait $machine
ended=$?
machine=
[ -z "$keep" ] || cp "$console" "$keep"

complain() {	# reason, code
	echo "lr-vm: $1; the end of the kernel's log:"
	tr -d '\r' <"$console" | tail -n 200 | sed 's/^/  | /'
	exit "$2"
}

case $ended in
33) ;;
124 | 137) complain "killed after $seconds s" 124 ;;
5) complain "the machine could not start" 125 ;;
0) complain "the kernel panicked or the machine was turned off" 126 ;;
*) complain "QEMU ended with code $ended" 125 ;;
esac
code=$(od -An -tu1 "$tmp/code" | tr -d ' ')
[[ $code =~ ^[0-9]+$ ]] || complain "the guest told no exit code" 125
exit "$code"

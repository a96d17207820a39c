#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds network drivers that know netmap: the kernel's own, from its Debian source package, with the hooks of
# drivers/NAME.cocci put in by Coccinelle. A hook that found no place is an error.
#
# What a .cocci file says in its first comment, to this script:
#	source: DIRECTORY		of the kernel's tree
#	files: FILE...			to be patched
#	module: NAME CONFIG...		what is built, and with which options set
#	alone: FILE...			all that it is made of, where the directory has others
#	beside: FILE...			of the kernel's tree, which it includes from outside of its directory
#	untried: WHY			(for check-vm, which does not build it)
#	hook: FUNCTION CALL [TIMES]	what must be in which function afterwards; struct:NAME for a struct or a table;
#					(ONE|OTHER) for a function that has other names in some kernels
set -u -o pipefail
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL	# the kernel's build is one of its own

root=$(cd "$(dirname "$0")/.." && pwd)
all=$(cd "$root/drivers" && ls *.cocci | sed 's/\.cocci$//' | tr '\n' ' ')

usage() {
	cat <<USAGE
usage: scripts/drivers.sh [-h] [-p | -d] [-k KERNEL | -b KDIR] [DRIVER...]
  Builds drivers that know netmap, and the netmap.ko they need, and prints where they are (build/drivers/RELEASE/).
    -k KERNEL	6.1, 6.12, 7.2, debug: those of the test machines; without it the running kernel, whose headers must be there
    -b KDIR	the kernel whose headers or build tree are there
    -p		only patches, and checks that every hook went in
    -d		builds nothing, prints a dkms.conf that has these drivers built by dkms
  DRIVER: ${all}(all of them if none is named)
  Needs the package coccinelle. The source is the package linux-source-* of the kernel's version, from Debian; it is fetched if
  it is not installed, and what is needed of it is kept in build/drivers/source, or in LR_DRIVER_SOURCE.
USAGE
}

kernel='' kdir='' only_patch='' conf=''
while getopts hpdb:k: opt; do
	case $opt in
	h) usage; exit 0 ;;
	p) only_patch=1 ;;
	d) conf=1 ;;
	b) kdir=$OPTARG ;;
	k) kernel=$OPTARG ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- $all

die() {
	echo "drivers: $*" >&2
	exit 1
}

# A line of a .cocci file's first comment.
told() { sed -n "s|^// $2: ||p" "$root/drivers/$1.cocci"; }

# --- The kernel and its source -------------------------------------------------------------------

# Sets release, kdir, chroot, series, and debian: the version of the package that the headers come from.
kernel_find() {
	if [ -n "$kernel" ]; then
		eval "$("$root/test/vm/kernel.sh" "$kernel")" || exit 1
	elif [ -n "$kdir" ]; then
		release=$(sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' "$kdir/include/generated/utsrelease.h" 2>/dev/null) chroot=''
		[ -n "$release" ] || die "no kernel headers in $kdir"
	else
		release=$(uname -r) kdir=/lib/modules/$(uname -r)/build chroot=''
	fi
	[ -n "${release:-}" ] || die "no kernel $kernel"
	[ -e "$chroot$kdir/include/generated/utsrelease.h" ] || die "no kernel headers in $kdir: install linux-headers-$release"
	series=$(echo "$release" | grep -oE '^[0-9]+\.[0-9]+')
	debian=$(grep -rhoE 'Debian [0-9][^ "]*' "$chroot$kdir"/include/generated/ --include='*.h' | head -n 1 | sed 's/^Debian //')
}

# The options of a private apt in directory $1, which has the suite that a test machine's kernel is from.
apt_options() {
	[ -d "$1" ] || return 0
	echo "-o Dir::Etc::sourcelist=$1/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null"
	echo "-o Dir::State=$1/state -o Dir::State::status=$1/status -o Dir::Cache=$1/cache"
	echo "-o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false -o Acquire::Retries=3 -o Acquire::Languages=none"
}

apt_private() {	# directory, suite
	mkdir -p "$1/state/lists/partial" "$1/cache/archives/partial"
	: >"$1/status"
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v suite="$2" '$2 == "bookworm" && $3 == "main" { print "deb", $1, suite, "main"; exit }' >"$1/sources.list"
	[ -s "$1/sources.list" ] || die "no source of Debian packages on this machine to derive $2 from"
	timeout 300 apt-get $(apt_options "$1") -o APT::Sandbox::User=root -q update >&2 || die "apt-get update for $2"
}

# Prints the archive of linux-source: what is installed, or else is downloaded into $1.
source_archive() {
	local installed=/usr/src/linux-source-$series.tar.xz

	if [ -e "$installed" ]; then
		cat "$installed"
	else
		(source_download "$1") || die "the package linux-source-$series cannot be had"
		dpkg-deb --fsys-tarfile "$1"/linux-source-*.deb | tar -xO --wildcards './usr/src/linux-source-*.tar.xz'
	fi
}

# Downloads linux-source into $1: of the very version if there is one, else of the nearest before or after it.
source_download() {
	local dir=$1 package=linux-source-$series apt=$1/apt v

	case $kernel in
	6.12) apt_private "$apt" bookworm-backports ;;
	7.2) apt_private "$apt" unstable ;;
	esac
	cd "$dir" || exit 1
	for v in $debian $(apt-cache $(apt_options "$apt") madison "$package" 2>/dev/null | awk '{ print $3 }' | uniq); do
		timeout 600 apt-get -q $(apt_options "$apt") -o APT::Sandbox::User=root download "$package=$v" >&2 && return
		echo "drivers: $package $v cannot be had" >&2
	done
	return 1
}

# What is taken out of the source.
parts='drivers/net/ethernet/intel drivers/net/ethernet/mellanox/mlx5 drivers/net/ethernet/mellanox/mlxfw drivers/net/vmxnet3
	drivers/net/veth.c drivers/net/virtio_net.c'

# The network drivers of the source, kept for the next time. Prints where.
source_get() {
	local dir=${LR_DRIVER_SOURCE:-$root/build/drivers/source}/$series new part missing=''

	for part in $parts version; do
		[ -e "$dir/$part" ] || missing=1
	done
	if [ -n "$missing" ]; then
		new=$dir.new
		rm -rf "$new"
		mkdir -p "$new"
		source_archive "$new" | tar -xJ -C "$new" --strip-components=1 --wildcards $(printf '*/%s ' $parts) || die "unpacking the source"
		(cd "$new" && ls linux-source-*.deb 2>/dev/null || echo "installed") >"$new/version"
		rm -rf "$new"/*.deb "$new/apt" "$dir"
		mv "$new" "$dir"
	fi
	echo "$dir"
}

# --- One driver --------------------------------------------------------------------------------------

# Seconds for one driver. mlx5 has 240 files: one processor takes 5 minutes for them, and 15 when it has other work.
build_time=3600

# The text of a function, or of a struct: from its head in the first column to the closing brace there.
body() {	# file, name
	awk -v name="$2" '
		BEGIN { head = name ~ /^struct:/ ? "struct (.* )?" substr(name, 8) " (= )?[{]" : "(^|[ *])" name "[(]" }
		/^[A-Za-z]/ && $0 ~ head { inside = 1 }
		inside && /^[^{]*;[ \t]*$/ && !opened { inside = 0 }	# a declaration
		inside && /[{]/ { opened = 1 }
		inside { print }
		inside && /^}/ { exit }
	' "$1"
}

# The headers that the .cocci file has included, and what each stands next to.
headers() {	# driver
	awk '
		h && /^[^+]/ { print h, $0; h = "" }
		/^[+]#include/ { h = substr($2, 2, length($2) - 2) }
		h && last ~ /^#include/ { print h, last; h = "" }
		{ last = $0 }
	' "$root/drivers/$1.cocci"
}

# Every hook that the file promises is in its function, as often as it says, and what the hooks need is included.
hooks_check() {	# driver, directory
	local where call times n f missing=0 files

	read -r -a files < <(told "$1" files)
	while read -r call where; do
		(cd "$2" && grep -qF "#include \"$call\"" "${files[@]}") && continue
		echo "drivers: $1: no file of Linux $series has $call, it must be next to: $where" >&2
		missing=1
	done < <(headers "$1")

	while read -r where call times; do
		n=0
		for f in "${files[@]}"; do
			n=$((n + $(body "$2/$f" "$where" | grep -c "\<$call\>")))
		done
		[ "$n" -eq "${times:-1}" ] && continue
		echo "drivers: $1: ${where#struct:} of Linux $series has $call $n times, it must have it ${times:-1} times" >&2
		missing=1
	done < <(told "$1" hook)
	return $missing
}

patch_driver() {	# driver, where the source is, where to
	local files f

	read -r -a files < <(told "$1" files)
	rm -rf "$3"
	mkdir -p "$3"
	: >"$3/begun"
	if [ -n "$(told "$1" alone)" ]; then
		(cd "$2/$(told "$1" source)" && cp $(told "$1" alone) "$3/") || die "$1: no $(told "$1" alone) in Linux $series"
	elif [ -d "$2/$(told "$1" source)" ]; then
		cp -r "$2/$(told "$1" source)/." "$3"
	else
		die "$1: no $(told "$1" source) in Linux $series"
	fi
	(cd "$3" && timeout 300 spatch --sp-file "$root/drivers/$1.cocci" --macro-file "$root/drivers/macros.h" --in-place --no-includes --very-quiet "${files[@]}") \
		>"$3/patch.diff" 2>"$3/spatch.log" || { cat "$3/spatch.log" >&2; die "$1: spatch failed"; }
	cp "$root/drivers/$1_glue.h" "$3/"
	for f in $(told "$1" beside); do
		cp "$2/$f" "$3/" || die "$1: no $f in Linux $series"
		sed -i "s|^#include \"\.\./.*/${f##*/}\"|#include \"${f##*/}\"|" "$3"/*.[ch]
	done
	# Headers of trace points that include themselves by their place in the kernel's tree; build_driver has -I for this.
	for f in "$3"/*_trace.h; do
		[ ! -e "$f" ] || sed -i 's|^#define TRACE_INCLUDE_FILE .*/|#define TRACE_INCLUDE_FILE |' "$f"
	done
	hooks_check "$1" "$3"
}

build_driver() {	# driver, its directory
	local module options flags log=$2/build.log command

	read -r module options < <(told "$1" module)
	flags="-I$kmod -I$kmod/include -I$kmod/os/linux -I$2"
	[ "$kernel" != debug ] || flags+=' -DLR_DEBUG'
	# A driver that is one file of a directory with others has a Makefile of its own.
	[ -z "$(told "$1" alone)" ] || echo "obj-m := $module.o" >"$2/Makefile"
	command=(make -j"$(nproc)" -C "$kdir" "M=$2" "KCFLAGS=$flags" "KBUILD_EXTRA_SYMBOLS=$kmod/Module.symvers" modules)
	for o in $options; do command+=("$o=m"); done
	if [ -z "$chroot" ]; then
		timeout $build_time "${command[@]}"
	else
		timeout $build_time unshare --mount --propagation private bash -c '
			chroot=$1 root=$2
			shift 2
			mkdir -p "$chroot$root" && mount --bind "$root" "$chroot$root" && mount -t proc proc "$chroot/proc" &&
				exec chroot "$chroot" "$@"' - "$chroot" "$root" "${command[@]}"
	fi >"$log" 2>&1 || { tail -n 40 "$log" >&2; die "$1: the build failed ($log)"; }
	! grep -A5 'warning: ' "$log" | grep -v 'warning: the compiler differs' | grep -A5 'warning: ' >&2 || die "$1: warnings ($log)"
	# What changed meanwhile may not be in it.
	touch -r "$2/begun" "$2/$module.ko"
	mv "$2/$module.ko" "$out/$module.ko" && echo "$out/$module.ko"
}

# Is the module newer than all that it is made of?
up_to_date() {	# driver, where the source is
	local module options made_of=("$ko" "$2/version" "$root/scripts/drivers.sh")

	read -r module options < <(told "$1" module)
	made_of+=("$root/drivers/$1.cocci" "$root/drivers/$1_glue.h" "$root/drivers/macros.h" "$root"/{nic/linux,nic/native,os,include})
	[ -e "$out/$module.ko" ] && [ -z "$(find "${made_of[@]}" -newer "$out/$module.ko" -print -quit)" ] && echo "$out/$module.ko"
}

# What dkms has to know.
dkms_conf() {
	local d module options n=0

	cat <<CONF
# SPDX-License-Identifier: BSD-2-Clause
PACKAGE_NAME="linerate-drivers"
PACKAGE_VERSION="$(sed -n 's/^VERSION := //p' "$root/Makefile")"
MAKE[0]="scripts/drivers.sh -b \${kernel_source_dir} $*"
CLEAN="rm -rf build"
AUTOINSTALL="yes"
CONF
	for d in "$@"; do
		read -r module options < <(told "$d" module)
		cat <<CONF
BUILT_MODULE_NAME[$n]="$module"
BUILT_MODULE_LOCATION[$n]="build/drivers/\${kernelver}"
DEST_MODULE_LOCATION[$n]="/updates"
CONF
		n=$((n + 1))
	done
}

for d in "$@"; do
	[ -e "$root/drivers/$d.cocci" ] || die "there is no driver $d (there are: $all)"
done
if [ -n "$conf" ]; then
	dkms_conf "$@"
	exit
fi
command -v spatch >/dev/null || { [ -e "$root/scripts/deps.sh" ] && "$root/scripts/deps.sh" drivers >&2; } ||
	die "there is no spatch: install the package coccinelle"
kernel_find
source=$(source_get) || exit 1
out=$root/build/drivers/$release
mkdir -p "$out"
exec 9>"$out/.lock"
flock -w $build_time 9 || die "somebody else builds drivers for $release, for an hour"
if [ -z "$only_patch" ]; then
	case $kernel in
	'') ko=$("$root/scripts/kmod.sh" "$kdir") ;;
	debug) ko=$("$root/test/vm/module.sh" debug DEBUG=1) ;;
	*) ko=$("$root/test/vm/module.sh" "$kernel") ;;
	esac || exit 1
	kmod=${ko%/*}
fi
for d in "$@"; do
	[ -n "$only_patch" ] || ! up_to_date "$d" "$source" || continue
	patch_driver "$d" "$source" "$out/$d" || exit 1
	if [ -z "$only_patch" ]; then build_driver "$d" "$out/$d"; else echo "$d: every hook is in Linux $series"; fi
done

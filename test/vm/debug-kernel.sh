#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the debug kernel of the VM tests: KASAN, lockdep, kmemleak and more, from Debian's linux-source package with
# the small configuration of debug.config. Called by kernel.sh, whose layout of a kernel's directory it follows.
#
# Made anew when the configuration or Debian's source has changed, and only then: the file `stamp` says what of. The
# directory appears by a rename when it is complete; kernel.sh holds the lock.
set -u -o pipefail
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL	# the kernel's build is one of its own

usage() {
	cat <<USAGE
usage: test/vm/debug-kernel.sh [-h] [-j JOBS] [DIRECTORY]
  Leaves in DIRECTORY (build/vm/kernels/debug): image (for qemu -kernel), root/usr/lib/modules, build (for KDIR=), release.
  -j	jobs of make (as many as there are processors)
  Takes about a quarter of an hour, 2 GiB of disk for the time, 1 GiB afterwards.
USAGE
}

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
jobs=$(nproc)
while getopts hj: opt; do
	case $opt in
	h) usage; exit 0 ;;
	j) jobs=$OPTARG ;;
	*) usage >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
dir=${1:-$root/build/vm/kernels/debug}
new=$dir.new
log=$dir.log
config=$here/debug.config

die() {
	echo "test/vm/debug-kernel.sh: $*" >&2
	exit 1
}

# Debian 12's source is a package of the suite's own name; a mirror may lack a version that its list has.
versions() { apt-cache madison linux-source-6.1 2>/dev/null | awk '{ print $3 }' | uniq; }

# The source that would be taken now, and what is made of it.
stamp() {
	versions | head -n 1
	grep CONFIG_ "$config" | sha256sum
}

# Runs apt-get with the private state of directory $new/apt, for the backports of the machine's own mirror.
apt_backports() {
	local apt=$new/apt

	timeout 600 apt-get -q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" \
		-o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

fetch_backports() {
	local apt=$new/apt

	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk '$2 == "bookworm" && $3 == "main" { print "deb", $1, "bookworm-backports main"; exit }' >"$apt/sources.list"
	[ -s "$apt/sources.list" ] && apt_backports update && apt_backports download linux-source-6.12
}

# One package of sources into $new.
fetch() {
	local v

	cd "$new" || exit 1
	for v in $(versions); do
		timeout 600 apt-get -q -o APT::Sandbox::User=root download "linux-source-6.1=$v" && return
	done
	fetch_backports
}

# What no x86 build reads stays out: it is most of the package.
unpack() {
	local deb=("$new"/linux-source-*.deb)
	local skip=('arch/[!x]*/*.[chS]' 'arch/[!x]*/*.dts*' 'Documentation/*/*' 'tools/testing/*' 'tools/perf/*' 'sound/*.[ch]'
		'drivers/gpu/*.[ch]' 'drivers/media/*.[ch]' 'drivers/staging/*.[ch]')

	dpkg-deb --fsys-tarfile "${deb[0]}" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C "$new/build" --strip-components=1 "${skip[@]/#/--exclude=*/}"
}

# The fragment over allnoconfig. A line of it that did not come through is an error: a detector less is not seen later.
configure() {
	cd "$new/build" || exit 1
	scripts/kconfig/merge_config.sh -n "$config" >"$new/config.log" 2>&1 || { cat "$new/config.log"; return 1; }
	cat "$new/config.log"
	! grep -A2 'not in final .config' "$new/config.log"
}

# Objects of the kernel itself: nobody links with them again.
prune() {
	cd "$new/build" || exit 1
	find . -path ./scripts -prune -o -path ./tools -prune -o \
		\( -name '*.o' -o -name '*.a' -o -name '*.ko' -o -name '.*.cmd' -o -name '*.mod.c' \) -type f -print0 | xargs -0 rm -f
	rm -f "$new"/*.deb "$new/config.log"
	rm -rf "$new/apt"
}

step() {	# what it is called, command
	local what=$1

	shift
	"$@" >>"$log" 2>&1 && return
	tail -n 25 "$log" >&2
	die "$what failed ($log)"
}

build() {
	local make=(nice -n 15 make -s -C "$new/build" "-j$jobs")

	rm -rf "$new"
	mkdir -p "$new/build"
	: >"$log"
	stamp >"$new/stamp"
	step "fetching the source" fetch
	step "unpacking the source" unpack
	step "the configuration" configure
	step "the build" timeout 5400 "${make[@]}" bzImage modules
	step "installing modules" "${make[@]}" INSTALL_MOD_PATH="$new/root/usr" modules_install
	step "the image" cp "$new/build/arch/x86/boot/bzImage" "$new/image"
	step "cleaning up" prune
	"${make[@]}" kernelrelease >"$new/release" || die "no kernel release"
	rm -f "$new/root/usr/lib/modules"/*/{build,source}
	rm -rf "$dir"
	mv "$new" "$dir" || exit 1
}

# Without lists of packages nobody can tell whether there is something newer.
if [ -e "$dir/release" ] && { [ -z "$(versions)" ] || stamp | cmp -s - "$dir/stamp"; }; then
	exit 0
fi
"$root/scripts/deps.sh" vm-debug || exit 1
mkdir -p "$(dirname "$dir")"
begin=$SECONDS
echo "building the debug kernel, about a quarter of an hour ..."
build
echo "debug kernel $(cat "$dir/release") built in $(((SECONDS - begin) / 60)) minutes"

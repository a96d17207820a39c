#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# drivers.sh on sources that are not as a semantic patch wants them: each hook that finds no place is an error that names it.
set -u
cd "$(dirname "$0")/.." || exit 1

command -v spatch >/dev/null || { echo "skip hooks: spatch is not installed (coccinelle)"; exit 77; }
kdir=$(scripts/headers.sh | head -n 1)
[ -n "$kdir" ] || { echo "skip hooks: no kernel headers in /usr/src"; exit 77; }
series=$(sed -nE 's/.*UTS_RELEASE "([0-9]+\.[0-9]+).*/\1/p' "$kdir/include/generated/utsrelease.h")

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

scripts/drivers.sh -p -b "$kdir" e1000e veth >"$dir/log" 2>&1 || { cat "$dir/log"; echo "not ok hooks: they are not in Linux $series"; exit 1; }
echo "ok hooks: e1000e and veth have all of theirs in Linux $series"
mkdir "$dir/source"
cp -r "${LR_DRIVER_SOURCE:-build/drivers/source}/$series" "$dir/source"

# astray DRIVER FILE SED WORD...: what sed does to the file is an error with all the words.
astray() {
	local driver=$1 file=$dir/source/$series/$2 change=$3 word said

	shift 3
	cp "$file" "$dir/kept"
	sed -i "$change" "$file"
	if cmp -s "$dir/kept" "$file"; then
		echo "not ok hooks: $change changes nothing in $file"
		failed=1
	elif said=$(LR_DRIVER_SOURCE=$dir/source scripts/drivers.sh -p -b "$kdir" "$driver" 2>&1); then
		echo "not ok hooks: $driver is patched without a place for $1: $said"
		failed=1
	else
		for word in "$driver:" "$@"; do
			[[ $said == *"$word"* ]] || break
		done
		if [[ $said == *"$word"* ]]; then
			echo "ok hooks: $driver without a place for $1"
		else
			echo "not ok hooks: no word of $word: $said"
			failed=1
		fi
	fi
	mv "$dir/kept" "$file"
}

astray e1000e drivers/net/ethernet/intel/e1000e/netdev.c 's/\<e1000_intr_msix_tx\>/e1000_intr_tx/' lr_native_wake e1000_intr_msix_tx
astray veth drivers/net/veth.c '/\.set_channels/d' lr_veth_set_channels veth_ethtool_ops
astray veth drivers/net/veth.c 's/\<veth_get_link_ksettings\>/veth_get_ksettings/' veth_glue.h veth_get_link_ksettings
exit $failed

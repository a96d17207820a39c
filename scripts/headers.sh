#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Prints the directories of kernel headers that are installed, of each kernel one.
for kdir in /usr/src/linux-headers-*; do
	# Debian's -common packages have no configuration, the -amd64 ones do.
	[ ! -e "$kdir/include/generated/utsrelease.h" ] || echo "$kdir"
done

#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Memory that nobody points to, by the debug kernel's kmemleak: exit code 1 and the reports if there is any.
#
#	test/vm/leak.sh [-h]
set -u
[ $# -eq 0 ] || { sed -n 's/^#	//p' "$0"; exit 2; }
file=/sys/kernel/debug/kmemleak
[ -w $file ] || exit 0

# The first scan notes what an object contains; one that is unchanged at the second, and more than five seconds old, counts.
# What only a stale word on some stack points to is found later than the rest, hence the third.
for pause in 6 6 0; do
	echo scan >$file || exit 2
	sleep $pause
done
# The size of such a file is always 0.
found=$(head -c 20000 $file)
[ -n "$found" ] || exit 0
echo "$found"
exit 1

#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Checks the headers against netmap-abi.tsv, row by row, and that they compile:
# as C11 and C++17, alone, first, and from two files of one program.
#
#	run.sh [CC...]		default: gcc clang; those not installed are skipped
#
# One line per check, "ok NAME" or "not ok NAME: why".
# Exit: 0 all well, 1 not, 77 no compiler.

here=$(cd "$(dirname "$0")" && pwd)
include=$here/../../../include
lib=$here/../../../lib
warn="-Wall -Wextra -Wpedantic -Werror"
LC_ALL=C; export LC_ALL
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
bad=0

[ "$1" = -h ] && { sed -n '3,9s/^# \{0,1\}//p' "$0"; exit 0; }
[ $# -gt 0 ] || set -- gcc clang

ok() {
	echo "ok $1"
}

not_ok() {
	echo "not ok $1: $2"
	bad=1
}

# check NAME COMMAND...: well if the command succeeds and says nothing.
check() {
	name=$1
	shift
	if "$@" >"$tmp/out" 2>&1 && [ ! -s "$tmp/out" ]; then
		ok "$name"
	else
		not_ok "$name" "$(head -n 3 "$tmp/out" | tr '\n' ' ')"
	fi
}

cxx_of() {
	case $1 in
	*clang*)	echo "$1" | sed 's/clang/clang++/' ;;
	*gcc*)		echo "$1" | sed 's/gcc/g++/' ;;
	*)		echo c++ ;;
	esac
}

# rows LABEL KEYWORD COMPILER...: every row of the table, by the errors in its line.
rows() {
	label=$1
	awk -v assert="$2" -f "$here/rows.awk" "$here/netmap-abi.tsv" >"$tmp/rows.c"
	shift 2
	"$@" -w -I"$include" -I"$here" -fsyntax-only "$tmp/rows.c" >"$tmp/out" 2>&1
	rc=$?
	sed -n 's/^.*rows\.c:\([0-9]*\):.*error: */\1	/p' "$tmp/out" >"$tmp/errors"
	if [ $rc -ne 0 ] && [ ! -s "$tmp/errors" ]; then
		not_ok "$label rows" "$(head -n 3 "$tmp/out" | tr '\n' ' ')"
		return
	fi
	awk -F '\t' -v label="$label" '
		FILENAME == ARGV[1] { if (!($1 in why)) why[$1] = $2; next }
		FNR == 1 { if (1 in why) { print "not ok " label " headers: " why[1]; bad = 1 }; next }
		{
			name = label " " $1 " " $3 ($4 ? "." $4 : "")
			if (FNR in why) {
				print "not ok " name ": not " $5 ": " why[FNR]
				bad = 1
			} else
				print "ok " name
		}
		END { exit bad }' "$tmp/errors" "$here/netmap-abi.tsv" || bad=1
}

headers="net/netmap.h net/netmap_user.h net/netmap_classic.h net/netmap_linerate.h libnetmap.h"

# matrix LABEL COMPILER...: each header alone, then all together in two files.
matrix() {
	label=$1
	shift
	for h in $headers; do
		for libs in "" -DNETMAP_WITH_LIBS; do
			echo "#include <$h>" >"$tmp/alone.c"
			echo "extern int not_empty;" >>"$tmp/alone.c"
			for how in -I -isystem; do
				check "$label $how $h${libs:+ with libs}" "$@" $warn \
					$libs $how "$include" -fsyntax-only "$tmp/alone.c"
			done
		done
	done
	for how in -I -isystem; do
		for last in "" -DCLASSIC_LAST; do
			check "$label $how classic${last:+ last}" "$@" $warn $last \
				$how "$include" -fsyntax-only "$here/classic.c"
		done
		check "$label $how two files of one program" "$@" $warn -O2 $how "$include" \
			"$here/surface_one.c" "$here/surface_two.c" -o "$tmp/two"
	done
}

# Every function of libnetmap.h is in the symbol map, and nothing else is.
symbols() {
	grep -v '^#' "$include/libnetmap.h" |
		sed -n 's/^[a-z].*[ *]\(nm[a-z]*_[a-z_]*\)(.*/\1/p' | sort >"$tmp/declared"
	sed -n 's/^[ 	]*\(nm[a-z]*_[a-z_]*\);.*/\1/p' "$lib/libnetmap.map" | sort >"$tmp/mapped"
	diff "$tmp/declared" "$tmp/mapped"
}

found=0
for cc; do
	if ! command -v "$cc" >/dev/null; then
		ok "$cc # skip: not installed"
		continue
	fi
	found=1
	limit=-fmax-errors=0
	case $cc in *clang*) limit=-ferror-limit=0 ;; esac
	rows "$cc c11" _Static_assert "$cc" -std=c11 $limit
	matrix "$cc c11" "$cc" -std=c11
	cxx=$(cxx_of "$cc")
	if ! command -v "$cxx" >/dev/null; then
		ok "$cxx # skip: not installed"
		continue
	fi
	rows "$cxx c++17" static_assert "$cxx" -std=c++17 $limit -x c++
	matrix "$cxx c++17" "$cxx" -std=c++17 -x c++
done
[ $found = 1 ] || exit 77
check "libnetmap.map" symbols
exit $bad

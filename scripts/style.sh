#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Measures the house style (CONTRIBUTING.md), as far as a machine can. One line "file:line: what" for each violation.
set -eu -o pipefail
export LC_ALL=C

max_file=650	# "about 600"
max_test=800	# tests are lists of cases
max_function=80
max_glue=500	# of a driver, hooks included

usage() {
	cat <<EOF
usage: scripts/style.sh [-h]
  Checks all sources: files over $max_file lines, functions over $max_function, SPDX lines, trailing blanks, odd characters,
  absolute paths, conditionals and foreign includes in core/, lines of a driver over $max_glue and those that
  ARCHITECTURE.md has, and that every header compiles alone.
  Exit code 1 if anything is found.
EOF
}

case ${1-} in
-h) usage; exit 0 ;;
?*) usage >&2; exit 2 ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

# All files of the project, built ones left out; a released tree has no git.
all_files() {
	if [ -e .git ] && command -v git >/dev/null; then
		git ls-files -co --exclude-standard
	else
		find . -path ./.git -prune -o -path ./build -prune -o -path ./bench/out -prune -o -type f -print | sed 's,^\./,,'
	fi | while read -r f; do [ ! -f "$f" ] || echo "$f"; done
}

pick() {	# extended regular expression
	grep -E "$1" <<<"$all" || :
}

long_files() {
	# netmap_user.h is one header by contract: programs include nothing else.
	awk 'FNR == 1 { limit = FILENAME ~ /^test\// ? max_test : FILENAME == "include/net/netmap_user.h" ? 1000 : max }
	FNR == limit + 1 { print FILENAME ":" FNR ": file has more than " limit " lines" }' max=$max_file max_test=$max_test $code
}

# A function's body is what stands between { and } in the first column.
long_functions() {
	awk '
	/^[{]/ { start = FNR }
	/^[}]/ {
		if (start && FNR - start + 1 > max)
			print FILENAME ":" start ": function has " FNR - start + 1 " lines, " max " are the limit"
		start = 0
	}' max=$max_function $c_code
}

no_spdx() {
	awk '
	FNR == 1 { want = 1 + /^#!/ }
	FNR == want && !/SPDX-License-Identifier: BSD-2-Clause/ { print FILENAME ":" FNR ": no SPDX line" }' $code
}

core_conditionals() {
	awk '
	/^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)/ && !(FILENAME ~ /h$/ && /^#ifndef LR_[A-Z_]+_H$/) {
		print FILENAME ":" FNR ": conditional compilation in the core"
	}' $core
}

core_includes() {
	awk '
	/^[ \t]*#[ \t]*include/ && !/"(os\/os|core\/[a-z_]+)\.h"/ && !/<net\/netmap[a-z_]*\.h>/ {
		print FILENAME ":" FNR ": the core includes only os/os.h, its own headers and the ABI"
	}' $core
}

# Where the sources happen to lie on the author's machine, and homes.
absolute_paths() {
	local above
	above=$(dirname "$root")
	grep -nIE '(^|[^[:alnum:]_}])/(home|root)/[a-z]' $all | sed 's/^\([^:]*:[0-9]*\):.*/\1: absolute path/' || :
	grep -nIF "$root" $all | sed 's/^\([^:]*:[0-9]*\):.*/\1: absolute path/' || :
	[ "$above" = / ] || grep -nIF "$above/" $all | sed 's/^\([^:]*:[0-9]*\):.*/\1: absolute path/' || :
}

# Text is ASCII; pictures may have arrows, lines and shapes (U+2190..U+21FF, U+2500..U+25FF). Carriage returns,
# no-break spaces and typographic quotes only ever come by accident.
odd_characters() {
	grep -nIP '\r|[^\x00-\x7f]' $all |
		sed 's/\xe2[\x86\x87\x94-\x97][\x80-\xbf]//g' |
		grep -aP '\r|[^\x00-\x7f]' | sed 's/^\([^:]*:[0-9]*\):.*/\1: odd character/' || :
}

trailing_blanks() {
	grep -nIE '[ 	]+$' $code | sed 's/^\([^:]*:[0-9]*\):.*/\1: blanks at the end/' || :
}

# What each driver takes, and that the table in ARCHITECTURE.md says so.
glue_lines() {
	local hooks name glue row

	for hooks in $(pick '^drivers/.*\.cocci$'); do
		name=$(basename "$hooks" .cocci)
		glue=drivers/${name}_glue.h
		set -- $(wc -l <"$glue") $(wc -l <"$hooks") $(grep -c '^// hook: ' "$hooks")
		row="| $name | $1 | $2 | $(($1 + $2)) | $3 |"
		[ $(($1 + $2)) -le $max_glue ] || echo "$glue:1: with its hooks $(($1 + $2)) lines, $max_glue are the limit"
		grep -qxF "$row" ARCHITECTURE.md || echo "ARCHITECTURE.md:1: the table of drivers has not \"$row\""
	done
}

# os/linux, nic/linux and drivers need the kernel's headers (they are compiled with those elsewhere); os_inline.h is a part of os/os.h.
lonely_headers() {
	local h errors
	for h in $(pick '\.h$' | grep -Ev '^((os|nic)/linux|drivers)/|/os_inline\.h$'); do
		errors=$(gcc -std=gnu11 -D_GNU_SOURCE -fsyntax-only -x c -Wall -Wextra -Wno-unused-function -Wno-unused-const-variable \
			-I. -Iinclude -Ios/user -Itest/lib "$h" 2>&1) ||
			echo "$(grep -m1 -oE '^[^ ]*:[0-9]+' <<<"$errors"): $h does not compile alone"
	done
}

all=$(all_files)
code=$(pick '(\.(c|h|sh|py|mk|awk|bt)|^Makefile|/Makefile|Kbuild|^\.ci/run)$')
c_code=$(pick '\.[ch]$')
core=$(pick '^core/.*\.[ch]$')

found=$(
	long_files
	long_functions
	no_spdx
	core_conditionals
	core_includes
	absolute_paths
	odd_characters
	trailing_blanks
	glue_lines
	lonely_headers
)
if [ -n "$found" ]; then
	sort -t: -k1,1 -k2,2n <<<"$found" | uniq
	exit 1
fi
echo "ok style: $(wc -l <<<"$all") files, $(cat $code | wc -l) lines"

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Every man page is without errors and warnings, and every tool and public header function has one.
set -u
cd "$(dirname "$0")/.." || exit 1
status=0
say() { [ -z "$2" ] && echo "ok $1" || { echo "not ok $1: $2" && status=1; }; }

if ! command -v mandoc >/dev/null; then
	echo "skip man pages: mandoc is not installed"
	exit 77
fi
for page in man/*.[0-9]; do
	# References to pages of other packages depend on what is installed.
	say "$page" "$(mandoc -Tlint -Wwarning "$page" 2>/dev/null | head -n 1)"
done
for tool in cmd/*/; do
	tool=$(basename "$tool")
	[ "$tool" = lib ] && continue
	[ -f "man/$tool.8" ] && say "page of $tool" "" || say "page of $tool" "man/$tool.8 is not there"
done
for f in $(grep -oE '\b(nmport|nmreq|nmctx)_[a-z_]+ *\(' include/libnetmap.h | tr -d ' (' | sort -u); do
	grep -qw "$f" man/libnetmap.3 && say "$f in libnetmap(3)" "" || say "$f in libnetmap(3)" "not described"
done
exit $status

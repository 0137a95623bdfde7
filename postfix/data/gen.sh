#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# gen.sh DIR: write the tables in DIR as C on stdout; see README.md for their format.
set -eu

[ $# -eq 1 ] || { echo "usage: gen.sh DIR" >&2; exit 2; }
dir=$1

table()
{
	echo "const struct tables_row tables_$1[] = {"
	awk -v file="$dir/$1.tbl" -v lower="${2:-}" '
		function bad(why) { printf "%s:%d: %s\n", file, NR, why > "/dev/stderr"; failed = 1; exit 1 }
		BEGIN { FS = "\t+" }
		/^#/ || /^$/ { next }
		NF != 3 { bad("three fields separated by tabs are needed") }
		$1 !~ /^[a-z][a-z0-9-]*$/ { bad("bad group: " $1) }
		$2 !~ /^!?[]A-Za-z0-9@._:=\/*?[-]+$/ { bad("bad pattern: " $2) }
		lower && $2 ~ /[A-Z]/ { bad("not in lower case: " $2) }
		$3 !~ /^[A-Za-z0-9][^"\\]*[^".\\]$/ { bad("bad reason: " $3) }
		$2 in seen { bad("pattern occurs twice: " $2) }
		{ seen[$2] = 1; n++; printf "\t{ \"%s\", \"%s\", \"%s\" },\n", $1, $2, $3 }
		END { if (!failed && !n) bad("no rule") }
	' "$dir/$1.tbl"
	echo "};"
	echo "const size_t tables_$1_count = sizeof(tables_$1) / sizeof(tables_$1[0]);"
}

echo "/* Made by postfix/data/gen.sh; do not edit. */"
echo '#include "common/tables.h"'
for name in services modules devices software packages cron netfiles windows_drivers kargs; do
	echo
	table "$name"
done
echo
table windows_services lower

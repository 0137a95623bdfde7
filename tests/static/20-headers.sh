#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every header compiles alone and twice, and introduces its module; every file says its licence.
set -eu

. "$(dirname "$0")/tap"
tap_begin 4
CC=${CC:-cc}
licence='SPDX-License-Identifier: GPL-3.0-or-later'

# The second line of a script with #!, the first of everything else.
files | while read -r file; do
	case "$file" in
	*.c | *.h | *.sh | *.mk | *.exp | Makefile | */Makefile | docs/*.md | docs/man/*.[1578] | docs/layers.txt | *.tbl | *.yml) ;;
	*) head -n 1 "$file" | grep -aq '^#!' || continue ;;
	esac
	line=1
	head -n 1 "$file" | grep -aq '^#!' && line=2
	sed -n "${line}p" "$file" | grep -aqF "$licence" || echo "$file:$line: no $licence"
done >"$faults"
judge "every source, script, makefile and document begins with its licence"

find common wire disk inventory convert postfix p2v-agent p2v-server tests -name '*.h' | sort >"$tap_dir/headers"
# A comment that follows the licence at once (in the same one or the next), with a sentence in it.
while read -r header; do
	awk -v file="$header" '
		NR == 1 { next }
		NR == 2 && !/^\/\*/ { exit }
		{ text = text " " $0; if (/\*\//) exit }
		END {
			gsub(/[^A-Za-z ]/, "", text)
			if (split(text, words, / +/) < 8) print file ": does not introduce its module"
		}
	' "$header"
done <"$tap_dir/headers" >"$faults"
judge "every header begins with what its module is for"

while read -r header; do
	awk -v file="$header" '
		/^#ifndef / && !guard { guard = $2; next }
		guard && !done { done = 1; if ($1 != "#define" || $2 != guard) exit; good = 1 }
		END { if (good && guard ~ /^P2V_[A-Z0-9_]+_H$/) print guard, file; else print file ": no include guard" >"/dev/stderr" }
	' "$header" 2>>"$faults"
done <"$tap_dir/headers" | sort >"$tap_dir/guards"
cut -d ' ' -f 1 "$tap_dir/guards" | uniq -d | while read -r guard; do
	echo "two headers have the include guard $guard"
done >>"$faults"
judge "every header has an include guard of its own"

if ! command -v "$CC" >/dev/null || ! command -v pkg-config >/dev/null; then
	skip 1 "$CC or pkg-config is not installed"
	exit 0
fi
flags=
for package in jansson libcrypto libzstd blkid ext2fs libxml-2.0 libguestfs libarchive hivex libssh libvirt check; do
	if pkg-config --exists "$package"; then
		flags="$flags $(pkg-config --cflags "$package")"
	else
		skip 1 "the library $package is not installed"
		exit 0
	fi
done
while read -r header; do
	printf '#include "%s"\n#include "%s"\n' "$header" "$header" >"$tap_dir/alone.c"
	# shellcheck disable=SC2086 # a list of words
	"$CC" -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DP2V_VERSION='""' -I. $flags -Wall -Wextra -Werror \
		-Wno-unused-function -Wno-unused-variable -fsyntax-only "$tap_dir/alone.c" >"$tap_dir/out" 2>&1 ||
		{ echo "$header:"; grep -m 3 error "$tap_dir/out" || :; }
done <"$tap_dir/headers" >"$faults"
judge "every header compiles alone"

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# docs/fixes.md is what the program makes of its table of fixes, and every setting that a row asks
# for is in the list of settings.
set -eu

. "$(dirname "$0")/tap"
tap_begin 2

if "$tap_build/p2v-server" finish --list-fixes --document >"$tap_dir/document" 2>"$faults"; then
	diff docs/fixes.md "$tap_dir/document" >"$tap_dir/diff" || {
		echo "docs/fixes.md is not what the program says; p2v-server finish --list-fixes --document > docs/fixes.md"
		cat "$tap_dir/diff"
	} >>"$faults"
fi
judge "docs/fixes.md is made from the table"

# Keys that the code asks for, against those that are listed.
grep -rhoE 'fixer_setting\(f, "[a-z0-9-]+"\)' postfix | sed 's/.*"\(.*\)".*/\1/' | sort -u >"$tap_dir/asked"
sed -n 's/^	{ "\([a-z0-9-]*\)", "[a-z0-9-]*", ".*/\1/p' postfix/fix_settings.c | sort -u >"$tap_dir/listed"
{
	[ -s "$tap_dir/asked" ] || echo "no setting is asked for"
	comm -23 "$tap_dir/asked" "$tap_dir/listed" | sed 's/$/ is asked for, but is not in postfix\/fix_settings.c/'
	comm -13 "$tap_dir/asked" "$tap_dir/listed" | sed 's/$/ is in postfix\/fix_settings.c, but nobody asks for it/'
} >>"$faults"
judge "every setting is listed, and asked for"

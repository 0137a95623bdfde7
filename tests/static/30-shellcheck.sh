#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every shell script, with and without suffix, is clean under shellcheck and parses.
set -eu

. "$(dirname "$0")/tap"
tap_begin 2
scripts >"$tap_dir/scripts"

while read -r script; do
	shell="sh"
	head -n 3 "$script" | grep -qE '^#!.*bash|shell=bash' && shell=bash
	command -v "$shell" >/dev/null || continue
	"$shell" -n "$script" 2>&1 || :
done <"$tap_dir/scripts" >"$faults"
[ -s "$tap_dir/scripts" ] || echo "no script found" >"$faults"
judge "every script parses"

if command -v shellcheck >/dev/null; then
	# 1090, 1091: a sourced file whose name is made at run time; it is checked by itself.
	xargs shellcheck -x -P SCRIPTDIR -e SC1090,SC1091 -f gcc <"$tap_dir/scripts" >"$faults" 2>&1 || :
	judge "shellcheck finds nothing"
else
	skip 1 "shellcheck is not installed"
fi

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# docs/preflight.md is what the program makes of its table of findings.
set -eu

. "$(dirname "$0")/tap"
tap_begin 2

if "$tap_build/p2v-agent" check --document >"$tap_dir/document" 2>"$faults"; then
	diff docs/preflight.md "$tap_dir/document" >"$tap_dir/diff" || {
		echo "docs/preflight.md is not what the program says; p2v-agent check --document > docs/preflight.md"
		cat "$tap_dir/diff"
	} >>"$faults"
fi
judge "docs/preflight.md is made from the table"

# Options and fixes that the advice names are there.
"$tap_build/p2v-agent" check --list --json >"$tap_dir/rules" 2>>"$faults" || :
{
	"$tap_build/p2v-agent" cold --help
	"$tap_build/p2v-server" finish --help
} >"$tap_dir/help"
"$tap_build/p2v-server" finish --list-fixes >"$tap_dir/fixes"
sed -n 's/.*"advice": "\(.*\)",*$/\1/p' "$tap_dir/rules" >"$tap_dir/advice"
{
	[ -s "$tap_dir/advice" ] || echo "no advice found"
	for option in disk bad-sectors force key skip map vcpus memory; do
		grep -q -- "--$option " "$tap_dir/advice" || echo "no advice names --$option"
		grep -q -- "--$option\b" "$tap_dir/help" || echo "an advice names --$option, which is gone"
	done
	grep -o -- '--skip [a-z-]*' "$tap_dir/advice" | sort -u | while read -r _ fix; do
		grep -q "^$fix " "$tap_dir/fixes" || echo "an advice names the fix $fix, which is not there"
	done
	grep -o -- '--force [a-z-]*' "$tap_dir/advice" | sort -u | while read -r _ id; do
		# grub-install's and mdadm's options of that name stand for themselves.
		case "$id" in '' | -*) continue ;; esac
		grep -q "\"id\": \"$id\"" "$tap_dir/rules" || echo "an advice names the finding $id, which is not there"
	done
} >>"$faults"
judge "advice names options, fixes and findings that there are"

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Lines of C are at most 100 columns wide, with tabs of 8.
set -eu

. "$(dirname "$0")/tap"
tap_begin 1
find common wire disk inventory convert postfix p2v-agent p2v-server tests -name '*.[ch]' | sort |
	while read -r f; do
		expand -t 8 "$f" | awk -v f="$f" 'length > 100 { print f ":" NR ": " length " columns" }'
	done >"$faults"
judge "no line of C is wider than 100 columns"

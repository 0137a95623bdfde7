#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The man pages are clean under mandoc, and say what scripts rely on.
set -eu

. "$(dirname "$0")/tap"
tap_begin 4

for page in docs/man/*.[1-9]; do
	name=$(basename "$page")
	grep -qE "^\.Dt $(echo "${name%.*}" | tr '[:lower:]' '[:upper:]') ${name##*.}\$" "$page" || echo "$page: no title of its own"
	for section in NAME SYNOPSIS DESCRIPTION ENVIRONMENT FILES 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		# What is no program has neither an environment nor a status.
		case "${page##*.} $section" in '7 ENVIRONMENT' | '7 EXIT STATUS') continue ;; esac
		grep -qx "\.Sh $section" "$page" || echo "$page: no section $section"
	done
done >"$faults"
judge "every page has its sections"

# The numbers of enum EXIT_... in common/opts.h, in both pages.
sed -n 's/^\tEXIT_[A-Z_]* = \([0-9]*\),.*/\1/p' common/opts.h >"$tap_dir/statuses"
for page in docs/man/*.8; do
	while read -r number; do
		awk '/^\.Sh EXIT STATUS/ { on = 1; next } /^\.Sh/ { on = 0 } on' "$page" | grep -qx "\.It $number" ||
			echo "$page: exit status $number is not there"
	done <"$tap_dir/statuses"
	# What the programs read from the environment, found in the code.
	grep -rhoE 'getenv\("[A-Z_0-9]+"\)' common "$(basename "$page" .8)" | sed 's/.*"\(.*\)".*/\1/' | sort -u |
	while read -r name; do
		grep -qx "\.It Ev $name" "$page" || echo "$page: the variable $name is not there"
	done
done >"$faults"
[ -s "$tap_dir/statuses" ] || echo "no exit status found in common/opts.h" >>"$faults"
judge "every exit status and every environment variable is described"

# The words that the medium knows, and their other names.
sed -n 's/^\t\[WORD_[A-Z_]*\] = { "\([^"]*\)", { "*\([^"}]*\)"* }.*/\1\n\2/p' p2v-agent/medium/words.c |
	grep -v '^NULL$' | sort >"$tap_dir/words"
{
	[ "$(wc -l <"$tap_dir/words")" -ge 20 ] || echo "few words are found in p2v-agent/medium/words.c"
	while read -r word; do
		grep -qE "^\.(It )?Cm p2v\.$word( |\$)" docs/man/p2v-agent-cmdline.7 || echo "p2v-agent-cmdline.7 does not know p2v.$word"
	done <"$tap_dir/words"
	sed -n 's/^\.It Cm p2v\.\([^ ]*\).*/\1/p' docs/man/p2v-agent-cmdline.7 | while read -r word; do
		grep -qx "$word" "$tap_dir/words" || echo "p2v-agent-cmdline.7 has p2v.$word, which is not known"
	done
} >"$faults"
judge "p2v-agent-cmdline(7) has the words that are known"

if command -v mandoc >/dev/null; then
	# The pages of both programs refer to each other before they are installed.
	mandoc -T lint -W warning docs/man/*.[1-9] >"$tap_dir/lint" 2>&1 || :
	grep -vE 'referenced manual not found' "$tap_dir/lint" >"$faults" || :
	judge "mandoc has no warning"
else
	skip 1 "mandoc is not installed"
fi

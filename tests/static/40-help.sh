#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the programs say of themselves: --help, usage errors, completion, and the man pages, which
# must name the same subcommands and the same options.
set -eu

. "$(dirname "$0")/tap"
tap_begin 12
programs="p2v-agent p2v-server"
out=$tap_dir/out
err=$tap_dir/err

# run ARGUMENT...: sets status; output in $out and $err
run()
{
	status=0
	"$tap_build/$program" "$@" >"$out" 2>"$err" </dev/null || status=$?
}

# options_of_help: "LETTER LONG" lines, - for no letter, from a help text
options_of_help()
{
	sed -n 's/^  -\(.\), --\([a-z-]*\).*/\1 \2/p; s/^      --\([a-z-]*\).*/- \1/p' "$1" | grep -v ' help$' | sort
}

# options_of_man SECTION: the same, from the .Ss or .Sh of a man page
options_of_man()
{
	awk -v section="$1" '
		$1 == ".Ss" || $1 == ".Sh" { sub(/^\.S[sh] /, ""); inside = $0 == section; next }
		inside && /^\.It Fl / {
			letter = "-"
			long = ""
			for (i = 3; i <= NF; i++) {
				if ($i ~ /^-[a-z]/) long = substr($i, 2)
				else if ($(i - 1) == "Fl" && length($i) == 1) letter = $i
			}
			print letter, long
		}
	' "$manual" | grep -v ' help$' | sort
}

# usage_error WHAT ARGUMENT...: one line on stderr, nothing on stdout, status 2
usage_error()
{
	what=$1
	shift
	run "$@"
	[ "$status" -eq 2 ] || echo "$what: status $status, not 2"
	[ "$(wc -l <"$err")" -eq 1 ] || echo "$what: $(wc -l <"$err") lines on stderr, not 1"
	[ ! -s "$out" ] || echo "$what: says something on stdout"
}

for program in $programs; do
	manual=docs/man/$program.8
	if [ ! -x "$tap_build/$program" ]; then
		echo "$tap_build/$program is not built" >"$faults"
		judge "$program is built"
		exit 1
	fi

	run --help
	cp "$out" "$tap_dir/help"
	subcommands=$(awk '/^Commands:/ { on = 1; next } on && /^  [a-z]/ { print $1 } on && /^$/ { exit }' "$tap_dir/help")
	[ -n "$subcommands" ] || echo "$program --help lists no subcommand" >>"$faults"
	for subcommand in "" $subcommands; do
		# shellcheck disable=SC2086 # nothing, when empty
		run $subcommand --help
		{
			[ "$status" -eq 0 ] || echo "$program $subcommand --help: status $status"
			[ -s "$out" ] || echo "$program $subcommand --help: nothing on stdout"
			[ ! -s "$err" ] || echo "$program $subcommand --help: says something on stderr"
			awk -v what="$program $subcommand --help" 'length > 80 { print what ": line " NR " has " length " columns" }' "$out"
			head -n 1 "$out" | grep -q "^Usage: $program" || echo "$program $subcommand --help: no usage line"
		} >>"$faults"
		cp "$out" "$tap_dir/help.$subcommand"
		# shellcheck disable=SC2086 # nothing, when empty
		run $subcommand -h
		cmp -s "$out" "$tap_dir/help.$subcommand" || echo "$program $subcommand -h differs from --help" >>"$faults"
	done
	judge "$program: help on stdout, status 0, at most 80 columns"

	{
		usage_error "$program"
		usage_error "$program --no-such-option" --no-such-option
		usage_error "$program no-such-subcommand" no-such-subcommand
		usage_error "$program with a subcommand that holds a newline" "no
such"
		for subcommand in $subcommands; do
			usage_error "$program $subcommand --no-such-option" "$subcommand" --no-such-option
			# One that takes as many as there are says so with dots.
			"$tap_build/$program" "$subcommand" --help | head -1 | grep -q '\.\.\.$' ||
				usage_error "$program $subcommand with too many arguments" "$subcommand" a b c d
			# Options that want a value, as the last word.
			sed -n 's/^.*--\([a-z-]*\)=.*/\1/p' "$tap_dir/help.$subcommand" | while read -r option; do
				usage_error "$program $subcommand --$option without a value" "$subcommand" "--$option"
			done
		done
	} >"$faults"
	judge "$program: a usage error is one line on stderr and status 2"

	{
		awk '$1 == ".Ss" { print $2 }' "$manual" | sort >"$tap_dir/man.subcommands"
		# "completion" is for the package's installer, and is no row of the help.
		{ echo "$subcommands"; echo completion; } | sort -u >"$tap_dir/help.subcommands"
		diff "$tap_dir/help.subcommands" "$tap_dir/man.subcommands" | sed -n "s/^</only in --help: /p; s/^>/only in $program.8: /p"
	} >"$faults"
	judge "$program: help and man page have the same subcommands"

	for subcommand in "" $subcommands; do
		options_of_help "$tap_dir/help.$subcommand" >"$tap_dir/a"
		options_of_man "${subcommand:-GLOBAL OPTIONS}" >"$tap_dir/b"
		diff "$tap_dir/a" "$tap_dir/b" |
			sed -n "s/^</$program $subcommand: only in --help: /p; s/^>/$program $subcommand: only in $program.8: /p"
	done >"$faults"
	judge "$program: help and man page have the same options"

	run completion
	{
		[ "$status" -eq 0 ] || echo "$program completion: status $status"
		[ -s "$out" ] || echo "$program completion: prints nothing"
	} >"$faults"
	cp "$out" "$tap_dir/completion"
	if command -v bash >/dev/null; then
		bash -n "$tap_dir/completion" >>"$faults" 2>&1 || echo "$program completion: bash does not parse it" >>"$faults"
		judge "$program: the completion is valid bash"
		# offered WORD...: what bash would offer for the last of the words
		offered()
		{
			bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
				"$(complete -p "$1" | sed "s/.*-F \([^ ]*\).*/\1/")"; printf "%s\n" "${COMPREPLY[@]}"' \
				"$tap_dir/completion" "$@" 2>/dev/null
		}
		{
			offered "$program" "" >"$tap_dir/offer"
			for subcommand in $subcommands; do
				grep -qx -- "$subcommand" "$tap_dir/offer" || echo "$subcommand is not offered"
				offered "$program" "$subcommand" -- >"$tap_dir/offer.sub"
				options_of_help "$tap_dir/help.$subcommand" | while read -r _ long; do
					grep -qE -- "^--$long=?\$" "$tap_dir/offer.sub" || echo "$subcommand --$long is not offered"
				done
			done
		} >"$faults"
		judge "$program: the completion offers every subcommand and its options"
	else
		skip 2 "bash is not installed"
	fi
done

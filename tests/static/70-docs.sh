#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016,SC1003  # back-quotes are Markdown's, backslashes are for tr
#
# The documents agree with each other and with the code: links, names of files and tests, the
# protocol's numbers, the list of make targets.
set -eu

. "$(dirname "$0")/tap"
tap_begin 8

find . -maxdepth 1 -name '*.md' >"$tap_dir/documents"
find docs postfix tests -name '*.md' >>"$tap_dir/documents"

# The anchors of a document, as web pages make them from headings.
anchors()
{
	sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}
while read -r document; do
	grep -oE '\]\([^) ]+\)' "$document" | sed 's/^](//; s/)$//' | sort -u | while read -r link; do
		case "$link" in http://* | https://* | mailto:*) continue ;; esac
		file=${link%%#*}
		[ -n "$file" ] && file=$(dirname "$document")/$file || file=$document
		if [ ! -e "$file" ]; then
			echo "$document: $link: there is no such file"
			continue
		fi
		case "$link" in
		*#*) anchors "$file" | grep -qx -- "${link#*#}" || echo "$document: $link: there is no such heading" ;;
		esac
	done
done <"$tap_dir/documents" >"$faults"
judge "every link leads somewhere"

# A path in code marks that begins with a folder of ours.
while read -r document; do
	grep -oE '`(common|wire|disk|inventory|convert|postfix|p2v-agent|p2v-server|tests|docs|tools|\.ci)/[A-Za-z0-9_./-]*`' "$document" |
		tr -d '`' | sort -u | while read -r path; do
		case "$path" in *NN-* | *NAME* | *MODULE*) continue ;; esac # stands for many
		[ -e "$path" ] || echo "$document: there is no $path"
	done
done <"$tap_dir/documents" >"$faults"
judge "every file that a document names is there"

# Every document can be found from README.md.
for file in docs/*.md docs/layers.txt docs/man/*; do
	grep -qF "$file" README.md || echo "README.md does not name $file"
done >"$faults"
judge "README.md names every document"

# ---- the protocol

doc=docs/protocol.md
# PROTO_NAME VALUE of every constant, by the compiler's own sums done by the shell.
sed -n 's/^#define[ 	]*\(PROTO_[A-Z0-9_]*\)[ 	]*\([^ 	].*\)$/\1 \2/p; s/^[^*]*\(PROTO_[A-Z0-9_]*\)[ 	]*= *\([0-9][0-9]*\)[ ,].*/\1 \2/p' wire/proto.h |
	sed 's|/\*.*||; s/UINT64_C(\([^)]*\))/\1/g; s/\([0-9]\)u/\1/g' >"$tap_dir/raw"
# Two values in one line of an enum.
sed -n 's/^enum.*{\(.*\)};.*/\1/p' wire/proto.h | tr ',' '\n' | sed -n 's/^ *\(PROTO_[A-Z0-9_]*\) = \([0-9]*\) *$/\1 \2/p' >>"$tap_dir/raw"
sort -u "$tap_dir/raw" | while read -r name value; do
	case "$value" in *PROTO_*) continue ;; esac # made of others
	# shellcheck disable=SC2004  # the value is a sum, which some shells only do when it is pasted in
	printf '%s %d\n' "$name" "$(($value))"
done >"$tap_dir/constants"

# Every constant, and the words of the document that hold its value.
mentioned()
{
	case "$1" in
	PROTO_MAGIC) printf '`%x`\n' "$2" ;;
	PROTO_VERSION) echo "^# .*version $2\$" ;;
	PROTO_VERSION_MIN) echo "no version $(($2 - 1))" ;;
	PROTO_FRAME_HEADER) echo "^\\| $2 \\| length \\| payload" ;;
	PROTO_PAYLOAD_MAX) echo "^\\| payload of a frame \\| $(($2 >> 20)) MiB \\|" ;;
	PROTO_CHUNK_SIZE) echo "chunk\\*\\*: $(($2 >> 20)) MiB \\($2 bytes\\)" ;;
	PROTO_CLUSTER_SIZE) echo "cluster\\*\\*: $(($2 >> 10)) KiB \\($2 bytes\\)" ;;
	PROTO_BLOCK_SIZE) echo "block\\*\\*: $(($2 >> 10)) KiB \\($2 bytes\\)" ;;
	PROTO_NAME_MAX) echo "^\\| job or disk name \\| $2 bytes" ;;
	PROTO_PATH_MAX) echo "^\\| source path of a disk \\| $2 bytes" ;;
	PROTO_MACHINE_MAX) echo "^\\| machine description \\| $(($2 >> 20)) MiB" ;;
	PROTO_SUMMARY_MAX) echo "^\\| summary \\| $(($2 >> 20)) MiB" ;;
	PROTO_SOFTWARE_MAX) echo "^\\| software name \\| $2 bytes" ;;
	PROTO_ERROR_TEXT_MAX) echo "^\\| error text \\| $2 bytes" ;;
	PROTO_DISKS_MAX) echo "^\\| disks in a job \\| $2 \\|" ;;
	PROTO_HAVE_MAX) echo "^\\| ranges in a HAVE, STALE or DIFFER \\| $2 \\|" ;;
	PROTO_DISK_SIZE_MAX) [ "$2" -ne $((1 << 56)) ] || echo "^\\| size of a disk \\| 2\\^56 bytes" ;;
	PROTO_CREDIT_MIN) echo "^\\| credit \\| $(($2 >> 20)) MiB to" ;;
	PROTO_CREDIT_MAX) echo "^\\| credit \\| .* to $(($2 >> 30)) GiB" ;;
	PROTO_UNACKED_MAX) echo "^\\| unacknowledged counted messages \\| $2 \\|" ;;
	PROTO_DIGESTS_MAX) echo "^\\| digests in a DIGESTS or CHECK \\| $2 \\|" ;;
	PROTO_PATCH_PIECES_MAX) echo "^\\| pieces in a PATCH \\| $2 \\|" ;;
	PROTO_FLUSH_MAX) echo "^\\| unanswered FLUSHes \\| $2 \\|" ;;
	PROTO_PING_MAX) echo "^\\| unanswered PINGs of one side \\| $2 \\|" ;;
	PROTO_FEATURES_MUST) [ "$2" -ne 0 ] || echo "defines no bit of \\*must\\*, and sends that mask as zero" ;;
	PROTO_FEATURE_THROTTLE) [ "$2" -ne 1 ] || echo "^\\| may \\| 0 \\| THROTTLE \\|" ;;
	PROTO_FEATURE_COMPARE) [ "$2" -ne 2 ] || echo "^\\| may \\| 1 \\| COMPARE \\|" ;;
	PROTO_FEATURE_JOIN) [ "$2" -ne 4 ] || echo "^\\| may \\| 2 \\| JOIN \\|" ;;
	PROTO_FEATURE_LIVE) [ "$2" -ne 8 ] || echo "^\\| may \\| 3 \\| LIVE \\|" ;;
	PROTO_UUID_LEN) echo "with \\*join\\* the $2 bytes of the job's uuid" ;;
	PROTO_OPEN_LIVE) [ "$2" -ne 8 ] || echo "bit 3: \\*live\\*" ;;
	PROTO_OPEN_JOIN) [ "$2" -ne 4 ] || echo "bit 2: \\*join\\*" ;;
	PROTO_OPEN_COMPARE) [ "$2" -ne 2 ] || echo "bit 1: \\*compare\\*" ;;
	PROTO_OPEN_COMPRESSED) [ "$2" -ne 1 ] || echo "bit 0: the server may store zstd clusters" ;;
	PROTO_ERR_*) echo "^\\| $2 \\| ${1#PROTO_ERR_} \\|" ;;
	PROTO_PATCH_RAW | PROTO_PATCH_ZSTD)
		echo "^\\| 12 \\| 1 \\| codec \\| .*$2 $(echo "${1##*_}" | tr '[:upper:]' '[:lower:]')(;| \\|)" ;;
	PROTO_ROLE_* | PROTO_JOB_* | PROTO_CODEC_* | PROTO_ZERO_* | PROTO_PHASE_* | PROTO_THROTTLE_* | PROTO_DIGESTS_*)
		echo "(^|[ |,;])$2 $(echo "${1##*_}" | tr '[:upper:]' '[:lower:]')([ ,:;|]|\$)"
		;;
	PROTO_*) echo "(^### 5|, and ).*${1#PROTO_} \\(type $2\\)" ;;
	esac
}
while read -r name value; do
	words=$(mentioned "$name" "$value")
	[ -n "$words" ] && grep -qE -- "$words" "$doc" || echo "$doc: $name = $value of wire/proto.h is not there"
done <"$tap_dir/constants" >"$faults"
[ "$(wc -l <"$tap_dir/constants")" -ge 60 ] || echo "only $(wc -l <"$tap_dir/constants") constants found in wire/proto.h" >>"$faults"
judge "every constant of wire/proto.h is in docs/protocol.md, with its value"

has()
{
	grep -qx -- "$1 $2" "$tap_dir/constants" || echo "$doc: $3: wire/proto.h has no $1 = $2"
}
{
	grep '^### 5\.' "$doc" | grep -oE '[A-Z]+ \(type [0-9]+\)' | sed 's/ (type / /; s/)//' | while read -r name value; do
		has "PROTO_$name" "$value" "message $name"
	done
	sed -n '/^## 9\. /,/^## 10\. /s/^| \([0-9][0-9]*\) | \([A-Z]*\) |.*/\1 \2/p' "$doc" | while read -r value name; do
		has "PROTO_ERR_$name" "$value" "error $name"
	done
	# Where the document does name a constant by its name in C.
	grep -oE 'PROTO_[A-Z0-9_]+' "$doc" | sort -u | while read -r name; do
		grep -qw "$name" wire/proto.h || echo "$doc: wire/proto.h has no $name"
	done
} >"$faults"
judge "every number of docs/protocol.md that has a name is in wire/proto.h"

# ---- the rest

targets=$(sed -n '/^\.PHONY:/,/[^\\]$/p' Makefile | tr -d '\\' | sed 's/^\.PHONY://')
make --no-print-directory help >"$tap_dir/help" 2>&1 || echo "make help fails" >>"$faults"
# shellcheck disable=SC2086 # a list of words
for target in $targets; do
	[ "$target" != all ] || target="make" # what plain "make" makes
	grep -qE "(^|[ |(])$target([ :,|)]|\$)" "$tap_dir/help" || echo "make help does not name $target"
done >>"$faults"
awk 'length > 100 { print "make help: line " NR " has " length " columns" }' "$tap_dir/help" >>"$faults"
judge "make help lists every target"

# The table of faults names tests that exist, and each of them is a check of that script.
sed -n '/^## .*[Ff]aults/,/^## /s/^|.*| *`\([^`]*\)` *| *$/\1/p' docs/testing.md | sort -u | while read -r test; do
	[ -f "$test" ] || echo "docs/testing.md: there is no test $test"
done >"$faults"
script=tests/e2e/30-faults.sh
sed -n '/^## .*[Ff]aults/,$p' docs/testing.md | grep -F "$script" | sed -n 's/^| \([^|]*[^ |]\) *|.*/\1/p' | sort >"$tap_dir/a"
sed -n 's/^[ 	]*\(fault\|usage\) "\([^"$]*\)".*/\2/p' "$script" | sort >"$tap_dir/b"
diff "$tap_dir/a" "$tap_dir/b" | sed -n "s|^<|only in docs/testing.md: |p; s|^>|only in $script: |p" >>"$faults"
judge "the table of faults is that of the tests"

# Where people work is nobody's business; the pattern must not find itself.
files | xargs grep -nIE '/wor[k]/(main|shared)|/tmp/[w]/|[.][.]/share[d]/|BRIE[F]\.md' >"$faults" 2>/dev/null || :
judge "no file names a place of work"

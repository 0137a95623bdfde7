#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016  # back-quotes are Markdown's
#
# docs/inventory.md has every member of the machine, of its type, and no other. A line below each
# heading names the objects that the table is of: "Path: `os.kernels[]`, `systems[].kernels[]`".
set -eu

. "$(dirname "$0")/tap"
want 4 jq
tap_begin 4
agent=$tap_build/p2v-agent
doc=docs/inventory.md

# PATH TYPE of every member below the schema's properties; what is in a plan is docs/plan.md's.
cat >"$tap_dir/members.jq" <<'JQ'
def kind: (.type | if type == "array" then map(select(. != "null"))[0] else . end)
	// (if has("const") then .const | type | if . == "number" then "integer" else . end else "?" end);
def members($path): (.properties // {}) | to_entries[] | ($path + .key) as $at | .value
	| if $at == "plan" then "plan object"
	  elif kind == "array" and (.items | has("properties")) then
		"\($at) list of objects", (.items | members($at + "[]."))
	  elif kind == "array" then "\($at) list of \(.items | kind)s"
	  else "\($at) \(kind)", members($at + ".") end;
members("")
JQ
"$agent" plan --schema >"$tap_dir/schema.json" 2>"$faults" || echo "plan --schema fails" >>"$faults"
jq -r -f "$tap_dir/members.jq" "$tap_dir/schema.json" 2>>"$faults" | sort >"$tap_dir/program" || :
# As many as the machine has at least: a schema that is read wrongly must not pass for an empty one.
lines=$(wc -l <"$tap_dir/program")
[ "$lines" -ge 300 ] || echo "only $lines members found in the schema" >>"$faults"
judge "the schema has members"

awk -F'|' '
	/^##/ { n = 0 }
	/^Path: / {
		rest = $0
		while (match(rest, /`[^`]+`/)) {
			at[++n] = substr(rest, RSTART + 1, RLENGTH - 2)
			rest = substr(rest, RSTART + RLENGTH)
		}
	}
	/^\| `/ {
		name = $2
		type = $3
		gsub(/[ `]/, "", name)
		gsub(/^ +| +$/, "", type)
		for (i = 1; i <= n; i++)
			print (at[i] == "." ? "" : at[i] ".") name " " type
		if (n == 0)
			print "row-without-path:" name " " type
	}' "$doc" | sort >"$tap_dir/document"
uniq -d "$tap_dir/document" | sed "s|^|$doc: twice: |" >"$faults"
judge "every member is explained once"

comm -23 "$tap_dir/program" "$tap_dir/document" | sed "s|^|$doc does not have: |" >"$faults"
judge "every member is in the document, with its type"

comm -13 "$tap_dir/program" "$tap_dir/document" | sed "s|^|$doc has, and the inventory has not: |" >"$faults"
judge "every member of the document is one, and of that type"

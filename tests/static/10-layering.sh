#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The floors of docs/layers.txt against every #include: no folder knows an upper floor or a
# sibling, no outside header is used outside its home, no header includes itself over others.
set -eu

. "$(dirname "$0")/tap"
tap_begin 6
table=docs/layers.txt

# FILE HEADER KIND, one line for each #include of the folders in the table; KIND is < or ".
folders=$(awk '$1 == "floor" { print $3 }' "$table")
# shellcheck disable=SC2086 # a list of words
find $folders -name '*.[ch]' | sort | while read -r file; do
	awk -v file="$file" '
		/^[ \t]*#[ \t]*include/ {
			line = $0
			sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
			kind = substr(line, 1, 1)
			if (kind != "<" && kind != "\"") { print file, "macro", "?"; next }
			end = index(substr(line, 2), kind == "<" ? ">" : "\"")
			print file, substr(line, 2, end - 1), kind
		}' "$file"
done >"$tap_dir/includes"

awk '
	$1 == "floor" {
		if ($2 !~ /^[0-9]+$/ || NF < 3) print FILENAME ":" FNR ": floor NUMBER FOLDER MAY-INCLUDE..."
		if ($3 in floor) print FILENAME ":" FNR ": " $3 " has two rows"
		floor[$3] = $2
		for (i = 4; i <= NF; i++) {
			folder = $i
			sub("/.*", "", folder)
			if (!(folder in floor)) print FILENAME ":" FNR ": " $i ": " folder " has no row above this one"
			else if (floor[folder] > $2 || (floor[folder] == $2 && $i !~ "/")) print FILENAME ":" FNR ": " $3 " is not above " folder
		}
		next
	}
	$1 == "home" { if (NF < 3) print FILENAME ":" FNR ": home HEADER PLACE..."; next }
	$1 == "room" { if (NF < 2 || $2 !~ "/") print FILENAME ":" FNR ": room FOLDER/ROOM MAY-INCLUDE..."; next }
	$1 == "system" || /^#/ || NF == 0 { next }
	{ print FILENAME ":" FNR ": not understood: " $0 }
' "$table" >"$faults"
for folder in $folders; do
	[ -d "$folder" ] || echo "$table: there is no folder $folder" >>"$faults"
done
[ -s "$tap_dir/includes" ] || echo "no #include found at all" >>"$faults"
# A folder of C at the top that has no row would escape the check.
for folder in */; do
	folder=${folder%/}
	case "$folder" in tests | docs | build | tools | iso) continue ;; esac
	ls "$folder"/*.[ch] >/dev/null 2>&1 || continue
	echo "$folders" | grep -qx "$folder" || echo "$folder: no row in $table" >>"$faults"
done
judge "the table of floors is in order"

# awk has no shell patterns: only * and ? are used, and become a regular expression.
cat >"$tap_dir/lib.awk" <<'END'
function matches(name, pattern,   re) {
	re = pattern
	gsub(/[.+]/, "\\\\&", re)
	gsub(/\*/, "[^/]*", re)
	gsub(/\?/, "[^/]", re)
	return name ~ ("^" re "$")
}
function folder_of(path) { sub("/.*", "", path); return path }
END

cat >"$tap_dir/own.awk" <<'END'
FNR == NR {
	if ($1 == "floor")
		for (i = 3; i <= NF; i++) may[$3] = may[$3] " " $i
	next
}
$3 == "?" { print $1 ": #include of a macro"; next }
$3 == "<" { next }
$2 ~ /^[^\/]*$/ || $2 ~ /(^|\/)\.\.?\// { print $1 ": \"" $2 "\": write the path from the top folder"; next }
{
	n = split(may[folder_of($1)], list, " ")
	good = 0
	for (i = 1; i <= n && !good; i++)
		good = list[i] == folder_of($2) || matches($2, list[i])
	if (!good) print $1 " (" folder_of($1) ") may not include " $2
}
END
awk -f "$tap_dir/lib.awk" -f "$tap_dir/own.awk" "$table" "$tap_dir/includes" >"$faults"
judge "no folder includes what its row does not allow"

cat >"$tap_dir/rooms.awk" <<'END'
function room_of(path) { if (path !~ /\/.*\//) return ""; sub(/\/[^\/]*$/, "", path); return path }
FNR == NR {
	if ($1 == "room")
		for (i = 3; i <= NF; i++) may[$2, $i] = 1
	next
}
$3 != "\"" { next }
{
	from = room_of($1)
	to = room_of($2)
	if (from != "" && to != "" && from != to && folder_of($1) == folder_of($2) && !((from, to) in may))
		print $1 " (" from ") may not include " $2
}
END
awk -f "$tap_dir/lib.awk" -f "$tap_dir/rooms.awk" "$table" "$tap_dir/includes" >"$faults"
judge "no room includes another that its row does not allow"

awk '$3 == "\"" { print $1, $2 }' "$tap_dir/includes" | while read -r file header; do
	[ -f "$header" ] || echo "$file: there is no $header"
done >"$faults"
judge "every header of ours that is included exists"

cat >"$tap_dir/outside.awk" <<'END'
FNR == NR {
	if ($1 == "system")
		for (i = 2; i <= NF; i++) systems[++nsystems] = $i
	if ($1 == "home") {
		headers[++nhomes] = $2
		for (i = 3; i <= NF; i++) places[nhomes] = places[nhomes] " " $i
	}
	next
}
$3 != "<" { next }
{
	known = 0
	for (i = 1; i <= nsystems && !known; i++) known = systems[i] == $2
	if (known) next
	good = 0
	for (h = 1; h <= nhomes; h++) {
		if (!matches($2, headers[h])) continue
		known = 1
		n = split(places[h], list, " ")
		for (i = 1; i <= n && !good; i++)
			good = list[i] ~ /\/$/ ? index($1, list[i]) == 1 : matches($1, list[i])
	}
	if (!known) print $1 ": <" $2 "> has no home in docs/layers.txt"
	else if (!good) print $1 ": <" $2 "> is used outside its home"
}
END
awk -f "$tap_dir/lib.awk" -f "$tap_dir/outside.awk" "$table" "$tap_dir/includes" >"$faults"
judge "outside headers stay in their homes"

# Take away headers that include no other header of ours until nothing changes: the rest are cycles.
awk '
	$1 ~ /\.h$/ && $3 == "\"" { edge[++n] = $1 " " $2; from[n] = $1; to[n] = $2; left[$1]++ }
	END {
		do {
			changed = 0
			for (i = 1; i <= n; i++)
				if (edge[i] != "" && !left[to[i]]) { edge[i] = ""; left[from[i]]--; changed = 1 }
		} while (changed)
		for (i = 1; i <= n; i++)
			if (edge[i] != "") print from[i] " includes " to[i] ", which comes back to it"
	}
' "$tap_dir/includes" >"$faults"
judge "headers do not include each other in a circle"

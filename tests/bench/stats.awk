# SPDX-License-Identifier: GPL-3.0-or-later
#
# Read subjects.tbl and a results.tsv of tests/bench/run; for tables.awk and chart.awk. Fields of a run, by number:
#	6 status  7 seconds  8 9 processor seconds near, far  10 bytes on the wire  11 12 KiB of memory near, far
#	13 bytes of the result  14 qemu-img check
# Round 0 is not counted, but a failure in it is one.

BEGIN {
	FS = "\t"
	link_words["lo"] = "unlimited"
	link_words["1g"] = "1 Gbit/s"
	link_words["100m"] = "100 Mbit/s"
	link_rate["1g"] = 1e9
	link_rate["100m"] = 1e8
	source_words["a"] = "a: a Debian disk"
	source_words["b"] = "b: full of noise"
	source_words["c"] = "c: 1 TiB, little used"
	source_words["c4"] = "c4: the same on 4 GiB"
	source_words["d"] = "d: a million small files"
	source_words["e"] = "e: fragments of 64 KiB"
	source_words["e1"] = "e1: the same in one piece"
}

FILENAME ~ /subjects\.tbl$/ {
	if ($0 !~ /^#/ && NF >= 7) {
		subject[++subjects] = $1
		kind[$1] = $2
		words[$1] = $7
		result[$1] = $4
	}
	next
}

$1 == "note" { note[$2] = $3 }
$1 == "disk" { disk_size[$2] = $3; disk_used[$2] = $4 }
$1 == "out" { out[++outs] = $2 FS $3 FS $4 FS $5 }

$1 == "run" {
	if (!(($2, $3) in seen_pair)) {
		seen_pair[$2, $3] = 1
		pair[++pairs] = $2 FS $3
	}
	k = $2 SUBSEP $3 SUBSEP $4
	seen[k] = 1
	if ($6 != "ok")
		failed[k] = $6
	else if ($5 > 0) {
		n = ++counted[k]
		for (i = 7; i <= 14; i++)
			value[k, i, n] = $i
	}
}

function key(disk, link, name) { return disk SUBSEP link SUBSEP name }

# good KEY: it ran, and never failed
function good(k) { return counted[k] > 0 && !(k in failed) }

# sorted KEY FIELD: fills v[1..n], ascending; returns n
function sorted(k, field, v,   i, j, n, x)
{
	n = counted[k]
	for (i = 1; i <= n; i++) {
		x = value[k, field, i] + 0
		for (j = i - 1; j >= 1 && v[j] > x; j--)
			v[j + 1] = v[j]
		v[j + 1] = x
	}
	return n
}

function median(k, field,   v, n)
{
	n = sorted(k, field, v)
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function least(k, field,   v) { sorted(k, field, v); return v[1] }
function most(k, field,   v, n) { n = sorted(k, field, v); return v[n] }

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tests/guests/matrix.tbl covers what it says: no row is malformed or there twice, at least 14 rows need nothing but
# Debian's mirrors, and every pair of firmware and layout, layout and network, firmware and network is there.
set -eu

. "$(dirname "$0")/tap"
tap_begin 3

table=tests/guests/matrix.tbl
grep -v '^#' $table >"$tap_dir/rows"

awk -F '\t' '
	BEGIN {
		n = split("bios uefi uefi-sb ext4 xfs-lvm btrfs raid1 luks ifupdown networkd nm netplan " \
			  "initramfs-tools dracut", words, " ")
		for (i = 1; i <= n; i++)
			column[words[i]] = i <= 3 ? 3 : i <= 8 ? 4 : i <= 12 ? 5 : 6
	}
	NF != 6 { print "line with " NF " fields: " $0; next }
	seen[$1]++ { print $1 " is there twice" }
	$1 !~ /^[a-z0-9-]+$/ { print "not a name: " $1 }
	{ for (i = 3; i <= 6; i++) if (column[$i] != i) print $1 ": " $i " is not a word of column " i }
' "$tap_dir/rows" >"$faults"
judge "every row of the matrix is well formed"

debian=$(awk -F '\t' '$2 !~ /^(xenial|bionic|focal|jammy|noble)$/' "$tap_dir/rows" | wc -l)
[ "$debian" -ge 14 ] || echo "only $debian rows" >"$faults"
judge "14 rows or more are Debian's"

awk -F '\t' '
	{ pair[$3 "+" $4] = pair[$4 "+" $5] = pair[$3 "+" $5] = 1 }
	function need(left, right,   a, b, i, j, n, m)
	{
		n = split(left, a, " ")
		m = split(right, b, " ")
		for (i = 1; i <= n; i++)
			for (j = 1; j <= m; j++)
				if (!((a[i] "+" b[j]) in pair))
					print "no row has " a[i] " and " b[j]
	}
	END {
		firmware = "bios uefi uefi-sb"
		layout = "ext4 xfs-lvm btrfs raid1 luks"
		net = "ifupdown networkd nm netplan"
		need(firmware, layout)
		need(layout, net)
		need(firmware, net)
	}
' "$tap_dir/rows" >"$faults"
judge "every pair is covered"

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Record the metadata of real LVM physical volumes, as LVM2 itself writes it, for
# tests/unit/test_lvm_meta.c. Made inside a libguestfs appliance, so it needs neither root nor a
# device-mapper on this machine. Only run again when the set of cases changes; the results are
# kept in the tree.
#
#	tests/images/lvm.sh OUTDIR
#
# OUTDIR/NAME.pv: "size BYTES", then "OFFSET HEX" for every 512-byte sector that is not zero (data
# extents are left out), then one "truth START COUNT" per allocated run of extents, as
# `pvs --segments` reports it.
set -eu

out=${1:?usage: lvm.sh OUTDIR}
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
LIBGUESTFS_BACKEND=${LIBGUESTFS_BACKEND:-direct}
export LIBGUESTFS_BACKEND

for d in a b c d; do
	truncate -s 64M "$tmp/$d.img"
done
truncate -s 256M "$tmp/e.img"

# a: one metadata area, linear LVs with a hole; b, c: two areas, striped and linear and mirrored;
# d: pvcreate only; e: thin pool, snapshot, an odd data alignment.
guestfish -a "$tmp/a.img" -a "$tmp/b.img" -a "$tmp/c.img" -a "$tmp/d.img" -a "$tmp/e.img" \
	>"$tmp/log" <<'GUEST'
run
debug sh "lvm pvcreate -q /dev/sda"
debug sh "lvm vgcreate -q holes /dev/sda"
debug sh "lvm lvcreate -q -y -Zn -Wn -l 3 -n one holes"
debug sh "lvm lvcreate -q -y -Zn -Wn -l 2 -n two holes"
debug sh "lvm lvcreate -q -y -Zn -Wn -l 4 -n three holes"
debug sh "lvm lvremove -q -y holes/two"
debug sh "lvm lvcreate -q -y -Zn -Wn -l 3 -n four holes"
debug sh "lvm pvcreate -q --pvmetadatacopies 2 /dev/sdb /dev/sdc"
debug sh "lvm vgcreate -q -s 1M pair /dev/sdb /dev/sdc"
debug sh "lvm lvcreate -q -y -Zn -Wn -i 2 -l 10 -n striped pair"
debug sh "lvm lvcreate -q -y -Zn -Wn -l 7 -n linear pair /dev/sdc"
debug sh "lvm lvcreate -q -y -an -Zn -Wn --type raid1 -m 1 -l 5 -n mirror pair"
debug sh "lvm pvcreate -q /dev/sdd"
debug sh "lvm pvcreate -q --dataalignment 1536k /dev/sde"
debug sh "lvm vgcreate -q thin /dev/sde"
debug sh "lvm lvcreate -q -y -Zn -Wn -l 4 -n base thin"
debug sh "lvm lvcreate -q -y -l 2 -s -n snap thin/base"
debug sh "lvm lvcreate -q -y -an -Zn --type thin-pool -l 10 -n pool thin"
debug sh "lvm pvs --noheadings --units b --nosuffix --segments -o pv_name,pvseg_start,pvseg_size,segtype,lv_name | sed 's/^/truth/'"
debug sh "lvm lvs -a"
debug sh "lvm vgchange -q -an"
GUEST
cat "$tmp/log" >&2

i=0
for d in a b c d e; do
	name=$(printf '%s\n' holes pair1 pair2 orphan thin | sed -n "$((i + 1))p")
	dev=/dev/sd$d
	{
		echo "size $(stat -c %s "$tmp/$d.img")"
		# What libguestfs writes into data extents is none of our business: metadata
		# lives in the first MiB and the last.
		od -An -v -tx1 -w512 -N1048576 "$tmp/$d.img" |
			awk '{ o = (NR - 1) * 512; gsub(/ /, ""); if ($0 ~ /[^0]/) print o, $0 }'
		end=$(($(stat -c %s "$tmp/$d.img") - 1048576))
		od -An -v -tx1 -w512 -j "$end" "$tmp/$d.img" |
			awk -v end="$end" '{ o = end + (NR - 1) * 512; gsub(/ /, "");
				if ($0 ~ /[^0]/) print o, $0 }'
		awk -v dev="$dev" '$1 == "truth" && $2 == dev && $5 != "free" { print "truth", $3, $4 }' \
			"$tmp/log"
	} >"$out/$name.pv"
	i=$((i + 1))
done

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Record real volume groups with their contents, for tests/unit/test_lvm_assemble.c. Made inside a
# libguestfs appliance, whose kernel has a device-mapper. Only run again when the set of cases
# changes; the results are kept in the tree.
#
#	tests/images/lvm-volumes.sh OUTDIR
#
# OUTDIR/NAME.img.zst is the image of one PV. In every LV that is written, 4 KiB block N begins with
# "LV N" and is filled up with blanks, so that a space that reads N elsewhere is known at once.
# volumes.txt is what lvs says about them.
#
#	two1 two2	striped and linear LVs, one of them in pieces; RAID 0, mirrors of both kinds
#	snap		an origin and its snapshot
#	pool		a thin pool, three thin volumes, one of them a snapshot; a fourth was removed
#	bare1 bare2	an LV over both; bare2 has no metadata area
#	cached		a cached LV, and one in RAID 5
set -eu

out=${1:?usage: lvm-volumes.sh OUTDIR}
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
LIBGUESTFS_BACKEND=${LIBGUESTFS_BACKEND:-direct}
export LIBGUESTFS_BACKEND

pattern() {
	awk -v name="$1" -v n="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%-4095s\n", name " " i }' \
		>"$tmp/$1.pat"
}

# KiB / 4
for lv in linear:384 wide:384 narrow:384 pieces:352 other:64 raid:256 mirror:256 core:64 origin:256 snap:32 \
	one:300 two:200 gone:200 both:512 slow:256 five:256 zero:128 zerometa:128; do
	pattern "${lv%:*}" "${lv#*:}"
done
# The first 16 blocks of thin volume "one" are written again after its snapshot was taken.
head -c 65536 "$tmp/one.pat" | sed 's/^one/new/' >"$tmp/new.pat"

names="two1 two2 snap pool bare1 bare2 cached"
# By label (of letters only): the kernel does not always find disks in the order they were given.
label() {
	echo "$1" | tr 12 ab
}
for n in $names; do
	truncate -s 24M "$tmp/$n.img"
	echo "add-drive $tmp/$n.img format:raw label:$(label "$n")"
done >"$tmp/script"
dev=/dev/disk/guestfs

cat >>"$tmp/script" <<GUEST
run
debug sh "modprobe -a dm-thin-pool dm-raid dm-snapshot dm-mirror dm-cache dm-cache-smq raid1 raid456 || true"
debug sh "lvm vgcreate -q -s 128k two $dev/twoa $dev/twob"
debug sh "lvm lvcreate -q -y -Wn -l 12 -n linear two $dev/twob"
debug sh "lvm lvcreate -q -y -Wn -i 2 -I 64k -l 12 -n wide two"
debug sh "lvm lvcreate -q -y -Wn -i 2 -I 4k -l 12 -n narrow two"
debug sh "lvm lvcreate -q -y -Wn -l 3 -n pieces two $dev/twoa"
debug sh "lvm lvcreate -q -y -Wn -l 2 -n other two $dev/twoa"
debug sh "lvm lvextend -q -l +2 two/pieces $dev/twoa"
debug sh "lvm lvextend -q -l +4 -i 2 -I 8k two/pieces"
debug sh "lvm lvextend -q -l +2 -i 1 two/pieces $dev/twob"
debug sh "lvm lvcreate -q -y -Wn --type raid1 -m 1 -l 8 -n raid two"
debug sh "lvm lvcreate -q -y -Wn --type mirror -m 1 --mirrorlog disk --alloc anywhere -l 8 -n mirror two"
debug sh "lvm lvcreate -q -y -Wn --type mirror -m 1 --mirrorlog core -l 2 -n core two"
debug sh "lvm lvcreate -q -y -Wn --type zero -l 2 -n nothing two || true"
debug sh "lvm lvcreate -q -y -Wn --type raid0 -i 2 -I 8k -l 4 -n zero two"
debug sh "lvm lvcreate -q -y -Wn --type raid0_meta -i 2 -I 64k -l 4 -n zerometa two"
upload $tmp/zero.pat /dev/two/zero
upload $tmp/zerometa.pat /dev/two/zerometa
upload $tmp/linear.pat /dev/two/linear
upload $tmp/wide.pat /dev/two/wide
upload $tmp/narrow.pat /dev/two/narrow
upload $tmp/pieces.pat /dev/two/pieces
upload $tmp/other.pat /dev/two/other
upload $tmp/raid.pat /dev/two/raid
upload $tmp/mirror.pat /dev/two/mirror
upload $tmp/core.pat /dev/two/core
debug sh "lvm vgcreate -q -s 128k snap $dev/snap"
debug sh "lvm lvcreate -q -y -Wn -l 8 -n origin snap"
upload $tmp/origin.pat /dev/snap/origin
debug sh "lvm lvcreate -q -y -l 4 -s -n snap snap/origin"
upload $tmp/snap.pat /dev/snap/snap
debug sh "lvm vgcreate -q -s 128k pool $dev/pool"
debug sh "lvm lvcreate -q -y --type thin-pool -c 64k -l 64 --poolmetadatasize 2m -n pool pool"
debug sh "lvm lvcreate -q -y -V 4m -T -n one pool/pool"
upload $tmp/one.pat /dev/pool/one
debug sh "lvm lvcreate -q -y -V 4m -T -n gone pool/pool"
upload $tmp/gone.pat /dev/pool/gone
debug sh "lvm lvcreate -q -y -V 4m -T -n two pool/pool"
upload $tmp/two.pat /dev/pool/two
debug sh "lvm lvcreate -q -y -s -n one-before pool/one"
upload $tmp/new.pat /dev/pool/one
debug sh "lvm lvremove -q -y pool/gone"
debug sh "lvm pvcreate -q --pvmetadatacopies 0 $dev/bareb"
debug sh "lvm vgcreate -q -s 128k bare $dev/barea $dev/bareb"
debug sh "lvm lvcreate -q -y -Wn -i 2 -I 16k -l 16 -n both bare"
upload $tmp/both.pat /dev/bare/both
debug sh "lvm vgcreate -q -s 128k cached $dev/cached"
debug sh "lvm lvcreate -q -y -Wn -l 8 -n slow cached"
upload $tmp/slow.pat /dev/cached/slow
debug sh "lvm lvcreate -q -y --type cache --cachemode writeback -c 64k -l 8 -n fast cached/slow || true"
debug sh "lvm lvcreate -q -y -Wn --type raid5 --alloc anywhere -i 2 -l 8 -n five cached || true"
debug sh "sync; sleep 20; lvm lvs -a -o +devices,sync_percent,seg_size,stripesize,chunksize"
debug sh "dmsetup table; dmsetup status"
debug sh "lvm vgchange -q -an; sync"
GUEST
guestfish -f "$tmp/script" >"$tmp/log"
cp "$tmp/log" "$out/volumes.txt"

for n in $names; do
	zstd -q -19 -f "$tmp/$n.img" -o "$out/$n.img.zst"
done

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Record small real arrays, made by mdadm and the kernel's md, for tests/unit/test_md_recorded.c.
# Made inside a libguestfs appliance, so it needs neither root nor md on this machine. Only run
# again when the set of cases changes; the results are kept in the tree.
#
#	tests/images/md.sh OUTDIR
#
# Each array is filled with blocks of 4 KiB: block N begins with "md" and N as 6 bytes, little-
# endian; the rest is zero. It is in sync and stopped when it is recorded.
#
# OUTDIR/NAME.zst	its members, one behind the other, compressed
# OUTDIR/arrays.txt	"NAME ARRAY-BYTES MEMBER-BYTES...", one line for each
set -eu

out=${1:?usage: md.sh OUTDIR}
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export LIBGUESTFS_BACKEND="${LIBGUESTFS_BACKEND:-direct}"

# Where the members are made: slots of 4 MiB, 8 for each array.
truncate -s 2G "$tmp/members.img"

# 4 MiB of numbered blocks.
perl -e 'for (0 .. 2047) { print "md", substr(pack("Q<", $_), 0, 6), "\0" x 4088 }' >"$tmp/numbers.img"

cat >"$tmp/script" <<'SCRIPT'
exec 2>&1
# With LIBGUESTFS_DEBUG=1 the console shows how far it is.
say() {
	echo "md.sh: $*" >/dev/console
}
say begin
modprobe loop; modprobe linear; modprobe raid0; modprobe raid1; modprobe raid10; modprobe raid456
slot=0
# array NAME "KIB KIB ..." OPTION...: what follows "--create" but for the members; @ is the first that
# is no active one. "missing" may be one of the sizes.
array() {
	name=$1 sizes=$2
	shift 2
	members= bytes= i=0
	for kib in $sizes; do
		if [ "$kib" = missing ]; then
			members="$members missing"
			continue
		fi
		loop=$(losetup -f)
		losetup -o $(((slot * 8 + i) * 4194304)) --sizelimit $((kib * 1024)) "$loop" /dev/sda
		members="$members $loop" bytes="$bytes $((kib * 1024))"
		i=$((i + 1))
	done
	first=$slot
	say "$name on$members"
	slot=$((slot + 1))
	md=/dev/md$((200 + first)) # 127 and below are taken by udev
	if ! mdadm -q --create $md --run --name=rec:$name "$@" $members </dev/null; then
		echo "FAILED $name"
	else
		mdadm -q --wait $md
		size=$(blockdev --getsize64 $md)
		dd if=/dev/sdb of=$md bs=4096 count=$((size / 4096)) conv=fsync status=none
		case $name in
		*-stale)
			set -- $members
			mdadm -q $md --fail $2
			sleep 1
			mdadm -q $md --remove $2
			dd if=/dev/sdb of=$md bs=4096 count=16 seek=16 conv=fsync status=none
			;;
		*-degraded)
			set -- $members
			mdadm -q $md --fail $2
			sleep 1
			mdadm -q $md --remove $2
			;;
		esac
		mdadm -q --wait $md
		sync
		sleep 1
		mdadm -q --stop $md
		echo "RECORD $first $name $size$bytes"
	fi
	sync
	for loop in $members; do
		[ "$loop" = missing ] || losetup -d "$loop"
	done
}

two="640 640" three="640 640 640" four="640 640 640 640" five="640 640 640 640 640"
plain="--metadata=1.2 --data-offset=64"
new="$plain --bitmap=none"
array r0 "$three" $plain --level=0 --raid-devices=3 --chunk=16
array r0-zones-original "400 900 600 620" $plain --level=0 --raid-devices=4 --chunk=16 --layout=original
array r0-zones-alternate "400 900 600 620" $plain --level=0 --raid-devices=4 --chunk=16 --layout=alternate
array linear "400 900 600" $plain --level=linear --raid-devices=3
array linear-090 "400 900 600" --metadata=0.90 --level=linear --raid-devices=3
array r1 "$two" $new --level=1 --raid-devices=2
array r1-10 "$two" --metadata=1.0 --bitmap=none --level=1 --raid-devices=2
array r1-11-bitmap "4000 4000" --size=512 --metadata=1.1 --bitmap=internal --level=1 --raid-devices=2
array r1-090-bitmap "$two" --metadata=0.90 --bitmap=internal --level=1 --raid-devices=2
array r1-missing "640 missing" $new --level=1 --raid-devices=2
array r1-stale "$two" $new --level=1 --raid-devices=2
array r4 "$four" $new --level=4 --raid-devices=4 --chunk=8 --size=512
for layout in left-asymmetric right-asymmetric left-symmetric right-symmetric parity-first parity-last; do
	array r5-$layout "$four" $new --level=5 --raid-devices=4 --chunk=8 --layout=$layout --size=512
	array r6-$layout "$five" $new --level=6 --raid-devices=5 --chunk=8 --layout=$layout --size=512
done
array r5-090 "$three" --metadata=0.90 --level=5 --raid-devices=3 --chunk=8 --size=512
array r5-spare "$four" $new --level=5 --raid-devices=3 --spare-devices=1 --chunk=64 --size=512
array r5-degraded "$three" $new --level=5 --raid-devices=3 --chunk=8 --size=512
array r5-ppl "4000 4000 4000" --metadata=1.2 --consistency-policy=ppl --level=5 --raid-devices=3 --chunk=8 --size=512
array r6-ddf "$five" $new --level=6 --raid-devices=5 --chunk=8 --layout=ddf-N-continue --size=512
array r6-like5 "$five" $new --level=6 --raid-devices=5 --chunk=8 --layout=left-symmetric-6 --size=512
array r10-n2x4 "$four" $new --level=10 --raid-devices=4 --chunk=8 --layout=n2 --size=512
array r10-n2x3 "$three" $new --level=10 --raid-devices=3 --chunk=8 --layout=n2 --size=512
array r10-n3x4 "$four" $new --level=10 --raid-devices=4 --chunk=8 --layout=n3 --size=512
array r10-f2x3 "$three" $new --level=10 --raid-devices=3 --chunk=8 --layout=f2 --size=512
array r10-f2x4 "$four" $new --level=10 --raid-devices=4 --chunk=8 --layout=f2 --size=504
array r10-f3x4 "$four" $new --level=10 --raid-devices=4 --chunk=8 --layout=f3 --size=512
array r10-o2x3 "$three" $new --level=10 --raid-devices=3 --chunk=8 --layout=o2 --size=504
array r10-o2x4 "$four" $new --level=10 --raid-devices=4 --chunk=8 --layout=o2 --size=512
array r10-o3x5 "$five" $new --level=10 --raid-devices=5 --chunk=8 --layout=o3 --size=512
array r10-090 "$four" --metadata=0.90 --level=10 --raid-devices=4 --chunk=8 --layout=n2 --size=512
array r10-degraded "$four" $new --level=10 --raid-devices=4 --chunk=8 --layout=n2 --size=512
sync
exit
SCRIPT
cp "$tmp/script" "$tmp/script.img"
# A disk has whole sectors; the shell reads no further than "exit".
truncate -s 64K "$tmp/script.img"

guestfish -a "$tmp/members.img" -a "$tmp/numbers.img" -a "$tmp/script.img" >"$tmp/log" <<'GUEST'
run
debug sh "sh /dev/sdc"
debug sh "sync; sleep 1"
GUEST

cat "$tmp/log" >&2
grep -q RECORD "$tmp/log"
: >"$out/arrays.txt"
grep '^RECORD' "$tmp/log" | while read -r _ slot name size sizes; do
	echo "$name $size $sizes" >>"$out/arrays.txt"
	i=0
	for n in $sizes; do
		dd if="$tmp/members.img" bs=1024 skip=$(((slot * 8 + i) * 4096)) count=$((n / 1024)) status=none
		i=$((i + 1))
	done | zstd -q -19 -f -o "$out/$name.zst"
done

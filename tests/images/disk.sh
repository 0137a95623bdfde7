#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A small whole disk for runs by hand and end to end, made without root and without mounting:
#
#	tests/images/disk.sh gpt|dos IMAGE [FOLDER]
#
# 128 MiB: ext4 with FOLDER's files (or a few random ones), swap, ext3 (a logical partition in the
# MBR case), a partition of unknown content, and gaps. What is free holds rubbish, so that a copy
# which carries it along, or leaves out too much, differs from one that does not.
set -eu
PATH=$PATH:/usr/sbin:/sbin

kind=${1:?usage: disk.sh gpt|dos IMAGE [FOLDER]}
image=${2:?usage: disk.sh gpt|dos IMAGE [FOLDER]}
tree=${3:-}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if [ -z "$tree" ]; then
	tree=$tmp/tree
	mkdir -p "$tree/etc" "$tree/data"
	echo sample >"$tree/etc/hostname"
	head -c 5000000 /dev/urandom >"$tree/data/random"
fi

# rubbish FILE MIB: bytes that no filesystem would write
rubbish() {
	head -c "$(($2 << 20))" /dev/zero | tr '\000' '\245' >"$1"
}

# put FILE MIB: into the image at MIB
put() {
	dd if="$1" of="$image" bs=1M seek="$2" conv=notrunc status=none
}

rubbish "$image" 128
case $kind in
gpt)
	third=80
	layout='label: gpt
		1: start=1MiB, size=40MiB, type=L, name="root"
		2: start=48MiB, size=16MiB, type=S
		3: start=80MiB, size=20MiB, type=L
		4: start=110MiB, size=4MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928'
	;;
dos)
	third=81
	layout='label: dos
		1: start=1MiB, size=40MiB, type=83, bootable
		2: start=48MiB, size=16MiB, type=82
		3: start=70MiB, size=35MiB, type=5
		4: start=110MiB, size=4MiB, type=da
		5: start=81MiB, size=20MiB, type=83'
	;;
*)
	echo "disk.sh: gpt or dos, not $kind" >&2
	exit 2
	;;
esac
# The tables want a clean place: the first MiB, the last, and the extended partition's records.
truncate -s 1M "$tmp/zero"
put "$tmp/zero" 0
put "$tmp/zero" 127
if [ "$kind" = dos ]; then
	put "$tmp/zero" 70
	put "$tmp/zero" 80
fi
printf '%s\n' "$layout" | sfdisk -q --no-reread --no-tell-kernel "$image"

rubbish "$tmp/ext4" 40
mke2fs -q -F -t ext4 -J size=1 -L root -d "$tree" "$tmp/ext4"
put "$tmp/ext4" 1
rubbish "$tmp/swap" 16
chmod 600 "$tmp/swap"
mkswap "$tmp/swap" >/dev/null
put "$tmp/swap" 48
rubbish "$tmp/ext3" 20
mke2fs -q -F -t ext3 -J size=1 -d "$tree" "$tmp/ext3"
put "$tmp/ext3" "$third"
head -c 4194304 /dev/urandom >"$tmp/unknown"
put "$tmp/unknown" 110

#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# sources.sh FOLDER DISK SCALE: make one source disk, once, as FOLDER/DISK.raw with what is known of it:
#
#	DISK.raw	the disk, sparse; sizes are divided by SCALE
#	DISK.parts	OFFSET LENGTH FILESYSTEM of each partition
#	DISK.used	OFFSET LENGTH of each range that is in use and holds data, by tests/bench/used-ranges
#	DISK.system	there when a whole Debian is on it, which virt-v2v can convert
#
#	a	8 GiB, a Debian: ESP, swap, ext4 with a server of tests/guests/make-debian-tree and this system's files, 3 GiB
#		in all, and 2 GiB of noise that was deleted; without the server where debootstrap has no mirror, or SCALE > 2
#	b	4 GiB, ext4 full of noise
#	c, c4	1 TiB and 4 GiB, ext4 with the same 2 GiB of this system's files
#	d	8 GiB, ext4 with a million small files
#	e, e1	4 GiB, ext4 with 1 GiB of noise in pieces of 64 KiB with free holes of 64 KiB between them, and in one piece
#
# Run it below `unshare --mount`: what it mounts is then gone when it ends, however it ends. The loop devices are those of
# mount, which go with the mount.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
folder=$1
disk=$2
scale=$3
MiB=1048576
raw=$folder/$disk.new
rm -f "$raw" "$folder/$disk.parts" "$folder/$disk.used" "$folder/$disk.system"
mnt=$(mktemp -d "$folder/mnt.XXXXXX")
trap 'umount "$mnt" 2>/dev/null || :; rmdir "$mnt"; rm -f "$folder/$disk.new" "$folder/part.$$"' EXIT
trap 'exit 130' HUP INT TERM

# scaled MIB: so many MiB, divided by the scale
scaled() { echo $(($1 / scale)); }

# noise MIB: to stdout; from AES, for /dev/urandom is several times slower. head ends it.
noise()
{
	{ openssl enc -aes-128-ctr -nosalt -K "$(printf %032d "$1")" -iv "$(printf %032d 7)" </dev/zero 2>/dev/null || :; } |
		head -c "$1M"
}

# table MIB "TYPE MIB"...: a GPT of partitions on MiB; the last one may say 0 for the rest
table()
{
	local size=$1 at=1 type length
	shift
	truncate -s "${size}M" "$raw"
	{
		echo "label: gpt"
		for part; do
			read -r type length fs <<<"$part"
			[ "$length" -ne 0 ] || length=$((size - at - 1))
			echo "start=${at}MiB, size=${length}MiB, type=$type"
			echo "$((at * MiB)) $((length * MiB)) $fs" >>"$folder/$disk.parts"
			at=$((at + length))
		done
	} | sfdisk -q --no-reread "$raw"
}

# part N: sets offset, length (bytes) and fs of the Nth partition
part() { read -r offset length fs < <(sed -n "$1p" "$folder/$disk.parts"); }

# make_ext4 N OPTION...: a filesystem in the Nth partition, mounted. The journal is the same at any size of disk: it is
# in use, and what it costs is not the disk's.
make_ext4()
{
	part "$1"
	shift
	mke2fs -q -F -t ext4 -J size=$((64 / scale > 4 ? 64 / scale : 4)) "$@" -E "offset=$offset,nodiscard" "$raw" $((length / 1024))k
	mount -o "loop,offset=$offset,sizelimit=$length" "$raw" "$mnt"
}

# put_part N COMMAND...: what COMMAND makes of an empty file becomes the Nth partition
put_part()
{
	part "$1"
	shift
	truncate -s "$length" "$folder/part.$$"
	"$@" "$folder/part.$$" >/dev/null
	dd if="$folder/part.$$" of="$raw" bs=1M seek=$((offset / MiB)) conv=notrunc,sparse status=none
	rm "$folder/part.$$"
}

# make_esp FILE: with what a boot loader's own package would have put there
make_esp()
{
	mkfs.vfat -F 32 -s 1 "$1"
	echo 'configfile (hd0,gpt3)/boot/grub/grub.cfg' >"$folder/grub.cfg"
	mmd -i "$1" ::EFI ::EFI/debian
	mcopy -i "$1" "$folder/grub.cfg" ::EFI/debian/grub.cfg
	rm "$folder/grub.cfg"
}

# this_system MIB FOLDER: about so much of the files of the running system, its settings and state first
this_system()
{
	mkdir -p "$2"
	{ find /etc /var/lib /usr -xdev -type f -size -200M -readable -printf '%s %p\0' || :; } |
		perl -0 -ne '
			BEGIN { $most = shift }
			s/^(\d+) //; $sum += $1 + 4096; last if $sum > $most; print' "$(($1 * MiB))" |
		tar -C / --no-recursion --null -T - -P --ignore-failed-read --warning=none -cf - |
		tar -C "$2" --warning=none -xf -
}

# debian_server: a whole Debian as the third partition of sda; false when there is no mirror to have it from
debian_server()
{
	local kernel
	[ "$scale" -le 2 ] || return 1
	"$here/../guests/make-debian-tree" --firmware uefi "$mnt" >&2 || return 1
	printf '/dev/sda3 / ext4 errors=remount-ro 0 1\n/dev/sda1 /boot/efi vfat umask=0077 0 2\n/dev/sda2 none swap sw 0 0\n' \
		>"$mnt/etc/fstab"
	kernel=$(basename "$mnt"/lib/modules/*)
	# As update-grub would write it; the machine that would run it is not there.
	mkdir -p "$mnt/boot/efi" "$mnt/boot/grub"
	cat >"$mnt/boot/grub/grub.cfg" <<-GRUB
		menuentry 'Debian' {
			linux /boot/vmlinuz-$kernel root=/dev/sda3 ro
			initrd /boot/initrd.img-$kernel
		}
	GRUB
	: >"$folder/$disk.system"
}

case $disk in
a)
	esp=$((64 / scale > 34 ? 64 / scale : 34))
	table "$(scaled 8192)" "U $esp vfat" "S $(scaled 512) swap" "L 0 extfs"
	put_part 1 make_esp
	put_part 2 mkswap -q
	make_ext4 3
	debian_server || echo "sources.sh: source a has no whole Debian on it, only files" >&2
	this_system "$(($(scaled 3072) - $(du -sm "$mnt" | cut -f 1)))" "$mnt/srv/files"
	sync -f "$mnt"
	noise "$(scaled 2048)" >"$mnt/deleted"
	sync -f "$mnt"
	rm "$mnt/deleted"
	;;
b)
	table "$(scaled 4096)" "L 0 extfs"
	make_ext4 1 -m 0 -T largefile4
	noise "$(scaled 4096)" >"$mnt/noise" 2>/dev/null || : # until it is full
	;;
c | c4)
	[ "$disk" = c ] && size=1048576 || size=4096
	table "$(scaled "$size")" "L 0 extfs"
	make_ext4 1
	this_system "$(scaled 2048)" "$mnt"
	;;
d)
	table "$(scaled 8192)" "L 0 extfs"
	make_ext4 1 -N $((1100000 / scale))
	# 200 to 3000 bytes each, lines of text that differ.
	perl -e '
		my ($to, $n) = @ARGV;
		srand(7);
		for my $i (0 .. $n - 1) {
			my $dir = sprintf("%s/%04d", $to, $i / 1000);
			mkdir $dir if $i % 1000 == 0;
			open(my $f, ">", "$dir/$i") or die "$dir/$i: $!\n";
			print $f map { sprintf("%d:%d:%x\n", $i, $_, rand(2 ** 48)) } 1 .. 10 + rand(120);
		}' "$mnt" $((1000000 / scale))
	;;
e | e1)
	table "$(scaled 4096)" "L 0 extfs"
	make_ext4 1
	if [ "$disk" = e1 ]; then
		noise "$(scaled 1024)" >"$mnt/noise"
	else
		noise "$(scaled 2048)" >"$mnt/noise"
		sync -f "$mnt"
		# Not zero, and free: what is punched out here was written before.
		for ((at = 0; at < 2048 * MiB / scale; at += 131072)); do
			fallocate -p -o "$at" -l 65536 "$mnt/noise"
		done
	fi
	;;
*)
	echo "there is no source $disk" >&2
	exit 2
	;;
esac
! mountpoint -q "$mnt" || umount "$mnt"
"$here/used-ranges" "$raw" "$folder/$disk.parts" >"$folder/$disk.used"
mv "$raw" "$folder/$disk.raw"

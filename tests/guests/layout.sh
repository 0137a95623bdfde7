#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# In libguestfs' appliance: make the volumes of $layout and copy /tmp/source into them.  Run by layout-in-appliance.

# shellcheck disable=SC2154  # layout, first, luks_uuid, md0_uuid, md1_uuid, password, hostname come by the environment
set -eu
disk=$(readlink -f /dev/disk/guestfs/one)
one=$disk$first two=$disk$((first + 1))
target=/tmp/target
mkdir -p $target
mount --bind /dev /tmp/source/dev
# mkfs.xfs takes everything for mounted where it cannot look.
mount -t proc proc /tmp/source/proc

# guest COMMAND...: a tool of the tree
guest()
{
	chroot /tmp/source "$@"
}

make_lvm()
{
	lvm pvcreate -q "$1"
	lvm vgcreate -q vg0 "$1"
	lvm lvcreate -q -y -Z n -n swap -L 256M vg0
	lvm lvcreate -q -y -Z n -n root -l 100%FREE vg0
	lvm vgmknodes
	guest mkswap -L swap /dev/mapper/vg0-swap
}

make_boot()
{
	guest mkfs.ext4 -q -F -L boot "$1"
	mkdir -p $target/boot
	mount "$1" $target/boot
}

case $layout in
xfs-lvm)
	make_lvm "$two"
	guest mkfs.xfs -q -f -L root /dev/mapper/vg0-root
	mount /dev/mapper/vg0-root $target
	make_boot "$one";;
luks)
	printf %s "$password" | cryptsetup -q luksFormat --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
		--uuid "$luks_uuid" "$two" -
	printf %s "$password" | cryptsetup open --key-file - "$two" root_crypt
	make_lvm /dev/mapper/root_crypt
	guest mkfs.ext4 -q -F -L root /dev/mapper/vg0-root
	mount /dev/mapper/vg0-root $target
	make_boot "$one";;
btrfs)
	guest mkfs.btrfs -q -f -L root "$one"
	guest mkswap -L swap "$two"
	mount "$one" $target
	btrfs subvolume create $target/@
	btrfs subvolume create $target/@home
	umount $target
	mount -o subvol=@ "$one" $target;;
raid1*)
	mirror=$(readlink -f /dev/disk/guestfs/two)
	mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --assume-clean --homehost="$hostname" \
		--name=0 --uuid="$md0_uuid" "$one" "$mirror$first"
	mdadm --create /dev/md1 --run --level=1 --raid-devices=2 --metadata=1.2 --assume-clean --homehost="$hostname" \
		--name=1 --uuid="$md1_uuid" "$two" "$mirror$((first + 1))"
	if [ "$layout" = raid1-lvm ]; then
		make_lvm /dev/md1
		guest mkfs.ext4 -q -F -L root /dev/mapper/vg0-root
		mount /dev/mapper/vg0-root $target
		make_boot /dev/md0
	else
		guest mkfs.ext4 -q -F -L root /dev/md0
		guest mkswap -L swap /dev/md1
		mount /dev/md0 $target
	fi;;
*) echo "unknown layout: $layout"; exit 1;;
esac
umount /tmp/source/dev /tmp/source/proc
cp -a /tmp/source/. $target/
rm -r $target/.rig
sync
umount -R $target
case $layout in
xfs-lvm) lvm vgchange -q -an vg0;;
luks) lvm vgchange -q -an vg0; cryptsetup close root_crypt;;
raid1-lvm) lvm vgchange -q -an vg0; mdadm --stop /dev/md0 /dev/md1;;
raid1) mdadm --stop /dev/md0 /dev/md1;;
esac
sync

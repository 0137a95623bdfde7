#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# In the guest: LVM on md RAID 1, one LUN by two paths through multipath with a partition in use.
set -eux

mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --assume-clean --name=mirror \
	/dev/disk/by-id/ata-*_S3Z8NB0K000001 /dev/disk/by-id/ata-*_S3Z8NB0K000002
udevadm settle
pvcreate -q /dev/md0
vgcreate -q vg-data /dev/md0
lvcreate -q -y -n srv-files -L 60M vg-data
lvcreate -q -y -n swap -L 20M vg-data
mkfs.ext4 -q -L files /dev/vg-data/srv-files
mkswap -L vgswap /dev/vg-data/swap
swapon /dev/vg-data/swap
mkdir -p /srv/files /srv/san
mount /dev/vg-data/srv-files /srv/files

modprobe virtio_scsi
modprobe dm_multipath
udevadm settle
printf 'defaults {\n\tuser_friendly_names yes\n\tfind_multipaths no\n}\nblacklist {\n\tdevice {\n\t\tvendor "ATA"\n\t}\n\tproperty "ID_USB_.*"\n}\n' \
	>/etc/multipath.conf
systemctl start multipathd || multipathd
multipath -v1
printf 'label: gpt\nstart=1MiB, size=30MiB, type=L, name=lun\n' | sfdisk -q --no-reread --no-tell-kernel /dev/mapper/mpatha
kpartx -a -p -part /dev/mapper/mpatha
udevadm settle
mkfs.ext4 -q -L san /dev/mapper/mpatha-part1
mount /dev/mapper/mpatha-part1 /srv/san
udevadm settle
sleep 1

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# In the guest: an MBR disk with logical partitions and swap, a GPT NVMe disk with LUKS, a VLAN on a bond of two
# NICs, a bridge, a bond of two VLANs, a team, rules of routing.
set -eux

# Names by probing order are a matter of luck.
mbr=$(readlink -f /dev/disk/by-id/ata-*_WD-WCC4N0000001)

sfdisk -q "$mbr" <<-'END'
	label: dos
	label-id: 0x1badcafe
	start=1MiB, size=40MiB, type=83, bootable
	start=41MiB, size=80MiB, type=5
	start=42MiB, size=20MiB, type=82
	start=63MiB, size=20MiB, type=83
	start=121MiB, size=4MiB, type=da
END
udevadm settle
mkfs.ext4 -q -L archive "${mbr}1"
mkswap -L paging "${mbr}5"
mkfs.vfat -n EXCHANGE "${mbr}6"
swapon "${mbr}5"
mkdir -p /srv/archive /srv/secret
mount -o noatime "${mbr}1" /srv/archive

sfdisk -q /dev/nvme0n1 <<-'END'
	label: gpt
	label-id: 8b3d2f6c-40ab-4b7e-9f55-0d2a4c8e7001
	start=1MiB, size=32MiB, type=CA7D7CCB-63ED-4C53-861C-1742536059CC, name="safe", uuid=1f0e6d1a-7c4b-4a8e-bb57-3a52c9d10001
	start=33MiB, size=20MiB, type=L, name="plain data", uuid=1f0e6d1a-7c4b-4a8e-bb57-3a52c9d10002
END
udevadm settle
printf secret >/run/key
cryptsetup -q luksFormat --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/nvme0n1p1 /run/key
cryptsetup open --key-file /run/key /dev/nvme0n1p1 safe
mkfs.ext4 -q -L inside /dev/mapper/safe
mount /dev/mapper/safe /srv/secret
mkfs.ext2 -q -L plain /dev/nvme0n1p2

modprobe bonding
modprobe 8021q
ip link add bond0 type bond mode active-backup miimon 100
for nic in /sys/class/net/enp0s9 /sys/class/net/enp0s10; do
	ip link set "${nic##*/}" down
	ip link set "${nic##*/}" master bond0
done
ip link set bond0 up
ip link add link bond0 name bond0.100 type vlan id 100
ip addr add 192.168.100.7/24 dev bond0.100
ip link set bond0.100 up mtu 1400
# The other way round: a bond whose members are VLANs, of the bridge below.
ip link add br-test type bridge stp_state 1
# A VLAN comes up only on what is up, and a bond takes up its members.
ip link set br-test up
for id in 30 31; do
	ip link add link br-test name "vlan$id" type vlan id $id
done
ip link add bond1 type bond mode balance-rr miimon 100
ip link set vlan30 master bond1
ip link set vlan31 master bond1
ip link set bond1 up
ip addr add 192.168.130.7/24 dev bond1
# A team of two, whose mode only its driver tells.
modprobe team
modprobe team_mode_activebackup || :
for nic in port0 port1; do
	ip link add "$nic" type veth peer name "$nic-far"
	ip link set "$nic-far" up
done
teamd -d -t team0 -c '{"device": "team0", "runner": {"name": "activebackup"}, "link_watch": {"name": "ethtool"},
	"ports": {"port0": {}, "port1": {}}}'
ip addr add 192.168.131.7/24 dev team0
ip rule add from 192.168.130.0/24 table 130 priority 1000
ip rule add not to 10.9.9.9 fwmark 0x10/0xff iif bond1 table 131 priority 1001
ip rule add dport 80-90 uidrange 0-99 table 130 priority 1002
ip rule add from 192.0.2.0/24 blackhole priority 1003
ip -6 rule add from 2001:db8::/32 sport 53 table 130 priority 1004
ip addr add 172.16.9.1/30 dev br-test
ip route add 10.99.0.0/16 via 192.168.100.1 metric 77
udevadm settle
sleep 2

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# The inventory of a machine says what the tools of the trade say of it: lscpu, lsblk, dmidecode, efibootmgr, parted,
# blkid, findmnt, mdadm, lvm, cryptsetup, smartctl, ip, teamnl, ethtool, lspci, lsusb.  Two machines of many parts.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/agree.sh"

e2e_want_guests
e2e_begin 36 1800
themes="cpu memory identity firmware disks partitions filesystems mounts layers net routes macs pci smart"
for kind in bios uefi; do
	must "$kind: the machine boots and is asked" \
		"$e2e_rig/agree-in-guest" --agent "$e2e_build/p2v-agent" $kind "$e2e_dir/$kind"
	for theme in $themes; do
		check "$kind: $theme" agree "$theme" "$e2e_dir/$kind"
	done
done
check "bios: LUKS" agree luks "$e2e_dir/bios"
check "bios: rules of routing" agree rules "$e2e_dir/bios"
check "bios: team" agree team "$e2e_dir/bios"
check "bios: USB devices" agree usb "$e2e_dir/bios"
check "uefi: md" agree md "$e2e_dir/uefi"
check "uefi: LVM" agree lvm "$e2e_dir/uefi"

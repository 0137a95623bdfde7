#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# In the guest: ask.sh OUTDIR AGENT...: what the agent says, and what the other tools say, at the same time.
out=$1
shift
export LC_ALL=C
mkdir -p "$out"
cd "$out" || exit 1
sync
# What was written through a map is not in the cache of the disks below it.
# shellcheck disable=SC2046  # a list of paths
blockdev --flushbufs $(lsblk -d -n -o PATH)
"$@" inventory --json >machine.json 2>agent.err || exit 1
"$@" inventory >summary.txt 2>>agent.err || exit 1
lscpu -J >lscpu.json
lsblk -J -O -b >lsblk.json
ip -j -d addr show >addr.json
ip -j route show >route.json
ip -j -6 route show >route6.json
ip -j -4 rule show >rule.json
ip -j -6 rule show >rule6.json
lsusb >lsusb.txt 2>/dev/null || :
for n in /sys/class/net/team*; do
	[ ! -e "$n" ] || echo "${n##*/} $(teamnl "${n##*/}" getoption mode)" >>team.txt
done
dmidecode >dmidecode.txt
dmidecode -t 17 >dmi17.txt
efibootmgr -v >efibootmgr.txt 2>&1 || :
findmnt -J -l -o TARGET,SOURCE,FSTYPE,OPTIONS --real >findmnt.json
for d in $(lsblk -d -n -o PATH | grep -v -e /dev/loop -e /dev/zram); do
	parted -m -s "$d" unit B print >"parted.${d##*/}" 2>&1 || :
done
for d in $(lsblk -n -l -o PATH | sort -u); do
	blkid -p -o export "$d" >"blkid.$(echo "$d" | tr / _)" 2>/dev/null || :
done
for d in /dev/md[0-9]*; do
	[ ! -b "$d" ] || mdadm --detail --export "$d" >"mdadm.${d##*/}"
done
pvs --reportformat json --units b --nosuffix -o pv_name,vg_name,vg_uuid,pv_count >pvs.json 2>/dev/null || :
lvs --reportformat json --units b --nosuffix -o lv_name,vg_name,lv_size,lv_dm_path >lvs.json 2>/dev/null || :
multipath -ll >multipath.txt 2>&1 || :
[ ! -b /dev/nvme0n1p1 ] || cryptsetup luksDump --dump-json-metadata /dev/nvme0n1p1 >luks.json 2>/dev/null || :
lspci -D -n -mm -v -k >lspci.txt
for n in /sys/class/net/*; do
	ethtool -P "${n##*/}" >"ethtool.${n##*/}" 2>/dev/null || :
done
for d in $(lsblk -d -n -o NAME,TYPE | awk '$2 == "disk" { print $1 }'); do
	smartctl --json=c -H -A "/dev/$d" >"smart.$d" 2>/dev/null || :
done
nproc >nproc.txt

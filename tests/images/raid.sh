#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Record the metadata of real RAID members, as mdadm writes it, for tests/unit/test_content_raid.c
# and the fuzz corpus. Made inside a libguestfs appliance, so it needs neither root nor md on this
# machine. Only run again when the set of cases changes; the results are kept in the tree.
#
#	tests/images/raid.sh OUTDIR
#
# OUTDIR/NAME.pv has the format of tests/images/lvm.sh: "size BYTES", then "OFFSET HEX" for every
# sector that is neither all zeroes nor all ones. OUTDIR/examine.txt is what mdadm --examine says of them.
set -eu

out=${1:?usage: raid.sh OUTDIR}
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
LIBGUESTFS_BACKEND=${LIBGUESTFS_BACKEND:-direct}
export LIBGUESTFS_BACKEND

names="ddf0 ddf1 imsm0 imsm1 md12 md090 md10-0 md10-1 md10-2 md10-spare md11"
set --
for n in $names; do
	truncate -s 48M "$tmp/$n.img"
	set -- "$@" -a "$tmp/$n.img"
done

guestfish "$@" >"$out/examine.txt" <<'GUEST'
run
debug sh "mdadm -q --create /dev/md/c0 --run --metadata=ddf --raid-devices=2 /dev/sda /dev/sdb"
debug sh "mdadm -q --create /dev/md/vol0 --run --level=1 --raid-devices=2 /dev/md/c0"
debug sh "IMSM_NO_PLATFORM=1 IMSM_DEVNAME_AS_SERIAL=1 mdadm -q --create /dev/md/i0 --run --metadata=imsm --raid-devices=2 /dev/sdc /dev/sdd"
debug sh "IMSM_NO_PLATFORM=1 IMSM_DEVNAME_AS_SERIAL=1 mdadm -q --create /dev/md/fast --run --level=0 --raid-devices=2 /dev/md/i0"
debug sh "mdadm -q --create /dev/md/new --run --metadata=1.2 --name=db1:data --level=1 --raid-devices=2 /dev/sde missing"
debug sh "mdadm -q --create /dev/md7 --run --metadata=0.90 --level=1 --raid-devices=2 missing /dev/sdf"
debug sh "mdadm -q --create /dev/md/five --run --metadata=1.0 --level=5 --raid-devices=3 --spare-devices=1 /dev/sdg /dev/sdh /dev/sdi /dev/sdj"
debug sh "mdadm -q --create /dev/md/stripe --run --metadata=1.1 --level=0 --force --raid-devices=1 /dev/sdk"
debug sh "sleep 5; mdadm -q --wait /dev/md/five; cat /proc/mdstat; mdadm --examine /dev/sda /dev/sdb; for d in e f g h i j k; do mdadm --examine /dev/sd$d; done"
debug sh "IMSM_NO_PLATFORM=1 IMSM_DEVNAME_AS_SERIAL=1 mdadm --examine /dev/sdc 2>&1 || true"
debug sh "sync; sleep 3"
debug sh "mdadm -q --stop --scan; sync"
GUEST

for n in $names; do
	{
		echo "size $(stat -c %s "$tmp/$n.img")"
		od -An -v -tx1 -w512 "$tmp/$n.img" |
			awk '{ o = (NR - 1) * 512; gsub(/ /, "");
				if ($0 ~ /[^0]/ && $0 ~ /[^f]/) print o, $0 }'
	} >"$out/$n.pv"
done

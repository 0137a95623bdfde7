#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# Used-block maps of filesystems in use: ext4, XFS and btrfs on loop devices, with writers that never rest.  A copy of what the
# map has used and of what the tracker marked, all else rubbish, has the same files as the disk, and passes the filesystem's
# own checker: with all metadata read under the freeze, with none of it, and with memory for a part.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root"; exit 0; }
e2e_want losetup mkfs.ext4 mkfs.xfs mkfs.btrfs xfs_repair btrfs
[ -e /dev/loop-control ] || { echo "1..0 # SKIP there are no loop devices"; exit 0; }
e2e_begin 98 900
tool=$e2e_build/tests/tools/livemap-tool
mnt=$e2e_dir/mnt
mkdir "$mnt" "$e2e_dir/a"
e2e_at_exit "umount $e2e_dir/run/bpf 2>/dev/null || :"

# new_disk FLAVOUR MIB MKFS...: a loop device with a filesystem, mounted at $mnt, that has a past and two writers
new_disk()
{
	flavour=$1
	rm -f "$e2e_dir/image"
	truncate -s "$2M" "$e2e_dir/image"
	disk=$(losetup --find --show "$e2e_dir/image")
	e2e_at_exit "losetup --detach $disk 2>/dev/null || :"
	mib=$2
	shift 2
	"$@" "$disk" >/dev/null
	mount "$disk" "$mnt"
	e2e_at_exit "umount $mnt 2>/dev/null || :"
	mkdir "$mnt/old" "$mnt/1" "$mnt/2"
	# What was there before, and is not written any more: nothing else tests the map.
	cp -r "$e2e_top/docs" "$e2e_top/disk" "$mnt/old"
	n=0
	while [ $n -lt 24 ]; do
		head -c $((mib * 9000 + n * 1234)) /dev/urandom >"$mnt/old/$n"
		head -c $((mib * 3000)) /dev/urandom >"$mnt/old/gone$n"
		n=$((n + 1))
	done
	rm "$mnt"/old/gone*[02468]
	sync -f "$mnt"
	"$tool" churn "$mnt/1" 1 $((mib / 6)) 2>/dev/null &
	first=$!
	"$tool" churn "$mnt/2" 2 $((mib / 12)) 2>/dev/null &
	second=$!
	e2e_at_exit "kill $first $second 2>/dev/null; wait $first $second 2>/dev/null || :"
	sleep 1
}

end_disk()
{
	e2e_stop "$first" "$second"
	umount "$mnt"
	losetup --detach "$disk"
}

# round MS KIB TRIES: what is said is in $e2e_dir/said
round()
{
	rm -f "$e2e_dir/copy" "$e2e_dir/full"
	"$tool" round "${disk#/dev/}" "$mnt" "$e2e_dir/run" "$e2e_dir/copy" "$e2e_dir/full" "$1" "$2" "$3" "$disk" \
		>"$e2e_dir/said" 2>&1 || { cat "$e2e_dir/said"; return 1; }
	sed 's/^/# /' "$e2e_dir/said"
}

said()
{
	grep -q -- "$1" "$e2e_dir/said" || { cat "$e2e_dir/said"; return 1; }
}

# list FILE OPTIONS: what is in it, after its journal was replayed.  With a device of its own: mount might take one that is left
# from a file of that name, with what it remembers.
list()
{
	loop=$(losetup --find --show "$1")
	if mount -o "$2" "$loop" "$e2e_dir/a"; then
		(cd "$e2e_dir/a" && find . -printf '%p %y %s %m %n %l\n' | sort &&
			find . -type f -print0 | sort -z | xargs -0 sha256sum)
		umount "$e2e_dir/a"
	fi
	losetup --detach "$loop"
}

same_files()
{
	list "$e2e_dir/full" "$1" >"$e2e_dir/list.full"
	list "$e2e_dir/copy" "$1" >"$e2e_dir/list.copy"
	diff "$e2e_dir/list.full" "$e2e_dir/list.copy" >"$e2e_dir/list.diff" || { head -n 20 "$e2e_dir/list.diff"; return 1; }
	[ "$(wc -l <"$e2e_dir/list.full")" -gt 100 ]
}

clean()
{
	case $flavour in
	ext*) e2fsck -fn "$e2e_dir/copy" ;;
	xfs*) xfs_repair -n -f "$e2e_dir/copy" ;;
	btrfs*) btrfs check --check-data-csum "$e2e_dir/copy" ;;
	esac
}

# proven WHAT: what every round must end with
proven()
{
	options=rw
	case $flavour in xfs*) options=rw,nouuid ;; esac
	check "$flavour, $1: the same files" same_files "$options"
	check "$flavour, $1: the copy is clean" clean
}

# rounds: with what time and memory
rounds()
{
	must "$flavour: all under the freeze" round 5000 65536 1
	check "$flavour, all under the freeze: it was" said '^try all=1 disturbed=0 '
	check "$flavour, all under the freeze: much is left out" grep -q '^copied left-out=[0-9]\{7,\} ' "$e2e_dir/said"
	proven "all under the freeze"
	: >"$mnt/trims"
	must "$flavour: nothing in time" round 0 65536 3
	check "$flavour, nothing in time: it was late" said '^try all=0 '
	proven "nothing in time"
	must "$flavour: memory for a part" round 5000 96 4
	check "$flavour, memory for a part: there was not more" said '^try all=0 '
	case $flavour in
	ext4|"ext4 1k") check "$flavour, memory for a part: it is never disturbed" said '^try all=0 disturbed=0 ' ;;
	esac
	proven "memory for a part"
	must "$flavour: once more" round 3 65536 3
	proven "once more"
}

new_disk "ext4" 256 mkfs.ext4 -q -J size=4
rounds
end_disk
new_disk "ext4 1k" 128 mkfs.ext4 -q -b 1024 -J size=4
rounds
end_disk
new_disk "ext4 without checksums" 256 mkfs.ext4 -q -O ^metadata_csum -J size=4
rounds
end_disk
new_disk "xfs" 320 mkfs.xfs -q
rounds
end_disk
new_disk "xfs small groups" 160 mkfs.xfs --unsupported -q -b size=1024 -m rmapbt=1 -d agcount=8
rounds
end_disk
new_disk "btrfs" 512 mkfs.btrfs -q
rounds
end_disk

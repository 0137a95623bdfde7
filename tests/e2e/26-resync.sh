#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154
#
# A job is brought up to date with a disk that has changed: only what differs travels, and until it has come to its end
# nobody takes the images for a copy of one moment.

. "$(dirname "$0")/../lib/e2e.sh"
e2e_want qemu-img qemu-io jq mke2fs debugfs
e2e_begin 34 300

src=$e2e_dir/disk.img
sysroot=$e2e_top/tests/sysroots/recorded-virtio
connect="$e2e_build/p2v-server --store $e2e_dir/store receive"

# Becomes the agent.
agent() # NAME OPTION...
{
	copy_name=$1
	shift
	exec "$e2e_build/p2v-agent" cold --connect-command "$connect" --sysroot "$sysroot" --name "$copy_name" --no-input \
		--disk "$src,name=vda" "$@" >"$e2e_dir/$copy_name.out" 2>"$e2e_dir/$copy_name.log"
}

copy() # NAME OPTION...
{
	(agent "$@")
}

cold() # OPTION...
{
	copy moved "$@"
}

# What was freed on the disk is zero in the image: it is held against a fresh copy.
same()
{
	rm -rf "$e2e_dir/store/fresh"
	copy fresh && qemu-img compare -q "$e2e_dir/store/fresh/vda.qcow2" "$e2e_dir/store/moved/vda.qcow2"
}

# sent: MiB of disk that the last run sent, from its own words
sent()
{
	sed -n 's/.*verified; \([0-9.]*\) \([A-Za-z]*\) were sent.*/\1 \2/p' "$e2e_dir/moved.log" |
		awk '{ print int($2 == "MiB" ? $1 : $2 == "KiB" ? $1 / 1024 : $1 / 1048576) }'
}

state()
{
	jq -r .state "$e2e_dir/store/moved/job.json"
}

refused() # WORDS OPTION...
{
	words=$1
	shift
	rc=0
	cold "$@" || rc=$?
	[ "$rc" -eq 1 ] && grep -q "$words" "$e2e_dir/moved.log"
}

# ---- nothing has changed, something has changed

mkdir "$e2e_dir/tree"
must "noise" dd if=/dev/urandom of="$e2e_dir/tree/noise" bs=1M count=40 status=none
must "more of it" dd if=/dev/urandom of="$e2e_dir/tree/goes" bs=1M count=8 status=none
truncate -s 96M "$src"
must "a disk" mke2fs -q -F -t ext4 -d "$e2e_dir/tree" "$src"
check "the first copy" cold --resync
check "is the disk" same
check "comparing it again" cold --resync
is "sends nothing" "$(sent)" 0
is "and the job is verified" "$(state)" verified

must "a file goes, another comes, a third is written to" debugfs -w -f - "$src" <<END
rm goes
write $e2e_top/README.md comes
END
dd if=/dev/urandom of="$src" bs=1M count=1 seek=30 conv=notrunc status=none
check "without --resync a complete job stays as it was" cold
check "and says so" grep -q "nothing to do" "$e2e_dir/moved.log"
check "bringing it up to date" cold --resync
check "sends a part" test "$(sent)" -gt 0
check "and no more than what has changed" test "$(sent)" -le 20
check "the image is the disk as it is now" same
check "and a valid one" qemu-img check -q "$e2e_dir/store/moved/vda.qcow2"
check "it reads back as it was sent" server verify moved

# ---- an end before the end

dd if=/dev/urandom of="$src" bs=1M count=24 seek=20 conv=notrunc status=none
agent moved --resync --bandwidth 2M --flush-size 1M &
pid=$!
# A chunk that is durable already is in the journal behind those of the copies before.
began=$(stat -c %s "$e2e_dir/store/moved/journal")
# shellcheck disable=SC2317
grown() { [ "$(stat -c %s "$e2e_dir/store/moved/journal")" -gt $((began + 64 * 8)) ]; }
wait_for 60 grown
kill -9 "$pid"
wait "$pid" 2>/dev/null
is "a re-sync that was broken off leaves a job that is receiving" "$(state)" receiving
check "which is not gone on with without --resync" refused "being brought up to date"
finish_says()
{
	rc=0
	server finish moved --no-fix >"$e2e_dir/out" 2>"$e2e_dir/err" || rc=$?
	grep -q "cold --resync" "$e2e_dir/err"
}
# The server's end may still be making durable what came last.
wait_for 60 finish_says
check "finish says what to do" finish_says
is "and does nothing" "$rc" 1
check "--resync goes on" cold --resync
check "the image is the disk" same

# ---- what finish made of it

check "the job is finished" server finish moved --no-fix
dd if=/dev/urandom of="$src" bs=1M count=1 seek=50 conv=notrunc status=none
check "a finished job is brought up to date" cold --resync
check "the image is the disk" same
check "and the overlay over what it was is gone" test ! -e "$e2e_dir/store/moved/vda-vm.qcow2"

check "it is finished again" server finish moved --no-fix
mkfifo "$e2e_dir/commands"
qemu-io -f qcow2 "$e2e_dir/store/moved/vda-vm.qcow2" <"$e2e_dir/commands" >"$e2e_dir/qemu-io" 2>&1 &
pid=$!
exec 9>"$e2e_dir/commands"
echo "read 0 512" >&9
wait_for 30 grep -q "read 512" "$e2e_dir/qemu-io"
dd if=/dev/urandom of="$src" bs=1M count=1 seek=51 conv=notrunc status=none
check "under a virtual machine that has the overlay open nothing is changed" refused "virtual machine" --resync
echo "write 0 65536" >&9
exec 9>&-
wait "$pid"
check "nor when one has written to it" refused "virtual machine" --resync
is "the job is as it was" "$(state)" finished
check "when that is thrown away" server finish moved --restore --force
check "the disk's last state comes over" cold --resync
check "and the image is the disk" same

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154
#
# p2v-agent cold against p2v-server receive over a pipe, on small real disks: what is copied, what
# is skipped, what a user sees, and what an interruption leaves behind.  No root, no network.

. "$(dirname "$0")/../lib/e2e.sh"
e2e_want openssl qemu-img sfdisk mke2fs e2fsck debugfs mkswap jq perl
e2e_begin 70 240

sysroot=$e2e_top/tests/sysroots/recorded-virtio
connect="$e2e_build/p2v-server --store $e2e_dir/store receive"
src=$e2e_dir/disk.img

# ---- the source: ext4, a gap, swap, an LVM volume, and an end that no unit divides

noise() # FILE OFFSET-MIB MIB
{
	dd if=/dev/urandom of="$1" bs=1M seek="$2" count="$3" conv=notrunc status=none
}

make_source()
{
	mkdir "$e2e_dir/tree"
	noise "$e2e_dir/tree/noise" 0 10
	for i in 1 2 3 4 5 6 7 8 9; do seq 1 20000 >"$e2e_dir/tree/text$i"; done
	truncate -s $((150 * 1048576 + 7 * 512)) "$src"
	# What was there before is everywhere: free space is full of it.
	noise "$src" 1 139
	printf '%s\n' 'label: dos' 'start=2048, size=81920, type=83' 'start=98304, size=32768, type=82' \
		'start=131072, size=131072, type=8e' | sfdisk -q "$src"
	mke2fs -q -t ext4 -F -E offset=1048576,nodiscard -d "$e2e_dir/tree" "$src" 40m
	truncate -s 16M "$e2e_dir/swap"
	mkswap -q "$e2e_dir/swap"
	dd if="$e2e_dir/swap" of="$src" bs=4096 count=1 seek=$((98304 / 8)) conv=notrunc status=none
	# tests/images/lvm.sh has recorded the metadata: three volumes with holes between them.
	perl -e 'open(my $d, "+<", $ARGV[0]) or die; open(my $r, "<", $ARGV[1]) or die;
		seek($d, 131072 * 512, 0); print $d "\0" x 1048576;
		while (<$r>) { next unless /^(\d+) ([0-9a-f]+)$/; seek($d, 131072 * 512 + $1, 0) or die; print $d pack("H*", $2) or die }
		close($d) or die' "$src" "$e2e_top/tests/images/lvm/holes.pv"
}

must "a source disk" make_source
size=$(stat -c %s "$src")
cp --sparse=always "$src" "$e2e_dir/disk.orig"

# cold NAME OPTION...: the agent with the usual options; what it says goes to $e2e_dir/log
cold()
{
	cold_name=$1
	shift
	agent cold --connect-command "$connect" --sysroot "$sysroot" --name "$cold_name" --no-input "$@" \
		>"$e2e_dir/out" 2>"$e2e_dir/log"
}

raw() # JOB DISK
{
	qemu-img convert -O raw "$e2e_dir/store/$1/$2.qcow2" "$e2e_dir/$1-$2.raw"
}

digest() # JOB
{
	show "$1" '.images[0].digest'
}

# As docs/job-format.md says how to compute it.
digest_of() # FILE
{
	perl -MDigest::SHA=sha256 -e 'binmode STDIN; $/ = \1048576;
		$d .= sha256(join "", map sha256($_), unpack "(a4096)*") while <STDIN>;
		print unpack("H*", sha256($d)), "\n"' < "$1"
}

# ---- everything

check "copies every block" cold all --disk "$src,name=vda" --all
check "the image is sound" qemu-img check "$e2e_dir/store/all/vda.qcow2"
check "it is the source" qemu-img compare -f raw -F qcow2 "$src" "$e2e_dir/store/all/vda.qcow2"
is "its digest is the source's" "$(digest all)" "$(digest_of "$src")"
is "show has what programs rely on" \
	"$(show all '[has("name","state","consistency","images","domain_xml","report","report_html","warnings") | not] | any')" false
is "the state" "$(show all '[.name, .state, .consistency, (.images | length), (.warnings | length)] | map(tostring) | join(" ")')" \
	"all verified consistent 1 0"
is "the image's size and path" "$(show all '.images[0] | [.virtual_size, .path] | map(tostring) | join(" ")')" \
	"$size $e2e_dir/store/all/vda.qcow2"
check "nothing is said on stdout" test ! -s "$e2e_dir/out"
check "a finished job says so" cold all --disk "$src,name=vda" --all
check "in words" grep -q "complete already" "$e2e_dir/log"

# ---- what is used

strace=
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	strace="strace -f -e trace=open,openat,openat2 -o $e2e_dir/strace"
fi
# shellcheck disable=SC2086 # a list of words, or nothing
check "copies what is used" $strace "$e2e_build/p2v-agent" cold --connect-command "$connect" --sysroot "$sysroot" --name used \
	--no-input --disk "$src,name=vda" --events-fd 9 9>"$e2e_dir/events"
if [ -n "$strace" ]; then
	check "the source was opened" grep -q 'disk\.img' "$e2e_dir/strace"
	check "and only for reading" sh -c "! grep 'disk\.img' '$e2e_dir/strace' | grep -E 'O_RDWR|O_WRONLY|O_TRUNC|O_CREAT'"
else
	skip 2 "no strace here"
fi
check "the source is as it was" cmp "$src" "$e2e_dir/disk.orig"
check "the image is sound" qemu-img check "$e2e_dir/store/used/vda.qcow2"
must "the image can be read" raw used vda
used=$e2e_dir/used-vda.raw
is "as many bytes" "$(stat -c %s "$used")" "$size"

part() # FILE START-SECTOR SECTORS NEW
{
	dd if="$1" of="$4" bs=512 skip="$2" count="$3" status=none
}

fs_is_whole()
{
	part "$used" 2048 81920 "$e2e_dir/fs"
	e2fsck -fn "$e2e_dir/fs" || return 1
	mkdir -p "$e2e_dir/files"
	debugfs -R "rdump / $e2e_dir/files" "$e2e_dir/fs"
	diff -r --exclude=lost+found "$e2e_dir/tree" "$e2e_dir/files"
}

same_at() # START-SECTOR SECTORS
{
	part "$src" "$1" "$2" "$e2e_dir/a"
	part "$used" "$1" "$2" "$e2e_dir/b"
	cmp "$e2e_dir/a" "$e2e_dir/b"
}

lvm_is_whole()
{
	same_at 131072 2048 || return 1
	# truth START COUNT: extents of 4 MiB from 1 MiB on
	awk '$1 == "truth" { print 131072 + 2048 + $2 * 8192, $3 * 8192 }' "$e2e_top/tests/images/lvm/holes.pv" |
		while read -r at n; do
			same_at "$at" "$n" || exit 1
		done
}

check "the filesystem is whole" fs_is_whole
check "the partition table and all in front of it" same_at 0 2048
check "the swap header" same_at 98304 8
check "LVM's metadata and volumes" lvm_is_whole
check "the last bytes" same_at $((size / 512 - 7)) 7
check "much was skipped" test "$(du -k "$e2e_dir/store/used/vda.qcow2" | cut -f1)" -lt $((size * 2 / 3 / 1024))
check "the gap's old content is not there" sh -c \
	"dd if='$used' bs=1M skip=42 count=5 status=none | tr -d '\\0' | wc -c | grep -qx 0"

# ---- events

check "every event is an object with a name and a time" jq -e -s 'length > 2 and all(.[]; (.event | type) == "string" and (.time | type) == "number")' \
	"$e2e_dir/events"
check "done never falls within a phase, and ends at total" jq -e -s '
	[.[] | select(.event == "progress")] | group_by(.phase) |
	all(.[]; ([.[].done] | . == sort) and .[-1].done == .[-1].total)' "$e2e_dir/events"
check "what was skipped is counted" jq -e -s '[.[] | select(.event == "progress" and .phase == "copy")][-1].skipped.free > 1048576' \
	"$e2e_dir/events"
check "the last one is complete" jq -e -s '.[-1].event == "complete"' "$e2e_dir/events"

# ---- the same image whatever the way

for how in "level0 --level 0" "level9 --level 9" "threads0 --threads 0" "threads2 --threads 2" \
	"packed0 --compressed --threads 0" "packed2 --compressed --threads 2" "packed9 --compressed --level 9"; do
	# shellcheck disable=SC2086 # words
	set -- $how
	job=$1
	check "$how" cold "$@" --disk "$src,name=vda"
	is "$job: the same content" "$(digest "$job")" "$(digest used)"
done
check "serial and parallel write the same file" cmp "$e2e_dir/store/threads0/vda.qcow2" "$e2e_dir/store/threads2/vda.qcow2"
check "compressed, too" cmp "$e2e_dir/store/packed0/vda.qcow2" "$e2e_dir/store/packed2/vda.qcow2"
check "the compressed image is sound" qemu-img check "$e2e_dir/store/packed9/vda.qcow2"
check "and smaller" test "$(stat -c %s "$e2e_dir/store/packed9/vda.qcow2")" -lt "$(stat -c %s "$e2e_dir/store/used/vda.qcow2")"
rm -rf "$e2e_dir"/store/level* "$e2e_dir"/store/threads* "$e2e_dir"/store/packed*

# ---- several disks, odd names and odd sizes

truncate -s 512 "$e2e_dir/one sector.img"
truncate -s $((65536 * 3 + 512)) "$e2e_dir/-dash.img"
printf 'the only sector' | dd of="$e2e_dir/one sector.img" conv=notrunc status=none
dd if=/dev/urandom of="$e2e_dir/-dash.img" bs=512 count=385 conv=notrunc status=none

check "three disks of odd names" cold Odd.Name_1-x --disk "$e2e_dir/one sector.img" --disk "$e2e_dir/-dash.img,name=d.2" \
	--disk "$src,name=vda"
for pair in "one-sector:one sector.img" "d.2:-dash.img"; do
	check "${pair%%:*} is what it was" qemu-img compare -f raw -F qcow2 "$e2e_dir/${pair#*:}" "$e2e_dir/store/Odd.Name_1-x/${pair%%:*}.qcow2"
done
is "both are listed" "$(show Odd.Name_1-x '[.images[].disk] | join(" ")')" "one-sector d.2 vda"

# ---- interruptions

# The server behind a slow line; its process id is in server.pid.
cat >"$e2e_dir/slow" <<SLOW
#!/bin/sh
perl -e 'while (sysread(STDIN, \$b, 65536)) { syswrite(STDOUT, \$b) == length(\$b) or exit; select(undef, undef, undef, 0.01) }' |
	sh -c 'echo \$\$ >$e2e_dir/server.pid; exec $connect'
SLOW
chmod +x "$e2e_dir/slow"

# slow_cold NAME: in the background, its process id in $pid, until something is durable
slow_cold()
{
	rm -f "$e2e_dir/server.pid"
	"$e2e_build/p2v-agent" cold --connect-command "$e2e_dir/slow" --sysroot "$sysroot" --name "$1" --no-input \
		--disk "$src,name=vda" --flush-size 1M --events-fd 9 9>"$e2e_dir/events" >"$e2e_dir/out" 2>"$e2e_dir/log" &
	pid=$!
	e2e_at_exit "kill $pid 2>/dev/null"
	wait_for 30 sh -c "test \$(stat -c %s '$e2e_dir/store/$1/journal') -gt 640"
}

ends_with() # STATUS
{
	ends=0
	wait "$pid" || ends=$?
	[ "$ends" -eq "$1" ] || { echo "ended with $ends, not $1"; cat "$e2e_dir/log"; return 1; }
}

# Let the server see that its agent is gone, and leave.
server_gone()
{
	server_pid=$(cat "$e2e_dir/server.pid")
	wait_for 30 sh -c "! kill -0 $server_pid"
}

resumes() # NAME
{
	"$e2e_build/p2v-agent" cold --connect-command "$connect" --sysroot "$sysroot" --name "$1" --no-input \
		--disk "$src,name=vda" --events-fd 9 9>"$e2e_dir/events" || return 1
	jq -e -s '[.[] | select(.phase == "copy")][-1].skipped.unchanged > 1048576' "$e2e_dir/events"
}

must "a slow copy" slow_cold int
is "is being received" "$(show int .state)" receiving
kill -INT "$pid"
check "SIGINT: exit status 4" ends_with 4
check "one line says how to go on" grep -q "run the same command" "$e2e_dir/log"
check "no image has its final name" test ! -e "$e2e_dir/store/int/vda.qcow2"
must "its server leaves" server_gone
check "the same command goes on" resumes int
is "to the same end" "$(digest int)" "$(digest used)"

must "a slow copy" slow_cold agent
kill -KILL "$pid"
check "the agent killed" ends_with 137
must "its server leaves" server_gone
check "the same command goes on" resumes agent
is "to the same end" "$(digest agent)" "$(digest used)"

must "a slow copy" slow_cold server
kill -KILL "$(cat "$e2e_dir/server.pid")"
check "the server killed: the agent goes on by itself" ends_with 0
check "and says so" jq -e -s 'any(.[]; .event == "reconnect")' "$e2e_dir/events"
check "without sending all of it again" jq -e -s '[.[] | select(.phase == "copy")][-1].skipped.unchanged > 1048576' "$e2e_dir/events"
is "to the same end" "$(digest server)" "$(digest used)"
check "and the image is sound" qemu-img check "$e2e_dir/store/server/vda.qcow2"

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# Live conversions of a disk that programs write to all the time: ext4, XFS and btrfs, random and sequential writers, files
# that come and go, fstrim, and an SQLite database. At the moment of the last round, while everything stands still, the
# test takes a copy of the disk; the image has to be that copy. By each kind of tracker, without one, and after kill -9 of
# either side. Nothing is left frozen, ever.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root"; exit 0; }
[ -e /dev/loop-control ] || { echo "1..0 # SKIP there are no loop devices"; exit 0; }
e2e_want losetup mkfs.ext4 mkfs.xfs mkfs.btrfs fstrim fio sqlite3 jq qemu-img
e2e_begin 67 600
size=335544320
mnt=$e2e_dir/mnt
# In memory: the watchdog does not wait for a slow disk.
frozen=$(mktemp /dev/shm/p2v-e2e.XXXXXX)
e2e_at_exit "rm -f $frozen"
store=$e2e_dir/store
log=$e2e_dir/log
mkdir "$mnt"

# ---- a disk that lives

# new_disk FS: in $disk, mounted
new_disk()
{
	rm -f "$e2e_dir/image"
	truncate -s "$size" "$e2e_dir/image"
	disk=$(losetup --find --show "$e2e_dir/image")
	case $1 in
	ext4) mkfs.ext4 -qF "$disk" ;;
	xfs) mkfs.xfs -qf "$disk" ;;
	btrfs) mkfs.btrfs -qf "$disk" ;;
	esac
	mount "$disk" "$mnt"
	dd if=/dev/urandom of="$mnt/steady" bs=1M count=40 status=none
}

drop_disk()
{
	umount "$mnt" 2>/dev/null || :
	losetup --detach "$disk" 2>/dev/null || :
}
e2e_at_exit drop_disk

churn()
{
	n=0
	sqlite3 "$mnt/db" 'PRAGMA journal_mode=WAL; CREATE TABLE t(i INTEGER PRIMARY KEY, x BLOB)' >/dev/null
	while [ -e "$e2e_dir/go" ]; do
		n=$((n + 1))
		mkdir -p "$mnt/d$((n % 7))"
		head -c $((n % 50 * 1000 + 1)) /dev/urandom >"$mnt/d$((n % 7))/f$((n % 31))"
		rm -f "$mnt/d$((n % 5))/f$((n % 29))"
		sqlite3 "$mnt/db" "INSERT INTO t(x) VALUES(randomblob(2000)); DELETE FROM t WHERE i % 11 = $((n % 11))" || :
		[ $((n % 20)) -ne 0 ] || fstrim "$mnt" || :
		[ $((n % 9)) -ne 0 ] || sync -f "$mnt"
	done 2>/dev/null
}

begin_writing() # RATE of the random writer, buffered
{
	: >"$e2e_dir/go"
	churn &
	churner=$!
	fio --name=random --filename="$mnt/random" --size=48M --rw=randwrite --bs=4k --rate="$1" --randrepeat=0 --time_based \
		--runtime=600 --ioengine=psync >/dev/null 2>&1 &
	writer=$!
	fio --name=direct --filename="$mnt/direct" --size=24M --rw=write --bs=64k --rate=2M --direct=1 --time_based \
		--runtime=600 --ioengine=psync >/dev/null 2>&1 &
	streamer=$!
}

end_writing()
{
	rm -f "$e2e_dir/go"
	# shellcheck disable=SC2046
	kill $writer $streamer 2>/dev/null || :
	wait $churner $writer $streamer 2>/dev/null || :
}
stop_all()
{
	rm -f "$e2e_dir/go"
	# shellcheck disable=SC2086
	kill ${writer:-} ${streamer:-} ${agent:-} 2>/dev/null
}
e2e_at_exit stop_all

# ---- the conversion

# Becomes the agent. The copy for the comparison is taken while all stands still, so the watchdog has to be patient.
hot() # OPTION...
{
	P2V_AT_THAW="cp --sparse=always $e2e_dir/image $frozen" LD_PRELOAD=$e2e_build/tests/preload/at_thaw.so \
		exec "$e2e_build/p2v-agent" hot --connect-command "$e2e_build/p2v-server --store $store receive" --name box \
		--no-input --disk "$disk,name=sda" --force system-left-out --deadline 60s --hooks "$e2e_dir/hooks" \
		--run-dir /run/p2v/track-e2e55 "$@" >"$log" 2>&1
}

converts() # OPTION...
{
	(hot "$@") || { cat "$log"; return 1; }
}

same()
{
	qemu-img compare -q -f raw -F qcow2 "$frozen" "$store/box/sda.qcow2"
}

# A digest that the server told is that of the copy, computed as docs/job-format.md says.
digest_is()
{
	want=$(jq -r '.images[0].digest' "$store/box/job.json")
	got=$(perl -MDigest::SHA=sha256 -e 'binmode STDIN; $/ = \1048576;
		$d .= sha256(join "", map sha256($_), unpack "(a4096)*") while <STDIN>;
		print unpack("H*", sha256($d)), "\n"' <"$frozen")
	[ "$want" = "$got" ]
}

logged()
{
	grep -q -- "$1" "$log" || { cat "$log"; return 1; }
}

# What the applications had written is whole.
database_is_whole()
{
	mkdir -p "$e2e_dir/copy"
	qemu-img convert -O raw "$store/box/sda.qcow2" "$e2e_dir/raw"
	mount -o "${1:-loop}" "$e2e_dir/raw" "$e2e_dir/copy"
	said=$(sqlite3 "$e2e_dir/copy/db" 'PRAGMA integrity_check' 2>&1)
	cmp -s "$mnt/steady" "$e2e_dir/copy/steady" || said="the steady file differs"
	umount "$e2e_dir/copy"
	[ "$said" = ok ] || { echo "$said"; return 1; }
}

# Nothing may be frozen, and nothing tracked: a write goes through.
lives()
{
	timeout 10 sh -c "echo >$mnt/alive && sync -f $mnt" && [ ! -e /run/p2v/track-e2e55 ]
}

forget()
{
	rm -rf "$store"
	: >"$frozen"
	mkdir "$store"
}

e2e_at_exit "$e2e_build/p2v-agent track --remove --run-dir /run/p2v/track-e2e55 >/dev/null 2>&1 || :"

for fs in ext4 xfs btrfs; do
	forget
	new_disk "$fs"
	begin_writing 4M
	check "$fs: every block, while it is written to" converts --all
	end_writing
	check "$fs: the image is the disk of that moment" same
	check "$fs: and so says its digest" digest_is
	check "$fs: the tracker vouches for it" logged 'the tracker is sound'
	check "$fs: the machine lives" lives
	forget
	begin_writing 4M
	check "$fs: what is used" converts
	end_writing
	check "$fs: filesystem and database are whole" database_is_whole \
		"$([ "$fs" = xfs ] && echo loop,nouuid || echo loop)"
	is "$fs: its grade" "$(jq -r .consistency "$store/box/job.json")" filesystem-consistent
	check "$fs: the machine lives on" lives
	drop_disk
done

# ---- other trackers

new_disk ext4
for tier in ftrace none; do
	forget
	begin_writing 1M
	check "$tier: every block" converts --all --tier "$tier" --max-freeze 20s
	end_writing
	check "$tier: this tracker" logged "changes are tracked by $tier"
	check "$tier: the image is the disk" same
	check "$tier: the machine lives" lives
done

# ---- cutover when it is asked for

forget
begin_writing 1M
(hot --cutover on-command --interval 300ms --events-fd 3 3>"$e2e_dir/events") &
agent=$!
until_logged() # WORDS
{
	for _ in $(seq 150); do
		! grep -q -- "$1" "$log" || return 0
		kill -0 $agent 2>/dev/null || break
		sleep 0.2
	done
	cat "$log"
	return 1
}
check "it keeps in sync" until_logged 'round 3'
sleep 4
check "and does not end by itself" kill -0 $agent
check "cutover" "$e2e_build/p2v-server" --store "$store" cutover box
rc=0
wait $agent || rc=$?
end_writing
is "it comes to an end" "$rc" 0
check "it was told" logged 'cutover was asked for'
check "the file is the disk" database_is_whole
patrolled=$(jq -r 'select(.event == "moment").patrolled' "$e2e_dir/events")
check "a patrol has compared what nobody wrote to" test "$patrolled" -gt 100000000
check "and found nothing that was missed" sh -c "! grep -q 'differs at' '$log'"

# ---- what the agent says goes to the filesystem that it freezes

forget
begin_writing 1M
log=$mnt/agent.log
check "its own log is on what is frozen" converts --events-fd 3 3>"$mnt/events"
is "it was frozen once, and not thawed by the watchdog" "$(jq -r 'select(.event == "moment").freezes' "$mnt/events")" 1
end_writing
log=$e2e_dir/log

# ---- a tracker that is made to lose what is written for a while

# Instances are the kernel's, wherever it is mounted.
mkdir "$e2e_dir/tracing"
mount -t tracefs none "$e2e_dir/tracing"
e2e_at_exit "umount $e2e_dir/tracing 2>/dev/null || :"
switch() # 0 or 1
{
	for each in "$e2e_dir"/tracing/instances/p2v*/tracing_on; do
		echo "$1" >"$each"
	done
}
forget
begin_writing 1M
(hot --all --tier ftrace --cutover on-command --interval 300ms) &
agent=$!
check "rounds by ftrace" until_logged 'round 3'
switch 0
sleep 1.5
switch 1
"$e2e_build/p2v-server" --store "$store" cutover box 2>/dev/null
rc=0
wait $agent || rc=$?
end_writing
is "it comes to its end" "$rc" 0
check "the loss is found" logged 'cannot vouch for itself'
check "and repaired" logged 'was sent again, frozen'
check "the image is the disk in spite of it" same

# ---- kill -9 of the agent: the tracker goes on, and so does the job

forget
begin_writing 1M
(hot --all --cutover on-command --interval 300ms) &
agent=$!
check "rounds" until_logged 'round 3'
kill -9 "$(pgrep -P $agent | head -n 1)" 2>/dev/null || :
kill -9 $agent 2>/dev/null || :
wait $agent 2>/dev/null || :
sleep 2
check "the machine lives without its agent" timeout 10 sh -c "echo >$mnt/alive && sync -f $mnt"
check "the same command goes on" converts --all
check "by the tracker of the dead agent" logged 'since an earlier run'
end_writing
check "without a second full pass" sh -c "grep 'copy box' '$log' | grep -q 'unchanged\|copy box: 0 B'"
check "the image is the disk after all" same
check "the machine lives after that" lives

# ---- the server is killed; and without a tracker that vouches, all is compared

forget
begin_writing 1M
(hot --all --cutover on-command --interval 300ms) &
agent=$!
check "rounds again" until_logged 'round 3'
pkill -9 -f "^$e2e_build/p2v-server --store $store receive" || :
check "it connects again" until_logged 'trying again'
"$e2e_build/p2v-server" --store "$store" cutover box 2>/dev/null || :
rc=0
wait $agent || rc=$?
end_writing
is "and comes to its end" "$rc" 0
check "with the disk" same

forget
begin_writing 1M
(hot --all --cutover on-command --interval 300ms) &
agent=$!
check "rounds once more" until_logged 'round 3'
kill -9 $agent 2>/dev/null || :
wait $agent 2>/dev/null || :
"$e2e_build/p2v-agent" track --remove --run-dir /run/p2v/track-e2e55 2>/dev/null || :
rc=0
converts --all >/dev/null || rc=$?
is "a tracker that was not there all the time does not vouch" "$rc" 1
check "it says what to do" logged 'say --resync'
check "all is compared" converts --all --resync
end_writing
check "and the image is the disk" same
check "the machine lives in the end" lives
drop_disk

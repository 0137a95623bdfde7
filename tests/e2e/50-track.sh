#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# The tracker of changes beside real writers: a mirror that is made by one full copy and the copies of what the tracker
# marked is the disk, to the last byte, and the tracker's count of sectors is the kernel's. On loop devices made here, raw
# and with ext4, and on a zram device, which knows no requests; with each tier that works here; and after a kill -9.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root"; exit 0; }
e2e_want losetup mkfs.ext4 fstrim blkdiscard jq
[ -e /dev/loop-control ] || { echo "1..0 # SKIP there are no loop devices"; exit 0; }
e2e_begin 53 500
tool=$e2e_build/tests/tools/track-tool
size=201326592
mnt=$e2e_dir/mnt
mkdir "$mnt"
e2e_at_exit "umount $e2e_dir/run/bpf 2>/dev/null || :"

# new_disk: an empty loop device, in $disk; what is mounted on it goes first
new_disk()
{
	truncate -s "$size" "$e2e_dir/image"
	disk=$(losetup --find --show "$e2e_dir/image")
	e2e_at_exit "losetup --detach $disk"
	e2e_at_exit "umount $mnt 2>/dev/null || :"
	name=${disk#/dev/}
}

# mirror TIER: obey the script on standard input; what is said goes to $e2e_dir/said. What is found is looked for in it.
mirror()
{
	"$tool" "$name" "$e2e_dir/mirror" "$e2e_dir/run" "$1" >"$e2e_dir/said" 2>&1 || :
}

said()
{
	grep -q -- "$1" "$e2e_dir/said" || { cat "$e2e_dir/said"; return 1; }
}

# A deficit of completions is this kernel's, which skips programs in some contexts: it is seen, and made up for.
exact()
{
	sed -n 's/^audit verdict=sound .* kernel=\([0-9]*\) submitted=\([0-9]*\) completed=\([0-9]*\) short=0.*/\1 \2 \3/p' "$e2e_dir/said" |
		tail -n 1 >"$e2e_dir/exact"
	read -r kernel submitted completed <"$e2e_dir/exact" || { cat "$e2e_dir/said"; return 1; }
	note "kernel $kernel, submitted $submitted, completed $completed"
	[ "$kernel" -gt 1000 ] && { [ "$kernel" -eq "$submitted" ] || [ "$kernel" -eq "$completed" ]; }
}

# whole NAME TIER: what each run must end with
whole()
{
	check "$1: this tier" said "^start 0 tier=$2 "
	check "$1: no block is missed" said '^compare missed=0$'
	check "$1: all that changed is in the ever map" said ' outside=0$'
	check "$1: sectors as the kernel counts them" exact
}

raw_writers()
{
	cat <<-END
	start
	& $tool write $disk $size 4 direct 1
	& $tool write $disk $size 4 direct 2
	& $tool write $disk $size 4 direct 3
	copy
	round
	sleep 300
	round
	settled
	sleep 300
	round
	wait
	! $tool write $disk $size 1 buffered 9
	! dd if=/dev/urandom of=$disk bs=1M count=20 seek=7 oflag=direct status=none
	! blkdiscard -o 104857600 -l 41943040 $disk
	! fallocate --zero-range -o 8192 -l 1048576 $disk 2>/dev/null || :
	! sync
	last
	quiet
	compare
	ever
	END
}

filesystem_writers()
{
	cat <<-END
	start
	copy
	! mkfs.ext4 -q $disk
	! mount $disk $mnt
	& $tool write $mnt/a 60000000 3 buffered 4
	& $tool write $mnt/b 40000000 3 direct 5
	& cp -r $e2e_top/docs $mnt/ && sync
	round
	sleep 500
	round
	settled
	wait
	! rm $mnt/a; sync; fstrim $mnt
	round
	! umount $mnt
	last
	quiet
	compare
	ever
	END
}

# tiers that work here, by trying
new_disk
works()
{
	echo start | mirror "$1"
	said "^start 0 tier=$1 "
}

for tier in bpf ftrace blktrace; do
	if ! works "$tier" >/dev/null; then
		why=$(sed -n "s/^not $tier: //p" "$e2e_dir/said")
		case $tier:$why in
		blktrace:*"not permitted"*)
			# A kernel that is locked down (Secure Boot) refuses it, root or not; the next tier is taken.
			e2e_not_here 9 "blktrace: $why"
			check "blktrace is refused, and the next one taken" said "^start 0 tier=none " ;;
		*) skip 10 "tier $tier: $why" ;;
		esac
		continue
	fi
	raw_writers | mirror "$tier"
	check "$tier, raw: ends well" said '^ever '
	whole "$tier, raw" "$tier"
	filesystem_writers | mirror "$tier"
	check "$tier, ext4: ends well" said '^ever '
	whole "$tier, ext4" "$tier"
done

if works bpf >/dev/null; then
	# What was harvested by one that was killed is given again, and what was written after him is there.
	mirror bpf <<-END
	start
	copy
	! $tool write $disk $size 1 direct 11
	take
	& $tool write $disk $size 2 direct 12
	sleep 500
	die
	END
	check "killed" said '^take '
	is "the killed one is left" "$(agent track --status --json --run-dir "$e2e_dir/run" | jq -c '[.tier, .owned]')" '["bpf",false]'
	sleep 2
	mirror bpf <<-END
	resume
	round
	& $tool write $disk $size 1 direct 13
	settled
	round
	wait
	last
	quiet
	compare
	ever
	END
	check "resumed" said '^resume 0 tier=bpf'
	check "resumed: no block is missed" said '^compare missed=0$'
	check "resumed: all that changed is in the ever map" said ' outside=0$'
	check "nothing is left" test ! -e "$e2e_dir/run"

	# A freeze of a loop device's filesystem, with a watchdog of its own.
	mkfs.ext4 -q "$disk"
	mount "$disk" "$mnt"
	(
		sleep 20
		fsfreeze --unfreeze "$mnt" 2>/dev/null
	) &
	watchdog=$!
	mirror bpf <<-END
	start
	copy
	& $tool write $mnt/a 60000000 3 buffered 21
	& $tool write $mnt/b 40000000 3 direct 22
	sleep 700
	round
	! sync -f $mnt
	round
	! fsfreeze --freeze $mnt
	last
	quiet
	compare
	! fsfreeze --unfreeze $mnt
	wait
	END
	fsfreeze --unfreeze "$mnt" 2>/dev/null || :
	e2e_stop "$watchdog"
	umount "$mnt"
	check "frozen beneath writers: no block is missed" said '^compare missed=0$'
	check "frozen beneath writers: sectors" exact

	# Writes through a partition carry the whole disk's place.
	if printf 'label: dos\n2048,100000\n' | sfdisk -q "$disk" 2>/dev/null && { partx -a "$disk" 2>/dev/null || [ -e "${disk}p1" ]; }; then
		mirror bpf <<-END
		start
		copy
		! $tool write ${disk}p1 51200000 1 direct 31
		last
		quiet
		compare
		END
		partx -d "$disk"
		check "a partition: no block is missed" said '^compare missed=0$'
		check "a partition: sectors" exact
	else
		skip 2 "partitions cannot be added here"
	fi

	# Two disks at a time, each with writes of its own, beside a tracker that a killed agent left.
	printf 'start\ndie\n' | mirror bpf
	truncate -s 64M "$e2e_dir/second"
	second=$(losetup --find --show "$e2e_dir/second")
	e2e_at_exit "losetup --detach $second"
	"$e2e_build/p2v-agent" track --test 5s --json --run-dir "$e2e_dir/run" "$name" "${second#/dev/}" >"$e2e_dir/trial.json" &
	trial=$!
	wait_for 30 test -e "$e2e_dir/run-test/lock" || note "no trial"
	sleep 1.5
	dd if=/dev/zero of="$disk" bs=64k count=10 oflag=direct status=none
	dd if=/dev/zero of="$second" bs=64k count=20 seek=100 oflag=direct status=none
	wait "$trial" || note "the trial failed"
	check "a trial counts" jq -e '.tier == "bpf" and ([.disks[] | [.verdict, .sectors_kernel, .sectors_submitted, .marked]] ==
		[["sound", 1280, 1280, 655360], ["sound", 2560, 2560, 1310720]])' "$e2e_dir/trial.json"
	[ "$e2e_rc" -eq 0 ] || sed 's/^/# /' "$e2e_dir/trial.json"
	check "a trial leaves nothing" test ! -e "$e2e_dir/run-test"
	is "it left the other tracker alone" "$(agent track --status --json --run-dir "$e2e_dir/run" | jq -c '[.tier, .owned, .disks[0].sectors_submitted]')" '["bpf",false,1280]'
	check "which is removed" agent track --remove --run-dir "$e2e_dir/run"
	check "with all it had" test ! -e "$e2e_dir/run"
else
	skip 15 "tier bpf"
fi

mirror none <<END
start
copy
! $tool write $disk $size 1 direct 41
last
quiet
compare
END
check "none: all is copied again" said "^last bytes=$size copied=$size\$"
check "none: all is to be compared" said '^audit verdict=compare-all '
check "none: no block is missed" said '^compare missed=0$'
is "no tracker" "$(agent track --status --run-dir "$e2e_dir/run")" "no tracker is in use"

# A device without requests: completions are those of bios.
if [ -r /sys/class/zram-control/hot_add ] && works bpf >/dev/null && number=$(cat /sys/class/zram-control/hot_add); then
	e2e_at_exit "echo 1 >/sys/block/zram$number/reset; echo $number >/sys/class/zram-control/hot_remove"
	echo "$size" >"/sys/block/zram$number/disksize"
	echo 1 >"/sys/block/zram$number/queue/iostats"
	disk=/dev/zram$number
	name=zram$number
	rm -f "$e2e_dir/mirror"
	filesystem_writers | mirror bpf
	check "zram: no block is missed" said '^compare missed=0$'
	check "zram: all that changed is in the ever map" said ' outside=0$'
	# Of what zram discards or zeroes the kernel counts nothing.
	check "zram: no sector less than the kernel counts" said '^audit verdict=sound .* short=0/0 '
else
	skip 3 "there is no zram"
fi

check "usage" sh -c "'$e2e_build/p2v-agent' track 2>&1 | grep -qe '--test DURATION, --status or --remove'"

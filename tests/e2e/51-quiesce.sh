#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# Freezing real filesystems, on loop devices that are made here and nowhere else: the order, what is copied under it, an agent
# that is killed, stopped or too slow in every phase, hooks, and the hold between two network namespaces.  A guard of this
# script thaws after 30 seconds whatever the code under test does.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root to freeze filesystems"; exit 0; }
e2e_want losetup fsfreeze mke2fs mkfs.xfs mkfs.btrfs strace jq ip socat e2fsck nsenter
e2e_begin 41 400
agent=$e2e_build/p2v-agent
mnt=$e2e_dir/mnt
log=$e2e_dir/hooks.log
mounts=

# Newest first: what lies on a file of another filesystem is left before that.
# shellcheck disable=SC2317 # called at the exit
leave()
{
	for m in $mounts; do
		fsfreeze -u "$m" 2>/dev/null || :
	done
	for m in $mounts; do
		umount "$m" 2>/dev/null || umount -l "$m"
	done
}

# make NAME SIZE FILE MKFS...: a filesystem in FILE, mounted as $mnt/NAME
make()
{
	make_name=$1
	make_file=$3
	truncate -s "$2" "$make_file" || return 1
	shift 3
	"$@" "$make_file" >/dev/null 2>&1 || return 1
	mkdir -p "$mnt/$make_name"
	mount -o loop "$make_file" "$mnt/$make_name" 2>/dev/null || return 1
	mounts="$mnt/$make_name $mounts"
}

e2e_at_exit leave
if ! make a 300M "$e2e_dir/a.raw" mke2fs -q -t ext4; then
	skip 41 "no loop device can be mounted"
	exit 0
fi
must "ext4 in a file on ext4" make inner 64M "$mnt/a/inner.raw" mke2fs -q -t ext4
must "xfs" make x 320M "$e2e_dir/x.raw" mkfs.xfs -q
must "btrfs" make b 256M "$e2e_dir/b.raw" mkfs.btrfs -q
must "btrfs, a second time" sh -c "mkdir '$mnt/again' && mount --bind '$mnt/b' '$mnt/again'"
mounts="$mnt/again $mounts"
only="--mount $mnt/a --mount $mnt/inner --mount $mnt/x --mount $mnt/b"
# A file of /proc, or a module that could be loaded, says that there could be one.
no_vfat()
{
	if grep -qw vfat /proc/filesystems || modinfo vfat >/dev/null 2>&1; then
		skip 1 "vfat cannot be mounted"
	else
		e2e_not_here 1 "this kernel has no vfat"
	fi
}
vfat=
if make v 40M "$e2e_dir/v.raw" mkfs.vfat; then
	vfat=yes
	only="$only --mount $mnt/v"
fi

# with_guard COMMAND...: if it takes longer than 30 seconds, everything is thawed from outside
with_guard()
{
	mkdir "$e2e_dir/guarded"
	setsid sh -c "n=0; while [ \$n -lt 300 ]; do sleep 0.1; [ -d '$e2e_dir/guarded' ] || exit; n=\$((n + 1)); done
		for m in $mounts; do fsfreeze -u \"\$m\"; done" >/dev/null 2>&1 &
	guard=$!
	guard_status=0
	"$@" || guard_status=$?
	rmdir "$e2e_dir/guarded"
	wait "$guard" 2>/dev/null || :
	return $guard_status
}

# thawed: no filesystem is frozen; one that is, is thawed here, and that is a failure
thawed()
{
	thawed_status=0
	for m in $mounts; do
		if fsfreeze -u "$m" 2>/dev/null; then
			echo "$m was still frozen"
			thawed_status=1
		fi
	done
	return $thawed_status
}

# try ARGUMENT...: freeze for real, of the filesystems above only
try()
{
	# shellcheck disable=SC2086 # a list of words
	with_guard "$agent" quiesce --try --yes --hooks "$e2e_dir/hooks" $only "$@" >"$e2e_dir/out" 2>"$e2e_dir/err"
}

# fails WORDS ARGUMENT...: status 1 and these words
fails()
{
	fails_words=$1
	shift
	fails_status=0
	try "$@" || fails_status=$?
	cat "$e2e_dir/err"
	[ $fails_status -eq 1 ] && grep -qF -- "$fails_words" "$e2e_dir/err"
}

# ---- the plan, and one freeze

# shellcheck disable=SC2086 # a list of words
"$agent" quiesce --plan --json $only >"$e2e_dir/plan"
is "the order is planned" "$(jq -r --arg m "$mnt/" '[.filesystems[] | select(.order)] | sort_by(.order)[].mount | ltrimstr($m)' "$e2e_dir/plan" |
	tr '\n' ' ')" "inner a x b "
if [ -n "$vfat" ]; then
	is "vfat cannot be frozen" "$(jq -r --arg m "$mnt/v" '.filesystems[] | select(.mount == $m).verdict' "$e2e_dir/plan")" sync
else
	no_vfat
fi
is "one filesystem, mounted twice" "$(jq '[.filesystems[] | select(.kind == "btrfs" and .order)] | length' "$e2e_dir/plan")" 1
# shellcheck disable=SC2086 # a list of words
with_guard strace -y -o "$e2e_dir/strace" -e trace=ioctl,mlockall,munlockall,openat,syncfs \
	"$agent" quiesce --try --yes --hooks "$e2e_dir/hooks" --for 50ms $only >"$e2e_dir/out" 2>"$e2e_dir/err" || :
check "it is thawed" thawed
# names CALL: the mount points that the kernel was asked for, in order
names()
{
	sed -n "s|^ioctl([0-9]*<$mnt/\([a-z]*\)>, $1.*|\1|p" "$e2e_dir/strace" | tr '\n' ' '
}
is "all are frozen in this order" "$(names FIFREEZE)" "inner a x b "
is "and thawed in reverse" "$(names FITHAW)" "b x a inner "
is "nothing is opened meanwhile" "$(sed -n '/FIFREEZE/,/FITHAW/p' "$e2e_dir/strace" | grep -c openat)" 0
check "memory is locked before, and not after" sh -c "grep -n -e mlockall -e FIFREEZE '$e2e_dir/strace' | head -1 | grep -q ' *mlockall(MCL_CURRENT|MCL_FUTURE) *= 0' &&
	tail -20 '$e2e_dir/strace' | grep -q munlockall"
check "how to thaw by hand was said" grep -q "fsfreeze -u $mnt/inner" "$e2e_dir/err"
check "times are shown" grep -q "^frozen for [0-9]" "$e2e_dir/out"
if [ -n "$vfat" ]; then
	check "what only was written back is named" grep -q "$mnt/v .*only written back" "$e2e_dir/out"
else
	no_vfat
fi

# ---- what is copied under a freeze needs no repair, though somebody writes all the time

(while :; do dd if=/dev/zero of="$mnt/a/busy.$((n = (${n:-0} + 1) % 50))" bs=16k count=5 conv=fsync; done) >/dev/null 2>&1 &
writer=$!
e2e_at_exit "kill $writer 2>/dev/null"
mkdir "$e2e_dir/hooks"
# frozen MOUNT: somebody who writes there waits; $waiting is his process
frozen()
{
	: >"$1/frozen?" &
	waiting=$!
	sleep 0.3
	kill -0 "$waiting" 2>/dev/null
}
# shellcheck disable=SC2086 # a list of words
copy_frozen()
{
	"$agent" quiesce --try --yes --hooks "$e2e_dir/hooks" --for 4s $only >"$e2e_dir/out" 2>"$e2e_dir/err" &
	copier=$!
	wait_for 20 frozen "$mnt/a" || return 1
	dd if="$e2e_dir/a.raw" of="$e2e_dir/copy.raw" bs=1M status=none conv=sparse
	wait "$copier"
}
check "copied while frozen" with_guard copy_frozen
check "thawed" thawed
check "the copy is clean" e2fsck -fn "$e2e_dir/copy.raw"
e2e_stop "$writer"
rm -f "$mnt"/a/busy.*

# ---- whatever becomes of the agent

# ends_frozen SIGNAL MILLISECONDS: of an agent that has frozen everything; then those who wait get on
# shellcheck disable=SC2086 # a list of words
ends_frozen()
{
	"$agent" quiesce --try --yes --hooks "$e2e_dir/hooks" --for 20s $only >"$e2e_dir/out" 2>"$e2e_dir/err" &
	victim=$!
	wait_for 20 frozen "$mnt/a" || return 1
	kill "-$1" "$victim"
	ends_since=$(date +%s%N)
	# The writer waits in the kernel for the thaw: that is what is measured.
	wait "$waiting" || return 1
	ends_ms=$((($(date +%s%N) - ends_since) / 1000000))
	echo "thawed $ends_ms ms after SIG$1"
	[ "$1" != STOP ] || kill -CONT "$victim"
	ends_status=0
	wait "$victim" || ends_status=$?
	# Each filesystem has a guard of its own, and the writer has waited for one of them only.
	sleep 0.3
	[ $ends_ms -lt "$2" ] && thawed
}
check "killed: thawed within three seconds" with_guard ends_frozen KILL 3000
check "stopped: thawed within eight" with_guard ends_frozen STOP 8000
is "it learns that when it goes on" "$ends_status" 1
check "and says so" grep -q "the watchdog has thawed the filesystems: the agent gave no sign of life" "$e2e_dir/err"
check "interrupted: thawed at once" with_guard ends_frozen INT 3000
is "which is a status of its own" "$ends_status" 4
check "the terminal goes" with_guard ends_frozen HUP 3000

# kill_at SIGNAL MILLISECONDS WAIT: that long after its start; after WAIT seconds nothing is frozen
# shellcheck disable=SC2086 # a list of words
kill_at()
{
	"$agent" quiesce --try --yes --hooks "$e2e_dir/hooks" --for 100ms $only >"$e2e_dir/out" 2>"$e2e_dir/err" &
	victim=$!
	sleep "0.$(printf '%03d' "$2")"
	kill "-$1" "$victim" 2>/dev/null || :
	sleep "$3"
	kill_status=0
	thawed || kill_status=1
	kill -9 "$victim" 2>/dev/null || :
	wait "$victim" 2>/dev/null || :
	[ $kill_status -eq 0 ] || echo "SIG$1 after $2 ms"
	return $kill_status
}

# kills SIGNAL WAIT STEP: at moments from the start to after the end
kills()
{
	kills_at=0
	while [ $kills_at -le 700 ]; do
		with_guard kill_at "$1" $kills_at "$2" || return 1
		kills_at=$((kills_at + $3))
	done
}
check "killed at any moment" kills KILL 1.5 35
check "stopped at any moment" kills STOP 4 140
check "too slow: the watchdog thaws" fails "the time for it was over" --deadline 300ms --for 20s
check "nothing is frozen" thawed

with_guard sh -c "fsfreeze -f '$mnt/b'; exec \"\$@\"" - "$agent" quiesce --try --yes --mount "$mnt/b" --mount "$mnt/x" >"$e2e_dir/out" 2>"$e2e_dir/err" &&
	busy=0 || busy=$?
check "frozen by somebody else: left so" fsfreeze -u "$mnt/b"
is "and not thawed by us" "$busy $(grep -c 'frozen already, by somebody else' "$e2e_dir/err")" "1 1"
check "nothing is left" thawed

# ---- hooks

# hook NAME STATUS: writes down how it is called
# shellcheck disable=SC2016 # for the hook
hook()
{
	printf '#!/bin/sh\necho "%s $1" >>"%s"\n[ "$1" = thaw ] || exit %s\n' "$1" "$log" "$2" >"$e2e_dir/hooks/$1"
	chmod 755 "$e2e_dir/hooks/$1"
}
hook 10-first 0
hook 20-second 0
hook 30-third.bak 0
check "with hooks" try --for 10ms
is "they are called in order, and in reverse" "$(tr '\n' ',' <"$log")" "10-first freeze,20-second freeze,20-second thaw,10-first thaw,"
: >"$log"
check "an agent that is killed" with_guard ends_frozen KILL 3000
check "its hooks are called" wait_for 20 grep -q "10-first thaw" "$log"
is "in reverse" "$(tr '\n' ',' <"$log")" "10-first freeze,20-second freeze,20-second thaw,10-first thaw,"
: >"$log"
hook 20-second 3
check "one stops it" fails "20-second stops the freeze with status 3" --for 20s
is "those that were called are thawed" "$(tr '\n' ',' <"$log")" "10-first freeze,20-second freeze,20-second thaw,10-first thaw,"
chmod 777 "$e2e_dir/hooks/20-second"
check "one that anybody may change is refused" fails "somebody else than root"
rm -f "$e2e_dir"/hooks/*

check "nothing at all is left frozen" thawed

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# Live conversions over SSH that are hit at random moments, in every phase: the agent, the server or sshd is killed with
# signal 9, or the agent is stopped for a while. Whatever happens, the machine is never frozen for longer than the
# watchdog's time, programs go on writing, and the same command comes to its end with the disk of a moment. P2V_KILLS
# says how many (8).
set -eu
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/sshd.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root"; exit 0; }
[ -e /dev/loop-control ] || { echo "1..0 # SKIP there are no loop devices"; exit 0; }
e2e_want losetup mkfs.ext4 fio jq qemu-img sshd ssh-keygen
kills=${P2V_KILLS:-8}
e2e_begin $((kills * 3 + 3)) $((200 + kills * 60))
mnt=$e2e_dir/mnt
store=$e2e_dir/store
log=$e2e_dir/log
run_dir=/run/p2v/track-e2e57
frozen=$(mktemp /dev/shm/p2v-e2e.XXXXXX)
mkdir "$mnt" "$e2e_dir/hooks"

stop_all()
{
	rm -f "$e2e_dir/go"
	# shellcheck disable=SC2086
	kill -9 ${agent:-} 2>/dev/null || :
	# fio ends its workers when it is asked to.
	# shellcheck disable=SC2086
	kill ${writer:-} 2>/dev/null && wait $writer 2>/dev/null
	for _ in 1 2 3 4 5 6; do
		umount "$mnt" 2>/dev/null && break
		sleep 0.5
	done
	losetup --detach "$disk" 2>/dev/null || :
	"$e2e_build/p2v-agent" track --remove --run-dir "$run_dir" >/dev/null 2>&1 || :
	rm -f "$frozen"
	sshd_stop
}
e2e_at_exit stop_all

truncate -s 256M "$e2e_dir/image"
disk=$(losetup --find --show "$e2e_dir/image")
must "a filesystem" mkfs.ext4 -qF "$disk"
must "mounted" mount "$disk" "$mnt"
dd if=/dev/urandom of="$mnt/steady" bs=1M count=60 status=none
sshd_start "$e2e_dir/ssh" "$e2e_build/p2v-server --store $store receive"

# The longest time between two lines that were written and synced is the longest that the machine stood still.
: >"$e2e_dir/go"
(
	last=$(date +%s%N)
	longest=0
	while [ -e "$e2e_dir/go" ]; do
		date +%s%N >"$mnt/beat"
		sync -d "$mnt/beat"
		now=$(date +%s%N)
		[ $((now - last)) -le "$longest" ] || { longest=$((now - last)); echo "$longest" >"$e2e_dir/longest"; }
		last=$now
		sleep 0.05
	done
) &
fio --name=w --filename="$mnt/random" --size=40M --rw=randwrite --bs=4k --rate=2M --randrepeat=0 --time_based --runtime=900 \
	--ioengine=psync >/dev/null 2>&1 &
writer=$!

# Becomes the agent.
hot() # OPTION...
{
	P2V_AT_THAW="cp --sparse=always $e2e_dir/image $frozen" LD_PRELOAD=$e2e_build/tests/preload/at_thaw.so \
		exec "$e2e_build/p2v-agent" hot --server "$sshd_user@127.0.0.1:$sshd_port" --identity "$sshd_identity" \
		--host-key "$sshd_fingerprint" --name box --no-input --disk "$disk,name=sda" --force system-left-out \
		--hooks "$e2e_dir/hooks" --run-dir "$run_dir" --retry-for 60 --all "$@" >"$log" 2>&1
}

random() # BELOW
{
	echo $(($(od -An -N4 -tu4 /dev/urandom) % $1))
}

same()
{
	qemu-img compare -q -f raw -F qcow2 "$frozen" "$store/box/sda.qcow2"
}

# hit WHAT: after a random time
hit()
{
	sleep "$(random 3).$(random 10)"
	case $1 in
	0) kill -9 "$agent" 2>/dev/null || : ;;
	1) pkill -9 -f "^$e2e_build/p2v-server --store $store receive" || : ;;
	2) pkill -9 -f "^sshd: $sshd_user@notty" || : ;;
	3)
		kill -STOP "$agent" 2>/dev/null || :
		sleep 4
		kill -CONT "$agent" 2>/dev/null || :
		;;
	esac
}

for n in $(seq "$kills"); do
	what=$((n % 4))
	rm -rf "$store"
	mkdir "$store"
	hot &
	agent=$!
	hit "$what"
	rc=0
	wait "$agent" || rc=$?
	note "hit $what: status $rc"
	# The same command goes on, as often as it takes; after a kill -9 in the middle of things once is enough.
	tries=0
	while [ "$rc" -ne 0 ] && [ "$tries" -lt 3 ]; do
		tries=$((tries + 1))
		sleep 1
		rc=0
		(hot) || rc=$?
		# A tracker that was lost with its agent, or was not there from the start, does not vouch: all is compared.
		if [ "$rc" -ne 0 ] && grep -q 'say --resync' "$log"; then
			rc=0
			(hot --resync) || rc=$?
		fi
	done
	[ "$rc" -eq 0 ] || cat "$log"
	is "hit $n: the copy comes to its end" "$rc" 0
	check "hit $n: it is the disk of a moment" same
	check "hit $n: the machine lives" timeout 10 sh -c "echo >$mnt/alive && sync -f $mnt"
done
rm -f "$e2e_dir/go"
longest=$(($(cat "$e2e_dir/longest") / 1000000))
note "the longest that the machine stood still: $longest ms"
check "it never stood still for longer than the watchdog allows" test "$longest" -lt 12000

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154,SC2016
#
# A cutover is a transaction: the machine is held until the server says that the virtual one serves. When it does not, when
# nobody told the server how, or when one of the two dies, the hold is lifted, and the machine serves as if nothing had
# been. The hold is nft's, in a network namespace of the test's own.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root"; exit 0; }
[ -e /dev/loop-control ] || { echo "1..0 # SKIP there are no loop devices"; exit 0; }
e2e_want losetup mkfs.ext4 jq nft unshare nsenter
e2e_begin 27 250
mnt=$e2e_dir/mnt
log=$e2e_dir/log
mkdir "$mnt" "$e2e_dir/hooks"
truncate -s 96M "$e2e_dir/image"
disk=$(losetup --find --show "$e2e_dir/image")
e2e_at_exit 'losetup --detach "$disk" 2>/dev/null || :'
must "a filesystem" mkfs.ext4 -qF "$disk"
mount "$disk" "$mnt"
e2e_at_exit 'umount "$mnt" 2>/dev/null || :'
dd if=/dev/urandom of="$mnt/file" bs=1M count=10 status=none

# A namespace that outlives the agent, to be looked into.
unshare --net sleep 300 &
space=$!
e2e_at_exit 'kill "$space" 2>/dev/null || :'
wait_for 5 test "$(readlink /proc/$space/ns/net)" != "$(readlink /proc/self/ns/net)" || :

# Becomes the agent, in the namespace. COMMAND: of the server. keep: the job of the run before is still there.
keep=
hot() # COMMAND OPTION...
{
	command=$1
	shift
	[ -n "$keep" ] || rm -rf "$e2e_dir/store"
	mkdir -p "$e2e_dir/store"
	printf '%s\n' "$command" >"$e2e_dir/command"
	exec nsenter --net="/proc/$space/ns/net" "$e2e_build/p2v-agent" hot \
		--connect-command "$e2e_build/p2v-server --store $e2e_dir/store receive ${command:+--on-complete 'sh $e2e_dir/command'}" \
		--name box --no-input --disk "$disk,name=sda" --force system-left-out --hooks "$e2e_dir/hooks" \
		--run-dir /run/p2v/track-e2e58 --hold nft --then isolate --takeover --retry-for 5 "$@" >"$log" 2>&1
}

held()
{
	nsenter --net="/proc/$space/ns/net" nft list tables | grep -q p2v
}

not_held()
{
	! held
}

let_go()
{
	nsenter --net="/proc/$space/ns/net" nft flush ruleset
}

logged()
{
	grep -q -- "$1" "$log" || { cat "$log"; return 1; }
}

status_of() # COMMAND
{
	rc=0
	(hot "$@") || rc=$?
}

complete()
{
	[ "$(jq -r .state "$e2e_dir/store/box/job.json")" = verified ]
}

status_of 'echo "$P2V_JOB in $P2V_STORE" >'"$e2e_dir/ran; nsenter --net=/proc/$space/ns/net nft list tables >$e2e_dir/meanwhile"
is "the virtual machine serves" "$rc" 0
check "so it is said" logged 'the virtual machine serves'
is "the command was told which job" "$(cat "$e2e_dir/ran")" "box in $e2e_dir/store"
check "the machine was held meanwhile" grep -q p2v "$e2e_dir/meanwhile"
check "and is held on" held
check "the copy is complete" complete
let_go

status_of 'echo starting; echo "the database does not answer"; exit 3'
is "the virtual machine does not serve" "$rc" 1
check "the reason is told" logged 'does not serve: the database does not answer'
check "the machine is let go" not_held
check "and says so" logged 'this machine serves on'
check "the copy is complete all the same" complete

status_of ''
is "nobody has told the server how" "$rc" 1
check "what to do" logged 'on-complete'
check "let go" not_held

# ---- the agent dies while the server starts the virtual machine

(hot "echo began >$e2e_dir/began; trap 'echo ended >$e2e_dir/ended; exit 1' TERM; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & wait \$!; done") &
agent=$!
check "the server has begun" wait_for 60 test -s "$e2e_dir/began"
check "the machine is held" held
kill -9 "$agent"
wait "$agent" 2>/dev/null || :
check "what was begun is ended" wait_for 20 test -s "$e2e_dir/ended"
check "the hold of the dead is lifted" wait_for 20 not_held
check "the machine writes" timeout 10 sh -c "echo >$mnt/alive && sync -f $mnt"

# ---- powering off: only right after the moment

mkdir "$e2e_dir/bin"
printf '#!/bin/sh\necho "$@" >%s\n' "$e2e_dir/power" >"$e2e_dir/bin/systemctl"
chmod 755 "$e2e_dir/bin/systemctl"
off()
{
	rc=0
	(
		PATH=$e2e_dir/bin:$PATH
		hot true --then poweroff
	) || rc=$?
}
"$e2e_build/p2v-agent" track --remove --run-dir /run/p2v/track-e2e58 >/dev/null 2>&1 || :
let_go
off
is "a machine that is not needed any more" "$rc $(cat "$e2e_dir/power" 2>/dev/null)" "0 poweroff"
rm -f "$e2e_dir/power"
let_go
keep=yes
off
is "the same once more" "$rc" 1
check "the copy is of another moment" logged 'has served on since'
check "so nothing is switched off" test ! -e "$e2e_dir/power"
check "and nothing held" not_held

# ---- a slip

(hot true --then resume) || rc=$?
is "both cannot serve" "$rc" 2
check "no tracker is left" test ! -e /run/p2v/track-e2e58

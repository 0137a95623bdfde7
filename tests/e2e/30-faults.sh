#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# What goes wrong in the field, one after the other: each has one line that says so, an exit status, and leaves the job in
# a known state.  The table in docs/testing.md is this script's.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/sshd.sh"

e2e_want sshd ssh-keygen qemu-img jq gcc openssl
e2e_begin 51 400

gcc -shared -fPIC -O2 -D_GNU_SOURCE -o "$e2e_dir/preload.so" "$(dirname "$0")/preload.c"
machine=$e2e_dir/machine.json
source=$e2e_dir/source.raw
printf '{"version":1,"recorded_at":"2026-01-01T00:00:00Z","recorded_by":"test"}' >"$machine"
openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 1 -in /dev/zero 2>/dev/null |
	head -c $((64 << 20)) >"$source"

# local_cold JOB STORE OPTION...: the agent with a server of its own, without SSH
local_cold()
{
	job=$1
	store=$2
	shift 2
	timeout 120 "$e2e_build/p2v-agent" cold --connect-command "$e2e_build/p2v-server --store $store receive" \
		--disk "$source,name=sda" --machine "$machine" --name "$job" --flush-size 4M --retry-for 2 "$@"
}

# ssh_cold JOB OPTION...
ssh_cold()
{
	job=$1
	shift
	timeout 120 "$e2e_build/p2v-agent" cold --server "$sshd_user@127.0.0.1:$sshd_port" --no-input \
		--disk "$source,name=sda" --machine "$machine" --name "$job" --retry-for 2 "$@"
}

# fault NAME STATUS PATTERN COMMAND...: it ends with STATUS, nothing on stdout, and one error line that matches PATTERN
fault()
{
	fault_name=$1
	fault_wanted=$2
	fault_pattern=$3
	fault_status=0
	shift 3
	"$@" >"$e2e_dir/out" 2>"$e2e_dir/err" || fault_status=$?
	fault_lines=$(grep -c '^p2v-agent: error:' "$e2e_dir/err" || :)
	is "$fault_name: exit status" "$fault_status" "$fault_wanted"
	if [ "$fault_lines" = 1 ] && grep '^p2v-agent: error:' "$e2e_dir/err" | grep -Eiq "$fault_pattern" && [ ! -s "$e2e_dir/out" ]; then
		result 0 "$fault_name: one line says why"
	else
		result 1 "$fault_name: one line says why"
		sed 's/^/#   stderr: /' "$e2e_dir/err"
		sed 's/^/#   stdout: /' "$e2e_dir/out"
	fi
	note "$(grep '^p2v-agent: error:' "$e2e_dir/err" | head -n 1)"
}

# state STORE JOB: the state as `show` tells it, and the names of images
state()
{
	"$e2e_build/p2v-server" --store "$1" show "$2" --json 2>/dev/null | jq -r .state || :
	find "$1/$2" -name '*.qcow2*' -printf '%f\n' 2>/dev/null | sort
}

partial='receiving
sda.qcow2.partial'
whole='verified
sda.qcow2'

# ---- the far end's disk

mkdir "$e2e_dir/full"
if mount -t tmpfs -o size=40m tmpfs "$e2e_dir/full" 2>/dev/null; then
	e2e_at_exit "umount '$e2e_dir/full'"
	fault "target full" 1 'no space|full' local_cold full "$e2e_dir/full"
	is "target full: the job can be resumed" "$(state "$e2e_dir/full" full)" "$partial"
	mount -o remount,size=200m "$e2e_dir/full"
	check "with room made, the same command ends it" local_cold full "$e2e_dir/full"
	check "and the image has the bytes of the source" \
		qemu-img compare -f raw -F qcow2 "$source" "$e2e_dir/full/full/sda.qcow2"
	mount -o remount,ro "$e2e_dir/full"
	fault "store read-only" 1 'read-only' local_cold readonly "$e2e_dir/full"
	is "store read-only: no job" "$(state "$e2e_dir/full" readonly)" ""
	is "store read-only: the old job is as it was" "$(state "$e2e_dir/full" full)" "$whole"
else
	skip 9 "no right to mount a tmpfs"
fi
fault "store is a file" 1 'not a directory|cannot' local_cold file "$machine"

# ---- the source

fault "source missing" 1 'no such file' agent cold --connect-command true --disk "$e2e_dir/none" --machine "$machine" --name x
preload=$e2e_dir/preload.so
P2V_TEST_FILE=$source
P2V_TEST_BAD=10493952-10502144		# 8 KiB; a file is read directly in units of 4 KiB
export P2V_TEST_FILE P2V_TEST_BAD
fault "source unreadable" 1 'source.raw.*(input/output|read)' env LD_PRELOAD="$preload" "$e2e_build/p2v-agent" cold \
	--connect-command "env -u LD_PRELOAD $e2e_build/p2v-server --store $e2e_dir/store receive" --disk "$source,name=sda" \
	--machine "$machine" --name bad --retry-for 2
is "source unreadable: the job can be resumed" "$(state "$e2e_dir/store" bad)" "$partial"
status=0
env LD_PRELOAD="$preload" "$e2e_build/p2v-agent" cold \
	--connect-command "env -u LD_PRELOAD $e2e_build/p2v-server --store $e2e_dir/store receive" --disk "$source,name=sda" \
	--machine "$machine" --name bad --bad-sectors zero 2>"$e2e_dir/err" || status=$?
is "--bad-sectors zero: exit status" "$status" 3
is "--bad-sectors zero: the job is whole" "$(state "$e2e_dir/store" bad)" "$whole"
is "--bad-sectors zero: exactly these sectors" "$(show bad '.images[0].bad[] | "\(.offset)+\(.length)"')" 10493952+8192
cp "$source" "$e2e_dir/expected.raw"
dd if=/dev/zero of="$e2e_dir/expected.raw" bs=4096 seek=2562 count=2 conv=notrunc status=none
check "--bad-sectors zero: zeroes there, and all else as the source" \
	qemu-img compare -f raw -F qcow2 "$e2e_dir/expected.raw" "$(show bad '.images[0].path')"
rm "$e2e_dir/expected.raw"
unset P2V_TEST_BAD

# shrinking: cut the source while the agent, on a slow disk, is in the middle of it
shrink()
{
	cp "$source" "$e2e_dir/shrinks.raw"
	env LD_PRELOAD="$e2e_dir/preload.so" P2V_TEST_FILE="$e2e_dir/shrinks.raw" P2V_TEST_DELAY_US=50000 timeout 120 \
		"$e2e_build/p2v-agent" cold \
		--connect-command "env -u LD_PRELOAD $e2e_build/p2v-server --store $e2e_dir/store receive" \
		--disk "$e2e_dir/shrinks.raw,name=sda" --machine "$machine" --name shrinks --retry-for 2 &
	shrink_pid=$!
	wait_for 30 test -d "$e2e_dir/store/shrinks"
	sleep 0.5
	truncate -s 40M "$e2e_dir/shrinks.raw"
	wait "$shrink_pid"
}
fault "source shrinks" 1 'shrinks.raw' shrink
is "source shrinks: the job is not whole" "$(state "$e2e_dir/store" shrinks)" "$partial"
fault "source has another size than before" 1 'exists with disk' agent cold \
	--connect-command "$e2e_build/p2v-server --store $e2e_dir/store receive" --disk "$e2e_dir/shrinks.raw,name=sda" \
	--machine "$machine" --name shrinks --retry-for 2
is "another size: the job is as it was" "$(state "$e2e_dir/store" shrinks)" "$partial"
rm "$e2e_dir/shrinks.raw"

# ---- SSH

sshd_start "$e2e_dir/sshd" "$e2e_build/p2v-server --store $e2e_dir/store receive --job-prefix web"
e2e_at_exit sshd_stop
ssh-keygen -q -t ed25519 -N '' -f "$e2e_dir/wrong_key"
: >"$e2e_dir/known_hosts"
fault "wrong user key" 1 'key|auth|denied' ssh_cold web1 --identity "$e2e_dir/wrong_key" --host-key "$sshd_fingerprint"
is "wrong user key: no job" "$(state "$e2e_dir/store" web1)" ""
fault "unknown host key" 1 'host key|unknown' ssh_cold web1 --identity "$sshd_identity" --known-hosts "$e2e_dir/known_hosts"
is "unknown host key: no job" "$(state "$e2e_dir/store" web1)" ""
printf '[127.0.0.1]:%s %s\n' "$sshd_port" "$(cut -d ' ' -f 1,2 "$e2e_dir/sshd/host_key.pub")" >"$e2e_dir/known_hosts"
check "a known host key is enough" ssh_cold web1 --identity "$sshd_identity" --known-hosts "$e2e_dir/known_hosts"
fault "a key for other jobs" 1 'may not write' ssh_cold db1 --identity "$sshd_identity" --host-key "$sshd_fingerprint"
is "a key for other jobs: no job" "$(state "$e2e_dir/store" db1)" ""
old=$sshd_fingerprint
sshd_new_host_key
fault "changed host key, pinned" 1 'host key' ssh_cold web2 --identity "$sshd_identity" --host-key "$old"
fault "changed host key, known_hosts" 1 'host key|changed' ssh_cold web2 --identity "$sshd_identity" \
	--known-hosts "$e2e_dir/known_hosts"
is "changed host key: no job" "$(state "$e2e_dir/store" web2)" ""
sshd_stop
fault "nobody listens" 1 'refused' ssh_cold web2 --identity "$sshd_identity" --host-key "$sshd_fingerprint"

# ---- the command line

usage()
{
	is "$1: exit status" "$(shift; "$@" >"$e2e_dir/out" 2>"$e2e_dir/err" && echo 0 || echo $?)" 2
	is "$1: one line on stderr, nothing on stdout" "$(wc -l <"$e2e_dir/err") $(wc -c <"$e2e_dir/out")" "1 0"
	note "$(cat "$e2e_dir/err")"
}
printf '{"version":1,"disks":[{"name":"sda","partitions":[{"name":"sda1","fs":{"type":"ntfs","hibernated":true}}]}]}' \
	>"$e2e_dir/windows.json"
fault "pre-flight finds what blocks" 5 'hibernated.*--force ntfs-hibernated' agent cold --connect-command true \
	--disk "$source,name=sda" --machine "$e2e_dir/windows.json" --name x
usage "unknown option" agent cold --no-such-option
usage "unknown finding" agent cold --connect-command true --disk "$source" --machine "$machine" --name x --force nothing
usage "job name that leaves the store" agent cold --connect-command true --disk "$source" --machine "$machine" --name ../x

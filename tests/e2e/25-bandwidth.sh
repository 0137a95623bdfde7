#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154
#
# How much of the link a copy takes: what the agent was told, and what the server says while it runs.
# Times are only held against what the limit itself makes them: a slow machine cannot fail this.

. "$(dirname "$0")/../lib/e2e.sh"
e2e_want qemu-img jq
e2e_begin 22 300

src=$e2e_dir/disk.img
sysroot=$e2e_top/tests/sysroots/recorded-virtio
connect="$e2e_build/p2v-server --store $e2e_dir/store receive"
must "a disk of noise" dd if=/dev/urandom of="$src" bs=1M count=48 status=none

cold() # NAME OPTION...
{
	cold_name=$1
	shift
	"$e2e_build/p2v-agent" cold --connect-command "$connect" --sysroot "$sysroot" --name "$cold_name" --no-input \
		--disk "$src,name=vda" "$@" >"$e2e_dir/$cold_name.out" 2>"$e2e_dir/$cold_name.log"
}

seconds_of() # COMMAND...
{
	seconds_began=$(date +%s)
	"$@"
	seconds=$(($(date +%s) - seconds_began))
}

same() # JOB
{
	qemu-img compare -f raw -F qcow2 "$src" "$e2e_dir/store/$1/vda.qcow2" >"$e2e_dir/compare" 2>&1
}

throttle()
{
	server throttle "$@" >"$e2e_dir/out" 2>"$e2e_dir/err"
}

exits() # STATUS NAME COMMAND...
{
	wanted=$1
	name=$2
	shift 2
	rc=0
	"$@" || rc=$?
	is "$name" "$rc" "$wanted"
}

# ---- the agent's own limit

seconds_of cold own --bandwidth 8M
check "48 MiB at 8 MiB a second" test -d "$e2e_dir/store/own"
check "took at least five seconds" test "$seconds" -ge 5
check "and the image is the disk" same own

check "a timetable that has no limit now" cold timetable --bandwidth "00:00-24:00=max,else=32K"
check "is the whole disk as well" same timetable

# ---- the server's word, while it runs

cold told --bandwidth 1M &
pid=$!
wait_for 60 test -s "$e2e_dir/store/told/job.json"
began=$(date +%s)
check "throttle, while it runs" throttle told max
check "says what is set" grep -qx "no limit" "$e2e_dir/out"
check "the copy ends" wait "$pid"
check "sooner than 1 MiB a second allows" test $(($(date +%s) - began)) -lt 44
check "the agent says who set it" grep -q "bandwidth: no limit, set at the server" "$e2e_dir/told.log"
check "so does the job's log" grep -q "bandwidth: no limit" "$e2e_dir/store/told/log"
check "and the image is the disk" same told

# ---- what there is to see, and what is refused

check "what is set is shown" throttle told --json
check "as JSON" jq -e '.mode == "max"' "$e2e_dir/out"
exits 1 "a job that is complete sends nothing any more" throttle told 10M
check "and the error says so" grep -q "job told is verified: nothing is sent any more" "$e2e_dir/err"
exits 1 "a job that is not there" throttle nobody 10M
exits 2 "a rate that is none" throttle told fast
exits 2 "a rate that is too low" throttle told 10K
exits 2 "a timetable that is none" cold refused --bandwidth "8-18=20M"
check "in one line that names it" test "$(grep -c 8-18=20M "$e2e_dir/refused.log")" = 1

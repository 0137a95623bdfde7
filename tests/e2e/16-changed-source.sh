#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR
#
# A half-copied disk whose system ran in between, or that belongs to another machine, is not completed with
# what it holds now: old and new blocks would make one image that never existed.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

e2e_begin 9 120
disk=$e2e_dir/disk.raw
truncate -s 64M "$disk"
printf 'label: gpt\nstart=2048, size=112640\n' | sfdisk -q "$disk"
mkdir "$e2e_dir/tree"
head -c 40M /dev/urandom >"$e2e_dir/tree/data"
mke2fs -q -F -t ext4 -d "$e2e_dir/tree" -E offset=1048576 "$disk" 55M
${CC:-cc} -D_GNU_SOURCE -shared -fPIC -O2 -o "$e2e_dir/preload.so" "$(dirname "$0")/preload.c"

# machine UUID
machine()
{
	printf '{"version":1,"hostname":"box","smbios":{"uuid":"%s"},"disks":[{"name":"sda","path":"/dev/sda","size":%d}]}\n' \
		"$1" 67108864 >"$e2e_dir/machine.json"
}

cold()
{
	timeout 60 "$e2e_build/p2v-agent" cold --connect-command "$e2e_build/p2v-server --store $e2e_dir/store receive" \
		--no-input --disk "$disk,name=sda" --machine "$e2e_dir/machine.json" --name box --flush-size 1M --retry-for 2
}

half()
{
	rm -rf "$e2e_dir/store"
	LD_PRELOAD=$e2e_dir/preload.so P2V_TEST_FILE=$disk P2V_TEST_DELAY_US=60000 cold 2>"$e2e_dir/log" &
	half_pid=$!
	half_waits=0
	while [ $half_waits -lt 100 ]; do
		sleep 0.1
		half_waits=$((half_waits + 1))
		[ "$(stat -c %s "$e2e_dir/store/box/journal" 2>/dev/null || echo 0)" -lt 500 ] || break
	done
	pkill -TERM -P "$half_pid" || :
	wait "$half_pid" || :
	[ "$("$e2e_build/p2v-server" --store "$e2e_dir/store" show box --json | jq -r .state)" = receiving ]
}

# refused TEXT
refused()
{
	! cold 2>"$e2e_dir/log" && cat "$e2e_dir/log" && [ "$(grep -c 'p2v-agent: error:' "$e2e_dir/log")" -eq 1 ] &&
		grep -q "$1" "$e2e_dir/log"
}

machine 4c4c4544-0058-4b10-8032-b7c04f503933
check "a copy is left half-way" half
check "the unchanged source is taken up again" cold
check "a copy is left half-way again" half
tune2fs -L grown "$disk?offset=1048576" >/dev/null
check "the changed source is refused" refused "has changed since job box began"
check "the job is as it was" test "$("$e2e_build/p2v-server" --store "$e2e_dir/store" show box --json | jq -r .state)" = receiving
check "a copy of the source as it is now is left half-way" half
check "and completed" cold
check "a copy is left half-way for the last time" half
machine 4c4c4544-0058-4b10-8032-b7c04f503934
check "another machine with the same name and disk size is refused" refused "another machine's"

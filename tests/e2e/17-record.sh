#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154
#
# This very machine, live, recorded, and recorded with --scrub: the same machine three times, and of who it is the last
# one tells nothing.

. "$(dirname "$0")/../lib/e2e.sh"
e2e_want jq
e2e_begin 9 300

record=$e2e_top/tests/sysroots/record-machine

# What moves while it is looked at: clocks, what is used and free, what other tests attach and start.
still='del(.recorded_at, .warnings, .clock.rtc_minus_system, .volumes, .mounts)
	| del(.os.root_free, .os.boot_free, .os.services, .os.software)
	| .disks = [.disks[]? | select(.name | startswith("nbd") | not)
		| del(.. | objects | select(has("used")) | .used) | del(.smart, .mountpoints, .partitions[]?.mountpoints)]
	| .nics = [.nics[]? | select(.kind == "physical")]
	| .memory |= del(.hugepages)'

# shape JSON: every place in it and the type that is there
shape()
{
	jq -c "$still"' | [paths as $p | [$p, (getpath($p) | type)]]' "$1"
}

same_shape()
{
	shape "$1" >"$e2e_dir/shape.1" && shape "$2" >"$e2e_dir/shape.2" && cmp "$e2e_dir/shape.1" "$e2e_dir/shape.2"
}

same_machine()
{
	jq -S "$still" "$1" >"$e2e_dir/same.1" && jq -S "$still" "$2" >"$e2e_dir/same.2" &&
		diff "$e2e_dir/same.1" "$e2e_dir/same.2"
}

# Who it is, a line each; short words are parts of others.
identities()
{
	jq -r '.hostname, .os.machine_id, .smbios.uuid, .smbios.product_serial, .smbios.board_serial,
		.smbios.chassis_serial, (.disks[]? | .serial, .wwn, .fs.uuid, .table_uuid, (.partitions[]? | .uuid, .fs.uuid)),
		(.nics[]? | .mac, .permanent_mac, (.addresses[]? | .address | sub("/.*"; ""))), .routes[]?.gateway, .dns[]?
		| select(. != null)' "$e2e_dir/plain.json" | grep -E '.{7,}' |
		grep -vE '^(00:00:00|127[.]|fe80::1$|::1$|0\.0\.0\.0)' | sort -u
}

# No file, name or link of it has one of them.
tells_nothing()
{
	identities >"$e2e_dir/identities"
	[ -s "$e2e_dir/identities" ] || { echo "nothing to look for"; return 1; }
	{ find "$1"; find "$1" -type l -exec readlink {} \;; } >"$e2e_dir/names"
	! grep -aiFf "$e2e_dir/identities" "$e2e_dir/names" && ! grep -raiFf "$e2e_dir/identities" "$1"
}

tells()
{
	identities >"$e2e_dir/identities"
	grep -raqiFf "$e2e_dir/identities" "$1"
}

# The same word became the same other word: as many different ones as before.
as_many()
{
	for filter in '[.nics[]?.mac] | unique | length' '[.disks[]?.serial] | unique | length' \
		'[.nics[]?.addresses[]?.address] | unique | length'; do
		[ "$(jq "$filter" "$1")" = "$(jq "$filter" "$2")" ] || { echo "$filter"; return 1; }
	done
}

read_back()
{
	agent inventory --json --sysroot="$e2e_dir/$1" >"$e2e_dir/$1.json"
}

must "this machine is recorded" "$record" "$e2e_dir/plain"
must "and recorded with --scrub" "$record" --scrub "$e2e_dir/scrubbed"
agent inventory --json >"$e2e_dir/live.json"
must "the record is read" read_back plain
must "so is the other" read_back scrubbed
check "the record tells what the machine tells" same_machine "$e2e_dir/live.json" "$e2e_dir/plain.json"
check "the scrubbed one has the same shape" same_shape "$e2e_dir/plain.json" "$e2e_dir/scrubbed.json"
check "and as many different serial numbers and addresses" as_many "$e2e_dir/plain.json" "$e2e_dir/scrubbed.json"
check "the first one tells who it is" tells "$e2e_dir/plain"
check "the scrubbed one does not" tells_nothing "$e2e_dir/scrubbed"

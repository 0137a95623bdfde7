#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154
#
# This very machine, live, recorded, and recorded with --scrub: the same machine three times, and of who it is the last
# one tells nothing. The same for records that are there, scrubbed where they lie, once and twice.

. "$(dirname "$0")/../lib/e2e.sh"
e2e_want jq
e2e_begin 32 300

record=$e2e_top/tests/sysroots/record-machine

# What differs between two looks at one machine:
#	recorded_at, clock.rtc_minus_system	the time goes on
#	warnings				a device that came or went in between is one
#	root_free, boot_free, used		other programs write
#	services, software			a test beside this one starts them
#	mountpoints, mounts, volumes, nbd*	... and mounts, and attaches loop and nbd devices
#	smart					temperatures and hours
#	hugepages				taken and given back
#	nics that are not physical		guests' and containers' come and go
still='del(.recorded_at, .warnings, .clock.rtc_minus_system, .volumes, .mounts)
	| del(.os.root_free, .os.boot_free, .os.services, .os.software)
	| .disks = [.disks[]? | select(.name | startswith("nbd") | not)
		| del(.. | objects | select(has("used")) | .used) | del(.smart, .mountpoints, .partitions[]?.mountpoints)]
	| .nics = [.nics[]? | select(.kind == "physical")]
	| .memory |= del(.hugepages)'

# Every place in it, numbers and truths as they are, and of texts those that tell the kind of something.
# shellcheck disable=SC2016 # names of jq
shape='[paths as $p | [$p, (getpath($p) | if type != "string" then (if type | . == "number" or . == "boolean" then . else
	type end) elif [$p[-1]] | inside(["kind", "type", "usage", "level", "transport", "table", "driver", "vendor",
	"model", "scope", "fs", "root_fs", "bus", "controller", "hctl", "bond_mode", "id", "version_id", "kernel", "arch",
	"source", "product_name", "sys_vendor", "identity", "locator", "part_number", "init"]) and ($p[0] != "mounts")
	then . else "string" end)]]'

# same_shape FILTER JSON JSON
same_shape()
{
	jq -c "$1 | $shape | .[]" "$2" >"$e2e_dir/shape.1" && jq -c "$1 | $shape | .[]" "$3" >"$e2e_dir/shape.2" &&
		diff "$e2e_dir/shape.1" "$e2e_dir/shape.2"
}

same_machine()
{
	jq -S "$still" "$1" >"$e2e_dir/same.1" && jq -S "$still" "$2" >"$e2e_dir/same.2" &&
		diff "$e2e_dir/same.1" "$e2e_dir/same.2"
}

# Who the machine of a JSON is, a line each. Names that many have and values that say nothing stay.
identities()
{
	jq -r '(.hostname, .os.hostname | select(. != null) | ., sub("[.].*"; "")), .os.machine_id, .smbios.uuid,
		.smbios.product_serial, .smbios.board_serial, .smbios.chassis_serial, .smbios.chassis_asset_tag,
		.smbios.board_asset_tag, .memory.slots[]?.serial,
		((.disks[]?, .disks[]?.partitions[]?, .volumes[]?) | .uuid, .serial, .table_uuid, .label, .fs.uuid, .fs.label,
			(.group | if . == null then . else ., gsub("-"; "--") end),
			(.wwn | if . == null then . else sub("^(0x|eui[.]|naa[.])"; "") end)),
		(.nics[]? | (.mac, .permanent_mac | select(. != null) | .[6:], (gsub(":"; ""))),
			(.addresses[]? | .address | sub("/.*"; ""))),
		.routes[]?.gateway, .dns[]?, .dns_search[]?, .search[]?
		| select(. != null)' "$1" | grep -E '.{3,}' |
		grep -viE '^(00:00:00|0{12}|127[.]|::1$|0\.0\.0\.0|/|none$|not specified|localhost)' |
		grep -vixE 'root|boot|home|swap|data|debian|linux|efi system partition' | sort -u
}

# hex: standard input as digits
hex()
{
	od -An -v -tx1 | tr -d ' \n'
}

# The same as bytes: 16 bits a letter, GUIDs as firmware stores them, addresses of cards.
identities_hex()
{
	while read -r word; do
		case $word in
		????????-????-????-????-????????????)
			plain=$(echo "$word" | tr -d - | tr A-F a-f)
			echo "$plain"
			echo "$plain" | sed 's/^\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\4\3\2\1\6\5\8\7/'
			;;
		????????????)
			echo "$word" | grep -xE '[0-9a-f]*'
			;;
		esac
		[ ${#word} -lt 4 ] || printf %s "$word" | hex | sed 's/../&00/g; s/$/\n/'
	done
}

# told JSON FOLDER: what of who it is can be found in files, names and links, in bytes and in letters
told()
{
	identities "$1" >"$e2e_dir/identities"
	[ -s "$e2e_dir/identities" ] || { echo "nothing to look for"; return 0; }
	identities_hex <"$e2e_dir/identities" | sort -u >"$e2e_dir/identities.hex"
	{ find "$2"; find "$2" -type l -exec readlink {} \;; } | sed "s|^$2||" >"$e2e_dir/names"
	grep -aiwFf "$e2e_dir/identities" "$e2e_dir/names" && return 0
	grep -raiwFf "$e2e_dir/identities" "$2" && return 0
	# Long ones are no accident anywhere in a word.
	grep -xE '.{8,}' "$e2e_dir/identities" >"$e2e_dir/long"
	grep -aiFf "$e2e_dir/long" "$e2e_dir/names" && return 0
	grep -raiFf "$e2e_dir/long" "$2" && return 0
	find "$2" -type f -size +0 | while read -r file; do
		hex <"$file" | grep -qFf "$e2e_dir/identities.hex" && echo "$file"
	done | grep .
}

tells_nothing()
{
	! told "$@"
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

# scrub_again NAME: where it lies
scrub_again()
{
	"$record" --scrub-only "$e2e_dir/$1" && read_back "$1"
}

# fails_closed FOLDER: the program that replaces does not work
fails_closed()
{
	mkdir "$e2e_dir/bin" && printf '#!/bin/sh\nexit 1\n' >"$e2e_dir/bin/awk" && chmod +x "$e2e_dir/bin/awk" &&
		! PATH=$e2e_dir/bin:$PATH "$record" --scrub "$1" && [ ! -e "$1" ]
}

# at FILE OFFSET TEXT: in the syntax of printf
at()
{
	# shellcheck disable=SC2059 # it has octal escapes
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# md_is_valid FOLDER: a superblock, as far as the decoder looks, whose sum is not right before scrubbing; after it, it is
md_is_valid()
{
	cp -a "$e2e_top/tests/sysroots/uefi-nvme-bond" "$1" && mkdir -p "$1/p2v/content" || return 1
	sb=$1/p2v/content/sda.4096
	echo 4000787030016 >"$1/p2v/content/sda.size"
	head -c 4096 /dev/zero >"$sb"
	at "$sb" 0 '\374\116\053\251\001'
	at "$sb" 16 '\241\262\303\324\000\000\021\021\042\042\063\063\104\104\125\125db1:data'
	at "$sb" 72 '\001'
	at "$sb" 92 '\002'
	at "$sb" 144 '\010'
	# An odd number of devices: a half word at the end of the sum.
	at "$sb" 220 '\201'
	agent inventory --json --sysroot="$1" >"$e2e_dir/md.json"
	jq -e '.disks[] | select(.name == "sda").fs | .group_uuid == null' "$e2e_dir/md.json" || return 1
	"$record" --scrub-only "$1" && agent inventory --json --sysroot="$1" >"$e2e_dir/md.json" || return 1
	jq -e '.disks[] | select(.name == "sda").fs
		| .group_uuid == .uuid and .group == .label and .group != "db1:data" and .level == "raid1"' "$e2e_dir/md.json"
}

# others_untouched FOLDER: it is not a record, so nothing in it changes
others_untouched()
{
	mkdir "$1" && echo 52:54:00:12:34:56 >"$1/file" && ! "$record" --scrub-only "$1" &&
		[ "$(cat "$1/file")" = 52:54:00:12:34:56 ]
}

must "this machine is recorded" "$record" "$e2e_dir/plain"
must "and recorded with --scrub" "$record" --scrub "$e2e_dir/scrubbed"
agent inventory --json >"$e2e_dir/live.json"
must "the record is read" read_back plain
must "so is the other" read_back scrubbed
check "the record tells what the machine tells" same_machine "$e2e_dir/live.json" "$e2e_dir/plain.json"
check "the scrubbed one has the same shape" same_shape "$still" "$e2e_dir/plain.json" "$e2e_dir/scrubbed.json"
check "and as many different serial numbers and addresses" as_many "$e2e_dir/plain.json" "$e2e_dir/scrubbed.json"
check "the first one tells who it is" told "$e2e_dir/plain.json" "$e2e_dir/plain"
check "the scrubbed one does not" tells_nothing "$e2e_dir/plain.json" "$e2e_dir/scrubbed"

for name in uefi-nvme-bond bios-ahci-lvm recorded-virtio cciss-rhel5; do
	cp -a "$e2e_top/tests/sysroots/$name" "$e2e_dir/$name"
	read_back "$name"
	cp "$e2e_dir/$name.json" "$e2e_dir/before.json"
	check "$name tells who it is" told "$e2e_dir/before.json" "$e2e_dir/$name"
	must "$name is scrubbed" scrub_again "$name"
	check "$name: nothing is left" tells_nothing "$e2e_dir/before.json" "$e2e_dir/$name"
	check "$name: the same shape" same_shape . "$e2e_dir/before.json" "$e2e_dir/$name.json"
	scrub_again "$name"
	check "$name: the same shape after another time" same_shape . "$e2e_dir/before.json" "$e2e_dir/$name.json"
done
check "without awk: a failure, and no folder that may be passed on" fails_closed "$e2e_dir/closed"
check "a superblock of md gets the sum of its new bytes" md_is_valid "$e2e_dir/md"
check "what is no record is left alone" others_untouched "$e2e_dir/other"

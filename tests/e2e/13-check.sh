#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR
#
# p2v-agent check on recorded machines and on an image: findings, amounts, exit status; and cold, which asks the same
# before it connects.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

e2e_want jq sfdisk mke2fs qemu-img
e2e_begin 50 180
sysroots=$e2e_top/tests/sysroots
disk=$e2e_dir/disk.raw
machine=$e2e_dir/machine.json
truncate -s 64M "$disk"
printf 'label: gpt\nstart=2048, size=112640\n' | sfdisk -q "$disk"
mke2fs -q -F -t ext4 -E offset=1048576,nodiscard "$disk" 55M

# make_machine FS: of two disks, the second of which holds what is said
make_machine()
{
	printf '{"version":1,"hostname":"box","clock":{"timezone":"Etc/UTC"},"disks":[{"name":"sda","path":"/dev/sda","size":67108864,
		"table":"gpt","partitions":[{"name":"sda1","number":1,"path":"/dev/sda1","start":1048576,"size":57671680,"fs":{"type":"ext4"}}]},
		{"name":"sdb","path":"/dev/sdb","size":1073741824,"table":"dos","partitions":[{"name":"sdb1","number":1,
		"path":"/dev/sdb1","start":1048576,"size":1072693248,"fs":{%s}}]}]}\n' "$1" >"$machine"
}

# run STATUS ARGUMENT...: the agent ends with this status
run()
{
	run_wanted=$1
	run_status=0
	shift
	agent "$@" >"$e2e_dir/out" 2>"$e2e_dir/err" </dev/null || run_status=$?
	[ "$run_status" -eq "$run_wanted" ] || { echo "status $run_status"; cat "$e2e_dir/out" "$e2e_dir/err"; return 1; }
}

found() # FILTER
{
	jq -r "$1" <"$e2e_dir/out"
}

# ---- recorded machines

check "a healthy machine passes" run 0 check --sysroot "$sysroots/bios-ahci-lvm"
check "and is told how long it takes" grep -qx "  1 Gbit/s     at most 2:13:22" "$e2e_dir/out"
check "nothing on stderr" test ! -s "$e2e_dir/err"
check "no line is wider than 100" sh -c "! grep -qE '.{101}' '$e2e_dir/out'"
check "an encrypted one is stopped" run 5 check --sysroot "$sysroots/uefi-nvme-bond"
check "in words" grep -q "^BLOCKS .*\[luks-no-key\]" "$e2e_dir/out"
check "as JSON" run 5 check --json --sysroot "$sysroots/uefi-nvme-bond"
is "with one that blocks" "$(found '[.blocking, .findings[0].id, .findings[0].subject] | map(tostring) | join(" ")')" \
	"1 luks-no-key nvme0n1p3"
is "every finding has all there is to say" "$(found '[.findings[] | [.id, .severity, .subject, .title, .evidence, .advice, .link] |
	all(type == "string" and . != "")] | all')" true
check "the worst comes first" test "$(found '[.findings[].severity | {blocks:0, degrades:1, note:2}[.]] | . == sort')" = true
check "accepted, it passes" run 0 check --json --sysroot "$sysroots/uefi-nvme-bond" --force luks-no-key
is "and says so" "$(found '[.blocking, (.findings[] | select(.id == "luks-no-key") | .accepted)] | map(tostring) | join(" ")')" "0 true"
check "hot is another question" run 0 check --json --hot --sysroot "$sysroots/bios-ahci-lvm"
is "about addresses" "$(found '.findings[] | select(.id == "net-address-clash").severity')" degrades

# ---- what was asked for

check "an id that is not there" run 2 check --force no-such-id
check "is told where to look" grep -q "p2v-agent check --list" "$e2e_dir/err"
check "a key without a file" run 2 check --key sda1
check "an image that is not there" run 1 check --disk "$e2e_dir/none" --sysroot "$sysroots/recorded-virtio"
check "a disk that the inventory has not" run 1 check --no-map --disk sdx --sysroot "$sysroots/recorded-virtio"
check "the list" run 0 check --list
check "has the ids" grep -q "^  disk-in-use  *blocks " "$e2e_dir/out"
check "the list as JSON" run 0 check --list --json
is "is the document's" "$(found '.[].id' | sort)" "$(sed -n 's/^### //p' "$e2e_top/docs/preflight.md" | sort)"

# ---- an image, and what of it is used

make_machine '"type":"ext4"'
check "an image" run 0 check --json --machine "$machine" --disk "$disk,name=sda" --rate 1M
is "its size" "$(found .total)" 67108864
check "and less of it is used" test "$(found .to_copy)" -lt 40000000
is "the time" "$(found .seconds)" "$(($(found .to_copy) / 1048576 + ($(found .to_copy) % 1048576 > 0)))"
is "the other disk is left out" "$(found '.findings[] | select(.id == "disk-left-out").subject')" sdb
check "without looking" run 0 check --json --no-map --machine "$machine" --disk sda
is "nothing is known of that" "$(found '[.total, .to_copy] | map(tostring) | join(" ")')" "67108864 null"

# ---- keys

luks=$e2e_dir/luks.raw
make_luks()
{
	truncate -s 32M "$luks" && printf 'open sesame' >"$e2e_dir/key" &&
		cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$e2e_dir/key" "$luks"
}
if command -v cryptsetup >/dev/null && make_luks 2>/dev/null; then
	printf '{"version":1,"disks":[{"name":"sdc","size":33554432,"fs":{"type":"crypto_LUKS","version":"2","keyslots":1}}]}' >"$machine"
	check "without a key" run 0 check --json --machine "$machine" --disk "$luks,name=sdc"
	is "that degrades" "$(found '.findings[] | select(.id == "luks-no-key").severity')" degrades
	check "its key" run 0 check --json --machine "$machine" --disk "$luks,name=sdc" --key "sdc=$e2e_dir/key"
	if grep -q 'was not tried: this program was built without LUKS' "$e2e_dir/err"; then
		skip 3 "built without LUKS"
	else
		is "opens it" "$(found '[.findings[].id | select(startswith("luks"))] | length')" 0
		printf 'nonsense' >"$e2e_dir/key"
		check "another one does not" run 5 check --machine "$machine" --disk "$luks,name=sdc" --key "sdc=$e2e_dir/key"
		check "and that is said" grep -q '\[luks-key-wrong\]' "$e2e_dir/out"
	fi
else
	skip 6 "cryptsetup cannot format an image here"
fi

# ---- cold asks, too

# cold STATUS OPTION...
cold()
{
	cold_status=$1
	shift
	run "$cold_status" cold --connect-command "$e2e_build/p2v-server --store $e2e_dir/store receive" --no-input \
		--disk "$disk,name=sdb" --machine "$machine" --name box "$@"
}

make_machine '"type":"ntfs","hibernated":true'
check "cold is refused" cold 5
is "with one line" "$(grep -c '^p2v-agent: error: ' "$e2e_dir/err")" 1
check "that names the finding and the way out" grep -q 'error: .*sdb1.*(--force ntfs-hibernated accepts this)' "$e2e_dir/err"
check "before it connects" test ! -e "$e2e_dir/store"
check "another id does not help" cold 5 --force disk-in-use
check "an unknown one is a usage error" cold 2 --force ntfs
check "accepted, it goes on" cold 0 --force ntfs-hibernated
check "and warns" grep -q 'warning: .*(accepted: ntfs-hibernated)' "$e2e_dir/err"
check "what degrades is a warning" grep -q 'warning: .*(disk-size-differs)' "$e2e_dir/err"
is "the job is consistent" "$(show box .consistency)" consistent

# ---- a disk in use

make_machine '"type":"ext4"'
mkdir "$e2e_dir/mnt"
if mount -o loop,offset=1048576 "$disk" "$e2e_dir/mnt" 2>/dev/null; then
	e2e_at_exit "umount '$e2e_dir/mnt' 2>/dev/null"
	check "a mounted disk is refused" cold 5
	check "because it is in use" grep -q -- '--force disk-in-use' "$e2e_dir/err"
	rm -rf "$e2e_dir/store"
	check "accepted, it is copied" cold 0 --force disk-in-use
	is "and the job says how" "$(show box .consistency)" in-use
else
	skip 4 "no loop device can be mounted here"
fi

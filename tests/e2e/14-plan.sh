#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154
#
# A plan from end to end: made, edited, checked, taken along by a copy, done by finish, overruled by
# options, replaced by another.  Two disks, one of them skipped and one grown.  No root, no network.

. "$(dirname "$0")/../lib/e2e.sh"
e2e_want qemu-img sfdisk jq xmllint
e2e_begin 70 300

connect="$e2e_build/p2v-server --store $e2e_dir/store receive"
machine=$e2e_dir/machine.json
plan=$e2e_dir/plan.json
vda=$e2e_dir/vda.img
size=$((8 * 1048576))

# says STATUS WORDS COMMAND...: how it ends, and what is in its one line of error
says()
{
	says_status=$1
	says_words=$2
	shift 2
	says_rc=0
	"$@" >"$e2e_dir/out" 2>"$e2e_dir/err" || says_rc=$?
	[ "$says_rc" -eq "$says_status" ] || { echo "status $says_rc, not $says_status"; cat "$e2e_dir/err"; return 1; }
	grep -qF -- "$says_words" "$e2e_dir/err" || { echo "not \"$says_words\":"; cat "$e2e_dir/err"; return 1; }
}

# edit FILTER [FROM [TO]]: with jq, in the way of an editor
edit()
{
	jq "$1" "${2:-$plan}" >"$e2e_dir/edited" && mv "$e2e_dir/edited" "${3:-$plan}"
}

# ---- the machine: two disks and three NICs

make_machine()
{
	truncate -s $size "$vda"
	printf 'label: gpt\nstart=2048, size=8192, type=linux\n' | sfdisk -q "$vda" || return 1
	printf 'a mark' | dd of="$vda" bs=512 seek=3000 conv=notrunc status=none
	agent inventory --json --sysroot "$e2e_top/tests/sysroots/recorded-virtio" >"$machine" || return 1
	edit ".disks[0] |= (.size = $size | .table = \"gpt\") |
		.disks[1] = (.disks[0] | .name = \"vdb\" | .path = \"/dev/vdb\" | .serial = \"second\" | .size = 4194304) |
		.nics[1] = (.nics[0] | .name = \"eth1\" | .mac = \"02:fc:00:00:00:02\" | .permanent_mac = .mac) |
		.nics[2] = (.nics[0] | .name = \"eth2\" | .mac = \"02:fc:00:00:00:03\" | .permanent_mac = .mac | .carrier = false)" \
		"$machine" "$machine"
}

must "a machine" make_machine

# ---- the plan

check "a plan is made" agent plan --machine "$machine" --name planned --output "$plan"
is "every decision is in sight" "$(jq -c '.plan' "$plan")" \
	'{"name":"planned","vcpus":2,"memory":2147483648,"firmware":"bios","bonds":null,"disks":[{"name":"vda","skip":false,"size":8388608,"bus":null},{"name":"vdb","skip":false,"size":4194304,"bus":null}],"nics":[{"name":"eth0","connect":"network:default","model":null,"mac":null,"addresses":[]},{"name":"eth1","connect":"network:default","model":null,"mac":null,"addresses":[]},{"name":"eth2","connect":null,"model":null,"mac":null,"addresses":[]}],"skip_fixes":[],"accept":[]}'
is "the machine is behind it" "$(jq -Sc 'del(.plan)' "$plan")" "$(jq -Sc . "$machine")"
is "it is good" "$(agent plan --check "$plan")" ok
cp "$plan" "$e2e_dir/unedited.json"
check "and edited" edit '.plan |= (.vcpus = 3 | .memory = 1073741824 | .accept = ["no-such-finding"] |
	.disks[0] |= (.size = 16777216 | .bus = "sata") | .disks[1].skip = true |
	.nics[0].connect = "bridge:br0" | .nics[1].connect = "none" | .nics[2] |= (.connect = "direct:eno9" | .model = "rtl8139"))'
is "it is good" "$(agent plan --check "$plan")" ok

# broken FILTER LINE-OF WORDS: the line that has LINE-OF in it is named
broken()
{
	check "edited badly: $3" edit "$1" "$plan" "$e2e_dir/broken.json"
	broken_line=$(grep -nF -- "$2" "$e2e_dir/broken.json" | head -n 1 | cut -d: -f1)
	check "refused: $3" says 1 "broken.json: line $broken_line: plan: $3" agent plan --check "$e2e_dir/broken.json"
}
broken '.plan.cpus = 5' '"cpus"' "cpus is not a member that is known here"
broken '.plan.disks[1].size = 512' '"size": 512' "disks[1]: size 512 is less than the source's 4194304"
broken '.plan.nics[2].connect = "eno9"' '"connect": "eno9"' "nics[2]: connect eno9 is none of"
broken '.plan.firmware = "uefi"' '"firmware": "uefi"' "firmware uefi is not the machine's bios"
sed 's/"vcpus": 3,/"vcpus": 3/' "$plan" >"$e2e_dir/broken.json"
check "a comma is missing" says 1 "broken.json: line 6: not valid JSON" agent plan --check "$e2e_dir/broken.json"
check "an inventory is no plan" says 1 '"plan" is missing' agent plan --check "$machine"
check "no plan of a plan" says 1 "has a plan already" agent plan --machine "$plan"
check "usage: --check goes alone" says 2 "--check goes alone" agent plan --check "$plan" --name x
check "usage: one machine" says 2 "exclude each other" agent plan --machine "$machine" --sysroot /
check "usage: a name" says 2 "--name ../x" agent plan --machine "$machine" --name ../x

# ---- the copy

# cold OPTION...
cold()
{
	agent cold --connect-command "$connect" --no-input "$@"
}

check "usage: a plan has its machine" says 2 "it excludes --sysroot and --machine" cold --plan "$plan" --machine "$machine" --disk "$vda"
check "of another machine, without a disk" says 1 "the plan is not of this machine" cold --plan "$plan"
check "a broken one" says 1 "broken.json: line 6: " cold --plan "$e2e_dir/broken.json" --disk "$vda"
check "nothing is at the server" test ! -e "$e2e_dir/store/planned"
must "a copy by plan" cold --plan "$plan" --disk "$vda,name=vda"
is "the plan named the job" "$(show planned .state)" verified
is "the server has the plan" "$(jq -Sc .plan.nics "$e2e_dir/store/planned/machine.json")" "$(jq -Sc '.plan.nics | map(del(.[] | select(. == null or . == [])))' "$plan")"
is "show tells it" "$(show planned .plan.vcpus)" 3
must "a copy, --name wins" cold --plan "$plan" --disk "$vda,name=vda" --name other
is "and the plan hears of it" "$(show other .plan.name)" other
must "a copy without a plan" cold --machine "$machine" --disk "$vda,name=vda" --name plain
is "there is none to show" "$(show plain .plan)" null

# ---- what finish makes of it

# xml JOB XPATH
xml()
{
	xmllint --xpath "string($2)" "$e2e_dir/store/$1/$1.xml"
}

finish()
{
	server finish --no-fix --accel tcg "$@"
}

vsize() # FILE
{
	qemu-img info --output=json "$1" | jq '."virtual-size"'
}

digest=$(show planned '.images[0].digest')
must "finish" finish planned
is "the name" "$(xml planned /domain/name)" planned
is "processors" "$(xml planned /domain/vcpu)" 3
is "memory" "$(xml planned '/domain/memory')$(xml planned /domain/memory/@unit)" 1048576KiB
is "the disk's bus" "$(xml planned '/domain/devices/disk[1]/target/@bus')" sata
is "no second disk" "$(xml planned 'count(/domain/devices/disk)')" 1
is "two interfaces" "$(xml planned 'count(/domain/devices/interface)')" 2
is "the first" "$(xml planned '/domain/devices/interface[1]/mac/@address') $(xml planned '/domain/devices/interface[1]/source/@bridge')" \
	"02:fc:00:00:00:01 br0"
is "the third" "$(xml planned '/domain/devices/interface[2]/mac/@address') $(xml planned '/domain/devices/interface[2]/source/@dev') $(xml planned '/domain/devices/interface[2]/model/@type')" \
	"02:fc:00:00:00:03 eno9 rtl8139"
is "the overlay has grown" "$(vsize "$e2e_dir/store/planned/vda-vm.qcow2")" 16777216
is "the replica has not" "$(vsize "$e2e_dir/store/planned/vda.qcow2")" $size
is "and is what was copied" "$(show planned '.images[0].digest')" "$digest"
check "what was copied is in front" sh -c \
	"qemu-img dd -O raw bs=1M count=8 if='$e2e_dir/store/planned/vda-vm.qcow2' of='$e2e_dir/front' && cmp '$e2e_dir/front' '$vda'"
check "a word about the partition table" sh -c "'$e2e_build/p2v-server' --store '$e2e_dir/store' show planned --json | jq -e '.warnings | any(test(\"vda has grown\"))'"
check "the image is sound" qemu-img check "$e2e_dir/store/planned/vda-vm.qcow2"

must "options overrule" finish planned --force --domain-name mine --vcpus 1 --memory 512M --map '*=user'
is "the name" "$(xml planned /domain/name)" mine
is "processors" "$(xml planned /domain/vcpu)" 1
is "memory" "$(xml planned /domain/memory)" 524288
is "every interface" "$(xml planned 'count(/domain/devices/interface[@type="user"])')" 3

must "without a plan" finish plain
is "the source's" "$(xml plain /domain/vcpu) $(xml plain /domain/memory) $(xml plain 'count(/domain/devices/interface)')" "2 2097152 3"

# An unedited plan changes nothing.
check "an unedited plan" finish plain --plan "$e2e_dir/unedited.json" --domain-name plain
grep -v '<description>\|<uuid>' "$e2e_dir/store/plain/plain.xml" >"$e2e_dir/with"
rm "$e2e_dir/store/plain/plan.json"
check "and none" finish plain
grep -v '<description>\|<uuid>' "$e2e_dir/store/plain/plain.xml" >"$e2e_dir/without"
check "make the same machine" cmp "$e2e_dir/with" "$e2e_dir/without"

# ---- another plan

edit '.plan |= (.vcpus = 2 | .disks[0].bus = "ide" | .skip_fixes = ["trim", "trimm"])' "$plan" "$e2e_dir/new.json"
check "a fix that there is not" says 1 "there is no fix trimm" finish planned --plan "$e2e_dir/new.json"
check "its line" grep -qF "new.json: line $(grep -n trimm "$e2e_dir/new.json" | cut -d: -f1): plan: skip_fixes[1]" "$e2e_dir/err"
check "how to find them" grep -qF -- "--list-fixes" "$e2e_dir/err"
check "the job has kept nothing of it" test ! -e "$e2e_dir/store/planned/plan.json"
is "and is as it was" "$(xml planned /domain/vcpu)" 1
edit '.plan.skip_fixes = ["trim"]' "$e2e_dir/new.json" "$e2e_dir/new.json"
must "a good one" finish planned --plan "$e2e_dir/new.json"
is "is done" "$(xml planned /domain/vcpu) $(xml planned '/domain/devices/disk[1]/target/@bus')" "2 ide"
must "finish again, without it" finish planned
is "it was kept" "$(xml planned /domain/vcpu) $(show planned .plan.disks[0].bus)" "2 ide"
cmp -s "$e2e_dir/store/planned/plan.json" "$e2e_dir/new.json"
is "as it was given" "$?" 0
is "what the agent said is as it was" "$(jq .plan.vcpus "$e2e_dir/store/planned/machine.json")" 3
printf '{"version":1,\n"plan":{"name":"\\u001b[2J"}}' >"$e2e_dir/store/planned/plan.json"
check "a hostile one in its place" says 1 'plan.json: line 2: plan: name \x1b[2J is not' finish planned

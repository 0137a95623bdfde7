#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016  # back-quotes are Markdown's
#
# docs/plan.md and docs/plan.schema.json are the program's: the schema is what it prints, the example
# is a good plan, every member is explained; and the schema judges as the program does, as far as a
# schema can.
set -eu

. "$(dirname "$0")/tap"
tap_begin 5
agent=$tap_build/p2v-agent
schema=docs/plan.schema.json

"$agent" plan --schema >"$tap_dir/schema" 2>"$faults" || echo "plan --schema fails" >>"$faults"
cmp -s "$schema" "$tap_dir/schema" ||
	echo "$schema is not what the program prints; make it anew: $agent plan --schema --output $schema" >>"$faults"
judge "the schema is the program's"

sed -n '/^```json$/,/^```$/p' docs/plan.md | grep -v '^```' >"$tap_dir/example.json"
{
	[ -s "$tap_dir/example.json" ] || echo "docs/plan.md has no example"
	"$agent" plan --check "$tap_dir/example.json" 2>&1 | grep -vx ok || :
} >"$faults"
judge "the example is a good plan"

# members STRUCT: those of inventory/machine_plan.h, without the counts of lists
members()
{
	sed -n "/^struct $1 {/,/^}/s/^[^;/]*[ *]\([a-z_]*\);.*/\1/p" inventory/machine_plan.h | grep -vx 'ndisks\|nnics\|nadvice'
}

{
	members machine_plan | while read -r member; do
		grep -qE "^\\| \`$member(\[\]|\`)" docs/plan.md || echo "docs/plan.md does not explain $member"
	done
	for part in disk nic; do
		members "machine_plan_$part" | while read -r member; do
			grep -qF "| \`${part}s[].$member\`" docs/plan.md || echo "docs/plan.md does not explain ${part}s[].$member"
		done
	done
} >"$faults"
judge "every member is explained"

if ! python3 -c 'import jsonschema' 2>/dev/null; then
	skip 2 "python3-jsonschema is not installed"
	exit 0
fi

cat >"$tap_dir/judge.py" <<'PYTHON'
import json, sys
from jsonschema import Draft202012Validator

schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
for path in sys.argv[2:]:
    for fault in Draft202012Validator(schema).iter_errors(json.load(open(path))):
        print(path + ": " + "/".join(map(str, fault.path)) + ": " + fault.message[:200])
PYTHON

for machine in tests/golden/machine/*.json; do
	"$agent" -qq plan --machine "$machine" --output "$tap_dir/$(basename "$machine")" 2>&1 || echo "$machine: plan fails"
done >"$faults"
python3 "$tap_dir/judge.py" "$schema" "$tap_dir"/*.json >>"$faults" 2>&1 || echo "the schema is none" >>"$faults"
judge "the schema is a schema, and takes good plans"

# One slip in the example each.
while read -r slip; do
	sed "$slip" "$tap_dir/example.json" >"$tap_dir/slip.json"
	cmp -s "$tap_dir/slip.json" "$tap_dir/example.json" && echo "$slip changes nothing"
	"$agent" plan --check "$tap_dir/slip.json" >/dev/null 2>&1 && echo "$slip: the program takes it"
	[ -n "$(python3 "$tap_dir/judge.py" "$schema" "$tap_dir/slip.json" 2>&1)" ] || echo "$slip: the schema takes it"
done >"$faults" <<'SLIPS'
s/"vcpus": 4/"vcpu": 4/
s/"vcpus": 4/"vcpus": 256/
s/"vcpus": 4/"vcpus": "4"/
s/"vcpus": 4/"vcpus": -1/
s/"memory": 8589934592/"memory": 8192/
s/"name": "web1"/"name": "-web1"/
s/"firmware": "bios",/"firmware": "efi",/
s/"size": 214748364800/"size": 214748364801/
s/"skip": true/"skip": 1/
s/"virtio-scsi"/"scsi"/
s/bridge:br0/br0/
s/bridge:br0/bridge:more-than-fifteen/
s/52:54:00:12:34:56/53:54:00:12:34:56/
s/10.0.0.5.24,gw/10.0.0.5,gw/
s/"bonds": "keep"/"bonds": "drop"/
s/"model": null/"model": "ne2k"/
s/"trim"/"Trim"/
s/"accept": \[\]/"accept": ["a b"]/
s/"accept": \[\]/"accept": {}/
s/"version": 1/"version": 2/
s/"hostname": "web1"/"hostname": 1/
SLIPS
judge "the schema refuses what the program refuses"

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# Watching the load: interrupted, it tells what it has seen; a recorder that is stopped leaves a whole ring behind, and
# goes on with it; what is no ring is refused and left alone.  A recorded machine, no root.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

e2e_want jq cmp
e2e_begin 21 120
agent=$e2e_build/p2v-agent
sysroot=$e2e_top/tests/sysroots/recorded-virtio
ring=$e2e_dir/ring

# interrupted SIGNAL SECONDS ARGUMENT...: the agent is sent this signal after so long, and its status is printed
interrupted()
{
	interrupted_signal=$1
	interrupted_after=$2
	shift 2
	# timeout(1), as a job in the background of a script would ignore SIGINT.
	interrupted_status=0
	timeout --preserve-status -s "$interrupted_signal" -k 20 "$interrupted_after" "$agent" -q "$@" >"$e2e_dir/out" 2>"$e2e_dir/err" ||
		interrupted_status=$?
	echo "$interrupted_status"
}

# refused WORDS ARGUMENT...: status 1, and one line of error with these words
refused()
{
	refused_words=$1
	shift
	refused_status=0
	"$agent" -q "$@" >"$e2e_dir/out" 2>"$e2e_dir/err" || refused_status=$?
	[ "$refused_status" -eq 1 ] && grep '^p2v-agent: error: ' "$e2e_dir/err" | grep -qF -- "$refused_words"
}

is "sampling ends early" "$(interrupted INT 3 inventory --sysroot "$sysroot" --sample 600 --json)" 0
check "no error" sh -c "! grep error '$e2e_dir/err'"
check "what was seen counts" jq -e '.sizing.sampled.seconds >= 1 and (.sizing.advice | length > 0)' "$e2e_dir/out"

is "a recorder is stopped" "$(interrupted INT 4 sample --sysroot "$sysroot" --ring "$ring" --interval 1 --days 1)" 0
is "it says nothing" "$(cat "$e2e_dir/out" "$e2e_dir/err")" ""
check "its ring is read" "$agent" -q inventory --sysroot "$sysroot" --sample-ring "$ring" --json --output "$e2e_dir/one.json"
size=$(wc -c <"$ring")
is "again, the other way" "$(interrupted TERM 4 sample --sysroot "$sysroot" --ring "$ring" --interval 1 --days 1)" 0
is "the ring does not grow" "$(wc -c <"$ring")" "$size"
check "it is read" "$agent" -q inventory --sysroot "$sysroot" --sample-ring "$ring" --json --output "$e2e_dir/two.json"
seconds=.sizing.sampled.seconds
check "there is more in it" test "$(jq "$seconds" "$e2e_dir/two.json")" -gt "$(jq "$seconds" "$e2e_dir/one.json")"
check "charts" "$agent" -q inventory --sysroot "$sysroot" --sample-ring "$ring" --charts "$e2e_dir/charts" --output "$e2e_dir/text"
check "of CPUs and memory" test -s "$e2e_dir/charts/cpu.svg" -a -s "$e2e_dir/charts/memory.svg"

printf 'one flipped byte' | dd of="$ring" bs=1 seek=20 conv=notrunc status=none
cp "$ring" "$e2e_dir/damaged"
check "a damaged header" refused "the header of $ring is damaged" inventory --sysroot "$sysroot" --sample-ring "$ring"
check "a damaged header, to record" refused "the header of $ring is damaged" sample --sysroot "$sysroot" --ring "$ring"
check "is as it was" cmp "$ring" "$e2e_dir/damaged"
echo "notes" >"$e2e_dir/notes"
check "no ring" refused "is no ring of samples" inventory --sysroot "$sysroot" --sample-ring "$e2e_dir/notes"
check "no ring, to record" refused "is no ring of samples" sample --sysroot "$sysroot" --ring "$e2e_dir/notes"
is "is as it was" "$(cat "$e2e_dir/notes")" notes
check "no such ring" refused "cannot open" inventory --sysroot "$sysroot" --sample-ring "$e2e_dir/none"
check "was not made" test ! -e "$e2e_dir/none"
check "no such machine" refused "cannot open root folder $e2e_dir/none: No such file" inventory --sysroot "$e2e_dir/none"

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154
#
# The agent before a server that breaks every rule (tests/tools/evil-server.c): one clear error, the
# right exit status, in bounded time; what the server says cannot command the terminal.

. "$(dirname "$0")/../lib/e2e.sh"
e2e_want jq
e2e_begin 91 150

evil=$e2e_build/tests/tools/evil-server
sysroot=$e2e_top/tests/sysroots/recorded-virtio
src=$e2e_dir/disk.img
dd if=/dev/urandom of="$src" bs=1M count=6 status=none

# evil MODE OPTION...: the agent's exit status is $status, what it said is in $e2e_dir/log
evil()
{
	mode=$1
	shift
	status=0
	# shellcheck disable=SC2086 # a list of words
	timeout -k 1 20 "$e2e_build/p2v-agent" ${verbose:-} cold --connect-command "$evil $mode" --sysroot "$sysroot" --name box --no-input \
		--disk "$src,name=vda" --retry-for 1 --events-fd 9 "$@" 9>"$e2e_dir/events" >"$e2e_dir/out" 2>"$e2e_dir/log" ||
		status=$?
}

harmless()
{
	test ! -s "$e2e_dir/out" || { echo "something on stdout"; return 1; }
	# No control character but the newline, no raw bidirectional mark, nothing of a sanitizer.
	LC_ALL=C tr -d '\n\t' <"$e2e_dir/log" | LC_ALL=C grep -q "[[:cntrl:]]" && { echo "control characters"; cat -v "$e2e_dir/log"; return 1; }
	LC_ALL=C grep -q "$(printf '\342\200\256')" "$e2e_dir/log" && { echo "bidirectional"; return 1; }
	grep -iq "sanitizer\|runtime error\|assert" "$e2e_dir/log" && { cat "$e2e_dir/log"; return 1; }
	test -z "$(sed '/^p2v-agent: /d; /^copy box: /d' "$e2e_dir/log")" || { cat "$e2e_dir/log"; return 1; }
}

# refused MODE WORDS: final at once, and the error says so
refused()
{
	evil "$1"
	said=$(tail -n 1 "$e2e_dir/log")
	is "$1: fails" "$status" 1
	# shellcheck disable=SC2016 # for the other shell
	check "$1: $said" sh -c 'grep -v "trying again" "$1" | grep -q -- "$2" && cat "$1"' sh "$e2e_dir/log" "$2"
	check "$1: harmless" harmless
}

# An agent that waits for a server that says no more: asked to leave, it gives the server half a minute.
stalled()
{
	"$e2e_build/p2v-agent" cold --connect-command "$evil $1" --sysroot "$sysroot" --name box --no-input --disk "$src,name=vda" \
		>/dev/null 2>"$e2e_dir/$1.log" &
	pid=$!
	e2e_at_exit "kill $pid 2>/dev/null"
	wait_for 20 test -s "$e2e_dir/$1.log" && sleep 1
	kill -INT "$pid"
}

leaves() # PID LOG
{
	left=0
	wait "$1" || left=$?
	# shellcheck disable=SC2015 # both may run
	[ "$left" -eq 4 ] && grep -q cancelled "$2" || { echo "status $left"; cat "$2"; return 1; }
}

stalled stall
stall_pid=$pid
stalled stall-at-once
check "a server that says nothing: leaves at Ctrl-C" leaves "$pid" "$e2e_dir/stall-at-once.log"

refused banner 'does not speak the p2v protocol'
refused noise 'does not speak the p2v protocol'
refused version-0 'version 0'
refused feature 'unknown features'
refused agent 'both ends are agents'
refused twice-hello 'HELLO'
refused oversized 'breaks the protocol: frame of 4294967295 bytes'
refused crc 'check sum'
refused ready-first 'READY before JOB'
refused have-new 'HAVE'
refused have-outside 'beyond the end of disk'
refused have-disk 'disk 200'
refused have-twice 'not in order'
refused ack-unsent 'ACK of id 1000000'
refused flushed-unsent 'FLUSHED of id 1'
refused finished-early 'FINISHED'
refused data 'ZERO'
refused pong 'PONG'
refused error 'server: '
refused error-unknown 'unknown error'
refused close 'without a word'
refused half-a-hello 'is not p2v-server'
refused exit-7 'exit status 7'
refused pings 'PING'

# gives_up MODE WORDS: tried again, for as long as it was told to
gives_up()
{
	evil "$1"
	is "$1: fails in the end" "$status" 1
	check "$1: was tried again" grep -q "trying again" "$e2e_dir/log"
	# shellcheck disable=SC2016 # for the other shell
	check "$1: $(grep error: "$e2e_dir/log")" sh -c 'tail -n 2 "$1" | grep "error: " | grep -q -- "$2"' sh "$e2e_dir/log" "$2"
	check "$1: harmless" harmless
}

gives_up half-a-frame 'in the middle of a message'
gives_up error-busy 'somebody else is here'

verbose=-v
evil software
verbose=
is "software: fails" "$status" 1
check "software: is shown" grep -qF '\x1b[2J' "$e2e_dir/log"
check "software: harmless" harmless

for mode in summary-escapes summary-not-json; do
	evil "$mode"
	check "$mode: not killed" test "$status" -le 1
	check "$mode: harmless" harmless
	# shellcheck disable=SC2016 # for the other shell
	check "$mode: the events are still events" jq -e -s 'all(.[]; .event as $e | ["progress", "complete", "reconnect"] | index($e))' \
		"$e2e_dir/events"
done

check "a server that stalls half-way: leaves at Ctrl-C, too" leaves "$stall_pid" "$e2e_dir/stall.log"

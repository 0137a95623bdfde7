# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2154
#
# An emulated machine whose serial console is written down with times; sourced by sh. Never with KVM.
#
#	watch_start LOG ARGUMENT...	qemu in the background: $watch_pid; LOG gets "SECONDS LINE", since its start
#	watch_for SECONDS LOG TEXT	until the console has shown TEXT; 1 when it has not in time, or qemu ended before
#	watch_stop			ends it
#	watch_at LOG TEXT		the second at which TEXT was shown first
#	watch_since LOG FROM TO		the seconds between two texts

watch_start()
{
	watch_log=$1
	shift
	: >"$watch_log"
	mkfifo "$watch_log.pipe"
	# Menus draw with escape sequences: one line for each piece of text.
	perl -MTime::HiRes=time -e '$| = 1; my ($t, $line) = (time, ""); while (sysread(STDIN, my $b, 4096)) { $line .= $b;
		$line =~ s/\e\[[0-9;?=]*[A-Za-z]|\ec/\n/g; $line =~ s/\r//g;
		while ($line =~ s/^([^\n]*)\n//) { my $text = $1; printf "%.1f %s\n", time - $t, $text if $text =~ /\S/ } } print "$line\n" if $line ne "";' \
		<"$watch_log.pipe" >"$watch_log" &
	watch_writer=$!
	qemu-system-x86_64 -accel tcg -nodefaults -no-user-config -display none -vga std -monitor none -no-reboot -rtc base=utc \
		-serial stdio "$@" </dev/null >"$watch_log.pipe" 2>"$watch_log.err" &
	watch_pid=$!
}

watch_for()
{
	watch_ticks=$(($1 * 4))
	until grep -aqF -- "$3" "$2"; do
		kill -0 "$watch_pid" 2>/dev/null || { sleep 1; grep -aqF -- "$3" "$2"; return; }
		watch_ticks=$((watch_ticks - 1))
		[ $watch_ticks -gt 0 ] || return 1
		sleep 0.25
	done
}

watch_stop()
{
	[ -n "${watch_pid:-}" ] || return 0
	kill "$watch_pid" 2>/dev/null || :
	wait "$watch_pid" 2>/dev/null || :
	wait "$watch_writer" 2>/dev/null || :
	rm -f "$watch_log.pipe"
	watch_pid=
}

watch_at()
{
	grep -aF -m 1 -- "$2" "$1" | cut -d ' ' -f 1
}

watch_since()
{
	echo "$(watch_at "$1" "$2") $(watch_at "$1" "$3")" | awk 'NF == 2 { printf "%.0f\n", $2 - $1 }'
}

# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# What a run costs; sourced by run. Each end is a control group, so every process of it is counted, sshd's too; the
# kernel's own threads (of loop devices, of writing back) are counted nowhere.
#
#	measure_open			make the two groups
#	measure_in near|far COMMAND...	run COMMAND in a group (exec: for a subshell)
#	measure_cpu near|far		processor time of a group so far, in microseconds
#	measure_quiet PID		wait until only PID is left in the far group
#	measure_rss FILE		the largest of the KiB that time(1) wrote to FILE
#	measure_close			end what is left in the groups, remove them

measure_root=
measure_version=

measure_open()
{
	local base
	base=$(awk '$3 == "cgroup" && $4 ~ /(^|,)cpuacct(,|$)/ { print $2; exit }' /proc/mounts)
	measure_version=1
	if [ -z "$base" ]; then
		base=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
		measure_version=2
	fi
	[ -n "$base" ] || { echo "no control groups are mounted" >&2; return 1; }
	mkdir "$base/p2v-bench.$$"
	measure_root=$base/p2v-bench.$$
	mkdir "$measure_root/near" "$measure_root/far"
}

measure_in()
{
	echo "$BASHPID" >"$measure_root/$1/cgroup.procs"
	shift
	exec "$@"
}

measure_cpu()
{
	if [ "$measure_version" = 1 ]; then
		awk '{ printf "%.0f\n", $1 / 1000 }' "$measure_root/$1/cpuacct.usage"
	else
		sed -n 's/^usage_usec //p' "$measure_root/$1/cpu.stat"
	fi
}

measure_quiet()
{
	local tries=0
	while grep -qvx "$1" "$measure_root/far/cgroup.procs"; do
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || return 1
		sleep 0.05
	done
}

measure_rss()
{
	awk '/^[0-9]+$/ && $1 > most { most = $1 } END { print most + 0 }' "$1"
}

# measure_kill near|far [PID]: end the processes of a group, but not PID
measure_kill()
{
	local pid tries=0
	while [ "$tries" -lt 100 ] && grep -qvx "${2:-0}" "$measure_root/$1/cgroup.procs"; do
		while read -r pid; do
			[ "$pid" = "${2:-0}" ] || kill -KILL "$pid" 2>/dev/null || :
		done <"$measure_root/$1/cgroup.procs"
		tries=$((tries + 1))
		sleep 0.05
	done
}

measure_close()
{
	[ -n "$measure_root" ] || return 0
	measure_kill near
	measure_kill far
	rmdir "$measure_root/near" "$measure_root/far" "$measure_root" || :
	measure_root=
}

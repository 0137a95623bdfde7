# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034
#
# What every end-to-end script shares; sourced by sh.  A script begins with
#
#	. "$(dirname "$0")/../lib/e2e.sh"
#	e2e_begin PLAN SECONDS
#
# and then checks one thing after the other: `check NAME COMMAND...`.  Everything it makes lives in $e2e_dir; what it
# starts it registers with e2e_at_exit.  A script that runs longer than SECONDS is ended together with all its children.

e2e_top=$(cd "$(dirname "$0")/../.." && pwd)
e2e_build=${P2V_BUILD:-$e2e_top/build}
e2e_rig=$e2e_top/tests/guests
e2e_number=0
e2e_failed=0
e2e_cleanup=
PATH=$PATH:/usr/sbin:/sbin
export P2V_CACHE="${P2V_CACHE:-$e2e_build/cache}"
export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg

# e2e_begin PLAN SECONDS
e2e_begin()
{
	if [ -z "${E2E_WATCHED:-}" ]; then
		# timeout puts the script and all it starts into one process group and signals all of it.
		E2E_WATCHED=$2
		export E2E_WATCHED
		exec timeout -k 30 "$2" sh "$0"
	fi
	unset E2E_WATCHED
	e2e_plan=$1
	e2e_dir=$(mktemp -d "${TMPDIR:-/tmp}/p2v-e2e.XXXXXX")
	# sshd and the restricted server must be able to pass through it.
	chmod 755 "$e2e_dir"
	trap e2e_end EXIT
	trap 'note "ended by a signal (too slow?)"; exit 1' HUP INT TERM
}

# shellcheck disable=SC2317  # called by the trap
e2e_end()
{
	e2e_status=$?
	trap '' HUP INT TERM
	trap - EXIT
	set +e
	eval "$e2e_cleanup"
	if [ -n "${P2V_KEEP:-}" ]; then
		note "kept: $e2e_dir"
	else
		chmod -R u+w "$e2e_dir" 2>/dev/null
		rm -rf "$e2e_dir"
	fi
	[ "$e2e_failed" -eq 0 ] || e2e_status=1
	# Here and not in front, for e2e_not_here; a script that breaks off has fewer.
	echo "1..$e2e_plan"
	exit "$e2e_status"
}

# e2e_at_exit COMMAND: run last of all, newest first
e2e_at_exit()
{
	e2e_cleanup="$1
$e2e_cleanup"
}

# e2e_stop PID...: end processes that this script started, and wait for them
e2e_stop()
{
	kill "$@" 2>/dev/null || return 0
	for e2e_pid in "$@"; do
		wait "$e2e_pid" 2>/dev/null || :
	done
}

note()
{
	printf '# %s\n' "$*"
}

# result STATUS NAME
result()
{
	e2e_number=$((e2e_number + 1))
	if [ "$1" -eq 0 ]; then
		printf 'ok %d - %s\n' "$e2e_number" "$2"
	else
		printf 'not ok %d - %s\n' "$e2e_number" "$2"
		e2e_failed=$((e2e_failed + 1))
	fi
}

# check NAME COMMAND...: passes when the command does; what it said is shown when it does not
check()
{
	e2e_name=$1
	shift
	e2e_rc=0
	e2e_since=$(date +%s)
	"$@" >"$e2e_dir/check.out" 2>&1 || e2e_rc=$?
	e2e_since=$(($(date +%s) - e2e_since))
	result "$e2e_rc" "$e2e_name"
	[ $e2e_since -lt 5 ] || note "took $e2e_since s"
	if [ "$e2e_rc" -ne 0 ]; then
		note "status $e2e_rc of: $*"
		tail -n 30 "$e2e_dir/check.out" | sed 's/^/#   /'
	fi
	return 0
}

# must NAME COMMAND...: like check, but without this the rest makes no sense
must()
{
	check "$@"
	[ "$e2e_rc" -eq 0 ] || { note "cannot go on"; exit 1; }
}

# is NAME GOT WANTED
is()
{
	if [ "$2" = "$3" ]; then
		result 0 "$1"
	else
		result 1 "$1"
		printf '%s\n' "$2" | sed 's/^/#      got: /'
		printf '%s\n' "$3" | sed 's/^/#   wanted: /'
	fi
}

# skip COUNT WHY: leave COUNT tests out
skip()
{
	e2e_left=$1
	while [ "$e2e_left" -gt 0 ]; do
		e2e_number=$((e2e_number + 1))
		printf 'ok %d # SKIP %s\n' "$e2e_number" "$2"
		e2e_left=$((e2e_left - 1))
	done
}

# e2e_not_here COUNT WHY: so many checks less, of something that this kernel can never do.  What could be there, and is not,
# is skipped: a skip is a failure under STRICT=1.
e2e_not_here()
{
	e2e_plan=$((e2e_plan - $1))
	note "$1 checks less: $2"
}

# e2e_want PROGRAM...: skip the whole script where one is missing.  Call it before e2e_begin.
e2e_want()
{
	for e2e_program; do
		command -v "$e2e_program" >/dev/null || { echo "1..0 # SKIP $e2e_program is not installed"; exit 0; }
	done
}

# e2e_want_guests: skip where no Debian guest can be made and booted.  Call it before e2e_begin.
e2e_want_guests()
{
	[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP must be root to make a Debian guest"; exit 0; }
	e2e_want debootstrap qemu-system-x86_64 qemu-img expect socat sfdisk mke2fs mkfs.vfat sshd jq
}

agent()
{
	"$e2e_build/p2v-agent" "$@"
}

# server SUBCOMMAND...: on the store of this script, $e2e_store or else $e2e_dir/store
server()
{
	"$e2e_build/p2v-server" --store "${e2e_store:-$e2e_dir/store}" "$@"
}

# show JOB JQ-FILTER
show()
{
	server show "$1" --json | jq -r "$2"
}

# wait_for SECONDS COMMAND...: until it passes
wait_for()
{
	e2e_ticks=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		e2e_ticks=$((e2e_ticks - 1))
		[ "$e2e_ticks" -gt 0 ] || return 1
		sleep 0.05
	done
}

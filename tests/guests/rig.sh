# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Facts and helpers that every script of the rig shares; sourced, never run.
#
# The cache holds what is slow to make (Debian trees, finished disks).  A cached thing is named by the hash of the
# scripts and options that made it, so an edited script never meets an old result.

rig_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rig_top=$(cd "$rig_dir/../.." && pwd)
rig_cache=${P2V_CACHE:-$rig_top/build/cache}
# shellcheck disable=SC2034  # the scripts that source this file use these
{
rig_suite=bookworm
rig_hostname=rack7-web01
rig_nic=enp0s25			# what udev calls an e1000e in slot 25 of the root bus, where mainboards have it
rig_address=10.0.2.15
rig_gateway=10.0.2.2
rig_dns=10.0.2.3
rig_mac=00:1b:21:3a:4c:5e
rig_password=p2v
# The identity of the "physical" machine; the converted one must still show it.
rig_vendor='Dell Inc.'
rig_product='PowerEdge R640'
rig_serial=7XK2P93
rig_uuid=4c4c4544-0058-4b10-8032-b7c04f503933
rig_disk_serial=S3Z8NB0K712345
rig_disk_wwn=0x5002538e40a1b2c3
rig_facts="$rig_suite $rig_hostname $rig_nic $rig_address $rig_gateway $rig_dns $rig_password"
}

rig_die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

rig_say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# rig_need PROGRAM...: fail with the names of all that are missing
rig_need()
{
	local program missing=

	PATH=$PATH:/usr/sbin:/sbin
	for program; do
		command -v "$program" >/dev/null || missing="$missing $program"
	done
	[ -z "$missing" ] || rig_die "not installed:$missing (see tests/guests/README.md)"
}

# rig_hash FILE... -- WORD...: the key of a cached thing
rig_hash()
{
	local file

	{
		for file; do
			shift
			[ "$file" != -- ] || break
			sha256sum <"$file"
		done
		printf '%s\n' "$@"
	} | sha256sum | cut -c1-16
}

# rig_lock NAME: one maker of a cached thing at a time; held until this process ends
rig_lock()
{
	mkdir -p "$rig_cache"
	exec {rig_lock_fd}>"$rig_cache/$1.lock"
	flock -w 1800 "$rig_lock_fd" || rig_die "another process keeps $1.lock for half an hour"
}

# rig_mirror: the mirror the host itself uses for Debian
rig_mirror()
{
	local uri=${P2V_MIRROR:-}

	# shellcheck disable=SC2016  # apt expands it
	if [ -z "$uri" ] && command -v apt-get >/dev/null; then
		uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		      'Origin: Debian' "Codename: $rig_suite" 2>/dev/null | head -n 1)
	fi
	printf '%s\n' "${uri:-http://deb.debian.org/debian}"
}

# rig_in_tree DIR COMMAND...: run inside a tree with /proc, /sys and /dev, in a mount namespace of its own: nothing
# stays mounted, whatever happens
rig_in_tree()
{
	local tree=$1

	shift
	# shellcheck disable=SC2016  # the inner shell expands it
	unshare --mount --fork --kill-child -- sh -eu -c '
		tree=$1
		shift
		mount --make-rprivate /
		mount -t proc proc "$tree/proc"
		mount -t tmpfs -o mode=755 dev "$tree/dev"
		for node in null zero full random urandom tty; do
			: >"$tree/dev/$node"
			mount --bind "/dev/$node" "$tree/dev/$node"
		done
		ln -s /proc/self/fd "$tree/dev/fd"
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
			DEBIAN_FRONTEND=noninteractive chroot "$tree" "$@"' in-tree "$tree" "$@"
}

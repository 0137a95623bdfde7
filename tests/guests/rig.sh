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
# The second disk of those that have two.
rig_member_serial=S3Z8NB0K712346
rig_member_wwn=0x5002538e40a1b2c4
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

# rig_family RELEASE: debian or ubuntu
rig_family()
{
	case $1 in
	xenial|bionic|focal|jammy|noble) echo ubuntu;;
	*) echo debian;;
	esac
}

# rig_mirror [RELEASE]: the mirror the host itself uses for Debian, the archive for what is no longer there, or Ubuntu's
rig_mirror()
{
	local uri=${P2V_MIRROR:-} release=${1:-$rig_suite}

	if [ "$(rig_family "$release")" = ubuntu ]; then
		printf '%s\n' "${P2V_MIRROR_UBUNTU:-http://archive.ubuntu.com/ubuntu}"
		return
	fi
	case $release in
	stretch|buster)
		printf '%s\n' "${P2V_MIRROR_ARCHIVE:-http://archive.debian.org/debian}"
		return;;
	esac
	# shellcheck disable=SC2016  # apt expands it
	if [ -z "$uri" ] && command -v apt-get >/dev/null; then
		uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		      'Origin: Debian' "Codename: $rig_suite" 2>/dev/null | head -n 1)
	fi
	printf '%s\n' "${uri:-http://deb.debian.org/debian}"
}

# rig_ubuntu_keyring MIRROR OUT: Ubuntu's archive keys, which Debian does not carry; they are known by their fingerprints
rig_ubuntu_keyring()
{
	local keys=(790BC7277767219C42C86F933B4FE6ACC0B21F32 F6ECB3762474EDA9D21B7022871920D1991BC93C)
	local deb=$1/pool/main/u/ubuntu-keyring/ubuntu-keyring_2021.03.26_all.deb work

	[ ! -s "$2" ] || return 0
	rig_need curl dpkg-deb gpg
	work=$(mktemp -d "${TMPDIR:-/tmp}/keyring.XXXXXX")
	if curl -sSf --max-time 60 -o "$work/deb" "$deb" && dpkg-deb -x "$work/deb" "$work/tree" &&
	   gpg -q --homedir "$work" --import "$work/tree/usr/share/keyrings/ubuntu-archive-keyring.gpg" &&
	   gpg -q --homedir "$work" --export "${keys[@]}" >"$work/keyring" && [ -s "$work/keyring" ]; then
		mv "$work/keyring" "$2"
	fi
	rm -rf "$work"
	[ -s "$2" ] || rig_die "cannot get Ubuntu's keys from $1"
}

# rig_debootstrap RELEASE TREE LOG: the smallest system of that release, and certificates
rig_debootstrap()
{
	local release=$1 tree=$2 log=$3 mirror components=main script='' options=()

	mirror=$(rig_mirror "$release")
	if [ "$(rig_family "$release")" = ubuntu ]; then
		components=main,universe
		rig_ubuntu_keyring "$mirror" "$rig_cache/ubuntu-keyring.gpg"
		options=(--keyring="$rig_cache/ubuntu-keyring.gpg")
	fi
	# A release that this debootstrap does not know is installed like those before it.
	[ -e "/usr/share/debootstrap/scripts/$release" ] ||
		case $(rig_family "$release") in
		debian) script=/usr/share/debootstrap/scripts/sid;;
		ubuntu) script=/usr/share/debootstrap/scripts/gutsy;;
		esac
	rig_say "debootstrap $release from $mirror"
	unshare --mount -- debootstrap --variant=minbase --include=ca-certificates --components="$components" \
		"${options[@]}" "$release" "$tree" "$mirror" ${script:+"$script"} >"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; rig_die "debootstrap failed, see $log"; }
}

# rig_blank_nvram uefi|uefi-sb: UEFI variables as a new virtual machine has them
rig_blank_nvram()
{
	case $1 in
	uefi-sb) echo /usr/share/OVMF/OVMF_VARS_4M.ms.fd;;
	*) echo /usr/share/OVMF/OVMF_VARS_4M.fd;;
	esac
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

# rig_apt TREE LOG PACKAGE...: install packages in a tree, for which no service is started
rig_apt()
{
	local tree=$1 log=$2

	shift 2
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	rm -f "$tree/etc/resolv.conf"		# it may be a link
	cp /etc/resolv.conf "$tree/etc/resolv.conf"
	mkdir -p "$tree/var/cache/apt/archives/partial"
	rig_say "install $# packages and what they need"
	echo force-unsafe-io >"$tree/etc/dpkg/dpkg.cfg.d/rig"
	# shellcheck disable=SC2016  # the inner shell expands it
	rig_in_tree "$tree" sh -eu -c 'apt-get -q update
		apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install "$@"
		apt-get clean' sh "$@" >>"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; rig_die "apt-get failed, see $log"; }
	rm "$tree/etc/dpkg/dpkg.cfg.d/rig"
	rm -rf "$tree/usr/sbin/policy-rc.d" "$tree"/var/lib/apt/lists/* "$tree"/usr/share/{doc,man,locale}/* \
		"$tree"/var/log/*.log "${tree:?}"/dev/*
}

# rig_pack TREE TARBALL and rig_unpack TARBALL DIR
rig_pack()
{
	tar -C "$1" --numeric-owner --xattrs --xattrs-include='*' -cf - . | zstd -q -3 -T2 -o "$2.new"
	mv "$2.new" "$2"
}

rig_unpack()
{
	mkdir -p "$2"
	zstd -dcq "$1" | tar -C "$2" --numeric-owner --xattrs --xattrs-include='*' -xpf -
}

# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC2034
#
# What the scripts of iso/ share; sourced by sh. Whoever sources it has set -eu.

iso_dir=$(cd "$(dirname "$0")" && pwd)
iso_top=$(dirname "$iso_dir")
PATH=$PATH:/usr/sbin:/sbin
# mtools writes local times.
LC_ALL=C TZ=UTC
export LC_ALL PATH TZ

iso_die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

iso_say()
{
	printf '  %-7s %s\n' "$1" "$2"
}

# iso_need PROGRAM...
iso_need()
{
	for iso_program; do
		command -v "$iso_program" >/dev/null ||
			iso_die "$iso_program is missing: run tools/deps iso as root"
	done
}

# iso_words FILE: its lines without comments and empty ones
iso_words()
{
	sed 's/#.*//; s/[[:space:]]*$//' "$1" | grep . || :
}

# iso_dated TREE: every file of it gets the date of the build
iso_dated()
{
	find "$1" -print0 | xargs -0 touch -h -d "@$SOURCE_DATE_EPOCH"
}

# iso_archive TREE FILE: TREE as a compressed archive that the kernel unpacks into its memory; the same tree gives the
# same bytes. The owner is root, whoever builds.
iso_archive()
{
	iso_dated "$1"
	(
		cd "$1" || exit 1
		find . -mindepth 1 -print0 | sort -z |
			cpio --null --create --format=newc --reproducible --owner=0:0 --quiet
	) >"$2.cpio"
	# The number of threads is no part of the result, one being another matter.
	zstd -q -f -T2 "-${3:-19}" "$2.cpio" -o "$2"
	rm "$2.cpio"
}

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What make would run for one program asks for no library that is the other's: the server is built
# without what probes devices and without libssh, the agent without the server's.
set -eu

. "$(dirname "$0")/tap"
tap_begin 2
# The make that runs this must not be heard.
unset MAKEFLAGS MFLAGS MAKELEVEL

# nothing_of TARGET LIBRARY...: none of them in the commands; and there are commands
nothing_of()
{
	target=$1
	shift
	make -n BUILD="$tap_dir/none" "$target" >"$tap_dir/$target" 2>>"$faults" || echo "make -n $target fails" >>"$faults"
	grep -q -e '-o .*p2v-' "$tap_dir/$target" || echo "make -n $target links nothing" >>"$faults"
	for library; do
		! grep -qwF -e "$library" "$tap_dir/$target" || echo "make $target asks for $library" >>"$faults"
	done
}

nothing_of server libssh blkid ext2fs com_err libcryptsetup libntfs-3g
judge "the server is built without the agent's libraries"
nothing_of agent libguestfs libvirt libxml-2.0 libarchive hivex
judge "the agent is built without the server's libraries"

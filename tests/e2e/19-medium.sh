#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# On a medium the inventory is of the system that is installed on the machine's disk, never of the medium's own; the
# disk and the table of mounts are as they were (medium-in-guest compares them in the guest).
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

e2e_want_guests
e2e_begin 6 1800

# got FILTER
got()
{
	jq -r "$1" "$e2e_dir/machine.json"
}

must "a server's disk is made" "$e2e_rig/make-debian-disk" --out "$e2e_dir/installed.raw"
must "another system looks at it, and changes nothing" \
	"$e2e_rig/medium-in-guest" --agent "$e2e_build/p2v-agent" "$e2e_dir/installed.raw" "$e2e_dir/machine.json"
is "one system is found, the installed one, and it boots first" \
	"$(got '.systems | map("\(.id) \(.hostname) \(.boots_first) \(.booted // false)") | join(";")')" \
	"debian rack7-web01 true false"
disk=$(got '.disks[] | select(.serial == "INSTALLED0001") | .path')
is "it is on the machine's disk" "$(got .os.root_source)" "${disk}1"
is "it is the machine's" "$(got '"\(.os.id) \(.os.init) \(.os.initramfs_tool) \(.hostname)"')" \
	"debian systemd initramfs-tools rack7-web01"
is "its kernel, initramfs and modules are found" \
	"$(got '.os.kernels | map("\(.image != null) \(.initramfs != null) \(.modules) \(.virtio | length)") | join(";")')" \
	"true true true 4"

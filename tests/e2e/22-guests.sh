#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# One row of tests/guests/matrix.tbl, a mirror of two disks: every property that a converted machine must have, down to its
# power button and a new initramfs.  make check-guests runs all rows.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

e2e_want_guests
e2e_want guestfish
e2e_work=$(mktemp -d "${TMPDIR:-/tmp}/p2v-guests.XXXXXX")
chmod 755 "$e2e_work"
trap 'rm -rf "$e2e_work"' EXIT
trap 'exit 1' HUP INT TERM
timeout -k 30 3000 "$e2e_rig/matrix" --work "$e2e_work" --only bw-raid1

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR disable=SC2154
#
# Two rows of tests/guests/matrix.tbl, whose layouts are the hardest to boot from: a mirror of two disks, and XFS on
# logical volumes with UEFI.  make check-guests runs them all.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"

e2e_want_guests
e2e_want guestfish
e2e_work=$(mktemp -d "${TMPDIR:-/tmp}/p2v-guests.XXXXXX")
chmod 755 "$e2e_work"
trap 'rm -rf "$e2e_work"' EXIT
trap 'exit 1' HUP INT TERM
timeout -k 30 3000 "$e2e_rig/matrix" --work "$e2e_work" --only bw-raid1,bw-xfs

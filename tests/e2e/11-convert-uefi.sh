#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck source-path=SCRIPTDIR
#
# A UEFI server with dracut and systemd-networkd becomes a virtual machine that boots the first time.
set -eu
. "$(dirname "$0")/../lib/e2e.sh"
. "$(dirname "$0")/../lib/sshd.sh"
. "$(dirname "$0")/../lib/convert.sh"

e2e_want_guests
e2e_begin "$((CONVERT_TESTS + 1))" 2400
convert_test uefi dracut networkd

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# gen.sh DIR: write the scripts in DIR as C on stdout, with the line ends of Windows. Fails on what
# a batch file must not have: anything but ASCII.
set -eu

[ $# -eq 1 ] || { echo "usage: gen.sh DIR" >&2; exit 2; }

script()
{
	echo
	echo "const char winscript_$1[] ="
	LC_ALL=C awk -v file="$2" '
		/[^\t -~]/ { printf "%s:%d: not ASCII\n", file, NR > "/dev/stderr"; exit 1 }
		{
			gsub(/\\/, "\\\\")
			gsub(/"/, "\\\"")
			gsub(/\t/, "\\t")
			printf "\t\"%s\\r\\n\"\n", $0
		}
		END { print "\t;" }
	' "$2"
}

echo "/* Made by postfix/windows/scripts/gen.sh; do not edit. */"
echo '#include "postfix/windows/winscript.h"'
script setup "$1/setup.cmd"
script firstboot "$1/firstboot.cmd"
script network_ps1 "$1/network.ps1"
script network_vbs "$1/network.vbs"

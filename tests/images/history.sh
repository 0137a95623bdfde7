#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# history.sh make FOLDER SEED STEPS: a filesystem's life below a folder. Files are made, grown, cut,
# punched, allocated ahead, renamed, linked and removed; small ones by the hundred, one that fills a
# good part of the space and goes again, and fstrim in between. The same seed gives the same life.
#
# history.sh list FOLDER: what is there, one line for each file: type, mode, owner, size, links, and
# what it holds. Two folders with the same files give the same lines.
#
# Operations that a filesystem does not have (links on FAT, holes) are tried, and do not matter.
set -eu

list() {
	cd "$1"
	find . -xdev ! -name lost+found ! -path './.snap*' -printf '%y %m %U %G %n %P %l\n' | sort
	find . -xdev -type f -print0 | sort -z | xargs -0r sha256sum
}

make() {
	cd "$1"
	seed=$2
	i=0
	while [ "$i" -lt "$3" ]; do
		i=$((i + 1))
		# glibc's old generator: its upper bits are good enough here.
		seed=$(((seed * 1103515245 + 12345) % 2147483648))
		r=$((seed / 65536))
		f=f$((r % 37))
		d=d$((r % 5))
		mkdir -p "$d"
		case $((r % 23)) in
		0 | 1 | 2 | 3 | 4) head -c $((r * 17 + 1)) /dev/urandom > "$d/$f" ;;
		5 | 6) head -c $((r * 3)) /dev/urandom >> "$f" ;;
		7) truncate -s $((r * 5)) "$f" ;;
		8) dd if=/dev/urandom of="$d/$f" bs=4096 seek=$((r % 600)) count=3 conv=notrunc ;;
		9) fallocate -p -o $((r * 2)) -l 65536 "$f" || : ;;
		10) fallocate -l $((r * 30)) "$d/ahead$((r % 3))" || : ;;
		11 | 12 | 13) rm -f "$d/$f" ;;
		14) mv -f "$f" "$d/moved" || : ;;
		15) ln -f "$f" "$d/hard" || : ;;
		16) ln -sf "a rather long target $r that may not fit into the inode itself $r" "$d/soft" || : ;;
		17)
			mkdir -p "small$((r % 4))"
			k=0
			while [ "$k" -lt 60 ]; do
				k=$((k + 1))
				echo "$r $k" > "small$((r % 4))/$k" || break
			done
			;;
		18) rm -rf "small$((r % 4))" ;;
		19) head -c $((r * 150)) /dev/zero > filler || : ; rm -f filler ;;
		20) fstrim . || : ;;
		21) sync -f . ;;
		22) rm -rf "$d" ;;
		esac 2> /dev/null || :
	done
}

case "${1:-}" in
make) make "$2" "$3" "$4" ;;
list) list "$2" ;;
*) echo "usage: history.sh make FOLDER SEED STEPS | list FOLDER" >&2; exit 2 ;;
esac

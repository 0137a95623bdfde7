/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Machines written down: a folder of files and links made from a text, for machines that are too
 * large to keep as files (512 processors, 300 disks) and for those that are clearer as a text.
 *
 *	# a comment; empty lines count nothing
 *	dir  /sys/class/net				a folder
 *	file /sys/block/sda/size 1953525168		a file with this line
 *	file /sys/block/sda/empty			a file with nothing in it
 *	link /sys/class/net/eth0 ../../devices/x	a symbolic link
 *	text /etc/os-release				a file with the lines up to a lone "."
 *	ID=debian
 *	.
 *	hex  /sys/firmware/x 0a0b0c...			a file of these bytes
 *	zero /sys/huge 1048576				a file of so many zero bytes
 *	mode /sys/secret 000				permission bits of what is there
 *	each i 0 511					what follows for i = 0 ... 511
 *	file /sys/devices/system/cpu/cpu{i}/topology/core_id {i%64}
 *	end
 *	more /proc/cpuinfo				as text, after what is there
 *	processor : {i}
 *	.
 *	set at /sys/devices/pci0000:00			{at} is this from here on;
 *							set inside a loop: for a round
 *	smbios 16 03030600000001feff0200		appended to the DMI table: type,
 *	smbios 11 02 First string|Second		bytes after the head, strings;
 *							handles count from 0
 *	use other.machine				another text, relative to this one
 *
 * {EXPRESSION} stands anywhere in a line, of numbers, loop variables, + - * / % and parentheses.
 * {EXPRESSION:04x} and {EXPRESSION:3d} print hexadecimal or decimal numbers with so many places,
 * filled with zeroes; {EXPRESSION:sd} the letters of a disk name (0 is "a", 26 "aa"). A brace is
 * {{. Folders above a path are made. Inside text, too, {...} stands for its value.
 */
#ifndef P2V_TESTS_LIB_TREE_H
#define P2V_TESTS_LIB_TREE_H

#include "common/err.h"

/* Make the tree of the file spec below dir, which is there. -errno, with "FILE:LINE: " in front. */
int tree_make(const char *spec, const char *dir, struct err *err);

#endif

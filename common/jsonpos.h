/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where in a JSON text a member stands, so that an error of ours can name the line that a person
 * has to mend. A tree does not know it: jansson keeps no positions.
 *
 * A path is what stands at the beginning of our own errors: members joined by ": " or ".", places
 * in lists in brackets, the last member perhaps in quotes, anything behind it:
 *
 *	plan: disks[1]: size 5 is not ...	disks[1].partitions[0]: start	"version" is not ...
 *
 * Members are compared as they are written in the text; one that is written with escapes is not
 * found, which is no error: the line is then that of what is around it. Where more than one member
 * fits the path, the longest does.
 *
 * A scanner over the bytes: no recursion, no memory, linear in the length of the text for each
 * level of the path. Text that is not JSON gives an error or some line, never a read past len.
 */
#ifndef P2V_COMMON_JSONPOS_H
#define P2V_COMMON_JSONPOS_H

#include <stddef.h>

/*
 * *ret_line: from 1, the line of the member's name (of the value, for a place in a list) that the
 * longest part of the path leads to that is in the text. -ENOENT: not even its first part is.
 * -EBADMSG: the text is not JSON.
 */
int jsonpos_line(const char *text, size_t len, const char *path, unsigned int *ret_line);

#endif

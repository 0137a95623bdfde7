/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which Windows is it, and which folders of a collection of virtio drivers are for it: a table
 * (winver.c). Pure.
 */
#ifndef P2V_POSTFIX_WINDOWS_WINVER_H
#define P2V_POSTFIX_WINDOWS_WINVER_H

#include <stdbool.h>
#include <stddef.h>

#define WINVER_FOLDERS	6

struct winver {
	const char *name;		/* "Windows Server 2019" */
	unsigned int major, minor, build; /* the first build that is it */
	bool server;
	const char *osinfo;		/* "http://microsoft.com/win/2k19" */
	/*
	 * Names of folders, best first: the first one is made for it, in the others there are
	 * drivers that run on it. NULL at the end.
	 */
	const char *folders[WINVER_FOLDERS + 1];
};

/* NULL: older than all of the table. What is newer than all counts as the newest. */
const struct winver *winver_find(unsigned int major, unsigned int minor, unsigned int build,
				 bool server);
/*
 * How good is the part of a path as a folder of this version: 0 is best, WINVER_FOLDERS that it
 * names none. "w10", "Win10" and so on are the same.
 */
size_t winver_rank(const struct winver *v, const char *part);
/* "amd64", "x86", "arm64" of a part of a path in any spelling; NULL when it names no processor. */
const char *winver_arch(const char *part);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data of an array as a space, out of members that agree with each other. Internal to md_*.c.
 *
 * How members of different sizes make a RAID 0: all of them are striped as far as the smallest
 * goes; what the others have left, likewise, is the next zone, and so on.
 *
 *	member 0	|0 2 5 8|			chunk 9 of zone 2 ...
 *	...
 *
 * In which order the members take turns in the later zones depends on the kernel that wrote them
 * (before 3.14 or after); arrays made since 5.4 say it, of others nobody knows.
 */
#ifndef P2V_DISK_MD_ARRAY_H
#define P2V_DISK_MD_ARRAY_H

#include "disk/assembly.h"
#include "disk/md/md_member.h"

struct md_array {
	char name[128];
	const struct md_super *super;		/* of any member: what all agree on */
	const struct md_member **slots;		/* by role; NULL: missing */
	size_t n;				/* super->raid_disks */
};

/*
 * 1 with *ret, 0 (doubt, *why), -ENOMEM. All spaces are owned by own. *ret_stuck: nothing that is
 * released comes down (md_raid.h).
 */
int md_array_space(const struct md_array *a, struct assembly *own, struct space **ret,
		   bool *ret_stuck, char **why, struct err *err);

#endif

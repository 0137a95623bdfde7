/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Arrays of Linux software RAID out of their members, see assembly.h. Superblocks are read, nothing
 * is activated. A member gives nothing free of its own: its data is the array's, and the
 * superblock, the bitmap, and what is before, between and behind stays used.
 *
 * Members of one array have its UUID. The newest of them (by events) say how it is made and who
 * belongs to it; those that say less events are stale, and those without a place in it are
 * spares: all of them stay used, and none is read from. The rest must agree in all that
 * describes the array, and say that it was stopped in sync. A place that is empty must be known to
 * be empty; a member that should be there and is not may hold newer data.
 */
#ifndef P2V_DISK_MD_ASSEMBLE_H
#define P2V_DISK_MD_ASSEMBLE_H

#include "disk/assembly.h"

/* members: what libblkid calls linux_raid_member. -ENOMEM; one that cannot be read is in doubt. */
int md_assemble(struct space *const *members, size_t n, struct assembly *ret, struct err *err);

#endif

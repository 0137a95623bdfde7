/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One member: its superblock, held against the space that it lies in. Internal to md_*.c.
 *
 * What is trusted has exactly one superblock, of a member at rest: no reshape, no recovery, no
 * journal or partial parity log, no bad blocks in its log, nothing that is not known. Its data lies
 * inside the space and apart from the superblock, the bitmap and the log of bad blocks.
 */
#ifndef P2V_DISK_MD_MEMBER_H
#define P2V_DISK_MD_MEMBER_H

#include "disk/md/md_super.h"
#include "disk/space.h"

struct md_member {
	struct space *space;		/* borrowed */
	struct md_super super;
};

/* 1, 0 (doubt: *why is malloc'd), or -errno: -ENOMEM, or what the disk said. */
int md_member_read(struct space *s, struct md_member *ret, char **why, struct err *err);

/* 0 with *why set to the text, any earlier one freed; or -ENOMEM. */
int md_doubt(char **why, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif

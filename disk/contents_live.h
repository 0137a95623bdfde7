/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the levels of contents.h do otherwise when some disks are in use: who may be trusted there,
 * whose reading is noted, and what it decides about. Internal to livemap.h, which argues.
 *
 *	content of a disk in use			is
 *	begins as one, only one, frozen device did	read as frozen
 *	ext with another beginning			read; it says itself when it is mounted
 *	swap						read
 *	xfs, btrfs, FAT, ... with another beginning	all used
 *	two with the same beginning			both all used
 */
#ifndef P2V_DISK_CONTENTS_LIVE_H
#define P2V_DISK_CONTENTS_LIVE_H

#include "disk/contents.h"

/* The superblocks of ext, XFS and btrfs are in it. */
#define LIVE_HEAD	((size_t)(72 * KIB))

struct live_head {			/* what a frozen device began with, under the freeze */
	uint8_t *bytes;
	size_t len;			/* LIVE_HEAD, or all of a smaller device; 0: not read */
};

struct live_rules {
	struct view *view;
	const bool *in_use;		/* for each disk */
	const struct live_head *heads;
	size_t nheads;
	bool under_freeze;		/* what is at rest can wait: it is not read */
	const bool *known;		/* contents that an earlier try has settled, by number */
	size_t nknown;
};

/* Of contents whose structure is known: marks those that are frozen, refuses those in doubt. */
int contents_live_judge(struct contents *c, struct err *err);
/* A new reader, until _end(). Nothing happens, and *ret stays, where no disk is in use. */
int contents_live_begin(struct contents *c, size_t *ret, struct err *err);
void contents_live_end(struct contents *c);
/* After all releases: what each reader has decided about, into the view. */
int contents_live_cover(struct contents *c, struct err *err);

#endif

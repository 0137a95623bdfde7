/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which clusters of a disk somebody uses. The rule of this module, in order:
 *
 *   1. All bits start set.
 *   2. A bit is cleared only inside one's own partition (or a gap between partitions, or the free
 *      extents of an LVM volume), and only after the structure that proves it free has passed
 *      every check there is: magic, checksum, clean state, counts that agree with each other.
 *   3. Anything else leaves the partition "all used" and says why. Doubt never skips data.
 *
 * Metadata is always used: superblocks and their backups, partition tables (the first MiB of the
 * disk and the backup GPT at its end), LVM labels and metadata areas, swap headers, the gap before
 * the first partition (boot loaders live there: everything below the first partition's start is
 * used), EBR sectors of logical partitions.
 *
 * For a disk that nobody writes to. (A live disk needs a tracker and a freeze first.)
 */
#ifndef P2V_DISK_USEDMAP_H
#define P2V_DISK_USEDMAP_H

#include "common/bitmap.h"
#include "disk/disk.h"
#include "disk/ptable.h"

#define USEDMAP_GRANULARITY (64u << 10)

struct usedmap_part {
	char *name;			/* partition number ("1"), "gap", or "disk" for all of it */
	char *kind;			/* "ext4", "swap", "unallocated", "unknown", ... */
	uint64_t offset, length;
	uint64_t used, free;		/* bytes by the map; used + free == length */
	char *why;			/* "block bitmaps", "no known filesystem: all used" */
	bool trusted;			/* false: all used because of doubt or an unknown kind */
};

struct usedmap {
	struct bitmap *map;		/* granularity USEDMAP_GRANULARITY, set = used */
	struct ptable table;
	struct usedmap_part *parts;	/* by offset */
	size_t nparts;
};

int usedmap_build(const struct disk *d, struct usedmap **ret, struct err *err);
void usedmap_free(struct usedmap *u);
DEFINE_CLEANUP(struct usedmap *, usedmap_free)

/*
 * One filesystem's part: clear what [offset, offset + length) of the disk proves free; *ret_why is
 * malloc'd. 1 trusted (bits may have been cleared), 0 doubt (nothing was cleared), -errno only for
 * ENOMEM and I/O errors on the disk itself. In usedmap_ext.c, usedmap_swap.c, usedmap_lvm.c.
 */
typedef int usedmap_fn(const struct disk *d, uint64_t offset, uint64_t length, struct bitmap *map,
		       char **ret_why, struct err *err);
usedmap_fn usedmap_ext, usedmap_swap, usedmap_lvm;

#endif

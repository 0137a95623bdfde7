/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A space is a run of bytes that is read like a disk and lies, in the end, on disks: a partition, a
 * RAID array, a logical volume. Readers of filesystems see nothing else, so that they need not know
 * what they lie on.
 *
 *	  vg0/root                release [4M, 8M)
 *	   |    \                     |
 *	  slice  slice             of the PVs                   spaces, each on those below
 *	   |      \                   |
 *	  md0     sdc2             on all legs of the array
 *	  / \      |                  |
 *	sda1 sdb1  |               of the partitions
 *	 |    |    |                  |
 *	sda  sdb  sdc              clears bits of the disks' maps
 *
 * Two things are asked of a space: to read, and to release. To release a range is to say "nobody
 * needs these bytes"; it goes down to the disks, where whole clusters become free. What a space
 * keeps for itself (parity, labels, bitmaps of its own) is released only by the code that knows
 * it. Ranges of one volume are released in ascending order: neighbours that come one after the
 * other are joined at the disk, and rounding inwards to whole clusters is done there, once.
 *
 * A space owns nothing below it: below must outlive it. space_free() frees the one. Reading may be
 * done by any thread, releasing by the owner's only.
 */
#ifndef P2V_DISK_SPACE_H
#define P2V_DISK_SPACE_H

#include <stddef.h>
#include "common/bitmap.h"
#include "common/compiler.h"
#include "common/extent.h"
#include "disk/disk.h"
#include "disk/view.h"

struct space;

struct space_ops {
	/* [offset, offset + len) is inside. */
	int (*read)(const struct space *s, void *buf, size_t len, uint64_t offset, struct err *err);
	/* The same; length is not 0. */
	void (*release)(struct space *s, uint64_t offset, uint64_t length);
	void (*free)(struct space *s);		/* NULL: free() */
};

struct space {
	const struct space_ops *ops;
	uint64_t size;				/* bytes */
	uint32_t sector;			/* logical: the largest of those below */
	char name[128];				/* for people: "sda1", "vg0/root", "md0" */
	/* What somebody writes to meanwhile is *live*: it is read through this. NULL: at rest. */
	struct view *view;
	/* Live, and its filesystem was frozen when its beginning was read: see livemap.h. */
	bool frozen;
};

/*
 * For those who make a new kind: fills the members but view, which is that of any below; a name
 * that is too long is cut.
 */
void space_init(struct space *s, const struct space_ops *ops, uint64_t size, uint32_t sector,
		const char *fmt, ...) PRINTF_LIKE(5, 6);
void space_free(struct space *s);
DEFINE_CLEANUP(struct space *, space_free)

/* Any alignment. -ERANGE when it is not inside, else what the disk said (-EIO, -ENODATA, ...). */
int space_read(const struct space *s, void *buf, size_t len, uint64_t offset, struct err *err);
/* Clipped to size. */
void space_release(struct space *s, uint64_t offset, uint64_t length);
/* Every run that is clear in map (of the space's size). */
void space_release_clear(struct space *s, const struct bitmap *map);

/* The bottom. map: the disk's, bits are cleared in it; NULL to read only. Both are borrowed. */
int space_on_disk(const struct disk *d, struct bitmap *map, const char *name, struct space **ret,
		  struct err *err);
/* It is live: read disk number i of a view. */
void space_disk_watch(struct space *s, struct view *v, size_t i);
/*
 * From now on releases clear nothing but are added to x, which shows what a space above covers;
 * NULL: as before. Returns -ENOMEM when one since the call before could not be added.
 */
int space_disk_cover(struct space *s, struct extents *x);
/* The end of a volume's releases: what the disk has not yet cleared, waiting for a neighbour. */
void space_disk_settle(struct space *s);

/* [offset, offset + length) of one below; -ERANGE when it is not inside. */
int space_slice(struct space *below, uint64_t offset, uint64_t length, const char *name,
		struct space **ret, struct err *err);

struct space_piece {
	struct space *below;			/* NULL: missing; reading it fails with -ENXIO */
	uint64_t offset, length;		/* of below */
};

/* One piece behind the other. */
int space_concat(const struct space_piece *pieces, size_t n, uint32_t sector, const char *name,
		 struct space **ret, struct err *err);
/*
 * RAID 0 over pieces of one length: stripe bytes of each in turn. length must be a multiple of
 * stripe, stripe of 512 (-EINVAL).
 */
int space_stripe(const struct space_piece *pieces, size_t n, uint64_t stripe, uint32_t sector,
		 const char *name, struct space **ret, struct err *err);
/* The same bytes in all pieces, which are of one length: read from the first that can be. */
int space_mirror(const struct space_piece *pieces, size_t n, uint32_t sector, const char *name,
		 struct space **ret, struct err *err);

/*
 * Does it lie in one piece on one disk? Then where; else false. For libraries that want a
 * descriptor.
 */
bool space_is_linear(const struct space *s, const struct disk **ret_disk, uint64_t *ret_offset);

#endif

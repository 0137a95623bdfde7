/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which clusters of the disks somebody uses. The rule of this module, in order:
 *
 *   1. All bits start set.
 *   2. A bit is cleared only inside one's own partition (or a gap between partitions), and only
 *      after the structure that proves it free has passed every check there is: magic, checksum,
 *      clean state, counts that agree with each other.
 *   3. Anything else leaves the partition "all used" and says why. Doubt never skips data.
 *
 * Metadata is always used: superblocks and their backups, partition tables (the first MiB of the
 * disk and the backup GPT at its end), RAID and LVM labels and metadata areas, swap headers, the
 * gap before the first partition (boot loaders live there: everything below the first partition's
 * start is used), EBR sectors of logical partitions.
 *
 * All disks of a machine are looked at together, since a filesystem may lie on several: on a
 * logical volume, on an array, on more than one device. It is read through spaces (space.h), and
 * what it has free comes down to the disks. What lies on a disk that was not given stays used.
 *
 *	usedmap.c	the parts of each disk: partitions and gaps
 *	contents.c	what is in them, level by level: arrays, volume groups, filesystems
 *	detect.c	by which signature
 *	fs/ lvm/ md/	the readers
 *
 * For disks that nobody writes to. Those that are in use have livemap.h.
 */
#ifndef P2V_DISK_USEDMAP_H
#define P2V_DISK_USEDMAP_H

#include "common/bitmap.h"
#include "disk/disk.h"
#include "disk/ptable.h"

#define USEDMAP_GRANULARITY (64u << 10)
/* Kept at both ends of every disk: boot loaders, partition tables, RAID labels. */
#define USEDMAP_EDGE (1u << 20)

struct usedmap_part {
	char *name;			/* partition number ("1"), "gap", or "disk" for all of it */
	char *kind;			/* "ext4", "swap", "unallocated", "unknown", ... */
	uint64_t offset, length;
	uint64_t used, free;		/* bytes by the map; used + free == length */
	char *why;			/* "block bitmaps", "no known filesystem: all used" */
	bool trusted;			/* false: all used because of doubt or an unknown kind */
	/* For livemap: the number of its content, and who read it (view.h), or SIZE_MAX. */
	size_t content, reader;
};

struct usedmap {			/* of one disk */
	struct bitmap *map;		/* granularity USEDMAP_GRANULARITY, set = used */
	struct ptable table;
	struct usedmap_part *parts;	/* by offset */
	size_t nparts;
};

struct usedmap_volume {			/* an array, a logical volume, a filesystem on several */
	char *name;			/* "vg0/root", "md0" */
	char *kind;			/* as a part's */
	uint64_t size;			/* bytes that it has for its contents */
	uint64_t free;			/* bytes of those that the contents do not use */
	char *why;
	bool trusted;
	size_t content, reader;		/* as a part's */
	bool assembled;			/* by md or LVM */
};

struct usedmap_set {
	struct usedmap **maps;		/* one for each disk, in the order given */
	size_t nmaps;
	struct usedmap_volume *volumes;
	size_t nvolumes;
};

/* -ENOMEM, or what a disk said when even its partition table could not be asked for. */
int usedmap_build(const struct disk *const *disks, size_t n, struct usedmap_set **ret,
		  struct err *err);
/*
 * The same for disks some of which somebody writes to, which live says (contents_live.h; NULL: none
 * is): only livemap.h makes something sound of it. structure_only: no filesystem is read. -ETIME
 * when the view's time was over.
 */
struct live_rules;
int usedmap_build_live(const struct disk *const *disks, size_t n, const struct live_rules *live,
		       bool structure_only, struct usedmap_set **ret, struct err *err);
/* used and free of all parts, by the map. */
void usedmap_count(struct usedmap *u);
void usedmap_set_free(struct usedmap_set *s);
DEFINE_CLEANUP(struct usedmap_set *, usedmap_set_free)

#endif

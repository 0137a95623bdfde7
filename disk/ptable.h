/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The partition table of a disk as libblkid reads it (through a read-only descriptor: libparted
 * opens devices read-write first, which a source must never be). GPT, MBR with logical partitions,
 * or none. Partitions are ordered by start. The table may be hostile: a partition that leaves the
 * disk or overlaps another makes the table "not understood" and everything is used.
 *
 * libblkid leaves out what it finds odd (an entry outside the usable area, a logical partition that
 * leaves its container) and falls back to one copy when the other is broken. For a copier that is
 * too kind: what was left out would look like a gap. So the table is read a second time here, entry
 * by entry, and is understood only when both readings agree, a GPT's two copies agree, and the MBR
 * of a GPT protects and does nothing else.
 */
#ifndef P2V_DISK_PTABLE_H
#define P2V_DISK_PTABLE_H

#include "disk/disk.h"

struct ptable_part {
	uint32_t number;
	uint64_t offset, length;	/* bytes */
	char type[40];			/* GPT type GUID or "0x83", lower case */
	char uuid[40];			/* PARTUUID */
	char label[112];		/* GPT name, UTF-8 */
	uint64_t flags;			/* GPT attributes, or MBR boot indicator */
	bool extended;			/* MBR container; its logical partitions are listed too */
	bool logical;
	bool nested;			/* holds a table of its own (BSD, Minix, ...), not listed */
};

struct ptable {
	char kind[16];			/* "gpt", "dos", ... or "" when there is no table */
	char uuid[40];
	bool understood;		/* false: do not trust it, neither partitions nor gaps */
	char why[160];			/* when not understood */
	uint64_t usable_offset, usable_length;	/* where partitions may lie */
	struct ptable_part *parts;
	size_t nparts;
};

/* A disk without a table is understood and has no parts. -EIO when a table sector is unreadable. */
int ptable_read(const struct disk *d, struct ptable *ret, struct err *err);
void ptable_done(struct ptable *t);
DEFINE_CLEANUP_VALUE(struct ptable, ptable_done)

#endif

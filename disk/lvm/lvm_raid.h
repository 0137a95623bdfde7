/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Do all legs of a mirrored LV hold the same? Internal to lvm_*.c. LVM's text metadata does not
 * know; the kernel writes it down beside each leg.
 *
 *	raid1	each leg has a metadata volume: dm-raid's superblock (which legs failed, how far
 *		a resync came), and 4 KiB behind its start md's write-intent bitmap, in which a bit
 *		is set before a region is written and cleared when all legs have it
 *	mirror	all have one log volume: a bit is set for each region that is in sync
 *
 * Nothing of this has a checksum. So what is wanted is simple: no leg failed, nothing to resync, no
 * region in flight, and all superblocks saying the same. Formats: Linux, drivers/md/dm-raid.c,
 * drivers/md/md-bitmap.c (bitmap_super_t), drivers/md/dm-log.c. All fields are little-endian.
 */
#ifndef P2V_DISK_LVM_RAID_H
#define P2V_DISK_LVM_RAID_H

#include "disk/space.h"

#define LVM_RAID_LEGS_MAX	64u

/*
 * metas: the metadata volumes of n legs (at most LVM_RAID_LEGS_MAX), in order; size: of a leg, and
 * of the array, or with level 0 the n-th part of it. 1, 0 and *ret_why (not malloc'd), or what the
 * disk said.
 */
int lvm_raid_check(struct space *const *metas, size_t n, uint32_t level, uint64_t size,
		   const char **ret_why, struct err *err);
/* size: of the mirror; region: of the log's, both in bytes. */
int lvm_raid_check_log(const struct space *log, uint64_t size, uint64_t region,
		       const char **ret_why, struct err *err);

#endif

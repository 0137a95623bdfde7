/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Used-block maps of disks that are in use. usedmap.h reads disks at rest; this one disks with
 * filesystems that are mounted and written, with the help of a tracker of changes (track/track.h)
 * and a short freeze:
 *
 *	T0	the tracker is on: every write from now on is marked dirty
 *	T > T0	all writable filesystems are frozen; so their metadata is on the disk
 *		livemap_freeze_read()	reads metadata until a deadline, and remembers it
 *		... the caller harvests the tracker, and thaws
 *		livemap_build()		reads the rest, while the filesystems go on
 *		... the caller harvests again: what was written since the thaw
 *		livemap_settle()	a filesystem whose metadata was read after the thaw, and was
 *					written since, is *disturbed*: all used
 *
 * A block is copied when the map has it used, or it was written since T0.
 *
 * Why nothing that is needed is left out. Take a byte that is needed in the end and was not written
 * since T0. It has been in use all the time since: to take a block into use and to need what it
 * holds means to write it. So no record of free space that is of a moment since T0 has it free. The
 * freeze makes the records on the disk those of T (a moment since T0), and what is written later is
 * newer. What has to be shown is that what was read belongs together, so that it means what it
 * says:
 *
 *  - What was read under the freeze is of T. What was read later and was not written between the
 *    freeze and the end of the reading is as if it had been read then: it is of T, too. The tracker
 *    shows it, as the harvest comes after the reading. That is the rule for XFS, btrfs, LVM and md.
 *  - The block bitmaps of ext4 with checksums mean what they say each for itself, at any moment:
 *    disk/fs/ext_live.h. So a busy ext4 is never disturbed. Its superblock must be of T.
 *  - Swap has nothing that is needed but its header. A system that hibernates writes it anew.
 *  - Partition tables are read at one moment since T, from the disk. What lay in no partition then
 *    was not needed then.
 *
 * Whom to trust on a disk in use is said in contents_live.h. Everything else is all used: what was
 * not frozen, FAT and NTFS, thin pools, arrays with parity or not in sync. Disks that are not in
 * use are read as usedmap.h has it, after the thaw.
 *
 * Tries: freeze, build and settle may be done again, a few times, with the same struct livemap.
 * What an earlier try has settled is not read again, and a block that it has free is free in later
 * sets.
 *
 * Between freeze and thaw nothing here opens anything but the disks once more (for libblkid), and
 * memory for what is remembered is taken as it is needed. One thread. At most cache_max bytes,
 * what usedmap.h needs, and twice the maps.
 */
#ifndef P2V_DISK_LIVEMAP_H
#define P2V_DISK_LIVEMAP_H

#include "disk/usedmap.h"

#define LIVEMAP_CACHE	(64u << 20)

struct livemap_disk {
	const struct disk *disk;	/* borrowed until livemap_free() */
	bool in_use;			/* disk_in_use() */
};

struct livemap_config {
	uint64_t cache_max;		/* bytes of remembered metadata; 0: LIVEMAP_CACHE */
	/*
	 * Block devices of the filesystems that are going to be frozen: "/dev/sda1",
	 * "/dev/mapper/vg0-root"; of a btrfs all of its devices. Those that lie on the disks
	 * through partitions, LVM and md, not through encryption.
	 */
	const char *const *frozen;
	size_t nfrozen;
};

struct livemap;

/*
 * Opens the devices, and finds out what is on the disks: before the freeze. -errno: a device that
 * cannot be opened, -ENOMEM, or what usedmap_build() says.
 */
int livemap_new(const struct livemap_disk *disks, size_t n, const struct livemap_config *cfg,
		struct livemap **ret, struct err *err);
void livemap_free(struct livemap *l);
DEFINE_CLEANUP(struct livemap *, livemap_free)

/*
 * Under the freeze; deadline: CLOCK_MONOTONIC, ns. It is looked at before each reading, which is of
 * 1 MiB at most: a disk that does not answer is the caller's watchdog's. 1: all was read; 0: time
 * or memory was over, and livemap_build() will read the rest. -errno: nothing is known to be
 * frozen.
 */
int livemap_freeze_read(struct livemap *l, uint64_t deadline, struct err *err);

/* After the thaw, or at once. The set is not to be used before livemap_settle(). */
int livemap_build(struct livemap *l, struct usedmap_set **ret, struct err *err);

/*
 * The end of a try. dirty: for each disk what was written since the freeze of this try, harvested
 * after livemap_build() had returned; of the disk's size, any granularity; NULL for a disk of which
 * nobody knows it. Returns the number of disturbed contents, which are all used in the set then,
 * unless an earlier try has them. The set is sound from now on, also when it is not 0.
 */
int livemap_settle(struct livemap *l, struct usedmap_set *set, struct bitmap *const *dirty,
		   struct err *err);

#endif

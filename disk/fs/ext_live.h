/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The block bitmaps of an ext4 that is mounted and written, of which no more than the superblock
 * has to be of the moment of the freeze. Only with metadata_csum: there each bitmap has a checksum
 * in its group's descriptor, so that two that do not belong together are seen.
 *
 * Why it does not matter when a bitmap was read. A block that is needed in the end and was not
 * written since the tracker is on has been in use all that time. So its bit was 1 in memory at any
 * moment of it. What the freeze left on the disk is as new as that, and later writes put newer
 * versions over it. Whatever a reading gets of it, torn or not, each bit is of some moment since
 * the tracker is on: a bit that is 0 is that of a block that is not needed, or was written and is
 * dirty. The same holds for "this group was never used" (BLOCK_UNINIT) and for the end of an inode
 * table that was never used. So such reading is not noted (view.h), and is never disturbed.
 *
 * What has to hold at all times is where bitmaps lie. The descriptors say so, each with its own
 * checksum, and nothing moves them in a mounted filesystem. What contains metadata is kept whatever
 * the bitmaps say. What is not checked: sums over groups, which are of one moment only.
 *
 * A checksum that is wrong is that of a torn reading, or of a descriptor and a bitmap that were
 * written back at different times. Both are read anew a few times; then this group is all used.
 */
#ifndef P2V_DISK_FS_EXT_LIVE_H
#define P2V_DISK_FS_EXT_LIVE_H

#include "common/bitmap.h"
#include "disk/fs/ext_channel.h"

struct ext_live_result {
	uint32_t groups, kept;		/* kept: those that are all used for want of a checksum */
	uint64_t free;			/* blocks */
};

/*
 * Of a filesystem whose superblock has passed its checks, into map, all set. 1, or 0 when a group
 * contradicts itself (*ret_bad: which), -ENOMEM, or what the disk said, with its words in c->err.
 */
int ext_live_map(struct ext_channel *c, ext2_filsys fs, struct bitmap *map,
		 struct ext_live_result *ret, uint32_t *ret_bad);

#endif

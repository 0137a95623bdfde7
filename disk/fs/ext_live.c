/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/fs/ext_live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common/bytes.h"
#include "common/compiler.h"

#define TRIES		4
#define PAUSE_NS	2000000		/* a write of one block is over by then, as a rule */

struct live {
	struct ext_channel *channel;
	ext2_filsys fs;
	struct bitmap *map;
	uint8_t *bits, *block;		/* a block each */
};

/* fresh: past the channel's window, and past what is remembered. */
static int read_block(struct live *l, uint64_t block, uint8_t *buf, bool fresh)
{
	struct view *v = l->channel->space->view;
	int r;

	if (!fresh)
		return io_channel_read_blk64(l->fs->io, block, 1, buf) == 0 ? 0 :
		       l->channel->code < 0 ? l->channel->code : -EIO;
	view_set_fresh(v, true);
	r = space_read(l->channel->space, buf, l->fs->blocksize, block * l->fs->blocksize,
		       &l->channel->err);
	view_set_fresh(v, false);
	return r;
}

/* The descriptor as it is on the disk now. */
static int renew_descriptor(struct live *l, dgrp_t g)
{
	ext2_filsys fs = l->fs;
	unsigned int size = EXT2_DESC_SIZE(fs->super);
	unsigned int per_block = fs->blocksize / size;
	blk64_t first = fs->super->s_first_data_block;
	struct ext2_group_desc *to = ext2fs_group_desc(fs, fs->group_desc, g);
	int r;

	/* As ext2fs_open2() has it: bigalloc with blocks of 1 KiB. */
	if (first == 0 && fs->blocksize == 1024)
		first = 1;
	r = read_block(l, ext2fs_descriptor_block_loc2(fs, first, g / per_block), l->block, true);
	if (r < 0)
		return r;
	memcpy(to, l->block + (size_t)(g % per_block) * size, size);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	ext2fs_swap_group_desc2(fs, to);
#endif
	return 0;
}

static bool places_good(ext2_filsys fs, dgrp_t g)
{
	uint64_t blocks = ext2fs_blocks_count(fs->super), first = fs->super->s_first_data_block;
	uint64_t bitmap = ext2fs_block_bitmap_loc(fs, g), inodes = ext2fs_inode_bitmap_loc(fs, g);
	uint64_t table = ext2fs_inode_table_loc(fs, g);

	return bitmap >= first && bitmap < blocks && inodes >= first && inodes < blocks &&
	       table >= first && range_inside(table, fs->inode_blocks_per_group, blocks);
}

static void cluster_range(ext2_filsys fs, dgrp_t g, uint64_t *ret_first, uint64_t *ret_n)
{
	uint64_t first = fs->super->s_first_data_block, per_group = fs->super->s_clusters_per_group;
	uint64_t total = EXT2FS_NUM_B2C(fs, ext2fs_blocks_count(fs->super) - first);

	*ret_first = EXT2FS_B2C(fs, first) + g * per_group;
	*ret_n = MIN(per_group, total - g * per_group);
}

/* Does the bitmap in l->bits fit its group's descriptor? */
static bool bitmap_good(struct live *l, dgrp_t g)
{
	return ext2fs_block_bitmap_csum_verify(l->fs, g, (char *)l->bits,
					       (int)(l->fs->super->s_clusters_per_group / 8));
}

/* 1: l->bits is the group's; 0: not to be had; -errno. */
static int read_group(struct live *l, dgrp_t g)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };
	ext2_filsys fs = l->fs;

	for (unsigned int i = 0; i < TRIES; i++) {
		int r = 0;

		if (i > 1)
			nanosleep(&pause, NULL);
		if (i > 0)
			r = renew_descriptor(l, g);
		if (r < 0)
			return r;
		if (!ext2fs_group_desc_csum_verify(fs, g) || !places_good(fs, g))
			continue;
		if (ext2fs_bg_flags_test(fs, g, EXT2_BG_BLOCK_UNINIT)) {
			memset(l->bits, 0, fs->blocksize);
			return 1;
		}
		r = read_block(l, ext2fs_block_bitmap_loc(fs, g), l->bits, i > 0);
		if (r < 0)
			return r;
		if (bitmap_good(l, g))
			return 1;
	}
	return 0;
}

static uint64_t clear_free(struct live *l, dgrp_t g)
{
	ext2_filsys fs = l->fs;
	uint64_t blocks = ext2fs_blocks_count(fs->super), first, n, free_ = 0;

	cluster_range(fs, g, &first, &n);
	for (uint64_t i = 0; i < n;) {
		uint64_t run = i, from, to;

		while (i < n && !(l->bits[i / 8] >> i % 8 & 1))
			i++;
		from = EXT2FS_C2B(fs, first + run);
		to = MIN((uint64_t)EXT2FS_C2B(fs, first + i), blocks);
		free_ += i - run;
		if (from < to)
			bitmap_clear_range(l->map, from * fs->blocksize,
					   (to - from) * fs->blocksize);
		while (i < n && (l->bits[i / 8] >> i % 8 & 1))
			i++;
	}
	return free_;
}

/* Superblock, descriptors, bitmaps and inode table of a group are used, wherever they lie. */
static int keep_metadata(struct live *l, dgrp_t g)
{
	ext2_filsys fs = l->fs;
	uint64_t block = fs->blocksize;
	uint64_t old_len = ext2fs_has_feature_meta_bg(fs->super) ? fs->super->s_first_meta_bg :
			   fs->desc_blocks + fs->super->s_reserved_gdt_blocks;
	blk64_t super, old_desc, new_desc;
	blk_t used;

	if (ext2fs_super_and_bgd_loc2(fs, g, &super, &old_desc, &new_desc, &used))
		return -EINVAL;
	bitmap_set_range(l->map, super * block, super || g == 0 ? block : 0);
	bitmap_set_range(l->map, old_desc * block, old_desc ? old_len * block : 0);
	bitmap_set_range(l->map, new_desc * block, new_desc ? block : 0);
	if (!places_good(fs, g))
		return 0;
	bitmap_set_range(l->map, ext2fs_block_bitmap_loc(fs, g) * block, block);
	bitmap_set_range(l->map, ext2fs_inode_bitmap_loc(fs, g) * block, block);
	bitmap_set_range(l->map, ext2fs_inode_table_loc(fs, g) * block,
			 fs->inode_blocks_per_group * block);
	return 0;
}

/*
 * The end of the inode table that was never used, when the inode bitmap of the same version says
 * so, too. Where it does not fit, the table is kept.
 */
static int clear_unused_table(struct live *l, dgrp_t g)
{
	ext2_filsys fs = l->fs;
	uint32_t per_group = fs->super->s_inodes_per_group, unused = ext2fs_bg_itable_unused(fs, g);
	uint64_t n = unused / EXT2_INODES_PER_BLOCK(fs->super);
	uint64_t end = ext2fs_inode_table_loc(fs, g) + fs->inode_blocks_per_group;
	int r;

	if (n == 0 || unused > per_group || n > fs->inode_blocks_per_group || per_group % 8 != 0 ||
	    per_group / 8 > fs->blocksize)
		return 0;
	if (!ext2fs_bg_flags_test(fs, g, EXT2_BG_INODE_UNINIT)) {
		r = read_block(l, ext2fs_inode_bitmap_loc(fs, g), l->bits, false);
		if (r < 0)
			return r;
		if (!ext2fs_inode_bitmap_csum_verify(fs, g, (char *)l->bits,
						     (int)(per_group / 8)))
			return 0;
		for (uint32_t i = per_group - unused; i < per_group; i++)
			if (l->bits[i / 8] >> i % 8 & 1)
				return 0;
	}
	bitmap_clear_range(l->map, (end - n) * fs->blocksize, n * fs->blocksize);
	return 0;
}

int ext_live_map(struct ext_channel *c, ext2_filsys fs, struct bitmap *map,
		 struct ext_live_result *ret, uint32_t *ret_bad)
{
	CLEANUP(mem_free) uint8_t *bits = malloc(fs->blocksize);
	CLEANUP(mem_free) uint8_t *block = malloc(fs->blocksize);
	CLEANUP(mem_free) bool *good = calloc(fs->group_desc_count, sizeof(*good));
	struct live l = { c, fs, map, bits, block };
	int r = 0;

	if (!bits || !block || !good)
		return -ENOMEM;
	*ret = (struct ext_live_result){ .groups = fs->group_desc_count };
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		uint64_t n;

		r = read_group(&l, g);
		if (r < 0)
			return r;
		good[g] = r > 0;
		ret->kept += r == 0;
		if (r == 0)
			continue;
		n = clear_free(&l, g);
		/* One version, as the checksum says, and yet it does not agree with itself. */
		if (n != ext2fs_bg_free_blocks_count(fs, g) &&
		    !ext2fs_bg_flags_test(fs, g, EXT2_BG_BLOCK_UNINIT)) {
			*ret_bad = g;
			return 0;
		}
		ret->free += EXT2FS_C2B(fs, n);
	}
	for (dgrp_t g = 0; g < fs->group_desc_count && r >= 0; g++)
		r = keep_metadata(&l, g);
	for (dgrp_t g = 0; g < fs->group_desc_count && r >= 0; g++)
		if (good[g])
			r = clear_unused_table(&l, g);
	return r < 0 ? r : 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The free space tree says of every block group what is free in it, as a list of extents or, when
 * there are many, as bitmaps that cover all of it. It is derived from the extent tree and must be
 * its exact complement. It is read beside that: the reader of the extent tree says what it expects
 * here, in ascending order, and any difference is a doubt.
 *
 * Where the tree is missing or not marked valid (some old btrfs-progs clear that), the extent tree
 * is enough. Entries for addresses that no chunk has are left by some mkfs.btrfs, which forgets
 * those of its temporary chunks; they say nothing about any byte of a device. The older free space
 * cache (v1) is in files, is often stale, and is not looked at.
 */
#include "disk/fs/fs_btrfs_parts.h"

#include <inttypes.h>

#define USING_BITMAPS	1u		/* struct btrfs_free_space_info.flags */

static int differs(struct btrfs_space *fs)
{
	return fs_btrfs_doubt(fs->walk.b, "chunk %" PRIu64 ": the free space tree and the extent "
			      "tree contradict each other", fs->chunk ? fs->chunk->logical : 0);
}

static bool item_is(const struct btrfs_space *fs, uint64_t objectid, unsigned int type)
{
	return fs->item->data && fs->item->key.objectid == objectid && fs->item->key.type == type;
}

int fs_btrfs_space_start(struct btrfs *b, struct btrfs_space *fs)
{
	int r;

	*fs = (struct btrfs_space){ .walk.b = b };
	fs->used = (b->super->ro_compat & BTRFS_RO_SPACE_TREE) &&
		   (b->super->ro_compat & BTRFS_RO_SPACE_TREE_VALID);
	if (!fs->used)
		return 1;
	r = fs_btrfs_walk_start(b, BTRFS_SPACE_TREE, &fs->walk);
	return r > 0 ? fs_btrfs_walk_next(&fs->walk, &fs->item) : r;
}

/* What belongs to no chunk. */
static int skip_below(struct btrfs_space *fs, uint64_t logical)
{
	int r = 1;

	while (r > 0 && fs->item->data && fs->item->key.objectid < logical)
		r = fs_btrfs_walk_next(&fs->walk, &fs->item);
	return r;
}

int fs_btrfs_space_enter(struct btrfs_space *fs, const struct btrfs_chunk *c)
{
	int r;

	if (!fs->used)
		return 1;
	fs->chunk = c;
	r = skip_below(fs, c->logical);
	if (r <= 0)
		return r;
	if (!item_is(fs, c->logical, BTRFS_SPACE_INFO) || fs->item->key.offset != c->length ||
	    fs->item->size != 8)
		return differs(fs);
	fs->expected = get_le32(fs->item->data);
	fs->bitmaps = get_le32(fs->item->data + 4) & USING_BITMAPS;
	fs->found = 0;
	fs->at = fs->bitmap_end = c->logical;
	return fs_btrfs_walk_next(&fs->walk, &fs->item);
}

/* The bitmap that begins where the last one ended; the item stays until it is read to its end. */
static int next_bitmap(struct btrfs_space *fs)
{
	uint64_t sector = fs->walk.b->super->sector, length;
	int r;

	if (fs->at > fs->chunk->logical) {
		r = fs_btrfs_walk_next(&fs->walk, &fs->item);
		if (r <= 0)
			return r;
	}
	length = fs->item->key.offset;
	if (!item_is(fs, fs->at, BTRFS_SPACE_BITMAP) || length == 0 || length % sector != 0 ||
	    length > fs->chunk->length - (fs->at - fs->chunk->logical) ||
	    fs->item->size != DIV_ROUND_UP(length / sector, 8))
		return differs(fs);
	fs->bitmap_end = fs->at + length;
	return 1;
}

/* All bits from where we are up to end have one value. */
static int expect_bits(struct btrfs_space *fs, uint64_t end, unsigned int value)
{
	uint64_t sector = fs->walk.b->super->sector;
	const uint8_t whole = value ? 0xff : 0;

	while (fs->at < end) {
		uint64_t bit;

		if (fs->at == fs->bitmap_end) {
			int r = next_bitmap(fs);

			if (r <= 0)
				return r;
		}
		bit = (fs->at - fs->item->key.objectid) / sector;
		if (bit % 8 == 0 && MIN(end, fs->bitmap_end) - fs->at >= 8 * sector) {
			if (fs->item->data[bit / 8] != whole)
				return differs(fs);
			fs->at += 8 * sector;
		} else {
			if ((fs->item->data[bit / 8] >> bit % 8 & 1) != value)
				return differs(fs);
			fs->at += sector;
		}
	}
	return 1;
}

int fs_btrfs_space_expect(struct btrfs_space *fs, uint64_t logical, uint64_t length)
{
	int r;

	if (!fs->used)
		return 1;
	fs->found++;
	if (fs->bitmaps) {
		r = expect_bits(fs, logical, 0);
		return r > 0 ? expect_bits(fs, logical + length, 1) : r;
	}
	if (!item_is(fs, logical, BTRFS_SPACE_EXTENT) || fs->item->key.offset != length)
		return differs(fs);
	return fs_btrfs_walk_next(&fs->walk, &fs->item);
}

int fs_btrfs_space_leave(struct btrfs_space *fs)
{
	int r = 1;

	if (!fs->used)
		return 1;
	if (fs->bitmaps)
		r = expect_bits(fs, fs->chunk->logical + fs->chunk->length, 0);
	if (r > 0 && fs->found != fs->expected)
		return differs(fs);
	/* A chunk is never empty: so there was a bitmap, and it is still the current item. */
	if (r > 0 && fs->bitmaps)
		r = fs_btrfs_walk_next(&fs->walk, &fs->item);
	if (r > 0 && fs->item->data &&
	    fs->item->key.objectid - fs->chunk->logical < fs->chunk->length)
		return differs(fs);
	return r;
}

int fs_btrfs_space_end(struct btrfs_space *fs)
{
	int r = 1;

	while (fs->used && r > 0 && fs->item->data)
		r = fs_btrfs_walk_next(&fs->walk, &fs->item);
	return r;
}

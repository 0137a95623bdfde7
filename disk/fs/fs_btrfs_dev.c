/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which bytes of the devices the chunks have, told twice: by the chunk tree for each chunk, by the
 * dev tree for each device. Both must tell the same, stripe by stripe. What no chunk has is free,
 * but for the first MiB of a device, where boot loaders lie, and the superblocks with the 64 KiB
 * around each that the kernel never gives to anybody (btrfs_exclude_super_stripes()).
 */
#include "disk/fs/fs_btrfs_parts.h"

#include <inttypes.h>

/* struct btrfs_dev_extent, struct btrfs_dev_replace_item */
#define DEV_EXTENT_LEN		48u
#define REPLACE_STATE		32u
#define REPLACE_LEN		72u

static int check_dev_item(struct btrfs *b, const struct btrfs_item *item)
{
	struct btrfs_dev_item x;

	if (item->key.objectid != 1 || item->size != BTRFS_DEV_ITEM_LEN)
		return fs_btrfs_doubt(b, "an item of a device is damaged");
	fs_btrfs_super_parse_dev(item->data, &x);
	if (x.devid != item->key.offset)
		return fs_btrfs_doubt(b, "an item of a device is damaged");
	if (memcmp(x.fsid, b->super->tree_fsid, FS_BTRFS_UUID_LEN) != 0)
		return fs_btrfs_doubt(b, "it has grown out of a seed");
	for (size_t i = 0; i < b->n; i++) {
		const struct btrfs_dev_item *dev = &b->devices[i].super.dev;

		if (dev->devid != x.devid)
			continue;
		if (dev->total_bytes != x.total_bytes || dev->bytes_used != x.bytes_used ||
		    memcmp(dev->uuid, x.uuid, FS_BTRFS_UUID_LEN) != 0)
			return fs_btrfs_doubt(b, "device %" PRIu64 " and its item differ", x.devid);
		b->devices[i].seen = true;
		return 1;
	}
	return fs_btrfs_doubt(b, "device %" PRIu64 " is not there", x.devid);
}

/* Every chunk of the superblock's list is in the chunk tree. */
static int check_system(struct btrfs *b)
{
	for (size_t i = 0; i < b->system.n; i++) {
		const struct btrfs_chunk *c = &b->system.v[i];
		const struct btrfs_chunk *x = fs_btrfs_chunk_find(&b->chunks, c->logical);

		if (!x || !fs_btrfs_chunk_same(&b->system, c, &b->chunks, x))
			return fs_btrfs_doubt(b, "chunk %" PRIu64 " of the superblock's list is not"
					      " that of the chunk tree", c->logical);
	}
	return 1;
}

int fs_btrfs_dev_read_chunks(struct btrfs *b)
{
	CLEANUP(fs_btrfs_walk_done) struct btrfs_walk w = { 0 };
	const struct btrfs_item *item;
	int r;

	b->mapping = &b->system;
	r = fs_btrfs_walk_start(b, BTRFS_CHUNK_TREE, &w);
	while (r > 0 && (r = fs_btrfs_walk_next(&w, &item)) > 0 && item->data) {
		if (item->key.type == BTRFS_DEV_ITEM)
			r = check_dev_item(b, item);
		else if (item->key.type == BTRFS_CHUNK_ITEM &&
			 item->key.objectid == BTRFS_FIRST_CHUNK)
			r = fs_btrfs_chunk_add(b, &b->chunks, item->key.offset, item->data,
					       item->size);
		else
			r = fs_btrfs_doubt(b, "an unknown item in the chunk tree");
	}
	if (r <= 0)
		return r;
	for (size_t i = 0; i < b->n; i++)
		if (!b->devices[i].seen)
			return fs_btrfs_doubt(b, "device %" PRIu64 " has no item",
					      b->devices[i].super.dev.devid);
	r = check_system(b);
	b->mapping = &b->chunks;
	return r;
}

static struct btrfs_device *find_device(struct btrfs *b, uint64_t devid)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->devices[i].super.dev.devid == devid)
			return &b->devices[i];
	return NULL;
}

/* Which stripe of a chunk is it? */
static struct btrfs_stripe *find_stripe(struct btrfs *b, uint64_t logical, uint64_t length,
					const struct btrfs_device *d, uint64_t offset)
{
	const struct btrfs_chunk *c = fs_btrfs_chunk_find(&b->chunks, logical);

	if (!c || c->logical != logical || c->column_length != length)
		return NULL;
	for (uint32_t i = 0; i < c->nstripes; i++) {
		struct btrfs_stripe *s = &b->chunks.stripes[c->first + i];

		if (&b->devices[s->device] == d && s->offset == offset && !s->seen)
			return s;
	}
	return NULL;
}

/* They come in ascending order, for each device. */
static int check_dev_extent(struct btrfs *b, const struct btrfs_item *item)
{
	struct btrfs_device *d = find_device(b, item->key.objectid);
	uint64_t offset = item->key.offset, length;
	struct btrfs_stripe *s;

	if (!d || item->size != DEV_EXTENT_LEN || get_le64(item->data) != BTRFS_CHUNK_TREE ||
	    get_le64(item->data + 8) != BTRFS_FIRST_CHUNK)
		return fs_btrfs_doubt(b, "the dev tree is damaged");
	length = get_le64(item->data + 24);
	if (!range_inside(offset, length, d->super.dev.total_bytes) || offset < d->end)
		return fs_btrfs_doubt(b, "extents of device %" PRIu64 " overlap",
				      item->key.objectid);
	s = find_stripe(b, get_le64(item->data + 16), length, d, offset);
	if (!s)
		return fs_btrfs_doubt(b, "device %" PRIu64 ": an extent without a chunk",
				      item->key.objectid);
	s->seen = true;
	bitmap_clear_range(d->map, d->end, offset - d->end);
	d->end = offset + length;
	d->given += length;
	return 1;
}

static int check_dev_tree_item(struct btrfs *b, const struct btrfs_item *item)
{
	uint64_t state;

	switch (item->key.type) {
	case BTRFS_DEV_EXTENT:
		return check_dev_extent(b, item);
	case BTRFS_DEV_REPLACE:
		/* 0 never, 1 started, 2 finished, 3 cancelled, 4 suspended (linux/btrfs.h) */
		state = item->size >= REPLACE_LEN ? get_le64(item->data + REPLACE_STATE) : 1;
		if (state != 0 && state != 2 && state != 3)
			return fs_btrfs_doubt(b, "a device replacement that is not finished");
		return 1;
	default:
		return 1;		/* statistics */
	}
}

int fs_btrfs_dev_check(struct btrfs *b)
{
	CLEANUP(fs_btrfs_walk_done) struct btrfs_walk w = { 0 };
	const struct btrfs_item *item;
	int r;

	r = fs_btrfs_walk_start(b, BTRFS_DEV_TREE, &w);
	while (r > 0 && (r = fs_btrfs_walk_next(&w, &item)) > 0 && item->data)
		r = check_dev_tree_item(b, item);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < b->chunks.nstripes; i++)
		if (!b->chunks.stripes[i].seen)
			return fs_btrfs_doubt(b, "a chunk that the dev tree does not know");
	for (size_t i = 0; i < b->n; i++) {
		struct btrfs_device *d = &b->devices[i];

		if (d->given != d->super.dev.bytes_used)
			return fs_btrfs_doubt(b, "device %" PRIu64 ": its used bytes are wrong",
					      d->super.dev.devid);
		bitmap_clear_range(d->map, d->end, d->super.dev.total_bytes - d->end);
	}
	return 1;
}

void fs_btrfs_dev_keep_reserved(struct btrfs *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct bitmap *map = b->devices[i].map;

		bitmap_set_range(map, 0, MIB);
		for (unsigned int k = 0; k < BTRFS_SUPER_COPIES; k++)
			bitmap_set_range(map, fs_btrfs_super_offsets[k], BTRFS_STRIPE_LEN);
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the btrfs reader share. The format is that of the kernel's
 * include/uapi/linux/btrfs_tree.h and of its documentation ("Btrfs on-disk format"); all numbers
 * are little-endian.
 *
 *	superblock	64 KiB into each device, with copies at 64 MiB and 256 GiB
 *	chunk tree	logical addresses -> stripes of devices; all else speaks logical addresses
 *	root tree	where the other trees are
 *	dev tree	what of each device is given to chunks
 *	extent tree	what of the chunks is in use, by whom
 *	block groups	how much of each chunk is in use; in the extent tree or a tree of their own
 *	free space tree	the complement of the extent tree
 *
 *	fs_btrfs_csum.c		the four checksums
 *	fs_btrfs_super.c	superblocks, and that those of all devices agree
 *	fs_btrfs_chunk.c	chunks: from logical to physical, for reading and for releasing
 *	fs_btrfs_tree.c		walking a tree
 *	fs_btrfs_dev.c		chunk tree and dev tree
 *	fs_btrfs_extent.c	extent tree, block groups
 *	fs_btrfs_space.c	free space tree
 *	fs_btrfs.c		in which order
 *
 * Checks return 1 passed, 0 doubt, -errno, here as everywhere in disk/fs.
 */
#ifndef P2V_DISK_FS_FS_BTRFS_PARTS_H
#define P2V_DISK_FS_FS_BTRFS_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/bitmap.h"
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/cleanup.h"
#include "common/err.h"
#include "disk/fs/fs_btrfs.h"
#include "disk/space.h"

#define BTRFS_SUPER_LEN		4096u
#define BTRFS_CSUM_LEN		32u
#define BTRFS_STRIPE_LEN	(64u << 10)	/* the only one there has ever been */
#define BTRFS_LEVELS		8u
#define BTRFS_NODE_MAX		(64u << 10)
#define BTRFS_HEADER_LEN	101u
#define BTRFS_DEVICES_MAX	1024u		/* more than anyone has */

/* Objects: trees and others. */
#define BTRFS_ROOT_TREE		1u
#define BTRFS_EXTENT_TREE	2u
#define BTRFS_CHUNK_TREE	3u
#define BTRFS_DEV_TREE		4u
#define BTRFS_SPACE_TREE	10u
#define BTRFS_GROUP_TREE	11u
#define BTRFS_TREES		12u		/* one more than the last */
#define BTRFS_FIRST_CHUNK	256u		/* the object that all chunks belong to */

/* Key types. */
#define BTRFS_ROOT_ITEM		132u
#define BTRFS_EXTENT_ITEM	168u
#define BTRFS_METADATA_ITEM	169u
#define BTRFS_OWNER_REF		172u
#define BTRFS_TREE_BLOCK_REF	176u
#define BTRFS_DATA_REF		178u
#define BTRFS_SHARED_BLOCK_REF	182u
#define BTRFS_SHARED_DATA_REF	184u
#define BTRFS_GROUP_ITEM	192u
#define BTRFS_SPACE_INFO	198u
#define BTRFS_SPACE_EXTENT	199u
#define BTRFS_SPACE_BITMAP	200u
#define BTRFS_DEV_EXTENT	204u
#define BTRFS_DEV_ITEM		216u
#define BTRFS_CHUNK_ITEM	228u
#define BTRFS_TEMPORARY_ITEM	248u
#define BTRFS_DEV_REPLACE	250u

/* What a chunk is for, and its profile. */
#define BTRFS_DATA		(1u << 0)
#define BTRFS_SYSTEM		(1u << 1)
#define BTRFS_METADATA		(1u << 2)
#define BTRFS_RAID0		(1u << 3)
#define BTRFS_RAID1		(1u << 4)
#define BTRFS_DUP		(1u << 5)
#define BTRFS_RAID10		(1u << 6)
#define BTRFS_RAID5		(1u << 7)
#define BTRFS_RAID6		(1u << 8)
#define BTRFS_RAID1C3		(1u << 9)
#define BTRFS_RAID1C4		(1u << 10)

#define BTRFS_INCOMPAT_MIXED_GROUPS	(1u << 2)
#define BTRFS_INCOMPAT_METADATA_UUID	(1u << 10)
#define BTRFS_RO_SPACE_TREE		(1u << 0)
#define BTRFS_RO_SPACE_TREE_VALID	(1u << 1)
#define BTRFS_RO_GROUP_TREE		(1u << 3)

/* A superblock's dev_item, or one of the chunk tree. */
struct btrfs_dev_item {
	uint64_t devid, total_bytes, bytes_used;
	const uint8_t *uuid, *fsid;	/* in what was read */
};
#define BTRFS_DEV_ITEM_LEN	98u

struct btrfs_super {
	uint8_t raw[BTRFS_SUPER_LEN];
	struct btrfs_dev_item dev;	/* points into raw */
	const uint8_t *fsid, *tree_fsid;	/* the same */
	uint64_t generation, total_bytes, bytes_used, num_devices, incompat, ro_compat;
	uint32_t sector, node;
	uint16_t csum_type;
};

struct btrfs_device {
	struct space *space;
	struct bitmap *map;
	struct btrfs_super super;
	bool seen;			/* in the chunk tree */
	uint64_t given;			/* to chunks, by the dev tree so far: bytes, */
	uint64_t end;			/* and where the last one ends */
};

struct btrfs_stripe {
	uint64_t offset;
	uint32_t device;		/* index */
	bool seen;			/* in the dev tree */
};

/*
 * Logical [logical, logical + length). Data is laid in columns, stripe by stripe, row after row; a
 * column is in as many stripes as there are copies. single, DUP and RAID 1 have one column and one
 * endless row.
 */
struct btrfs_chunk {
	uint64_t logical, length, type;
	uint64_t column_length;		/* bytes on each device */
	uint32_t first;			/* of its stripes, in the list's */
	uint16_t nstripes, columns, copies;
	bool striped, parity;
	/* its block group */
	bool has_group;
	uint64_t used;			/* by the block group */
	uint64_t sum;			/* of its extents */
};

struct btrfs_chunks {			/* by logical address */
	struct btrfs_chunk *v;
	size_t n, cap;
	struct btrfs_stripe *stripes;
	size_t nstripes, stripes_cap;
	size_t max;			/* of both: bounds memory */
};

struct btrfs_root {
	bool there;
	uint64_t bytenr, generation;
	uint8_t level;
};

/* A set of tree blocks: how many, and a sum over them that two different sets do not share. */
struct btrfs_blocks {
	uint64_t n, sum;
};

struct btrfs {
	struct btrfs_device *devices;
	size_t n;
	const struct btrfs_super *super;	/* the first device's, all agree */
	struct btrfs_chunks system;		/* from the superblock: to read the chunk tree */
	struct btrfs_chunks chunks;
	const struct btrfs_chunks *mapping;	/* what is read through: one of these */
	struct btrfs_root roots[BTRFS_TREES];
	struct btrfs_blocks walked[BTRFS_TREES];	/* by their owner: the blocks read, */
	struct btrfs_blocks extents[BTRFS_TREES];	/* and those the extent tree knows */
	uint8_t chunk_tree_uuid[FS_BTRFS_UUID_LEN];
	char **why;
	struct err *err;
};

struct btrfs_key {
	uint64_t objectid, offset;
	uint8_t type;
};

struct btrfs_item {
	struct btrfs_key key;
	const uint8_t *data;		/* NULL behind the last one */
	uint32_t size;
};

struct btrfs_walk {
	struct btrfs *b;
	uint64_t owner;
	uint8_t *blocks;		/* one for each level */
	struct btrfs_item item;
	struct {
		uint32_t next, n;
		bool bounded;		/* keys below are smaller than end */
		struct btrfs_key end;
	} at[BTRFS_LEVELS];
	uint8_t level;			/* of the root */
	bool done;
};

/* fs_btrfs.c */
int fs_btrfs_doubt(struct btrfs *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void fs_btrfs_count_block(struct btrfs_blocks *set, uint64_t bytenr);

/* fs_btrfs_csum.c: is the one at the start of the block that of the rest? */
bool fs_btrfs_csum_known(uint16_t type);
int fs_btrfs_csum_verify(uint16_t type, const uint8_t *block, size_t len);

/* fs_btrfs_super.c */
#define BTRFS_SUPER_COPIES	3u
extern const uint64_t fs_btrfs_super_offsets[BTRFS_SUPER_COPIES];
/* Read and looked at, for itself. *ret_bad is a phrase when it returns 0. */
int fs_btrfs_super_read(const struct space *s, uint64_t offset, struct btrfs_super *ret,
			const char **ret_bad, struct err *err);
void fs_btrfs_super_parse_dev(const uint8_t *p, struct btrfs_dev_item *ret);
int fs_btrfs_super_check(struct btrfs *b);
/* The chunks of the superblock's own list, as they lie there: to b->system. */
int fs_btrfs_super_chunks(struct btrfs *b);

/* fs_btrfs_chunk.c */
void fs_btrfs_chunks_done(struct btrfs_chunks *list);
/* A chunk item of size bytes; chunks may be added in any order. */
int fs_btrfs_chunk_add(struct btrfs *b, struct btrfs_chunks *list, uint64_t logical,
		       const uint8_t *item, uint32_t size);
/* The size of the item at p, of which left bytes are there; 0 when it is not all there. */
uint32_t fs_btrfs_chunk_item_len(const uint8_t *p, size_t left);
struct btrfs_chunk *fs_btrfs_chunk_find(const struct btrfs_chunks *list, uint64_t logical);
bool fs_btrfs_chunk_same(const struct btrfs_chunks *a, const struct btrfs_chunk *x,
			 const struct btrfs_chunks *b, const struct btrfs_chunk *y);
int fs_btrfs_chunk_read(struct btrfs *b, void *buf, uint32_t len, uint64_t logical);
/* [offset, offset + length) of a chunk is free. */
void fs_btrfs_chunk_release(struct btrfs *b, const struct btrfs_chunk *c, uint64_t offset,
			    uint64_t length);

/* fs_btrfs_tree.c: all items in the order of their keys; item->data is NULL at the end. */
int fs_btrfs_walk_start(struct btrfs *b, uint64_t owner, struct btrfs_walk *w);
int fs_btrfs_walk_next(struct btrfs_walk *w, const struct btrfs_item **ret);
void fs_btrfs_walk_done(struct btrfs_walk *w);
DEFINE_CLEANUP_VALUE(struct btrfs_walk, fs_btrfs_walk_done)

/* fs_btrfs_dev.c */
int fs_btrfs_dev_read_chunks(struct btrfs *b);
/* Checks, and releases what no chunk has; then, at the very end, what is never to be released. */
int fs_btrfs_dev_check(struct btrfs *b);
void fs_btrfs_dev_keep_reserved(struct btrfs *b);

/* fs_btrfs_space.c: the free space tree, beside the extent tree. */
struct btrfs_space {
	struct btrfs_walk walk;
	bool used;			/* false: there is none that can be believed */
	const struct btrfs_item *item;
	const struct btrfs_chunk *chunk;	/* the one we are in */
	uint32_t expected, found;	/* free extents in it */
	bool bitmaps;
	uint64_t at, bitmap_end;	/* with bitmaps: up to where it was compared */
};
int fs_btrfs_space_start(struct btrfs *b, struct btrfs_space *fs);
/* In ascending order: a chunk begins; free ranges of it; it ends; after all, the tree ends. */
int fs_btrfs_space_enter(struct btrfs_space *fs, const struct btrfs_chunk *c);
int fs_btrfs_space_expect(struct btrfs_space *fs, uint64_t logical, uint64_t length);
int fs_btrfs_space_leave(struct btrfs_space *fs);
int fs_btrfs_space_end(struct btrfs_space *fs);

/* fs_btrfs_extent.c: checks and releases. */
int fs_btrfs_extent_check(struct btrfs *b, bool *ret_space_tree);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The metadata of a thin pool: which chunks of the pool's data belong to nobody. Internal to
 * lvm_*.c.
 *
 *	block 0		superblock: where the rest begins
 *	space map	a tree to bitmap blocks, two bits for each chunk: how often it is referenced
 *	mappings	a tree of trees: device, virtual chunk -> chunk
 *	details		a tree: device -> what is known of it
 *
 * A change is written to new blocks, and the superblock last: so what the superblock leads to is
 * whole, also after a crash. Blocks are of 4 KiB, all fields are little-endian, each block has its
 * own number and a CRC-32C (not inverted at the end) that is mixed with a number for its kind.
 * Format: Linux, drivers/md/dm-thin-metadata.c and drivers/md/persistent-data/.
 */
#ifndef P2V_DISK_LVM_THIN_H
#define P2V_DISK_LVM_THIN_H

#include "common/bitmap.h"
#include "common/extent.h"
#include "disk/lvm/lvm_source.h"

#define LVM_THIN_BLOCK	4096u

/* What LVM says of the pool; the metadata must say the same. */
struct lvm_thin_pool {
	uint64_t data_size, chunk;	/* bytes */
	uint64_t transaction;
	const uint64_t *devices;	/* that must be there, ascending */
	size_t ndevices;
};

/*
 * s: the metadata volume. Adds what is free of the data, in bytes. 1, 0 (doubt), -ENOMEM, or what
 * the disk said.
 */
int lvm_thin_read(const struct lvm_source *s, const struct lvm_thin_pool *pool,
		  struct extents *ret);

/* --- lvm_thin_tree.c --- */

#define LVM_THIN_XOR_SUPER	160774u
#define LVM_THIN_XOR_TREE	121107u
#define LVM_THIN_XOR_BITMAP	240779u

/* A block into buf, with all that can be checked without knowing what it is for. 1, 0, -errno. */
int lvm_thin_block(const struct lvm_source *s, uint64_t number, uint32_t xor_with, uint8_t *buf);

struct lvm_thin_tree {
	const struct lvm_source *s;
	/*
	 * One bit for each block of the metadata, of those that were visited. Snapshots have parts
	 * of their trees in common: these are walked once (shared). Else a block that comes twice
	 * is a doubt.
	 */
	struct bitmap *seen;
	bool shared;
	uint32_t value_size;
	/* In order of keys. Anything but 1 ends the walk. */
	int (*leaf)(void *arg, uint64_t key, const uint8_t *value);
	void *arg;
};

int lvm_thin_walk(const struct lvm_thin_tree *t, uint64_t root);

#endif

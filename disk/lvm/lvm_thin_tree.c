/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks and trees of a thin pool's metadata. */
#include <inttypes.h>
#include <stdlib.h>
#include "common/bytes.h"
#include "common/digest.h"
#include "disk/lvm/lvm_thin.h"

#define HEADER		32u
#define INTERNAL	1u
#define LEAF		2u
/* Nodes have 60 children and more but for the root: more is more than any metadata can hold. */
#define DEPTH_MAX	12

int lvm_thin_block(const struct lvm_source *s, uint64_t number, uint32_t xor_with, uint8_t *buf)
{
	int r;

	if (number >= s->length / LVM_THIN_BLOCK)
		return lvm_source_doubt(s, "the pool's metadata points outside itself");
	r = lvm_source_read(s, buf, LVM_THIN_BLOCK, number * LVM_THIN_BLOCK);
	if (r < 0)
		return r;
	if ((~digest_crc32c(0, buf + 4, LVM_THIN_BLOCK - 4) ^ xor_with) != get_le32(buf))
		return lvm_source_doubt(s, "block %" PRIu64 " of the pool's metadata has a wrong "
					"checksum", number);
	if (get_le64(buf + 8) != number)
		return lvm_source_doubt(s, "block %" PRIu64 " of the pool's metadata is another",
					number);
	return 1;
}

struct node {
	uint8_t *buf;
	bool leaf;
	uint32_t n, value_size;
	const uint8_t *keys, *values;
};

/* Keys are ascending and in [from, to]. */
static int check_node(const struct lvm_thin_tree *t, struct node *x, uint64_t from, uint64_t to)
{
	uint32_t flags = get_le32(x->buf + 4), max = get_le32(x->buf + 20);
	uint64_t last = from;

	x->n = get_le32(x->buf + 16);
	x->leaf = flags == LEAF;
	x->value_size = x->leaf ? t->value_size : 8;
	if ((flags != LEAF && flags != INTERNAL) || get_le32(x->buf + 24) != x->value_size ||
	    max > (LVM_THIN_BLOCK - HEADER) / (8 + x->value_size) || x->n > max ||
	    (!x->leaf && x->n == 0))
		return lvm_source_doubt(t->s, "a tree of the pool's metadata is damaged");
	x->keys = x->buf + HEADER;
	x->values = x->keys + (size_t)max * 8;
	for (uint32_t i = 0; i < x->n; i++) {
		uint64_t key = get_le64(x->keys + (size_t)i * 8);

		if (key < last || key > to || (i > 0 && key == last))
			return lvm_source_doubt(t->s, "a tree of the pool's metadata is out of "
						"order");
		last = key;
	}
	return 1;
}

/* bufs: a block for this level and each below. */
static int walk(const struct lvm_thin_tree *t, uint64_t number, unsigned int depth, uint8_t *bufs,
		uint64_t from, uint64_t to)
{
	struct node x = { .buf = bufs };
	int r;

	if (depth == DEPTH_MAX)
		return lvm_source_doubt(t->s, "a tree of the pool's metadata is too deep");
	r = lvm_thin_block(t->s, number, LVM_THIN_XOR_TREE, x.buf);
	if (r <= 0)
		return r;
	if (bitmap_test(t->seen, number)) {
		/* All below it was looked at then (or is being looked at: a circle ends here). */
		if (!t->shared)
			return lvm_source_doubt(t->s, "two trees of the pool's metadata share a "
						"block");
		return 1;
	}
	bitmap_set_range(t->seen, number, 1);
	r = check_node(t, &x, from, to);
	for (uint32_t i = 0; i < x.n && r > 0; i++) {
		uint64_t key = get_le64(x.keys + (size_t)i * 8);
		const uint8_t *value = x.values + (size_t)i * x.value_size;

		if (x.leaf)
			r = t->leaf(t->arg, key, value);
		else
			r = walk(t, get_le64(value), depth + 1, bufs + LVM_THIN_BLOCK, key,
				 i + 1 < x.n ? get_le64(x.keys + (size_t)(i + 1) * 8) - 1 : to);
	}
	return r;
}

int lvm_thin_walk(const struct lvm_thin_tree *t, uint64_t root)
{
	uint8_t *bufs = malloc((size_t)DEPTH_MAX * LVM_THIN_BLOCK);
	int r;

	if (!bufs)
		return err_nomem(t->s->err);
	r = walk(t, root, 0, bufs, 0, UINT64_MAX);
	free(bufs);
	return r;
}

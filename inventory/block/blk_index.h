/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Look-up by name over a list that lives elsewhere: a machine with hundreds of disks has thousands
 * of links and mounts, and each device asks for its own. Keys may repeat; what shares a key keeps
 * the order in which it was added. Add everything, sort once, then find.
 *
 * Keys are borrowed and must outlive the index.
 */
#ifndef P2V_INVENTORY_BLK_INDEX_H
#define P2V_INVENTORY_BLK_INDEX_H

#include <stddef.h>
#include "common/cleanup.h"

struct blk_index_entry {
	const char *key;
	size_t at;			/* place in the list */
};

struct blk_index {
	struct blk_index_entry *v;
	size_t n;
};

int blk_index_add(struct blk_index *x, const char *key, size_t at);	/* 0 or -ENOMEM */
void blk_index_sort(struct blk_index *x);
/* The first of *ret_n entries with that key; NULL and 0 when there is none. */
const struct blk_index_entry *blk_index_find(const struct blk_index *x, const char *key,
					     size_t *ret_n);
void blk_index_done(struct blk_index *x);
DEFINE_CLEANUP_VALUE(struct blk_index, blk_index_done)

#endif

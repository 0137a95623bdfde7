/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An ordered list of non-overlapping byte ranges with a kind each. Neighbours of the same kind
 * coalesce, so a caller cannot build an ill-formed list: extents_add() accepts ranges in any
 * order and unites overlaps of one kind; overlap of two kinds is -EEXIST.
 */
#ifndef P2V_COMMON_EXTENT_H
#define P2V_COMMON_EXTENT_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/compiler.h"

struct extent {
	uint64_t offset, length;	/* bytes, half-open */
	uint32_t kind;			/* the owner's meaning */
};

struct extents {
	struct extent *v;
	size_t n, cap;
};

void extents_done(struct extents *x);
DEFINE_CLEANUP_VALUE(struct extents, extents_done)
/* length 0 is ignored; offset + length must not overflow (-ERANGE). */
int extents_add(struct extents *x, uint64_t offset, uint64_t length, uint32_t kind) WARN_UNUSED;
/*
 * Nothing of [offset, offset + length) is in it afterwards. -ERANGE, -ENOMEM (a hole splits one).
 */
int extents_remove(struct extents *x, uint64_t offset, uint64_t length) WARN_UNUSED;
uint64_t extents_bytes(const struct extents *x);
/* Is any byte of the range in it? */
bool extents_any(const struct extents *x, uint64_t offset, uint64_t length);
/* The extent that contains offset, or NULL. */
const struct extent *extents_find(const struct extents *x, uint64_t offset);

#endif

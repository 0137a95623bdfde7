/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One bit per granule of a disk. Terms: granularity is the number of bytes a bit stands for (a
 * power of two); a bitmap covers size bytes and its last granule may be partial. Byte ranges are
 * widened to whole granules when bits are set and narrowed when they are cleared, so an imprecise
 * range errs on the side of "set": doubt never skips data.
 *
 * Owned by one thread. Memory: size / granularity / 8 bytes.
 */
#ifndef P2V_COMMON_BITMAP_H
#define P2V_COMMON_BITMAP_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/compiler.h"

struct bitmap {
	uint64_t size;			/* bytes covered */
	uint64_t granularity;		/* bytes per bit */
	uint64_t nbits;
	uint64_t *words;		/* DIV_ROUND_UP(nbits, 64), bits past nbits stay clear */
};

/* All clear. -EINVAL when granularity is not a power of two, -ENOMEM. size 0 is fine. */
int bitmap_new(uint64_t size, uint64_t granularity, struct bitmap **ret) WARN_UNUSED;
int bitmap_copy(const struct bitmap *b, struct bitmap **ret) WARN_UNUSED;
void bitmap_free(struct bitmap *b);
DEFINE_CLEANUP(struct bitmap *, bitmap_free)

void bitmap_set_all(struct bitmap *b);
void bitmap_clear_all(struct bitmap *b);
/* Ranges are clipped to size. */
void bitmap_set_range(struct bitmap *b, uint64_t offset, uint64_t length);	/* widens */
void bitmap_clear_range(struct bitmap *b, uint64_t offset, uint64_t length);	/* narrows */
bool bitmap_test(const struct bitmap *b, uint64_t offset);
/*
 * True when any (all) granule(s) touching the range are set; an empty range, or one past size,
 * gives false (true).
 */
bool bitmap_any(const struct bitmap *b, uint64_t offset, uint64_t length);
bool bitmap_all(const struct bitmap *b, uint64_t offset, uint64_t length);

uint64_t bitmap_count(const struct bitmap *b);		/* bits set */
uint64_t bitmap_bytes(const struct bitmap *b);		/* bytes of size under set bits */
/*
 * The first run of bits equal to value at or after byte offset start: [*ret_offset, *ret_offset
 * + *ret_length), clipped to size. A start inside a granule of that value is where the run begins.
 * False when there is none.
 */
bool bitmap_next_run(const struct bitmap *b, bool value, uint64_t start, uint64_t *ret_offset,
		     uint64_t *ret_length);
/* Set in dst whatever is set in src, of the same size; the granularities may differ: widens. */
void bitmap_merge(struct bitmap *dst, const struct bitmap *src);
/* dst |= src, dst &= src, dst &= ~src. Same size and granularity, else -EINVAL. */
int bitmap_or(struct bitmap *dst, const struct bitmap *src);
int bitmap_and(struct bitmap *dst, const struct bitmap *src);
int bitmap_andnot(struct bitmap *dst, const struct bitmap *src);

#endif

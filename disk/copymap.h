/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is to be sent: used AND NOT durable at the far end, chunk by chunk. Pure.
 *
 * A chunk is sent whole (its free clusters as zeroes) when any of its clusters is used; a run of
 * chunks with nothing used is announced as one free range. The walk is ascending, so the image is
 * written in order.
 */
#ifndef P2V_DISK_COPYMAP_H
#define P2V_DISK_COPYMAP_H

#include <stdbool.h>
#include "common/bitmap.h"

struct copymap_step {
	bool data;			/* read and send; false: announce as free */
	uint64_t offset, length;	/* data: one chunk; free: a run of chunks */
};

struct copymap {
	const struct bitmap *used;	/* granularity divides chunk */
	const struct bitmap *have;	/* set = durable there; granularity chunk; may be NULL */
	uint64_t chunk;
	uint64_t pos;			/* where the walk stands */
};

void copymap_init(struct copymap *c, const struct bitmap *used, const struct bitmap *have,
		  uint64_t chunk);
/* The next step from pos on; false at the end. */
bool copymap_next(struct copymap *c, struct copymap_step *ret);
/* Bytes of whole chunks to read, in free chunks, and already there: they add up to the size. */
void copymap_totals(const struct copymap *c, uint64_t *ret_data, uint64_t *ret_free,
		    uint64_t *ret_have);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A queue of elements of one size in memory that grows: pushed at the end, dropped from the front,
 * looked at anywhere.
 *
 *	struct ring r = RING_OF(struct thing);
 *
 * One thread. A pointer to an element is good until the next push.
 */
#ifndef P2V_COMMON_RING_H
#define P2V_COMMON_RING_H

#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/compiler.h"

struct ring {
	size_t size;			/* of an element */
	size_t n;			/* elements in it */
	size_t head, cap;
	uint8_t *v;
};

#define RING_OF(type)	{ .size = sizeof(type) }

void ring_done(struct ring *r);		/* empty again, and good for more */
DEFINE_CLEANUP_VALUE(struct ring, ring_done)
/* A copy of *element, behind the others. -ENOMEM, and then nothing has changed. */
int ring_push(struct ring *r, const void *element) WARN_UNUSED;
/* The one that has i others in front of it; i < n. */
void *ring_at(const struct ring *r, size_t i);
/* The first n, at most as many as there are, are gone. */
void ring_drop(struct ring *r, size_t n);

#endif

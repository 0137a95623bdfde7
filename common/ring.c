/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ring.h. */
#include "common/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST	256

void ring_done(struct ring *r)
{
	free(r->v);
	*r = (struct ring){ .size = r->size };
}

static int grow(struct ring *r)
{
	size_t cap = r->cap ? 2 * r->cap : CAP_FIRST;
	uint8_t *v = reallocarray(NULL, cap, r->size);

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		memcpy(v + i * r->size, ring_at(r, i), r->size);
	free(r->v);
	r->v = v;
	r->head = 0;
	r->cap = cap;
	return 0;
}

int ring_push(struct ring *r, const void *element)
{
	if (r->n == r->cap && grow(r) < 0)
		return -ENOMEM;
	r->n++;
	memcpy(ring_at(r, r->n - 1), element, r->size);
	return 0;
}

void *ring_at(const struct ring *r, size_t i)
{
	assert(i < r->n);
	return r->v + (r->head + i) % r->cap * r->size;
}

void ring_drop(struct ring *r, size_t n)
{
	n = MIN(n, r->n);
	if (n > 0)
		r->head = (r->head + n) % r->cap;
	r->n -= n;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/extent.h"

#include <errno.h>
#include <string.h>
#include "common/bytes.h"

static uint64_t end_of(const struct extent *e)
{
	return e->offset + e->length;
}

/* The first extent that ends at or after offset (n when there is none). */
static size_t lower_bound(const struct extents *x, uint64_t offset)
{
	size_t lo = 0, hi = x->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (end_of(&x->v[mid]) < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int room_for_one(struct extents *x)
{
	size_t cap, bytes;
	struct extent *v;

	if (x->n < x->cap)
		return 0;
	cap = x->cap ? x->cap * 2 : 16;
	if (cap < x->cap || __builtin_mul_overflow(cap, sizeof(*v), &bytes))
		return -ENOMEM;
	v = realloc(x->v, bytes);
	if (!v)
		return -ENOMEM;
	x->v = v;
	x->cap = cap;
	return 0;
}

void extents_done(struct extents *x)
{
	free(x->v);
	*x = (struct extents){ 0 };
}

int extents_add(struct extents *x, uint64_t offset, uint64_t length, uint32_t kind)
{
	uint64_t end;
	size_t first, last;
	int r;

	if (length == 0)
		return 0;
	if (!u64_add(offset, length, &end))
		return -ERANGE;

	/* [first, last) are to be united with it; a mere neighbour of another kind is not. */
	first = lower_bound(x, offset);
	if (first < x->n && end_of(&x->v[first]) == offset && x->v[first].kind != kind)
		first++;
	for (last = first; last < x->n && x->v[last].offset <= end; last++) {
		if (x->v[last].kind == kind)
			continue;
		if (x->v[last].offset == end)
			break;
		return -EEXIST;
	}

	if (first == last) {
		r = room_for_one(x);
		if (r < 0)
			return r;
		memmove(&x->v[first + 1], &x->v[first], (x->n - first) * sizeof(*x->v));
		x->n++;
	} else {
		offset = MIN(offset, x->v[first].offset);
		end = MAX(end, end_of(&x->v[last - 1]));
		memmove(&x->v[first + 1], &x->v[last], (x->n - last) * sizeof(*x->v));
		x->n -= last - first - 1;
	}
	x->v[first] = (struct extent){ .offset = offset, .length = end - offset, .kind = kind };
	return 0;
}

int extents_remove(struct extents *x, uint64_t offset, uint64_t length)
{
	uint64_t end;
	size_t first, last;
	struct extent tail;
	int r;

	if (length == 0)
		return 0;
	if (!u64_add(offset, length, &end))
		return -ERANGE;
	/* The one place where there can be more of them afterwards: a hole in the middle of one. */
	r = room_for_one(x);
	if (r < 0)
		return r;
	first = lower_bound(x, offset);
	if (first < x->n && x->v[first].offset < offset && end_of(&x->v[first]) > end) {
		tail = x->v[first];
		memmove(&x->v[first + 1], &x->v[first], (x->n - first) * sizeof(*x->v));
		x->n++;
		x->v[first].length = offset - tail.offset;
		x->v[first + 1].offset = end;
		x->v[first + 1].length = end_of(&tail) - end;
		return 0;
	}
	if (first < x->n && x->v[first].offset < offset) {
		x->v[first].length = offset - x->v[first].offset;
		first++;
	}
	for (last = first; last < x->n && end_of(&x->v[last]) <= end; last++)
		;
	if (last < x->n && x->v[last].offset < end) {
		x->v[last].length = end_of(&x->v[last]) - end;
		x->v[last].offset = end;
	}
	memmove(&x->v[first], &x->v[last], (x->n - last) * sizeof(*x->v));
	x->n -= last - first;
	return 0;
}

uint64_t extents_bytes(const struct extents *x)
{
	uint64_t sum = 0;

	/* They do not overlap and end below 2^64, so the sum cannot wrap. */
	for (size_t i = 0; i < x->n; i++)
		sum += x->v[i].length;
	return sum;
}

const struct extent *extents_find(const struct extents *x, uint64_t offset)
{
	size_t i = lower_bound(x, offset);

	/* The end is outside: an extent that ends at offset is not the one. */
	if (i < x->n && end_of(&x->v[i]) == offset)
		i++;
	if (i < x->n && x->v[i].offset <= offset)
		return &x->v[i];
	return NULL;
}

bool extents_any(const struct extents *x, uint64_t offset, uint64_t length)
{
	size_t i = lower_bound(x, offset);

	if (i < x->n && end_of(&x->v[i]) == offset)
		i++;
	return length > 0 && i < x->n && x->v[i].offset < offset + length;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/load/histogram.h"

#include <string.h>
#include "common/compiler.h"

/*
 * Values below 64 have a bucket each. Above, a value with its highest bit at position e (6 to 63)
 * is told by e and the five bits behind it: bucket 64 + (e - 6) * 32 + those bits.
 */
#define EXACT	(2 * HISTOGRAM_STEPS)
#define BITS	5u

static unsigned int bucket(uint64_t v)
{
	unsigned int e;

	if (v < EXACT)
		return (unsigned int)v;
	e = 63u - (unsigned int)__builtin_clzll(v);
	return EXACT + (e - BITS - 1) * HISTOGRAM_STEPS +
	       (unsigned int)((v >> (e - BITS)) & (HISTOGRAM_STEPS - 1));
}

/* The largest value of a bucket. */
static uint64_t upper(unsigned int b)
{
	unsigned int e, step;

	if (b < EXACT)
		return b;
	e = (b - EXACT) / HISTOGRAM_STEPS + BITS + 1;
	step = (b - EXACT) % HISTOGRAM_STEPS;
	return ((uint64_t)(HISTOGRAM_STEPS + step) << (e - BITS)) +
	       ((UINT64_C(1) << (e - BITS)) - 1);
}

void histogram_init(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

void histogram_add(struct histogram *h, uint64_t value, uint64_t weight)
{
	weight = MIN(weight, UINT64_MAX - h->total);
	if (weight == 0)
		return;
	h->total += weight;
	h->weight[bucket(value)] += weight;
	h->sum += (unsigned __int128)value * weight;
	h->min = MIN(h->min, value);
	h->max = MAX(h->max, value);
}

uint64_t histogram_percentile(const struct histogram *h, unsigned int permille)
{
	unsigned __int128 want = (unsigned __int128)h->total * permille;
	unsigned __int128 seen = 0;

	if (h->total == 0)
		return 0;
	for (unsigned int b = 0; b < HISTOGRAM_BUCKETS; b++) {
		seen += h->weight[b];
		if (h->weight[b] > 0 && seen * 1000 >= want)
			return MIN(upper(b), h->max);
	}
	return h->max;
}

uint64_t histogram_mean(const struct histogram *h)
{
	return h->total ? (uint64_t)(h->sum / h->total) : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How often which value was seen, in constant memory: buckets that are exact below 64 and then
 * grow with the value, 32 to each doubling. So a percentile is at most 1/32 (3.2 %) above the true
 * one and never below it, whatever the values and however many. That side is chosen: who sizes a
 * machine by it may give it a little more, never a little less.
 *
 * Each value has a weight; here it is the time for which it held. Pure; one thread.
 */
#ifndef P2V_INVENTORY_HISTOGRAM_H
#define P2V_INVENTORY_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS		32u	/* buckets in a doubling */
#define HISTOGRAM_BUCKETS	(60u * HISTOGRAM_STEPS)

struct histogram {
	uint64_t total;				/* weight */
	uint64_t min, max;			/* exact; max 0 and min UINT64_MAX: nothing seen */
	unsigned __int128 sum;			/* of value * weight */
	uint64_t weight[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *h);
/* A weight of 0 adds nothing. Weights end at 2^64 - 1 in sum: no overflow, the rest is dropped. */
void histogram_add(struct histogram *h, uint64_t value, uint64_t weight);
/*
 * The smallest value (rounded up to its bucket's end, at most max) such that at least permille /
 * 1000 of the weight is not above it: 950 is p95. 0 when nothing was seen. permille 0..1000.
 */
uint64_t histogram_percentile(const struct histogram *h, unsigned int permille);
uint64_t histogram_mean(const struct histogram *h);	/* 0 when nothing was seen */

#endif

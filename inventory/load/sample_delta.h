/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a group of kernel counters did between two readings. All of a group belong to one device,
 * so they are judged together:
 *
 *	none went backwards		the differences
 *	one did, from below 2^32	it ran over, as 32-bit counters do, when the way round is no
 *					more than the limit allows
 *	anything else			the device is another one, or was set back: no values
 *
 * A reset of a device takes all its counters back at once, and two counters that run over in one
 * interval are far less likely than that; so doubt costs one sample, and never gives nonsense.
 * A step of more than the limit is no value either, forwards too. Pure.
 */
#ifndef P2V_INVENTORY_SAMPLE_DELTA_H
#define P2V_INVENTORY_SAMPLE_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* limit: what hardware can do at most, per second. False: no values; ret untouched. */
bool sample_delta(const uint64_t *before, const uint64_t *now, const uint64_t *limit, size_t n,
		  uint64_t elapsed_us, uint64_t *ret);
/* delta per second times scale, rounded; SAMPLE_NONE on overflow or without time. */
uint64_t sample_delta_rate(uint64_t delta, uint64_t scale, uint64_t elapsed_us);

#endif

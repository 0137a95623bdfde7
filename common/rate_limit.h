/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many bytes may go now, so that over time it is no more than so many a second: a bucket that
 * fills at the rate and holds RATE_LIMIT_BURST_S of it, at least RATE_LIMIT_BURST_MIN bytes. Pure:
 * the caller brings the time (monotonic seconds) and does the waiting. One thread.
 *
 *	n = MIN(what there is, rate_limit_may(l, now));
 *	... send n bytes ...
 *	rate_limit_took(l, n);
 *	wait at most rate_limit_delay(l, now) seconds when n was 0
 */
#ifndef P2V_COMMON_RATE_LIMIT_H
#define P2V_COMMON_RATE_LIMIT_H

#include <stddef.h>
#include <stdint.h>
#include "common/size.h"

/* The lowest that people may ask for: a chunk must get through before silence counts as death. */
#define RATE_LIMIT_MIN		(32u << 10)
#define RATE_LIMIT_BURST_S	0.1
#define RATE_LIMIT_BURST_MIN	16384u

struct rate_limit {			/* zeroed: no limit */
	uint64_t rate;			/* bytes per second; 0: no limit */
	double bucket;			/* bytes that may go */
	double filled;			/* when it was last filled */
};

/* From now on; 0: no limit. What is in the bucket is kept as far as the new one holds it. */
void rate_limit_set(struct rate_limit *l, uint64_t rate, double now);
/* SIZE_MAX without a limit; 0 until a piece worth sending is there (a tenth of the bucket). */
size_t rate_limit_may(struct rate_limit *l, double now);
void rate_limit_took(struct rate_limit *l, size_t bytes);
/* Seconds until rate_limit_may() gives more than 0; 0 when it does now. */
double rate_limit_delay(struct rate_limit *l, double now);

/*
 * "40M": bytes per second, with the suffixes of sizes (size.h), at least RATE_LIMIT_MIN; "max": 0.
 * -EINVAL, -ERANGE.
 */
int rate_limit_parse(const char *text, uint64_t *ret);
/* "40 MiB/s", "no limit"; returns buf. */
#define RATE_LIMIT_TEXT_MAX	(SIZE_TEXT_MAX + 4)
const char *rate_limit_format(uint64_t rate, char buf[static RATE_LIMIT_TEXT_MAX]);

#endif

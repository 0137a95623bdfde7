/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Durations as people write them, both ways, in whole seconds. A clock's form ("2d 03:04") is
 * size_format_duration()'s (size.h); this one is for options and for sentences.
 */
#ifndef P2V_COMMON_DURATION_H
#define P2V_COMMON_DURATION_H

#include <stdint.h>

#define DURATION_TEXT_MAX 32
#define DURATION_MINUTE	UINT64_C(60)
#define DURATION_HOUR	UINT64_C(3600)
#define DURATION_DAY	UINT64_C(86400)

/*
 * "90" (seconds), "30s", "10m", "2h", "7d", "2w", and sums of falling units: "1h30m". No blanks, no
 * signs, no fractions, no unit twice. -EINVAL, -ERANGE (past 2^63 - 1 seconds).
 */
int duration_parse(const char *text, uint64_t *ret);
/* The same in nanoseconds, or "200ms"; a day at most, else -ERANGE. */
int duration_parse_ns(const char *text, uint64_t *ret);
/*
 * With one unit: "45 s", "12 min", "2.5 h", "14 d"; never says more than it was, so 59 s are no
 * minute. Returns buf.
 */
const char *duration_format(uint64_t seconds, char buf[static DURATION_TEXT_MAX]);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"

/* From the largest on: a sum falls. */
static const struct {
	char letter;
	uint64_t seconds;
} units[] = {
	{ 'w', 7 * DURATION_DAY }, { 'd', DURATION_DAY }, { 'h', DURATION_HOUR },
	{ 'm', DURATION_MINUTE }, { 's', 1 },
};

int duration_parse(const char *text, uint64_t *ret)
{
	const char *p = text;
	uint64_t sum = 0;
	size_t next = 0;
	bool overflow = false;

	if (!*p)
		return -EINVAL;
	while (*p) {
		uint64_t n = 0, part = 0;
		const char *digits = p;

		for (; *p >= '0' && *p <= '9'; p++)
			if (!u64_mul(n, 10, &n) || !u64_add(n, (uint64_t)(*p - '0'), &n))
				overflow = true;
		if (p == digits)
			return -EINVAL;
		if (!*p) {
			/* A bare number is seconds, when it is all there is. */
			if (digits != text)
				return -EINVAL;
			sum = n;
			break;
		}
		while (next < sizeof(units) / sizeof(units[0]) && units[next].letter != *p)
			next++;
		if (next == sizeof(units) / sizeof(units[0]))
			return -EINVAL;
		if (!u64_mul(n, units[next].seconds, &part) || !u64_add(sum, part, &sum))
			overflow = true;
		next++;
		p++;
	}
	if (overflow || sum > INT64_MAX)
		return -ERANGE;
	*ret = sum;
	return 0;
}

static const char *tenths(uint64_t seconds, uint64_t unit, const char *name,
			  char buf[static DURATION_TEXT_MAX])
{
	uint64_t whole = seconds / unit, rest = seconds % unit / (unit / 10);

	if (whole >= 10 || rest == 0)
		snprintf(buf, DURATION_TEXT_MAX, "%" PRIu64 " %s", whole, name);
	else
		snprintf(buf, DURATION_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " %s", whole, rest, name);
	return buf;
}

const char *duration_format(uint64_t seconds, char buf[static DURATION_TEXT_MAX])
{
	if (seconds >= 2 * DURATION_DAY)
		return tenths(seconds, DURATION_DAY, "d", buf);
	if (seconds >= 2 * DURATION_HOUR)
		return tenths(seconds, DURATION_HOUR, "h", buf);
	if (seconds >= 2 * DURATION_MINUTE)
		return tenths(seconds, DURATION_MINUTE, "min", buf);
	snprintf(buf, DURATION_TEXT_MAX, "%" PRIu64 " s", seconds);
	return buf;
}

int duration_parse_ns(const char *text, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t seconds;
	int r;

	if (digits > 0 && strcmp(text + digits, "ms") == 0) {
		/* Too many digits are ULLONG_MAX. */
		uint64_t ms = strtoull(text, NULL, 10);

		if (ms > DURATION_DAY * 1000)
			return -ERANGE;
		*ret = ms * 1000000;
		return 0;
	}
	r = duration_parse(text, &seconds);
	if (r == 0 && seconds > DURATION_DAY)
		r = -ERANGE;
	if (r == 0)
		*ret = seconds * UINT64_C(1000000000);
	return r;
}

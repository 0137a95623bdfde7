/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/rate_limit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"

/* Sending byte by byte as they drip in would cost more than it carries. */
#define WORTH	10

static double burst(const struct rate_limit *l)
{
	return MAX((double)l->rate * RATE_LIMIT_BURST_S, (double)RATE_LIMIT_BURST_MIN);
}

static void fill(struct rate_limit *l, double now)
{
	/* A clock that stands still or goes back gives nothing. */
	if (now > l->filled)
		l->bucket = MIN(l->bucket + (now - l->filled) * (double)l->rate, burst(l));
	l->filled = now;
}

void rate_limit_set(struct rate_limit *l, uint64_t rate, double now)
{
	if (l->rate == rate)
		return;
	if (l->rate == 0)
		l->bucket = 0;
	else
		fill(l, now);
	l->filled = now;
	l->rate = rate;
	l->bucket = MIN(l->bucket, burst(l));
}

size_t rate_limit_may(struct rate_limit *l, double now)
{
	if (l->rate == 0)
		return SIZE_MAX;
	fill(l, now);
	return l->bucket >= burst(l) / WORTH ? (size_t)l->bucket : 0;
}

void rate_limit_took(struct rate_limit *l, size_t bytes)
{
	if (l->rate != 0)
		l->bucket -= (double)bytes;
}

double rate_limit_delay(struct rate_limit *l, double now)
{
	if (rate_limit_may(l, now) > 0)
		return 0;
	return (burst(l) / WORTH - l->bucket) / (double)l->rate;
}

int rate_limit_parse(const char *text, uint64_t *ret)
{
	uint64_t rate = 0;
	int r = 0;

	if (strcmp(text, "max") != 0) {
		r = size_parse(text, &rate);
		if (r == 0 && rate < RATE_LIMIT_MIN)
			r = -ERANGE;
	}
	if (r == 0)
		*ret = rate;
	return r;
}

const char *rate_limit_format(uint64_t rate, char buf[static RATE_LIMIT_TEXT_MAX])
{
	char size[SIZE_TEXT_MAX];

	if (rate == 0)
		snprintf(buf, RATE_LIMIT_TEXT_MAX, "no limit");
	else
		snprintf(buf, RATE_LIMIT_TEXT_MAX, "%s/s", size_format(rate, size));
	return buf;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"

static const char unit_letters[] = "KMGTPE";

const char *size_format(uint64_t bytes, char buf[static SIZE_TEXT_MAX])
{
	uint64_t whole, tenths, rest;
	unsigned int unit = 0;

	if (bytes < KIB) {
		snprintf(buf, SIZE_TEXT_MAX, "%" PRIu64 " B", bytes);
		return buf;
	}
	while (unit < 5 && bytes >> (10 * (unit + 2)))
		unit++;
	for (;; unit++) {
		unsigned int sh = 10 * (unit + 1);

		whole = bytes >> sh;
		rest = bytes & ((UINT64_C(1) << sh) - 1);
		/* Ten bits of the fraction are plenty for one digit, and cannot overflow. */
		tenths = ((rest >> (sh - 10)) * 10 + 512) >> 10;
		if (tenths == 10) {
			whole++;
			tenths = 0;
		}
		if (whole >= 100 && (rest >> (sh - 1))) {
			whole = (bytes >> sh) + 1;
			tenths = 0;
		} else if (whole >= 100) {
			tenths = 0;
		}
		/* 1023.97 KiB is 1 MiB to a reader. */
		if (whole < 1024 || unit == 5)
			break;
	}
	if (whole >= 100 || rest == 0)
		snprintf(buf, SIZE_TEXT_MAX, "%" PRIu64 " %ciB", whole, unit_letters[unit]);
	else
		snprintf(buf, SIZE_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " %ciB", whole, tenths,
			 unit_letters[unit]);
	return buf;
}

const char *size_format_duration(uint64_t seconds, char buf[static SIZE_TEXT_MAX])
{
	uint64_t days = seconds / 86400;
	unsigned int h = (unsigned int)(seconds / 3600 % 24);
	unsigned int m = (unsigned int)(seconds / 60 % 60);
	unsigned int s = (unsigned int)(seconds % 60);

	if (days)
		snprintf(buf, SIZE_TEXT_MAX, "%" PRIu64 "d %02u:%02u", days, h, m);
	else if (h)
		snprintf(buf, SIZE_TEXT_MAX, "%u:%02u:%02u", h, m, s);
	else
		snprintf(buf, SIZE_TEXT_MAX, "%u:%02u", m, s);
	return buf;
}

/* "", "B", "K", "KiB", ... as a shift, or -1. */
static int unit_shift(const char *s)
{
	const char *letter;

	if (!*s || strcmp(s, "B") == 0)
		return 0;
	letter = strchr(unit_letters, *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s);
	if (!letter || (s[1] && strcmp(s + 1, "iB") != 0))
		return -1;
	return 10 * (int)(letter - unit_letters + 1);
}

int size_parse(const char *text, uint64_t *ret)
{
	uint64_t whole = 0, part = 0, scale = 1, bytes;
	const char *p = text;
	bool overflow = false, has_fraction = false;
	int sh;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (!u64_mul(whole, 10, &whole) || !u64_add(whole, (uint64_t)(*p - '0'), &whole))
			overflow = true;
	}
	if (*p == '.') {
		has_fraction = true;
		p++;
		if (*p < '0' || *p > '9')
			return -EINVAL;
		for (; *p >= '0' && *p <= '9'; p++) {
			/* 18 digits fit, and no size needs more. */
			if (scale == UINT64_C(1000000000000000000))
				return -EINVAL;
			part = part * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
	}
	sh = unit_shift(p);
	if (sh < 0 || (has_fraction && sh == 0))
		return -EINVAL;
	if (overflow || whole > UINT64_MAX >> sh)
		return -ERANGE;
	bytes = whole << sh;
	if (has_fraction)
		bytes += (uint64_t)(((unsigned __int128)part << sh) / scale);
	*ret = bytes;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/bandwidth.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/rate_limit.h"

#define DAY	(24 * 60)

/* "HH:MM" up to the character end; the rest behind it, or NULL. */
static const char *parse_time(const char *s, char end, uint16_t *ret)
{
	unsigned int h, m;

	if (!(s[0] >= '0' && s[0] <= '2' && s[1] >= '0' && s[1] <= '9' && s[2] == ':' &&
	      s[3] >= '0' && s[3] <= '5' && s[4] >= '0' && s[4] <= '9' && s[5] == end))
		return NULL;
	h = (unsigned int)(s[0] - '0') * 10 + (unsigned int)(s[1] - '0');
	m = (unsigned int)(s[3] - '0') * 10 + (unsigned int)(s[4] - '0');
	if (h * 60 + m > DAY)
		return NULL;
	*ret = (uint16_t)(h * 60 + m);
	return s + 6;
}

static int parse_rate(const char *text, uint64_t *ret, struct err *err)
{
	int r = rate_limit_parse(text, ret);

	if (r == -ERANGE)
		return err_set(err, EINVAL, "a bandwidth is at least %uK per second, not %s",
			       RATE_LIMIT_MIN >> 10, text);
	if (r < 0)
		return err_set(err, EINVAL, "\"%s\" is no bandwidth, such as 40M or max", text);
	return 0;
}

static int parse_entry(const char *part, struct bandwidth *b, struct err *err)
{
	struct bandwidth_entry *e = &b->v[b->n];
	const char *rest = parse_time(part, '-', &e->from);

	rest = rest ? parse_time(rest, '=', &e->to) : NULL;
	if (!rest || e->from == e->to || e->from == DAY)
		return err_set(err, EINVAL, "\"%s\" is not like 08:00-18:00=20M", part);
	b->n++;
	return parse_rate(rest, &e->rate, err);
}

int bandwidth_parse(const char *text, struct bandwidth *ret, struct err *err)
{
	CLEANUP(mem_free) char *copy = strdup(text);
	struct bandwidth b = { .n = 0 };
	char *next = copy;
	int r;

	if (!copy)
		return err_nomem(err);
	if (!strchr(text, '=')) {
		r = parse_rate(text, &b.otherwise, err);
		if (r == 0)
			*ret = b;
		return r;
	}
	for (char *part = strsep(&next, ","); part; part = strsep(&next, ",")) {
		if (strncmp(part, "else=", 5) == 0 && !next)
			r = parse_rate(part + 5, &b.otherwise, err);
		else if (b.n == BANDWIDTH_ENTRIES_MAX)
			r = err_set(err, EINVAL, "a timetable of more than %d entries",
				    BANDWIDTH_ENTRIES_MAX);
		else
			r = parse_entry(part, &b, err);
		if (r < 0)
			return r;
	}
	*ret = b;
	return 0;
}

uint64_t bandwidth_at(const struct bandwidth *b, unsigned int minute)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct bandwidth_entry *e = &b->v[i];

		if (e->from < e->to ? minute >= e->from && minute < e->to :
				      minute >= e->from || minute < e->to)
			return e->rate;
	}
	return b->otherwise;
}

uint64_t bandwidth_now(const struct bandwidth *b)
{
	time_t now = time(NULL);
	struct tm tm;

	if (b->n == 0 || !localtime_r(&now, &tm))
		return b->otherwise;
	return bandwidth_at(b, (unsigned int)(tm.tm_hour * 60 + tm.tm_min));
}

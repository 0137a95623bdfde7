/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much of the link the user lends us, by the time of day: "40M", or a timetable, where the
 * first entry that fits prevails:
 *
 *	08:00-18:00=20M,22:00-06:00=max,else=100M
 *
 * Rates are bytes per second on the wire, as rate_limit_parse() reads them. From is in, to is not;
 * an entry may run over midnight; 24:00 is the day's end. Without "else" there is no limit outside
 * the entries.
 */
#ifndef P2V_AGENT_BANDWIDTH_H
#define P2V_AGENT_BANDWIDTH_H

#include <stddef.h>
#include <stdint.h>
#include "common/err.h"

#define BANDWIDTH_ENTRIES_MAX	16

struct bandwidth_entry {
	uint16_t from, to;		/* minutes since midnight; from > to: over it */
	uint64_t rate;			/* 0: no limit */
};

struct bandwidth {
	struct bandwidth_entry v[BANDWIDTH_ENTRIES_MAX];
	size_t n;
	uint64_t otherwise;		/* 0: no limit */
};

/* -EINVAL, and err says which part cannot be understood. */
int bandwidth_parse(const char *text, struct bandwidth *ret, struct err *err);
/* minute: since midnight, 0 to 1439. */
uint64_t bandwidth_at(const struct bandwidth *b, unsigned int minute);
/* By the local time. */
uint64_t bandwidth_now(const struct bandwidth *b);

#endif

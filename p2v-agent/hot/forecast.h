/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long the machine would stand still if it were frozen now. Learned from the rounds before:
 *
 *	dirty	bytes that become dirty in a second, shortly after a harvest
 *	speed	bytes that a round moves in a second, and fixed: what the smallest round takes
 *	still	what freezing and thawing cost, without any block
 *
 * A round of D bytes takes fixed + D / speed, and while it takes that, dirty times as much becomes
 * dirty. Rounds that follow each other without a pause come to the D that makes itself:
 *
 *	D = dirty * (fixed + D / speed)		so	D = dirty * fixed / (1 - dirty / speed)
 *
 * and the last one, frozen, has that D. With dirty >= speed they never get smaller: there is no
 * end by rounds alone, and a freeze has to move all that can be dirty.
 *
 * Pure: no clock, no I/O.
 */
#ifndef P2V_AGENT_HOT_FORECAST_H
#define P2V_AGENT_HOT_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#define FORECAST_ROUNDS 8

struct forecast_round {
	uint64_t bytes;			/* that had become dirty */
	double since;			/* seconds since the harvest before */
	double took;			/* seconds until they were durable */
};

struct forecast {
	struct forecast_round last[FORECAST_ROUNDS];	/* a ring */
	unsigned int n;			/* rounds ever */
	double still;			/* seconds; the latest */
};

void forecast_add_round(struct forecast *f, const struct forecast_round *r);
/* A freeze and a thaw, with nothing in between, took so long. */
void forecast_add_still(struct forecast *f, double seconds);

/* Bytes a second; 0 before the first round. */
double forecast_dirty(const struct forecast *f);
double forecast_speed(const struct forecast *f);
/*
 * Seconds; INFINITY before there was a round. max: as many bytes can be dirty at all, and when
 * rounds do not get smaller, as many are taken to be.
 */
double forecast_freeze(const struct forecast *f, uint64_t max);

#endif

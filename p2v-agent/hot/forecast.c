/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See forecast.h. */
#include "p2v-agent/hot/forecast.h"

#include <math.h>

#include "common/compiler.h"

/* A round with less than this tells what a round costs, and little of the speed. */
#define SMALL	(1u << 20)

void forecast_add_round(struct forecast *f, const struct forecast_round *r)
{
	f->last[f->n++ % FORECAST_ROUNDS] = *r;
}

void forecast_add_still(struct forecast *f, double seconds)
{
	f->still = seconds;
}

static unsigned int known(const struct forecast *f)
{
	return MIN(f->n, (unsigned int)FORECAST_ROUNDS);
}

/* Short looks count as much as long ones: over a long one the same blocks were written twice. */
double forecast_dirty(const struct forecast *f)
{
	double rate = 0, weights = 0;

	for (unsigned int i = 0; i < known(f); i++) {
		const struct forecast_round *r = &f->last[i];

		if (r->since <= 0)
			continue;
		rate += (double)r->bytes / r->since;
		weights++;
	}
	return weights > 0 ? rate / weights : 0;
}

static double fixed(const struct forecast *f)
{
	double least = INFINITY;

	for (unsigned int i = 0; i < known(f); i++)
		least = MIN(least, f->last[i].took);
	return least;
}

double forecast_speed(const struct forecast *f)
{
	double bytes = 0, took = 0, all = 0;

	for (unsigned int i = 0; i < known(f); i++) {
		const struct forecast_round *r = &f->last[i];

		all += (double)r->bytes;
		if (r->bytes < SMALL)
			continue;
		bytes += (double)r->bytes;
		took += r->took;
	}
	/* Nothing but small ones: as fast as they were, which errs upward. */
	if (bytes <= 0) {
		bytes = all;
		for (unsigned int i = 0; i < known(f); i++)
			took += f->last[i].took;
	}
	return took > 0 ? bytes / took : 0;
}

double forecast_freeze(const struct forecast *f, uint64_t max)
{
	double dirty = forecast_dirty(f), speed = forecast_speed(f), least = fixed(f), bytes;

	if (f->n == 0)
		return INFINITY;
	if (dirty <= 0 || speed <= 0)
		return f->still + least;
	bytes = dirty < speed ? dirty * least / (1 - dirty / speed) : INFINITY;
	/* More than all cannot be dirty. */
	if (bytes > (double)max)
		bytes = (double)max;
	return f->still + least + bytes / speed;
}

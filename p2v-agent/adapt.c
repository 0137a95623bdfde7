/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/adapt.h"

#include <float.h>

#include "common/compiler.h"

const int adapt_ladder[ADAPT_LEVELS] = { 0, -5, -3, -1, 1, 2, 3, 5, 7, 9 };

/* Where a copy begins, and what is used as long as nothing is known. */
#define FIRST		4

/* A new probe's weight: single clusters differ much, but what follows is like the last ones. */
#define PROBE_WEIGHT	0.2
/* The weight of what a look found out about a stage that was busy. */
#define LOOK_WEIGHT	0.3
#define FORGET_WEIGHT	0.02
/* A stage is known when it was waited for during this part of the time... */
#define KNOWN		0.3
/* ...and is the slow one from here on. */
#define SLOW		0.75
/* Other programs want the processors, too; but not this much. */
#define SLOWER_MAX	50
/* By how much a stage that was idle may have become faster, and how fast that hope grows. */
#define HOPE		0.001
#define HOPE_GROWS	1.3
#define HOPE_MAX	0.1
/* Another level must promise this much more, or the estimates' noise would move us to and fro. */
#define BETTER		1.03
/* Levels that are as fast as the best within this are equal; of those the link is spared... */
#define EQUAL		0.98
/* ...when it is by this much... */
#define LESS		0.97
/* ...and as far as the workers have this to spare: the machine may have work of its own. */
#define SPARE		0.5

void adapt_init(struct adapt *a, unsigned int threads)
{
	double n = threads > 0 ? threads : 1;

	*a = (struct adapt){ .threads = n, .workers = n, .hope = HOPE, .slower = 1,
			     .at = FIRST };
}

void adapt_probe(struct adapt *a, const struct adapt_curve *c)
{
	double w = a->probes == 0 ? 1 : MAX(PROBE_WEIGHT, 1.0 / (a->probes + 1));

	for (int i = 0; i < ADAPT_LEVELS; i++) {
		a->curve.out[i] += w * (c->out[i] - a->curve.out[i]);
		a->curve.cost[i] += w * (c->cost[i] - a->curve.cost[i]);
	}
	a->curve.base += w * (c->base - a->curve.base);
	a->probes++;
}

static void learn(double *known, double seen)
{
	*known = *known > 0 ? *known + LOOK_WEIGHT * (seen - *known) : seen;
}

static double cost_of(const struct adapt *a, unsigned int i)
{
	return (a->curve.base + a->curve.cost[i]) * a->slower;
}

static double speed_of(const struct adapt *a, unsigned int i)
{
	double speed = DBL_MAX;

	if (a->link > 0)
		speed = MIN(speed, a->link / MAX(a->curve.out[i], 1e-4));
	if (a->workers > 0)
		speed = MIN(speed, a->workers / MAX(cost_of(a, i), 1e-12));
	if (a->disk > 0)
		speed = MIN(speed, a->disk);
	return speed;
}

/* While it was sent, the link took what it can. */
static void estimate_link(struct adapt *a, const struct adapt_look *l)
{
	if (l->sending > KNOWN * l->seconds) {
		learn(&a->link, (double)l->out / l->sending);
		a->hope = HOPE;
	} else if (a->link > 0) {
		a->link = MAX(a->link * (1 + a->hope), (double)l->out / l->seconds);
		a->hope = MIN(a->hope * HOPE_GROWS, HOPE_MAX);
	}
}

/*
 * How much longer work takes than in a probe. It shows when there is much work to do; so it is
 * learned at once, and forgotten slowly.
 */
static void estimate_contention(struct adapt *a, const struct adapt_look *l)
{
	double plain = cost_of(a, a->at) / a->slower, seen;

	if (a->probes == 0 || plain <= 0)
		return;
	seen = MIN(MAX(l->busy / (double)l->in / plain, 1), SLOWER_MAX);
	a->slower += (seen > a->slower ? LOOK_WEIGHT : FORGET_WEIGHT) * (seen - a->slower);
}

static void estimate(struct adapt *a, const struct adapt_look *l)
{
	double in = (double)l->in / l->seconds, used = l->busy / l->seconds;
	bool sending = l->sending > SLOW * l->seconds;
	bool working = !sending && used > SLOW * a->threads;

	estimate_contention(a, l);
	estimate_link(a, l);
	if (working)
		learn(&a->workers, used);
	else
		a->workers = MIN(MAX(a->workers * (1 + HOPE_MAX), used), a->threads);
	/* Neither the link nor the workers: then it was the disk. */
	if (!sending && !working && l->starved > KNOWN * l->seconds)
		learn(&a->disk, in);
	else if (a->disk > 0)
		a->disk = MAX(a->disk * (1 + HOPE_MAX), in);
}

static unsigned int best(const struct adapt *a)
{
	unsigned int fastest = a->at, i;
	double top = speed_of(a, a->at) * BETTER;

	for (i = 0; i < ADAPT_LEVELS; i++) {
		if (speed_of(a, i) > top) {
			top = speed_of(a, i);
			fastest = i;
		}
	}
	/* Among equals the usual one, which is no bad place for whatever comes next. */
	top = speed_of(a, fastest);
	if (speed_of(a, FIRST) >= EQUAL * top)
		fastest = FIRST;
	/* And then as little on the wire as idle workers can bring about. */
	for (i = fastest + 1; i < ADAPT_LEVELS; i++)
		if (speed_of(a, i) >= EQUAL * top && top * cost_of(a, i) < SPARE * a->workers &&
		    a->curve.out[i] < LESS * a->curve.out[fastest])
			fastest = i;
	return fastest;
}

void adapt_look(struct adapt *a, const struct adapt_look *l)
{
	if (l->seconds <= 0 || l->in == 0)
		return;
	estimate(a, l);
	if (a->probes > 0)
		a->at = best(a);
}

int adapt_level(const struct adapt *a)
{
	return adapt_ladder[a->at];
}

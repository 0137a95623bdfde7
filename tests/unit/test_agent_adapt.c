/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The choice of the level against a world of the test's own: a disk, workers and a link of known
 * speed, data of known curves. Over a minute the copy must be as fast as with the best of all fixed
 * levels, but for 5 %, and never slower than with none; whatever is slow, and whatever changes.
 */
#include <math.h>
#include "common/compiler.h"
#include "p2v-agent/adapt.h"
#include "tests/lib/unit.h"

#define MB	1e6
#define BASE	0.6e-9			/* seconds of SHA-256 for a byte */

/* Per level: bytes out, and seconds for a byte, as measured once on a processor of 2.5 GHz. */
static const struct adapt_curve text = {
	{ 1, .42, .36, .31, .27, .25, .23, .21, .20, .195 },
	{ 0, .9e-9, 1.1e-9, 1.5e-9, 2.2e-9, 2.9e-9, 4.2e-9, 8e-9, 14e-9, 22e-9 }, BASE,
};
static const struct adapt_curve programs = {
	{ 1, .74, .68, .60, .51, .49, .47, .45, .44, .435 },
	{ 0, 1.1e-9, 1.4e-9, 2.0e-9, 3.1e-9, 4.2e-9, 6.5e-9, 13e-9, 24e-9, 38e-9 }, BASE,
};
static const struct adapt_curve noise = {
	{ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
	{ 0, .1e-9, .1e-9, .1e-9, .1e-9, .1e-9, .1e-9, .1e-9, .1e-9, .1e-9 }, BASE,
};

struct world {
	const char *name;
	double link, disk;		/* bytes per second */
	unsigned int threads;
	double slow;			/* how many times slower the processors are */
	const struct adapt_curve *data[2];	/* by turns, each for some seconds */
	double turn;
};

static const struct world worlds[] = {
	{ "text, 100 Mbit/s", 12 * MB, 500 * MB, 2, 1, { &text, &text }, 60 },
	{ "text, 1 Gbit/s", 117 * MB, 500 * MB, 2, 1, { &text, &text }, 60 },
	{ "text, 10 Gbit/s", 1100 * MB, 3000 * MB, 2, 1, { &text, &text }, 60 },
	{ "text, 10 Gbit/s, 16 workers", 1100 * MB, 3000 * MB, 16, 1, { &text, &text }, 60 },
	{ "text, old processors", 117 * MB, 500 * MB, 2, 6, { &text, &text }, 60 },
	{ "programs, 100 Mbit/s", 12 * MB, 500 * MB, 4, 1, { &programs, &programs }, 60 },
	{ "programs, 1 Gbit/s", 117 * MB, 500 * MB, 2, 1, { &programs, &programs }, 60 },
	{ "programs, one worker", 900 * MB, 900 * MB, 1, 2, { &programs, &programs }, 60 },
	{ "noise, 100 Mbit/s", 12 * MB, 500 * MB, 2, 1, { &noise, &noise }, 60 },
	{ "noise, fast link", 900 * MB, 900 * MB, 2, 1, { &noise, &noise }, 60 },
	{ "a slow disk", 900 * MB, 60 * MB, 2, 1, { &text, &text }, 60 },
	{ "a slow disk and link", 30 * MB, 60 * MB, 2, 1, { &programs, &programs }, 60 },
	{ "noise and text, 1 Gbit/s", 117 * MB, 900 * MB, 2, 1, { &noise, &text }, 6 },
	{ "programs and text, 1 Gbit/s", 117 * MB, 900 * MB, 4, 1, { &programs, &text }, 6 },
	{ "noise and programs, fast link", 900 * MB, 900 * MB, 2, 2, { &noise, &programs }, 6 },
};

static double random_around(double v, double by)
{
	static uint64_t s = 88172645463325252u;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return v * (1 + by * ((double)(s % 2001) / 1000 - 1));
}

static unsigned int place_of(int level)
{
	for (unsigned int i = 0; i < ADAPT_LEVELS; i++)
		if (adapt_ladder[i] == level)
			return i;
	ck_abort_msg("level %d is not on the ladder", level);
	return 0;
}

/* One look's worth of copying at a level: bytes of the disk; what was to be seen goes to l. */
static double copy(const struct world *w, double now, unsigned int level, struct adapt_look *l)
{
	const struct adapt_curve *c = w->data[(int)(now / w->turn) % 2];
	double cost = (BASE + c->cost[level]) * w->slow;
	double by_link = w->link / c->out[level], by_work = w->threads / cost;
	double speed = fmin(fmin(by_link, by_work), w->disk);

	*l = (struct adapt_look){ .seconds = random_around(ADAPT_LOOK_S, 0.1) };
	l->in = (uint64_t)(random_around(speed, 0.05) * l->seconds);
	l->out = (uint64_t)((double)l->in * c->out[level]);
	l->sending = fmin(1, speed / by_link) * l->seconds;
	l->starved = l->seconds - l->sending;
	l->busy = random_around((double)l->in * cost, 0.03);
	return (double)l->in;
}

static double adaptive(const struct world *w)
{
	struct adapt a;
	double now = 0, total = 0;

	adapt_init(&a, w->threads);
	while (now < 60) {
		const struct adapt_curve *c = w->data[(int)(now / w->turn) % 2];
		struct adapt_look l;

		/* A few clusters are measured in each look, and they differ. */
		for (int k = 0; k < 4; k++) {
			struct adapt_curve seen;
			double odd = random_around(1, 0.15);

			seen.base = random_around(BASE * w->slow, 0.1);
			for (int i = 0; i < ADAPT_LEVELS; i++) {
				seen.out[i] = i ? fmin(1, c->out[i] * odd) : 1;
				seen.cost[i] = c->cost[i] * w->slow * random_around(1, 0.1);
			}
			adapt_probe(&a, &seen);
		}
		total += copy(w, now, place_of(adapt_level(&a)), &l);
		now += l.seconds;
		adapt_look(&a, &l);
	}
	return total / now;
}

static double fixed(const struct world *w, unsigned int level)
{
	double now = 0, total = 0;

	while (now < 60) {
		struct adapt_look l;

		total += copy(w, now, level, &l);
		now += l.seconds;
	}
	return total / now;
}

START_TEST(as_fast_as_the_best_fixed_level)
{
	const struct world *w = &worlds[_i];
	double top = 0, raw = fixed(w, 0), got = adaptive(w);

	for (unsigned int i = 0; i < ADAPT_LEVELS; i++)
		top = fmax(top, fixed(w, i));
	ck_assert_msg(got >= 0.95 * top, "%s: %.0f MB/s, the best fixed level %.0f", w->name,
		      got / MB, top / MB);
	ck_assert_msg(got >= 0.98 * raw, "%s: %.0f MB/s, raw %.0f", w->name, got / MB, raw / MB);
}
END_TEST

/* The link becomes slow, and fast again. */
START_TEST(it_follows)
{
	struct world w = { "", 900 * MB, 900 * MB, 2, 1, { &programs, &programs }, 60 };
	struct adapt a;
	int level[3];

	adapt_init(&a, w.threads);
	adapt_probe(&a, &programs);
	for (int part = 0; part < 3; part++) {
		w.link = part == 1 ? 5 * MB : 900 * MB;
		for (int k = 0; k < 200; k++) {
			struct adapt_look l;

			copy(&w, 0, place_of(adapt_level(&a)), &l);
			adapt_look(&a, &l);
		}
		level[part] = adapt_level(&a);
	}
	ck_assert_int_ge(level[1], 7);
	ck_assert_int_lt(level[0], 2);
	ck_assert_int_lt(level[2], 2);
}
END_TEST

/* Without a probe, and after looks that say nothing, it stays where it began. */
START_TEST(nothing_known)
{
	struct adapt_look l = { .seconds = 1, .in = 1000000, .out = 500000, .sending = 1 };
	struct adapt_look none = { .seconds = 0 };
	struct adapt a;

	adapt_init(&a, 0);
	ck_assert_int_eq(adapt_level(&a), 1);
	adapt_look(&a, &none);
	adapt_look(&a, &l);
	ck_assert_int_eq(adapt_level(&a), 1);
	adapt_probe(&a, &text);
	l.in = 0;
	adapt_look(&a, &l);
	ck_assert_int_eq(adapt_level(&a), 1);
	for (int i = 1; i < ADAPT_LEVELS; i++)
		ck_assert(adapt_ladder[i] > adapt_ladder[i - 1] || i == 1);
}
END_TEST

static Suite *suite_adapt(void)
{
	Suite *s = suite_create("adapt");
	TCase *tc = tcase_create("adapt");

	tcase_add_loop_test(tc, as_fast_as_the_best_fixed_level, 0, ARRAY_SIZE(worlds));
	tcase_add_test(tc, it_follows);
	tcase_add_test(tc, nothing_known);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_adapt)

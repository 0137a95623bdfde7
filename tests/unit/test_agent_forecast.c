/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/hot/forecast.h"

#include <math.h>

#include "common/compiler.h"
#include "tests/lib/unit.h"

#define MIB_	(1024.0 * 1024)

static uint64_t state;

static double uniform(double from, double to)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return from + (to - from) * (double)(state % 1000003) / 1000003;
}

static void setup(void)
{
	state = 362436069;
}

static void near(double got, double want)
{
	ck_assert_msg(fabs(got - want) <= 1e-9 + fabs(want) * 1e-9, "%f, not %f", got, want);
}

static void add(struct forecast *f, double mib, double since, double took)
{
	struct forecast_round r = { .bytes = (uint64_t)(mib * MIB_), .since = since,
				    .took = took };

	forecast_add_round(f, &r);
}

START_TEST(before_the_first_round)
{
	struct forecast f = { 0 };

	near(forecast_dirty(&f), 0);
	near(forecast_speed(&f), 0);
	ck_assert(isinf(forecast_freeze(&f, UINT64_MAX)));
	forecast_add_still(&f, 0.1);
	ck_assert(isinf(forecast_freeze(&f, 1)));
}
END_TEST

/* By hand: 10 MiB in 2 s become dirty, 100 MiB in a second are moved, 0.1 s is the least. */
START_TEST(by_hand)
{
	struct forecast f = { 0 };

	forecast_add_still(&f, 0.05);
	add(&f, 10, 2, 0.1);
	near(forecast_dirty(&f), 5 * MIB_);
	near(forecast_speed(&f), 100 * MIB_);
	/* D = 5 * 0.1 / (1 - 5 / 100) MiB */
	near(forecast_freeze(&f, UINT64_MAX), 0.05 + 0.1 + 0.5 / 0.95 / 100);
	/* Small rounds tell the least time, not the speed. */
	add(&f, 0.5, 0.1, 0.02);
	near(forecast_dirty(&f), 5 * MIB_);
	near(forecast_speed(&f), 100 * MIB_);
	near(forecast_freeze(&f, UINT64_MAX), 0.05 + 0.02 + 0.1 / 0.95 / 100);
	/* The latest counts. */
	forecast_add_still(&f, 0.5);
	near(forecast_freeze(&f, UINT64_MAX), 0.5 + 0.02 + 0.1 / 0.95 / 100);
}
END_TEST

START_TEST(nothing_is_written)
{
	struct forecast f = { 0 };

	forecast_add_still(&f, 0.25);
	add(&f, 0, 1, 0.02);
	near(forecast_freeze(&f, UINT64_MAX), 0.27);
	/* Two harvests in the same moment tell nothing of a rate. */
	add(&f, 1, 0, 0.03);
	near(forecast_dirty(&f), 0);
	near(forecast_freeze(&f, UINT64_MAX), 0.27);
}
END_TEST

/* Only small rounds: their own speed. */
START_TEST(only_small_rounds)
{
	struct forecast f = { 0 };

	add(&f, 0.25, 1, 0.5);
	add(&f, 0.75, 1, 0.5);
	near(forecast_speed(&f), 1 * MIB_);
	near(forecast_dirty(&f), 0.5 * MIB_);
	near(forecast_freeze(&f, UINT64_MAX), 0.5 + 0.25 / 0.5 / 1);
}
END_TEST

/* What was long ago is forgotten. */
START_TEST(last_rounds_count)
{
	struct forecast f = { 0 }, fresh = { 0 };

	for (int i = 0; i < 5; i++)
		add(&f, 900, 1, 90);
	for (int i = 0; i < FORECAST_ROUNDS; i++) {
		add(&f, 10 + i, 2, 0.1);
		add(&fresh, 10 + i, 2, 0.1);
	}
	near(forecast_freeze(&f, UINT64_MAX), forecast_freeze(&fresh, UINT64_MAX));
	f.n = 0;
	ck_assert(isinf(forecast_freeze(&f, UINT64_MAX)));
}
END_TEST

/* More is written than can be sent: all that can be dirty at all, and that takes its time. */
START_TEST(no_end_by_rounds)
{
	struct forecast f = { 0 };

	forecast_add_still(&f, 0.1);
	add(&f, 100, 1, 1);
	near(forecast_freeze(&f, 5000 * (uint64_t)MIB_), 0.1 + 1 + 50);
	add(&f, 200, 1, 2);
	near(forecast_dirty(&f), 150 * MIB_);
	near(forecast_freeze(&f, 5000 * (uint64_t)MIB_), 0.1 + 1 + 50);
	/* No disk is as large: nobody waits so long. */
	ck_assert_double_gt(forecast_freeze(&f, UINT64_MAX), 1e9);
}
END_TEST

static void random_rounds(struct forecast *f, double factor)
{
	int n = 1 + (int)uniform(0, 12);

	forecast_add_still(f, uniform(0, 1));
	for (int i = 0; i < n; i++) {
		double mib = uniform(0, 1) < 0.3 ? uniform(0, 1) : uniform(1, 500);
		double took = uniform(0.01, 10), since = uniform(0.1, 60);

		/* The same rounds, only that their bytes had become dirty sooner. */
		add(f, mib, since / factor, took);
	}
}

START_TEST(more_dirty_never_foresees_less)
{
	for (int run = 0; run < 5000; run++) {
		struct forecast less = { 0 }, more = { 0 };
		uint64_t max = (uint64_t)uniform(0, 1e12), seed = state;

		random_rounds(&less, 1);
		state = seed;
		random_rounds(&more, 1.5);
		ck_assert_double_ge(forecast_dirty(&more), forecast_dirty(&less));
		ck_assert_double_ge(forecast_freeze(&more, max) + 1e-9,
				    forecast_freeze(&less, max));
	}
}
END_TEST

/* Never less than standing still costs, never more than moving all; a slower round, no sooner. */
START_TEST(bounds)
{
	for (int run = 0; run < 5000; run++) {
		struct forecast f = { 0 };
		uint64_t max = (uint64_t)uniform(0, 1e12);
		double speed, freeze, least = INFINITY;

		random_rounds(&f, 1);
		for (unsigned int i = 0; i < MIN(f.n, (unsigned int)FORECAST_ROUNDS); i++)
			least = MIN(least, f.last[i].took);
		speed = forecast_speed(&f);
		freeze = forecast_freeze(&f, max);
		ck_assert_double_ge(freeze, f.still + least);
		ck_assert_double_le(freeze, f.still + least + (double)max / speed + 1e-9);
		ck_assert_double_le(freeze, forecast_freeze(&f, max + 1000000) + 1e-9);
		for (unsigned int i = 0; i < FORECAST_ROUNDS; i++)
			f.last[i].took *= 2;
		ck_assert_double_ge(forecast_freeze(&f, max), freeze);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("forecast");
	TCase *t = tcase_create("forecast");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, before_the_first_round);
	tcase_add_test(t, by_hand);
	tcase_add_test(t, nothing_is_written);
	tcase_add_test(t, only_small_rounds);
	tcase_add_test(t, last_rounds_count);
	tcase_add_test(t, no_end_by_rounds);
	tcase_add_test(t, more_dirty_never_foresees_less);
	tcase_add_test(t, bounds);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bucket, with a clock of the test's own. */
#include <errno.h>
#include "common/compiler.h"
#include "common/rate_limit.h"
#include "tests/lib/unit.h"

/* What a greedy sender gets through from one time to another, looking every step seconds. */
static double drain(struct rate_limit *l, double from, double to, double step)
{
	double sent = 0;

	for (double now = from; now <= to; now += step) {
		size_t n = rate_limit_may(l, now);

		rate_limit_took(l, n);
		sent += (double)n;
	}
	return sent;
}

START_TEST(no_limit)
{
	struct rate_limit l = { 0 };

	ck_assert_uint_eq(rate_limit_may(&l, 1), SIZE_MAX);
	rate_limit_took(&l, 1 << 30);
	ck_assert_uint_eq(rate_limit_may(&l, 1), SIZE_MAX);
	ck_assert(rate_limit_delay(&l, 1) <= 0);
}
END_TEST

START_TEST(over_time_it_is_the_rate)
{
	static const uint64_t rates[] = { RATE_LIMIT_MIN, 1 << 20, 100 << 20 };
	static const double steps[] = { 0.0001, 0.01, 0.09 };
	struct rate_limit l = { 0 };
	uint64_t rate = rates[_i / 3];
	double sent;

	rate_limit_set(&l, rate, 5);
	sent = drain(&l, 5, 65, steps[_i % 3]);
	ck_assert_double_le(sent, (double)rate * 60.2);
	ck_assert_double_ge(sent, (double)rate * 58);
}
END_TEST

/* Whoever was silent for an hour may not send an hour's worth at once. */
START_TEST(the_bucket_is_small)
{
	struct rate_limit l = { 0 };

	rate_limit_set(&l, 10 << 20, 0);
	ck_assert_uint_eq(rate_limit_may(&l, 0), 0);
	ck_assert_uint_eq(rate_limit_may(&l, 3600), 1 << 20);
	rate_limit_set(&l, 1 << 20, 3600);
	ck_assert_uint_le(rate_limit_may(&l, 3600), (1 << 20) / 10);
	rate_limit_set(&l, 0, 3600);
	ck_assert_uint_eq(rate_limit_may(&l, 3600), SIZE_MAX);
}
END_TEST

START_TEST(the_delay_is_enough_and_no_more)
{
	struct rate_limit l = { 0 };
	double now = 100, delay;

	rate_limit_set(&l, 1 << 20, now);
	for (int i = 0; i < 50; i++) {
		delay = rate_limit_delay(&l, now);
		ck_assert(delay > 0 && delay < 0.2);
		ck_assert_uint_eq(rate_limit_may(&l, now + delay * 0.9), 0);
		now += delay + 1e-6;
		ck_assert_uint_gt(rate_limit_may(&l, now), 0);
		ck_assert(rate_limit_delay(&l, now) <= 0);
		rate_limit_took(&l, rate_limit_may(&l, now));
	}
	/* A clock that goes back gives nothing, and takes nothing. */
	ck_assert_uint_eq(rate_limit_may(&l, now - 50), 0);
	ck_assert_uint_gt(rate_limit_may(&l, now - 49), 0);
}
END_TEST

START_TEST(words)
{
	char buf[RATE_LIMIT_TEXT_MAX];
	uint64_t rate = 1;

	ck_assert_int_eq(rate_limit_parse("max", &rate), 0);
	ck_assert_uint_eq(rate, 0);
	ck_assert_str_eq(rate_limit_format(rate, buf), "no limit");
	ck_assert_int_eq(rate_limit_parse("40M", &rate), 0);
	ck_assert_uint_eq(rate, 40 << 20);
	ck_assert_str_eq(rate_limit_format(rate, buf), "40 MiB/s");
	ck_assert_int_eq(rate_limit_parse("32K", &rate), 0);
	ck_assert_int_eq(rate_limit_parse("31K", &rate), -ERANGE);
	ck_assert_int_eq(rate_limit_parse("0", &rate), -ERANGE);
	ck_assert_int_eq(rate_limit_parse("fast", &rate), -EINVAL);
	ck_assert_int_eq(rate_limit_parse("-1M", &rate), -EINVAL);
	ck_assert_int_eq(rate_limit_parse("", &rate), -EINVAL);
	ck_assert_uint_eq(rate, 32 << 10);
}
END_TEST

static Suite *suite_rate_limit(void)
{
	Suite *s = suite_create("rate_limit");
	TCase *tc = tcase_create("rate_limit");

	tcase_add_test(tc, no_limit);
	tcase_add_loop_test(tc, over_time_it_is_the_rate, 0, 9);
	tcase_add_test(tc, the_bucket_is_small);
	tcase_add_test(tc, the_delay_is_enough_and_no_more);
	tcase_add_test(tc, words);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_rate_limit)

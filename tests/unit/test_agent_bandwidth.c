/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timetables: what holds at which minute, and what is refused. */
#include <errno.h>
#include "common/compiler.h"
#include "p2v-agent/bandwidth.h"
#include "tests/lib/unit.h"

#define M	(UINT64_C(1) << 20)
#define AT(h, m)	((h) * 60 + (m))

START_TEST(timetables)
{
	static const struct {
		const char *text;
		struct {
			unsigned int minute;
			uint64_t rate;
		} want[6];
		unsigned int n;
	} cases[] = {
		{ "40M", { { 0, 40 * M }, { AT(23, 59), 40 * M } }, 2 },
		{ "max", { { 0, 0 }, { AT(12, 0), 0 } }, 2 },
		{ "08:00-18:00=20M,else=max",
		  { { AT(7, 59), 0 }, { AT(8, 0), 20 * M }, { AT(17, 59), 20 * M },
		    { AT(18, 0), 0 } }, 4 },
		{ "08:00-18:00=20M", { { 0, 0 }, { AT(9, 0), 20 * M } }, 2 },
		{ "22:00-06:00=max,else=1M",
		  { { AT(21, 59), M }, { AT(22, 0), 0 }, { 0, 0 }, { AT(5, 59), 0 },
		    { AT(6, 0), M } }, 5 },
		/* The first that fits. */
		{ "12:00-13:00=5M,08:00-18:00=20M,00:00-24:00=30M,else=40M",
		  { { AT(12, 30), 5 * M }, { AT(13, 0), 20 * M }, { AT(23, 59), 30 * M } }, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bandwidth b;
		struct err err = ERR_INIT;

		ck_assert_msg(bandwidth_parse(cases[i].text, &b, &err) == 0, "%s: %s",
			      cases[i].text, err.text);
		for (unsigned int k = 0; k < cases[i].n; k++)
			ck_assert_msg(bandwidth_at(&b, cases[i].want[k].minute) ==
				      cases[i].want[k].rate, "%s at minute %u", cases[i].text,
				      cases[i].want[k].minute);
	}
}
END_TEST

START_TEST(refused)
{
	static const char *const texts[] = {
		"", "fast", "8:00-18:00=20M", "08:00-18:00", "08:00-18:00=", "08:00-18:00=fast",
		"08:00=20M", "08:60-18:00=20M", "24:01-18:00=20M", "24:00-18:00=20M",
		"08:00-08:00=20M", "08:00-18:00=20M,", ",08:00-18:00=20M",
		"else=1M,08:00-18:00=20M", "08:00-18:00=1K", "10K", "08:00-18:00=20M else=max",
		"08:00-18:00=20M,otherwise=max",
		"00:00-01:00=1M,00:00-01:00=1M,00:00-01:00=1M,00:00-01:00=1M,00:00-01:00=1M,"
		"00:00-01:00=1M,00:00-01:00=1M,00:00-01:00=1M,00:00-01:00=1M,00:00-01:00=1M,"
		"00:00-01:00=1M,00:00-01:00=1M,00:00-01:00=1M,00:00-01:00=1M,00:00-01:00=1M,"
		"00:00-01:00=1M,00:00-01:00=1M",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct bandwidth b = { .otherwise = 7 };
		struct err err = ERR_INIT;

		ck_assert_msg(bandwidth_parse(texts[i], &b, &err) == -EINVAL, "%s", texts[i]);
		ck_assert_uint_gt(strlen(err.text), 0);
		ck_assert_uint_eq(b.otherwise, 7);
	}
}
END_TEST

START_TEST(now)
{
	struct bandwidth b;

	ck_assert_int_eq(bandwidth_parse("00:00-24:00=3M,else=4M", &b, NULL), 0);
	ck_assert_uint_eq(bandwidth_now(&b), 3 * M);
	ck_assert_int_eq(bandwidth_parse("5M", &b, NULL), 0);
	ck_assert_uint_eq(bandwidth_now(&b), 5 * M);
}
END_TEST

static Suite *suite_bandwidth(void)
{
	Suite *s = suite_create("bandwidth");
	TCase *tc = tcase_create("bandwidth");

	tcase_add_test(tc, timetables);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, now);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_bandwidth)

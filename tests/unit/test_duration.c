/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/duration.h"

#include <errno.h>
#include "common/compiler.h"
#include "tests/lib/unit.h"

START_TEST(parse)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} good[] = {
		{ "0", 0 }, { "90", 90 }, { "30s", 30 }, { "10m", 600 }, { "2h", 7200 },
		{ "7d", 7 * DURATION_DAY }, { "2w", 14 * DURATION_DAY }, { "1h30m", 5400 },
		{ "1d0h1s", DURATION_DAY + 1 }, { "9223372036854775807", INT64_MAX },
	};
	static const char *const bad[] = {
		"", "s", "-1", "+1", " 1", "1 ", "1.5h", "1x", "10m1h", "1m1m", "1h30", "30 s",
		"1S", "0x10", "1ms",
	};
	static const char *const large[] = {
		"9223372036854775808", "99999999999999999999999", "15250284452472w",
		"106751991167300d9223372036854775807s",
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		v = 12345;
		ck_assert_msg(duration_parse(good[i].text, &v) == 0, "%s", good[i].text);
		ck_assert_uint_eq(v, good[i].seconds);
	}
	v = 12345;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(duration_parse(bad[i], &v) == -EINVAL, "%s", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		ck_assert_msg(duration_parse(large[i], &v) == -ERANGE, "%s", large[i]);
	ck_assert_uint_eq(v, 12345);
}
END_TEST

START_TEST(parse_ns)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "0", 0 }, { "0ms", 0 }, { "200ms", 200000000 }, { "0000000007ms", 7000000 },
		{ "1", 1000000000 }, { "2s", 2000000000 }, { "1m1s", UINT64_C(61000000000) },
		{ "1d", UINT64_C(86400000000000) }, { "86400000ms", UINT64_C(86400000000000) },
	};
	static const char *const bad[] = {
		"", "ms", "-1ms", " 1ms", "1ms ", "1.5ms", "1s200ms", "200ms1s", "1MS", "1mss",
		"5ns", "1x",
	};
	static const char *const large[] = {
		"86401", "1d1s", "2d", "86400001ms", "100000000ms", "99999999999999999999999ms",
		"9223372036854775808",
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		v = 12345;
		ck_assert_msg(duration_parse_ns(good[i].text, &v) == 0, "%s", good[i].text);
		ck_assert_uint_eq(v, good[i].ns);
	}
	v = 12345;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(duration_parse_ns(bad[i], &v) == -EINVAL, "%s", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		ck_assert_msg(duration_parse_ns(large[i], &v) == -ERANGE, "%s", large[i]);
	ck_assert_uint_eq(v, 12345);
}
END_TEST

START_TEST(format)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 s" }, { 59, "59 s" }, { 119, "119 s" }, { 120, "2 min" },
		{ 150, "2.5 min" }, { 3599, "59 min" }, { 7199, "119 min" }, { 7200, "2 h" },
		{ 9000, "2.5 h" }, { 2 * DURATION_DAY - 1, "47 h" }, { 14 * DURATION_DAY, "14 d" },
		{ UINT64_MAX, "213503982334601 d" },
	};
	char buf[DURATION_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(duration_format(cases[i].seconds, buf), cases[i].text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("duration");
	TCase *t = tcase_create("duration");

	tcase_add_test(t, parse);
	tcase_add_test(t, parse_ns);
	tcase_add_test(t, format);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)

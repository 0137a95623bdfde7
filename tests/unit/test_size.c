/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/size.h"

#include <errno.h>
#include "common/compiler.h"
#include "tests/lib/unit.h"

START_TEST(format)
{
	static const struct { uint64_t bytes; const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1, "1 B" },
		{ 1023, "1023 B" },
		{ KIB, "1 KiB" },
		{ KIB + 1, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ 10 * KIB, "10 KiB" },
		{ 99 * KIB + 512, "99.5 KiB" },
		{ 100 * KIB + 512, "101 KiB" },
		{ 100 * KIB + 511, "100 KiB" },
		{ 100 * KIB - 1, "100 KiB" },
		{ MIB - 1, "1.0 MiB" },
		{ MIB, "1 MiB" },
		{ GIB - 1, "1.0 GiB" },
		{ 3 * GIB / 2, "1.5 GiB" },
		{ UINT64_C(1000204886016), "932 GiB" },
		{ UINT64_C(1000000000000), "931 GiB" },
		{ 2 * TIB, "2 TiB" },
		{ UINT64_C(1) << 60, "1 EiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	char buf[SIZE_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(size_format(cases[i].bytes, buf), cases[i].text);
}
END_TEST

START_TEST(duration)
{
	static const struct { uint64_t seconds; const char *text; } cases[] = {
		{ 0, "0:00" }, { 7, "0:07" }, { 59, "0:59" }, { 60, "1:00" }, { 754, "12:34" },
		{ 3599, "59:59" }, { 3600, "1:00:00" }, { 11109, "3:05:09" }, { 86399, "23:59:59" },
		{ 86400, "1d 00:00" }, { 2 * 86400 + 3 * 3600 + 4 * 60 + 5, "2d 03:04" },
		{ UINT64_MAX, "213503982334601d 07:00" },
	};
	char buf[SIZE_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_str_eq(size_format_duration(cases[i].seconds, buf), cases[i].text);
}
END_TEST

START_TEST(parse)
{
	static const struct { const char *text; uint64_t bytes;
	} cases[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "4096B", 4096 },
		{ "64K", 64 * KIB },
		{ "64k", 64 * KIB },
		{ "10MiB", 10 * MIB },
		{ "1.5G", 3 * GIB / 2 },
		{ "2T", 2 * TIB },
		{ "1P", 1024 * TIB },
		{ "15E", UINT64_C(15) << 60 },
		{ "0.5K", 512 },
		{ "0.1K", 102 },
		{ "007", 7 },
		{ "18446744073709551615", UINT64_MAX },
		{ "15.999999999999999999E", 18446744073709551614u },
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		v = 99;
		ck_assert_msg(size_parse(cases[i].text, &v) == 0, "%s", cases[i].text);
		ck_assert_msg(v == cases[i].bytes, "%s gives %ju", cases[i].text, (uintmax_t)v);
	}
}
END_TEST

START_TEST(parse_refuses)
{
	static const char *const wrong[] = {
		"",    " ",    "K",    "-1",	"+1",	 " 1",	"1 ",	"1 K",
		"1.5", "1.5B", ".5G",  "1.G",	"1..5G", "1e3", "0x10", "1KB",
		"1MB", "1Ki",  "1KIB", "1kib ", "1Q",	 "1KK", "nan",	"1.0000000000000000001G",
	};
	static const char *const large[] = {
		"18446744073709551616", "16E", "16384P", "99999999999999999999999999T",
		"18014398509481984K",
	};
	uint64_t v = 99;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_msg(size_parse(wrong[i], &v) == -EINVAL, "%s", wrong[i]);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		ck_assert_msg(size_parse(large[i], &v) == -ERANGE, "%s", large[i]);
	ck_assert_uint_eq(v, 99);
}
END_TEST

/* What is printed reads back to within half of its last digit. */
START_TEST(there_and_back)
{
	unsigned int seed = 8;

	for (int round = 0; round < 20000; round++) {
		uint64_t bytes = ((uint64_t)rand_r(&seed) << 32 | (uint32_t)rand_r(&seed)) >>
				 (4 + rand_r(&seed) % 58),
			 back;
		char buf[SIZE_TEXT_MAX], *space;

		size_format(bytes, buf);
		space = strchr(buf, ' ');
		memmove(space, space + 1, strlen(space));
		if (size_parse(buf, &back) != 0)
			ck_abort_msg("%s does not parse", buf);
		/* 5% covers one digit after "1."; half of one in a hundred covers the rest. */
		if ((back > bytes ? back - bytes : bytes - back) > bytes / 20)
			ck_abort_msg("%s is far from %ju", buf, (uintmax_t)bytes);
	}
}
END_TEST

static Suite *size_suite(void)
{
	Suite *s = suite_create("size");
	TCase *t = tcase_create("size");

	tcase_add_test(t, format);
	tcase_add_test(t, duration);
	tcase_add_test(t, parse);
	tcase_add_test(t, parse_refuses);
	tcase_add_test(t, there_and_back);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(size_suite)

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/err.h"

#include <errno.h>
#include "tests/lib/unit.h"

START_TEST(set_returns_the_code)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(err_set(&e, EIO, "cannot read %s at 0x%x", "/dev/sda", 0x1000), -EIO);
	ck_assert_int_eq(e.code, EIO);
	ck_assert_str_eq(e.text, "cannot read /dev/sda at 0x1000");
	ck_assert_int_eq(err_set(&e, 0, "no code"), -EIO);
	ck_assert_int_eq(e.code, EIO);
	ck_assert_int_eq(err_set(&e, -ENOENT, "a code in hand"), -ENOENT);
	ck_assert_int_eq(e.code, ENOENT);
}
END_TEST

START_TEST(null_err_keeps_the_code)
{
	ck_assert_int_eq(err_set(NULL, ENOSPC, "x"), -ENOSPC);
	errno = EACCES;
	ck_assert_int_eq(err_errno(NULL, "x"), -EACCES);
	ck_assert_int_eq(err_code(NULL, EBUSY, "x"), -EBUSY);
	ck_assert_int_eq(err_nomem(NULL), -ENOMEM);
	err_prefix(NULL, "x");
	err_hint(NULL, "x");
	err_reset(NULL);
}
END_TEST

START_TEST(errno_is_described_and_kept)
{
	struct err e = ERR_INIT;

	errno = ENOENT;
	ck_assert_int_eq(err_errno(&e, "cannot open %s", "x"), -ENOENT);
	ck_assert_str_eq(e.text, "cannot open x: No such file or directory");
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(err_code(&e, ENOSPC, "cannot write y"), -ENOSPC);
	ck_assert_str_eq(e.text, "cannot write y: No space left on device");
}
END_TEST

START_TEST(own_text_as_argument)
{
	struct err e = ERR_INIT;

	err_set(&e, EIO, "inner");
	err_hint(&e, "hint of the inner one");
	err_set(&e, EPROTO, "outer (%s)", e.text);
	ck_assert_str_eq(e.text, "outer (inner)");
	ck_assert_str_eq(e.hint, "");
	err_prefix(&e, "%s/%s", e.text, "x");
	ck_assert_str_eq(e.text, "outer (inner)/x: outer (inner)");
	ck_assert_int_eq(e.code, EPROTO);
	err_hint(&e, "try %d", 2);
	ck_assert_str_eq(e.hint, "try 2");
	err_reset(&e);
	ck_assert_int_eq(e.code, 0);
	ck_assert_str_eq(e.text, "");
	ck_assert_str_eq(e.hint, "");
}
END_TEST

START_TEST(long_text_is_cut)
{
	struct err e = ERR_INIT;
	char big[2000];

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&e, EIO, "%s", big);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	err_prefix(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	/* The reason survives a phrase that is too long. */
	err_code(&e, ENOSPC, "%s", big);
	ck_assert_uint_lt(strlen(e.text), ERR_TEXT_MAX);
	ck_assert_ptr_nonnull(strstr(e.text, "a: No space left on device"));
	err_hint(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.hint), ERR_HINT_MAX - 1);
}
END_TEST

START_TEST(no_torn_character)
{
	struct err e = ERR_INIT;
	char big[ERR_TEXT_MAX + 8];

	/* A two-, three- and four-byte character at every position across the limit. */
	static const char *const chars[] = { "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x92\xbe" };

	for (int c = 0; c < 3; c++) {
		size_t n = strlen(chars[c]);

		for (size_t at = ERR_TEXT_MAX - 6; at <= ERR_TEXT_MAX; at++) {
			size_t len;

			memset(big, 'a', sizeof(big));
			memcpy(big + at, chars[c], n);
			big[at + n] = '\0';
			err_set(&e, EIO, "%s", big);
			len = strlen(e.text);
			ck_assert_msg(len == MIN(at, (size_t)ERR_TEXT_MAX - 1) || len == at + n,
				      "char %d at %zu gives %zu bytes", c, at, len);
		}
	}
}
END_TEST

static Suite *err_suite(void)
{
	Suite *s = suite_create("err");
	TCase *t = tcase_create("err");

	tcase_add_test(t, set_returns_the_code);
	tcase_add_test(t, null_err_keeps_the_code);
	tcase_add_test(t, errno_is_described_and_kept);
	tcase_add_test(t, own_text_as_argument);
	tcase_add_test(t, long_text_is_cut);
	tcase_add_test(t, no_torn_character);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(err_suite)

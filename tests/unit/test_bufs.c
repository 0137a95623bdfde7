/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/bufs.h"

#include <stdint.h>
#include <string.h>

#include "tests/lib/unit.h"

#define SIZE	12288u
#define ALIGN	4096u

START_TEST(used_again)
{
	CLEANUP(bufs_free) struct bufs *b = NULL;
	void *p, *q, *r;

	ck_assert_int_eq(bufs_new(SIZE, ALIGN, 2 * SIZE, &b), 0);
	p = bufs_take(b);
	q = bufs_take(b);
	r = bufs_take(b);
	ck_assert(p && q && r && p != q && q != r && p != r);
	ck_assert_uint_eq((uintptr_t)p % ALIGN | (uintptr_t)q % ALIGN | (uintptr_t)r % ALIGN, 0);
	memset(p, 1, SIZE);
	memset(r, 3, SIZE);
	bufs_give(b, p);
	bufs_give(b, q);
	bufs_give(b, NULL);
	ck_assert_ptr_eq(bufs_take(b), p);
	ck_assert_ptr_eq(bufs_take(b), q);
	bufs_give(b, r);
	bufs_give(b, q);
	/* One more than may lie idle is freed: a sanitizer sees it when it is not. */
	bufs_give(b, p);
	ck_assert_ptr_eq(bufs_take(b), r);
	ck_assert_ptr_eq(bufs_take(b), q);
	bufs_give(b, r);
	bufs_give(b, q);
}
END_TEST

static Suite *bufs_suite(void)
{
	Suite *s = suite_create("bufs");
	TCase *tc = tcase_create("bufs");

	tcase_add_test(tc, used_again);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(bufs_suite)

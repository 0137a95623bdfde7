/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/extent.h"

#include <errno.h>
#include "tests/lib/unit.h"

/* For hot loops: ck_assert reports each success to its runner, which costs more than the test. */
#define HOLDS(x) \
	do { \
		if (!(x)) \
			ck_abort_msg("%s", #x); \
	} while (0)

#define SPACE	200

/* Sorted, apart, coalesced, and the same bytes as the model (0 = nothing, else kind). */
static void check_same(const struct extents *x, const uint32_t *model)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < x->n; i++) {
		HOLDS(x->v[i].length > 0);
		if (i > 0) {
			uint64_t end = x->v[i - 1].offset + x->v[i - 1].length;

			HOLDS(end <= x->v[i].offset);
			HOLDS(end < x->v[i].offset || x->v[i - 1].kind != x->v[i].kind);
		}
	}
	for (uint64_t o = 0; o < SPACE; o++) {
		const struct extent *e = extents_find(x, o);

		HOLDS((e ? e->kind : 0) == model[o]);
		HOLDS(!e || (e->offset <= o && o - e->offset < e->length));
		bytes += model[o] != 0;
	}
	HOLDS(extents_bytes(x) == bytes);
}

START_TEST(against_the_model)
{
	unsigned int seed = 6, accepted = 0, refused = 0;

	for (int round = 0; round < 1000; round++) {
		CLEANUP(extents_done) struct extents x = { 0 };
		uint32_t model[SPACE] = { 0 }, kinds = 1 + (uint32_t)rand_r(&seed) % 3;

		for (int op = 0; op < 40; op++) {
			uint64_t offset = (uint64_t)rand_r(&seed) % SPACE;
			uint64_t length = (uint64_t)rand_r(&seed) % 12;
			uint32_t kind = 1 + (uint32_t)rand_r(&seed) % kinds;
			bool clash = false;

			length = MIN(length, SPACE - offset);
			for (uint64_t o = offset; o < offset + length; o++)
				clash |= model[o] && model[o] != kind;
			HOLDS(extents_add(&x, offset, length, kind) == (clash ? -EEXIST : 0));
			for (uint64_t o = offset; o < offset + length && !clash; o++)
				model[o] = kind;
			clash ? refused++ : accepted++;
			check_same(&x, model);
		}
	}
	ck_assert_uint_gt(accepted, 1000);
	ck_assert_uint_gt(refused, 1000);
}
END_TEST

START_TEST(coalesce)
{
	CLEANUP(extents_done) struct extents x = { 0 };

	ck_assert_int_eq(extents_add(&x, 100, 10, 1), 0);
	ck_assert_int_eq(extents_add(&x, 110, 10, 2), 0);
	ck_assert_int_eq(extents_add(&x, 90, 10, 1), 0);
	ck_assert_uint_eq(x.n, 2);
	ck_assert_uint_eq(x.v[0].offset, 90);
	ck_assert_uint_eq(x.v[0].length, 20);
	/* One range bridges several and swallows what is inside. */
	ck_assert_int_eq(extents_add(&x, 10, 5, 1), 0);
	ck_assert_int_eq(extents_add(&x, 30, 5, 1), 0);
	ck_assert_int_eq(extents_add(&x, 0, 100, 1), 0);
	ck_assert_uint_eq(x.n, 2);
	ck_assert_uint_eq(x.v[0].offset, 0);
	ck_assert_uint_eq(x.v[0].length, 110);
	ck_assert_int_eq(extents_add(&x, 50, 61, 1), -EEXIST);
	ck_assert_int_eq(extents_add(&x, 119, 1, 1), -EEXIST);
	ck_assert_int_eq(extents_add(&x, 120, 1, 1), 0);
	ck_assert_uint_eq(x.n, 3);
}
END_TEST

/* Taking away against a model of single bytes, and what is in a range. */
START_TEST(remove_against_a_model)
{
	uint64_t rng = 88172645463325252;

	for (int round = 0; round < 200; round++) {
		CLEANUP(extents_done) struct extents x = { 0 };
		uint32_t model[64] = { 0 };

		for (int step = 0; step < 40; step++) {
			uint64_t r = rng ^= rng << 13, at, len;

			r = rng ^= rng >> 7;
			r = rng ^= rng << 17;
			at = r % 64;
			len = r / 64 % (65 - at);
			if (r / 8192 % 2) {
				/* In free room only: two kinds must not overlap. */
				bool clear = !extents_any(&x, at, len);

				for (uint64_t i = at; i < at + len; i++)
					clear = clear && !model[i];
				ck_assert_int_eq(clear, !extents_any(&x, at, len));
				if (!clear)
					continue;
				ck_assert_int_eq(extents_add(&x, at, len, 1 + r / 16384 % 2), 0);
				for (uint64_t i = at; i < at + len; i++)
					model[i] = 1 + r / 16384 % 2;
			} else {
				ck_assert_int_eq(extents_remove(&x, at, len), 0);
				for (uint64_t i = at; i < at + len; i++)
					model[i] = 0;
			}
			for (uint64_t i = 0; i < 64; i++) {
				const struct extent *e = extents_find(&x, i);

				ck_assert_uint_eq(e ? e->kind : 0, model[i]);
				ck_assert_int_eq(extents_any(&x, i, 1), model[i] != 0);
			}
			for (size_t i = 1; i < x.n; i++)
				ck_assert_uint_ge(x.v[i].offset,
						  x.v[i - 1].offset + x.v[i - 1].length);
		}
	}
}
END_TEST

START_TEST(edges_of_the_number_line)
{
	CLEANUP(extents_done) struct extents x = { 0 };

	ck_assert_ptr_null(extents_find(&x, 0));
	ck_assert_int_eq(extents_add(&x, UINT64_MAX, 0, 1), 0);
	ck_assert_int_eq(extents_add(&x, UINT64_MAX, 1, 1), -ERANGE);
	ck_assert_int_eq(extents_add(&x, 2, UINT64_MAX, 1), -ERANGE);
	ck_assert_uint_eq(x.n, 0);
	ck_assert_int_eq(extents_remove(&x, UINT64_MAX, 1), -ERANGE);
	ck_assert_int_eq(extents_remove(&x, 0, UINT64_MAX), 0);
	ck_assert_int_eq(extents_add(&x, UINT64_MAX - 1, 1, 1), 0);
	ck_assert_ptr_nonnull(extents_find(&x, UINT64_MAX - 1));
	ck_assert_ptr_null(extents_find(&x, UINT64_MAX));
	ck_assert_int_eq(extents_add(&x, 0, UINT64_MAX, 1), 0);
	ck_assert_uint_eq(x.n, 1);
	ck_assert_uint_eq(extents_bytes(&x), UINT64_MAX);
}
END_TEST

static Suite *extent_suite(void)
{
	Suite *s = suite_create("extent");
	TCase *t = tcase_create("extent");

	tcase_add_test(t, against_the_model);
	tcase_add_test(t, coalesce);
	tcase_add_test(t, remove_against_a_model);
	tcase_add_test(t, edges_of_the_number_line);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(extent_suite)

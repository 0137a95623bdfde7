/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The model is an array of bool, one per granule, worked on granule by granule with the contract's
 * own words: set widens, clear narrows.
 */
#include "common/bitmap.h"

#include <errno.h>
#include <stdlib.h>
#include "common/compiler.h"
#include "tests/lib/unit.h"

#define MODEL_MAX	300

/* For hot loops: ck_assert reports each success to its runner, which costs more than the test. */
#define HOLDS(x) \
	do { \
		if (!(x)) \
			ck_abort_msg("%s", #x); \
	} while (0)

struct model {
	uint64_t size, gran;
	size_t n;
	bool bit[MODEL_MAX];
};

static uint64_t granule_start(const struct model *m, size_t i)
{
	return i * m->gran;
}

static uint64_t granule_end(const struct model *m, size_t i)
{
	return MIN(m->size, (i + 1) * m->gran);
}

static bool touches(const struct model *m, size_t i, uint64_t offset, uint64_t length)
{
	uint64_t end = length > m->size || offset > m->size - length ? m->size : offset + length;

	return length && offset < granule_end(m, i) && end > granule_start(m, i);
}

static bool covers(const struct model *m, size_t i, uint64_t offset, uint64_t length)
{
	uint64_t end = length > m->size || offset > m->size - length ? m->size : offset + length;

	return length && offset <= granule_start(m, i) && end >= granule_end(m, i);
}

static void check_same(const struct model *m, const struct bitmap *b)
{
	uint64_t count = 0, bytes = 0;

	for (size_t i = 0; i < m->n; i++) {
		HOLDS(bitmap_test(b, granule_start(m, i)) == m->bit[i]);
		HOLDS(bitmap_test(b, granule_end(m, i) - 1) == m->bit[i]);
		count += m->bit[i];
		bytes += m->bit[i] ? granule_end(m, i) - granule_start(m, i) : 0;
	}
	HOLDS(bitmap_count(b) == count);
	HOLDS(bitmap_bytes(b) == bytes);
	HOLDS(!bitmap_test(b, m->size));
}

static void check_runs(const struct model *m, const struct bitmap *b, bool value)
{
	uint64_t at = 0, offset, length, total = 0;

	while (bitmap_next_run(b, value, at, &offset, &length)) {
		HOLDS(offset >= at);
		HOLDS(length > 0);
		HOLDS(offset + length <= m->size);
		/* Between runs: the other value only; within: this one only. */
		for (uint64_t o = at; o < offset; o += m->gran)
			HOLDS(bitmap_test(b, o) != value);
		for (uint64_t o = offset; o < offset + length; o += m->gran)
			HOLDS(bitmap_test(b, o) == value);
		if (offset + length < m->size)
			HOLDS(bitmap_test(b, offset + length) != value);
		total += length;
		at = offset + length;
	}
	HOLDS(total == (value ? bitmap_bytes(b) : m->size - bitmap_bytes(b)));
}

static void random_ops(struct model *m, struct bitmap *b, unsigned int *seed)
{
	for (int op = 0; op < 60; op++) {
		uint64_t offset = (uint64_t)rand_r(seed) % (m->size + m->gran + 1);
		uint64_t length = rand_r(seed) % 8 ? (uint64_t)rand_r(seed) % (m->size + 2)
						   : UINT64_MAX - (uint64_t)(rand_r(seed) % 3);
		bool set = rand_r(seed) % 2, any = false, all = true;

		if (rand_r(seed) % 3)
			length = length % (3 * m->gran);
		for (size_t i = 0; i < m->n; i++) {
			if (touches(m, i, offset, length)) {
				any |= m->bit[i];
				all &= m->bit[i];
			}
		}
		HOLDS(bitmap_any(b, offset, length) == any);
		HOLDS(bitmap_all(b, offset, length) == all);
		if (set)
			bitmap_set_range(b, offset, length);
		else
			bitmap_clear_range(b, offset, length);
		for (size_t i = 0; i < m->n; i++) {
			if (set && touches(m, i, offset, length))
				m->bit[i] = true;
			if (!set && covers(m, i, offset, length))
				m->bit[i] = false;
		}
		check_same(m, b);
	}
	check_runs(m, b, true);
	check_runs(m, b, false);
}

START_TEST(against_the_model)
{
	unsigned int seed = 4;

	for (int round = 0; round < 400; round++) {
		CLEANUP(bitmap_free) struct bitmap *b = NULL;
		struct model m = { .gran = UINT64_C(1) << (rand_r(&seed) % 5) };

		m.size = (uint64_t)rand_r(&seed) % (MODEL_MAX * m.gran) + 1;
		m.n = DIV_ROUND_UP(m.size, m.gran);
		ck_assert_int_eq(bitmap_new(m.size, m.gran, &b), 0);
		ck_assert_uint_eq(b->nbits, m.n);
		check_same(&m, b);
		random_ops(&m, b, &seed);
		bitmap_set_all(b);
		ck_assert_uint_eq(bitmap_bytes(b), m.size);
		ck_assert_uint_eq(bitmap_count(b), m.n);
		bitmap_clear_all(b);
		ck_assert_uint_eq(bitmap_count(b), 0);
	}
}
END_TEST

START_TEST(start_inside_a_granule)
{
	CLEANUP(bitmap_free) struct bitmap *b = NULL;
	uint64_t offset, length;

	ck_assert_int_eq(bitmap_new(10000, 4096, &b), 0);
	bitmap_set_range(b, 5000, 1);
	ck_assert(bitmap_next_run(b, true, 5000, &offset, &length));
	ck_assert_uint_eq(offset, 5000);
	ck_assert_uint_eq(length, 8192 - 5000);
	ck_assert(bitmap_next_run(b, false, 5000, &offset, &length));
	ck_assert_uint_eq(offset, 8192);
	ck_assert_uint_eq(length, 10000 - 8192);
	ck_assert(!bitmap_next_run(b, true, 8192, &offset, &length));
	ck_assert(!bitmap_next_run(b, false, 10000, &offset, &length));
}
END_TEST

START_TEST(odd_sizes)
{
	CLEANUP(bitmap_free) struct bitmap *b = NULL;
	CLEANUP(bitmap_free) struct bitmap *huge = NULL;
	CLEANUP(bitmap_free) struct bitmap *none = NULL;
	uint64_t offset, length;

	ck_assert_int_eq(bitmap_new(100, 0, &none), -EINVAL);
	ck_assert_int_eq(bitmap_new(100, 3, &none), -EINVAL);
	ck_assert_int_eq(bitmap_new(UINT64_MAX, 1, &none), -ENOMEM);
	ck_assert_ptr_null(none);

	ck_assert_int_eq(bitmap_new(0, 4096, &b), 0);
	bitmap_set_all(b);
	bitmap_set_range(b, 0, 1);
	ck_assert_uint_eq(bitmap_count(b), 0);
	ck_assert_uint_eq(bitmap_bytes(b), 0);
	ck_assert(!bitmap_next_run(b, false, 0, &offset, &length));

	/* The last granule ends past 2^64: nothing may wrap. */
	ck_assert_int_eq(bitmap_new(UINT64_MAX, UINT64_C(1) << 63, &huge), 0);
	ck_assert_uint_eq(huge->nbits, 2);
	bitmap_set_range(huge, UINT64_MAX - 1, UINT64_MAX);
	ck_assert_uint_eq(bitmap_count(huge), 1);
	ck_assert_uint_eq(bitmap_bytes(huge), UINT64_MAX - (UINT64_C(1) << 63));
	ck_assert(bitmap_next_run(huge, true, 0, &offset, &length));
	ck_assert_uint_eq(offset, UINT64_C(1) << 63);
	ck_assert_uint_eq(length, UINT64_MAX - (UINT64_C(1) << 63));
	bitmap_clear_range(huge, UINT64_C(1) << 63, UINT64_MAX);
	ck_assert_uint_eq(bitmap_count(huge), 0);
}
END_TEST

START_TEST(algebra)
{
	unsigned int seed = 5;

	for (int round = 0; round < 100; round++) {
		CLEANUP(bitmap_free) struct bitmap *a = NULL;
		CLEANUP(bitmap_free) struct bitmap *b = NULL;
		struct bitmap *c[3] = { NULL };
		uint64_t size = 1 + (uint64_t)rand_r(&seed) % 20000;

		ck_assert_int_eq(bitmap_new(size, 16, &a), 0);
		ck_assert_int_eq(bitmap_new(size, 16, &b), 0);
		for (int i = 0; i < 20; i++) {
			bitmap_set_range(a, (uint64_t)rand_r(&seed) % size,
					 (uint64_t)rand_r(&seed) % 900);
			bitmap_set_range(b, (uint64_t)rand_r(&seed) % size,
					 (uint64_t)rand_r(&seed) % 900);
		}
		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(bitmap_copy(a, &c[i]), 0);
		ck_assert_int_eq(bitmap_or(c[0], b), 0);
		ck_assert_int_eq(bitmap_and(c[1], b), 0);
		ck_assert_int_eq(bitmap_andnot(c[2], b), 0);
		for (uint64_t o = 0; o < size; o += 16) {
			bool va = bitmap_test(a, o), vb = bitmap_test(b, o);

			HOLDS(bitmap_test(c[0], o) == (va || vb));
			HOLDS(bitmap_test(c[1], o) == (va && vb));
			HOLDS(bitmap_test(c[2], o) == (va && !vb));
		}
		ck_assert_uint_eq(bitmap_bytes(c[1]) + bitmap_bytes(c[2]), bitmap_bytes(a));
		ck_assert_uint_eq(bitmap_bytes(c[0]), bitmap_bytes(c[2]) + bitmap_bytes(b));
		for (int i = 0; i < 3; i++)
			bitmap_free(c[i]);
	}
}
END_TEST

/* Of any granularity into any other: every byte that was set is, and no granule without one. */
START_TEST(merge_of_unlike)
{
	static const uint64_t grans[] = { 512, 4096, 65536 };
	const uint64_t size = 40 * 65536 + 1536;

	srand(3);
	for (size_t i = 0; i < 9; i++) {
		CLEANUP(bitmap_free) struct bitmap *src = NULL, *dst = NULL;

		ck_assert_int_eq(bitmap_new(size, grans[i % 3], &src), 0);
		ck_assert_int_eq(bitmap_new(size, grans[i / 3], &dst), 0);
		for (int k = 0; k < 20; k++)
			bitmap_set_range(src, (uint64_t)rand() % size, (uint64_t)rand() % 70000);
		bitmap_set_range(src, size - 1, 1);
		bitmap_merge(dst, src);
		for (uint64_t at = 0; at < size; at += dst->granularity)
			HOLDS(bitmap_test(dst, at) ==
			      bitmap_any(src, at, MIN(dst->granularity, size - at)));
		for (uint64_t at = 0; at < size; at += src->granularity)
			HOLDS(!bitmap_test(src, at) ||
			      bitmap_all(dst, at, MIN(src->granularity, size - at)));
	}
}
END_TEST

START_TEST(algebra_refuses_unlike)
{
	CLEANUP(bitmap_free) struct bitmap *a = NULL;
	CLEANUP(bitmap_free) struct bitmap *b = NULL;
	CLEANUP(bitmap_free) struct bitmap *c = NULL;

	ck_assert_int_eq(bitmap_new(1000, 16, &a), 0);
	ck_assert_int_eq(bitmap_new(1001, 16, &b), 0);
	ck_assert_int_eq(bitmap_new(1000, 8, &c), 0);
	bitmap_set_all(b);
	bitmap_set_all(c);
	ck_assert_int_eq(bitmap_or(a, b), -EINVAL);
	ck_assert_int_eq(bitmap_or(a, c), -EINVAL);
	ck_assert_int_eq(bitmap_and(c, a), -EINVAL);
	ck_assert_int_eq(bitmap_andnot(b, a), -EINVAL);
	ck_assert_uint_eq(bitmap_count(a), 0);
	ck_assert_uint_eq(bitmap_bytes(b), 1001);
}
END_TEST

static Suite *bitmap_suite(void)
{
	Suite *s = suite_create("bitmap");
	TCase *t = tcase_create("bitmap");

	tcase_add_test(t, against_the_model);
	tcase_add_test(t, start_inside_a_granule);
	tcase_add_test(t, odd_sizes);
	tcase_add_test(t, algebra);
	tcase_add_test(t, merge_of_unlike);
	tcase_add_test(t, algebra_refuses_unlike);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(bitmap_suite)

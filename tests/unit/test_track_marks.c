/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/marks.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/compiler.h"
#include "tests/lib/unit.h"
#include "track/track.h"

#define SIZE	(300 * MIB + 512)

static struct marks_disk d;
static uint64_t *words;
static struct bitmap *into;

static void setup(void)
{
	ck_assert_int_eq(marks_layout(SIZE, 12, 8, &d), 0);
	words = calloc(d.base + d.words, sizeof(*words));
	ck_assert_int_eq(bitmap_new(SIZE, 4096, &into), 0);
}

static void teardown(void)
{
	free(words);
	bitmap_free(into);
}

static uint64_t harvest(bool again)
{
	uint64_t bytes = 0;

	bitmap_clear_all(into);
	ck_assert_int_eq(marks_harvest(words, &d, again, into, &bytes), 0);
	ck_assert_uint_eq(bytes, bitmap_bytes(into));
	return bytes;
}

START_TEST(layout)
{
	struct marks_disk x;

	ck_assert_uint_eq(d.fine, DIV_ROUND_UP(DIV_ROUND_UP(SIZE, 4096u), 64u));
	ck_assert_uint_eq(d.words % 8, 0);
	ck_assert_uint_ge(d.words, 2 * (d.fine + d.coarse) + d.taken);
	ck_assert_int_eq(marks_layout(0, 12, 0, &x), -EINVAL);
	ck_assert_int_eq(marks_layout(SIZE, 11, 0, &x), -EINVAL);
	ck_assert_int_eq(marks_layout(SIZE, 17, 0, &x), -EINVAL);
	ck_assert_int_eq(marks_layout(UINT64_MAX, 16, 0, &x), -EFBIG);
	ck_assert_int_eq(marks_layout(SIZE, 12, (1u << 31) - 64, &x), -EFBIG);
}
END_TEST

START_TEST(granules_by_memory)
{
	const uint64_t sizes[] = { 1 * TIB, 1 * TIB };

	/* Twice 64 MiB and a little for a bit of 4 KiB, harvested and ever. */
	ck_assert_uint_eq(marks_shift(sizes, 2, 140 * MIB), 12);
	ck_assert_uint_eq(marks_shift(sizes, 2, 120 * MIB), 13);
	ck_assert_uint_eq(marks_shift(sizes, 1, 120 * MIB), 12);
	ck_assert_uint_eq(marks_shift(sizes, 2, 0), 16);
}
END_TEST

START_TEST(edges)
{
	ck_assert(marks_mark(words, &d, 0, 0));
	ck_assert_uint_eq(harvest(false), 0);
	ck_assert(marks_mark(words, &d, 7, 1024));
	ck_assert_uint_eq(harvest(false), 8192);
	ck_assert(bitmap_all(into, 0, 8192));
	ck_assert_uint_eq(harvest(false), 0);
	/* The last granule is not whole. */
	ck_assert(marks_mark(words, &d, SIZE / 512 - 1, 512));
	ck_assert_uint_eq(harvest(false), 512);
	ck_assert(!marks_mark(words, &d, SIZE / 512 - 1, 8192));
	ck_assert_uint_eq(harvest(false), 512);
	ck_assert(!marks_mark(words, &d, SIZE / 512 + 7, 512));
	ck_assert(!marks_mark(words, &d, UINT64_MAX, 512));
	ck_assert(!marks_mark(words, &d, UINT64_MAX - 8, 8192));
	ck_assert_uint_eq(harvest(false), 0);
}
END_TEST

/* A long range is marked coarse, and so a little wider; a shorter one exactly. */
START_TEST(long_ranges)
{
	const uint64_t exact = MARKS_FINE_WORDS_MAX * 64 * 4096;

	ck_assert(marks_mark(words, &d, 8, exact));
	ck_assert_uint_eq(harvest(false), exact);
	ck_assert(marks_mark(words, &d, 8, 3 * exact));
	ck_assert_uint_eq(harvest(false), ALIGN_UP(3 * exact + 4096, 2 * MIB));
	ck_assert(bitmap_all(into, 0, 3 * exact));
	ck_assert_uint_eq(harvest(false), 0);
	/* All of it, to the last byte. */
	ck_assert(marks_mark(words, &d, 0, SIZE));
	ck_assert_uint_eq(harvest(false), SIZE);
	bitmap_clear_all(into);
	ck_assert_int_eq(marks_ever(words, &d, into, NULL), 0);
	ck_assert_uint_eq(bitmap_bytes(into), SIZE);
}
END_TEST

START_TEST(ever_stays)
{
	uint64_t bytes = 0;

	ck_assert(marks_mark(words, &d, 800, 4096));
	harvest(false);
	marks_settled(words, &d);
	ck_assert_int_eq(marks_ever(words, &d, NULL, &bytes), 0);
	ck_assert_uint_eq(bytes, 4096);
}
END_TEST

/* Who comes after a killed harvester is given what was not settled, 64 KiB wide. */
START_TEST(taken_until_settled)
{
	ck_assert(marks_mark(words, &d, 800, 4096));
	ck_assert(marks_mark(words, &d, 80000, 65536 + 4096));
	ck_assert_uint_eq(harvest(false), 65536 + 8192);
	ck_assert_uint_eq(harvest(false), 0);
	bitmap_clear_all(into);
	ck_assert_int_eq(marks_harvest(words, &d, true, into, NULL), 0);
	ck_assert(bitmap_all(into, 800 * 512, 4096));
	ck_assert(bitmap_all(into, 80000 * 512, 65536 + 4096));
	marks_settled(words, &d);
	ck_assert_uint_eq(harvest(true), 0);
}
END_TEST

START_TEST(other_granularity)
{
	CLEANUP(bitmap_free) struct bitmap *wide = NULL, *small = NULL;

	ck_assert_int_eq(bitmap_new(SIZE + MIB, 65536, &wide), 0);
	ck_assert_int_eq(bitmap_new(SIZE - 1, 4096, &small), 0);
	ck_assert(marks_mark(words, &d, 800, 4096));
	ck_assert_int_eq(marks_harvest(words, &d, false, small, NULL), -EINVAL);
	ck_assert_int_eq(marks_ever(words, &d, small, NULL), -EINVAL);
	ck_assert_int_eq(marks_harvest(words, &d, false, wide, NULL), 0);
	ck_assert_uint_eq(bitmap_bytes(wide), 65536);
}
END_TEST

/* ---- a harvest beside many that mark: what was copied last is what was written last */

#define MARKERS	3
#define EPOCHS	50
#define CELLS	20000

static atomic_uint version[MARKERS][CELLS], copied[MARKERS][CELLS];
static atomic_uint at_work;

static uint64_t cell_sector(unsigned int marker, unsigned int cell)
{
	/* Neighbours in a word belong to different markers. */
	return ((uint64_t)cell * MARKERS + marker) * 8;
}

/* Each cell once, so that no later mark makes up for one that is lost. */
static void *marker(void *opaque)
{
	unsigned int me = (unsigned int)(uintptr_t)opaque;

	for (unsigned int cell = 0; cell < CELLS; cell++) {
		/* It lands, then it is marked. */
		atomic_fetch_add(&version[me][cell], 1);
		marks_mark(words, &d, cell_sector(me, cell), 4096);
	}
	atomic_fetch_sub(&at_work, 1);
	return NULL;
}

static void copy_marked(void)
{
	harvest(false);
	for (uint64_t at = 0, n; bitmap_next_run(into, true, at, &at, &n); at += n)
		for (uint64_t bit = at / 4096; bit < (at + n) / 4096; bit++) {
			unsigned int m = (unsigned int)(bit % MARKERS);
			unsigned int c = (unsigned int)(bit / MARKERS);

			atomic_store(&copied[m][c], atomic_load(&version[m][c]));
		}
}

START_TEST(no_mark_is_lost)
{
	for (int epoch = 0; epoch < (unit_slow() ? 5 : EPOCHS); epoch++) {
		pthread_t threads[MARKERS];

		atomic_store(&at_work, MARKERS);
		for (uintptr_t m = 0; m < MARKERS; m++)
			ck_assert_int_eq(pthread_create(&threads[m], NULL, marker, (void *)m), 0);
		while (atomic_load(&at_work) > 0)
			copy_marked();
		for (unsigned int m = 0; m < MARKERS; m++)
			pthread_join(threads[m], NULL);
		copy_marked();
		for (unsigned int m = 0; m < MARKERS; m++)
			for (unsigned int c = 0; c < CELLS; c++)
				ck_assert_uint_eq(atomic_load(&copied[m][c]),
						  atomic_load(&version[m][c]));
	}
}
END_TEST

static Suite *track_marks_suite(void)
{
	Suite *s = suite_create("track_marks");
	TCase *tc = tcase_create("track_marks");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, layout);
	tcase_add_test(tc, granules_by_memory);
	tcase_add_test(tc, edges);
	tcase_add_test(tc, long_ranges);
	tcase_add_test(tc, ever_stays);
	tcase_add_test(tc, taken_until_settled);
	tcase_add_test(tc, other_granularity);
	tcase_add_test(tc, no_mark_is_lost);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(track_marks_suite)

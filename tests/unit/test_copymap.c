/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The walk over what is to be sent, held against a naive one, granule by granule. */
#include "tests/lib/unit.h"
#include "disk/copymap.h"

#define G	UINT64_C(4096)
#define CHUNK	(4 * G)

static struct bitmap *new_map(uint64_t size, uint64_t granularity)
{
	struct bitmap *b;

	ck_assert_int_eq(bitmap_new(size, granularity, &b), 0);
	return b;
}

static void expect_step(struct copymap *c, bool data, uint64_t offset, uint64_t length)
{
	struct copymap_step s;

	ck_assert(copymap_next(c, &s));
	ck_assert_int_eq(s.data, data);
	ck_assert_uint_eq(s.offset, offset);
	ck_assert_uint_eq(s.length, length);
}

static void expect_end(struct copymap *c)
{
	struct copymap_step s;

	ck_assert(!copymap_next(c, &s));
	ck_assert(!copymap_next(c, &s));
}

START_TEST(simple)
{
	struct bitmap *used = new_map(10 * CHUNK + 512, G),
		      *have = new_map(10 * CHUNK + 512, CHUNK);
	struct copymap c;

	bitmap_set_range(used, 2 * CHUNK + G, 1);		/* one granule: the whole chunk */
	bitmap_set_range(used, 5 * CHUNK, 2 * CHUNK);
	bitmap_set_range(have, 5 * CHUNK, CHUNK);
	bitmap_set_range(have, 8 * CHUNK, CHUNK);		/* free, but there already */
	copymap_init(&c, used, have, CHUNK);
	expect_step(&c, false, 0, 2 * CHUNK);
	expect_step(&c, true, 2 * CHUNK, CHUNK);
	expect_step(&c, false, 3 * CHUNK, 2 * CHUNK);
	expect_step(&c, true, 6 * CHUNK, CHUNK);
	expect_step(&c, false, 7 * CHUNK, CHUNK);
	expect_step(&c, false, 9 * CHUNK, CHUNK + 512);
	expect_end(&c);

	bitmap_set_all(used);
	copymap_init(&c, used, NULL, CHUNK);
	for (int i = 0; i < 10; i++)
		expect_step(&c, true, (uint64_t)i * CHUNK, CHUNK);
	expect_step(&c, true, 10 * CHUNK, 512);
	expect_end(&c);

	bitmap_set_all(have);
	copymap_init(&c, used, have, CHUNK);
	expect_end(&c);
	bitmap_free(used);
	bitmap_free(have);
}
END_TEST

START_TEST(empty_disk)
{
	struct bitmap *used = new_map(0, G);
	struct copymap c;
	uint64_t data, gap, have;

	copymap_init(&c, used, NULL, CHUNK);
	expect_end(&c);
	copymap_totals(&c, &data, &gap, &have);
	ck_assert_uint_eq(data + gap + have, 0);
	bitmap_free(used);
}
END_TEST

START_TEST(against_naive)
{
	unsigned int seed = (unsigned int)_i * 7 + 1;
	uint64_t size =
		CHUNK * (uint64_t)(1 + rand_r(&seed) % 300) + (uint64_t)(rand_r(&seed) % 33) * 512;
	uint64_t chunk = _i % 3 ? CHUNK : G, pos = 0, sums[3] = { 0 }, totals[3];
	struct bitmap *used = new_map(size, G), *have = new_map(size, chunk);
	struct copymap c;
	struct copymap_step s;

	for (int i = rand_r(&seed) % 60; i > 0; i--) {
		bitmap_set_range(used, (uint64_t)rand_r(&seed) % size,
				 (uint64_t)rand_r(&seed) % (3 * CHUNK));
		bitmap_set_range(have, (uint64_t)rand_r(&seed) % size,
				 (uint64_t)rand_r(&seed) % (3 * CHUNK));
	}
	copymap_init(&c, used, have, chunk);
	while (copymap_next(&c, &s)) {
		/* Ascending, whole chunks, and what was left out is there. */
		ck_assert_uint_ge(s.offset, pos);
		ck_assert_uint_eq(s.offset % chunk, 0);
		ck_assert_uint_gt(s.length, 0);
		ck_assert(bitmap_all(have, pos, s.offset - pos));
		sums[2] += s.offset - pos;
		ck_assert(!bitmap_any(have, s.offset, s.length));
		ck_assert_int_eq(bitmap_any(used, s.offset, s.length), s.data);
		if (s.data)
			ck_assert_uint_eq(s.length,
					  chunk < size - s.offset ? chunk : size - s.offset);
		sums[s.data ? 0 : 1] += s.length;
		pos = s.offset + s.length;
		ck_assert_uint_le(pos, size);
		/* Totals look at the whole and leave the walk where it is. */
		copymap_totals(&c, &totals[0], &totals[1], &totals[2]);
		ck_assert_uint_eq(totals[0] + totals[1] + totals[2], size);
	}
	ck_assert(bitmap_all(have, pos, size - pos));
	sums[2] += size - pos;
	copymap_totals(&c, &totals[0], &totals[1], &totals[2]);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(sums[i], totals[i]);
	bitmap_free(used);
	bitmap_free(have);
}
END_TEST

static Suite *suite_copymap(void)
{
	Suite *s = suite_create("copymap");
	TCase *tc = tcase_create("copymap");

	tcase_add_test(tc, simple);
	tcase_add_test(tc, empty_disk);
	tcase_add_loop_test(tc, against_naive, 0, 60);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_copymap)

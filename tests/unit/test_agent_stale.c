/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ranges told before a round cover every change, are whole chunks, rise, and do not touch. */
#include "p2v-agent/stale.h"

#include <stdlib.h>

#include "tests/lib/unit.h"

#define CHUNK	((uint64_t)PROTO_CHUNK_SIZE)

/* All that is told of these disks; what is told and what changed has to be the same chunks. */
static unsigned int tell(const struct bitmap *const *maps, size_t n)
{
	struct bitmap *told[2] = { NULL };
	unsigned int messages = 0;
	uint64_t end[2] = { 0 };
	struct msg_have h;
	struct stale s;
	size_t disk = 0;

	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(bitmap_new(maps[i]->size, CHUNK, &told[i]), 0);
	stale_init(&s, maps, n);
	for (; stale_next(&s, &h); messages++) {
		ck_assert_uint_ge(h.disk, disk);
		disk = h.disk;
		ck_assert(h.n > 0 && h.n <= STALE_RANGES);
		for (uint32_t i = 0; i < h.n; i++) {
			const struct msg_range *r = &h.ranges[i];

			ck_assert_uint_eq(r->offset % CHUNK, 0);
			ck_assert(r->offset > end[disk] || end[disk] == 0);
			end[disk] = r->offset + r->length;
			ck_assert(end[disk] % CHUNK == 0 || end[disk] == maps[disk]->size);
			bitmap_set_range(told[disk], r->offset, r->length);
		}
	}
	for (size_t i = 0; i < n; i++) {
		for (uint64_t at = 0; at < maps[i]->size; at += CHUNK)
			ck_assert_int_eq(bitmap_test(told[i], at),
					 bitmap_any(maps[i], at, MIN(CHUNK, maps[i]->size - at)));
		bitmap_free(told[i]);
	}
	return messages;
}

START_TEST(every_change)
{
	CLEANUP(bitmap_free) struct bitmap *a = NULL, *b = NULL;
	const struct bitmap *maps[2];

	ck_assert_int_eq(bitmap_new(700 * CHUNK + 1536, 4096, &a), 0);
	ck_assert_int_eq(bitmap_new(40 * CHUNK, 65536, &b), 0);
	maps[0] = a;
	maps[1] = b;
	ck_assert_uint_eq(tell(maps, 2), 0);
	bitmap_set_range(a, 700 * CHUNK, 1536);
	ck_assert_uint_eq(tell(maps, 2), 1);
	srand(7);
	for (int i = 0; i < 200; i++) {
		uint64_t at = (uint64_t)(rand() % 700) * CHUNK + (uint64_t)(rand() % 256) * 4096;

		bitmap_set_range(a, at, (uint64_t)(rand() % 600) * 4096);
		bitmap_set_range(b, (uint64_t)(rand() % 640) * 65536, 65536);
		tell(maps, 2);
	}
	bitmap_set_all(a);
	bitmap_set_all(b);
	ck_assert_uint_eq(tell(maps, 2), 2);
}
END_TEST

/* More ranges than a message has go on in the next one. */
START_TEST(many_ranges)
{
	CLEANUP(bitmap_free) struct bitmap *a = NULL;
	const struct bitmap *maps[1];

	ck_assert_int_eq(bitmap_new(2 * (2 * STALE_RANGES + 3) * CHUNK, 65536, &a), 0);
	for (uint64_t i = 0; i < 2 * STALE_RANGES + 3; i++)
		bitmap_set_range(a, 2 * i * CHUNK + 65536, 1);
	maps[0] = a;
	ck_assert_uint_eq(tell(maps, 1), 3);
}
END_TEST

static Suite *suite_stale(void)
{
	Suite *s = suite_create("agent_stale");
	TCase *t = tcase_create("agent_stale");

	tcase_add_test(t, every_change);
	tcase_add_test(t, many_ranges);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite_stale)

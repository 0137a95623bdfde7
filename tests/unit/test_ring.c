/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ring against numbers that count up: pushed and dropped at random, across its end and growth. */
#include "common/ring.h"

#include <errno.h>
#include "tests/lib/fault.h"
#include "tests/lib/unit.h"

struct thing {
	uint64_t number;
	char pad[5];
};

START_TEST(holds_what_was_pushed)
{
	CLEANUP(ring_done) struct ring r = RING_OF(struct thing);
	uint64_t first = 0, next = 0, x = 88172645463325252;

	for (int step = 0; step < 4000; step++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (x % 3 > 0) {
			for (uint64_t k = x % 29; k > 0; k--) {
				struct thing t = { .number = next++ };

				ck_assert_int_eq(ring_push(&r, &t), 0);
			}
		} else {
			uint64_t k = x / 3 % 97;

			ring_drop(&r, k);
			first = first + k < next ? first + k : next;
		}
		ck_assert_uint_eq(r.n, next - first);
		for (size_t i = 0; i < r.n; i += 1 + i / 3)
			ck_assert_uint_eq(((struct thing *)ring_at(&r, i))->number, first + i);
	}
	ck_assert_uint_gt(r.cap, 256);
	ring_done(&r);
	ck_assert_uint_eq(r.n, 0);
	ck_assert_int_eq(ring_push(&r, &(struct thing){ .number = 7 }), 0);
	ck_assert_uint_eq(((struct thing *)ring_at(&r, 0))->number, 7);
}
END_TEST

START_TEST(nothing_changes_without_memory)
{
	CLEANUP(ring_done) struct ring r = RING_OF(uint64_t);

	for (uint64_t i = 0; i < 300; i++) {
		bool grows = r.n == r.cap;

		int got;

		/* Check's own assertions need memory, too. */
		fault_arm(FAULT_ALLOC, 1, true);
		got = ring_push(&r, &i);
		fault_disarm();
		ck_assert_int_eq(got, grows ? -ENOMEM : 0);
		if (grows)
			ck_assert_int_eq(ring_push(&r, &i), 0);
	}
	for (size_t i = 0; i < 300; i++)
		ck_assert_uint_eq(*(uint64_t *)ring_at(&r, i), i);
}
END_TEST

static Suite *suite_ring(void)
{
	Suite *s = suite_create("ring");
	TCase *tc = tcase_create("ring");

	tcase_add_test(tc, holds_what_was_pushed);
	tcase_add_test(tc, nothing_changes_without_memory);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_ring)

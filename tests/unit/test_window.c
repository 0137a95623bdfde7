/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include <errno.h>

#include "wire/proto.h"
#include "wire/window.h"

static struct window *new_window(uint32_t credit)
{
	struct window *w = NULL;

	ck_assert_int_eq(window_new(credit, &w), 0);
	return w;
}

START_TEST(ids_and_sums)
{
	CLEANUP(window_free) struct window *w = new_window(1000);
	uint64_t payload = 99;

	ck_assert_uint_eq(window_next_id(w), 1);
	ck_assert_uint_eq(window_last_id(w), 0);
	ck_assert_int_eq(window_sent(w, 100, 7), 0);
	ck_assert_int_eq(window_sent(w, 200, 11), 0);
	ck_assert_int_eq(window_sent(w, 300, 13), 0);
	ck_assert_uint_eq(window_in_flight(w), 600);
	ck_assert_uint_eq(window_last_id(w), 3);
	ck_assert_int_eq(window_acked(w, 2, &payload), 0);
	ck_assert_uint_eq(payload, 18);
	ck_assert_uint_eq(window_in_flight(w), 300);
	ck_assert_uint_eq(window_acked_id(w), 2);
	ck_assert_uint_eq(window_durable_id(w), 0);
	/* The same again: nothing new. */
	ck_assert_int_eq(window_acked(w, 2, &payload), 0);
	ck_assert_uint_eq(payload, 0);
	ck_assert_int_eq(window_acked(w, 3, NULL), 0);
	ck_assert_uint_eq(window_in_flight(w), 0);
}
END_TEST

START_TEST(refuses_ids_never_sent)
{
	CLEANUP(window_free) struct window *w = new_window(1000);

	ck_assert_int_eq(window_acked(w, 1, NULL), -EBADMSG);
	ck_assert_int_eq(window_flushed(w, 1, NULL), -EBADMSG);
	ck_assert_int_eq(window_sent(w, 1, 1), 0);
	ck_assert_int_eq(window_sent(w, 1, 1), 0);
	ck_assert_int_eq(window_acked(w, 3, NULL), -EBADMSG);
	ck_assert_int_eq(window_acked(w, UINT64_MAX, NULL), -EBADMSG);
	ck_assert_int_eq(window_acked(w, 2, NULL), 0);
	ck_assert_int_eq(window_acked(w, 1, NULL), -EBADMSG);
	ck_assert_uint_eq(window_acked_id(w), 2);
}
END_TEST

START_TEST(flushed_acknowledges_too)
{
	CLEANUP(window_free) struct window *w = new_window(1000);
	uint64_t payload;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(window_sent(w, 10, 5), 0);
	ck_assert_int_eq(window_acked(w, 1, NULL), 0);
	ck_assert_int_eq(window_flushed(w, 3, &payload), 0);
	ck_assert_uint_eq(payload, 10);
	ck_assert_uint_eq(window_acked_id(w), 3);
	ck_assert_uint_eq(window_durable_id(w), 3);
	ck_assert_int_eq(window_flushed(w, 2, NULL), -EBADMSG);
	ck_assert_int_eq(window_acked(w, 4, NULL), 0);
	ck_assert_uint_eq(window_durable_id(w), 3);
	payload = 1;
	ck_assert_int_eq(window_flushed(w, 4, &payload), 0);
	ck_assert_uint_eq(payload, 0);
}
END_TEST

START_TEST(credit)
{
	CLEANUP(window_free) struct window *w = new_window(1000);

	/* Larger than the credit: only alone. */
	ck_assert(window_may_send(w, 5000));
	ck_assert_int_eq(window_sent(w, 600, 0), 0);
	ck_assert(!window_may_send(w, 5000));
	ck_assert(window_may_send(w, 400));
	ck_assert(!window_may_send(w, 401));
	ck_assert_int_eq(window_sent(w, 400, 0), 0);
	ck_assert(!window_may_send(w, 1));
	ck_assert_int_eq(window_acked(w, 2, NULL), 0);
	ck_assert(window_may_send(w, 5000));
	ck_assert_int_eq(window_sent(w, 5000, 0), 0);
	ck_assert(!window_may_send(w, 1));
	ck_assert(!window_may_send(w, UINT32_MAX));
}
END_TEST

START_TEST(number_in_flight_is_bounded)
{
	CLEANUP(window_free) struct window *w = new_window(PROTO_CREDIT_MAX);

	for (unsigned int i = 0; i < PROTO_UNACKED_MAX; i++) {
		ck_assert(window_may_send(w, 1));
		ck_assert_int_eq(window_sent(w, 1, 1), 0);
	}
	ck_assert(!window_may_send(w, 1));
	ck_assert_int_eq(window_acked(w, 1, NULL), 0);
	ck_assert(window_may_send(w, 1));
}
END_TEST

/* Against a plain array of all that was ever sent. */
START_TEST(random_walk)
{
	enum { TOTAL = 20000 };
	CLEANUP(window_free) struct window *w = new_window(1u << 30);
	static uint32_t bytes[TOTAL + 1];
	uint64_t last = 0, acked = 0, state = 42;

	while (last < TOTAL) {
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		if (state >> 62) {
			last++;
			bytes[last] = (uint32_t)(state >> 40) + 1;
			ck_assert_uint_eq(window_next_id(w), last);
			ck_assert_int_eq(window_sent(w, bytes[last], bytes[last] * UINT64_C(3)), 0);
		} else if (acked < last) {
			uint64_t to = acked + (state >> 20) % (last - acked + 1), want = 0, got;

			for (uint64_t i = acked + 1; i <= to; i++)
				want += bytes[i] * UINT64_C(3);
			ck_assert_int_eq(window_acked(w, to, &got), 0);
			ck_assert_uint_eq(got, want);
			acked = to;
		}
		if (last % 100 == 0) {
			uint64_t flight = 0;

			for (uint64_t i = acked + 1; i <= last; i++)
				flight += bytes[i];
			ck_assert_uint_eq(window_in_flight(w), flight);
		}
	}
}
END_TEST

static Suite *window_suite(void)
{
	Suite *s = suite_create("window");
	TCase *t = tcase_create("window");

	tcase_add_test(t, ids_and_sums);
	tcase_add_test(t, refuses_ids_never_sent);
	tcase_add_test(t, flushed_acknowledges_too);
	tcase_add_test(t, credit);
	tcase_add_test(t, number_in_flight_is_bounded);
	tcase_add_test(t, random_walk);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(window_suite)

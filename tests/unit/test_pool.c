/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "tests/lib/unit.h"

struct item {
	unsigned int number;
	uint32_t result;
	bool worked;
};

static atomic_uint live_items;
static atomic_uint wrong_worker;

static struct item *new_item(unsigned int number)
{
	struct item *it = calloc(1, sizeof(*it));

	it->number = number;
	atomic_fetch_add(&live_items, 1);
	return it;
}

static void drop_item(void *p)
{
	free(p);
	atomic_fetch_sub(&live_items, 1);
}

/* Uneven amounts of work, so that later items are done before earlier ones. */
static void work(void *p, unsigned int worker, void *opaque)
{
	unsigned int *threads = opaque;
	struct item *it = p;
	uint32_t v = it->number;

	if (worker >= (*threads ? *threads : 1))
		atomic_fetch_add(&wrong_worker, 1);
	for (unsigned int i = 0; i < (it->number * 7919) % 3000; i++)
		v = v * 1664525 + 1013904223;
	it->result = v;
	it->worked = true;
}

enum { ITEMS = 3000 };

struct feed {
	struct pool *pool;
	int failed;
};

static void *feeder(void *arg)
{
	struct feed *f = arg;

	for (unsigned int i = 0; i < ITEMS; i++) {
		if (pool_submit(f->pool, new_item(i), i % 31) != 0)
			f->failed++;
	}
	pool_close(f->pool);
	return NULL;
}

/* how: 0 wait, 1 poll then clear then drain, 2 poll, take one, clear after */
static uint64_t run_all(unsigned int threads, int how)
{
	CLEANUP(pool_free) struct pool *p = NULL;
	struct feed f = { 0 };
	unsigned int expected = 0;
	uint64_t sum = 0;
	pthread_t t;
	int r = 0;

	ck_assert_int_eq(pool_new(threads, 200, work, &threads, &p, NULL), 0);
	f.pool = p;
	ck_assert_int_eq(pthread_create(&t, NULL, feeder, &f), 0);
	while (r != -EPIPE) {
		struct pollfd pfd = { .fd = pool_fd(p), .events = POLLIN };
		void *item;

		if (how != 0) {
			/* A lost wake-up shows as a time-out. */
			if (poll(&pfd, 1, 5000) != 1)
				ck_abort_msg("no wake-up");
			if (how == 1)
				pool_fd_clear(p);
		}
		do {
			struct item *it;

			r = how ? pool_next(p, &item) : pool_next_wait(p, &item);
			if (r < 0)
				break;
			it = item;
			if (it->number != expected++ || !it->worked)
				ck_abort_msg("item %u where %u was due", it->number, expected - 1);
			sum = sum * 31 + it->result;
			drop_item(it);
		} while (how == 1);
		if (r != 0 && r != -EAGAIN && r != -EPIPE)
			ck_abort_msg("pool_next gives %d", r);
		if (how == 2)
			pool_fd_clear(p);
	}
	pthread_join(t, NULL);
	ck_assert_uint_eq(expected, ITEMS);
	ck_assert_int_eq(f.failed, 0);
	ck_assert_uint_eq(live_items, 0);
	ck_assert_uint_eq(wrong_worker, 0);
	return sum;
}

START_TEST(parallel_equals_serial)
{
	uint64_t serial = run_all(0, 0);

	for (unsigned int threads = 0; threads <= 5; threads++) {
		for (int how = 0; how <= 2; how++)
			ck_assert_uint_eq(run_all(threads, how), serial);
	}
}
END_TEST

/* One thread that submits and takes, as a single-threaded loop does. */
START_TEST(one_thread_both_ends)
{
	for (unsigned int threads = 0; threads <= 2; threads++) {
		CLEANUP(pool_free) struct pool *p = NULL;
		unsigned int in = 0, out = 0;
		void *item;
		int r;

		ck_assert_int_eq(pool_new(threads, 100, work, &threads, &p, NULL), 0);
		while (out < 500) {
			struct item *it = new_item(in);

			r = in < 500 ? pool_try_submit(p, it, 10) : -EAGAIN;
			if (r == 0) {
				in++;
				ck_assert_uint_le(in - out, 10);
				continue;
			}
			ck_assert_int_eq(r, -EAGAIN);
			drop_item(it);
			ck_assert_int_eq(pool_next_wait(p, &item), 0);
			ck_assert_uint_eq(((struct item *)item)->number, out++);
			drop_item(item);
		}
		ck_assert_int_eq(pool_next(p, &item), -EAGAIN);
		pool_close(p);
		ck_assert_int_eq(pool_next(p, &item), -EPIPE);
		ck_assert_int_eq(pool_next_wait(p, &item), -EPIPE);
	}
	ck_assert_uint_eq(live_items, 0);
}
END_TEST

START_TEST(freed_with_items_inside)
{
	for (unsigned int threads = 0; threads <= 3; threads++) {
		struct pool *p = NULL;

		ck_assert_int_eq(pool_new(threads, 1000, work, &threads, &p, NULL), 0);
		pool_set_drop(p, drop_item);
		for (unsigned int i = 0; i < 50; i++)
			ck_assert_int_eq(pool_submit(p, new_item(i), 1), 0);
		pool_free(p);
		ck_assert_uint_eq(live_items, 0);
	}
	pool_free(NULL);
}
END_TEST

START_TEST(limits)
{
	CLEANUP(pool_free) struct pool *p = NULL;
	struct err err = ERR_INIT;
	unsigned int threads = 0;
	void *item;

	ck_assert_int_eq(pool_new(257, 10, work, &threads, &p, &err), -EINVAL);
	ck_assert_ptr_null(p);
	ck_assert_int_eq(pool_new(0, 10, work, &threads, &p, &err), 0);
	/* Too heavy by itself: only alone. */
	ck_assert_int_eq(pool_try_submit(p, new_item(0), SIZE_MAX), 0);
	item = new_item(1);
	ck_assert_int_eq(pool_try_submit(p, item, 0), -EAGAIN);
	drop_item(item);
	ck_assert_int_eq(pool_next(p, &item), 0);
	drop_item(item);
	pool_close(p);
	item = new_item(2);
	ck_assert_int_eq(pool_submit(p, item, 1), -EPIPE);
	ck_assert_int_eq(pool_try_submit(p, item, 1), -EPIPE);
	drop_item(item);
}
END_TEST

static void *blocked_submit(void *arg)
{
	struct item *it = new_item(1);
	int r = pool_submit(arg, it, 10);

	if (r < 0)
		drop_item(it);
	return (void *)(uintptr_t)-r;
}

START_TEST(close_wakes_submit)
{
	for (unsigned int threads = 0; threads <= 1; threads++) {
		CLEANUP(pool_free) struct pool *p = NULL;
		pthread_t t;
		void *r;

		ck_assert_int_eq(pool_new(threads, 10, work, &threads, &p, NULL), 0);
		pool_set_drop(p, drop_item);
		ck_assert_int_eq(pool_submit(p, new_item(0), 10), 0);
		ck_assert_int_eq(pthread_create(&t, NULL, blocked_submit, p), 0);
		usleep(20000);
		pool_close(p);
		pthread_join(t, &r);
		ck_assert_uint_eq((uintptr_t)r, EPIPE);
	}
	ck_assert_uint_eq(live_items, 0);
}
END_TEST

static Suite *pool_suite(void)
{
	Suite *s = suite_create("pool");
	TCase *t = tcase_create("pool");

	tcase_add_test(t, parallel_equals_serial);
	tcase_add_test(t, one_thread_both_ends);
	tcase_add_test(t, freed_with_items_inside);
	tcase_add_test(t, limits);
	tcase_add_test(t, close_wakes_submit);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(pool_suite)

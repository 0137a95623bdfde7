/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "common/compiler.h"
#include "tests/lib/unit.h"

static void *item(uintptr_t n)
{
	return (void *)n;
}

START_TEST(order_and_bound)
{
	CLEANUP(queue_free) struct queue *q = NULL;
	void *p = NULL;

	ck_assert_int_eq(queue_new(100, &q), 0);
	ck_assert_int_eq(queue_try_pop(q, &p), -EAGAIN);
	ck_assert_int_eq(queue_try_push(q, item(1), 60), 0);
	ck_assert_int_eq(queue_try_push(q, item(2), 41), -EAGAIN);
	ck_assert_int_eq(queue_try_push(q, item(2), 40), 0);
	ck_assert_int_eq(queue_try_push(q, item(3), 1), -EAGAIN);
	ck_assert_int_eq(queue_try_push(q, item(3), 0), 0);
	ck_assert_int_eq(queue_try_push(q, item(4), SIZE_MAX), -EAGAIN);
	ck_assert_uint_eq(queue_bytes(q), 100);
	for (uintptr_t i = 1; i <= 3; i++) {
		ck_assert_int_eq(queue_pop(q, &p), 0);
		ck_assert_ptr_eq(p, item(i));
	}
	ck_assert_uint_eq(queue_bytes(q), 0);
	/* Too heavy by itself: only into an empty queue, and nothing beside it. */
	ck_assert_int_eq(queue_try_push(q, item(5), SIZE_MAX), 0);
	ck_assert_int_eq(queue_try_push(q, item(6), 0), -EAGAIN);
	ck_assert_int_eq(queue_pop(q, &p), 0);
	ck_assert_ptr_eq(p, item(5));
}
END_TEST

START_TEST(close_drains)
{
	CLEANUP(queue_free) struct queue *q = NULL;
	void *p = NULL;

	ck_assert_int_eq(queue_new(100, &q), 0);
	ck_assert_int_eq(queue_push(q, item(1), 1), 0);
	ck_assert_int_eq(queue_push(q, NULL, 1), 0);
	queue_close(q);
	queue_close(q);
	ck_assert_int_eq(queue_push(q, item(3), 1), -EPIPE);
	ck_assert_int_eq(queue_try_push(q, item(3), 1), -EPIPE);
	ck_assert_int_eq(queue_pop(q, &p), 0);
	ck_assert_ptr_eq(p, item(1));
	ck_assert_int_eq(queue_try_pop(q, &p), 0);
	ck_assert_ptr_null(p);
	ck_assert_int_eq(queue_pop(q, &p), -EPIPE);
	ck_assert_int_eq(queue_try_pop(q, &p), -EPIPE);
}
END_TEST

START_TEST(freed_with_items_inside)
{
	struct queue *q = NULL;

	ck_assert_int_eq(queue_new(10, &q), 0);
	ck_assert_int_eq(queue_push(q, item(1), 1), 0);
	ck_assert_int_eq(queue_push(q, item(2), 1), 0);
	queue_free(q);
	queue_free(NULL);
}
END_TEST

enum { PUSHERS = 3, POPPERS = 3, EACH = 3000, LIMIT = 50 };

struct traffic {
	struct queue *q;
	unsigned int index;
	atomic_uint *got;			/* how often each item came out */
	atomic_int *wrong;
};

static size_t weight(uintptr_t n)
{
	return n % 23 == 0 ? LIMIT + 20 : n % 17;
}

static void *pusher(void *arg)
{
	struct traffic *t = arg;

	for (uintptr_t i = 0; i < EACH; i++) {
		uintptr_t n = i * PUSHERS + t->index;

		if (queue_push(t->q, item(n), weight(n)) != 0)
			atomic_fetch_add(t->wrong, 1);
	}
	return NULL;
}

static void *popper(void *arg)
{
	uintptr_t last[PUSHERS] = { 0 };
	struct traffic *t = arg;
	void *p;

	while (queue_pop(t->q, &p) == 0) {
		uintptr_t n = (uintptr_t)p;

		/* What one thread pushed comes to one popper in order. */
		if (n < last[n % PUSHERS])
			atomic_fetch_add(t->wrong, 1);
		last[n % PUSHERS] = n;
		if (queue_bytes(t->q) > LIMIT + 20)
			atomic_fetch_add(t->wrong, 1);
		atomic_fetch_add(&t->got[n], 1);
	}
	return NULL;
}

START_TEST(many_threads)
{
	static atomic_uint got[PUSHERS * EACH];
	pthread_t threads[PUSHERS + POPPERS];
	struct traffic t[PUSHERS + POPPERS];
	struct queue *q = NULL;
	atomic_int wrong = 0;

	ck_assert_int_eq(queue_new(LIMIT, &q), 0);
	for (unsigned int i = 0; i < PUSHERS + POPPERS; i++) {
		t[i] = (struct traffic){ .q = q, .index = i, .got = got, .wrong = &wrong };
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, i < PUSHERS ? pusher : popper, &t[i]), 0);
	}
	for (int i = 0; i < PUSHERS; i++)
		pthread_join(threads[i], NULL);
	queue_close(q);
	for (int i = PUSHERS; i < PUSHERS + POPPERS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < PUSHERS * EACH; i++) {
		if (got[i] != 1)
			ck_abort_msg("item %zu came out %u times", i, got[i]);
	}
	ck_assert_int_eq(wrong, 0);
	ck_assert_uint_eq(queue_bytes(q), 0);
	queue_free(q);
}
END_TEST

static void *blocked_push(void *arg)
{
	return item((uintptr_t)-queue_push(arg, item(9), 10));
}

static void *blocked_pop(void *arg)
{
	void *p;

	return item((uintptr_t)-queue_pop(arg, &p));
}

START_TEST(close_wakes)
{
	CLEANUP(queue_free) struct queue *full = NULL;
	CLEANUP(queue_free) struct queue *empty = NULL;
	pthread_t a, b;
	void *ra, *rb;

	ck_assert_int_eq(queue_new(10, &full), 0);
	ck_assert_int_eq(queue_new(10, &empty), 0);
	ck_assert_int_eq(queue_push(full, item(1), 10), 0);
	ck_assert_int_eq(pthread_create(&a, NULL, blocked_push, full), 0);
	ck_assert_int_eq(pthread_create(&b, NULL, blocked_pop, empty), 0);
	usleep(20000);
	ck_assert_uint_eq(queue_bytes(full), 10);
	queue_close(full);
	queue_close(empty);
	pthread_join(a, &ra);
	pthread_join(b, &rb);
	ck_assert_uint_eq((uintptr_t)ra, EPIPE);
	ck_assert_uint_eq((uintptr_t)rb, EPIPE);
}
END_TEST

static Suite *queue_suite(void)
{
	Suite *s = suite_create("queue");
	TCase *t = tcase_create("queue");

	tcase_add_test(t, order_and_bound);
	tcase_add_test(t, close_drains);
	tcase_add_test(t, freed_with_items_inside);
	tcase_add_test(t, many_threads);
	tcase_add_test(t, close_wakes);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(queue_suite)

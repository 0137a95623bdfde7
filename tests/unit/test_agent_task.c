/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/hot/task.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/lib/unit.h"

struct work {
	int gate[2];			/* it waits for a byte */
	atomic_int ran;
	int code;
	bool blocked;			/* signals are */
};

static struct work work;
static struct task *task;

static int do_work(void *opaque, struct err *err)
{
	struct work *w = opaque;
	sigset_t now;
	char c;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	w->blocked = sigismember(&now, SIGTERM) == 1 && sigismember(&now, SIGINT) == 1;
	if (read(w->gate[0], &c, 1) != 1)
		return err_set(err, EPIPE, "no gate");
	atomic_fetch_add(&w->ran, 1);
	return w->code < 0 ? err_set(err, -w->code, "planted") : w->code;
}

static void setup(void)
{
	struct err err = ERR_INIT;

	work = (struct work){ 0 };
	ck_assert_int_eq(pipe(work.gate), 0);
	ck_assert_msg(task_new(&task, &err) == 0, "%s", err.text);
}

static void teardown(void)
{
	task_free(task);
	close(work.gate[0]);
	close(work.gate[1]);
}

static bool readable(int timeout_ms)
{
	struct pollfd p = { .fd = task_fd(task), .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void open_gate(void)
{
	ck_assert_int_eq(write(work.gate[1], "x", 1), 1);
}

START_TEST(one_after_the_other)
{
	struct err err = ERR_INIT;
	int code = 77;

	ck_assert(!task_busy(task));
	ck_assert_int_eq(task_take(task, &code, &err), 0);
	for (int i = 0; i < 20; i++) {
		work.code = i % 3 == 2 ? -ENOSPC : i;
		ck_assert_int_eq(task_start(task, do_work, &work, &err), 0);
		ck_assert(task_busy(task));
		ck_assert_int_eq(task_take(task, &code, &err), 0);
		ck_assert_int_eq(task_start(task, do_work, &work, &err), -EBUSY);
		ck_assert(!readable(0));
		open_gate();
		ck_assert(readable(10000));
		/* Its end was not taken. */
		ck_assert(task_busy(task));
		ck_assert_int_eq(task_start(task, do_work, &work, &err), -EBUSY);
		err = (struct err)ERR_INIT;
		ck_assert_int_eq(task_take(task, &code, i % 2 ? NULL : &err), 1);
		ck_assert_int_eq(code, work.code);
		ck_assert_str_eq(err.text, i % 3 == 2 && i % 2 == 0 ? "planted" : "");
		ck_assert(!task_busy(task));
		ck_assert(!readable(0));
		ck_assert_int_eq(task_take(task, &code, &err), 0);
		ck_assert_int_eq(atomic_load(&work.ran), i + 1);
	}
}
END_TEST

/* Signals are for the owner's thread, and it has them as before. */
START_TEST(signals_go_elsewhere)
{
	sigset_t now;
	int code;

	ck_assert_int_eq(task_start(task, do_work, &work, NULL), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	ck_assert_int_eq(sigismember(&now, SIGTERM), 0);
	open_gate();
	ck_assert(readable(10000));
	ck_assert_int_eq(task_take(task, &code, NULL), 1);
	ck_assert(work.blocked);
}
END_TEST

static void *open_later(void *opaque)
{
	(void)opaque;
	poll(NULL, 0, 50);
	open_gate();
	return NULL;
}

/* What runs uses what its owner has: it has ended when the task is gone. */
START_TEST(free_waits)
{
	pthread_t later;

	ck_assert_int_eq(task_start(task, do_work, &work, NULL), 0);
	ck_assert_int_eq(pthread_create(&later, NULL, open_later, NULL), 0);
	task_free(task);
	ck_assert_int_eq(atomic_load(&work.ran), 1);
	task = NULL;
	pthread_join(later, NULL);
	task_free(NULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("task");
	TCase *t = tcase_create("task");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, one_after_the_other);
	tcase_add_test(t, signals_go_elsewhere);
	tcase_add_test(t, free_waits);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Freezing in order, and what becomes of it when something fails. The kernel is a table in shared
 * memory, so that the watchdog's processes, which are real, thaw in it.
 */
#include "p2v-agent/quiesce/freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/log.h"
#include "p2v-agent/quiesce/memlog.h"
#include "p2v-agent/quiesce/solitary.h"
#include "tests/lib/unit.h"

#define N		4
#define LONG_NS		UINT64_C(600000000000)

/* A descriptor's file has the filesystem's number as its size: guards have other descriptors. */
struct kernel {
	atomic_int frozen[N], by_guard[N];
	atomic_int fail_freeze, freeze_code;	/* the how manieth; 0: none */
	atomic_int fail_thaw;			/* so many of the agent's fail */
	atomic_int locked, fail_lock;
	int freezes, main_pid;
	char log[256];
};

static struct kernel *k;
static struct watchdog *dog;
static struct freezer *freezer;

static int number(int fd)
{
	return (int)lseek(fd, 0, SEEK_END);
}

static void note(char what, int i)
{
	size_t n = strlen(k->log);

	if (getpid() == k->main_pid)
		snprintf(k->log + n, sizeof(k->log) - n, "%c%d ", what, i);
}

static int fake_sync(void *opaque UNUSED, int fd)
{
	note('s', number(fd));
	return 0;
}

static int fake_freeze(void *opaque UNUSED, int fd)
{
	int i = number(fd);

	if (++k->freezes == k->fail_freeze)
		return -k->freeze_code;
	note('f', i);
	return atomic_exchange(&k->frozen[i], 1) ? -EBUSY : 0;
}

static int fake_thaw(void *opaque UNUSED, unsigned int slot UNUSED, int fd)
{
	int i = number(fd);

	if (getpid() == k->main_pid && k->fail_thaw > 0) {
		k->fail_thaw--;
		return -EIO;
	}
	note('t', i);
	if (!atomic_exchange(&k->frozen[i], 0))
		return -EINVAL;
	k->by_guard[i] += getpid() != k->main_pid;
	return 0;
}

static int fake_lock(void *opaque UNUSED, bool on)
{
	if (k->fail_lock)
		return -EPERM;
	k->locked = on;
	return 0;
}

static const struct freezer_ops fake = {
	.sync = fake_sync, .freeze = fake_freeze, .thaw = fake_thaw, .lock = fake_lock,
};

static int file_of(int i)
{
	char path[] = "/tmp/p2v-unit.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	ck_assert_int_eq(ftruncate(fd, i), 0);
	return fd;
}

static void make(uint64_t bound_ns, uint64_t silence_ns, bool accept, int may_refuse)
{
	struct watchdog_config wc = { .thaw = fake_thaw, .silence_ns = silence_ns };
	struct freezer_config fc = {
		.ops = &fake, .bound_ns = bound_ns, .accept_refused = accept,
	};
	struct err err = ERR_INIT;
	char name[16];

	ck_assert_msg(watchdog_new(&wc, &dog, &err) == 0, "%s", err.text);
	fc.watchdog = dog;
	ck_assert_msg(freezer_new(&fc, &freezer, &err) == 0, "%s", err.text);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "/%d", i);
		ck_assert_msg(freezer_add(freezer, name, file_of(i), i == may_refuse, false,
					  &err) == 0, "%s", err.text);
	}
}

static void setup(void)
{
	k = solitary_share(sizeof(*k));
	k->main_pid = getpid();
}

static void teardown(void)
{
	freezer_free(freezer);
	watchdog_free(dog);
	freezer = NULL;
	dog = NULL;
	solitary_unshare(k, sizeof(*k));
}

static int frozen(void)
{
	int n = 0;

	for (int i = 0; i < N; i++)
		n += k->frozen[i];
	return n;
}

static void wait_thawed(void)
{
	while (frozen() > 0)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void freeze(void)
{
	struct err err = ERR_INIT;

	ck_assert_msg(freezer_freeze(freezer, &err) == 0, "%s", err.text);
}

START_TEST(in_order)
{
	struct err err = ERR_INIT;

	make(LONG_NS, 0, false, -1);
	ck_assert_int_eq(freezer_add(freezer, "/esp", file_of(9), false, true, &err), 0);
	ck_assert_int_eq(freezer_sync(freezer, &err), 0);
	freeze();
	ck_assert_int_eq(frozen(), N);
	ck_assert_int_eq(k->locked, 1);
	ck_assert_uint_gt(freezer_left_ns(freezer), 0);
	ck_assert_int_eq(freezer_freeze(freezer, NULL), -EBUSY);
	ck_assert_int_eq(freezer_thaw(freezer, &err), 0);
	ck_assert_int_eq(k->locked, 0);
	ck_assert_str_eq(k->log, "s0 s1 s2 s3 s9 s9 f0 f1 f2 f3 t3 t2 t1 t0 ");
	ck_assert_uint_eq(freezer_left_ns(freezer), 0);
	/* Once more is nothing; another time is the same. */
	ck_assert_int_eq(freezer_thaw(freezer, &err), 0);
	freeze();
	ck_assert_int_eq(frozen(), N);
	ck_assert_int_eq(freezer_thaw(freezer, &err), 0);
	ck_assert_int_eq(frozen(), 0);
	ck_assert_uint_gt(freezer_frozen_ns(freezer), 0);
}
END_TEST

/* All or none: the first, second, ... of them says no. */
START_TEST(one_fails)
{
	static const struct {
		int code, result;
	} cases[] = { { EBUSY, -EBUSY }, { EOPNOTSUPP, -EOPNOTSUPP }, { EIO, -EIO } };
	int nth = _i % N, c = _i / N;
	char wanted[64] = "";
	struct err err = ERR_INIT;

	make(LONG_NS, 0, true, -1);
	k->fail_freeze = nth + 1;
	k->freeze_code = cases[c].code;
	ck_assert_int_eq(freezer_freeze(freezer, &err), cases[c].result);
	ck_assert_msg(err.text[0] && strchr(err.text, '0' + nth), "%s", err.text);
	ck_assert_int_eq(frozen(), 0);
	ck_assert_int_eq(k->locked, 0);
	for (int i = 0; i < nth; i++)
		sprintf(wanted + strlen(wanted), "f%d ", i);
	for (int i = nth; i-- > 0;)
		sprintf(wanted + strlen(wanted), "t%d ", i);
	ck_assert_str_eq(k->log, wanted);
	/* And it works again when the reason is gone. */
	freeze();
	ck_assert_int_eq(freezer_thaw(freezer, &err), 0);
}
END_TEST

/* One that may refuse stops, too, until that is accepted. */
START_TEST(may_refuse)
{
	struct err err = ERR_INIT;

	make(LONG_NS, 0, _i == 1, 2);
	k->fail_freeze = 3;
	k->freeze_code = EOPNOTSUPP;
	if (_i == 0) {
		ck_assert_int_eq(freezer_freeze(freezer, &err), -EOPNOTSUPP);
		ck_assert_int_eq(frozen(), 0);
		return;
	}
	freeze();
	ck_assert_int_eq(frozen(), N - 1);
	ck_assert(freezer_get(freezer, 2)->refused);
	ck_assert(!freezer_get(freezer, 1)->refused);
	ck_assert_int_eq(freezer_thaw(freezer, &err), 0);
	ck_assert_int_eq(frozen(), 0);
}
END_TEST

START_TEST(no_memory_locked)
{
	struct err err = ERR_INIT;

	make(LONG_NS, 0, false, -1);
	k->fail_lock = 1;
	ck_assert_int_eq(freezer_freeze(freezer, &err), -EPERM);
	ck_assert_str_eq(k->log, "");
	k->fail_lock = 0;
}
END_TEST

START_TEST(freed_while_frozen)
{
	make(LONG_NS, 0, false, -1);
	freeze();
	freezer_free(freezer);
	freezer = NULL;
	ck_assert_int_eq(frozen(), 0);
}
END_TEST

/* What others thaw was not still to the end. */
START_TEST(thawed_by_others)
{
	struct err err = ERR_INIT;

	make(LONG_NS, 0, false, -1);
	freeze();
	k->frozen[_i] = 0;
	ck_assert_int_eq(freezer_thaw(freezer, &err), -ETIME);
	ck_assert_msg(strstr(err.text, "somebody else") != NULL, "%s", err.text);
	ck_assert_int_eq(frozen(), 0);
}
END_TEST

/* 0: the time is over; 1: the agent says nothing. */
START_TEST(watchdog_is_first)
{
	struct err err = ERR_INIT;

	make(_i == 0 ? 30000000 : LONG_NS, _i == 0 ? 0 : 30000000, false, -1);
	freeze();
	wait_thawed();
	ck_assert_uint_eq(freezer_left_ns(freezer), 0);
	ck_assert_int_eq(freezer_thaw(freezer, &err), -ETIME);
	ck_assert_msg(strstr(err.text, _i == 0 ? "time for it was over" : "sign of life") != NULL,
		      "%s", err.text);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(k->by_guard[i], 1);
	ck_assert_uint_gt(watchdog_thaw_ns(dog), 30000000);
	/* It is no reason not to try again, with life this time. */
	k->by_guard[0] = 0;
	if (_i == 0)
		return;
	freeze();
	ck_assert_int_eq(freezer_thaw(freezer, &err), 0);
	ck_assert_int_eq(k->by_guard[0], 0);
}
END_TEST

/* Over before the guards look, and the agent knows. */
START_TEST(late_by_the_clock)
{
	int r;

	make(1, 0, false, -1);
	r = freezer_freeze(freezer, NULL);
	if (r == 0)
		r = freezer_thaw(freezer, NULL);
	ck_assert_int_eq(r, -ETIME);
	ck_assert_int_eq(frozen(), 0);
	freezer_free(freezer);
	watchdog_free(dog);
	make(LONG_NS, 0, false, -1);
	freeze();
	ck_assert_int_eq(freezer_thaw(freezer, NULL), 0);
}
END_TEST

/* Signs of life keep it frozen for many times the silence that is allowed. */
START_TEST(beats)
{
	struct err err = ERR_INIT;

	make(LONG_NS, 400000000, false, -1);
	freeze();
	for (int i = 0; i < 100; i++) {
		freezer_beat(freezer);
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	if (watchdog_fired(dog) == WATCHDOG_SILENT)
		UNIT_LEAVE("this machine stood still for longer than the watchdog waits");
	ck_assert_int_eq(freezer_thaw(freezer, &err), 0);
}
END_TEST

/* The agent cannot thaw: a guard has more patience. */
START_TEST(thaw_fails)
{
	struct err err = ERR_INIT;

	make(LONG_NS, 0, false, -1);
	freeze();
	k->fail_thaw = _i + 1;
	ck_assert_int_eq(freezer_thaw(freezer, &err), -EIO);
	ck_assert_msg(strstr(err.text, "/3") != NULL, "%s", err.text);
	wait_thawed();
	ck_assert_int_eq(k->by_guard[N - 1], 1);
}
END_TEST

/* Messages come out after the thaw, with their level, and none comes out before. */
START_TEST(messages)
{
	char path[] = "/tmp/p2v-unit.XXXXXX";
	CLEANUP(mem_free) char *text = NULL;
	int fd = mkstemp(path), old = dup(STDERR_FILENO);
	struct err err = ERR_INIT;

	make(LONG_NS, 0, false, -1);
	log_init("agent");
	dup2(fd, STDERR_FILENO);
	freeze();
	log_warning("one: %s", "two");
	log_notice("three");
	ck_assert_uint_eq(memlog_kept(), 2);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	for (int i = 0; i < 3000; i++)
		log_notice("more and more");
	ck_assert_uint_gt(memlog_lost(), 0);
	ck_assert_int_eq(freezer_thaw(freezer, &err), 0);
	dup2(old, STDERR_FILENO);
	ck_assert_int_eq(fdio_read_file(path, 1 << 20, &text, NULL, &err), 0);
	ck_assert_ptr_eq(strstr(text, "agent: warning: one: two\nagent: three\nagent: more"),
			 text);
	ck_assert_ptr_nonnull(strstr(text, "are lost"));
	unlink(path);
}
END_TEST

static Suite *freezer_suite(void)
{
	Suite *s = suite_create("freezer");
	TCase *tc = tcase_create("freezer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, in_order);
	tcase_add_loop_test(tc, one_fails, 0, 3 * N);
	tcase_add_loop_test(tc, may_refuse, 0, 2);
	tcase_add_test(tc, no_memory_locked);
	tcase_add_test(tc, freed_while_frozen);
	tcase_add_loop_test(tc, thawed_by_others, 0, N);
	tcase_add_loop_test(tc, watchdog_is_first, 0, 2);
	tcase_add_test(tc, late_by_the_clock);
	tcase_add_test(tc, beats);
	tcase_add_loop_test(tc, thaw_fails, 0, 2);
	tcase_add_test(tc, messages);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(freezer_suite)

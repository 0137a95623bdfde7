/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Agents that are killed, stopped, or hang at any moment: nothing stays frozen, and what they are
 * told afterwards is true. The agents are real processes, the filesystems a table in shared memory.
 */
#include "p2v-agent/quiesce/freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/compiler.h"
#include "p2v-agent/quiesce/solitary.h"
#include "tests/lib/unit.h"

#define N		3
#define SILENCE_NS	UINT64_C(200000000)
#define BOUND_NS	UINT64_C(400000000)

struct kernel {
	atomic_int frozen[N];
	atomic_int in_freeze;		/* the call takes as long as this is set */
	atomic_int hold;		/* hold it there */
	atomic_int rounds, wrong;	/* the agent's: so many freezes were good; so many lies */
	atomic_int thaws;
};

static struct kernel *k;

static void pause_us(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static int number(int fd)
{
	return (int)lseek(fd, 0, SEEK_END);
}

static int fake_sync(void *opaque UNUSED, int fd UNUSED)
{
	return 0;
}

static int fake_freeze(void *opaque UNUSED, int fd)
{
	int r;

	k->in_freeze = 1;
	pause_us(300);
	while (k->hold)
		pause_us(300);
	r = atomic_exchange(&k->frozen[number(fd)], 1) ? -EBUSY : 0;
	k->in_freeze = 0;
	return r;
}

static int fake_thaw(void *opaque UNUSED, unsigned int slot UNUSED, int fd)
{
	int r = atomic_exchange(&k->frozen[number(fd)], 0) ? 0 : -EINVAL;

	k->thaws += r == 0;
	return r;
}

static int fake_lock(void *opaque UNUSED, bool on UNUSED)
{
	return 0;
}

static const struct freezer_ops fake = {
	.sync = fake_sync, .freeze = fake_freeze, .thaw = fake_thaw, .lock = fake_lock,
};

static int file_of(int i)
{
	char path[] = "/tmp/p2v-unit.XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || unlink(path) < 0 || ftruncate(fd, i) < 0)
		_exit(99);
	return fd;
}

static bool all_frozen(void)
{
	for (int i = 0; i < N; i++)
		if (!k->frozen[i])
			return false;
	return true;
}

/* Freezes and thaws for ever; hang: does nothing more once it has frozen. */
static void NORETURN agent(bool hang)
{
	struct watchdog_config wc = { .thaw = fake_thaw, .silence_ns = SILENCE_NS };
	struct freezer_config fc = { .ops = &fake, .bound_ns = BOUND_NS };
	struct freezer *f = NULL;

	if (watchdog_new(&wc, &fc.watchdog, NULL) < 0 || freezer_new(&fc, &f, NULL) < 0)
		_exit(98);
	for (int i = 0; i < N; i++)
		if (freezer_add(f, "x", file_of(i), false, false, NULL) < 0)
			_exit(97);
	for (;;) {
		bool still = false;
		int r = freezer_freeze(f, NULL);

		if (r == 0) {
			still = all_frozen();
			k->rounds++;
			for (int i = 0; i < 5 && !hang; i++) {
				freezer_beat(f);
				pause_us(200);
			}
			while (hang && freezer_left_ns(f) > 0)
				pause_us(1000);
			still = still && all_frozen();
			r = freezer_thaw(f, NULL);
			/* It says that all stood still to the end, and it did not. */
			if (r == 0 && (!still || hang))
				k->wrong++;
		}
		if (r < 0 && r != -ETIME)
			_exit(96);
		if (r == -ETIME && hang)
			_exit(0);
	}
}

static pid_t start(bool hang)
{
	pid_t pid = fork();

	if (pid == 0)
		agent(hang);
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void wait_thawed(void)
{
	for (int i = 0; i < N; i++)
		while (k->frozen[i])
			pause_us(1000);
}

static void setup(void)
{
	k = solitary_share(sizeof(*k));
}

static void teardown(void)
{
	solitary_unshare(k, sizeof(*k));
}

/* At a moment that a fixed seed gives, once it freezes at all. */
static void some_time(unsigned int *seed)
{
	int from = k->rounds;

	while (k->rounds == from)
		pause_us(100);
	*seed = *seed * 1103515245 + 12345;
	pause_us(*seed / 65536 % 6000);
}

START_TEST(killed)
{
	unsigned int seed = (unsigned int)_i;

	for (int n = 0; n < 5; n++) {
		pid_t pid = start(false);
		int status;

		some_time(&seed);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		wait_thawed();
		ck_assert_int_eq(k->wrong, 0);
	}
}
END_TEST

/* Stopped, the filesystems are thawed all the same; when it goes on, it learns that. */
START_TEST(stopped)
{
	unsigned int seed = (unsigned int)_i + 77;
	pid_t pid = start(false);
	int status;

	for (int n = 0; n < 4; n++) {
		some_time(&seed);
		kill(pid, SIGSTOP);
		wait_thawed();
		/* For longer than it may be silent: whatever it was about to do is late. */
		nanosleep(&(struct timespec){ .tv_nsec = 2 * SILENCE_NS }, NULL);
		wait_thawed();
		kill(pid, SIGCONT);
		ck_assert_int_eq(k->wrong, 0);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	wait_thawed();
}
END_TEST

/* Stuck in the kernel for longer than all bounds; then it is frozen, and the agent not yet back. */
START_TEST(slow_kernel)
{
	pid_t pid;
	int status;

	k->hold = 1;
	pid = start(true);
	while (!k->in_freeze)
		pause_us(100);
	kill(pid, SIGSTOP);
	nanosleep(&(struct timespec){ .tv_nsec = 2 * SILENCE_NS }, NULL);
	ck_assert_int_eq(k->thaws, 0);
	/* More than once: the first may have been somebody else's, thawed before ours began. */
	for (int n = 1; n <= 3; n++) {
		k->frozen[0] = 1;
		wait_thawed();
		ck_assert_int_ge(k->thaws, n);
	}
	k->hold = 0;
	kill(pid, SIGCONT);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	wait_thawed();
	ck_assert_int_eq(k->rounds, 0);
}
END_TEST

START_TEST(hangs)
{
	pid_t pid = start(true);
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	wait_thawed();
	ck_assert_int_eq(k->rounds, 1);
	ck_assert_int_eq(k->thaws, N);
	ck_assert_int_eq(k->wrong, 0);
}
END_TEST

/* A watchdog that does not answer: nothing is frozen. */
START_TEST(no_watchdog)
{
	struct watchdog_config wc = { .thaw = fake_thaw };
	struct freezer_config fc = { .ops = &fake, .bound_ns = BOUND_NS };
	struct freezer *f = NULL;
	struct err err = ERR_INIT;
	FILE *list;
	int pid;

	ck_assert_int_eq(watchdog_new(&wc, &fc.watchdog, &err), 0);
	ck_assert_int_eq(freezer_new(&fc, &f, &err), 0);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(freezer_add(f, "x", file_of(i), false, false, &err), 0);
	/* The second guard dies; its parent is the watchdog, our child. */
	list = popen("ps -e -o pid=,ppid=,comm= | awk -v me=$PPID '$3 == \"p2v-watchdog\" "
		     "{ up[$1] = $2 } END { for (p in up) if (up[up[p]] == me) print p }' | "
		     "sort -n | sed -n 2p", "r");
	ck_assert_int_eq(fscanf(list, "%d", &pid), 1);
	pclose(list);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(freezer_freeze(f, &err), -ETIMEDOUT);
	ck_assert_msg(strstr(err.text, "does not answer") != NULL, "%s", err.text);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(k->frozen[i], 0);
	freezer_free(f);
	watchdog_free(fc.watchdog);
}
END_TEST

static Suite *watchdog_suite(void)
{
	Suite *s = suite_create("watchdog");
	TCase *tc = tcase_create("watchdog");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 180);
	tcase_add_loop_test(tc, killed, 0, 4);
	tcase_add_loop_test(tc, stopped, 0, 3);
	tcase_add_test(tc, slow_kernel);
	tcase_add_test(tc, hangs);
	tcase_add_test(tc, no_watchdog);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(watchdog_suite)

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hooks, and the process that undoes what the agent leaves: real scripts, and agents that are
 * killed between them.
 */
#include "p2v-agent/quiesce/hooks.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "p2v-agent/quiesce/solitary.h"
#include "tests/lib/tmproot.h"
#include "tests/lib/unit.h"

static char dir[512], log_path[512];
static struct hooks hooks;
static struct deadman *deadman;
static atomic_int *flags;	/* shared: 0 due, 1 ready */

static bool is_due(void *opaque UNUSED)
{
	return flags[0];
}

static bool is_ready(void *opaque UNUSED)
{
	return flags[1];
}

static void make_deadman(void)
{
	struct deadman_config cfg = {
		.name = "p2v-test", .due = is_due, .ready = is_ready,
		.ready_ns = UINT64_C(600000000000),
	};
	struct err err = ERR_INIT;

	ck_assert_msg(deadman_new(&cfg, &deadman, &err) == 0, "%s", err.text);
	deadman_arm(deadman, 0);
}

static void setup(void)
{
	hooks = (struct hooks){ 0 };
	deadman = NULL;
	tmproot_make();
	tmproot_folder("/hooks");
	snprintf(dir, sizeof(dir), "%s/hooks", tmproot_path());
	snprintf(log_path, sizeof(log_path), "%s/log", tmproot_path());
	tmproot_text("", "/log");
	flags = solitary_share(2 * sizeof(*flags));
	flags[1] = 1;
}

static void teardown(void)
{
	deadman_free(deadman);
	hooks_done(&hooks);
	tmproot_remove();
	solitary_unshare((void *)flags, 2 * sizeof(*flags));
}

/* Writes "NAME WORD" to the log; more is run for freeze. */
static void hook(const char *name, const char *more, mode_t mode)
{
	char text[1024], path[1024];

	snprintf(text, sizeof(text), "#!/bin/sh\necho %s $1 >>%s\n[ $1 = freeze ] || exit 0\n%s\n",
		 name, log_path, more);
	tmproot_text(text, "/hooks/%s", name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void find(void)
{
	struct err err = ERR_INIT;

	ck_assert_msg(hooks_find(dir, &hooks, &err) == 0, "%s", err.text);
}

static void log_is(const char *wanted)
{
	CLEANUP(mem_free) char *text = NULL;

	ck_assert_int_eq(fdio_read_file(log_path, 65536, &text, NULL, NULL), 0);
	ck_assert_str_eq(text, wanted);
}

static void wait_log(const char *wanted)
{
	for (;;) {
		CLEANUP(mem_free) char *text = NULL;

		ck_assert_int_eq(fdio_read_file(log_path, 65536, &text, NULL, NULL), 0);
		if (strcmp(text, wanted) == 0)
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
}

START_TEST(found)
{
	hook("20-b", "", 0755);
	hook("10-a", "", 0700);
	hook("30-not-executable", "", 0644);
	hook("40-old~", "", 0755);
	hook("50.dpkg-old", "", 0755);
	hook("60.rpmsave", "", 0755);
	hook(".hidden", "", 0755);
	tmproot_folder("/hooks/70-folder");
	find();
	ck_assert_uint_eq(hooks.n, 2);
	ck_assert_str_eq(strrchr(hooks.v[0].path, '/'), "/10-a");
	ck_assert_str_eq(strrchr(hooks.v[1].path, '/'), "/20-b");
	ck_assert_int_eq(hooks_find("/no/such/folder", &hooks, NULL), 0);
	ck_assert_uint_eq(hooks.n, 2);
}
END_TEST

START_TEST(not_trusted)
{
	struct err err = ERR_INIT;

	hook("10-a", "", _i == 0 ? 0775 : _i == 1 ? 0757 : 0755);
	if (_i == 2)
		ck_assert_int_eq(chmod(dir, 0777), 0);
	ck_assert_int_eq(hooks_find(dir, &hooks, &err), -EPERM);
	ck_assert_msg(strstr(err.text, "somebody else") && err.hint[0], "%s", err.text);
}
END_TEST

START_TEST(there_and_back)
{
	struct err err = ERR_INIT;

	hook("1", "echo said", 0755);
	hook("2", "", 0755);
	hook("3", "", 0755);
	find();
	make_deadman();
	ck_assert_int_eq(hooks_freeze(&hooks, deadman, 30, &err), 0);
	ck_assert_str_eq(hooks.v[0].output, "said\n");
	ck_assert_uint_eq(deadman_pending(deadman), 3);
	ck_assert_int_eq(hooks_thaw(&hooks, deadman, &err), 0);
	ck_assert_int_eq(hooks_thaw(&hooks, deadman, &err), 0);
	log_is("1 freeze\n2 freeze\n3 freeze\n3 thaw\n2 thaw\n1 thaw\n");
	/* And again. */
	deadman_arm(deadman, 0);
	ck_assert_int_eq(hooks_freeze(&hooks, deadman, 30, &err), 0);
	ck_assert_uint_eq(deadman_pending(deadman), 3);
}
END_TEST

/* 0: a status; 1: a signal; 2: too slow. What was called is thawed, the failed one too. */
START_TEST(one_says_no)
{
	static const char *const ways[] = { "echo 'no \033 room' >&2; exit 7", "kill -9 $$",
					    "sleep 600" };
	struct err err = ERR_INIT;

	hook("1", "", 0755);
	hook("2", ways[_i], 0755);
	hook("3", "", 0755);
	find();
	make_deadman();
	ck_assert_int_eq(hooks_freeze(&hooks, deadman, _i == 2 ? 1 : 30, &err),
			 _i == 2 ? -ETIMEDOUT : -ECANCELED);
	if (_i == 0)
		ck_assert_msg(strstr(err.text, "with status 7: no \\x1b room") != NULL, "%s",
			      err.text);
	ck_assert_int_eq(hooks_thaw(&hooks, deadman, NULL), 0);
	log_is("1 freeze\n2 freeze\n2 thaw\n1 thaw\n");
}
END_TEST

/* Cannot be run at all: that stops, too, and the others are thawed although it cannot be. */
START_TEST(not_runnable)
{
	struct err err = ERR_INIT;
	char path[1024];

	hook("1", "", 0755);
	tmproot_text("#!/no/such/shell\n", "/hooks/2");
	snprintf(path, sizeof(path), "%s/2", dir);
	ck_assert_int_eq(chmod(path, 0755), 0);
	find();
	make_deadman();
	ck_assert_int_eq(hooks_freeze(&hooks, deadman, 30, &err), -ENOENT);
	ck_assert_int_eq(hooks_thaw(&hooks, deadman, &err), -ENOENT);
	log_is("1 freeze\n1 thaw\n");
}
END_TEST

/* The agent is killed after so many hooks; the process thaws when the filesystems are. */
START_TEST(agent_killed)
{
	static const char *const after[] = { "", "1 freeze\n1 thaw\n",
					     "1 freeze\n2 freeze\n2 thaw\n1 thaw\n" };
	int status;
	pid_t pid;

	hook("1", _i == 1 ? "kill -9 $PPID; exec sleep 0.2" : "", 0755);
	hook("2", "kill -9 $PPID; exec sleep 0.2", 0755);
	find();
	flags[1] = 0;
	pid = fork();
	if (pid == 0) {
		make_deadman();
		hooks_freeze(&hooks, deadman, 30, NULL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	log_is(_i == 1 ? "1 freeze\n" : "1 freeze\n2 freeze\n");
	flags[1] = 1;
	wait_log(after[_i]);
}
END_TEST

/* The time is over, or the watchdog has thawed, while the agent is slow: it hears of it. */
START_TEST(late)
{
	struct err err = ERR_INIT;

	hook("1", "", 0755);
	hook("2", _i == 0 ? "sleep 0.4" : "", 0755);
	find();
	make_deadman();
	if (_i == 0) {
		/* In the middle of the second one, which is thawed once more when it is through. */
		deadman_arm(deadman, 200000000);
		ck_assert_int_eq(hooks_freeze(&hooks, deadman, 30, &err), -ETIME);
		ck_assert_msg(strstr(err.text, "in time") != NULL, "%s", err.text);
		ck_assert_int_eq(hooks_thaw(&hooks, deadman, &err), 0);
		log_is("1 freeze\n2 freeze\n2 thaw\n1 thaw\n2 thaw\n");
		return;
	}
	ck_assert_int_eq(hooks_freeze(&hooks, deadman, 30, &err), 0);
	flags[0] = 1;
	wait_log("1 freeze\n2 freeze\n2 thaw\n1 thaw\n");
	ck_assert_int_eq(deadman_fired(deadman), DEADMAN_DUE);
	ck_assert_int_eq(hooks_thaw(&hooks, deadman, &err), 0);
	log_is("1 freeze\n2 freeze\n2 thaw\n1 thaw\n");
	/* Nothing more is begun after that. */
	ck_assert_int_eq(hooks_freeze(&hooks, deadman, 30, &err), -ETIME);
	log_is("1 freeze\n2 freeze\n2 thaw\n1 thaw\n");
	ck_assert(!deadman_confirm(deadman));
}
END_TEST

/* Confirmed: nothing is undone, not even when the agent is gone. */
START_TEST(confirmed)
{
	hook("1", "", 0755);
	find();
	make_deadman();
	ck_assert_int_eq(hooks_freeze(&hooks, deadman, 30, NULL), 0);
	ck_assert(deadman_confirm(deadman));
	ck_assert_uint_eq(deadman_pending(deadman), 0);
	deadman_free(deadman);
	deadman = NULL;
	log_is("1 freeze\n");
}
END_TEST

START_TEST(room)
{
	static char big[DEADMAN_TEXT];
	const char *argv[] = { "true", big, NULL }, *small[] = { "true", NULL };
	struct err err = ERR_INIT;

	make_deadman();
	memset(big, 'x', sizeof(big) - 1);
	ck_assert_int_eq(deadman_add(deadman, argv, NULL, 1, &err), -ENOSPC);
	for (int i = 0; i < DEADMAN_STEPS; i++)
		ck_assert_int_eq(deadman_add(deadman, small, "in", 1, &err), i);
	ck_assert_int_eq(deadman_add(deadman, small, NULL, 1, &err), -ENOSPC);
	for (int i = 1; i < DEADMAN_STEPS; i++)
		deadman_drop(deadman, i);
	ck_assert_uint_eq(deadman_pending(deadman), 1);
	ck_assert_int_eq(deadman_undo(deadman, &err), 0);
}
END_TEST

static Suite *hooks_suite(void)
{
	Suite *s = suite_create("hooks");
	TCase *tc = tcase_create("hooks");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, found);
	tcase_add_loop_test(tc, not_trusted, 0, 3);
	tcase_add_test(tc, there_and_back);
	tcase_add_loop_test(tc, one_says_no, 0, 3);
	tcase_add_test(tc, not_runnable);
	tcase_add_loop_test(tc, agent_killed, 1, 3);
	tcase_add_loop_test(tc, late, 0, 2);
	tcase_add_test(tc, confirmed);
	tcase_add_test(tc, room);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(hooks_suite)

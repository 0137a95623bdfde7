/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each case runs in a process of its own, as signal actions are the process's. */
#include "common/quit.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/lib/unit.h"

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static int status_of(int (*body)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(body());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int flag_and_fd(void)
{
	if (quit_init(NULL) != 0 || quit_requested() || quit_signal() != 0 || readable(quit_fd()))
		return 1;
	raise(SIGTERM);
	if (!quit_requested() || quit_signal() != SIGTERM || !readable(quit_fd()))
		return 2;
	/* The first one counts, and it stays readable. */
	raise(SIGHUP);
	raise(SIGTERM);
	return quit_signal() == SIGTERM && readable(quit_fd()) ? 0 : 3;
}

static int second_interrupt_passes(void)
{
	quit_init(NULL);
	raise(SIGINT);
	raise(SIGINT);
	return quit_signal() == SIGINT ? 0 : 1;
}

static int third_interrupt_kills(void)
{
	second_interrupt_passes();
	raise(SIGINT);
	return 1;
}

static int pipes_and_nohup(void)
{
	int fds[2];

	signal(SIGHUP, SIG_IGN);
	quit_init(NULL);
	if (pipe(fds) < 0)
		return 1;
	close(fds[0]);
	if (write(fds[1], "x", 1) != -1)
		return 2;
	raise(SIGHUP);
	return quit_requested() ? 3 : 0;
}

START_TEST(signals)
{
	ck_assert_int_eq(status_of(flag_and_fd), 0);
	ck_assert_int_eq(status_of(second_interrupt_passes), 0);
	ck_assert_int_eq(status_of(third_interrupt_kills), 128 + SIGINT);
	ck_assert_int_eq(status_of(pipes_and_nohup), 0);
}
END_TEST

static Suite *quit_suite(void)
{
	Suite *s = suite_create("quit");
	TCase *t = tcase_create("quit");

	tcase_add_test(t, signals);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(quit_suite)

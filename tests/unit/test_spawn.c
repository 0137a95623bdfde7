/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include "common/fdio.h"
#include "tests/lib/unit.h"

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int sh(const char *script, const char *input, unsigned int timeout_s, size_t out_max,
	      struct spawn_result *ret, struct err *err)
{
	char *copy = strdup(script);
	char *argv[] = { "sh", "-c", copy, NULL };
	int r = spawn_run(argv, input, input ? strlen(input) : 0, timeout_s, out_max, ret, err);

	free(copy);
	return r;
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(output_and_status)
{
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };
	int before = open_fds();

	ck_assert_int_eq(sh("echo out; echo err >&2; exit 7", NULL, 10, 1000, &r, NULL), 0);
	ck_assert_int_eq(r.status, 7);
	ck_assert_str_eq(r.out, "out\n");
	ck_assert_uint_eq(r.out_len, 4);
	ck_assert_str_eq(r.errtext, "err\n");
	ck_assert_int_eq(r.timed_out, 0);
	spawn_result_done(&r);
	ck_assert_int_eq(sh("kill -TERM $$", NULL, 10, 1000, &r, NULL), 0);
	ck_assert_int_eq(r.status, 128 + SIGTERM);
	ck_assert_str_eq(r.out, "");
	ck_assert_str_eq(r.errtext, "");
	ck_assert_int_eq(sh("exit 127", NULL, 0, 0, NULL, NULL), 0);
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

START_TEST(no_such_program)
{
	char *missing[] = { "p2v-no-such-program", NULL }, *folder[] = { "/etc", NULL };
	struct spawn_result r = { .status = 99 };
	struct err err = ERR_INIT;
	int before = open_fds();

	ck_assert_int_eq(spawn_run(missing, NULL, 0, 1, 10, &r, &err), -ENOENT);
	ck_assert_str_eq(err.text, "cannot run p2v-no-such-program: No such file or directory");
	ck_assert_int_eq(spawn_run(folder, "x", 1, 1, 10, &r, &err), -EACCES);
	ck_assert_int_eq(r.status, 99);
	ck_assert_int_eq(open_fds(), before);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(input)
{
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };
	size_t len = 3000000;
	char *big = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		big[i] = (char)('a' + i % 23);
	big[len] = '\0';
	ck_assert_int_eq(sh("cat", big, 20, len, &r, NULL), 0);
	ck_assert_uint_eq(r.out_len, len);
	ck_assert_mem_eq(r.out, big, len);
	spawn_result_done(&r);
	/* One who does not read it: neither an error nor a SIGPIPE for us. */
	ck_assert_int_eq(sh("exec <&-; sleep 0.1; echo ok", big, 20, 100, &r, NULL), 0);
	ck_assert_str_eq(r.out, "ok\n");
	spawn_result_done(&r);
	/* No input is an empty one. */
	ck_assert_int_eq(sh("wc -c", NULL, 20, 100, &r, NULL), 0);
	ck_assert_int_eq(atoi(r.out), 0);
	free(big);
}
END_TEST

START_TEST(output_is_capped)
{
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };

	ck_assert_int_eq(sh("yes | head -c 1000000; yes | head -c 500000 >&2; echo end", NULL, 20,
			    10, &r, NULL),
			 0);
	ck_assert_int_eq(r.status, 0);
	ck_assert_uint_eq(r.out_len, 10);
	ck_assert_str_eq(r.out, "y\ny\ny\ny\ny\n");
	ck_assert_str_eq(r.errtext, "y\ny\ny\ny\ny\n");
}
END_TEST

/* Every process of the group, also one that ignores SIGTERM, is gone: nobody holds the pipe. */
START_TEST(timeout_kills_the_group)
{
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };
	struct err err = ERR_INIT;
	char script[200], c;
	double start = now_s();
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	/* The pipe is handed down by name, since descriptors are not. */
	snprintf(script, sizeof(script),
		 "exec 3>/proc/%d/fd/%d; trap '' TERM HUP; echo early; (trap '' TERM; sleep 60) & "
		 "sleep 60; echo late",
		 getpid(), fds[1]);
	ck_assert_int_eq(sh(script, NULL, 1, 100, &r, &err), -ETIMEDOUT);
	ck_assert_double_lt(now_s() - start, 5);
	ck_assert_double_ge(now_s() - start, 0.99);
	ck_assert_int_eq(r.timed_out, 1);
	ck_assert_str_eq(r.out, "early\n");
	ck_assert_str_eq(err.text, "sh was killed: it did not end within 1 s");
	close(fds[1]);
	ck_assert_int_eq(fdio_read_full(fds[0], &c, 1), -ENODATA);
	close(fds[0]);
}
END_TEST

/* What stays in the background is not waited for. */
START_TEST(background_is_left)
{
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };
	double start = now_s();

	ck_assert_int_eq(sh("sleep 30 & echo $!", NULL, 20, 100, &r, NULL), 0);
	ck_assert_double_lt(now_s() - start, 5);
	ck_assert_int_eq(kill(atoi(r.out), SIGKILL), 0);
}
END_TEST

START_TEST(clean_environment_for_the_child)
{
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };
	sigset_t set;
	int fd = open("/dev/null", O_RDONLY);	/* not close-on-exec, on purpose */

	ck_assert_int_eq(fcntl(fd, F_DUPFD, 50), 50);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ck_assert_int_eq(sh("ls /proc/self/fd; grep -E 'Sig(Ign|Blk)' /proc/self/status", NULL, 10,
			    1000, &r, NULL),
			 0);
	/*
	 * 3 is ls's own. Signals 32 and 33 are libc's: nobody can reset them, and some parents
	 * leave them ignored.
	 */
	ck_assert_int_eq(strncmp(r.out, "0\n1\n2\n3\nSigBlk:\t0000000000000000\nSigIgn:\t", 41), 0);
	ck_assert_uint_eq(
		strtoull(strstr(r.out, "SigIgn:\t") + 8, NULL, 16) & ~UINT64_C(0x180000000), 0);
	ck_assert_int_eq(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
	close(50);
	close(fd);
}
END_TEST

START_TEST(pipe_child)
{
	struct spawn_child c = { 0 };
	char buf[6];

	ck_assert_int_eq(spawn_pipe("tr a-z A-Z | cat; exit 3", &c, NULL), 0);
	ck_assert_int_eq(fdio_write_full(c.in, "hello\n", 6), 0);
	close(c.in);
	c.in = -1;
	ck_assert_int_eq(fdio_read_full(c.out, buf, 6), 0);
	ck_assert_mem_eq(buf, "HELLO\n", 6);
	ck_assert_int_eq(spawn_child_end(&c, 5), 3);
	ck_assert_int_eq(spawn_child_end(&c, 5), -ECHILD);
	ck_assert_int_eq(c.in, -1);
	ck_assert_int_eq(c.out, -1);
}
END_TEST

START_TEST(pipe_child_ends_by_force)
{
	struct spawn_child c = { 0 };
	double start = now_s();
	char x;

	ck_assert_int_eq(spawn_pipe("sleep 60", &c, NULL), 0);
	ck_assert_int_eq(spawn_child_end(&c, 0), 128 + SIGTERM);
	ck_assert_int_eq(spawn_pipe("trap '' TERM; echo x; while :; do sleep 60; done", &c, NULL),
			 0);
	ck_assert_int_eq(fdio_read_full(c.out, &x, 1), 0);
	ck_assert_int_eq(spawn_child_end(&c, 0), 128 + SIGKILL);
	ck_assert_double_lt(now_s() - start, 5);
}
END_TEST

static Suite *spawn_suite(void)
{
	Suite *s = suite_create("spawn");
	TCase *t = tcase_create("spawn");

	tcase_add_test(t, output_and_status);
	tcase_add_test(t, no_such_program);
	tcase_add_test(t, input);
	tcase_add_test(t, output_is_capped);
	tcase_add_test(t, timeout_kills_the_group);
	tcase_add_test(t, background_is_left);
	tcase_add_test(t, clean_environment_for_the_child);
	tcase_add_test(t, pipe_child);
	tcase_add_test(t, pipe_child_ends_by_force);
	tcase_set_timeout(t, 30);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(spawn_suite)

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "wire/transport_fd.h"

/* Two transports, each other's far end, over two pipes or one socket pair. */
static void pair(bool sockets, struct transport **a, struct transport **b)
{
	int up[2], down[2];

	if (sockets) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, up), 0);
		ck_assert_int_eq(transport_fd_new(up[0], up[0], true, a, NULL), 0);
		ck_assert_int_eq(transport_fd_new(up[1], up[1], true, b, NULL), 0);
		return;
	}
	ck_assert_int_eq(pipe2(up, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(down, O_CLOEXEC), 0);
	ck_assert_int_eq(transport_fd_new(down[0], up[1], true, a, NULL), 0);
	ck_assert_int_eq(transport_fd_new(up[0], down[1], true, b, NULL), 0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

START_TEST(bytes_both_ways)
{
	CLEANUP(transport_free) struct transport *a = NULL, *b = NULL;
	char buf[10];

	pair(_i, &a, &b);
	ck_assert_str_eq(a->ops->name, "fd");
	ck_assert_int_eq(a->ops->read(a, buf, sizeof(buf), NULL), -EAGAIN);
	ck_assert_int_eq(a->ops->write(a, "ping", 4, NULL), 4);
	ck_assert_int_eq(b->ops->wait(b, false, NULL, 0, 1000, NULL), 0);
	ck_assert_int_eq(b->ops->read(b, buf, sizeof(buf), NULL), 4);
	ck_assert_mem_eq(buf, "ping", 4);
	ck_assert_int_eq(b->ops->write(b, "pong!", 5, NULL), 5);
	ck_assert_int_eq(a->ops->read(a, buf, 3, NULL), 3);
	ck_assert_int_eq(a->ops->read(a, buf, 10, NULL), 2);
	ck_assert_int_eq(a->ops->exit_status(a), -1);
}
END_TEST

START_TEST(shutdown_is_eof_one_way)
{
	CLEANUP(transport_free) struct transport *a = NULL, *b = NULL;
	struct err err = ERR_INIT;
	char buf[10];
	double start;

	pair(_i, &a, &b);
	ck_assert_int_eq(a->ops->write(a, "end", 3, NULL), 3);
	ck_assert_int_eq(a->ops->shutdown(a, NULL), 0);
	ck_assert_int_eq(a->ops->shutdown(a, NULL), 0);
	ck_assert_int_eq(a->ops->write(a, "x", 1, &err), -EPIPE);
	ck_assert_int_eq(b->ops->read(b, buf, sizeof(buf), NULL), 3);
	ck_assert_int_eq(b->ops->read(b, buf, sizeof(buf), NULL), 0);
	/* The other way goes on. */
	ck_assert_int_eq(b->ops->write(b, "late", 4, NULL), 4);
	ck_assert_int_eq(a->ops->read(a, buf, sizeof(buf), NULL), 4);
	/* An end of file that was seen does not wake again: no busy loop. */
	start = now();
	ck_assert_int_eq(b->ops->wait(b, false, NULL, 0, 50, NULL), 0);
	ck_assert(now() - start > 0.03);
}
END_TEST

START_TEST(peer_gone)
{
	struct transport *a = NULL, *b = NULL;
	struct err err = ERR_INIT;
	struct sigaction sa;

	/* No SIGPIPE, although nobody has ignored it. */
	sigaction(SIGPIPE, NULL, &sa);
	ck_assert(sa.sa_handler == SIG_DFL);
	pair(_i, &a, &b);
	transport_free(b);
	ck_assert_int_eq(a->ops->write(a, "x", 1, &err), -EPIPE);
	ck_assert_str_ne(err.text, "");
	ck_assert_int_eq(a->ops->write(a, "x", 1, &err), -EPIPE);
	transport_free(a);
}
END_TEST

START_TEST(full_and_writable_again)
{
	CLEANUP(transport_free) struct transport *a = NULL, *b = NULL;
	static char buf[100000];
	ssize_t r, n = 0;
	double start;

	pair(_i, &a, &b);
	while ((r = a->ops->write(a, buf, sizeof(buf), NULL)) > 0)
		n += r;
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_int_gt(n, 0);
	start = now();
	ck_assert_int_eq(a->ops->wait(a, true, NULL, 0, 50, NULL), 0);
	ck_assert(now() - start > 0.03);
	while (b->ops->read(b, buf, sizeof(buf), NULL) > 0)
		;
	start = now();
	ck_assert_int_eq(a->ops->wait(a, true, NULL, 0, 5000, NULL), 0);
	ck_assert(now() - start < 4);
	ck_assert_int_gt(a->ops->write(a, buf, 10, NULL), 0);
}
END_TEST

START_TEST(extra_descriptors_wake)
{
	CLEANUP(transport_free) struct transport *a = NULL, *b = NULL;
	int extra[TRANSPORT_FD_EXTRA_MAX + 1], p[2];
	double start = now();

	pair(_i, &a, &b);
	ck_assert_int_eq(pipe(p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(extra); i++)
		extra[i] = -1;
	extra[1] = p[0];
	ck_assert_int_eq(write(p[1], "x", 1), 1);
	ck_assert_int_eq(a->ops->wait(a, false, extra, 2, 5000, NULL), 0);
	ck_assert_int_eq(a->ops->wait(a, false, extra, TRANSPORT_FD_EXTRA_MAX, 5000, NULL), 0);
	ck_assert(now() - start < 4);
	ck_assert_int_eq(a->ops->wait(a, false, extra, ARRAY_SIZE(extra), 0, NULL), -EINVAL);
	close(p[0]);
	close(p[1]);
}
END_TEST

START_TEST(ownership)
{
	struct transport *t = NULL;
	struct err err = ERR_INIT;
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(transport_fd_new(p[0], -1, true, &t, &err), -EBADF);
	ck_assert_ptr_null(t);
	ck_assert_int_eq(transport_fd_new(p[0], p[1], false, &t, NULL), 0);
	ck_assert_int_eq(t->ops->shutdown(t, &err), -EOPNOTSUPP);
	transport_free(t);
	ck_assert_int_ne(fcntl(p[0], F_GETFD), -1);
	ck_assert_int_ne(fcntl(p[1], F_GETFD), -1);
	ck_assert_int_ne(fcntl(p[0], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(transport_fd_new(p[0], p[1], true, &t, NULL), 0);
	transport_free(t);
	ck_assert_int_eq(fcntl(p[0], F_GETFD), -1);
	ck_assert_int_eq(fcntl(p[1], F_GETFD), -1);
	transport_free(NULL);
}
END_TEST

static Suite *transport_fd_suite(void)
{
	Suite *s = suite_create("transport_fd");
	TCase *t = tcase_create("transport_fd");

	tcase_add_loop_test(t, bytes_both_ways, 0, 2);
	tcase_add_loop_test(t, shutdown_is_eof_one_way, 0, 2);
	tcase_add_loop_test(t, peer_gone, 0, 2);
	tcase_add_loop_test(t, full_and_writable_again, 0, 2);
	tcase_add_loop_test(t, extra_descriptors_wake, 0, 2);
	tcase_add_test(t, ownership);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(transport_fd_suite)

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "postfix/guest.h"

/* How much longer than its own time limit the child may take before it is killed, in seconds. */
#define GRACE	15

/*
 * What the child sends: one byte, 1 works, 0 does not, 't' no answer in time; then the message.
 * The child ends a hanging qemu by itself, so that libguestfs can remove its temporary files.
 */
static NORETURN void trial(bool tcg, unsigned int timeout_s, int fd)
{
	struct err err = ERR_INIT;
	guestfs_h *g = NULL;
	char answer = 0;
	int r = guest_handle_new(tcg, &g, &err);

	if (r >= 0 && guestfs_add_drive_scratch(g, 1 << 20, -1) < 0)
		r = err_set(&err, EIO, "%s", guestfs_last_error(g));
	if (r >= 0)
		r = guest_handle_launch(g, timeout_s, &err);
	if (r >= 0 && guestfs_shutdown(g) < 0)
		r = err_set(&err, EIO, "%s", guestfs_last_error(g));
	if (g)
		guestfs_close(g);
	answer = r >= 0 ? 1 : r == -ETIMEDOUT ? 't' : 0;
	if (fdio_write_full(fd, &answer, 1) == 0)
		(void)fdio_write_full(fd, err.text, strlen(err.text));
	/* Not exit(): what the parent registered there is the parent's. */
	_exit(0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Read to the end of the pipe or the deadline; false on the latter. */
static bool collect(int fd, double deadline, char *buf, size_t size, size_t *ret_n)
{
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		double left = deadline - now();
		ssize_t k;

		*ret_n = n;
		if (left <= 0)
			return false;
		if (poll(&p, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		/*
		 * One byte more than fits is never asked for: the rest of a long message is lost.
		 */
		k = read(fd, buf + n, size - n);
		if (k < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (k <= 0)
			return true;
		n += (size_t)k;
		if (n == size) {
			*ret_n = n;
			return true;
		}
	}
}

/* The trial's whole group: the child, libguestfs' watcher and qemu. */
static void end_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	/*
	 * Grandchildren are reaped by init; wait until they are gone, so that nothing of the trial
	 * is
	 * left when this returns.
	 */
	for (int i = 0; i < 100 && kill(-pid, 0) == 0; i++)
		usleep(20000);
}

int probe_appliance(bool tcg, unsigned int timeout_s, struct probe_result *ret, struct err *err)
{
	CLEANUP(fd_close) int in = -1, out = -1;
	struct probe_result result = { 0 };
	char buf[sizeof(result.message)];
	double start = now();
	size_t n = 0;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, "cannot make a pipe");
	in = fds[0];
	out = fds[1];
	pid = fork();
	if (pid < 0)
		return err_errno(err, "cannot fork");
	if (pid == 0) {
		setpgid(0, 0);
		trial(tcg, timeout_s, out);
	}
	/* In both, so that the group is there whoever runs first. */
	setpgid(pid, pid);
	fd_close(TAKE_FD(out));
	result.timed_out = !collect(in, start + timeout_s + GRACE, buf, sizeof(buf), &n) ||
			   (n && buf[0] == 't');
	end_group(pid);
	result.seconds = now() - start;
	result.works = !result.timed_out && n >= 1 && buf[0] == 1;
	if (result.timed_out)
		snprintf(result.message, sizeof(result.message), "did not start within %u s",
			 timeout_s);
	else if (n == 0)
		snprintf(result.message, sizeof(result.message), "the trial ended without a word");
	else if (!result.works)
		snprintf(result.message, sizeof(result.message), "%.*s", (int)(n - 1), buf + 1);
	*ret = result;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A child that hands back a text, or is ended. It is forked, not executed: it works on what its
 * parent knows. A mount that hangs in the kernel may outlive even SIGKILL; then it is left behind
 * after a moment, and dies when the kernel lets go of it.
 */
#include "inventory/systems/systems_look.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include "common/fdio.h"
#include "common/text.h"
#include "inventory/machine_json.h"

#define KILL_WAIT_MS	2000
#define TICK_MS		20

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static NORETURN void become(int (*fn)(void *opaque, char **ret), void *opaque, int out,
			    pid_t parent)
{
	char *text = NULL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It died before we asked to die with it. */
	if (getppid() != parent)
		_exit(1);
	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGPIPE)
			signal(sig, SIG_DFL);
	if (fn(opaque, &text) < 0 || !text ||
	    fdio_write_full(out, text, strlen(text)) < 0)
		_exit(1);
	_exit(0);
}

/* 0 at the end of the text, -ETIMEDOUT, -EFBIG, -errno. */
static int read_text(int fd, int64_t until, struct strbuf *b)
{
	char buf[16384];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - now_ms();
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)MIN(left, 60000)) < 0 && errno != EINTR)
			return -errno;
		if (!p.revents)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			strbuf_addn(b, buf, (size_t)n);
		if (b->len > MACHINE_JSON_TEXT_MAX)
			return -EFBIG;
	}
}

/* The exit status; -1: it did not end well, or not at all. */
static int reap(pid_t pid, int wait_ms)
{
	int status;

	for (int ms = 0; ms <= wait_ms; ms += TICK_MS) {
		struct timespec ts = { .tv_nsec = TICK_MS * 1000000L };
		pid_t r = waitpid(pid, &status, WNOHANG);

		if (r == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		if (r < 0 && errno != EINTR)
			return -1;
		nanosleep(&ts, NULL);
	}
	return -1;
}

int systems_child_run(int (*fn)(void *opaque, char **ret), void *opaque, unsigned int limit_s,
		      char **ret, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	int64_t until = now_ms() + (int64_t)limit_s * 1000;
	CLEANUP(fd_close) int in = -1, out = -1;
	pid_t pid, self = getpid();
	int fds[2], r, status;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, "cannot make a pipe");
	in = fds[0];
	out = fds[1];
	pid = fork();
	if (pid < 0)
		return err_errno(err, "cannot fork");
	if (pid == 0)
		become(fn, opaque, out, self);
	fd_close(TAKE_FD(out));
	r = read_text(in, until, &b);
	if (r < 0)
		kill(pid, SIGKILL);
	status = reap(pid, KILL_WAIT_MS);
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "no answer within %u seconds", limit_s);
	if (r < 0)
		return err_code(err, -r, "cannot read what was found");
	if (status != 0)
		return err_set(err, EIO, "the process that looked ended without a result");
	*ret = strbuf_take(&b);
	return *ret ? 0 : err_nomem(err);
}

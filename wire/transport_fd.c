/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/transport_fd.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"

struct transport_fd {
	struct transport base;
	int in, out;		/* out is -1 once shut down */
	bool own;
	bool eof;		/* a pipe at its end is readable for ever: stop waiting for it */
};

static struct transport_fd *self(struct transport *t)
{
	return (struct transport_fd *)t;
}

static ssize_t fd_read(struct transport *t, void *buf, size_t len, struct err *err)
{
	struct transport_fd *f = self(t);
	ssize_t n;

	do
		n = read(f->in, buf, len);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -EAGAIN;
	if (n < 0)
		return err_errno(err, "cannot read from the peer");
	if (n == 0 && len > 0)
		f->eof = true;
	return n;
}

/*
 * A pipe has no MSG_NOSIGNAL, and a library must not change what SIGPIPE does to its program: it
 * is blocked in this thread for the one call, and the one that the call raised is taken away.
 */
static ssize_t write_no_signal(int fd, const void *buf, size_t len)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe_only, old, pending;
	bool was_pending;
	ssize_t n;
	int saved;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
	n = write(fd, buf, len);
	saved = errno;
	if (n < 0 && saved == EPIPE && !was_pending)
		sigtimedwait(&pipe_only, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return n;
}

static ssize_t fd_write(struct transport *t, const void *buf, size_t len, struct err *err)
{
	struct transport_fd *f = self(t);
	ssize_t n;

	if (f->out < 0)
		return err_set(err, EPIPE, "cannot write to the peer: already shut down");
	do
		n = write_no_signal(f->out, buf, len);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -EAGAIN;
	if (n < 0)
		return err_errno(err, "cannot write to the peer");
	return n;
}

static int fd_wait(struct transport *t, bool want_write, const int *extra, size_t n, int timeout_ms,
		   struct err *err)
{
	struct transport_fd *f = self(t);
	struct pollfd p[2 + TRANSPORT_FD_EXTRA_MAX];

	if (n > TRANSPORT_FD_EXTRA_MAX)
		return err_set(err, EINVAL, "cannot wait for %zu more descriptors", n);
	/* poll() skips negative descriptors. */
	p[0] = (struct pollfd){ .fd = f->eof ? -1 : f->in, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = want_write ? f->out : -1, .events = POLLOUT };
	for (size_t i = 0; i < n; i++)
		p[2 + i] = (struct pollfd){ .fd = extra[i], .events = POLLIN };
	/* A signal ends the wait early, as a timeout does: the caller looks at its flags and comes
	 * back. */
	if (poll(p, 2 + n, timeout_ms) < 0 && errno != EINTR)
		return err_errno(err, "cannot wait for the peer");
	return 0;
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int fd_shutdown(struct transport *t, struct err *err)
{
	struct transport_fd *f = self(t);

	if (f->out < 0)
		return 0;
	if (is_socket(f->out)) {
		if (shutdown(f->out, SHUT_WR) < 0 && errno != ENOTCONN)
			return err_errno(err, "cannot end the stream to the peer");
	} else if (!f->own) {
		return err_set(err, EOPNOTSUPP, "cannot end a stream that someone else owns");
	}
	if (f->own && f->out != f->in)
		fd_close(f->out);
	f->out = -1;
	return 0;
}

static int fd_exit_status(struct transport *t)
{
	(void)t;
	return -1;
}

static void fd_free(struct transport *t)
{
	struct transport_fd *f = self(t);

	if (f->own) {
		if (f->out != f->in)
			fd_close(f->out);
		fd_close(f->in);
	}
	free(f);
}

static const struct transport_ops fd_ops = {
	.name = "fd",
	.read = fd_read,
	.write = fd_write,
	.wait = fd_wait,
	.shutdown = fd_shutdown,
	.exit_status = fd_exit_status,
	.free = fd_free,
};

int transport_fd_new(int in, int out, bool own, struct transport **ret, struct err *err)
{
	struct transport_fd *f;
	int r;

	if (in < 0 || out < 0)
		return err_set(err, EBADF, "a transport needs two open descriptors");
	r = fdio_set_nonblock(in, true);
	if (r >= 0 && out != in)
		r = fdio_set_nonblock(out, true);
	if (r < 0)
		return err_code(err, -r, "cannot make a descriptor non-blocking");
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_nomem(err);
	f->base.ops = &fd_ops;
	f->in = in;
	f->out = out;
	f->own = own;
	*ret = &f->base;
	return 0;
}

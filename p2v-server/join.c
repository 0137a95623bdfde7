/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See join.h. */
#include "p2v-server/join.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/quit.h"

#define BACKLOG 16

struct note {			/* between two processes of one program on one machine */
	uint64_t features;
	char software[sizeof(((struct joiner *)NULL)->software)];
};

/* By way of the folder's descriptor: its own path may be longer than a socket's may be. */
static void address(int dirfd, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/" JOIN_SOCKET, dirfd);
}

int join_listen(int dirfd, int *ret_fd, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct sockaddr_un a;

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, "cannot make a socket");
	address(dirfd, &a);
	/* What lies there is of an owner that was killed: the job's lock is ours. */
	if (unlinkat(dirfd, JOIN_SOCKET, 0) < 0 && errno != ENOENT)
		return err_errno(err, "cannot remove %s", JOIN_SOCKET);
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return err_errno(err, "cannot listen on %s", JOIN_SOCKET);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

void join_end(int dirfd, int fd)
{
	if (fd < 0)
		return;
	(void)unlinkat(dirfd, JOIN_SOCKET, 0);
	fd_close(fd);
}

static int check_peer(int fd, struct err *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return err_errno(err, "cannot ask who joins");
	if (peer.uid != geteuid())
		return err_set(err, EPERM, "user %u is not the job's", (unsigned int)peer.uid);
	return 0;
}

static int receive_fds(int fd, struct note *n, int fds[static 2], struct err *err)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec v = { .iov_base = n, .iov_len = sizeof(*n) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	ssize_t len = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);

	if (len < 0)
		return err_errno(err, "nothing came from who joins");
	c = CMSG_FIRSTHDR(&m);
	if (len != sizeof(*n) || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !c ||
	    c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(2 * sizeof(int)))
		return err_set(err, EBADMSG, "who joins gave no two descriptors");
	memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
	n->software[sizeof(n->software) - 1] = '\0';
	return 0;
}

int join_accept(int fd, struct joiner *ret, struct err *err)
{
	CLEANUP(fd_close) int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	/* It speaks at once, or it is none of ours. */
	const struct timeval limit = { .tv_sec = 2 };
	struct note n = { 0 };
	int fds[2], r;

	if (peer < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
		return -EAGAIN;
	if (peer < 0)
		return err_errno(err, "cannot take up who joins");
	r = check_peer(peer, err);
	if (r >= 0 && setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		r = err_errno(err, "cannot limit the wait for who joins");
	if (r >= 0)
		r = receive_fds(peer, &n, fds, err);
	if (r < 0)
		return r == -EAGAIN ? -ETIMEDOUT : r;
	*ret = (struct joiner){ .in = fds[0], .out = fds[1], .features = n.features };
	memcpy(ret->software, n.software, sizeof(ret->software));
	ret->control = TAKE_FD(peer);
	return 0;
}

static int send_fds(int fd, const struct joiner *j, struct err *err)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct note n = { .features = j->features };
	struct iovec v = { .iov_base = &n, .iov_len = sizeof(n) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	const int fds[2] = { j->in, j->out };

	memcpy(n.software, j->software, sizeof(n.software));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? err_errno(err, "cannot hand the connection over")
						 : 0;
}

int join_hand_over(int dirfd, const struct joiner *j, struct err *err)
{
	CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un a;
	struct pollfd p[2];
	int r;

	if (fd < 0)
		return err_errno(err, "cannot make a socket");
	address(dirfd, &a);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return err_set(err, EBUSY, "nobody has the job open: there is nothing to join");
	r = send_fds(fd, j, err);
	p[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = quit_fd(), .events = POLLIN };
	while (r >= 0) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_errno(err, "cannot wait for the job's owner");
		if (quit_requested())
			return err_set(err, ECANCELED, "told to leave");
		/* Nothing is ever said: it is the end. */
		if (p[0].revents)
			break;
	}
	return r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A byte stream to the far end, as one table of operations: SSH channel, command, or plain
 * descriptors (transport_fd). All operations are non-blocking but wait(); one thread uses a
 * transport. Errors: -EAGAIN (nothing now), -ECONNRESET/-EPIPE/-ETIMEDOUT (lost, may be tried
 * again with a new transport), others are final.
 */
#ifndef P2V_WIRE_TRANSPORT_H
#define P2V_WIRE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "common/cleanup.h"
#include "common/err.h"

struct transport;

struct transport_ops {
	const char *name;	/* "ssh", "command", "fd" */
	/* > 0 bytes read; 0 end of file; -EAGAIN; -errno with err set */
	ssize_t (*read)(struct transport *t, void *buf, size_t len, struct err *err);
	/* > 0 bytes taken; -EAGAIN; -errno with err set */
	ssize_t (*write)(struct transport *t, const void *buf, size_t len, struct err *err);
	/*
	 * NULL, or: was the last write refused because the peer has not confirmed what it got, and
	 * not because the network was full? Then the link's round trips are the limit.
	 */
	bool (*stalled)(const struct transport *t);
	/*
	 * Wait until readable, or writable when want_write, or any of the n extra descriptors is
	 * readable, or timeout_ms passed (-1: none). 0, or -errno.
	 */
	int (*wait)(struct transport *t, bool want_write, const int *extra, size_t n,
		    int timeout_ms, struct err *err);
	/* No more from us (EOF for the peer); reading goes on. */
	int (*shutdown)(struct transport *t, struct err *err);
	/*
	 * What the far end said when it ended, if the transport knows: its exit status, or -1. A
	 * far
	 * end that could not be started at all (command not found) says so here.
	 */
	int (*exit_status)(struct transport *t);
	void (*free)(struct transport *t);
};

/* Implementations embed this as their first member. */
struct transport {
	const struct transport_ops *ops;
};

static inline void transport_free(struct transport *t)
{
	if (t)
		t->ops->free(t);
}
DEFINE_CLEANUP(struct transport *, transport_free)

#endif

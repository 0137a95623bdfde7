/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See bufs.h. The idle ones are in a queue, which has the lock and the bound. */
#include "common/bufs.h"

#include <stdlib.h>

#include "common/queue.h"

struct bufs {
	size_t size, align;
	struct queue *idle;
};

int bufs_new(size_t size, size_t align, size_t idle, struct bufs **ret)
{
	struct bufs *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->size = size;
	b->align = align;
	r = queue_new(idle, &b->idle);
	if (r < 0) {
		free(b);
		return r;
	}
	*ret = b;
	return 0;
}

void bufs_free(struct bufs *b)
{
	void *buf;

	if (!b)
		return;
	while (queue_try_pop(b->idle, &buf) == 0)
		free(buf);
	queue_free(b->idle);
	free(b);
}

void *bufs_take(struct bufs *b)
{
	void *buf;

	if (queue_try_pop(b->idle, &buf) == 0)
		return buf;
	return posix_memalign(&buf, b->align, b->size) == 0 ? buf : NULL;
}

void bufs_give(struct bufs *b, void *buf)
{
	if (buf && queue_try_push(b->idle, buf, b->size) < 0)
		free(buf);
}

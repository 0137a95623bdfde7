/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A first-in first-out hand-over between threads, bounded in bytes rather than in items, so that
 * peak memory is the sum of the queues' limits whatever the sizes of the items.
 *
 * An item heavier than the limit is accepted when the queue is empty (else it could never pass).
 * queue_close() ends it in an orderly way: push is refused with -EPIPE, pop drains what is there
 * and then returns -EPIPE. Any thread may call anything; the queue does not own the items.
 */
#ifndef P2V_COMMON_QUEUE_H
#define P2V_COMMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include "common/cleanup.h"
#include "common/compiler.h"

struct queue;

int queue_new(size_t max_bytes, struct queue **ret) WARN_UNUSED;
void queue_free(struct queue *q);
DEFINE_CLEANUP(struct queue *, queue_free)

/* Blocks while full; 0, -EPIPE after close, -ENOMEM. */
int queue_push(struct queue *q, void *item, size_t bytes) WARN_UNUSED;
/* -EAGAIN instead of blocking. */
int queue_try_push(struct queue *q, void *item, size_t bytes) WARN_UNUSED;
/* Blocks while empty; 0, or -EPIPE when closed and drained. */
int queue_pop(struct queue *q, void **ret_item) WARN_UNUSED;
int queue_try_pop(struct queue *q, void **ret_item) WARN_UNUSED;	/* -EAGAIN when empty */
void queue_close(struct queue *q);
size_t queue_bytes(struct queue *q);

#endif

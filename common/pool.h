/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Workers whose results come out in the order the work went in.
 *
 *	pool_submit(a) pool_submit(b) pool_submit(c)     any worker, any order
 *	            pool_next() = a, b, c                always in this order
 *
 * The work function runs on a worker and touches nothing but its item; it does no I/O, or only
 * such as its item alone waits for (a disk's answer, with a time limit). With threads = 0 the
 * work runs inside pool_submit() (the serial twin): same interface, same output bytes, no
 * threads; tests hold the two against each other.
 *
 * Submit and next may be called by different threads: any number that submit (one in the serial
 * twin), and that take. The bound is on bytes in the pool (submitted and not yet taken by
 * pool_next), as for queue.h.
 */
#ifndef P2V_COMMON_POOL_H
#define P2V_COMMON_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/err.h"

struct pool;

/*
 * Records its outcome in the item; worker is 0..threads-1 (0 in the serial twin), for scratch
 * space.
 */
typedef void pool_work_fn(void *item, unsigned int worker, void *opaque);

/* threads 0 = serial. At most 256, else -EINVAL. */
int pool_new(unsigned int threads, size_t max_bytes, pool_work_fn *work, void *opaque,
	     struct pool **ret, struct err *err);
/* Joins the workers; items still inside are passed to drop (may be NULL), worked on or not. */
void pool_set_drop(struct pool *p, void (*drop)(void *item));
void pool_free(struct pool *p);
DEFINE_CLEANUP(struct pool *, pool_free)

/*
 * Blocks while the pool is full. 0, -EPIPE after pool_close, -ENOMEM; on failure the item is still
 * the caller's. A thread that both submits and takes uses pool_try_submit(), which says -EAGAIN:
 * nobody else would make room for it.
 */
int pool_submit(struct pool *p, void *item, size_t bytes) WARN_UNUSED;
int pool_try_submit(struct pool *p, void *item, size_t bytes) WARN_UNUSED;
/* No more input; pool_next drains and then returns -EPIPE. Unblocks a waiting submit. */
void pool_close(struct pool *p);
/* The next item in order: 0; -EAGAIN when it is not ready; -EPIPE when closed and drained. */
int pool_next(struct pool *p, void **ret_item) WARN_UNUSED;
/* As pool_next, but waits instead of -EAGAIN. */
int pool_next_wait(struct pool *p, void **ret_item) WARN_UNUSED;
/*
 * An eventfd that is readable when pool_next has something else to say than -EAGAIN. Poll it, call
 * pool_fd_clear(), then pool_next() until -EAGAIN; no order of these loses a wake-up, since clear
 * leaves it readable while an item is ready.
 */
int pool_fd(struct pool *p);
void pool_fd_clear(struct pool *p);

#endif

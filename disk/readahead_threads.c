/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine of threads: a pool, whose results come in order. */
#include "common/pool.h"
#include "disk/readahead_engine.h"

static void work(void *item, unsigned int worker, void *opaque)
{
	struct readahead_read *r = item;

	(void)worker;
	(void)opaque;
	r->good = disk_read(r->disk, r->buf, r->len, r->offset, NULL) >= 0;
}

static int threads_new(unsigned int max, unsigned int threads, void **ret, struct err *err)
{
	struct pool *p;
	int r = pool_new(threads, max, work, NULL, &p, err);

	if (r >= 0)
		*ret = p;
	return r;
}

static void threads_start(void *engine, struct readahead_read *r)
{
	r->busy = pool_submit(engine, r, 1) == 0;
}

static void threads_wait(void *engine, struct readahead_read *r)
{
	void *item;

	if (pool_next_wait(engine, &item) < 0)
		r->good = false;
	r->busy = false;
}

static void threads_free(void *engine)
{
	pool_free(engine);
}

const struct readahead_ops readahead_threads_ops = {
	.name = "threads",
	.new = threads_new,
	.start = threads_start,
	.wait = threads_wait,
	.free = threads_free,
};

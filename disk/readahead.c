/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See readahead.h. The reads are a ring, in the order they were started. */
#include "disk/readahead.h"

#include <assert.h>
#include <string.h>

#include "common/compiler.h"
#include "disk/readahead_engine.h"

struct readahead {
	const struct disk *disk;
	const struct readahead_ops *ops;	/* NULL: none */
	void *engine;
	unsigned int max, head, n;
	struct readahead_read reads[];
};

static const struct {
	const char *name;
	enum readahead_engine engine;
} names[] = {
	{ "auto", READAHEAD_AUTO },
	{ "io_uring", READAHEAD_URING },
	{ "threads", READAHEAD_THREADS },
};

int readahead_engine_parse(const char *text, enum readahead_engine *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i].name, text) == 0) {
			*ret = names[i].engine;
			return 0;
		}
	return -EINVAL;
}

static int engine_new(struct readahead *ra, const struct readahead_ops *ops, unsigned int threads,
		      struct err *err)
{
	int r = ops->new(ra->max, threads, &ra->engine, err);

	if (r >= 0)
		ra->ops = ops;
	return r;
}

int readahead_new(const struct disk *d, enum readahead_engine engine, unsigned int max,
		  unsigned int threads, struct readahead **ret, struct err *err)
{
	CLEANUP(readahead_free)
	struct readahead *ra = calloc(1, sizeof(*ra) + max * sizeof(ra->reads[0]));
	int r = 0;

	if (!ra)
		return err_nomem(err);
	ra->disk = d;
	ra->max = max;
	switch (engine) {
	case READAHEAD_URING:
		r = engine_new(ra, &readahead_uring_ops, threads, err);
		break;
	case READAHEAD_THREADS:
		r = engine_new(ra, &readahead_threads_ops, threads, err);
		break;
	case READAHEAD_AUTO:
		if (engine_new(ra, &readahead_uring_ops, threads, NULL) < 0)
			r = engine_new(ra, &readahead_threads_ops, threads, err);
		break;
	case READAHEAD_NONE:
		break;
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(ra);
	return 0;
}

void readahead_free(struct readahead *ra)
{
	if (!ra)
		return;
	while (ra->n > 0)
		(void)readahead_next(ra);
	if (ra->ops)
		ra->ops->free(ra->engine);
	free(ra);
}

void readahead_start(struct readahead *ra, void *buf, size_t len, uint64_t offset)
{
	struct readahead_read *r = &ra->reads[(ra->head + ra->n) % ra->max];

	assert(ra->n < ra->max);
	*r = (struct readahead_read){ .disk = ra->disk, .buf = buf, .len = len, .offset = offset };
	ra->n++;
	if (ra->ops && disk_aligned(ra->disk, buf, len, offset))
		ra->ops->start(ra->engine, r);
}

bool readahead_next(struct readahead *ra)
{
	struct readahead_read *r = &ra->reads[ra->head];

	assert(ra->n > 0);
	if (r->busy)
		ra->ops->wait(ra->engine, r);
	ra->head = (ra->head + 1) % ra->max;
	ra->n--;
	return r->good;
}

const char *readahead_name(const struct readahead *ra)
{
	return ra->ops ? ra->ops->name : "none";
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See walk.h. */
#include "p2v-agent/walk.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "disk/copymap.h"
#include "wire/proto.h"

/* Used and free clusters may alternate. */
#define RUNS_MAX	(PROTO_CHUNK_SIZE / PROTO_CLUSTER_SIZE / 2)
/* Of the engine that has threads. */
#define THREADS_MAX	8

/* A chunk, or a free run, on its way from the map to deliver(). */
struct flight {
	struct item *item;
	unsigned int nruns;
	struct { uint64_t offset, length; } runs[RUNS_MAX];
};

struct state {
	const struct walk *w;
	const struct bitmap *used;
	struct copymap map;
	struct reader reader;
	struct readahead *ahead;
	struct flight *flights;		/* a ring of w->depth: [head, head + n) */
	unsigned int head, n;
	bool end;			/* of the map */
};

/* What a chunk has of used runs is started to be read, and the rest of it is zeroes. */
static void start_reads(struct state *s, struct flight *f)
{
	struct item *it = f->item;
	uint64_t pos = it->offset, end = it->offset + it->length, off, len;

	while (pos < end) {
		if (!bitmap_next_run(s->used, true, pos, &off, &len) || off >= end)
			off = end;
		memset(it->raw + (pos - it->offset), 0, off - pos);
		if (off == end)
			break;
		len = MIN(len, end - off);
		f->runs[f->nruns].offset = off;
		f->runs[f->nruns++].length = len;
		readahead_start(s->ahead, it->raw + (off - it->offset), len, off);
		pos = off + len;
	}
}

static int begin(struct state *s, const struct copymap_step *step, struct err *err)
{
	struct flight *f = &s->flights[(s->head + s->n) % s->w->depth];
	bool hole = step->data && disk_is_hole(s->w->disk->disk, step->offset, step->length);
	bool data = step->data && !hole;
	CLEANUP(item_free)
	struct item *it = item_new(data ? ITEM_DATA : hole ? ITEM_ZERO : ITEM_FREE, s->w->index,
				   step->offset, step->length);

	if (!it)
		return err_nomem(err);
	if (data) {
		it->bufs = s->w->bufs;
		it->raw = bufs_take(it->bufs);
		if (!it->raw)
			return err_nomem(err);
	}
	*f = (struct flight){ .item = TAKE_PTR(it) };
	s->n++;
	if (data)
		start_reads(s, f);
	return 0;
}

/*
 * The oldest flight has landed when all of its reads have; what could not be read ahead is read
 * now.
 */
static int land(struct state *s, struct err *err)
{
	struct flight *f = &s->flights[s->head];
	struct item *it = f->item;
	int r = 0;

	for (unsigned int i = 0; i < f->nruns; i++) {
		uint64_t offset = f->runs[i].offset;

		if (!readahead_next(s->ahead) && r >= 0)
			r = reader_read(&s->reader, it->raw + (offset - it->offset),
					f->runs[i].length, offset, &it->bad, err);
	}
	s->head = (s->head + 1) % s->w->depth;
	s->n--;
	if (r < 0) {
		item_free(it);
		return r;
	}
	return s->w->deliver(s->w->opaque, it);
}

static int walk(struct state *s, struct err *err)
{
	int r = 0;

	while (r >= 0 && (!s->end || s->n > 0)) {
		if (atomic_load(s->w->stop))
			return -EPIPE;
		while (r >= 0 && !s->end && s->n < s->w->depth) {
			struct copymap_step step;

			s->end = !copymap_next(&s->map, &step);
			if (!s->end)
				r = begin(s, &step, err);
		}
		if (r >= 0 && s->n > 0)
			r = land(s, err);
	}
	return r;
}

int walk_disk(const struct walk *w, struct err *err)
{
	CLEANUP(bitmap_free) struct bitmap *everything = NULL;
	CLEANUP(mem_free) struct flight *flights = calloc(w->depth, sizeof(*flights));
	struct state s = { .w = w, .flights = flights };
	unsigned int reads = w->depth * RUNS_MAX;
	int r;

	if (!flights)
		return err_nomem(err);
	s.used = w->disk->used ? w->disk->used->map : NULL;
	if (!s.used) {
		r = bitmap_new(w->disk->disk->size, PROTO_CLUSTER_SIZE, &everything);
		if (r < 0)
			return err_nomem(err);
		bitmap_set_all(everything);
		s.used = everything;
	}
	reader_init(&s.reader, w->disk->disk, w->mode);
	copymap_init(&s.map, s.used, w->have, PROTO_CHUNK_SIZE);
	r = readahead_new(w->disk->disk, w->engine, reads, MIN(reads, THREADS_MAX), &s.ahead, err);
	if (r < 0)
		return r;
	log_debug("reader", "%s: %u chunks ahead, %s", w->disk->disk->path, w->depth,
		  readahead_name(s.ahead));
	r = walk(&s, err);
	/* The buffers of what is still in flight are the kernel's until this has returned. */
	readahead_free(s.ahead);
	for (; s.n > 0; s.n--, s.head = (s.head + 1) % w->depth)
		item_free(s.flights[s.head].item);
	return r;
}

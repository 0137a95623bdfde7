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
/* Maps of changes are finer. A chunk with more runs is read as a whole. */
#define FINE_RUNS_MAX	64
/* Changes with so little in between are read at once; what lies between is not sent. */
#define GAP_MAX		(16u << 10)
/* A chunk of which as much has changed is sent as a whole. */
#define CHANGED_MAX	(PROTO_CHUNK_SIZE / 2)
/* Of the engine that has threads. */
#define THREADS_MAX	8

/* A chunk, or a free run, on its way from the map to deliver(). */
struct flight {
	struct item *item;
	bool masked;			/* read as a whole: what is not in the map becomes zeroes */
	unsigned int nruns;
	struct { uint64_t offset, length; } runs[FINE_RUNS_MAX];
};

struct state {
	const struct walk *w;
	const struct bitmap *used;
	struct copymap map;
	struct reader reader;
	struct readahead *ahead;
	unsigned int runs_max;		/* of a flight */
	struct flight *flights;		/* a ring of w->depth: [head, head + n) */
	unsigned int head, n;
	bool end;			/* of the map */
};

static void start_run(struct state *s, struct flight *f, uint64_t offset, uint64_t length)
{
	f->runs[f->nruns].offset = offset;
	f->runs[f->nruns++].length = length;
	readahead_start(s->ahead, f->item->raw + (offset - f->item->offset), length, offset);
}

static unsigned int count_runs(const struct state *s, const struct item *it)
{
	uint64_t pos = it->offset, end = it->offset + it->length, off, len;
	unsigned int n = 0;

	for (; pos < end && bitmap_next_run(s->used, true, pos, &off, &len) && off < end; n++)
		pos = off + len;
	return n;
}

static void zero_unused(const struct state *s, struct item *it)
{
	uint64_t pos = it->offset, end = it->offset + it->length, off, len;

	while (pos < end && bitmap_next_run(s->used, false, pos, &off, &len) && off < end) {
		memset(it->raw + (off - it->offset), 0, MIN(len, end - off));
		pos = off + len;
	}
}

/* What a chunk has of used runs is started to be read, and the rest of it is zeroes. */
static void start_reads(struct state *s, struct flight *f)
{
	struct item *it = f->item;
	uint64_t pos = it->offset, end = it->offset + it->length, off, len;

	f->masked = count_runs(s, it) > s->runs_max;
	if (f->masked) {
		start_run(s, f, it->offset, it->length);
		return;
	}
	zero_unused(s, it);
	while (pos < end && bitmap_next_run(s->used, true, pos, &off, &len) && off < end) {
		len = MIN(len, end - off);
		start_run(s, f, off, len);
		pos = off + len;
	}
}

/* The pieces of a chunk that changed, in whole blocks: how many, and their bytes. */
static uint32_t find_pieces(const struct state *s, const struct item *it, struct msg_patch *p)
{
	uint64_t pos = it->offset, end = it->offset + it->length, off, len;
	uint32_t bytes = 0;

	p->npieces = 0;
	while (pos < end && bitmap_next_run(s->used, true, pos, &off, &len) && off < end) {
		len = MIN(len, end - off);
		p->pieces[p->npieces++] = (struct msg_piece){ (uint32_t)(off - it->offset),
							      (uint32_t)len };
		bytes += (uint32_t)len;
		pos = off + len;
	}
	return bytes;
}

/* Pieces that lie close together are read at once; with too many of them, all of it is. */
static void start_pieces(struct state *s, struct flight *f, const struct msg_patch *p)
{
	const struct msg_piece *last = &p->pieces[p->npieces - 1];
	uint32_t from = p->pieces[0].offset, to = from;

	for (uint16_t i = 0; i < p->npieces; i++) {
		const struct msg_piece *k = &p->pieces[i];

		if (k->offset - to > GAP_MAX && f->nruns < s->runs_max - 1) {
			start_run(s, f, f->item->offset + from, to - from);
			from = k->offset;
		}
		to = k->offset + k->length;
	}
	start_run(s, f, f->item->offset + from, last->offset + last->length - from);
}

/* Of a chunk that has changed: its pieces, or all of it. */
static int start_changes(struct state *s, struct flight *f, struct err *err)
{
	struct item *it = f->item;
	struct msg_patch *p = malloc(sizeof(*p));
	uint32_t bytes;

	if (!p)
		return err_nomem(err);
	it->patch = p;
	bytes = find_pieces(s, it, p);
	/* All of a short chunk at the end of the disk is not much, and is all of it. */
	if (bytes > CHANGED_MAX || bytes == it->length) {
		free(p);
		it->patch = NULL;
		start_run(s, f, it->offset, it->length);
		return 0;
	}
	it->kind = ITEM_PATCH;
	start_pieces(s, f, p);
	return 0;
}

static enum item_kind kind_of(const struct state *s, bool data, bool hole)
{
	if (s->w->kind == WALK_CHECK)
		return ITEM_CHECK;
	return data ? ITEM_DATA : hole ? ITEM_ZERO : ITEM_FREE;
}

static int begin(struct state *s, const struct copymap_step *step, struct err *err)
{
	struct flight *f = &s->flights[(s->head + s->n) % s->w->depth];
	bool hole = step->data && disk_is_hole(s->w->disk->disk, step->offset, step->length);
	bool data = step->data && !hole;
	CLEANUP(item_free)
	struct item *it = NULL;

	/* What nobody uses is told once, by the copy. */
	if (!step->data && s->w->kind != WALK_COPY)
		return 0;
	it = item_new(kind_of(s, data, hole), s->w->index, step->offset, step->length);
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
	if (data && s->w->kind == WALK_CHANGES)
		return start_changes(s, f, err);
	if (data)
		start_reads(s, f);
	return 0;
}

static int read_now(struct state *s, struct item *it, uint64_t offset, uint64_t length,
		    struct err *err)
{
	return reader_read(&s->reader, it->raw + (offset - it->offset), length, offset, &it->bad,
			   err);
}

/* What lies between the pieces of a run may be unreadable, and is nobody's business. */
static int read_pieces(struct state *s, struct item *it, uint64_t offset, uint64_t length,
		       struct err *err)
{
	const struct msg_patch *p = it->patch;
	int r = 0;

	if (disk_read(s->w->disk->disk, it->raw + (offset - it->offset), length, offset,
		      NULL) >= 0)
		return 0;
	for (uint16_t i = 0; r >= 0 && i < p->npieces; i++) {
		uint64_t at = it->offset + p->pieces[i].offset;

		if (at >= offset && at < offset + length)
			r = read_now(s, it, at, p->pieces[i].length, err);
	}
	return r;
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
		uint64_t offset = f->runs[i].offset, length = f->runs[i].length;

		if (readahead_next(s->ahead) || r < 0)
			continue;
		r = it->patch ? read_pieces(s, it, offset, length, err)
			      : read_now(s, it, offset, length, err);
	}
	s->head = (s->head + 1) % s->w->depth;
	s->n--;
	if (r < 0) {
		item_free(it);
		return r;
	}
	if (f->masked)
		zero_unused(s, it);
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
	unsigned int reads;
	int r;

	if (!flights)
		return err_nomem(err);
	s.used = w->map;
	if (!s.used) {
		r = bitmap_new(w->disk->disk->size, PROTO_CLUSTER_SIZE, &everything);
		if (r < 0)
			return err_nomem(err);
		bitmap_set_all(everything);
		s.used = everything;
	}
	s.runs_max = s.used->granularity < PROTO_CLUSTER_SIZE ? FINE_RUNS_MAX : RUNS_MAX;
	reads = w->depth * s.runs_max;
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See pipeline.h. */
#include "p2v-agent/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "common/digest.h"
#include "common/iszero.h"
#include "common/pool.h"
#include "disk/copymap.h"
#include "wire/link.h"

/*
 * What an item without raw bytes weighs in the pool, so that runs of free chunks are bounded too.
 */
#define LIGHT_ITEM 4096

/*
 * The first chunks are probed often, so that a good level is found soon; later one in so many, for
 * a probe costs as much as a whole chunk or two.
 */
#define PROBE_EARLY	8
#define PROBE_EARLY_N	64
#define PROBE_LATER	64

struct pipeline {
	struct pipeline_config cfg;
	atomic_int level;
	uint64_t read;			/* chunks so far; the reader's */
	struct pool *pool;
	struct codec **codecs;		/* one per worker */
	unsigned int ncodecs;
	pthread_t thread;
	bool started;
	atomic_bool stop;
};

void item_free(struct item *it)
{
	if (!it)
		return;
	free(it->raw);
	free(it->scratch);
	extents_done(&it->bad);
	free(it);
}

static void drop_item(void *item)
{
	item_free(item);
}

/* One cluster of the chunk at all levels of the ladder. A failure is no news: there is no curve. */
static void probe(struct codec *c, struct item *it)
{
	size_t clusters = it->length / PROTO_CLUSTER_SIZE;
	const uint8_t *raw;
	uint8_t sha256[SHA256_LEN];
	double began;

	/* Not always the same place of a chunk; and what is zero says nothing. */
	if (clusters == 0)
		return;
	raw = it->raw + it->offset / PROTO_CHUNK_SIZE * 7 % clusters * PROTO_CLUSTER_SIZE;
	if (is_zero(raw, PROTO_CLUSTER_SIZE))
		return;
	began = link_now();
	if (digest_sha256(raw, PROTO_CLUSTER_SIZE, sha256) < 0)
		return;
	it->curve.base = (link_now() - began) / PROTO_CLUSTER_SIZE;
	for (int i = 0; i < ADAPT_LEVELS; i++) {
		uint32_t stored;

		began = link_now();
		/* The scratch is free: this comes before the chunk itself is encoded. */
		if (codec_try(c, adapt_ladder[i], raw, it->scratch, &stored, NULL) < 0)
			return;
		it->curve.cost[i] = (link_now() - began) / PROTO_CLUSTER_SIZE;
		it->curve.out[i] = (double)stored / PROTO_CLUSTER_SIZE;
	}
	it->probed = true;
}

/* On a worker: judge and encode what was read. */
static void encode(void *item, unsigned int worker, void *opaque)
{
	struct pipeline *p = opaque;
	struct item *it = item;
	double began;
	int r;

	if (it->kind != ITEM_DATA)
		return;
	if (it->probe)
		probe(p->codecs[worker], it);
	began = link_now();
	r = codec_set_level(p->codecs[worker], atomic_load(&p->level), &it->err);
	if (r < 0) {
		it->kind = ITEM_ERROR;
		it->code = r;
		return;
	}
	it->data.disk = it->disk;
	it->data.offset = it->offset;
	it->data.length = (uint32_t)it->length;
	r = codec_encode(p->codecs[worker], it->raw, it->scratch, &it->data, &it->err);
	it->seconds = link_now() - began;
	if (r < 0) {
		it->kind = ITEM_ERROR;
		it->code = r;
	} else if (r == 1) {
		it->kind = ITEM_ZERO;
	}
}

static struct item *item_new(enum item_kind kind, size_t disk, uint64_t offset, uint64_t length)
{
	struct item *it = calloc(1, sizeof(*it));

	if (!it)
		return NULL;
	it->kind = kind;
	it->disk = (uint16_t)disk;
	it->offset = offset;
	it->length = length;
	return it;
}

/*
 * Only what is used is read: a free cluster may be unreadable, and its old content is nobody's
 * business.
 */
static int read_chunk(const struct reader *rd, const struct bitmap *used, struct item *it,
		      struct err *err)
{
	uint64_t pos = it->offset, end = it->offset + it->length;
	int bad = 0;

	memset(it->raw, 0, it->length);
	while (pos < end) {
		uint64_t off, len;
		int r;

		if (!used) {
			off = pos;
			len = end - pos;
		} else if (!bitmap_next_run(used, true, pos, &off, &len) || off >= end) {
			break;
		}
		len = MIN(len, end - off);
		r = reader_read(rd, it->raw + (off - it->offset), len, off, &it->bad, err);
		if (r < 0)
			return r;
		bad |= r;
		pos = off + len;
	}
	return bad;
}

/* Hand an item to the pool; the item is gone either way. */
static int submit(struct pipeline *p, struct item *it)
{
	int r = pool_submit(p->pool, it, it->raw ? it->length : LIGHT_ITEM);

	if (r < 0)
		item_free(it);
	return r;
}

static int submit_error(struct pipeline *p, size_t disk, int code, const struct err *err)
{
	struct item *it = item_new(ITEM_ERROR, disk, 0, 0);

	if (!it)
		return -ENOMEM;
	it->code = code;
	it->err = *err;
	return submit(p, it);
}

static bool probe_is_due(uint64_t chunk)
{
	return chunk % (chunk < PROBE_EARLY_N ? PROBE_EARLY : PROBE_LATER) == 0;
}

static int walk_disk(struct pipeline *p, size_t i, struct err *err)
{
	const struct source_disk *sd = &p->cfg.source->disks[i];
	CLEANUP(bitmap_free) struct bitmap *everything = NULL;
	const struct bitmap *used = sd->used ? sd->used->map : NULL;
	struct copymap_step step;
	struct copymap cm;
	struct reader rd;
	int r;

	if (!used) {
		r = bitmap_new(sd->disk->size, PROTO_CLUSTER_SIZE, &everything);
		if (r < 0)
			return err_nomem(err);
		bitmap_set_all(everything);
		used = everything;
	}
	reader_init(&rd, sd->disk, p->cfg.mode);
	copymap_init(&cm, used, p->cfg.have ? p->cfg.have[i] : NULL, PROTO_CHUNK_SIZE);
	while (copymap_next(&cm, &step)) {
		CLEANUP(item_free) struct item *it = NULL;

		if (atomic_load(&p->stop))
			return -EPIPE;
		it = item_new(step.data ? ITEM_DATA : ITEM_FREE, i, step.offset, step.length);
		if (!it)
			return err_nomem(err);
		if (step.data) {
			it->raw = disk_alloc(PROTO_CHUNK_SIZE);
			it->scratch = malloc(CODEC_SCRATCH_SIZE);
			if (!it->raw || !it->scratch)
				return err_nomem(err);
			r = read_chunk(&rd, used, it, err);
			if (r < 0)
				return r;
			it->probe = p->cfg.probe && probe_is_due(p->read++);
		}
		r = submit(p, TAKE_PTR(it));
		if (r < 0)
			return r;
	}
	return 0;
}

static void *reader_thread(void *opaque)
{
	struct pipeline *p = opaque;
	struct err err = ERR_INIT;
	int r = 0;

	for (size_t i = 0; i < p->cfg.source->n; i++) {
		r = walk_disk(p, i, &err);
		if (r < 0) {
			/* -EPIPE: the pool was closed because the owner is leaving. */
			if (r != -EPIPE)
				(void)submit_error(p, i, r, &err);
			break;
		}
	}
	if (r >= 0) {
		struct item *it = item_new(ITEM_END, 0, 0, 0);

		if (it)
			(void)submit(p, it);
	}
	pool_close(p->pool);
	return NULL;
}

int pipeline_new(const struct pipeline_config *cfg, struct pipeline **ret, struct err *err)
{
	CLEANUP(pipeline_free) struct pipeline *p = calloc(1, sizeof(*p));
	unsigned int n = MAX(cfg->threads, 1u);
	int r;

	if (!p)
		return err_nomem(err);
	p->cfg = *cfg;
	atomic_init(&p->stop, false);
	atomic_init(&p->level, cfg->level);
	p->codecs = calloc(n, sizeof(struct codec *));
	if (!p->codecs)
		return err_nomem(err);
	for (; p->ncodecs < n; p->ncodecs++) {
		r = codec_new(cfg->level, &p->codecs[p->ncodecs], err);
		if (r < 0)
			return r;
	}
	r = pool_new(cfg->threads, (size_t)PIPELINE_CHUNKS * PROTO_CHUNK_SIZE, encode, p, &p->pool,
		     err);
	if (r < 0)
		return r;
	pool_set_drop(p->pool, drop_item);
	r = pthread_create(&p->thread, NULL, reader_thread, p);
	if (r != 0)
		return err_code(err, r, "cannot start the reader thread");
	p->started = true;
	*ret = TAKE_PTR(p);
	return 0;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	atomic_store(&p->stop, true);
	if (p->pool)
		pool_close(p->pool);
	if (p->started)
		pthread_join(p->thread, NULL);
	pool_free(p->pool);
	for (unsigned int i = 0; i < p->ncodecs; i++)
		codec_free(p->codecs[i]);
	free(p->codecs);
	free(p);
}

void pipeline_set_level(struct pipeline *p, int level)
{
	atomic_store(&p->level, level);
}

int pipeline_next(struct pipeline *p, struct item **ret)
{
	void *item;
	int r = pool_next(p->pool, &item);

	if (r < 0)
		return r;
	*ret = item;
	return 0;
}

int pipeline_fd(struct pipeline *p)
{
	return pool_fd(p->pool);
}

void pipeline_fd_clear(struct pipeline *p)
{
	pool_fd_clear(p->pool);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See pipeline.h. */
#include "p2v-agent/pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "common/digest.h"
#include "common/fdio.h"
#include "common/iszero.h"
#include "common/pool.h"
#include "wire/chunk_digest.h"
#include "wire/codec.h"
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
	atomic_uint_fast64_t read;	/* chunks so far */
	struct bufs *bufs;
	struct pool *pool;
	struct codec **codecs;		/* one per worker */
	unsigned int ncodecs;
	pthread_t threads[PIPELINE_DISKS];
	unsigned int nthreads, depth;	/* depth: chunks that each reads ahead */
	atomic_size_t next_disk;	/* that nobody walks yet */
	atomic_uint walking;		/* threads that have not ended */
	atomic_bool failed;		/* an ITEM_ERROR is, or would be, there: no ITEM_END */
	atomic_bool stop;
	atomic_bool marked;		/* an ITEM_END or ITEM_ERROR is on its way */
};

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

/*
 * Does the far end have it as it is? What could not be read in full is sent: it has to be said
 * which parts are missing.
 */
static int is_same(const struct pipeline *p, struct item *it)
{
	const struct known *k = p->cfg.known ? p->cfg.known[it->disk] : NULL;
	uint8_t sha256[SHA256_LEN];

	if (!k || it->bad.n > 0)
		return 0;
	if (it->kind == ITEM_ZERO || is_zero(it->raw, it->length))
		return known_same(k, it->offset, NULL);
	if (chunk_digest(it->raw, it->length, sha256) < 0)
		return err_set(&it->err, EIO, "cannot compute a SHA-256");
	return known_same(k, it->offset, sha256);
}

/* The pieces lie at their places in the chunk: they are moved together, to its beginning. */
static int encode_patch(struct codec *c, struct item *it)
{
	struct msg_patch *m = it->patch;
	uint32_t at = 0;

	for (uint16_t i = 0; i < m->npieces; i++) {
		memmove(it->raw + at, it->raw + m->pieces[i].offset, m->pieces[i].length);
		at += m->pieces[i].length;
	}
	m->disk = it->disk;
	m->offset = it->offset;
	return codec_patch_encode(c, it->raw, it->scratch, m, &it->err);
}

static int encode_check(struct item *it)
{
	it->zero = !it->raw || is_zero(it->raw, it->length);
	if (!it->zero && chunk_digest(it->raw, it->length, it->check) < 0)
		return err_set(&it->err, EIO, "cannot compute a SHA-256");
	/* Nobody needs the bytes any more. */
	if (it->bufs)
		bufs_give(it->bufs, TAKE_PTR(it->raw));
	return 0;
}

/* 1: it is all zeroes. */
static int encode_data(struct codec *c, struct item *it)
{
	it->data.disk = it->disk;
	it->data.offset = it->offset;
	it->data.length = (uint32_t)it->length;
	return codec_encode(c, it->raw, it->scratch, &it->data, &it->err);
}

static int encode_by(struct pipeline *p, struct codec *c, struct item *it)
{
	int r = it->kind == ITEM_PATCH ? 0 : is_same(p, it);
	double began;

	if (r > 0)
		it->kind = ITEM_SAME;
	if (r != 0 || it->kind == ITEM_ZERO)
		return MIN(r, 0);
	it->scratch = bufs_take(it->bufs);
	if (!it->scratch)
		return err_nomem(&it->err);
	r = codec_set_level(c, atomic_load(&p->level), &it->err);
	if (r < 0)
		return r;
	if (it->kind == ITEM_PATCH)
		return encode_patch(c, it);
	if (it->probe)
		probe(c, it);
	began = link_now();
	r = encode_data(c, it);
	it->seconds = link_now() - began;
	if (r == 1)
		it->kind = ITEM_ZERO;
	return MIN(r, 0);
}

/* On a worker: judge and encode what was read. */
static void encode(void *item, unsigned int worker, void *opaque)
{
	struct pipeline *p = opaque;
	struct item *it = item;
	int r;

	if (it->kind == ITEM_CHECK)
		r = encode_check(it);
	else if (it->kind == ITEM_DATA || it->kind == ITEM_ZERO || it->kind == ITEM_PATCH)
		r = encode_by(p, p->codecs[worker], it);
	else
		return;
	if (r < 0) {
		it->kind = ITEM_ERROR;
		it->code = r;
	}
}

/* Hand an item to the pool; the item is gone either way. */
static int submit(struct pipeline *p, struct item *it)
{
	bool last = it->kind == ITEM_END || it->kind == ITEM_ERROR;
	int r;

	if (last)
		atomic_store(&p->marked, true);
	r = pool_submit(p->pool, it, it->raw ? it->length : LIGHT_ITEM);

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

static int deliver(void *opaque, struct item *it)
{
	struct pipeline *p = opaque;

	if (it->kind == ITEM_DATA && p->cfg.probe)
		it->probe = probe_is_due(atomic_fetch_add(&p->read, 1));
	return submit(p, it);
}

static int walk_one(struct pipeline *p, size_t i, struct err *err)
{
	const struct walk w = {
		.disk = &p->cfg.source->disks[i],
		.index = i,
		.kind = p->cfg.kind,
		.map = p->cfg.maps ? p->cfg.maps[i] : NULL,
		.have = p->cfg.have ? p->cfg.have[i] : NULL,
		.mode = p->cfg.mode,
		.engine = p->cfg.threads > 0 ? p->cfg.engine : READAHEAD_NONE,
		.depth = p->depth,
		.bufs = p->bufs,
		.stop = &p->stop,
		.deliver = deliver,
		.opaque = p,
	};

	return walk_disk(&w, err);
}

/* The first failure ends all walks. -EPIPE: the pool was closed because the owner is leaving. */
static void fail(struct pipeline *p, size_t disk, int code, const struct err *err)
{
	if (!atomic_exchange(&p->failed, true) && code != -EPIPE)
		(void)submit_error(p, disk, code, err);
	atomic_store(&p->stop, true);
}

static void *walk_thread(void *opaque)
{
	struct pipeline *p = opaque;
	size_t i;

	while (!atomic_load(&p->stop) &&
	       (i = atomic_fetch_add(&p->next_disk, 1)) < p->cfg.source->n) {
		struct err err = ERR_INIT;
		int r = walk_one(p, i, &err);

		if (r < 0)
			fail(p, i, r, &err);
	}
	if (atomic_fetch_sub(&p->walking, 1) == 1) {
		struct item *it = atomic_load(&p->failed) ? NULL : item_new(ITEM_END, 0, 0, 0);

		if (it)
			(void)submit(p, it);
		pool_close(p->pool);
	}
	return NULL;
}

static int start_walking(struct pipeline *p, struct err *err)
{
	unsigned int n = (unsigned int)MIN(p->cfg.source->n, (size_t)PIPELINE_DISKS);

	if (p->cfg.threads == 0)
		n = 1;
	p->depth = p->cfg.threads == 0 ? 1 : PIPELINE_AHEAD / MAX(n, 1u);
	atomic_init(&p->walking, n);
	for (; p->nthreads < n; p->nthreads++) {
		int r = pthread_create(&p->threads[p->nthreads], NULL, walk_thread, p);

		if (r != 0)
			return err_code(err, r, "cannot start a reader thread");
	}
	return 0;
}

int pipeline_new(const struct pipeline_config *cfg, struct pipeline **ret, struct err *err)
{
	CLEANUP(pipeline_free) struct pipeline *p = calloc(1, sizeof(*p));
	unsigned int n = MAX(cfg->threads, 1u);
	int r;

	if (!p)
		return err_nomem(err);
	p->cfg = *cfg;
	atomic_init(&p->level, cfg->level);
	/* All that can be in flight may lie idle a moment later. */
	if (bufs_new(PROTO_CHUNK_SIZE, FDIO_ALIGN,
		     (size_t)(PIPELINE_AHEAD + 2 * PIPELINE_CHUNKS) * PROTO_CHUNK_SIZE,
		     &p->bufs) < 0)
		return err_nomem(err);
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
	r = start_walking(p, err);
	if (r < 0)
		return r;
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
	for (unsigned int i = 0; i < p->nthreads; i++)
		pthread_join(p->threads[i], NULL);
	pool_free(p->pool);
	for (unsigned int i = 0; i < p->ncodecs; i++)
		codec_free(p->codecs[i]);
	free(p->codecs);
	bufs_free(p->bufs);
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

	if (r == -EPIPE)
		return atomic_load(&p->marked) ? -EPIPE : -ENOMEM;
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See verify.h. */
#include "p2v-server/verify.h"

#include <inttypes.h>
#include <string.h>

#include "common/fdio.h"
#include "common/iszero.h"
#include "common/pool.h"
#include "convert/qcow2_read.h"
#include "p2v-server/disk_digest.h"
#include "wire/chunk_digest.h"
#include "wire/proto.h"

#define SPANS_PER_THREAD	4u	/* on their way: small, the bytes are with the readers */

/* One thread's way to read the image. */
struct reader {
	struct qcow2_read *image;
	uint8_t *buf;
};

/* Chunks [first, end), on their way through the pool. */
struct span {
	uint64_t first, end;
	bool zero;			/* the image's tables show it: nothing to read */
	bool marked;			/* verified beside the copy: nothing to read either */
	int code;			/* 1 as sent, 0 not, -errno with err filled */
	struct err err;
	uint8_t sha[SHA256_LEN];	/* one chunk that was read */
};

struct verify {
	const struct journal_disk *journal;
	struct qcow2_read *image;	/* for the tables */
	struct disk_digest *digest;
	struct reader *readers;		/* as many as the pool has workers */
	unsigned int nreaders;
	struct pool *pool;
	struct extents *bad;
	uint64_t bad_bytes, read_bytes;
	struct early *early;		/* NULL: nothing was verified before */
	uint16_t disk;			/* its number there */
	struct bitmap *shared;		/* host clusters with more than one user */
	uint64_t before, total;		/* for progress: of the images in front, of all */
	verify_progress_fn *progress;
	void *opaque;
};

static void verify_done(struct verify *v)
{
	pool_free(v->pool);
	for (unsigned int i = 0; i < v->nreaders; i++) {
		qcow2_read_free(v->readers[i].image);
		free(v->readers[i].buf);
	}
	free(v->readers);
	bitmap_free(v->shared);
	qcow2_read_free(v->image);
	disk_digest_free(v->digest);
}
DEFINE_CLEANUP_VALUE(struct verify, verify_done)

static uint64_t chunks_to_bytes(const struct journal_disk *d, uint64_t first, uint64_t end)
{
	return MIN(end * PROTO_CHUNK_SIZE, d->size) - first * PROTO_CHUNK_SIZE;
}

static int check_chunk(const struct journal_disk *d, struct reader *rd, struct span *s)
{
	uint64_t i = s->first, len = chunks_to_bytes(d, i, i + 1);
	int r;

	r = qcow2_read(rd->image, rd->buf, i * PROTO_CHUNK_SIZE, len, &s->err);
	if (r < 0)
		return r == -EBADMSG ? 0 : r; /* damaged tables or clusters: not as sent */
	r = chunk_digest(rd->buf, len, s->sha);
	if (r < 0)
		return err_code(&s->err, -r, "cannot compute SHA-256");
	if (d->state[i] != CHUNK_DATA)
		return is_zero(rd->buf, len);
	return memcmp(s->sha, d->sha256[i], SHA256_LEN) == 0;
}

static void work(void *item, unsigned int worker, void *opaque)
{
	const struct verify *v = opaque;
	struct span *s = item;

	/* A journal that says nothing of a chunk vouches for nothing. */
	if (s->zero || s->marked || v->journal->state[s->first] == CHUNK_ABSENT)
		s->code = s->zero || s->marked;
	else
		s->code = check_chunk(v->journal, &v->readers[worker], s);
}

/* Chunks [first, end) are not as sent, so nobody will ask for the digest. */
static int note_bad(struct verify *v, uint64_t first, uint64_t end, struct err *err)
{
	uint64_t len = chunks_to_bytes(v->journal, first, end);

	if (extents_add(v->bad, first * PROTO_CHUNK_SIZE, len, 0) < 0)
		return err_nomem(err);
	v->bad_bytes += len;
	return 0;
}

/* The chunks from first on, up to end, that the image's tables alone show to be zeroes. */
static uint64_t zero_chunks(struct verify *v, uint64_t first, uint64_t end)
{
	uint64_t len = chunks_to_bytes(v->journal, first, end);
	uint64_t run = qcow2_read_zero_run(v->image, first * PROTO_CHUNK_SIZE, len);

	return run == len ? end - first : run / PROTO_CHUNK_SIZE;
}

static bool is_data(const struct journal_disk *d, uint64_t i)
{
	return d->state[i] == CHUNK_DATA;
}

static bool is_absent(const struct journal_disk *d, uint64_t i)
{
	return d->state[i] == CHUNK_ABSENT;
}

/* Of one kind from i on: one chunk of data, or a run of what is absent, or of zero and free. */
static uint64_t run_end(const struct journal_disk *d, uint64_t i)
{
	uint64_t end = i + 1;

	while (!is_data(d, i) && end < d->nchunks && !is_data(d, end) &&
	       is_absent(d, end) == is_absent(d, i))
		end++;
	return end;
}

/* The next span has come through. */
static int take(struct verify *v, struct span *s, struct err *err)
{
	uint64_t len = chunks_to_bytes(v->journal, s->first, s->end);
	int r;

	if (s->code < 0) {
		if (err)
			*err = s->err;
		return s->code;
	}
	if (s->code == 0)
		r = note_bad(v, s->first, s->end, err);
	else if (s->zero)
		r = disk_digest_add_zeroes(v->digest, len, err);
	else if (s->marked)
		r = disk_digest_add(v->digest, v->journal->sha256[s->first], err);
	else
		r = disk_digest_add(v->digest, s->sha, err);
	if (r < 0 || !v->progress)
		return r;
	r = v->progress(v->before + chunks_to_bytes(v->journal, 0, s->end), v->total, v->opaque);
	return r < 0 ? err_set(err, -r, "verification was interrupted") : 0;
}

/* 1 one was taken, 0 none is there, or will come. */
static int take_next(struct verify *v, bool wait, struct err *err)
{
	CLEANUP(mem_free) void *item = NULL;
	int r = wait ? pool_next_wait(v->pool, &item) : pool_next(v->pool, &item);

	if (r < 0)
		return 0;
	r = take(v, item, err);
	return r < 0 ? r : 1;
}

/* Send a span through the pool, and take what comes out meanwhile. */
static int give(struct verify *v, const struct span *span, struct err *err)
{
	struct span *s = malloc(sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err);
	*s = *span;
	while ((r = pool_try_submit(v->pool, s, 1)) == -EAGAIN) {
		r = take_next(v, true, err);
		if (r < 0)
			break;
	}
	if (r < 0) {
		free(s);
		return r;
	}
	do {
		r = take_next(v, false, err);
	} while (r > 0);
	return r;
}

/* Verified beside the copy, and by the tables as they are now nothing has changed since. */
static bool is_marked(struct verify *v, uint64_t i)
{
	uint64_t at = i * PROTO_CHUNK_SIZE, len = chunks_to_bytes(v->journal, i, i + 1), mark;

	if (!v->shared || !is_data(v->journal, i))
		return false;
	mark = early_mark(v->early, v->disk, i);
	return mark != 0 && qcow2_read_mapping(v->image, at, len) == mark &&
	       !qcow2_read_touches(v->image, at, len, v->shared);
}

static int walk(struct verify *v, struct err *err)
{
	const struct journal_disk *d = v->journal;
	uint64_t end;
	int r = 0;

	for (uint64_t i = 0; r >= 0 && i < d->nchunks;) {
		end = run_end(d, i);
		while (r >= 0 && i < end) {
			struct span s = { .first = i, .end = end };
			uint64_t n = is_absent(d, i) ? end - i
				     : is_data(d, i) ? 0
						     : zero_chunks(v, i, end);

			s.zero = n > 0 && !is_absent(d, i);
			s.end = i + MAX(n, (uint64_t)1);
			s.marked = n == 0 && is_marked(v, i);
			if (n == 0 && !s.marked)
				v->read_bytes += chunks_to_bytes(d, i, s.end);
			i = s.end;
			r = give(v, &s, err);
		}
	}
	if (r < 0)
		return r;
	pool_close(v->pool);
	do {
		r = take_next(v, true, err);
	} while (r > 0);
	return r;
}

static int open_image(struct verify *v, struct job *j, const char *name, struct qcow2_read **ret,
		      struct err *err)
{
	int r = qcow2_read_open(j->dirfd, name, ret, err);

	if (r >= 0 && qcow2_read_size(*ret) != v->journal->size)
		return err_set(err, EBADMSG, "%s is %" PRIu64 " bytes, not %" PRIu64, name,
			       qcow2_read_size(*ret), v->journal->size);
	return r;
}

static int prepare(struct verify *v, struct job *j, const char *name, unsigned int threads,
		   struct err *err)
{
	unsigned int n = MAX(threads, 1u);
	int r = disk_digest_new(&v->digest, err);

	if (r >= 0)
		r = open_image(v, j, name, &v->image, err);
	if (r < 0)
		return r;
	/* Tables that are damaged vouch for nothing: all is read, and what is bad will be named. */
	if (v->early)
		(void)qcow2_read_shared(v->image, &v->shared, NULL);
	v->readers = calloc(n, sizeof(*v->readers));
	if (!v->readers)
		return err_nomem(err);
	for (; v->nreaders < n; v->nreaders++) {
		struct reader *rd = &v->readers[v->nreaders];

		rd->buf = fdio_alloc(PROTO_CHUNK_SIZE);
		r = rd->buf ? open_image(v, j, name, &rd->image, err) : err_nomem(err);
		if (r < 0) {
			free(rd->buf);
			qcow2_read_free(rd->image);
			return r;
		}
	}
	r = pool_new(threads, SPANS_PER_THREAD * n, work, v, &v->pool, err);
	if (r >= 0)
		pool_set_drop(v->pool, free);
	return r;
}

int verify_job(struct job *j, const struct journal *journal, bool partial, unsigned int threads,
	       struct early *early, verify_progress_fn *progress, void *opaque,
	       struct verify_result *ret, struct err *err)
{
	CLEANUP(verify_result_done) struct verify_result res = { .n = j->nimages };
	uint64_t total = 0, before = 0;

	res.bad = calloc(j->nimages, sizeof(*res.bad));
	if (!res.bad)
		return err_nomem(err);
	for (size_t i = 0; i < j->nimages; i++)
		total += j->images[i].size;
	for (size_t i = 0; i < j->nimages; i++) {
		CLEANUP(verify_done) struct verify v = {
			.journal = &journal->disks[i], .bad = &res.bad[i], .before = before,
			.total = total, .progress = progress, .opaque = opaque,
			.early = early, .disk = (uint16_t)i,
		};
		CLEANUP(mem_free) char *name = job_image_name(&j->images[i], partial);
		int r = name ? prepare(&v, j, name, threads, err) : err_nomem(err);

		if (r >= 0)
			r = walk(&v, err);
		if (r >= 0 && v.bad_bytes == 0)
			r = disk_digest_final(v.digest, j->images[i].digest, err);
		if (r < 0)
			return r;
		res.bad_bytes += v.bad_bytes;
		res.read_bytes += v.read_bytes;
		before += j->images[i].size;
	}
	*ret = res;
	res = (struct verify_result){ 0 };
	return 0;
}

void verify_result_done(struct verify_result *r)
{
	for (size_t i = 0; i < r->n; i++)
		extents_done(&r->bad[i]);
	free(r->bad);
	*r = (struct verify_result){ 0 };
}

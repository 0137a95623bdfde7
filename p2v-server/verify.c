/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See verify.h. */
#include "p2v-server/verify.h"

#include <inttypes.h>
#include <string.h>

#include "common/fdio.h"
#include "common/iszero.h"
#include "convert/qcow2_read.h"
#include "p2v-server/disk_digest.h"
#include "wire/proto.h"

struct verify {
	const struct journal_disk *journal;
	struct qcow2_read *image;
	struct disk_digest *digest;
	uint8_t *buf;
	struct extents *bad;
	uint64_t bad_bytes;
};

static void verify_done(struct verify *v)
{
	qcow2_read_free(v->image);
	disk_digest_free(v->digest);
	free(v->buf);
}
DEFINE_CLEANUP_VALUE(struct verify, verify_done)

static uint64_t chunks_to_bytes(const struct journal_disk *d, uint64_t first, uint64_t end)
{
	return MIN(end * PROTO_CHUNK_SIZE, d->size) - first * PROTO_CHUNK_SIZE;
}

/* 1 the chunk reads as sent, and its digest; 0 it does not. */
static int check_chunk(struct verify *v, uint64_t i, uint8_t sha[static SHA256_LEN],
		       struct err *err)
{
	const struct journal_disk *d = v->journal;
	uint64_t len = chunks_to_bytes(d, i, i + 1);
	int r;

	r = qcow2_read(v->image, v->buf, i * PROTO_CHUNK_SIZE, len, err);
	if (r < 0)
		return r == -EBADMSG ? 0 : r; /* damaged tables or clusters: not as sent */
	r = digest_sha256(v->buf, len, sha);
	if (r < 0)
		return err_code(err, -r, "cannot compute SHA-256");
	if (d->state[i] != CHUNK_DATA)
		return is_zero(v->buf, len);
	return memcmp(sha, d->sha256[i], SHA256_LEN) == 0;
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

/* Check chunks from i on, no further than end; *ret_end is past the last one that was done. */
static int step(struct verify *v, uint64_t i, uint64_t end, uint64_t *ret_end, struct err *err)
{
	const struct journal_disk *d = v->journal;
	uint8_t sha[SHA256_LEN];
	uint64_t n;
	int r;

	*ret_end = end;
	/* A journal that says nothing of it vouches for nothing. */
	if (is_absent(d, i))
		return note_bad(v, i, end, err);
	n = is_data(d, i) ? 0 : zero_chunks(v, i, end);
	if (n > 0) {
		*ret_end = i + n;
		return disk_digest_add_zeroes(v->digest, chunks_to_bytes(d, i, i + n), err);
	}
	*ret_end = i + 1;
	r = check_chunk(v, i, sha, err);
	if (r < 0)
		return r;
	return r == 0 ? note_bad(v, i, i + 1, err) : disk_digest_add(v->digest, sha, err);
}

static int verify_image(struct job *j, size_t n, const struct journal_disk *d, bool partial,
			uint64_t before, uint64_t total, verify_progress_fn *progress, void *opaque,
			struct verify_result *res, struct err *err)
{
	struct job_image *im = &j->images[n];
	CLEANUP(verify_done) struct verify v = { .journal = d, .bad = &res->bad[n] };
	CLEANUP(mem_free) char *name = job_image_name(im, partial);
	uint64_t end = 0;
	int r;

	v.buf = fdio_alloc(PROTO_CHUNK_SIZE);
	if (!name || !v.buf)
		return err_nomem(err);
	r = disk_digest_new(&v.digest, err);
	if (r >= 0)
		r = qcow2_read_open(j->dirfd, name, &v.image, err);
	if (r < 0)
		return r;
	if (qcow2_read_size(v.image) != d->size)
		return err_set(err, EBADMSG, "%s is %" PRIu64 " bytes, not %" PRIu64, name,
			       qcow2_read_size(v.image), d->size);
	for (uint64_t i = 0; i < d->nchunks; i = end) {
		uint64_t limit = run_end(d, i);

		for (end = i; end < limit; i = end) {
			r = step(&v, i, limit, &end, err);
			if (r < 0)
				return r;
			r = progress ? progress(before + chunks_to_bytes(d, 0, end), total, opaque)
				     : 0;
			if (r < 0)
				return err_set(err, -r, "verification was interrupted");
		}
	}
	res->bad_bytes += v.bad_bytes;
	return v.bad_bytes > 0 ? 0 : disk_digest_final(v.digest, im->digest, err);
}

int verify_job(struct job *j, const struct journal *journal, bool partial,
	       verify_progress_fn *progress, void *opaque, struct verify_result *ret,
	       struct err *err)
{
	CLEANUP(verify_result_done) struct verify_result res = { .n = j->nimages };
	uint64_t total = 0, before = 0;

	res.bad = calloc(j->nimages, sizeof(*res.bad));
	if (!res.bad)
		return err_nomem(err);
	for (size_t i = 0; i < j->nimages; i++)
		total += j->images[i].size;
	for (size_t i = 0; i < j->nimages; i++) {
		int r = verify_image(j, i, &journal->disks[i], partial, before, total, progress,
				     opaque, &res, err);

		if (r < 0)
			return r;
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See verify.h. */
#include "p2v-server/verify.h"

#include <inttypes.h>
#include <string.h>

#include "common/iszero.h"
#include "convert/qcow2_read.h"
#include "wire/proto.h"

static const uint8_t zero_chunk[PROTO_CHUNK_SIZE];

struct verify {
	struct qcow2_read *image;
	struct sha256 *whole;
	uint8_t *buf;
};

static void verify_done(struct verify *v)
{
	qcow2_read_free(v->image);
	sha256_free(v->whole);
	free(v->buf);
}
DEFINE_CLEANUP_VALUE(struct verify, verify_done)

/* 1 the chunk reads as sent, 0 it does not; *ret_p: its bytes. */
static int check_chunk(struct verify *v, const struct journal_disk *d, uint64_t i, uint64_t len,
		       const uint8_t **ret_p, struct err *err)
{
	uint64_t offset = i * PROTO_CHUNK_SIZE;
	uint8_t sha[SHA256_LEN];
	int r;

	*ret_p = zero_chunk;
	if (d->state[i] == CHUNK_ABSENT)
		return 0;		/* a journal that says nothing of it vouches for nothing */
	if (d->state[i] != CHUNK_DATA && qcow2_read_is_zero(v->image, offset, len))
		return 1;
	r = qcow2_read(v->image, v->buf, offset, len, err);
	if (r < 0)
		return r;
	*ret_p = v->buf;
	if (d->state[i] != CHUNK_DATA)
		return is_zero(v->buf, len);
	r = digest_sha256(v->buf, len, sha);
	if (r < 0)
		return err_code(err, -r, "cannot compute SHA-256");
	return memcmp(sha, d->sha256[i], SHA256_LEN) == 0;
}

static int verify_image(struct job *j, size_t n, const struct journal_disk *d, bool partial,
			uint64_t before, uint64_t total, verify_progress_fn *progress, void *opaque,
			struct verify_result *res, struct err *err)
{
	struct job_image *im = &j->images[n];
	CLEANUP(verify_done) struct verify v = { 0 };
	CLEANUP(mem_free) char *name = job_image_name(im, partial);
	uint8_t sha[SHA256_LEN];
	int r;

	v.buf = malloc(PROTO_CHUNK_SIZE);
	if (!name || !v.buf || sha256_new(&v.whole) < 0)
		return err_nomem(err);
	r = qcow2_read_open(j->dirfd, name, &v.image, err);
	if (r < 0)
		return r;
	if (qcow2_read_size(v.image) != d->size)
		return err_set(err, EBADMSG, "%s is %" PRIu64 " bytes, not %" PRIu64, name,
			       qcow2_read_size(v.image), d->size);
	for (uint64_t i = 0; i < d->nchunks; i++) {
		uint64_t offset = i * PROTO_CHUNK_SIZE,
			 len = MIN((uint64_t)PROTO_CHUNK_SIZE, d->size - offset);
		const uint8_t *p;

		r = check_chunk(&v, d, i, len, &p, err);
		if (r == -EBADMSG)
			r = 0; /* damaged tables or clusters: this chunk does not read as sent */
		if (r < 0)
			return r;
		if (r == 0) {
			if (extents_add(&res->bad[n], offset, len, 0) < 0)
				return err_nomem(err);
			res->bad_bytes += len;
		}
		if (sha256_update(v.whole, p, len) < 0)
			return err_set(err, EIO, "cannot compute SHA-256");
		r = progress ? progress(before + offset + len, total, opaque) : 0;
		if (r < 0)
			return err_set(err, -r, "verification was interrupted");
	}
	if (res->bad[n].n > 0)
		return 0;
	if (sha256_final(v.whole, sha) < 0)
		return err_set(err, EIO, "cannot compute SHA-256");
	digest_hex(sha, sizeof(sha), im->sha256);
	return 0;
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

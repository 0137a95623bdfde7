/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See hotset.h. Arrays lie at their chunk's place: what is never touched takes no memory. */
#include "p2v-server/hotset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/iszero.h"
#include "wire/chunk_digest.h"

typedef uint8_t blocks[PROTO_CHUNK_BLOCKS][SHA256_LEN];

enum state { UNKNOWN, ZERO, COLD, HOT };

struct hotset {
	uint64_t size, nchunks;
	uint8_t *state;			/* enum state */
	uint8_t (*sha256)[SHA256_LEN];	/* COLD, HOT: of the chunk */
	blocks *blocks;			/* HOT */
	uint64_t nhot, max;
	uint8_t *chunk;			/* for reading one */
};

static void *map(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void unmap(void *p, uint64_t bytes)
{
	if (p)
		munmap(p, bytes);
}

int hotset_new(uint64_t size, uint64_t max, struct hotset **ret, struct err *err)
{
	CLEANUP(hotset_free) struct hotset *h = calloc(1, sizeof(*h));

	if (!h)
		return err_nomem(err);
	h->size = size;
	h->max = max;
	h->nchunks = DIV_ROUND_UP(size, PROTO_CHUNK_SIZE);
	h->state = map(h->nchunks);
	h->sha256 = map(h->nchunks * SHA256_LEN);
	h->blocks = map(h->nchunks * sizeof(blocks));
	h->chunk = fdio_alloc(PROTO_CHUNK_SIZE);
	if (!h->state || !h->sha256 || !h->blocks || !h->chunk)
		return err_nomem(err);
	*ret = TAKE_PTR(h);
	return 0;
}

void hotset_free(struct hotset *h)
{
	if (!h)
		return;
	unmap(h->state, h->nchunks);
	unmap(h->sha256, h->nchunks * SHA256_LEN);
	unmap(h->blocks, h->nchunks * sizeof(blocks));
	free(h->chunk);
	free(h);
}

static void set_state(struct hotset *h, uint64_t chunk, enum state s)
{
	h->nhot -= h->state[chunk] == HOT;
	h->nhot += s == HOT;
	h->state[chunk] = (uint8_t)s;
}

void hotset_data(struct hotset *h, uint64_t offset, const uint8_t sha256[static SHA256_LEN])
{
	uint64_t chunk = offset / PROTO_CHUNK_SIZE;

	memcpy(h->sha256[chunk], sha256, SHA256_LEN);
	set_state(h, chunk, COLD);
}

void hotset_zero(struct hotset *h, uint64_t offset, uint64_t length)
{
	for (uint64_t at = offset; at < offset + length; at += PROTO_CHUNK_SIZE)
		set_state(h, at / PROTO_CHUNK_SIZE, ZERO);
}

/* The digests of all chunks remain, those of blocks do not. */
static void cool(struct hotset *h)
{
	for (uint64_t i = 0; i < h->nchunks; i++)
		if (h->state[i] == HOT)
			set_state(h, i, COLD);
	(void)madvise(h->blocks, h->nchunks * sizeof(blocks), MADV_DONTNEED);
}

static int digest_failed(int r, struct err *err)
{
	return r < 0 ? err_code(err, -r, "cannot compute SHA-256") : 0;
}

static const uint8_t (*blocks_of(const struct hotset *h, uint64_t chunk))[SHA256_LEN]
{
	return (const uint8_t (*)[SHA256_LEN])h->blocks[chunk];
}

/* The digests of a chunk's blocks, from the image, whose content has to make the chunk's digest. */
static int heat(struct hotset *h, struct image *im, uint64_t chunk, uint32_t length,
		struct err *err)
{
	uint8_t sha256[SHA256_LEN];
	int r = im->ops->read(im, h->chunk, chunk * PROTO_CHUNK_SIZE, length, err);
	bool good;

	if (r < 0)
		return r;
	r = chunk_digest_blocks(h->chunk, length, h->blocks[chunk]);
	if (r >= 0)
		r = chunk_digest_join(blocks_of(h, chunk), DIV_ROUND_UP(length, PROTO_BLOCK_SIZE),
				      sha256);
	if (r < 0)
		return digest_failed(r, err);
	good = h->state[chunk] == ZERO ? is_zero(h->chunk, length)
				       : memcmp(sha256, h->sha256[chunk], SHA256_LEN) == 0;
	if (!good)
		return err_set(err, EILSEQ,
			       "the image does not hold what was sent for the chunk at 0x%" PRIx64,
			       chunk * PROTO_CHUNK_SIZE);
	set_state(h, chunk, HOT);
	return 0;
}

static int make_hot(struct hotset *h, struct image *im, uint64_t chunk, uint32_t length,
		    const struct hotset_base *base, struct err *err)
{
	if (h->state[chunk] == HOT)
		return 0;
	if (h->state[chunk] == UNKNOWN && base->kind == HOTSET_DIGEST)
		hotset_data(h, chunk * PROTO_CHUNK_SIZE, base->sha256);
	else if (h->state[chunk] == UNKNOWN && base->kind == HOTSET_ZERO)
		set_state(h, chunk, ZERO);
	if (h->state[chunk] == UNKNOWN)
		return err_set(err, EBADMSG,
			       "a part of the chunk at 0x%" PRIx64 ", which was never sent",
			       chunk * PROTO_CHUNK_SIZE);
	if (h->nhot >= h->max)
		cool(h);
	return heat(h, im, chunk, length, err);
}

int hotset_patch(struct hotset *h, struct image *im, const struct msg_patch *p,
		 const uint8_t *raw, const struct hotset_base *base,
		 uint8_t ret_sha256[static SHA256_LEN], struct err *err)
{
	uint64_t chunk = p->offset / PROTO_CHUNK_SIZE;
	uint32_t length = (uint32_t)MIN((uint64_t)PROTO_CHUNK_SIZE, h->size - p->offset);
	int r = make_hot(h, im, chunk, length, base, err);

	for (uint16_t i = 0; r >= 0 && i < p->npieces; i++) {
		const struct msg_piece *k = &p->pieces[i];

		r = im->ops->patch(im, raw, p->offset + k->offset, k->length, err);
		if (r >= 0)
			r = digest_failed(chunk_digest_blocks(raw, k->length,
							      h->blocks[chunk] +
							      k->offset / PROTO_BLOCK_SIZE), err);
		raw += k->length;
	}
	if (r >= 0)
		r = digest_failed(chunk_digest_join(blocks_of(h, chunk),
						    DIV_ROUND_UP(length, PROTO_BLOCK_SIZE),
						    h->sha256[chunk]), err);
	/* Half of it may be written: no later PATCH can count on it. */
	if (r < 0)
		set_state(h, chunk, UNKNOWN);
	else
		memcpy(ret_sha256, h->sha256[chunk], SHA256_LEN);
	return r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See chunk_digest.h. */
#include "wire/chunk_digest.h"

#include <string.h>
#include "common/compiler.h"
#include "common/iszero.h"
#include "common/sha256_pair.h"

#define BLOCK	((size_t)PROTO_BLOCK_SIZE)

/* The SHA-256 of 4096 zeroes. */
static const uint8_t zero_block[SHA256_LEN] = {
	0xad, 0x7f, 0xac, 0xb2, 0x58, 0x6f, 0xc6, 0xe9,
	0x66, 0xc0, 0x04, 0xd7, 0xd1, 0xd1, 0x6b, 0x02,
	0x4f, 0x58, 0x05, 0xff, 0x7c, 0xb4, 0x7c, 0x7a,
	0x85, 0xda, 0xbd, 0x8b, 0x48, 0x89, 0x2c, 0xa7,
};

/* The digests of whole blocks that have to be hashed, two by two; one may wait for another. */
struct hasher {
	const uint8_t *waiting;
	uint8_t *waiting_ret;
};

static int hash_whole(struct hasher *h, const uint8_t *p, uint8_t ret[static SHA256_LEN])
{
	const uint8_t *other = h->waiting;

	h->waiting = other ? NULL : p;
	if (other)
		return sha256_pair(other, p, BLOCK, h->waiting_ret, ret);
	h->waiting_ret = ret;
	return 0;
}

int chunk_digest_blocks(const void *raw, size_t len, uint8_t (*ret)[SHA256_LEN])
{
	struct hasher h = { .waiting = NULL };
	const uint8_t *p = raw;
	int r = 0;

	for (size_t pos = 0, n = 0; r >= 0 && pos < len; pos += BLOCK, n++) {
		size_t bytes = MIN(len - pos, BLOCK);

		if (bytes < BLOCK)
			r = digest_sha256(p + pos, bytes, ret[n]);
		else if (is_zero(p + pos, bytes))
			memcpy(ret[n], zero_block, SHA256_LEN);
		else
			r = hash_whole(&h, p + pos, ret[n]);
	}
	if (r >= 0 && h.waiting)
		r = digest_sha256(h.waiting, BLOCK, h.waiting_ret);
	return r;
}

int chunk_digest_join(const uint8_t (*blocks)[SHA256_LEN], size_t n,
		      uint8_t ret[static SHA256_LEN])
{
	return digest_sha256(blocks, n * SHA256_LEN, ret);
}

int chunk_digest(const void *raw, size_t len, uint8_t ret[static SHA256_LEN])
{
	uint8_t list[PROTO_CHUNK_BLOCKS][SHA256_LEN];
	int r = chunk_digest_blocks(raw, len, list);

	return r < 0 ? r
		     : chunk_digest_join((const uint8_t (*)[SHA256_LEN])list,
					 DIV_ROUND_UP(len, BLOCK), ret);
}

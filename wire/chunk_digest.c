/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See chunk_digest.h. */
#include "wire/chunk_digest.h"

#include <string.h>
#include "common/compiler.h"
#include "common/iszero.h"
#include "common/sha256_pair.h"
#include "wire/proto.h"

#define CLUSTERS	(PROTO_CHUNK_SIZE / PROTO_CLUSTER_SIZE)

/* The SHA-256 of 65536 zeroes. */
static const uint8_t zero_cluster[SHA256_LEN] = {
	0xde, 0x2f, 0x25, 0x60, 0x64, 0xa0, 0xaf, 0x79,
	0x77, 0x47, 0xc2, 0xb9, 0x75, 0x05, 0xdc, 0x0b,
	0x9f, 0x3d, 0xf0, 0xde, 0x4f, 0x48, 0x9e, 0xac,
	0x73, 0x1c, 0x23, 0xae, 0x9c, 0xa9, 0xcc, 0x31,
};

/* The digests of whole clusters that have to be hashed, two by two; one may wait for another. */
struct hasher {
	const uint8_t *waiting;
	uint8_t *waiting_ret;
};

static int hash_whole(struct hasher *h, const uint8_t *p, uint8_t ret[static SHA256_LEN])
{
	const uint8_t *other = h->waiting;

	h->waiting = other ? NULL : p;
	if (other)
		return sha256_pair(other, p, PROTO_CLUSTER_SIZE, h->waiting_ret, ret);
	h->waiting_ret = ret;
	return 0;
}

int chunk_digest(const void *raw, size_t len, uint8_t ret[static SHA256_LEN])
{
	uint8_t list[CLUSTERS][SHA256_LEN];
	struct hasher h = { .waiting = NULL };
	const uint8_t *p = raw;
	size_t n = 0;
	int r = 0;

	for (size_t pos = 0; r >= 0 && pos < len && n < CLUSTERS; pos += PROTO_CLUSTER_SIZE, n++) {
		size_t bytes = MIN(len - pos, (size_t)PROTO_CLUSTER_SIZE);

		if (bytes < PROTO_CLUSTER_SIZE)
			r = digest_sha256(p + pos, bytes, list[n]);
		else if (is_zero(p + pos, bytes))
			memcpy(list[n], zero_cluster, SHA256_LEN);
		else
			r = hash_whole(&h, p + pos, list[n]);
	}
	if (r >= 0 && h.waiting)
		r = digest_sha256(h.waiting, PROTO_CLUSTER_SIZE, h.waiting_ret);
	return r < 0 ? r : digest_sha256(list, n * SHA256_LEN, ret);
}

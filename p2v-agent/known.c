/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See known.h. The digests lie at their chunk's place: what is never touched takes no memory. */
#include "p2v-agent/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "wire/proto.h"

struct known {
	uint64_t size, chunks;
	struct bitmap *zero, *data;	/* what a chunk is there; neither: not there */
	uint8_t (*sha256)[SHA256_LEN];
};

static size_t digests_bytes(const struct known *k)
{
	return (size_t)k->chunks * SHA256_LEN;
}

int known_new(uint64_t size, struct known **ret)
{
	CLEANUP(known_free) struct known *k = calloc(1, sizeof(*k));
	void *p;

	if (!k)
		return -ENOMEM;
	k->size = size;
	k->chunks = DIV_ROUND_UP(size, PROTO_CHUNK_SIZE);
	if (bitmap_new(size, PROTO_CHUNK_SIZE, &k->zero) < 0 ||
	    bitmap_new(size, PROTO_CHUNK_SIZE, &k->data) < 0)
		return -ENOMEM;
	p = mmap(NULL, digests_bytes(k), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	k->sha256 = p;
	*ret = TAKE_PTR(k);
	return 0;
}

void known_free(struct known *k)
{
	if (!k)
		return;
	if (k->sha256)
		munmap(k->sha256, digests_bytes(k));
	bitmap_free(k->zero);
	bitmap_free(k->data);
	free(k);
}

void known_add(struct known *k, const struct msg_digests *d)
{
	uint64_t length = MIN(d->n * (uint64_t)PROTO_CHUNK_SIZE, k->size - d->offset);

	if (d->kind == PROTO_DIGESTS_ZERO) {
		bitmap_set_range(k->zero, d->offset, length);
		return;
	}
	bitmap_set_range(k->data, d->offset, length);
	memcpy(k->sha256[d->offset / PROTO_CHUNK_SIZE], d->sha256, (size_t)d->n * SHA256_LEN);
}

uint64_t known_settle(const struct known *k, const struct bitmap *used, struct bitmap *have)
{
	uint64_t pos = 0, off, len, sum = 0;

	while (used && pos < k->size && bitmap_next_run(k->zero, true, pos, &off, &len)) {
		for (uint64_t at = off; at < off + len; at += PROTO_CHUNK_SIZE) {
			uint64_t n = MIN((uint64_t)PROTO_CHUNK_SIZE, k->size - at);

			if (bitmap_any(used, at, n))
				continue;
			bitmap_set_range(have, at, n);
			sum += n;
		}
		pos = off + len;
	}
	return sum;
}

bool known_same(const struct known *k, uint64_t offset, const uint8_t *sha256)
{
	if (!sha256)
		return bitmap_test(k->zero, offset);
	return bitmap_test(k->data, offset) &&
	       memcmp(k->sha256[offset / PROTO_CHUNK_SIZE], sha256, SHA256_LEN) == 0;
}

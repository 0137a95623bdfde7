/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See disk_digest.h. */
#include "p2v-server/disk_digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/chunk_digest.h"
#include "wire/proto.h"

#define BATCH	1024u			/* digests of zero chunks that are hashed in one call */

struct disk_digest {
	struct sha256 *sha;
	uint8_t zeroes[BATCH][SHA256_LEN];
};

static const uint8_t zero_chunk[PROTO_CHUNK_SIZE];

static int failed(struct err *err)
{
	return err_set(err, EIO, "cannot compute SHA-256");
}

void disk_digest_free(struct disk_digest *d)
{
	if (!d)
		return;
	sha256_free(d->sha);
	free(d);
}

int disk_digest_new(struct disk_digest **ret, struct err *err)
{
	CLEANUP(disk_digest_free) struct disk_digest *d = calloc(1, sizeof(*d));

	if (!d || sha256_new(&d->sha) < 0)
		return err_nomem(err);
	if (chunk_digest(zero_chunk, sizeof(zero_chunk), d->zeroes[0]) < 0)
		return failed(err);
	for (size_t i = 1; i < BATCH; i++)
		memcpy(d->zeroes[i], d->zeroes[0], SHA256_LEN);
	*ret = TAKE_PTR(d);
	return 0;
}

int disk_digest_add(struct disk_digest *d, const uint8_t sha[static SHA256_LEN], struct err *err)
{
	return sha256_update(d->sha, sha, SHA256_LEN) < 0 ? failed(err) : 0;
}

int disk_digest_add_zeroes(struct disk_digest *d, uint64_t length, struct err *err)
{
	uint64_t n = length / PROTO_CHUNK_SIZE, rest = length % PROTO_CHUNK_SIZE;
	uint8_t sha[SHA256_LEN];

	for (uint64_t now; n > 0; n -= now) {
		now = MIN(n, (uint64_t)BATCH);
		if (sha256_update(d->sha, d->zeroes, now * SHA256_LEN) < 0)
			return failed(err);
	}
	if (rest == 0)
		return 0;
	if (chunk_digest(zero_chunk, rest, sha) < 0)
		return failed(err);
	return disk_digest_add(d, sha, err);
}

int disk_digest_final(struct disk_digest *d, char ret[static SHA256_HEX_LEN + 1], struct err *err)
{
	uint8_t sha[SHA256_LEN];

	if (sha256_final(d->sha, sha) < 0)
		return failed(err);
	digest_hex(sha, sizeof(sha), ret);
	return 0;
}

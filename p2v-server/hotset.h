/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The chunks of a disk that change again and again, and the digests of their blocks: so that a
 * PATCH of a few blocks costs the hashing of these, not the reading and hashing of a whole chunk.
 *
 *	cold --(read from the image, held against the chunk's digest)--> hot --patch--> hot
 *	         DATA, ZERO: the digest is the message's                  ^----------'
 *
 * Nothing of the image is taken on trust: the digests of blocks come from bytes that were found to
 * make the chunk's digest, or from what the agent sent. So the digest of a patched chunk is that of
 * what was sent, though most of the chunk was sent long ago, and verification at the end finds
 * every byte of the image that is not.
 *
 * Memory: 8 KiB for each hot chunk, at most HOTSET_MAX of them; more than that, and all are cold
 * again. Then 33 bytes for each chunk that was written.
 *
 * One thread, the image's writer's.
 */
#ifndef P2V_SERVER_HOTSET_H
#define P2V_SERVER_HOTSET_H

#include <stdint.h>
#include "common/cleanup.h"
#include "common/digest.h"
#include "common/err.h"
#include "convert/image.h"
#include "wire/msg.h"

#define HOTSET_MAX	16384u		/* 128 MiB */

/* What the journal said of a chunk before it was declared stale. */
struct hotset_base {
	enum { HOTSET_UNKNOWN, HOTSET_ZERO, HOTSET_DIGEST } kind;
	uint8_t sha256[SHA256_LEN];
};

struct hotset;

/* For a disk of size bytes; max: hot chunks at a time, at least 1. -ENOMEM. */
int hotset_new(uint64_t size, uint64_t max, struct hotset **ret, struct err *err);
void hotset_free(struct hotset *h);
DEFINE_CLEANUP(struct hotset *, hotset_free)

/* These were written. */
void hotset_data(struct hotset *h, uint64_t offset, const uint8_t sha256[static SHA256_LEN]);
void hotset_zero(struct hotset *h, uint64_t offset, uint64_t length);
/*
 * Write the pieces, whose bytes follow each other in raw, and tell the chunk's digest after it.
 * base: what is known of the chunk if we did not write it ourselves. -EILSEQ: the image does not
 * hold what it should; -EBADMSG: nothing is known of the chunk; else as the image.
 */
int hotset_patch(struct hotset *h, struct image *im, const struct msg_patch *p,
		 const uint8_t *raw, const struct hotset_base *base,
		 uint8_t ret_sha256[static SHA256_LEN], struct err *err);

#endif

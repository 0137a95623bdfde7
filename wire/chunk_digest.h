/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The digest of a chunk (docs/protocol.md, "The digest of a chunk"): the SHA-256 over the SHA-256s
 * of its blocks of 4 KiB, in order, of which the last may be short.
 *
 * A block of zeroes has a digest that is known, so it costs a look at its bytes and no hashing: of
 * a chunk that is half free, half is hashed, at the source, on arrival and when it is read back.
 * And who knows the digests of the blocks can tell that of the chunk after some of them changed,
 * without the others' bytes: a PATCH of a few blocks costs little more than these.
 *
 * Any thread.
 */
#ifndef P2V_WIRE_CHUNK_DIGEST_H
#define P2V_WIRE_CHUNK_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include "common/digest.h"
#include "wire/proto.h"

/* Of len bytes, 1 to PROTO_CHUNK_SIZE. -ENOMEM or -EIO when libcrypto fails, as all of these. */
int chunk_digest(const void *raw, size_t len, uint8_t ret[static SHA256_LEN]) WARN_UNUSED;
/* The digests of the blocks that len bytes are, DIV_ROUND_UP(len, PROTO_BLOCK_SIZE) of them. */
int chunk_digest_blocks(const void *raw, size_t len, uint8_t (*ret)[SHA256_LEN]) WARN_UNUSED;
/* What n such digests, those of a whole chunk, make. */
int chunk_digest_join(const uint8_t (*blocks)[SHA256_LEN], size_t n,
		      uint8_t ret[static SHA256_LEN]) WARN_UNUSED;

#endif

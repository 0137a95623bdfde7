/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The digest of a chunk (docs/protocol.md, "The digest of a chunk"): the SHA-256 over the SHA-256s
 * of its clusters of 64 KiB, in order, of which the last may be short.
 *
 * A cluster of zeroes has a digest that is known, so it costs a look at its bytes and no hashing:
 * of a chunk that is half free, half is hashed, at the source, on arrival and when it is read back.
 *
 * Any thread.
 */
#ifndef P2V_WIRE_CHUNK_DIGEST_H
#define P2V_WIRE_CHUNK_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include "common/digest.h"

/* Of len bytes, 1 to PROTO_CHUNK_SIZE. -ENOMEM or -EIO when libcrypto fails. */
int chunk_digest(const void *raw, size_t len, uint8_t ret[static SHA256_LEN]) WARN_UNUSED;

#endif

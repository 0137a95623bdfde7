/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A DATA message on its way from the connection to the image.
 *
 *	chunk_take() --> chunk_decode() --> chunk_write() --> chunk_drop()
 *
 * The message's bytes are copied once. When all clusters are raw they come to lie in aligned memory
 * in their places: the chunk is hashed there and written from there. Otherwise they lie as they
 * came, and are decoded into memory that the caller lends. So a chunk holds no more than its bytes
 * on the wire, and what is lent.
 *
 * One thread at a time.
 */
#ifndef P2V_SERVER_CHUNK_H
#define P2V_SERVER_CHUNK_H

#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"
#include "convert/image.h"
#include "wire/codec.h"
#include "wire/msg.h"

struct chunk {
	struct msg_data data;		/* clusters point into bytes */
	uint8_t *bytes;
	size_t size;			/* of bytes */
	bool in_place;			/* bytes are the chunk's content */
	const uint8_t *raw;		/* the content once decoded: bytes, or lent */
};

/* Copy the message. c is zeroed; after a failure it still is but for data. */
int chunk_take(struct chunk *c, const struct msg_data *d, struct err *err);
/*
 * Decode and hold against the SHA-256: as codec_decode(). spare: PROTO_CHUNK_SIZE bytes from
 * fdio_alloc(), lent until the chunk is written; may be NULL when it is in place.
 */
int chunk_decode(struct chunk *c, struct codec *codec, uint8_t *spare, struct err *err);
/* store_compressed: zstd clusters go into the image as they came. Needs no raw for those. */
int chunk_write(const struct chunk *c, struct image *im, bool store_compressed, struct err *err);
/* The bytes are done with; data stays, but for what clusters point to. */
void chunk_drop(struct chunk *c);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One thread per image: takes chunks in order, waits until they are decoded and found to match
 * their SHA-256 (decode.h), writes them, and says so.
 *
 *	receive --writer_data/zero/flush()--> queue ------> [write] --> image --> writer_next()
 *	                    \----> decode, shared -----------^
 *
 * What is pushed belongs to the writer and comes back, in the same order, through writer_next().
 * writer_fd() is readable when something came back. After the first failure every later item comes
 * back failed: nothing is written behind a hole.
 *
 * Memory is bounded by the protocol's credit, and the decoded chunks of decode.h: the caller pushes
 * only what the agent was allowed to send, so pushes never block for long. With a serial decode
 * there is no thread: a push does the work.
 */
#ifndef P2V_SERVER_WRITER_H
#define P2V_SERVER_WRITER_H

#include <stdbool.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "convert/image.h"
#include "p2v-server/chunk.h"
#include "p2v-server/decode.h"
#include "p2v-server/hotset.h"
#include "wire/msg.h"

enum writer_op { WRITER_DATA, WRITER_ZERO, WRITER_PATCH, WRITER_FLUSH };

struct writer_item {
	enum writer_op op;
	uint64_t id;			/* of the message */
	uint64_t offset, length;
	uint8_t reason;			/* ZERO */
	struct chunk chunk;		/* DATA */
	struct decode_ticket ticket;
	struct msg_patch *patch;	/* PATCH: with its bytes behind it */
	struct hotset_base base;	/* PATCH */
	uint8_t sha256[SHA256_LEN];	/* PATCH: the chunk's, after it */
	int code;			/* 0, or -errno with err filled */
	struct err err;
};

struct writer;

/*
 * Takes the image over; store_compressed: hand zstd clusters to the image as they came; live: there
 * may be patches. decode outlives the writer.
 */
int writer_new(struct image *im, bool store_compressed, bool live, struct decode *decode,
	       struct writer **ret, struct err *err);
/*
 * Ends the thread and closes the image. With make_durable what was pushed is written and flushed
 * first (the image's own close); without it the image is abandoned.
 */
int writer_end(struct writer *w, bool make_durable, struct err *err);
void writer_free(struct writer *w);	/* abandon */
DEFINE_CLEANUP(struct writer *, writer_free)

int writer_data(struct writer *w, const struct msg_data *d,
		struct err *err); /* copies the clusters */
int writer_zero(struct writer *w, const struct msg_zero *z, struct err *err);
/* base: of the chunk, as far as it is known. */
int writer_patch(struct writer *w, const struct msg_patch *p, const struct hotset_base *base,
		 struct err *err);
int writer_flush(struct writer *w, uint64_t id, struct err *err);
/* The next finished item (the caller frees it), or -EAGAIN. */
int writer_next(struct writer *w, struct writer_item **ret);
void writer_item_free(struct writer_item *it);
DEFINE_CLEANUP(struct writer_item *, writer_item_free)
int writer_fd(struct writer *w);
void writer_fd_clear(struct writer *w);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A growable byte buffer with a hard cap, used at its two ends: bytes are appended at the tail
 * and consumed from the head. It is the place where wire messages are built and taken apart.
 *
 *	data              head            tail           cap
 *	|---- consumed ----|---- unread ----|---- room ----|
 *
 * get_* consume big-endian values and fail with -EBADMSG instead of reading past the tail.
 * put_* append and fail with -ENOMEM, -EMSGSIZE past the hard cap, or -EROFS on a view. Whatever
 * fails leaves the buffer as it was. Memory: at most twice the hard cap. Not thread-safe.
 */
#ifndef P2V_COMMON_IOBUF_H
#define P2V_COMMON_IOBUF_H

#include <stdint.h>
#include <sys/types.h>
#include "common/cleanup.h"
#include "common/compiler.h"

struct iobuf {
	uint8_t *data;
	size_t head, tail, cap;
	size_t max;		/* hard cap on unread bytes */
	int borrowed;		/* data belongs to someone else; read-only */
};

void iobuf_init(struct iobuf *b, size_t max);
/* A read-only view of foreign bytes; done() does not free them. */
void iobuf_view(struct iobuf *b, const void *data, size_t len);
void iobuf_done(struct iobuf *b);
DEFINE_CLEANUP_VALUE(struct iobuf, iobuf_done)
void iobuf_reset(struct iobuf *b);		/* empty, keep the memory */

static inline size_t iobuf_len(const struct iobuf *b)
{
	return b->tail - b->head;
}

static inline const uint8_t *iobuf_ptr(const struct iobuf *b)
{
	/* An empty buffer may have no memory yet; callers still get a pointer they can pass on. */
	return b->data ? b->data + b->head : (const uint8_t *)"";
}

/* Make room for len more bytes and return where they go; iobuf_commit() then counts them in. */
int iobuf_reserve(struct iobuf *b, size_t len, uint8_t **ret_p) WARN_UNUSED;
void iobuf_commit(struct iobuf *b, size_t len);
/* Drop len bytes from the head; len <= iobuf_len(). */
void iobuf_consume(struct iobuf *b, size_t len);

int iobuf_put(struct iobuf *b, const void *p, size_t len) WARN_UNUSED;
int iobuf_put_u8(struct iobuf *b, uint8_t v) WARN_UNUSED;
int iobuf_put_u16(struct iobuf *b, uint16_t v) WARN_UNUSED;
int iobuf_put_u32(struct iobuf *b, uint32_t v) WARN_UNUSED;
int iobuf_put_u64(struct iobuf *b, uint64_t v) WARN_UNUSED;
/* u32 length, then the bytes. */
int iobuf_put_blob(struct iobuf *b, const void *p, uint32_t len) WARN_UNUSED;

int iobuf_get(struct iobuf *b, void *p, size_t len) WARN_UNUSED;
int iobuf_get_u8(struct iobuf *b, uint8_t *ret) WARN_UNUSED;
int iobuf_get_u16(struct iobuf *b, uint16_t *ret) WARN_UNUSED;
int iobuf_get_u32(struct iobuf *b, uint32_t *ret) WARN_UNUSED;
int iobuf_get_u64(struct iobuf *b, uint64_t *ret) WARN_UNUSED;
/*
 * u32 length, then that many bytes; fails with -EBADMSG when longer than max. *ret_p points into
 * the buffer and is valid until the next put or reset.
 */
int iobuf_get_blob(struct iobuf *b, uint32_t max, const uint8_t **ret_p,
		   uint32_t *ret_len) WARN_UNUSED;

#endif

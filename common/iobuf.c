/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When the tail reaches the end of the memory, the unread bytes are moved to its start only if
 * at least as many bytes were consumed, so a byte is moved once on average; else the memory grows.
 * That bounds the memory by twice the cap on unread bytes.
 */
#include "common/iobuf.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include "common/bytes.h"

#define IOBUF_FIRST_CAP	256

void iobuf_init(struct iobuf *b, size_t max)
{
	*b = (struct iobuf){ .max = max };
}

void iobuf_view(struct iobuf *b, const void *data, size_t len)
{
	*b = (struct iobuf){
		.data = (uint8_t *)(uintptr_t)data,
		.tail = len,
		.cap = len,
		.max = len,
		.borrowed = 1,
	};
}

void iobuf_done(struct iobuf *b)
{
	if (!b->borrowed)
		free(b->data);
	*b = (struct iobuf){ 0 };
}

void iobuf_reset(struct iobuf *b)
{
	if (b->borrowed)
		b->head = b->tail;
	else
		b->head = b->tail = 0;
}

static int grow(struct iobuf *b, size_t need)
{
	size_t unread = iobuf_len(b), cap;
	size_t limit = b->max > SIZE_MAX / 2 ? SIZE_MAX : b->max * 2;
	uint8_t *data;

	cap = b->cap > SIZE_MAX / 2 ? SIZE_MAX : b->cap * 2;
	cap = MIN(MAX(MAX(cap, need), (size_t)IOBUF_FIRST_CAP), MAX(limit, need));
	data = malloc(cap);
	if (!data)
		return -ENOMEM;
	if (unread)
		memcpy(data, b->data + b->head, unread);
	free(b->data);
	b->data = data;
	b->cap = cap;
	b->head = 0;
	b->tail = unread;
	return 0;
}

int iobuf_reserve(struct iobuf *b, size_t len, uint8_t **ret_p)
{
	size_t unread = iobuf_len(b);
	int r;

	if (b->borrowed)
		return -EROFS;
	if (unread > b->max || len > b->max - unread)
		return -EMSGSIZE;
	if (!b->data || len > b->cap - b->tail) {
		if (b->data && len <= b->cap - unread && b->head >= unread) {
			memmove(b->data, b->data + b->head, unread);
			b->head = 0;
			b->tail = unread;
		} else {
			r = grow(b, unread + len);
			if (r < 0)
				return r;
		}
	}
	*ret_p = b->data + b->tail;
	return 0;
}

void iobuf_commit(struct iobuf *b, size_t len)
{
	assert(!b->borrowed && len <= b->cap - b->tail);
	b->tail += len;
}

void iobuf_consume(struct iobuf *b, size_t len)
{
	assert(len <= iobuf_len(b));
	b->head += len;
	if (b->head == b->tail && !b->borrowed)
		b->head = b->tail = 0;
}

int iobuf_put(struct iobuf *b, const void *p, size_t len)
{
	uint8_t *to;
	int r;

	r = iobuf_reserve(b, len, &to);
	if (r < 0)
		return r;
	if (len)
		memcpy(to, p, len);
	iobuf_commit(b, len);
	return 0;
}

int iobuf_put_u8(struct iobuf *b, uint8_t v)
{
	return iobuf_put(b, &v, 1);
}

int iobuf_put_u16(struct iobuf *b, uint16_t v)
{
	uint8_t raw[2];

	put_be16(raw, v);
	return iobuf_put(b, raw, sizeof(raw));
}

int iobuf_put_u32(struct iobuf *b, uint32_t v)
{
	uint8_t raw[4];

	put_be32(raw, v);
	return iobuf_put(b, raw, sizeof(raw));
}

int iobuf_put_u64(struct iobuf *b, uint64_t v)
{
	uint8_t raw[8];

	put_be64(raw, v);
	return iobuf_put(b, raw, sizeof(raw));
}

int iobuf_put_blob(struct iobuf *b, const void *p, uint32_t len)
{
	uint8_t *to;
	int r;

	/* Both parts or neither: half a blob in the buffer could not be taken back. */
	r = iobuf_reserve(b, (size_t)len + 4, &to);
	if (r < 0)
		return r;
	put_be32(to, len);
	if (len)
		memcpy(to + 4, p, len);
	iobuf_commit(b, (size_t)len + 4);
	return 0;
}

int iobuf_get(struct iobuf *b, void *p, size_t len)
{
	if (len > iobuf_len(b))
		return -EBADMSG;
	if (len)
		memcpy(p, b->data + b->head, len);
	iobuf_consume(b, len);
	return 0;
}

int iobuf_get_u8(struct iobuf *b, uint8_t *ret)
{
	return iobuf_get(b, ret, 1);
}

int iobuf_get_u16(struct iobuf *b, uint16_t *ret)
{
	uint8_t raw[2];
	int r = iobuf_get(b, raw, sizeof(raw));

	if (r == 0)
		*ret = get_be16(raw);
	return r;
}

int iobuf_get_u32(struct iobuf *b, uint32_t *ret)
{
	uint8_t raw[4];
	int r = iobuf_get(b, raw, sizeof(raw));

	if (r == 0)
		*ret = get_be32(raw);
	return r;
}

int iobuf_get_u64(struct iobuf *b, uint64_t *ret)
{
	uint8_t raw[8];
	int r = iobuf_get(b, raw, sizeof(raw));

	if (r == 0)
		*ret = get_be64(raw);
	return r;
}

int iobuf_get_blob(struct iobuf *b, uint32_t max, const uint8_t **ret_p, uint32_t *ret_len)
{
	const uint8_t *p = iobuf_ptr(b);
	uint32_t len;

	if (iobuf_len(b) < 4)
		return -EBADMSG;
	len = get_be32(p);
	if (len > max || len > iobuf_len(b) - 4)
		return -EBADMSG;
	iobuf_consume(b, 4 + (size_t)len);
	*ret_p = p + 4;
	*ret_len = len;
	return 0;
}

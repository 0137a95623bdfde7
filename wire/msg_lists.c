/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See msg_lists.h. */
#include "wire/msg_lists.h"

#include <stdlib.h>

#include "wire/msg_field.h"

#define RANGES_FIXED	8
#define RANGE_FIXED	16
#define DIGESTS_FIXED	16

/* ranges */

int msg_lists_get_ranges(struct iobuf *b, struct msg *m, struct msg_have *h, struct err *err)
{
	uint32_t n;
	int r;

	MSG_GET(iobuf_get_u16(b, &h->disk));
	r = msg_field_get_reserved(b, m, 2, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u32(b, &n));
	if (n == 0 || n > PROTO_HAVE_MAX)
		return msg_field_fault(err, m, "number of ranges out of range");
	if ((uint64_t)n * RANGE_FIXED > iobuf_len(b))
		return msg_field_cut(err, m);
	h->ranges = calloc(n, sizeof(*h->ranges));
	if (!h->ranges)
		return err_nomem(err);
	h->n = n;
	for (uint32_t i = 0; i < n; i++) {
		MSG_GET(iobuf_get_u64(b, &h->ranges[i].offset));
		MSG_GET(iobuf_get_u64(b, &h->ranges[i].length));
	}
	return 0;
}

int msg_lists_check_ranges(const struct msg *m, const struct msg_have *h, struct err *err)
{
	uint64_t end = 0;

	if (h->n == 0 || h->n > PROTO_HAVE_MAX)
		return msg_field_fault(err, m, "number of ranges out of range");
	for (uint32_t i = 0; i < h->n; i++) {
		const struct msg_range *range = &h->ranges[i];
		int r = msg_field_check_range(m, range->offset, range->length, PROTO_CHUNK_SIZE,
					      err);

		if (r < 0)
			return r;
		if (i > 0 && range->offset <= end)
			return msg_field_fault(err, m, "ranges touch or are not in order");
		end = range->offset + range->length;
	}
	return 0;
}

int msg_lists_put_ranges(struct iobuf *b, const struct msg_have *h)
{
	MSG_PUT(iobuf_put_u16(b, h->disk));
	MSG_PUT(msg_field_put_reserved(b, 2));
	MSG_PUT(iobuf_put_u32(b, h->n));
	for (uint32_t i = 0; i < h->n; i++) {
		MSG_PUT(iobuf_put_u64(b, h->ranges[i].offset));
		MSG_PUT(iobuf_put_u64(b, h->ranges[i].length));
	}
	return 0;
}

uint64_t msg_lists_size_ranges(const struct msg_have *h)
{
	return RANGES_FIXED + (uint64_t)h->n * RANGE_FIXED;
}

/* digests */

static uint64_t digests_len(const struct msg_digests *d)
{
	return d->kind == PROTO_DIGESTS_DATA ? (uint64_t)d->n * SHA256_LEN : 0;
}

int msg_lists_get_digests(struct iobuf *b, struct msg *m, struct msg_digests *d, struct err *err)
{
	int r;

	MSG_GET(iobuf_get_u16(b, &d->disk));
	MSG_GET(iobuf_get_u8(b, &d->kind));
	r = msg_field_get_reserved(b, m, 1, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u32(b, &d->n));
	MSG_GET(iobuf_get_u64(b, &d->offset));
	if (digests_len(d) == 0)
		return 0;
	if (digests_len(d) > iobuf_len(b))
		return msg_field_cut(err, m);
	d->sha256 = iobuf_ptr(b);
	iobuf_consume(b, digests_len(d));
	return 0;
}

int msg_lists_check_digests(const struct msg *m, const struct msg_digests *d, struct err *err)
{
	if (d->kind != PROTO_DIGESTS_ZERO && d->kind != PROTO_DIGESTS_DATA)
		return msg_field_fault(err, m, "unknown kind");
	if (d->n == 0 || (d->kind == PROTO_DIGESTS_DATA && d->n > PROTO_DIGESTS_MAX))
		return msg_field_fault(err, m, "number of chunks out of range");
	return msg_field_check_range(m, d->offset, d->n * (uint64_t)PROTO_CHUNK_SIZE,
				     PROTO_CHUNK_SIZE, err);
}

int msg_lists_put_digests(struct iobuf *b, const struct msg_digests *d)
{
	MSG_PUT(iobuf_put_u16(b, d->disk));
	MSG_PUT(iobuf_put_u8(b, d->kind));
	MSG_PUT(msg_field_put_reserved(b, 1));
	MSG_PUT(iobuf_put_u32(b, d->n));
	MSG_PUT(iobuf_put_u64(b, d->offset));
	if (digests_len(d) > 0)
		MSG_PUT(iobuf_put(b, d->sha256, digests_len(d)));
	return 0;
}

uint64_t msg_lists_size_digests(const struct msg_digests *d)
{
	return DIGESTS_FIXED + digests_len(d);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DATA, ZERO, BAD: a chunk's bytes, ranges that read as zeroes, ranges that cannot be read. */
#include "wire/msg_layout.h"

#include <errno.h>
#include <stdbool.h>

#include "common/compiler.h"
#include "wire/msg_field.h"

/* Fixed parts of the payloads. */
#define DATA_FIXED	56
#define CLUSTER_FIXED	8
#define ZERO_FIXED	32
#define BAD_FIXED	32

/* DATA */

static int get_clusters(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_data *d = &m->data;
	int r;

	for (uint16_t i = 0; i < d->nclusters; i++) {
		struct msg_cluster *k = &d->clusters[i];

		MSG_GET(iobuf_get_u8(b, &k->codec));
		r = msg_field_get_reserved(b, m, 3, err);
		if (r < 0)
			return r;
		MSG_GET(iobuf_get_u32(b, &k->stored));
	}
	for (uint16_t i = 0; i < d->nclusters; i++) {
		struct msg_cluster *k = &d->clusters[i];

		if (k->stored > iobuf_len(b))
			return msg_field_cut(err, m);
		k->p = k->stored > 0 ? iobuf_ptr(b) : NULL;
		iobuf_consume(b, k->stored);
	}
	return 0;
}

static int get_data(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_data *d = &m->data;

	MSG_GET(iobuf_get_u64(b, &d->id));
	MSG_GET(iobuf_get_u16(b, &d->disk));
	MSG_GET(iobuf_get_u16(b, &d->nclusters));
	MSG_GET(iobuf_get_u32(b, &d->length));
	MSG_GET(iobuf_get_u64(b, &d->offset));
	MSG_GET(iobuf_get(b, d->sha256, sizeof(d->sha256)));
	if (d->nclusters > PROTO_CHUNK_CLUSTERS)
		return msg_field_fault(err, m, "too many clusters");
	return get_clusters(b, m, err);
}

static bool cluster_valid(const struct msg_cluster *k, uint32_t len)
{
	switch (k->codec) {
	case PROTO_CODEC_RAW:
		return k->stored == len;
	case PROTO_CODEC_ZSTD:
		return len == PROTO_CLUSTER_SIZE && k->stored >= 1 && k->stored < len;
	case PROTO_CODEC_ZERO:
		return k->stored == 0;
	default:
		return false;
	}
}

static int check_data(const struct msg *m, struct err *err)
{
	const struct msg_data *d = &m->data;
	int r;

	r = msg_field_check_id(m, d->id, err);
	if (r < 0)
		return r;
	if (d->length > PROTO_CHUNK_SIZE)
		return msg_field_fault(err, m, "longer than a chunk");
	r = msg_field_check_range(m, d->offset, d->length, PROTO_CHUNK_SIZE, err);
	if (r < 0)
		return r;
	if (d->nclusters != DIV_ROUND_UP(d->length, PROTO_CLUSTER_SIZE))
		return msg_field_fault(err, m, "wrong number of clusters");
	for (uint16_t i = 0; i < d->nclusters; i++) {
		uint32_t pos = i * PROTO_CLUSTER_SIZE;

		if (!cluster_valid(&d->clusters[i], MIN(d->length - pos, PROTO_CLUSTER_SIZE)))
			return msg_field_fault(err, m,
					       "a cluster has an unknown codec or a wrong size");
	}
	return 0;
}

static int put_data(struct iobuf *b, const struct msg *m)
{
	const struct msg_data *d = &m->data;

	MSG_PUT(iobuf_put_u64(b, d->id));
	MSG_PUT(iobuf_put_u16(b, d->disk));
	MSG_PUT(iobuf_put_u16(b, d->nclusters));
	MSG_PUT(iobuf_put_u32(b, d->length));
	MSG_PUT(iobuf_put_u64(b, d->offset));
	MSG_PUT(iobuf_put(b, d->sha256, sizeof(d->sha256)));
	for (uint16_t i = 0; i < d->nclusters; i++) {
		MSG_PUT(iobuf_put_u8(b, d->clusters[i].codec));
		MSG_PUT(msg_field_put_reserved(b, 3));
		MSG_PUT(iobuf_put_u32(b, d->clusters[i].stored));
	}
	for (uint16_t i = 0; i < d->nclusters; i++)
		if (d->clusters[i].stored > 0)
			MSG_PUT(iobuf_put(b, d->clusters[i].p, d->clusters[i].stored));
	return 0;
}

static uint64_t size_data(const struct msg *m)
{
	uint64_t n = DATA_FIXED + (uint64_t)m->data.nclusters * CLUSTER_FIXED;

	for (uint16_t i = 0; i < m->data.nclusters && i < PROTO_CHUNK_CLUSTERS; i++)
		n += m->data.clusters[i].stored;
	return n;
}

const struct msg_layout msg_copy_data = {
	.get = get_data,
	.check = check_data,
	.put = put_data,
	.size = size_data,
};

/* ZERO and BAD */

static int get_zero(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_zero *z = &m->zero;
	int r;

	MSG_GET(iobuf_get_u64(b, &z->id));
	MSG_GET(iobuf_get_u16(b, &z->disk));
	MSG_GET(iobuf_get_u8(b, &z->reason));
	r = msg_field_get_reserved(b, m, 5, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u64(b, &z->offset));
	MSG_GET(iobuf_get_u64(b, &z->length));
	return 0;
}

static int check_zero(const struct msg *m, struct err *err)
{
	const struct msg_zero *z = &m->zero;
	int r;

	r = msg_field_check_id(m, z->id, err);
	if (r < 0)
		return r;
	if (z->reason != PROTO_ZERO_FREE && z->reason != PROTO_ZERO_ZERO)
		return msg_field_fault(err, m, "unknown reason");
	return msg_field_check_range(m, z->offset, z->length, PROTO_CHUNK_SIZE, err);
}

static int put_zero(struct iobuf *b, const struct msg *m)
{
	const struct msg_zero *z = &m->zero;

	MSG_PUT(iobuf_put_u64(b, z->id));
	MSG_PUT(iobuf_put_u16(b, z->disk));
	MSG_PUT(iobuf_put_u8(b, z->reason));
	MSG_PUT(msg_field_put_reserved(b, 5));
	MSG_PUT(iobuf_put_u64(b, z->offset));
	MSG_PUT(iobuf_put_u64(b, z->length));
	return 0;
}

static uint64_t size_zero(const struct msg *m UNUSED)
{
	return ZERO_FIXED;
}

const struct msg_layout msg_copy_zero = {
	.get = get_zero,
	.check = check_zero,
	.put = put_zero,
	.size = size_zero,
};

static int get_bad(struct iobuf *b, struct msg *m, struct err *err)
{
	int r;

	MSG_GET(iobuf_get_u64(b, &m->bad.id));
	MSG_GET(iobuf_get_u16(b, &m->bad.disk));
	r = msg_field_get_reserved(b, m, 6, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u64(b, &m->bad.offset));
	MSG_GET(iobuf_get_u64(b, &m->bad.length));
	return 0;
}

static int check_bad(const struct msg *m, struct err *err)
{
	int r = msg_field_check_id(m, m->bad.id, err);

	if (r < 0)
		return r;
	return msg_field_check_range(m, m->bad.offset, m->bad.length, MSG_SECTOR, err);
}

static int put_bad(struct iobuf *b, const struct msg *m)
{
	MSG_PUT(iobuf_put_u64(b, m->bad.id));
	MSG_PUT(iobuf_put_u16(b, m->bad.disk));
	MSG_PUT(msg_field_put_reserved(b, 6));
	MSG_PUT(iobuf_put_u64(b, m->bad.offset));
	MSG_PUT(iobuf_put_u64(b, m->bad.length));
	return 0;
}

static uint64_t size_bad(const struct msg *m UNUSED)
{
	return BAD_FIXED;
}

const struct msg_layout msg_copy_bad = {
	.get = get_bad,
	.check = check_bad,
	.put = put_bad,
	.size = size_bad,
};

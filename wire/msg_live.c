/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disks that go on changing: STALE, PATCH and CHECK from the agent, DIFFER and CUTOVER from the
 * server. CUTOVER has nothing in it, as CLOSE has not.
 */
#include "wire/msg_layout.h"

#include <stdbool.h>

#include "common/compiler.h"
#include "wire/msg_field.h"
#include "wire/msg_lists.h"

#define PATCH_FIXED	60
#define PIECE_FIXED	8
#define ID_FIXED	8

/* STALE */

static int get_stale(struct iobuf *b, struct msg *m, struct err *err)
{
	MSG_GET(iobuf_get_u64(b, &m->stale.id));
	return msg_lists_get_ranges(b, m, &m->stale.what, err);
}

static int check_stale(const struct msg *m, struct err *err)
{
	int r = msg_field_check_id(m, m->stale.id, err);

	return r < 0 ? r : msg_lists_check_ranges(m, &m->stale.what, err);
}

static int put_stale(struct iobuf *b, const struct msg *m)
{
	MSG_PUT(iobuf_put_u64(b, m->stale.id));
	return msg_lists_put_ranges(b, &m->stale.what);
}

static uint64_t size_stale(const struct msg *m)
{
	return ID_FIXED + msg_lists_size_ranges(&m->stale.what);
}

const struct msg_layout msg_live_stale = {
	.get = get_stale,
	.check = check_stale,
	.put = put_stale,
	.size = size_stale,
};

/* PATCH */

static int get_patch(struct iobuf *b, struct msg *m, struct err *err)
{
	struct msg_patch *p = &m->patch;
	int r;

	MSG_GET(iobuf_get_u64(b, &p->id));
	MSG_GET(iobuf_get_u16(b, &p->disk));
	MSG_GET(iobuf_get_u16(b, &p->npieces));
	MSG_GET(iobuf_get_u8(b, &p->codec));
	r = msg_field_get_reserved(b, m, 3, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u64(b, &p->offset));
	MSG_GET(iobuf_get(b, p->sha256, sizeof(p->sha256)));
	MSG_GET(iobuf_get_u32(b, &p->stored));
	if (p->npieces > PROTO_PATCH_PIECES_MAX)
		return msg_field_fault(err, m, "too many pieces");
	for (uint16_t i = 0; i < p->npieces; i++) {
		MSG_GET(iobuf_get_u32(b, &p->pieces[i].offset));
		MSG_GET(iobuf_get_u32(b, &p->pieces[i].length));
	}
	if (p->stored > iobuf_len(b))
		return msg_field_cut(err, m);
	p->p = iobuf_ptr(b);
	iobuf_consume(b, p->stored);
	return 0;
}

/* Whole blocks, but for a piece that may end where the disk does: that is judged there. */
static bool pieces_valid(const struct msg_patch *p)
{
	uint64_t end = 0;

	for (uint16_t i = 0; i < p->npieces; i++) {
		const struct msg_piece *k = &p->pieces[i];
		bool last = i + 1 == p->npieces;

		if (k->offset % PROTO_BLOCK_SIZE || k->length == 0 || k->length % MSG_SECTOR ||
		    (!last && k->length % PROTO_BLOCK_SIZE) || (i > 0 && k->offset <= end) ||
		    (uint64_t)k->offset + k->length > PROTO_CHUNK_SIZE)
			return false;
		end = k->offset + k->length;
	}
	return p->npieces > 0;
}

static int check_patch(const struct msg *m, struct err *err)
{
	const struct msg_patch *p = &m->patch;
	uint32_t bytes;
	int r;

	r = msg_field_check_id(m, p->id, err);
	if (r >= 0)
		r = msg_field_check_range(m, p->offset, PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE, err);
	if (r < 0)
		return r;
	if (p->npieces > PROTO_PATCH_PIECES_MAX || !pieces_valid(p))
		return msg_field_fault(err, m, "its pieces are no blocks of a chunk, in order");
	bytes = msg_patch_bytes(p);
	if (p->codec == PROTO_PATCH_RAW ? p->stored != bytes
					: p->codec != PROTO_PATCH_ZSTD || p->stored == 0 ||
						  p->stored >= bytes)
		return msg_field_fault(err, m, "an unknown codec or a wrong size");
	return 0;
}

static int put_patch(struct iobuf *b, const struct msg *m)
{
	const struct msg_patch *p = &m->patch;

	MSG_PUT(iobuf_put_u64(b, p->id));
	MSG_PUT(iobuf_put_u16(b, p->disk));
	MSG_PUT(iobuf_put_u16(b, p->npieces));
	MSG_PUT(iobuf_put_u8(b, p->codec));
	MSG_PUT(msg_field_put_reserved(b, 3));
	MSG_PUT(iobuf_put_u64(b, p->offset));
	MSG_PUT(iobuf_put(b, p->sha256, sizeof(p->sha256)));
	MSG_PUT(iobuf_put_u32(b, p->stored));
	for (uint16_t i = 0; i < p->npieces; i++) {
		MSG_PUT(iobuf_put_u32(b, p->pieces[i].offset));
		MSG_PUT(iobuf_put_u32(b, p->pieces[i].length));
	}
	return iobuf_put(b, p->p, p->stored);
}

static uint64_t size_patch(const struct msg *m)
{
	return PATCH_FIXED + (uint64_t)m->patch.npieces * PIECE_FIXED + m->patch.stored;
}

const struct msg_layout msg_live_patch = {
	.get = get_patch,
	.check = check_patch,
	.put = put_patch,
	.size = size_patch,
};

/* CHECK */

static int get_check(struct iobuf *b, struct msg *m, struct err *err)
{
	MSG_GET(iobuf_get_u64(b, &m->check.id));
	return msg_lists_get_digests(b, m, &m->check.what, err);
}

static int check_check(const struct msg *m, struct err *err)
{
	int r = msg_field_check_id(m, m->check.id, err);

	return r < 0 ? r : msg_lists_check_digests(m, &m->check.what, err);
}

static int put_check(struct iobuf *b, const struct msg *m)
{
	MSG_PUT(iobuf_put_u64(b, m->check.id));
	return msg_lists_put_digests(b, &m->check.what);
}

static uint64_t size_check(const struct msg *m)
{
	return ID_FIXED + msg_lists_size_digests(&m->check.what);
}

const struct msg_layout msg_live_check = {
	.get = get_check,
	.check = check_check,
	.put = put_check,
	.size = size_check,
};

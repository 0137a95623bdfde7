/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/frame.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "wire/proto.h"

#define CHECKED_HEAD	8	/* the part of the header that the CRC covers */

static uint32_t frame_crc(const uint8_t *frame, uint32_t len)
{
	uint32_t crc = digest_crc32c(0, frame, CHECKED_HEAD);

	return digest_crc32c(crc, frame + PROTO_FRAME_HEADER, len);
}

int frame_peek(const struct iobuf *in, struct frame *ret, struct err *err)
{
	const uint8_t *p = iobuf_ptr(in);
	size_t have = iobuf_len(in);
	uint32_t len;

	/* Each field is judged as soon as it is there: no buffering for a frame that is lost
	 * anyway. */
	if (have < 4)
		return 0;
	len = get_be32(p);
	if (len > PROTO_PAYLOAD_MAX)
		return err_set(err, EBADMSG, "frame of %u bytes is longer than the %u allowed",
			       len, PROTO_PAYLOAD_MAX);
	if (have < CHECKED_HEAD)
		return 0;
	if (get_be16(p + 6) != 0)
		return err_set(err, EBADMSG, "frame with unknown flags 0x%04x", get_be16(p + 6));
	if (have < PROTO_FRAME_HEADER + (size_t)len)
		return 0;
	if (get_be32(p + 8) != frame_crc(p, len))
		return err_set(err, EBADMSG, "frame with a wrong check sum");

	ret->type = get_be16(p + 4);
	ret->payload = p + PROTO_FRAME_HEADER;
	ret->len = len;
	return 1;
}

int frame_begin(struct iobuf *out, size_t *ret_mark)
{
	static const uint8_t room[PROTO_FRAME_HEADER];
	size_t mark = iobuf_len(out);
	int r;

	r = iobuf_put(out, room, sizeof(room));
	if (r < 0)
		return r;
	*ret_mark = mark;
	return 0;
}

int frame_end(struct iobuf *out, size_t mark, uint16_t type, struct err *err)
{
	uint8_t *p = out->data + out->head + mark;
	size_t len;

	assert(iobuf_len(out) >= mark + PROTO_FRAME_HEADER);
	len = iobuf_len(out) - mark - PROTO_FRAME_HEADER;
	if (len > PROTO_PAYLOAD_MAX) {
		out->tail = out->head + mark;
		return err_set(err, EMSGSIZE, "frame of %zu bytes is longer than the %u allowed",
			       len, PROTO_PAYLOAD_MAX);
	}
	put_be32(p, (uint32_t)len);
	put_be16(p + 4, type);
	put_be16(p + 6, 0);
	put_be32(p + 8, frame_crc(p, (uint32_t)len));
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames: length, type, check sum. The lowest layer of the protocol; knows nothing of messages.
 * A frame whose CRC, flags or length is wrong is -EBADMSG and the connection is over: there is no
 * resynchronisation.
 */
#ifndef P2V_WIRE_FRAME_H
#define P2V_WIRE_FRAME_H

#include <stdint.h>
#include "common/err.h"
#include "common/iobuf.h"

struct frame {
	uint16_t type;			/* any value; msg.h knows which are defined */
	const uint8_t *payload;		/* inside the input buffer */
	uint32_t len;
};

/*
 * Look at the head of in. 1: *ret is filled, and the caller consumes frame_size(ret) bytes when
 * done with the payload. 0: more bytes are needed. -EBADMSG: oversized, flags not zero, bad CRC.
 */
int frame_peek(const struct iobuf *in, struct frame *ret, struct err *err);
static inline uint64_t frame_size(const struct frame *f)
{
	return (uint64_t)f->len + 12;
}

/*
 * Build a frame at the tail of out: frame_begin() leaves room for the header, the caller puts the
 * payload, frame_end() fills in length and CRC. mark is the value frame_begin() returned through
 * ret_mark (an offset from out->head).
 */
int frame_begin(struct iobuf *out, size_t *ret_mark);
int frame_end(struct iobuf *out, size_t mark, uint16_t type, struct err *err);

#endif

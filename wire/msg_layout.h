/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How each type of message is laid out and judged. Internal to msg*.c.
 *
 * get() takes the fields out of a payload and looks at what only the bytes can show (reserved
 * fields, lengths of text), check() judges the values and serves both directions, put() lays the
 * fields out, size() is their length. msg.c ties the layouts to the types; here they are by
 * family, in the order of docs/protocol.md:
 *
 *	msg_opening	what the two ends tell each other before the first byte is copied
 *	msg_copy	what is on the disk
 *	msg_live	disks that go on changing
 *	msg_control	answers, progress and partings
 */
#ifndef P2V_WIRE_MSG_LAYOUT_H
#define P2V_WIRE_MSG_LAYOUT_H

#include <stdint.h>
#include "common/err.h"
#include "common/iobuf.h"
#include "wire/msg.h"

struct msg_layout {
	/*
	 * m has its type and is zero otherwise; b is the payload. -EBADMSG, -ENOMEM; also then
	 * msg_done() frees what was allocated.
	 */
	int (*get)(struct iobuf *b, struct msg *m, struct err *err);
	int (*check)(const struct msg *m, struct err *err);	/* -EBADMSG */
	int (*put)(struct iobuf *b, const struct msg *m);	/* of a checked message; -errno */
	uint64_t (*size)(const struct msg *m);			/* of the payload, also unchecked */
};

extern const struct msg_layout msg_opening_hello, msg_opening_open, msg_opening_job,
	msg_opening_have, msg_opening_digests;
extern const struct msg_layout msg_copy_data, msg_copy_zero, msg_copy_bad;
extern const struct msg_layout msg_live_stale, msg_live_patch, msg_live_check;
/* id: ACK, FLUSH, FLUSHED; ping: PING, PONG, whose id may be any. */
extern const struct msg_layout msg_control_finish, msg_control_finished, msg_control_status,
	msg_control_error, msg_control_id, msg_control_ping, msg_control_ready, msg_control_close,
	msg_control_throttle;

#endif

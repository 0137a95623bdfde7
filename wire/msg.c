/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of types, and what is the same for all of them. How one type is laid out and judged
 * is its layout's business: msg_layout.h.
 */
#include "wire/msg.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/compiler.h"
#include "wire/msg_field.h"
#include "wire/msg_layout.h"

static const struct kind {
	const char *name;
	const struct msg_layout *layout;
} kinds[] = {
	[PROTO_HELLO] = { "HELLO", &msg_opening_hello },
	[PROTO_OPEN] = { "OPEN", &msg_opening_open },
	[PROTO_JOB] = { "JOB", &msg_opening_job },
	[PROTO_HAVE] = { "HAVE", &msg_opening_have },
	[PROTO_READY] = { "READY", &msg_control_ready },
	[PROTO_DATA] = { "DATA", &msg_copy_data },
	[PROTO_ZERO] = { "ZERO", &msg_copy_zero },
	[PROTO_ACK] = { "ACK", &msg_control_id },
	[PROTO_FLUSH] = { "FLUSH", &msg_control_id },
	[PROTO_FLUSHED] = { "FLUSHED", &msg_control_id },
	[PROTO_BAD] = { "BAD", &msg_copy_bad },
	[PROTO_FINISH] = { "FINISH", &msg_control_finish },
	[PROTO_FINISHED] = { "FINISHED", &msg_control_finished },
	[PROTO_ERROR] = { "ERROR", &msg_control_error },
	[PROTO_STATUS] = { "STATUS", &msg_control_status },
	[PROTO_PING] = { "PING", &msg_control_ping },
	[PROTO_PONG] = { "PONG", &msg_control_ping },
	[PROTO_CLOSE] = { "CLOSE", &msg_control_close },
	[PROTO_THROTTLE] = { "THROTTLE", &msg_control_throttle },
	[PROTO_DIGESTS] = { "DIGESTS", &msg_opening_digests },
	[PROTO_STALE] = { "STALE", &msg_live_stale },
	[PROTO_PATCH] = { "PATCH", &msg_live_patch },
	[PROTO_CHECK] = { "CHECK", &msg_live_check },
	[PROTO_DIFFER] = { "DIFFER", &msg_opening_have },
	[PROTO_CUTOVER] = { "CUTOVER", &msg_control_close },
};

static const struct kind *kind_of(uint16_t type)
{
	return type < ARRAY_SIZE(kinds) && kinds[type].name ? &kinds[type] : NULL;
}

int msg_decode(const struct frame *f, struct msg *ret, struct err *err)
{
	const struct kind *k = kind_of(f->type);
	struct msg m = { .type = f->type, .wire_size = (uint32_t)frame_size(f) };
	struct iobuf b;
	int r;

	if (!k)
		return err_set(err, EBADMSG, "unknown message type %u", f->type);
	iobuf_view(&b, f->payload, f->len);
	r = k->layout->get(&b, &m, err);
	if (r >= 0 && iobuf_len(&b) > 0)
		r = msg_field_fault(err, &m, "bytes after its end");
	if (r >= 0)
		r = k->layout->check(&m, err);
	if (r < 0) {
		msg_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

static void drop_ranges(struct msg_have *h)
{
	free(h->ranges);
	h->ranges = NULL;
	h->n = 0;
}

void msg_done(struct msg *m)
{
	if (m->type == PROTO_OPEN) {
		free(m->open.disks);
		m->open.disks = NULL;
		m->open.ndisks = 0;
	} else if (m->type == PROTO_HAVE || m->type == PROTO_DIFFER) {
		drop_ranges(&m->have);
	} else if (m->type == PROTO_STALE) {
		drop_ranges(&m->stale.what);
	}
}

/* Forget what was appended since the buffer held len bytes. */
static void take_back(struct iobuf *out, size_t len)
{
	out->tail = out->head + len;
}

int msg_encode(struct iobuf *out, const struct msg *m, struct err *err)
{
	const struct kind *k = kind_of(m->type);
	size_t before = iobuf_len(out), mark;
	uint8_t *room;
	int r;

	if (!k)
		return err_set(err, EBADMSG, "unknown message type %u", m->type);
	r = k->layout->check(m, err);
	if (r < 0)
		return r;
	/* All the room at once: the buffer grows, and copies what it holds, at most one time. */
	r = iobuf_reserve(out, msg_wire_size(m), &room);
	if (r >= 0)
		r = frame_begin(out, &mark);
	if (r >= 0)
		r = k->layout->put(out, m);
	if (r < 0) {
		take_back(out, before);
		return err_code(err, -r, "cannot queue a %s message", k->name);
	}
	assert(iobuf_len(out) - before == msg_wire_size(m));
	return frame_end(out, mark, m->type, err);
}

uint32_t msg_wire_size(const struct msg *m)
{
	const struct kind *k = kind_of(m->type);

	return PROTO_FRAME_HEADER + (k ? (uint32_t)k->layout->size(m) : 0);
}

uint64_t *msg_counted_id(struct msg *m)
{
	switch (m->type) {
	case PROTO_DATA:
		return &m->data.id;
	case PROTO_ZERO:
		return &m->zero.id;
	case PROTO_BAD:
		return &m->bad.id;
	case PROTO_STALE:
		return &m->stale.id;
	case PROTO_PATCH:
		return &m->patch.id;
	case PROTO_CHECK:
		return &m->check.id;
	case PROTO_FLUSH:
		return &m->id.id;
	case PROTO_FINISH:
		return &m->finish.id;
	default:
		return NULL;
	}
}

const char *msg_type_name(uint16_t type)
{
	static _Thread_local char unknown[sizeof("type 65535")];
	const struct kind *k = kind_of(type);

	if (k)
		return k->name;
	snprintf(unknown, sizeof(unknown), "type %u", type);
	return unknown;
}

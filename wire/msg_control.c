/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The small ones, which steer the conversation: FINISH and FINISHED, STATUS, ERROR, the bare ids
 * (ACK, FLUSH, FLUSHED, PING, PONG), READY, CLOSE and THROTTLE.
 */
#include "wire/msg_layout.h"

#include "common/compiler.h"
#include "wire/msg_field.h"

/* Fixed parts of the payloads. */
#define FINISH_FIXED	12
#define FINISHED_FIXED	4
#define STATUS_FIXED	24
#define ERROR_FIXED	8
#define ID_FIXED	8
#define CLOSE_FIXED	1
#define THROTTLE_FIXED	16

/* FINISH and FINISHED */

static int get_finish(struct iobuf *b, struct msg *m, struct err *err)
{
	MSG_GET(iobuf_get_u64(b, &m->finish.id));
	return msg_field_get_blob(b, m, PROTO_SUMMARY_MAX, "summary", &m->finish.summary, err);
}

static int check_finish(const struct msg *m, struct err *err)
{
	int r = msg_field_check_id(m, m->finish.id, err);

	if (r < 0)
		return r;
	return msg_field_check_blob(m, &m->finish.summary, PROTO_SUMMARY_MAX, "summary", err);
}

static int put_finish(struct iobuf *b, const struct msg *m)
{
	MSG_PUT(iobuf_put_u64(b, m->finish.id));
	MSG_PUT(iobuf_put_blob(b, m->finish.summary.p, m->finish.summary.len));
	return 0;
}

static uint64_t size_finish(const struct msg *m)
{
	return FINISH_FIXED + (uint64_t)m->finish.summary.len;
}

const struct msg_layout msg_control_finish = {
	.get = get_finish,
	.check = check_finish,
	.put = put_finish,
	.size = size_finish,
};

static int get_finished(struct iobuf *b, struct msg *m, struct err *err)
{
	return msg_field_get_blob(b, m, PROTO_SUMMARY_MAX, "summary", &m->finished.summary, err);
}

static int check_finished(const struct msg *m, struct err *err)
{
	return msg_field_check_blob(m, &m->finished.summary, PROTO_SUMMARY_MAX, "summary", err);
}

static int put_finished(struct iobuf *b, const struct msg *m)
{
	return iobuf_put_blob(b, m->finished.summary.p, m->finished.summary.len);
}

static uint64_t size_finished(const struct msg *m)
{
	return FINISHED_FIXED + (uint64_t)m->finished.summary.len;
}

const struct msg_layout msg_control_finished = {
	.get = get_finished,
	.check = check_finished,
	.put = put_finished,
	.size = size_finished,
};

/* STATUS */

static int get_status(struct iobuf *b, struct msg *m, struct err *err)
{
	int r;

	MSG_GET(iobuf_get_u8(b, &m->status.phase));
	r = msg_field_get_reserved(b, m, 7, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u64(b, &m->status.done));
	MSG_GET(iobuf_get_u64(b, &m->status.total));
	return 0;
}

static int check_status(const struct msg *m, struct err *err)
{
	if (m->status.phase < PROTO_PHASE_FLUSHING || m->status.phase > PROTO_PHASE_STARTING)
		return msg_field_fault(err, m, "unknown phase");
	if (m->status.done > m->status.total)
		return msg_field_fault(err, m, "more done than there is");
	return 0;
}

static int put_status(struct iobuf *b, const struct msg *m)
{
	MSG_PUT(iobuf_put_u8(b, m->status.phase));
	MSG_PUT(msg_field_put_reserved(b, 7));
	MSG_PUT(iobuf_put_u64(b, m->status.done));
	MSG_PUT(iobuf_put_u64(b, m->status.total));
	return 0;
}

static uint64_t size_status(const struct msg *m UNUSED)
{
	return STATUS_FIXED;
}

const struct msg_layout msg_control_status = {
	.get = get_status,
	.check = check_status,
	.put = put_status,
	.size = size_status,
};

/* ERROR */

static int get_error(struct iobuf *b, struct msg *m, struct err *err)
{
	int r;

	MSG_GET(iobuf_get_u16(b, &m->error.code));
	r = msg_field_get_reserved(b, m, 2, err);
	if (r < 0)
		return r;
	return msg_field_get_blob(b, m, PROTO_ERROR_TEXT_MAX, "text", &m->error.text, err);
}

static int check_error(const struct msg *m, struct err *err)
{
	/* Any code but 0: a later version may have more of them. */
	if (m->error.code == 0)
		return msg_field_fault(err, m, "code 0");
	return msg_field_check_blob(m, &m->error.text, PROTO_ERROR_TEXT_MAX, "text", err);
}

static int put_error(struct iobuf *b, const struct msg *m)
{
	MSG_PUT(iobuf_put_u16(b, m->error.code));
	MSG_PUT(msg_field_put_reserved(b, 2));
	MSG_PUT(iobuf_put_blob(b, m->error.text.p, m->error.text.len));
	return 0;
}

static uint64_t size_error(const struct msg *m)
{
	return ERROR_FIXED + (uint64_t)m->error.text.len;
}

const struct msg_layout msg_control_error = {
	.get = get_error,
	.check = check_error,
	.put = put_error,
	.size = size_error,
};

/* ACK, FLUSH, FLUSHED, PING, PONG: an id and nothing else */

static int get_id(struct iobuf *b, struct msg *m, struct err *err)
{
	MSG_GET(iobuf_get_u64(b, &m->id.id));
	return 0;
}

static int check_id(const struct msg *m, struct err *err)
{
	return msg_field_check_id(m, m->id.id, err);
}

static int put_id(struct iobuf *b, const struct msg *m)
{
	return iobuf_put_u64(b, m->id.id);
}

static uint64_t size_id(const struct msg *m UNUSED)
{
	return ID_FIXED;
}

const struct msg_layout msg_control_id = {
	.get = get_id,
	.check = check_id,
	.put = put_id,
	.size = size_id,
};

static int check_nothing(const struct msg *m UNUSED, struct err *err UNUSED)
{
	return 0;
}

const struct msg_layout msg_control_ping = {
	.get = get_id,
	.check = check_nothing,
	.put = put_id,
	.size = size_id,
};

/* READY and CLOSE */

static int get_ready(struct iobuf *b UNUSED, struct msg *m UNUSED, struct err *err UNUSED)
{
	return 0;
}

static int put_ready(struct iobuf *b UNUSED, const struct msg *m UNUSED)
{
	return 0;
}

static uint64_t size_ready(const struct msg *m UNUSED)
{
	return 0;
}

const struct msg_layout msg_control_ready = {
	.get = get_ready,
	.check = check_nothing,
	.put = put_ready,
	.size = size_ready,
};

static int get_close(struct iobuf *b, struct msg *m, struct err *err)
{
	return msg_field_get_reserved(b, m, CLOSE_FIXED, err);
}

static int check_close(const struct msg *m, struct err *err)
{
	return m->close.reserved ? msg_field_fault(err, m, "a reserved field is not zero") : 0;
}

static int put_close(struct iobuf *b, const struct msg *m UNUSED)
{
	return msg_field_put_reserved(b, CLOSE_FIXED);
}

static uint64_t size_close(const struct msg *m UNUSED)
{
	return CLOSE_FIXED;
}

const struct msg_layout msg_control_close = {
	.get = get_close,
	.check = check_close,
	.put = put_close,
	.size = size_close,
};

/* THROTTLE */

static int get_throttle(struct iobuf *b, struct msg *m, struct err *err)
{
	int r;

	MSG_GET(iobuf_get_u8(b, &m->throttle.mode));
	r = msg_field_get_reserved(b, m, 7, err);
	if (r < 0)
		return r;
	MSG_GET(iobuf_get_u64(b, &m->throttle.rate));
	return 0;
}

static int check_throttle(const struct msg *m, struct err *err)
{
	const struct msg_throttle *t = &m->throttle;

	if (t->mode > PROTO_THROTTLE_NONE)
		return msg_field_fault(err, m, "unknown mode");
	if ((t->mode == PROTO_THROTTLE_RATE) != (t->rate != 0))
		return msg_field_fault(err, m, "mode and rate contradict each other");
	return 0;
}

static int put_throttle(struct iobuf *b, const struct msg *m)
{
	MSG_PUT(iobuf_put_u8(b, m->throttle.mode));
	MSG_PUT(msg_field_put_reserved(b, 7));
	MSG_PUT(iobuf_put_u64(b, m->throttle.rate));
	return 0;
}

static uint64_t size_throttle(const struct msg *m UNUSED)
{
	return THROTTLE_FIXED;
}

const struct msg_layout msg_control_throttle = {
	.get = get_throttle,
	.check = check_throttle,
	.put = put_throttle,
	.size = size_throttle,
};

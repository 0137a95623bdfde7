/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two sessions brought to a given state with nothing on the way, and messages put into one of
 * them: for tests of single rules.
 */
#ifndef P2V_TESTS_SESSION_TALK_H
#define P2V_TESTS_SESSION_TALK_H

#include "tests/unit/test_session.h"

UNUSED static struct msg id_msg(uint16_t type, uint64_t id)
{
	return (struct msg){ .type = type, .id = { .id = id } };
}

UNUSED static struct msg zero_msg(uint16_t disk, uint64_t offset, uint64_t length)
{
	return (struct msg){ .type = PROTO_ZERO,
			     .zero = { disk, PROTO_ZERO_FREE, 0, offset, length } };
}

UNUSED static struct msg_disk two_disks[2] = {
	{ .name = "a", .size = LOOPBACK_DISK0_SIZE, .logical_sector = 512, .physical_sector = 512 },
	{ .name = "b", .size = LOOPBACK_DISK1_SIZE, .logical_sector = 512, .physical_sector = 512 },
};

UNUSED static struct msg open_msg(void)
{
	return (struct msg){ .type = PROTO_OPEN,
				.open = { .name = "job", .ndisks = 2, .disks = two_disks } };
}

UNUSED static struct msg job_msg(uint8_t state)
{
	return (struct msg){ .type = PROTO_JOB,
			     .job = { .state = state, .credit = PROTO_CREDIT_MIN } };
}

UNUSED static void send_ok(struct loopback *l, enum loopback_dir who, struct msg m)
{
	struct err err = ERR_INIT;

	ck_assert_msg(session_send(l->side[who].session, &m, &err) == 0, "%s: %s",
		      msg_type_name(m.type), err.text);
}

UNUSED static void send_fails(struct loopback *l, enum loopback_dir who, struct msg m, int want)
{
	struct iobuf *out = session_output(l->side[who].session);
	size_t before = iobuf_len(out);
	struct err err = ERR_INIT;
	int r = session_send(l->side[who].session, &m, &err);

	ck_assert_msg(r == want, "%s: %d (%s) instead of %d", msg_type_name(m.type), r, err.text,
		      want);
	ck_assert_int_eq(err.code, -want);
	ck_assert_uint_eq(iobuf_len(out), before);
}

UNUSED static void pump(struct loopback *l)
{
	while (loopback_pump(l))
		;
	ck_assert_msg(l->side[AGENT].result == 0, "%s", l->side[AGENT].err.text);
	ck_assert_msg(l->side[SERVER].result == 0, "%s", l->side[SERVER].err.text);
}

/* flags: PROTO_OPEN_*, that make no join */
UNUSED static void bring_with(struct loopback *l, uint32_t flags, enum session_state state,
			      uint8_t job_state)
{
	struct msg open = open_msg();

	loopback_init(l);
	if (state == SESSION_HELLO) {
		iobuf_reset(session_output(l->side[AGENT].session));
		return;
	}
	pump(l);
	if (state == SESSION_OPEN)
		return;
	open.open.flags = flags;
	send_ok(l, AGENT, open);
	pump(l);
	if (state == SESSION_JOB)
		return;
	send_ok(l, SERVER, job_msg(job_state));
	send_ok(l, SERVER, (struct msg){ .type = PROTO_READY });
	pump(l);
	if (state == SESSION_COPY || job_state == PROTO_JOB_COMPLETE)
		return;
	send_ok(l, AGENT, (struct msg){ .type = PROTO_FINISH });
	pump(l);
	if (state == SESSION_FINISH)
		return;
	send_ok(l, SERVER, (struct msg){ .type = PROTO_FINISHED });
	pump(l);
}

UNUSED static void bring_to(struct loopback *l, enum session_state state, uint8_t job_state)
{
	bring_with(l, 0, state, job_state);
}

/* Bytes straight into one side; the first result that is not a message, or the last message's type.
 */
UNUSED static int inject_bytes(struct loopback *l, enum loopback_dir to, const void *p, size_t len,
			struct err *err)
{
	struct session *s = l->side[to].session;
	struct msg m = { 0 };
	int r;

	ck_assert_int_eq(session_feed(s, p, len, NULL), 0);
	r = session_step(s, &m, err);
	return r == 1 ? m.type : r;
}

UNUSED static int inject(struct loopback *l, enum loopback_dir to, const struct msg *m,
			 struct err *err)
{
	CLEANUP(iobuf_done) struct iobuf b;

	iobuf_init(&b, 2 * PROTO_PAYLOAD_MAX);
	ck_assert_int_eq(msg_encode(&b, m, err), 0);
	return inject_bytes(l, to, iobuf_ptr(&b), iobuf_len(&b), err);
}

/* The ERROR that a side has queued: its code; 0 when there is none. Must be the last frame. */
UNUSED static uint16_t queued_error(struct loopback *l, enum loopback_dir who)
{
	struct iobuf *out = session_output(l->side[who].session);
	uint16_t code = 0;
	struct frame f;

	while (iobuf_len(out) > 0) {
		CLEANUP(msg_done) struct msg m = { 0 };

		ck_assert_uint_eq(code, 0);
		ck_assert_int_eq(frame_peek(out, &f, NULL), 1);
		ck_assert_int_eq(msg_decode(&f, &m, NULL), 0);
		if (m.type == PROTO_ERROR) {
			code = m.error.code;
			ck_assert_uint_gt(m.error.text.len, 0);
		}
		iobuf_consume(out, frame_size(&f));
	}
	return code;
}

UNUSED static void inject_fails(struct loopback *l, enum loopback_dir to, struct msg m, int want,
			 uint16_t code, const char *says)
{
	struct err err = ERR_INIT;
	int r = inject(l, to, &m, &err);
	uint16_t sent;

	ck_assert_msg(r == want, "%s (%s): %d, '%s'", msg_type_name(m.type), says, r, err.text);
	ck_assert_msg(strstr(err.text, says) != NULL, "'%s' does not say '%s'", err.text, says);
	sent = queued_error(l, to);
	ck_assert_msg(sent == code, "%s: sent code %u, wanted %u", says, sent, code);
	ck_assert_int_eq(session_get_state(l->side[to].session), SESSION_DEAD);
}

/* A message of a type that is well formed, and right where it may be sent. */
UNUSED static struct msg sample(uint16_t type)
{
	static struct msg_range range = { 0, MIB_ };
	static const uint8_t block[4096];
	struct msg m = { .type = type };

	switch (type) {
	case PROTO_HELLO:
		m.hello = (struct msg_hello){ .version = 1, .role = PROTO_ROLE_AGENT };
		break;
	case PROTO_OPEN:
		return open_msg();
	case PROTO_JOB:
		return job_msg(PROTO_JOB_RESUMED);
	case PROTO_HAVE:
		m.have = (struct msg_have){ 0, 1, &range };
		break;
	case PROTO_DATA:
		m.data = (struct msg_data){ .id = 1, .length = MIB_, .nclusters = 16 };
		for (int i = 0; i < 16; i++)
			m.data.clusters[i].codec = PROTO_CODEC_ZERO;
		break;
	case PROTO_ZERO:
		m = zero_msg(1, 0, MIB_);
		m.zero.id = 1;
		break;
	case PROTO_BAD:
		m.bad = (struct msg_bad){ .id = 1, .length = 512 };
		break;
	case PROTO_FINISH:
		m.finish.id = 1;
		break;
	case PROTO_STATUS:
		m.status.phase = PROTO_PHASE_FLUSHING;
		break;
	case PROTO_ERROR:
		m.error.code = PROTO_ERR_CANCELLED;
		break;
	case PROTO_DIGESTS:
		m.digests = (struct msg_digests){ .kind = PROTO_DIGESTS_ZERO, .n = 1 };
		break;
	case PROTO_STALE:
		m.stale = (struct msg_stale){ 1, { 0, 1, &range } };
		break;
	case PROTO_PATCH:
		m.patch = (struct msg_patch){ .id = 1, .npieces = 1, .pieces = { { 4096, 4096 } },
					      .stored = sizeof(block), .p = block };
		break;
	case PROTO_CHECK:
		m.check = (struct msg_check){ 1, { .kind = PROTO_DIGESTS_ZERO, .n = 1 } };
		break;
	case PROTO_DIFFER:
		m.have = (struct msg_have){ 0, 1, &range };
		break;
	case PROTO_ACK:
	case PROTO_FLUSH:
	case PROTO_FLUSHED:
	case PROTO_PING:
	case PROTO_PONG:
		m.id.id = 1;
		break;
	default:
		break;
	}
	return m;
}

#endif

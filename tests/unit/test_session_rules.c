/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session's rules one by one, and what is refused. */
#include "tests/unit/test_session_talk.h"

/* The greeting */

START_TEST(greeting_refusals)
{
	static const struct {
		uint16_t version;
		uint8_t role_of;		/* AGENT: right for the server */
		uint64_t must, may;
		int want;
		uint16_t code;
		const char *says;
	} cases[] = {
		{ 1, AGENT, 0, 0, PROTO_HELLO, 0, "" },
		{ 1, AGENT, 0, UINT64_MAX, PROTO_HELLO, 0, "" },
		{ 2, AGENT, 0, 0, PROTO_HELLO, 0, "" },
		{ 65535, AGENT, 0, 0, PROTO_HELLO, 0, "" },
		{ 0, AGENT, 0, 0, -EPROTONOSUPPORT, PROTO_ERR_VERSION, "version 0" },
		{ 1, AGENT, 1, 0, -EPROTONOSUPPORT, PROTO_ERR_FEATURE, "features 0x1" },
		{ 1, AGENT, UINT64_C(1) << 63, 0, -EPROTONOSUPPORT, PROTO_ERR_FEATURE,
	     "0x8000000000000000" },
		{ 1, SERVER, 0, 0, -EBADMSG, PROTO_ERR_PROTOCOL, "both ends" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned int to = AGENT; to <= SERVER; to++) {
			CLEANUP(loopback_done) struct loopback l;
			bool agent = (cases[i].role_of == AGENT) == (to == SERVER);
			struct msg m = {
				.type = PROTO_HELLO,
				.hello = {
					.version = cases[i].version,
					.role = agent ? PROTO_ROLE_AGENT : PROTO_ROLE_SERVER,
					.must = cases[i].must,
					.may = cases[i].may,
				},
			};

			bring_to(&l, SESSION_HELLO, 0);
			if (cases[i].want < 0) {
				inject_fails(&l, to, m, cases[i].want, cases[i].code,
					     cases[i].says);
				continue;
			}
			ck_assert_int_eq(inject(&l, to, &m, NULL), PROTO_HELLO);
			ck_assert_int_eq(session_get_state(l.side[to].session), SESSION_OPEN);
		}
	}
}
END_TEST

START_TEST(not_p2v_at_all)
{
	static const char *const texts[] = {
		"Welcome to Debian GNU/Linux!\n",
		"bash: p2v-server: command not found\n",
		"\0\0\0\4rubbish!rubbish!",
		"\0\0\0\1\0\1\0\1xxxxxxxxxxxx",
		"\1\2\3\4",
	};
	static const size_t lens[] = { 29, 36, 20, 20, 4 };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEANUP(loopback_done) struct loopback l;
		struct err err = ERR_INIT;

		bring_to(&l, SESSION_HELLO, 0);
		ck_assert_int_eq(inject_bytes(&l, AGENT, texts[i], lens[i], &err), -EBADMSG);
		ck_assert_msg(strstr(err.text, "does not speak the p2v protocol"), "%s", err.text);
		if (i == 1)
			ck_assert_ptr_nonnull(strstr(err.text, "command not found"));
		ck_assert_ptr_null(strchr(err.text, '\n'));
		ck_assert_uint_eq(queued_error(&l, AGENT), PROTO_ERR_PROTOCOL);
	}
}
END_TEST

START_TEST(ends_of_file)
{
	static const char *const says[] = {
		[SESSION_HELLO] = "without a word", [SESSION_OPEN] = "opening",
		[SESSION_JOB] = "answering",	[SESSION_COPY] = "copying",
		[SESSION_FINISH] = "finishing",
	};
	struct err err = ERR_INIT;

	for (unsigned int state = SESSION_HELLO; state <= SESSION_END; state++) {
		for (unsigned int who = AGENT; who <= SERVER; who++) {
			CLEANUP(loopback_done) struct loopback l;

			bring_to(&l, (enum session_state)state, PROTO_JOB_NEW);
			if (state == SESSION_END) {
				ck_assert_int_eq(session_eof(l.side[who].session, &err), 0);
				ck_assert_int_eq(session_feed(l.side[who].session, "x", 1, NULL),
						 0);
			} else {
				ck_assert_int_eq(session_eof(l.side[who].session, &err),
						 -ECONNRESET);
				ck_assert_msg(strstr(err.text, says[state]), "%s", err.text);
				ck_assert_int_eq(session_eof(l.side[who].session, NULL),
						 -ECONNRESET);
				ck_assert_int_eq(session_feed(l.side[who].session, "\0", 1, NULL),
						 0);
			}
			ck_assert_int_eq(session_eof(l.side[who].session, &err), -ECONNRESET);
			ck_assert_msg(strstr(err.text, state == SESSION_HELLO ? "\\x00" : "middle"),
				      "%s", err.text);
		}
	}
}
END_TEST

/* The rules of the conversation */

START_TEST(ranges_and_ids_from_the_agent)
{
	struct {
		struct msg m;
		const char *says;
	} cases[] = {
		{ zero_msg(2, 0, MIB_), "disk 2" },
		{ zero_msg(65535, 0, MIB_), "disk 65535" },
		{ zero_msg(0, 0, 4 * MIB_), "beyond" },
		{ zero_msg(1, 2 * MIB_, MIB_), "beyond" },
		{ zero_msg(0, 0, 512), "whole chunks" },
		{ zero_msg(0, MIB_, MIB_ + 1536), "whole chunks" },
		{ { .type = PROTO_BAD,
		    .bad = { .disk = 1, .offset = 2 * MIB_ - 512, .length = 1024 } },
	     "beyond" },
		{ { .type = PROTO_DATA,
	      .data = { .disk = 0, .offset = 3 * MIB_, .length = 1024, .nclusters = 1 } },
	     "whole chunk" },
		{ { .type = PROTO_DATA,
	      .data = { .disk = 0, .offset = 0, .length = 65536, .nclusters = 1 } },
	     "whole chunk" },
		{ { .type = PROTO_DATA,
	      .data = { .disk = 0, .offset = 4 * MIB_, .length = 512, .nclusters = 1 } },
	     "beyond" },
		{ { .type = PROTO_DATA,
		    .data = { .disk = 7, .offset = 0, .length = 512, .nclusters = 1 } },
	     "disk 7" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(loopback_done) struct loopback l;
		struct msg m = cases[i].m;

		m.type == PROTO_DATA ? (void)(m.data.clusters[0].codec = PROTO_CODEC_ZERO)
				     : (void)0;
		bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
		/* Our own side refuses to send it, and nothing is lost by that... */
		send_fails(&l, AGENT, m, -EINVAL);
		ck_assert_uint_eq(session_last_id(l.side[AGENT].session), 0);
		/* ...and the peer refuses to take it. */
		*msg_counted_id(&m) = 1;
		inject_fails(&l, SERVER, m, -EBADMSG, PROTO_ERR_PROTOCOL, cases[i].says);
	}
	for (uint64_t id = 1; id <= 4; id++) {
		CLEANUP(loopback_done) struct loopback l;
		struct msg m = zero_msg(0, 0, MIB_);

		bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
		send_ok(&l, AGENT, m);
		pump(&l);
		m.zero.id = id;
		if (id == 2)
			ck_assert_int_eq(inject(&l, SERVER, &m, NULL), PROTO_ZERO);
		else
			inject_fails(&l, SERVER, m, -EBADMSG, PROTO_ERR_PROTOCOL, "expected 2");
	}
}
END_TEST

START_TEST(last_chunks_are_exact)
{
	CLEANUP(loopback_done) struct loopback l;
	struct msg m = { .type = PROTO_DATA,
			.data = { .offset = 3 * MIB_, .length = 1536, .nclusters = 1 } };

	m.data.clusters[0].codec = PROTO_CODEC_ZERO;
	bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
	send_ok(&l, AGENT, m);
	send_ok(&l, AGENT, zero_msg(0, 0, LOOPBACK_DISK0_SIZE));
	send_ok(&l, AGENT, zero_msg(1, 0, LOOPBACK_DISK1_SIZE));
	send_ok(
		&l, AGENT,
		(struct msg){ .type = PROTO_BAD,
			 .bad = { .offset = 512, .length = LOOPBACK_DISK0_SIZE - 512 } });
	pump(&l);
	ck_assert_uint_eq(session_last_id(l.side[SERVER].session), 4);
}
END_TEST

START_TEST(acknowledgements)
{
	static const struct {
		uint16_t type;
		uint64_t id;
		bool good;
	} cases[] = {
		{ PROTO_ACK, 1, false },	{ PROTO_ACK, 2, false },
		{ PROTO_ACK, 3, true },		{ PROTO_ACK, 4, true },
		{ PROTO_ACK, 5, false },	{ PROTO_ACK, UINT64_MAX, false },
		{ PROTO_FLUSHED, 1, false },	{ PROTO_FLUSHED, 2, false },
		{ PROTO_FLUSHED, 3, true },	{ PROTO_FLUSHED, 4, true },
		{ PROTO_FLUSHED, 5, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(loopback_done) struct loopback l;
		struct msg m = id_msg(cases[i].type, cases[i].id);

		bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
		send_ok(&l, AGENT, zero_msg(0, 0, MIB_));
		send_ok(&l, AGENT, zero_msg(0, MIB_, MIB_));
		send_ok(&l, AGENT, id_msg(PROTO_FLUSH, 0));
		send_ok(&l, AGENT, id_msg(PROTO_FLUSH, 0));
		pump(&l);
		send_ok(&l, SERVER, id_msg(PROTO_ACK, 2));
		pump(&l);
		ck_assert_uint_eq(session_acked_payload(l.side[AGENT].session), 2 * MIB_);
		if (!cases[i].good) {
			/* Saying again what was said is not sent; anything else is our bug. */
			if (m.type == PROTO_ACK && m.id.id <= 2)
				send_ok(&l, SERVER, m);
			else
				send_fails(&l, SERVER, m, -EINVAL);
			ck_assert_uint_eq(iobuf_len(session_output(l.side[SERVER].session)), 0);
			inject_fails(&l, AGENT, m, -EBADMSG, PROTO_ERR_PROTOCOL,
				     msg_type_name(m.type));
			continue;
		}
		send_ok(&l, SERVER, m);
		pump(&l);
		ck_assert_uint_eq(session_acked_id(l.side[AGENT].session), m.id.id);
		ck_assert_uint_eq(session_durable_id(l.side[AGENT].session),
				  m.type == PROTO_FLUSHED ? m.id.id : 0);
		/* An answer to the second FLUSH was one to the first as well. */
		if (m.type == PROTO_FLUSHED && m.id.id == 4)
			send_fails(&l, SERVER, id_msg(PROTO_FLUSHED, 3), -EINVAL);
	}
}
END_TEST

START_TEST(have_rules)
{
	struct msg_range a = { 0, MIB_ }, b = { MIB_, MIB_ }, c = { 2 * MIB_, MIB_ },
			 tail = { 3 * MIB_, 1536 }, big = { 0, 4 * MIB_ }, part = { 0, 1536 };
	const struct {
		struct msg_have first, second;
		const char *says;		/* NULL: fine */
	} cases[] = {
		{ { 0, 1, &a }, { 0, 1, &c }, NULL },
		{ { 0, 1, &c }, { 1, 1, &a }, NULL },
		{ { 0, 1, &a }, { 0, 1, &tail }, NULL },
		{ { 0, 1, &a }, { 0, 1, &b }, "touch" },
		{ { 0, 1, &c }, { 0, 1, &a }, "order" },
		{ { 1, 1, &a }, { 0, 1, &a }, "order" },
		{ { 0, 1, &a }, { 0, 1, &a }, "order" },
		{ { 0, 1, &a }, { 2, 1, &a }, "disk 2" },
		{ { 0, 1, &a }, { 1, 1, &big }, "beyond" },
		{ { 0, 1, &a }, { 1, 1, &part }, "whole chunks" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(loopback_done) struct loopback l;
		struct msg m = { .type = PROTO_HAVE, .have = cases[i].first };

		bring_to(&l, SESSION_JOB, 0);
		send_fails(&l, SERVER, m, -EINVAL);
		send_ok(&l, SERVER, job_msg(PROTO_JOB_RESUMED));
		send_fails(&l, SERVER, job_msg(PROTO_JOB_RESUMED), -EINVAL);
		send_ok(&l, SERVER, m);
		pump(&l);
		m.have = cases[i].second;
		if (!cases[i].says) {
			send_ok(&l, SERVER, m);
			pump(&l);
			continue;
		}
		send_fails(&l, SERVER, m, -EINVAL);
		inject_fails(&l, AGENT, m, -EBADMSG, PROTO_ERR_PROTOCOL, cases[i].says);
	}
	for (uint8_t state = PROTO_JOB_NEW; state <= PROTO_JOB_COMPLETE; state += 2) {
		CLEANUP(loopback_done) struct loopback l;
		struct msg m = { .type = PROTO_HAVE, .have = { 0, 1, &a } };

		bring_to(&l, SESSION_JOB, 0);
		send_ok(&l, SERVER, job_msg(state));
		pump(&l);
		send_fails(&l, SERVER, m, -EINVAL);
		inject_fails(&l, AGENT, m, -EBADMSG, PROTO_ERR_PROTOCOL, "not resumed");
	}
}
END_TEST

/* A chunk that does not shrink. */
static struct msg raw_chunk(void)
{
	static uint8_t bytes[PROTO_CLUSTER_SIZE];
	struct msg m = { .type = PROTO_DATA, .data = { .length = MIB_, .nclusters = 16 } };

	for (int i = 0; i < 16; i++)
		m.data.clusters[i] = (struct msg_cluster){ PROTO_CODEC_RAW, sizeof(bytes), bytes };
	return m;
}

START_TEST(credit_is_kept_and_demanded)
{
	CLEANUP(loopback_done) struct loopback l;
	struct msg m = raw_chunk();
	unsigned int n = 0;

	bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
	/* 4 MiB of credit: three whole frames, for a frame is a little more than its chunk. */
	while (session_send(l.side[AGENT].session, &m, NULL) == 0)
		n++;
	ck_assert_uint_eq(n, 3);
	send_fails(&l, AGENT, m, -EAGAIN);
	ck_assert_uint_eq(session_in_flight(l.side[AGENT].session), 3 * msg_wire_size(&m));
	pump(&l);
	send_fails(&l, AGENT, m, -EAGAIN);
	send_ok(&l, AGENT, zero_msg(0, 0, MIB_));
	pump(&l);
	send_ok(&l, SERVER, id_msg(PROTO_ACK, 1));
	pump(&l);
	send_ok(&l, AGENT, m);
	pump(&l);
	/* The server holds the agent to it. */
	m.data.id = 6;
	inject_fails(&l, SERVER, m, -EBADMSG, PROTO_ERR_PROTOCOL, "credit");
}
END_TEST

START_TEST(flushes_are_bounded)
{
	CLEANUP(loopback_done) struct loopback l;

	bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
	for (unsigned int i = 0; i < PROTO_FLUSH_MAX; i++)
		send_ok(&l, AGENT, id_msg(PROTO_FLUSH, 0));
	send_fails(&l, AGENT, id_msg(PROTO_FLUSH, 0), -EAGAIN);
	pump(&l);
	send_ok(&l, SERVER, id_msg(PROTO_FLUSHED, 2));
	pump(&l);
	send_ok(&l, AGENT, id_msg(PROTO_FLUSH, 0));
	send_ok(&l, AGENT, id_msg(PROTO_FLUSH, 0));
	pump(&l);
	inject_fails(&l, SERVER, id_msg(PROTO_FLUSH, PROTO_FLUSH_MAX + 3), -EBADMSG,
		     PROTO_ERR_PROTOCOL, "FLUSHes");
}
END_TEST

START_TEST(pings)
{
	CLEANUP(loopback_done) struct loopback l, flooded;
	struct err err = ERR_INIT;
	struct msg ping = id_msg(PROTO_PING, 0);

	bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
	for (uint64_t i = 0; i < PROTO_PING_MAX; i++)
		send_ok(&l, AGENT, id_msg(PROTO_PING, i * 1000));
	send_fails(&l, AGENT, id_msg(PROTO_PING, 1), -EAGAIN);
	pump(&l);
	send_ok(&l, AGENT, id_msg(PROTO_PING, 7));
	send_ok(&l, AGENT, id_msg(PROTO_PING, 8));
	iobuf_reset(session_output(l.side[AGENT].session));
	inject_fails(&l, AGENT, id_msg(PROTO_PONG, 8), -EBADMSG, PROTO_ERR_PROTOCOL,
		     "answers no PING");

	/* A peer that does not read its answers has to stop asking; one that reads goes on for
	 * ever. */
	bring_to(&flooded, SESSION_COPY, PROTO_JOB_NEW);
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(inject(&flooded, SERVER, &ping, &err), 0);
		iobuf_reset(session_output(flooded.side[SERVER].session));
	}
	for (unsigned int i = 0; i < PROTO_PING_MAX; i++)
		ck_assert_int_eq(inject(&flooded, SERVER, &ping, &err), 0);
	inject_fails(&flooded, SERVER, ping, -EBADMSG, PROTO_ERR_PROTOCOL, "PINGs");
}
END_TEST

START_TEST(output_is_bounded)
{
	CLEANUP(loopback_done) struct loopback l;
	static struct msg_range ranges[PROTO_HAVE_MAX];
	struct msg m = { .type = PROTO_HAVE, .have = { .n = PROTO_HAVE_MAX, .ranges = ranges } };
	unsigned int n = 0;
	uint64_t at = 0;
	int r;

	two_disks[0].size = PROTO_DISK_SIZE_MAX;
	bring_to(&l, SESSION_JOB, 0);
	send_ok(&l, SERVER, job_msg(PROTO_JOB_RESUMED));
	do {
		for (uint32_t i = 0; i < PROTO_HAVE_MAX; i++, at += 2 * MIB_)
			ranges[i] = (struct msg_range){ at, MIB_ };
		r = session_send(l.side[SERVER].session, &m, NULL);
		n++;
	} while (r == 0 && n < 100);
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_uint_le(iobuf_len(session_output(l.side[SERVER].session)), SESSION_OUTPUT_MAX);
	/* Still room for the last word. */
	session_send_error(l.side[SERVER].session, PROTO_ERR_CANCELLED, "enough");
	ck_assert_uint_eq(queued_error(&l, SERVER), PROTO_ERR_CANCELLED);
}
END_TEST

START_TEST(input_is_bounded)
{
	CLEANUP(loopback_done) struct loopback l;
	static uint8_t bytes[SESSION_FEED_MAX];
	uint8_t head[PROTO_FRAME_HEADER] = { 0 };
	struct session *s;
	struct err err = ERR_INIT;
	struct msg m;
	uint8_t *p;
	size_t room;

	bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
	s = l.side[SERVER].session;
	/* The largest frame less a byte, and as much again as a feed may bring. */
	put_be32(head, PROTO_PAYLOAD_MAX);
	put_be16(head + 4, PROTO_DATA);
	ck_assert_int_eq(session_feed(s, head, sizeof(head), NULL), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(session_step(s, &m, NULL), 0);
		ck_assert_int_eq(session_feed(s, bytes, sizeof(bytes) - (i == 0), NULL), 0);
	}
	ck_assert_int_eq(session_step(s, &m, NULL), 0);
	ck_assert_int_eq(session_feed_reserve(s, SESSION_FEED_MAX, &p, &room, &err), 0);
	ck_assert_uint_ge(room, SESSION_FEED_MAX);
	memset(p, 0, SESSION_FEED_MAX);
	session_feed_commit(s, SESSION_FEED_MAX);
	/* Not stepped: no room for more than a byte, and that is no disaster. */
	ck_assert_int_eq(session_feed(s, bytes, sizeof(bytes), &err), -EMSGSIZE);
	ck_assert_int_eq(session_step(s, &m, &err), -EBADMSG);
	/* Dead: takes all and keeps none. */
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(session_feed(s, bytes, sizeof(bytes), &err), 0);
		ck_assert_int_eq(session_feed_reserve(s, 1, &p, &room, &err), 0);
		session_feed_commit(s, room);
	}
}
END_TEST

START_TEST(oversized)
{
	static const uint8_t head[4] = { 0x00, 0x40, 0x00, 0x01 };

	for (unsigned int to = AGENT; to <= SERVER; to++) {
		CLEANUP(loopback_done) struct loopback l;
		struct err err = ERR_INIT;

		bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
		ck_assert_int_eq(inject_bytes(&l, to, head, sizeof(head), &err), -EBADMSG);
		ck_assert_msg(strstr(err.text, "longer than"), "%s", err.text);
		ck_assert_uint_eq(queued_error(&l, to), PROTO_ERR_PROTOCOL);
	}
}
END_TEST

START_TEST(status_phases)
{
	CLEANUP(loopback_done) struct loopback l;
	struct msg m = sample(PROTO_STATUS);

	m.status.phase = PROTO_PHASE_VERIFYING;
	bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
	send_fails(&l, SERVER, m, -EINVAL);
	m.status.phase = PROTO_PHASE_STARTING;
	send_fails(&l, SERVER, m, -EINVAL);
	m.status.phase = PROTO_PHASE_VERIFYING;
	inject_fails(&l, AGENT, m, -EBADMSG, PROTO_ERR_PROTOCOL, "before FINISH");
	loopback_done(&l);
	bring_to(&l, SESSION_FINISH, PROTO_JOB_NEW);
	send_ok(&l, SERVER, m);
	m.status.phase = PROTO_PHASE_STARTING;
	send_ok(&l, SERVER, m);
	pump(&l);
}
END_TEST

/* Before the greeting no one may make the other wait for megabytes. */
START_TEST(first_frame_is_short)
{
	for (uint32_t len = 2048; len <= 2049; len++) {
		for (unsigned int to = AGENT; to <= SERVER; to++) {
			CLEANUP(loopback_done) struct loopback l;
			struct err err = ERR_INIT;
			uint8_t head[4];

			put_be32(head, len);
			bring_to(&l, SESSION_HELLO, 0);
			ck_assert_int_eq(inject_bytes(&l, to, head, sizeof(head), &err),
					 len == 2048 ? 0 : -EBADMSG);
		}
	}
}
END_TEST

START_TEST(errors_end_it)
{
	for (unsigned int who = AGENT; who <= SERVER; who++) {
		unsigned int other = who == AGENT ? SERVER : AGENT;
		CLEANUP(loopback_done) struct loopback l;
		char *text = calloc(1, 5001);
		struct judge j;

		memset(text, 'x', 5000);
		memcpy(text, "disk \033[31mfull", 14);
		bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
		j = (struct judge){ .l = &l, .what = "error" };
		j.seen[PROTO_HELLO][AGENT] = j.seen[PROTO_HELLO][SERVER] = 1;
		l.judge = judge_msg;
		l.judge_opaque = &j;
		session_send_error(l.side[who].session, PROTO_ERR_SPACE, text);
		session_send_error(l.side[who].session, PROTO_ERR_IO, "again");
		free(text);
		while (loopback_pump(&l))
			;
		/* Handed on as a message, and then the end of the session is its reason. */
		ck_assert_uint_eq(j.seen[PROTO_ERROR][other], 1);
		ck_assert_int_eq(l.side[other].result, -ENOSPC);
		ck_assert_msg(strstr(l.side[other].err.text, "gave up: disk \\x1b[31mfull"), "%s",
			      l.side[other].err.text);
		ck_assert_uint_eq(l.side[other].errors_sent, 0);
		ck_assert_uint_eq(l.side[who].errors_sent, 1);
		ck_assert_int_eq(outcome(&l, other, "error"), FAILED);
		send_fails(&l, who, id_msg(PROTO_PING, 1), -EPIPE);
	}
}
END_TEST

START_TEST(unknown_error_codes)
{
	CLEANUP(loopback_done) struct loopback l;
	struct msg m = { .type = PROTO_ERROR, .error = { .code = 4711 } };
	struct err err = ERR_INIT;

	bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
	ck_assert_int_eq(inject(&l, AGENT, &m, &err), PROTO_ERROR);
	ck_assert_int_eq(session_step(l.side[AGENT].session, &m, &err), -EREMOTEIO);
	ck_assert_msg(strstr(err.text, "unknown error"), "%s", err.text);
}
END_TEST

START_TEST(after_close)
{
	CLEANUP(loopback_done) struct loopback l;
	struct msg m = id_msg(PROTO_PING, 1);
	struct err err = ERR_INIT;

	bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
	send_ok(&l, AGENT, zero_msg(0, 0, MIB_));
	send_ok(&l, AGENT, id_msg(PROTO_FLUSH, 0));
	send_ok(&l, AGENT, (struct msg){ .type = PROTO_CLOSE });
	ck_assert_int_eq(session_get_state(l.side[AGENT].session), SESSION_END);
	send_fails(&l, AGENT, zero_msg(0, 0, MIB_), -EINVAL);
	send_fails(&l, AGENT, m, -EINVAL);
	send_fails(&l, AGENT, (struct msg){ .type = PROTO_CLOSE }, -EINVAL);
	pump(&l);
	ck_assert_int_eq(session_get_state(l.side[SERVER].session), SESSION_END);
	/* The server answers what it has, and the agent may listen; it would not hear a question.
	 */
	send_ok(&l, SERVER, id_msg(PROTO_ACK, 1));
	send_ok(&l, SERVER, id_msg(PROTO_FLUSHED, 2));
	send_fails(&l, SERVER, m, -EINVAL);
	pump(&l);
	ck_assert_uint_eq(session_durable_id(l.side[AGENT].session), 2);
	ck_assert_int_eq(session_eof(l.side[AGENT].session, &err), 0);
	ck_assert_int_eq(session_eof(l.side[SERVER].session, &err), 0);
	inject_fails(&l, SERVER, m, -EBADMSG, PROTO_ERR_PROTOCOL, "closed");
}
END_TEST

START_TEST(close_crosses_the_end)
{
	/* CLOSE leaves the agent while READY of a complete job, or FINISHED, is on its way. */
	for (int finished = 0; finished < 2; finished++) {
		CLEANUP(loopback_done) struct loopback l;
		struct err err = ERR_INIT;
		struct msg m = { 0 };

		bring_to(&l, finished ? SESSION_FINISH : SESSION_JOB, PROTO_JOB_NEW);
		if (!finished)
			send_ok(&l, SERVER, job_msg(PROTO_JOB_COMPLETE));
		m.type = finished ? PROTO_FINISHED : PROTO_READY;
		send_ok(&l, SERVER, m);
		send_ok(&l, AGENT, id_msg(PROTO_PING, 1));
		send_ok(&l, AGENT, (struct msg){ .type = PROTO_CLOSE });
		pump(&l);
		ck_assert_int_eq(session_eof(l.side[AGENT].session, &err), 0);
		ck_assert_int_eq(session_eof(l.side[SERVER].session, &err), 0);
	}
}
END_TEST

START_TEST(message_stays_while_sending)
{
	CLEANUP(loopback_done) struct loopback l;
	CLEANUP(iobuf_done) struct iobuf b;
	struct session *s;
	struct msg m = raw_chunk(), got;
	uint8_t *p;
	size_t room;

	bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
	s = l.side[SERVER].session;
	iobuf_init(&b, 2 * PROTO_PAYLOAD_MAX);
	m.data.id = 1;
	ck_assert_int_eq(msg_encode(&b, &m, NULL), 0);
	/* Straight into the session's memory, and no copy on the way out. */
	ck_assert_int_eq(session_feed_reserve(s, 1, &p, &room, NULL), 0);
	while (iobuf_len(&b) > 0) {
		ck_assert_int_eq(session_feed_reserve(s, 1, &p, &room, NULL), 0);
		room = MIN(room, iobuf_len(&b));
		memcpy(p, iobuf_ptr(&b), room);
		iobuf_consume(&b, room);
		session_feed_commit(s, room);
	}
	ck_assert_int_eq(session_step(s, &got, NULL), 1);
	for (int i = 0; i < 10; i++) {
		struct msg status = sample(PROTO_STATUS);

		ck_assert_int_eq(session_send(s, &status, NULL), 0);
	}
	ck_assert_uint_eq(got.data.nclusters, 16);
	ck_assert_mem_eq(got.data.clusters[15].p, m.data.clusters[15].p, PROTO_CLUSTER_SIZE);
	ck_assert_int_eq(session_step(s, &got, NULL), 0);
}
END_TEST

START_TEST(software_names)
{
	struct session *s = NULL;
	CLEANUP(loopback_done) struct loopback l;
	struct msg m = { .type = PROTO_HELLO, .hello = { .version = 1, .role = PROTO_ROLE_AGENT } };
	char name[300];

	memset(name, 'n', sizeof(name));
	name[PROTO_SOFTWARE_MAX + 1] = '\0';
	ck_assert_int_eq(session_new(PROTO_ROLE_AGENT, name, &s, NULL), -EINVAL);
	name[PROTO_SOFTWARE_MAX] = '\0';
	ck_assert_int_eq(session_new(PROTO_ROLE_AGENT, name, &s, NULL), 0);
	session_free(s);
	session_free(NULL);
	memset(name, '\033', sizeof(name));
	bring_to(&l, SESSION_HELLO, 0);
	m.hello.software = (struct msg_blob){ (const uint8_t *)name, PROTO_SOFTWARE_MAX };
	ck_assert_int_eq(inject(&l, SERVER, &m, NULL), PROTO_HELLO);
	ck_assert_uint_eq(strlen(session_peer_software(l.side[SERVER].session)),
			  4 * PROTO_SOFTWARE_MAX);
}
END_TEST

static Suite *session_rules_suite(void)
{
	Suite *s = suite_create("session_rules");
	TCase *t = tcase_create("rules");
	tcase_add_test(t, greeting_refusals);
	tcase_add_test(t, not_p2v_at_all);
	tcase_add_test(t, ends_of_file);
	tcase_add_test(t, ranges_and_ids_from_the_agent);
	tcase_add_test(t, last_chunks_are_exact);
	tcase_add_test(t, acknowledgements);
	tcase_add_test(t, have_rules);
	tcase_add_test(t, credit_is_kept_and_demanded);
	tcase_add_test(t, flushes_are_bounded);
	tcase_add_test(t, pings);
	tcase_add_test(t, output_is_bounded);
	tcase_add_test(t, input_is_bounded);
	tcase_add_test(t, oversized);
	tcase_add_test(t, status_phases);
	tcase_add_test(t, first_frame_is_short);
	tcase_add_test(t, errors_end_it);
	tcase_add_test(t, unknown_error_codes);
	tcase_add_test(t, after_close);
	tcase_add_test(t, close_crosses_the_end);
	tcase_add_test(t, message_stays_while_sending);
	tcase_add_test(t, software_names);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(session_rules_suite)

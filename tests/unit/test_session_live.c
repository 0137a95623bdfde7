/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks that go on changing: who may say STALE, PATCH, CHECK, DIFFER and CUTOVER, when, of what. */
#include "tests/unit/test_session_talk.h"

static const uint8_t bytes[MIB_];

static struct msg stale(uint16_t disk, struct msg_range *range)
{
	return (struct msg){ .type = PROTO_STALE, .stale = { .what = { disk, 1, range } } };
}

static struct msg differ(uint16_t disk, struct msg_range *range)
{
	return (struct msg){ .type = PROTO_DIFFER, .have = { disk, 1, range } };
}

/* One piece, raw. */
static struct msg patch(uint16_t disk, uint64_t offset, uint32_t at, uint32_t length)
{
	return (struct msg){
		.type = PROTO_PATCH,
		.patch = { .disk = disk,
			   .offset = offset,
			   .npieces = 1,
			   .pieces = { { at, length } },
			   .stored = length,
			   .p = bytes },
	};
}

static struct msg check(uint16_t disk, uint8_t kind, uint32_t n, uint64_t offset)
{
	return (struct msg){
		.type = PROTO_CHECK,
		.check = { .what = { .disk = disk, .kind = kind, .n = n, .offset = offset,
				     .sha256 = kind == PROTO_DIGESTS_DATA ? bytes : NULL } },
	};
}

static void copying(struct loopback *l)
{
	bring_with(l, PROTO_OPEN_LIVE, SESSION_COPY, PROTO_JOB_NEW);
}

/* The agent flushes, and the server has done it; id: the FLUSH's. */
static void flush(struct loopback *l, uint64_t id)
{
	send_ok(l, AGENT, id_msg(PROTO_FLUSH, 0));
	pump(l);
	send_ok(l, SERVER, id_msg(PROTO_FLUSHED, id));
	pump(l);
}

START_TEST(conversation)
{
	static const size_t splits[] = { 0, 1, 13, 1000 };

	for (size_t i = 0; i < ARRAY_SIZE(splits); i++) {
		CLEANUP(loopback_done) struct loopback l;
		struct judge j;

		loopback_init(&l);
		l.live = true;
		l.split = splits[i];
		converse(&l, &j, "live");
		check_quiet(&l);
		ck_assert(l.finished && l.told_differ && !l.differs);
		ck_assert_uint_eq(j.seen[PROTO_STALE][SERVER], 3);
		ck_assert_uint_eq(j.seen[PROTO_PATCH][SERVER], 3);
		ck_assert_uint_eq(j.seen[PROTO_CHECK][SERVER], 3);
		ck_assert_uint_eq(j.seen[PROTO_DIFFER][AGENT], 1);
		ck_assert_uint_eq(l.cutovers, 4);
		ck_assert_uint_eq(session_durable_id(l.side[AGENT].session), LOOPBACK_LIVE_FINISH);
		ck_assert_uint_eq(session_in_flight(l.side[SERVER].session), 0);
		/* As without live disks, and then: two blocks twice, a tail, a chunk. */
		ck_assert_uint_eq(session_acked_payload(l.side[AGENT].session),
				  4 * MIB_ + 2 * 1536 + 2 * 8192 + 1536 + MIB_);
	}
}
END_TEST

static const struct {
	uint16_t type;
	const char *agent, *server;	/* letters of the states in which it may be sent */
} may_send[] = {
	{ PROTO_STALE, "C", "" },
	{ PROTO_PATCH, "C", "" },
	{ PROTO_CHECK, "C", "" },
	{ PROTO_DIFFER, "", "" },	/* never before a CHECK */
	{ PROTO_CUTOVER, "", "CF" },
};

START_TEST(who_may_send_what)
{
	static const char states[] = "HOJCFE";

	for (size_t i = 0; i < ARRAY_SIZE(may_send); i++) {
		for (unsigned int state = SESSION_HELLO; state <= SESSION_END; state++) {
			for (unsigned int who = AGENT; who <= SERVER; who++) {
				const char *in =
					who == AGENT ? may_send[i].agent : may_send[i].server;
				unsigned int to = who == AGENT ? SERVER : AGENT;
				bool good = strchr(in, states[state]) != NULL;
				CLEANUP(loopback_done) struct loopback l, other;
				struct msg m = sample(may_send[i].type);
				struct err err = ERR_INIT;

				bring_with(&l, PROTO_OPEN_LIVE, (enum session_state)state,
					   PROTO_JOB_NEW);
				if (good)
					send_ok(&l, who, m);
				else
					send_fails(&l, who, m, -EINVAL);
				bring_with(&other, PROTO_OPEN_LIVE, (enum session_state)state,
					   PROTO_JOB_NEW);
				ck_assert_msg(inject(&other, to, &m, &err) ==
						      (good ? (int)m.type : -EBADMSG),
					      "%s to %u in %c: '%s'", msg_type_name(m.type), to,
					      states[state], err.text);
			}
		}
	}
}
END_TEST

/* The peer did not say that its disks are live. */
START_TEST(not_asked_for)
{
	for (size_t i = 0; i < ARRAY_SIZE(may_send); i++) {
		unsigned int to = may_send[i].agent[0] ? SERVER : AGENT;
		CLEANUP(loopback_done) struct loopback l;

		bring_to(&l, SESSION_COPY, PROTO_JOB_NEW);
		send_fails(&l, to == SERVER ? AGENT : SERVER, sample(may_send[i].type), -EINVAL);
		inject_fails(&l, to, sample(may_send[i].type), -EBADMSG, PROTO_ERR_PROTOCOL,
			     "do not change");
	}
}
END_TEST

START_TEST(only_where_offered)
{
	CLEANUP(loopback_done) struct loopback l, old;
	struct msg hello = { .type = PROTO_HELLO,
			     .hello = { .version = 1,
					.role = PROTO_ROLE_AGENT,
					.may = PROTO_FEATURES_MAY & ~PROTO_FEATURE_LIVE } };
	struct msg open = open_msg();

	open.open.flags = PROTO_OPEN_LIVE;
	bring_to(&l, SESSION_HELLO, 0);
	ck_assert_int_eq(inject(&l, SERVER, &hello, NULL), PROTO_HELLO);
	inject_fails(&l, SERVER, open, -EBADMSG, PROTO_ERR_PROTOCOL, "not offered");
	/* Our own agent does not ask an older server. */
	hello.hello.role = PROTO_ROLE_SERVER;
	bring_to(&old, SESSION_HELLO, 0);
	ck_assert_int_eq(inject(&old, AGENT, &hello, NULL), PROTO_HELLO);
	send_fails(&old, AGENT, open, -EINVAL);
	open.open.flags = 0;
	send_ok(&old, AGENT, open);
}
END_TEST

/* What joins a job has no part in it, whoever took its OPEN. */
START_TEST(not_where_joined)
{
	static const uint64_t sizes[] = { LOOPBACK_DISK0_SIZE, LOOPBACK_DISK1_SIZE };

	for (size_t i = 0; i < ARRAY_SIZE(may_send); i++) {
		unsigned int to = may_send[i].agent[0] ? SERVER : AGENT;
		CLEANUP(loopback_done) struct loopback l;
		struct msg open = open_msg();
		struct msg m;
		int r;

		open.open.flags = PROTO_OPEN_JOIN;
		open.open.machine = (struct msg_blob){ (const uint8_t *)"0123456789abcdef", 16 };
		bring_to(&l, SESSION_OPEN, 0);
		send_ok(&l, AGENT, open);
		pump(&l);
		session_free(l.side[SERVER].session);
		l.side[SERVER].session = NULL;
		r = session_new_joined(PROTO_FEATURES_MAY, "agent", sizes, 2,
				       &l.side[SERVER].session, NULL);
		ck_assert_int_eq(r, 0);
		send_ok(&l, SERVER, job_msg(PROTO_JOB_RESUMED));
		send_ok(&l, SERVER, (struct msg){ .type = PROTO_READY });
		pump(&l);
		m = sample(may_send[i].type);
		send_fails(&l, to == SERVER ? AGENT : SERVER, m, -EINVAL);
		inject_fails(&l, to, m, -EBADMSG, PROTO_ERR_PROTOCOL, "do not change");
	}
}
END_TEST

START_TEST(stale_waits)
{
	struct msg_range a = { 0, MIB_ }, b = { MIB_, MIB_ };
	CLEANUP(loopback_done) struct loopback l;
	struct msg m = stale(0, &a);

	copying(&l);
	/* Nothing was sent: as good as durable. One STALE after another, whatever its place. */
	send_ok(&l, AGENT, stale(0, &b));
	send_ok(&l, AGENT, stale(0, &a));
	send_ok(&l, AGENT, stale(0, &a));
	send_ok(&l, AGENT, zero_msg(0, 0, MIB_));
	send_fails(&l, AGENT, m, -EAGAIN);
	pump(&l);
	/* That it was acknowledged is not enough... */
	send_ok(&l, SERVER, id_msg(PROTO_ACK, 4));
	pump(&l);
	send_fails(&l, AGENT, m, -EAGAIN);
	/* ...nor that the one before the last is durable. */
	send_ok(&l, AGENT, id_msg(PROTO_FLUSH, 0));
	send_ok(&l, AGENT, check(0, PROTO_DIGESTS_ZERO, 1, 0));
	pump(&l);
	send_ok(&l, SERVER, id_msg(PROTO_FLUSHED, 5));
	pump(&l);
	send_fails(&l, AGENT, m, -EAGAIN);
	flush(&l, 7);
	send_ok(&l, AGENT, m);
	send_ok(&l, AGENT, patch(0, 0, 0, 4096));
	send_fails(&l, AGENT, m, -EAGAIN);
	pump(&l);
	m.stale.id = 10;
	inject_fails(&l, SERVER, m, -EBADMSG, PROTO_ERR_PROTOCOL, "durable");
}
END_TEST

START_TEST(ranges_and_ids)
{
	static struct msg_range tail = { 3 * MIB_, 1536 }, cut = { 3 * MIB_, 1024 },
				part = { 0, 1536 }, far = { 2 * MIB_, MIB_ },
				all = { 0, 2 * MIB_ }, beyond = { 4 * MIB_, MIB_ };
	const uint8_t data = PROTO_DIGESTS_DATA, zero = PROTO_DIGESTS_ZERO;
	const struct {
		struct msg m;
		const char *says;		/* NULL: fine */
	} cases[] = {
		{ stale(0, &tail), NULL },
		{ stale(1, &all), NULL },
		{ stale(0, &cut), "whole chunks" },
		{ stale(0, &part), "whole chunks" },
		{ stale(1, &far), "beyond" },
		{ stale(0, &beyond), "beyond" },
		{ stale(2, &all), "disk 2" },
		{ check(0, data, 4, 0), NULL },
		{ check(0, zero, 1, 3 * MIB_), NULL },
		{ check(1, zero, 2, 0), NULL },
		{ check(0, zero, 5, 0), "beyond" },
		{ check(0, data, 1, 4 * MIB_), "beyond" },
		{ check(1, zero, 1, 2 * MIB_), "beyond" },
		{ check(0, zero, UINT32_MAX, 0), "beyond" },
		{ check(65535, zero, 1, 0), "disk 65535" },
		{ patch(0, 0, 0, MIB_), NULL },
		{ patch(1, MIB_, MIB_ - 4096, 4096), NULL },
		/* The last chunk of disk 0 is 1536 bytes: a part of a block, to the end. */
		{ patch(0, 3 * MIB_, 0, 1536), NULL },
		{ patch(0, 3 * MIB_, 0, 1024), "part of a block" },
		{ patch(0, 3 * MIB_, 0, 2048), "beyond" },
		{ patch(0, 3 * MIB_, 0, 4096), "beyond" },
		{ patch(0, 3 * MIB_, 4096, 4096), "beyond" },
		{ patch(0, 0, 0, 1536), "part of a block" },
		{ patch(1, MIB_, MIB_ - 4096, 3584), "part of a block" },
		{ patch(1, 2 * MIB_, 0, 4096), "beyond" },
		{ patch(0, 4 * MIB_, 0, 4096), "beyond" },
		{ patch(2, 0, 0, 4096), "disk 2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(loopback_done) struct loopback l;
		struct msg m = cases[i].m;

		copying(&l);
		if (!cases[i].says) {
			send_ok(&l, AGENT, m);
			pump(&l);
			ck_assert_uint_eq(session_last_id(l.side[SERVER].session), 1);
			/* The same once more, but the second message is not the first. */
			*msg_counted_id(&m) = 1;
			inject_fails(&l, SERVER, m, -EBADMSG, PROTO_ERR_PROTOCOL, "expected 2");
			continue;
		}
		send_fails(&l, AGENT, m, -EINVAL);
		ck_assert_uint_eq(session_last_id(l.side[AGENT].session), 0);
		*msg_counted_id(&m) = 1;
		inject_fails(&l, SERVER, m, -EBADMSG, PROTO_ERR_PROTOCOL, cases[i].says);
	}
}
END_TEST

/* What our own caller may get wrong is refused before it is looked at. */
START_TEST(pieces_of_our_own)
{
	CLEANUP(loopback_done) struct loopback l;
	struct msg m = patch(0, 0, 0, 4096);

	copying(&l);
	m.patch.npieces = 0;
	send_fails(&l, AGENT, m, -EINVAL);
	m.patch.npieces = PROTO_PATCH_PIECES_MAX + 1;
	send_fails(&l, AGENT, m, -EINVAL);
	ck_assert_uint_eq(session_last_id(l.side[AGENT].session), 0);
}
END_TEST

START_TEST(differ_answers_checks)
{
	struct msg_range a = { 0, MIB_ }, tail = { 3 * MIB_, 1536 }, cut = { 3 * MIB_, 512 },
			 far = { 2 * MIB_, MIB_ };
	const struct {
		struct msg m;
		const char *says;
	} bad[] = {
		{ differ(0, &cut), "whole chunks" },
		{ differ(1, &far), "beyond" },
		{ differ(2, &a), "disk 2" },
	};
	CLEANUP(loopback_done) struct loopback l;

	copying(&l);
	send_fails(&l, SERVER, differ(0, &a), -EINVAL);
	send_ok(&l, AGENT, check(0, PROTO_DIGESTS_ZERO, 4, 0));
	pump(&l);
	/* As often as it takes, in any order. */
	send_ok(&l, SERVER, differ(0, &tail));
	send_ok(&l, SERVER, differ(0, &a));
	send_ok(&l, SERVER, id_msg(PROTO_ACK, 1));
	send_ok(&l, SERVER, differ(0, &a));
	pump(&l);
	flush(&l, 2);
	/* Answered, with that. */
	send_fails(&l, SERVER, differ(0, &a), -EINVAL);
	inject_fails(&l, AGENT, differ(0, &a), -EBADMSG, PROTO_ERR_PROTOCOL, "no CHECK");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(loopback_done) struct loopback k;

		copying(&k);
		send_ok(&k, AGENT, check(0, PROTO_DIGESTS_ZERO, 4, 0));
		pump(&k);
		send_fails(&k, SERVER, bad[i].m, -EINVAL);
		inject_fails(&k, AGENT, bad[i].m, -EBADMSG, PROTO_ERR_PROTOCOL, bad[i].says);
	}
}
END_TEST

START_TEST(finish_waits_for_checks)
{
	struct msg finish = { .type = PROTO_FINISH, .finish = { .id = 3 } };
	CLEANUP(loopback_done) struct loopback l, k;

	copying(&l);
	send_ok(&l, AGENT, check(0, PROTO_DIGESTS_ZERO, 1, 0));
	send_fails(&l, AGENT, finish, -EINVAL);
	flush(&l, 2);
	send_ok(&l, AGENT, finish);
	pump(&l);
	copying(&k);
	send_ok(&k, AGENT, check(0, PROTO_DIGESTS_ZERO, 1, 0));
	send_ok(&k, AGENT, id_msg(PROTO_FLUSH, 0));
	pump(&k);
	inject_fails(&k, SERVER, finish, -EBADMSG, PROTO_ERR_PROTOCOL, "CHECKs");
}
END_TEST

START_TEST(credit_counts_them)
{
	CLEANUP(loopback_done) struct loopback l;
	struct msg m = patch(0, 0, 0, MIB_);
	unsigned int n = 0;

	copying(&l);
	/* 4 MiB of credit, as for whole chunks in DATA. */
	while (session_send(l.side[AGENT].session, &m, NULL) == 0)
		n++;
	ck_assert_uint_eq(n, 3);
	send_fails(&l, AGENT, m, -EAGAIN);
	pump(&l);
	m.patch.id = 4;
	inject_fails(&l, SERVER, m, -EBADMSG, PROTO_ERR_PROTOCOL, "credit");
	ck_assert_uint_eq(session_in_flight(l.side[AGENT].session), 3 * msg_wire_size(&m));
	send_ok(&l, AGENT, check(0, PROTO_DIGESTS_DATA, 4, 0));
	m = check(0, PROTO_DIGESTS_DATA, 4, 0);
	ck_assert_uint_eq(session_in_flight(l.side[AGENT].session),
			  3 * (MIB_ + 60 + 8 + 12) + msg_wire_size(&m));
}
END_TEST

/* A request may be made again, and after the agent said CLOSE it still hears it. */
START_TEST(cutovers)
{
	CLEANUP(loopback_done) struct loopback l;

	copying(&l);
	send_ok(&l, SERVER, sample(PROTO_CUTOVER));
	send_ok(&l, SERVER, sample(PROTO_CUTOVER));
	send_ok(&l, AGENT, sample(PROTO_CLOSE));
	pump(&l);
	ck_assert_int_eq(session_eof(l.side[AGENT].session, NULL), 0);
}
END_TEST

static Suite *session_live_suite(void)
{
	Suite *s = suite_create("session_live");
	TCase *t = tcase_create("session_live");

	tcase_add_test(t, conversation);
	tcase_add_test(t, who_may_send_what);
	tcase_add_test(t, not_asked_for);
	tcase_add_test(t, only_where_offered);
	tcase_add_test(t, not_where_joined);
	tcase_add_test(t, stale_waits);
	tcase_add_test(t, ranges_and_ids);
	tcase_add_test(t, pieces_of_our_own);
	tcase_add_test(t, differ_answers_checks);
	tcase_add_test(t, finish_waits_for_checks);
	tcase_add_test(t, credit_counts_them);
	tcase_add_test(t, cutovers);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(session_live_suite)

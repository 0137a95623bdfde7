/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole conversations that nobody disturbs, and who may say what, when. */
#include "tests/unit/test_session_talk.h"

START_TEST(full_conversation)
{
	static const size_t splits[] = { 0, 1, 7, 12, 13, 1000 };

	for (size_t i = 0; i < ARRAY_SIZE(splits); i++) {
		CLEANUP(loopback_done) struct loopback l;
		struct judge j;

		loopback_init(&l);
		l.split = splits[i];
		converse(&l, &j, "undisturbed");
		check_quiet(&l);
		ck_assert(l.finished);
		/*
		 * Every kind was there, but for the two ways to leave early, for DIGESTS, and for
		 * what is of live disks only.
		 */
		for (unsigned int type = PROTO_HELLO; type < PROTO_STALE; type++)
			if (type != PROTO_ERROR && type != PROTO_PING && type != PROTO_CLOSE &&
			    type != PROTO_DIGESTS)
				ck_assert_msg(j.seen[type][0] + j.seen[type][1] > 0, "no %s",
					      msg_type_name((uint16_t)type));
		ck_assert_uint_eq(session_last_id(l.side[AGENT].session), LOOPBACK_FINISH);
		ck_assert_uint_eq(session_durable_id(l.side[AGENT].session), LOOPBACK_FINISH);
		ck_assert_uint_eq(session_in_flight(l.side[AGENT].session), 0);
		ck_assert_uint_eq(session_acked_payload(l.side[AGENT].session),
				  4 * MIB_ + 2 * 1536);
		ck_assert_str_eq(session_peer_software(l.side[SERVER].session), "test-agent 1");
		ck_assert_str_eq(session_peer_software(l.side[AGENT].session), "test-server 1");
	}
}
END_TEST

START_TEST(complete_job)
{
	CLEANUP(loopback_done) struct loopback l;
	struct judge j;

	loopback_init(&l);
	l.complete = true;
	converse(&l, &j, "complete");
	check_quiet(&l);
	ck_assert_uint_eq(session_last_id(l.side[AGENT].session), 0);
	ck_assert_uint_eq(j.seen[PROTO_READY][AGENT], 1);
}
END_TEST

START_TEST(close_early)
{
	/* Steps 1 (the OPEN is out, its answer is on the way), 2, 3, 4 and 5 (all is finished). */
	for (unsigned int at = 1; at <= 4; at++) {
		CLEANUP(loopback_done) struct loopback l;
		struct judge j;

		loopback_init(&l);
		l.close_at = at;
		converse(&l, &j, "close");
		check_quiet(&l);
		ck_assert(!l.finished);
		ck_assert_uint_eq(j.seen[PROTO_CLOSE][SERVER], 1);
	}
}
END_TEST

/* Who may send what when: written down again, as letters of the states in which it may be sent. */

static const struct {
	uint16_t type;
	const char *agent, *server;
} may_send[] = {
	{ PROTO_HELLO, "", "" },
	{ PROTO_OPEN, "O", "" },
	{ PROTO_JOB, "", "J" },
	{ PROTO_HAVE, "", "" }, /* never before JOB, which bring_to() does not send alone */
	{ PROTO_READY, "", "" },
	{ PROTO_DATA, "C", "" },
	{ PROTO_ZERO, "C", "" },
	{ PROTO_ACK, "", "F" }, /* of FINISH: before it there is nothing to acknowledge */
	{ PROTO_FLUSH, "C", "" },
	{ PROTO_FLUSHED, "", "" },
	{ PROTO_BAD, "C", "" },
	{ PROTO_FINISH, "C", "" },
	{ PROTO_FINISHED, "", "F" },
	{ PROTO_ERROR, "HOJCF", "HOJCF" },
	{ PROTO_STATUS, "", "CF" },
	{ PROTO_PING, "OJCF", "OJCF" },
	{ PROTO_PONG, "", "" },
	{ PROTO_CLOSE, "JCF", "" },
	{ 0, "", "" },
	{ PROTO_THROTTLE, "", "CF" },
	{ PROTO_DIGESTS, "", "" },
	/* Of disks that go on changing, which these are not: test_session_live.c. */
	{ PROTO_STALE, "", "" },
	{ PROTO_PATCH, "", "" },
	{ PROTO_CHECK, "", "" },
	{ PROTO_DIFFER, "", "" },
	{ PROTO_CUTOVER, "", "" },
	{ PROTO_TYPE_LAST + 1, "", "" },
	{ 65535, "", "" },
};

START_TEST(who_may_send_what)
{
	static const char states[] = "HOJCFE";

	for (size_t i = 0; i < ARRAY_SIZE(may_send); i++) {
		for (unsigned int state = SESSION_HELLO; state <= SESSION_END; state++) {
			for (unsigned int who = AGENT; who <= SERVER; who++) {
				const char *in =
					who == AGENT ? may_send[i].agent : may_send[i].server;
				CLEANUP(loopback_done) struct loopback l;

				bring_to(&l, (enum session_state)state, PROTO_JOB_NEW);
				if (strchr(in, states[state]))
					send_ok(&l, who, sample(may_send[i].type));
				else
					send_fails(&l, who, sample(may_send[i].type), -EINVAL);
			}
		}
	}
}
END_TEST

/*
 * The same from the receiver's side: it refuses what the peer may not send, but for what may have
 * crossed its own last word (rules of the section "who may close" of the document).
 */
START_TEST(who_may_get_what)
{
	static const char states[] = "HOJCFE";

	for (size_t i = 0; i < ARRAY_SIZE(may_send); i++) {
		uint16_t type = may_send[i].type;

		if (type == 0 || type > PROTO_TYPE_LAST)
			continue;
		for (unsigned int state = SESSION_HELLO; state <= SESSION_END; state++) {
			for (unsigned int to = AGENT; to <= SERVER; to++) {
				const char *in =
					to == SERVER ? may_send[i].agent : may_send[i].server;
				bool good = strchr(in, states[state]) != NULL;
				CLEANUP(loopback_done) struct loopback l;
				struct msg m = sample(type);
				struct err err = ERR_INIT;
				int r;

				if (to == SERVER && state == SESSION_HELLO)
					good = type == PROTO_HELLO;
				if (to == SERVER && state == SESSION_END)
					good = type == PROTO_CLOSE || type == PROTO_PING ||
					       type == PROTO_ERROR;
				if (to == AGENT && state == SESSION_HELLO && type == PROTO_HELLO) {
					m.hello.role = PROTO_ROLE_SERVER;
					good = true;
				}
				bring_to(&l, (enum session_state)state, PROTO_JOB_NEW);
				r = inject(&l, to, &m, &err);
				if (good) {
					/* A PING is answered and not handed on. */
					ck_assert_msg(r == (type == PROTO_PING ? 0 : type),
						      "%s to %u in %c: %d '%s'",
						      msg_type_name(type), to, states[state], r,
						      err.text);
				} else {
					ck_assert_msg(r == -EBADMSG && err.text[0],
						      "%s to %u in %c: %d", msg_type_name(type), to,
						      states[state], r);
					ck_assert_uint_eq(
						queued_error(&l, to),
						state == SESSION_END ? 0 : PROTO_ERR_PROTOCOL);
				}
			}
		}
	}
}
END_TEST

static Suite *session_suite(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("conversations");

	tcase_add_test(t, full_conversation);
	tcase_add_test(t, complete_job);
	tcase_add_test(t, close_early);
	tcase_add_test(t, who_may_send_what);
	tcase_add_test(t, who_may_get_what);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(session_suite)

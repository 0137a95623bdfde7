/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An OPEN that asks to compare, and the DIGESTS that answer it; and one that joins a job. */
#include "tests/unit/test_session_talk.h"

static const uint8_t sha256[3 * SHA256_LEN] = { 1, 2, 3 };

static struct msg digests(uint16_t disk, uint8_t kind, uint32_t n, uint64_t offset)
{
	return (struct msg){
		.type = PROTO_DIGESTS,
		.digests = { .disk = disk,
			     .kind = kind,
			     .n = n,
			     .offset = offset,
			     .sha256 = kind == PROTO_DIGESTS_DATA ? sha256 : NULL },
	};
}

/* Both sides in JOB, the JOB is there. */
static void opened(struct loopback *l, uint32_t flags, uint8_t job_state)
{
	struct msg open = open_msg();

	bring_to(l, SESSION_OPEN, 0);
	open.open.flags |= flags;
	send_ok(l, AGENT, open);
	pump(l);
	send_ok(l, SERVER, job_msg(job_state));
	pump(l);
}

START_TEST(conversation)
{
	static const size_t splits[] = { 0, 1, 13 };

	for (size_t i = 0; i < ARRAY_SIZE(splits); i++) {
		CLEANUP(loopback_done) struct loopback l;
		struct judge j;

		loopback_init(&l);
		l.compare = true;
		l.split = splits[i];
		converse(&l, &j, "compare");
		check_quiet(&l);
		ck_assert(l.finished);
		ck_assert_uint_eq(j.seen[PROTO_DIGESTS][AGENT], 3);
		ck_assert_uint_eq(j.seen[PROTO_HAVE][AGENT], 0);
	}
}
END_TEST

START_TEST(rules)
{
	const uint8_t data = PROTO_DIGESTS_DATA, zero = PROTO_DIGESTS_ZERO;
	const struct {
		struct msg first, second;
		const char *says;		/* NULL: fine */
	} cases[] = {
		{ digests(0, data, 1, 0), digests(0, zero, 1, MIB_), NULL },
		{ digests(0, data, 1, 0), digests(0, data, 3, MIB_), NULL },
		/* The last chunk of disk 0 is short. */
		{ digests(0, zero, 3, 0), digests(0, zero, 1, 3 * MIB_), NULL },
		{ digests(0, zero, 4, 0), digests(1, data, 2, 0), NULL },
		{ digests(0, zero, 2, 0), digests(0, zero, 1, MIB_), "overlap" },
		{ digests(0, data, 1, MIB_), digests(0, data, 1, 0), "order" },
		{ digests(1, data, 1, 0), digests(0, data, 1, 0), "order" },
		{ digests(0, data, 1, 0), digests(0, data, 1, 4 * MIB_), "beyond" },
		{ digests(0, data, 1, 0), digests(0, zero, 4, MIB_), "beyond" },
		{ digests(0, data, 1, 0), digests(0, zero, UINT32_MAX, MIB_), "beyond" },
		{ digests(0, data, 1, 0), digests(1, zero, 3, 0), "beyond" },
		{ digests(0, data, 1, 0), digests(2, zero, 1, 0), "disk 2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(loopback_done) struct loopback l;

		opened(&l, PROTO_OPEN_COMPARE, PROTO_JOB_RESUMED);
		send_ok(&l, SERVER, cases[i].first);
		pump(&l);
		if (!cases[i].says) {
			send_ok(&l, SERVER, cases[i].second);
			pump(&l);
			continue;
		}
		send_fails(&l, SERVER, cases[i].second, -EINVAL);
		inject_fails(&l, AGENT, cases[i].second, -EBADMSG, PROTO_ERR_PROTOCOL,
			     cases[i].says);
	}
}
END_TEST

START_TEST(not_asked_for)
{
	static struct msg_range range = { 0, MIB_ };
	const struct msg have = { .type = PROTO_HAVE, .have = { 0, 1, &range } };
	const struct msg some = digests(0, PROTO_DIGESTS_ZERO, 1, 0);
	CLEANUP(loopback_done) struct loopback plain, asked, fresh;

	opened(&plain, 0, PROTO_JOB_RESUMED);
	send_fails(&plain, SERVER, some, -EINVAL);
	inject_fails(&plain, AGENT, some, -EBADMSG, PROTO_ERR_PROTOCOL, "not asked for");
	opened(&asked, PROTO_OPEN_COMPARE, PROTO_JOB_RESUMED);
	send_fails(&asked, SERVER, have, -EINVAL);
	inject_fails(&asked, AGENT, have, -EBADMSG, PROTO_ERR_PROTOCOL, "compared");
	opened(&fresh, PROTO_OPEN_COMPARE, PROTO_JOB_NEW);
	send_fails(&fresh, SERVER, some, -EINVAL);
	inject_fails(&fresh, AGENT, some, -EBADMSG, PROTO_ERR_PROTOCOL, "not asked for");
}
END_TEST

/* Nothing is left to be sent: that is for those who did not ask to compare. */
START_TEST(never_complete)
{
	CLEANUP(loopback_done) struct loopback l;
	struct msg open = open_msg();

	bring_to(&l, SESSION_OPEN, 0);
	open.open.flags |= PROTO_OPEN_COMPARE;
	send_ok(&l, AGENT, open);
	pump(&l);
	send_fails(&l, SERVER, job_msg(PROTO_JOB_COMPLETE), -EINVAL);
	inject_fails(&l, AGENT, job_msg(PROTO_JOB_COMPLETE), -EBADMSG, PROTO_ERR_PROTOCOL,
		     "complete");
}
END_TEST

/* A server that does not know the feature is not asked. */
START_TEST(only_where_offered)
{
	CLEANUP(loopback_done) struct loopback l;
	struct msg hello = { .type = PROTO_HELLO,
			     .hello = { .version = 1, .role = PROTO_ROLE_AGENT } };
	struct msg open = open_msg();

	open.open.flags |= PROTO_OPEN_COMPARE;
	bring_to(&l, SESSION_HELLO, 0);
	ck_assert_int_eq(inject(&l, SERVER, &hello, NULL), PROTO_HELLO);
	inject_fails(&l, SERVER, open, -EBADMSG, PROTO_ERR_PROTOCOL, "not offered");
}
END_TEST

START_TEST(joined)
{
	static struct msg_range range = { 0, MIB_ };
	const struct msg have = { .type = PROTO_HAVE, .have = { 0, 1, &range } };
	const struct msg finish = { .type = PROTO_FINISH, .finish = { .id = 2 } };
	CLEANUP(loopback_done) struct loopback l;
	struct msg open = open_msg();

	open.open.flags = PROTO_OPEN_JOIN;
	open.open.machine = (struct msg_blob){ (const uint8_t *)"0123456789abcdef", 16 };
	bring_to(&l, SESSION_OPEN, 0);
	send_ok(&l, AGENT, open);
	pump(&l);
	send_fails(&l, SERVER, job_msg(PROTO_JOB_NEW), -EINVAL);
	send_fails(&l, SERVER, job_msg(PROTO_JOB_COMPLETE), -EINVAL);
	send_ok(&l, SERVER, job_msg(PROTO_JOB_RESUMED));
	send_fails(&l, SERVER, have, -EINVAL);
	send_fails(&l, SERVER, digests(0, PROTO_DIGESTS_ZERO, 1, 0), -EINVAL);
	send_ok(&l, SERVER, (struct msg){ .type = PROTO_READY });
	pump(&l);
	send_ok(&l, AGENT, zero_msg(0, 0, MIB_));
	send_fails(&l, AGENT, finish, -EINVAL);
	pump(&l);
	inject_fails(&l, SERVER, finish, -EBADMSG, PROTO_ERR_PROTOCOL, "joined");
}
END_TEST

static Suite *session_open_suite(void)
{
	Suite *s = suite_create("session_open");
	TCase *t = tcase_create("session_open");

	tcase_add_test(t, conversation);
	tcase_add_test(t, rules);
	tcase_add_test(t, not_asked_for);
	tcase_add_test(t, never_complete);
	tcase_add_test(t, only_where_offered);
	tcase_add_test(t, joined);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(session_open_suite)

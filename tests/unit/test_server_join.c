/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections that join a job: how they are handed over, and whose id is whose. */
#include "p2v-server/join.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/quit.h"
#include "p2v-server/lane.h"
#include "tests/unit/test_server_rig.h"


static void setup(void)
{
	rig_folder_setup();
	MUST(quit_init(&e));
}

static int accept_patiently(int fd, struct joiner *ret, struct err *err)
{
	int r;

	while ((r = join_accept(fd, ret, err)) == -EAGAIN)
		usleep(1000);
	return r;
}

/* The other process has a pipe pair; the owner speaks over it, and lets the process go. */
START_TEST(hand_over)
{
	int in[2], out[2], fd, status;
	char byte = 0;
	struct joiner j = { 0 };
	struct err err = ERR_INIT;
	pid_t pid;

	ck_assert_int_eq(pipe(in), 0);
	ck_assert_int_eq(pipe(out), 0);
	ck_assert_int_eq(join_hand_over(folder, &j, &err), -EBUSY);
	MUST(join_listen(folder, &fd, &e));
	ck_assert_int_eq(join_accept(fd, &j, &err), -EAGAIN);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct joiner mine = { .in = in[0], .out = out[1], .features = 5 };

		snprintf(mine.software, sizeof(mine.software), "agent 7");
		_exit(join_hand_over(folder, &mine, NULL) == 0 ? 42 : 1);
	}
	ck_assert_msg(accept_patiently(fd, &j, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(j.features, 5);
	ck_assert_str_eq(j.software, "agent 7");
	close(in[0]);
	close(out[1]);
	ck_assert_int_eq(write(in[1], "x", 1), 1);
	ck_assert_int_eq(read(j.in, &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	ck_assert_int_eq(write(j.out, "y", 1), 1);
	ck_assert_int_eq(read(out[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'y');
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	close(j.control);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	join_end(folder, fd);
	ck_assert_int_eq(faccessat(folder, JOIN_SOCKET, F_OK, 0), -1);
	close(in[1]);
	close(out[0]);
	close(j.in);
	close(j.out);
}
END_TEST

/* Somebody who says nothing, or something else, is turned away and nobody waits for long. */
START_TEST(strangers)
{
	int fd;
	struct err err = ERR_INIT;
	struct joiner j;
	char path[128];

	MUST(join_listen(folder, &fd, &e));
	for (int i = 0; i < 3; i++) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };
		int s = socket(AF_UNIX, SOCK_SEQPACKET, 0), r;

		snprintf(path, sizeof(path), "%s/" JOIN_SOCKET, rig_store);
		memcpy(a.sun_path, path, strlen(path) + 1);
		ck_assert_int_eq(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
		if (i == 0)
			ck_assert_int_eq(send(s, "hello", 5, 0), 5);
		if (i == 1)
			close(s);
		r = accept_patiently(fd, &j, &err);
		ck_assert_msg(r < 0 && r != -EAGAIN && err.text[0], "%d: %d", i, r);
		if (i != 1)
			close(s);
	}
	join_end(folder, fd);
}
END_TEST

/* What the agent at the other end of a lane was told: the id of the last answer, 0 none. */
static uint64_t told(struct lane *l, uint16_t type)
{
	struct iobuf *out = session_output(l->link.session);
	uint64_t id = 0;

	while (iobuf_len(out) > 0) {
		struct frame f;
		struct msg m;

		ck_assert_int_eq(frame_peek(out, &f, NULL), 1);
		ck_assert_int_eq(msg_decode(&f, &m, NULL), 0);
		if (m.type == type)
			id = m.id.id;
		msg_done(&m);
		iobuf_consume(out, frame_size(&f));
	}
	return id;
}

static void give(struct lane *l, uint16_t type, uint64_t own, uint64_t id)
{
	CLEANUP(iobuf_done) struct iobuf b;
	struct msg m = { .type = type }, got;

	iobuf_init(&b, PROTO_PAYLOAD_MAX);
	if (type == PROTO_ZERO)
		m.zero = (struct msg_zero){ .id = own, .reason = PROTO_ZERO_FREE, .length = CHUNK };
	else
		m.id.id = own;
	MUST(msg_encode(&b, &m, &e));
	MUST(session_feed(l->link.session, iobuf_ptr(&b), iobuf_len(&b), &e));
	ck_assert_int_eq(session_step(l->link.session, &got, NULL), 1);
	MUST(lane_count(l, id, &e));
	if (type == PROTO_FLUSH)
		lane_asked(l, own, id);
}

static struct lane *joined(int fds[static 2])
{
	const uint64_t size = 4 * CHUNK;
	struct msg job = { .type = PROTO_JOB,
			   .job = { .state = PROTO_JOB_RESUMED, .credit = PROTO_CREDIT_MIN } };
	struct msg ready = { .type = PROTO_READY };
	struct joiner j = { .control = -1, .features = PROTO_FEATURES_MAY };
	struct lane *l = NULL;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	j.in = fds[0];
	j.out = dup(fds[0]);
	MUST(lane_join(&j, &size, 1, &l, &e));
	MUST(session_send(l->link.session, &job, &e));
	MUST(session_send(l->link.session, &ready, &e));
	(void)told(l, 0);
	return l;
}

START_TEST(ids)
{
	int fa[2], fb[2];
	CLEANUP(lane_free) struct lane *a = joined(fa);
	CLEANUP(lane_free) struct lane *b = joined(fb);

	give(a, PROTO_ZERO, 1, 1);
	give(b, PROTO_ZERO, 1, 2);
	give(a, PROTO_ZERO, 2, 3);
	give(b, PROTO_FLUSH, 2, 4);
	give(a, PROTO_FLUSH, 3, 5);
	MUST(lane_tell(a, 0, 0, &e));
	ck_assert_uint_eq(told(a, PROTO_ACK), 0);
	MUST(lane_tell(a, 2, 0, &e));
	ck_assert_uint_eq(told(a, PROTO_ACK), 1);
	MUST(lane_tell(b, 2, 0, &e));
	ck_assert_uint_eq(told(b, PROTO_ACK), 1);
	/* The job's flush that answers b's, and not yet a's. */
	MUST(lane_tell(a, 4, 4, &e));
	ck_assert_uint_eq(a->durable, 0);
	ck_assert_uint_eq(told(a, PROTO_ACK), 2);
	MUST(lane_tell(b, 4, 4, &e));
	ck_assert_uint_eq(told(b, PROTO_FLUSHED), 2);
	MUST(lane_tell(a, 5, 5, &e));
	ck_assert_uint_eq(told(a, PROTO_FLUSHED), 3);
	/* Nothing twice. */
	MUST(lane_tell(a, 5, 5, &e));
	ck_assert_uint_eq(iobuf_len(session_output(a->link.session)), 0);
	close(fa[1]);
	close(fb[1]);
}
END_TEST

static Suite *join_suite(void)
{
	Suite *s = suite_create("join");
	TCase *t = tcase_create("join");

	tcase_add_checked_fixture(t, setup, rig_folder_teardown);
	tcase_add_test(t, hand_over);
	tcase_add_test(t, strangers);
	tcase_add_test(t, ids);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(join_suite)

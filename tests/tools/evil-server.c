/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * evil-server MODE: the far end of a conversation, on stdin and stdout, that misbehaves as MODE
 * says. For tests/e2e/35-hostile-server.sh; `evil-server list` prints the modes.
 *
 * It builds its messages with the encoder, which judges only what a message says by itself, and
 * sends them whatever the agent is doing.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/fdio.h"
#include "wire/session.h"

#define ESCAPES	"\x1b]0;owned\x07\x1b[2J\x1b[31mred\r\nsecond line\xe2\x80\xae\x9b"

static void out(const void *p, size_t len)
{
	if (fdio_write_full(1, p, len) < 0)
		_exit(0);
}

static void send_msg(const struct msg *m)
{
	struct err err = ERR_INIT;
	struct iobuf b;

	iobuf_init(&b, SESSION_OUTPUT_MAX);
	if (msg_encode(&b, m, &err) < 0) {
		fprintf(stderr, "evil-server: %s\n", err.text);
		_exit(99);
	}
	out(iobuf_ptr(&b), iobuf_len(&b));
	iobuf_done(&b);
}

static struct msg_blob blob(const char *s)
{
	return (struct msg_blob){ (const uint8_t *)s, (uint32_t)strlen(s) };
}

static void hello(uint8_t role, uint16_t version, uint64_t must, const char *software)
{
	struct msg m = { .type = PROTO_HELLO,
			 .hello = { .version = version,
				    .role = role,
				    .must = must,
				    .software = blob(software) } };

	send_msg(&m);
}

static void good_hello(void)
{
	hello(PROTO_ROLE_SERVER, PROTO_VERSION, 0, "evil 1");
}

static void job(uint8_t state)
{
	struct msg m = { .type = PROTO_JOB, .job = { .state = state, .credit = PROTO_CREDIT_MIN } };

	good_hello();
	send_msg(&m);
}

static void simple(uint16_t type, uint64_t id)
{
	struct msg m = { .type = type, .id = { .id = id } };

	send_msg(&m);
}

static void ready(void)
{
	job(PROTO_JOB_NEW);
	simple(PROTO_READY, 0);
}

static void have(uint16_t disk, uint64_t offset, uint64_t length)
{
	struct msg_range r = { offset, length };
	struct msg m = { .type = PROTO_HAVE, .have = { .disk = disk, .n = 1, .ranges = &r } };

	send_msg(&m);
}

static void error(uint16_t code, const char *text)
{
	struct msg m = { .type = PROTO_ERROR, .error = { .code = code, .text = blob(text) } };

	good_hello();
	send_msg(&m);
}

/* Take what the agent says until it has enough. */
static void swallow(void)
{
	uint8_t buf[65536];

	while (read(0, buf, sizeof(buf)) > 0)
		;
}

static void mode_close(void)
{
}

static void mode_exit_7(void)
{
	_exit(7);
}

static void mode_banner(void)
{
	static const char text[] = "Welcome to the machine\n" ESCAPES;

	out(text, sizeof(text) - 1);
}

static void mode_noise(void)
{
	uint8_t buf[8192];
	uint64_t s = 88172645463325252;

	for (size_t i = 0; i < sizeof(buf); i++) {
		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		buf[i] = (uint8_t)s;
	}
	out(buf, sizeof(buf));
	swallow();
}

static void mode_half_a_hello(void)
{
	static const uint8_t head[PROTO_FRAME_HEADER] = { 0, 0, 0, 45, 0, 1 };

	out(head, sizeof(head));
}

static void mode_version_0(void)
{
	hello(PROTO_ROLE_SERVER, 0, 0, "evil 1");
	swallow();
}

static void mode_feature(void)
{
	hello(PROTO_ROLE_SERVER, PROTO_VERSION + 1, UINT64_C(1) << 63, "evil 1");
	swallow();
}

static void mode_agent(void)
{
	hello(PROTO_ROLE_AGENT, PROTO_VERSION, 0, "evil 1");
	swallow();
}

static void mode_twice_hello(void)
{
	good_hello();
	good_hello();
	swallow();
}

static void mode_oversized(void)
{
	static const uint8_t head[PROTO_FRAME_HEADER] = { 0xff, 0xff, 0xff, 0xff, 0, 3 };

	good_hello();
	out(head, sizeof(head));
	swallow();
}

static void mode_crc(void)
{
	static const uint8_t frame[PROTO_FRAME_HEADER] = { 0, 0, 0, 0, 0, PROTO_READY,
							   0, 0, 1, 2, 3, 4 };

	good_hello();
	out(frame, sizeof(frame));
	swallow();
}

static void mode_ready_first(void)
{
	good_hello();
	simple(PROTO_READY, 0);
	swallow();
}

static void mode_have_new(void)
{
	job(PROTO_JOB_NEW);
	have(0, 0, PROTO_CHUNK_SIZE);
	swallow();
}

static void mode_have_outside(void)
{
	job(PROTO_JOB_RESUMED);
	have(0, UINT64_C(1) << 40, PROTO_CHUNK_SIZE);
	swallow();
}

static void mode_have_disk(void)
{
	job(PROTO_JOB_RESUMED);
	have(200, 0, PROTO_CHUNK_SIZE);
	swallow();
}

static void mode_have_twice(void)
{
	job(PROTO_JOB_RESUMED);
	have(0, PROTO_CHUNK_SIZE, PROTO_CHUNK_SIZE);
	have(0, 0, PROTO_CHUNK_SIZE);
	swallow();
}

static void mode_ack_unsent(void)
{
	ready();
	simple(PROTO_ACK, 1000000);
	swallow();
}

static void mode_flushed_unsent(void)
{
	ready();
	simple(PROTO_FLUSHED, 1);
	swallow();
}

static void mode_finished_early(void)
{
	struct msg m = { .type = PROTO_FINISHED, .finished = { .summary = blob("{}") } };

	ready();
	send_msg(&m);
	swallow();
}

static void mode_data(void)
{
	struct msg m = { .type = PROTO_ZERO,
			 .zero = {
				 .reason = PROTO_ZERO_FREE, .id = 1, .length = PROTO_CHUNK_SIZE } };

	ready();
	send_msg(&m);
	swallow();
}

static void mode_pings(void)
{
	ready();
	for (uint64_t i = 0; i < 100000; i++)
		simple(PROTO_PING, i);
	swallow();
}

static void mode_pong(void)
{
	ready();
	simple(PROTO_PONG, 5);
	swallow();
}

static void mode_half_a_frame(void)
{
	static const uint8_t head[PROTO_FRAME_HEADER] = { 0, 0, 0, 8, 0, PROTO_ACK };

	ready();
	out(head, sizeof(head));
}

static void mode_error(void)
{
	error(PROTO_ERR_DENIED, ESCAPES);
}

static void mode_error_unknown(void)
{
	error(999, "");
}

static void mode_error_busy(void)
{
	error(PROTO_ERR_BUSY, "somebody else is here");
}

static void mode_software(void)
{
	struct msg m = { .type = PROTO_ERROR,
			 .error = { .code = PROTO_ERR_SPACE, .text = blob("full") } };

	hello(PROTO_ROLE_SERVER, PROTO_VERSION, 0, ESCAPES);
	send_msg(&m);
}

static void mode_stall_at_once(void)
{
	for (;;)
		pause();
}

static void mode_stall(void)
{
	ready();
	for (;;)
		pause();
}

/* A server like any other, until the very end. */
static void serve(const char *summary)
{
	struct session *s = NULL;
	uint8_t buf[65536];

	if (session_new(PROTO_ROLE_SERVER, "evil 1", &s, NULL) < 0)
		_exit(99);
	for (;;) {
		struct iobuf *o = session_output(s);
		struct msg m, answer = { 0 };
		ssize_t n;

		out(iobuf_ptr(o), iobuf_len(o));
		iobuf_consume(o, iobuf_len(o));
		if (session_step(s, &m, NULL) != 1) {
			n = read(0, buf, sizeof(buf));
			if (n <= 0 || session_feed(s, buf, (size_t)n, NULL) < 0)
				_exit(0);
			continue;
		}
		if (m.type == PROTO_OPEN) {
			answer = (struct msg){ .type = PROTO_JOB,
					       .job = { .state = PROTO_JOB_NEW,
							.credit = PROTO_CREDIT_MIN } };
			(void)session_send(s, &answer, NULL);
			answer = (struct msg){ .type = PROTO_READY };
		} else if (m.type == PROTO_FLUSH) {
			answer = (struct msg){ .type = PROTO_FLUSHED, .id = { .id = m.id.id } };
		} else if (m.type == PROTO_FINISH) {
			answer = (struct msg){ .type = PROTO_FINISHED,
					       .finished = { .summary = blob(summary) } };
		} else if (msg_counted_id(&m)) {
			answer = (struct msg){ .type = PROTO_ACK,
					       .id = { .id = *msg_counted_id(&m) } };
		}
		if (answer.type != 0)
			(void)session_send(s, &answer, NULL);
	}
}

static void mode_summary_escapes(void)
{
	serve("{\"event\":\"" "\\u001b[2J\",\"name\":\"\\u001b]0;owned\\u0007\"}");
}

static void mode_summary_not_json(void)
{
	serve(ESCAPES);
}

static const struct mode {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "close", mode_close },
	{ "exit-7", mode_exit_7 },
	{ "banner", mode_banner },
	{ "noise", mode_noise },
	{ "half-a-hello", mode_half_a_hello },
	{ "version-0", mode_version_0 },
	{ "feature", mode_feature },
	{ "agent", mode_agent },
	{ "twice-hello", mode_twice_hello },
	{ "oversized", mode_oversized },
	{ "crc", mode_crc },
	{ "ready-first", mode_ready_first },
	{ "have-new", mode_have_new },
	{ "have-outside", mode_have_outside },
	{ "have-disk", mode_have_disk },
	{ "have-twice", mode_have_twice },
	{ "ack-unsent", mode_ack_unsent },
	{ "flushed-unsent", mode_flushed_unsent },
	{ "finished-early", mode_finished_early },
	{ "data", mode_data },
	{ "pings", mode_pings },
	{ "pong", mode_pong },
	{ "half-a-frame", mode_half_a_frame },
	{ "error", mode_error },
	{ "error-unknown", mode_error_unknown },
	{ "error-busy", mode_error_busy },
	{ "software", mode_software },
	{ "stall-at-once", mode_stall_at_once },
	{ "stall", mode_stall },
	{ "summary-escapes", mode_summary_escapes },
	{ "summary-not-json", mode_summary_not_json },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (argc == 2 && strcmp(argv[1], "list") == 0)
			puts(modes[i].name);
		if (argc == 2 && strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run();
			return 0;
		}
	}
	return argc == 2 && strcmp(argv[1], "list") == 0 ? 0 : 2;
}

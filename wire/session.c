/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine: bytes in, messages out. What is legal and what it changes is decided elsewhere
 * (session_state.h); here is what a session says and does by itself, and how it ends.
 */
#include "wire/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"
#include "wire/frame.h"
#include "wire/session_state.h"

/* Nothing longer can be legal before the HELLO: stray text is not taken for a length. */
#define FIRST_PAYLOAD_MAX	2048

/* The end of it */

static void die(struct session *s, const struct err *why)
{
	s->dead = true;
	s->death = *why;
}

static void queue_error(struct session *s, uint16_t code, const char *text)
{
	size_t len = strnlen(text, PROTO_ERROR_TEXT_MAX);
	struct msg m = {
		.type = PROTO_ERROR,
		.error = { .code = code, .text = { (const uint8_t *)text, (uint32_t)len } },
	};

	/* Without memory for it the peer learns no more than that the connection ended. */
	if (session_rules_may_send(s, PROTO_ERROR) && msg_encode(&s->out, &m, NULL) == 0)
		s->queued += msg_wire_size(&m);
}

/* The peer broke a rule (or we ran out of memory): tell it, die, say why. */
static int fail(struct session *s, uint16_t code, const struct err *why, struct err *err)
{
	queue_error(s, code, why->text);
	die(s, why);
	if (err)
		*err = *why;
	return -why->code;
}

void session_send_error(struct session *s, enum proto_error code, const char *text)
{
	struct err why = ERR_INIT;

	if (s->dead)
		return;
	queue_error(s, (uint16_t)code, text);
	err_set(&why, msg_error_errno((uint16_t)code), "the session was given up: %s", text);
	die(s, &why);
}

/* Out */

static int queue_msg(struct session *s, struct msg *m, struct err *err)
{
	size_t before = iobuf_len(&s->out);
	int r;

	r = msg_encode(&s->out, m, err);
	if (r < 0)
		return r;
	r = session_facts_apply(s, m);
	if (r < 0) {
		s->out.tail = s->out.head + before;
		return err_nomem(err);
	}
	s->queued += iobuf_len(&s->out) - before;
	return 0;
}

static int queue_hello(struct session *s, struct err *err)
{
	struct msg m = {
		.type = PROTO_HELLO,
		.hello = {
			.version = PROTO_VERSION,
			.role = (uint8_t)s->role,
			.must = PROTO_FEATURES_MUST,
			.may = PROTO_FEATURES_MAY,
			.software = { (const uint8_t *)s->software, (uint32_t)strlen(s->software) },
		},
	};

	return queue_msg(s, &m, err);
}

/* A rule of ours that our own caller broke is -EINVAL, never the peer's -EBADMSG. */
static int own_bug(int r, struct err *err)
{
	if (r != -EBADMSG)
		return r;
	if (err)
		err->code = EINVAL;
	return -EINVAL;
}

int session_send(struct session *s, struct msg *m, struct err *err)
{
	uint64_t *id;
	int r;

	if (s->dead)
		return err_set(err, EPIPE, "cannot send %s: %s", msg_type_name(m->type),
			       s->death.text);
	if (!session_rules_may_send(s, m->type))
		return err_set(err, EINVAL, "cannot send %s: not allowed while %s",
			       msg_type_name(m->type), session_rules_phase_name(s));
	if (m->type == PROTO_ERROR) {
		char text[PROTO_ERROR_TEXT_MAX + 1];
		size_t len = MIN(m->error.text.len, (uint32_t)PROTO_ERROR_TEXT_MAX);

		if (len > 0)
			memcpy(text, m->error.text.p, len);
		text[len] = '\0';
		session_send_error(s, m->error.code, text);
		return 0;
	}
	if (m->type == PROTO_ACK && m->id.id > 0 && m->id.id <= window_acked_id(s->window))
		return 0;
	/* These two are few and small; a keep-alive or a farewell need not wait. */
	if (iobuf_len(&s->out) >= SESSION_OUTPUT_SOFT && m->type != PROTO_PING &&
	    m->type != PROTO_CLOSE)
		return err_set(err, EAGAIN, "cannot send %s: too much waits to be written",
			       msg_type_name(m->type));
	if (m->type == PROTO_PING && s->pings.n >= PROTO_PING_MAX)
		return err_set(err, EAGAIN, "more than %u unanswered PINGs", PROTO_PING_MAX);
	id = msg_counted_id(m);
	if (id)
		*id = window_next_id(s->window);
	m->wire_size = msg_wire_size(m);
	r = session_facts_judge(s, m, err);
	if (r >= 0)
		r = queue_msg(s, m, err);
	if (r >= 0 && m->type == PROTO_PING)
		session_ids_push(&s->pings, m->id.id);
	return own_bug(r, err);
}

struct iobuf *session_output(struct session *s)
{
	return &s->out;
}

/* In */

static void drop_current(struct session *s)
{
	if (s->cur_size == 0)
		return;
	msg_done(&s->cur);
	iobuf_consume(&s->in, s->cur_size);
	s->cur_size = 0;
}

int session_feed(struct session *s, const void *p, size_t len, struct err *err)
{
	int r;

	drop_current(s);
	if (s->dead)
		return 0;
	r = iobuf_put(&s->in, p, len);
	return r < 0 ? err_code(err, -r, "cannot take %zu bytes from the peer", len) : 0;
}

int session_feed_reserve(struct session *s, size_t min, uint8_t **ret_p, size_t *ret_len,
			 struct err *err)
{
	uint8_t *p;
	int r;

	drop_current(s);
	if (s->dead)
		iobuf_reset(&s->in);
	r = iobuf_reserve(&s->in, min, &p);
	if (r < 0)
		return err_code(err, -r, "cannot make room for %zu bytes from the peer", min);
	*ret_p = p;
	*ret_len = MIN(s->in.cap - s->in.tail, s->in.max - iobuf_len(&s->in));
	return 0;
}

void session_feed_commit(struct session *s, size_t len)
{
	iobuf_commit(&s->in, len);
}

/* The usual first failure is not a bad peer but text of a login shell in its place: show it. */
static int not_p2v(const struct session *s, struct err *err)
{
	char text[4 * 64 + 1];

	text_escape(iobuf_ptr(&s->in), MIN(iobuf_len(&s->in), (size_t)64), text, sizeof(text));
	return err_set(err, EBADMSG,
		       "the far end does not speak the p2v protocol; it began with \"%s\"", text);
}

static int greet(struct session *s, const struct msg_hello *h, uint16_t *ret_code, struct err *err)
{
	if (h->role == s->role)
		return err_set(err, EBADMSG, "HELLO: both ends are %s",
			       s->role == PROTO_ROLE_AGENT ? "agents" : "servers");
	if (h->version < PROTO_VERSION_MIN) {
		*ret_code = PROTO_ERR_VERSION;
		return err_set(err, EPROTONOSUPPORT,
			       "the peer speaks protocol version %u, the lowest known is %u",
			       h->version, PROTO_VERSION_MIN);
	}
	if (h->must & ~PROTO_FEATURES_MUST) {
		*ret_code = PROTO_ERR_FEATURE;
		return err_set(err, EPROTONOSUPPORT, "the peer demands unknown features 0x%" PRIx64,
			       h->must & ~PROTO_FEATURES_MUST);
	}
	s->features = h->may & PROTO_FEATURES_MAY;
	text_escape(h->software.p, h->software.len, s->peer, sizeof(s->peer));
	return 0;
}

/*
 * A PONG is always answered at once, past the limit on output; what keeps a flood of PINGs from
 * filling the memory is that a peer with PROTO_PING_MAX unanswered ones has to wait.
 */
static int answer_ping(struct session *s, const struct msg *ping, struct err *err)
{
	uint64_t written = s->queued - iobuf_len(&s->out);
	struct msg pong = { .type = PROTO_PONG, .id = ping->id };
	unsigned int n = 0;
	int r;

	/* The conversation is over for us; the peer will see that before it misses the answer. */
	if (s->phase == SESSION_END || s->closed)
		return 0;
	while (n < s->pongs.n && s->pongs.id[n] <= written)
		n++;
	session_ids_drop(&s->pongs, n);
	if (s->pongs.n >= PROTO_PING_MAX)
		return err_set(err, EBADMSG, "more than %u unanswered PINGs", PROTO_PING_MAX);
	r = queue_msg(s, &pong, err);
	if (r < 0)
		return r;
	session_ids_push(&s->pongs, s->queued);
	return 0;
}

static int take_error(struct session *s, const struct msg_error *e)
{
	char text[ERR_TEXT_MAX];
	struct err why = ERR_INIT;

	text_escape(e->text.p, e->text.len, text, sizeof(text));
	err_set(&why, msg_error_errno(e->code), "%s: %s",
		s->role == PROTO_ROLE_AGENT ? "the server gave up" : "the agent gave up",
		text[0] ? text : msg_error_name(e->code));
	die(s, &why);
	return 0;
}

/* A well-formed message in its place: what it means for the session itself. */
static int take(struct session *s, struct msg *m, uint16_t *ret_code, struct err *err)
{
	int r;

	switch (m->type) {
	case PROTO_HELLO:
		r = greet(s, &m->hello, ret_code, err);
		if (r >= 0 && s->role == PROTO_ROLE_SERVER)
			r = queue_hello(s, err);
		if (r >= 0)
			s->phase = SESSION_OPEN;
		return r;
	case PROTO_PING:
		return answer_ping(s, m, err);
	case PROTO_PONG:
		if (s->pings.n == 0 || s->pings.id[0] != m->id.id)
			return err_set(err, EBADMSG, "PONG %" PRIu64 " answers no PING", m->id.id);
		session_ids_drop(&s->pings, 1);
		return 0;
	case PROTO_ERROR:
		return take_error(s, &m->error);
	default:
		r = session_facts_judge(s, m, err);
		if (r < 0)
			return r;
		return session_facts_apply(s, m) < 0 ? err_nomem(err) : 0;
	}
}

/* One message off the head of in into s->cur: 1, 0 or -errno with *ret_code for the peer. */
static int next(struct session *s, uint16_t *ret_code, struct err *err)
{
	bool first = s->phase == SESSION_HELLO;
	struct frame f;
	int r;

	/* Not iobuf_ptr(): its stand-in for no data at all, never met here, makes gcc warn. */
	if (first && iobuf_len(&s->in) >= 4 &&
	    get_be32(s->in.data + s->in.head) > FIRST_PAYLOAD_MAX)
		return not_p2v(s, err);
	r = frame_peek(&s->in, &f, err);
	if (r < 0 && first)
		return not_p2v(s, err);
	if (r <= 0)
		return r;
	if (!session_rules_may_get(s, f.type))
		return err_set(err, EBADMSG, "%s is not allowed while %s", msg_type_name(f.type),
			       session_rules_phase_name(s));
	r = msg_decode(&f, &s->cur, err);
	if (r < 0)
		return r;
	s->cur_size = frame_size(&f);
	r = take(s, &s->cur, ret_code, err);
	return r < 0 ? r : 1;
}

int session_step(struct session *s, struct msg *ret, struct err *err)
{
	for (;;) {
		uint16_t code = 0;
		struct err why = ERR_INIT;
		int r;

		drop_current(s);
		if (s->dead) {
			if (err)
				*err = s->death;
			return -s->death.code;
		}
		r = next(s, &code, &why);
		if (r == 0)
			return 0;
		if (r < 0) {
			/* A limit that the sender should have waited for is a rule like any other.
			 */
			if (r == -EAGAIN)
				why.code = EBADMSG;
			return fail(s, code ? code : msg_error_from_errno(why.code), &why, err);
		}
		if (s->cur.type == PROTO_PING)
			continue;
		*ret = s->cur;
		return 1;
	}
}

int session_eof(struct session *s, struct err *err)
{
	if (s->dead) {
		if (err)
			*err = s->death;
		return -s->death.code;
	}
	if (s->phase == SESSION_HELLO && iobuf_len(&s->in) == 0)
		return err_set(err, ECONNRESET, "the far end closed the connection without a word");
	if (s->phase == SESSION_HELLO) {
		not_p2v(s, err);
		return err ? -(err->code = ECONNRESET) : -ECONNRESET;
	}
	if (iobuf_len(&s->in) > s->cur_size)
		return err_set(err, ECONNRESET, "the connection ended in the middle of a message");
	if (session_get_state(s) != SESSION_END)
		return err_set(err, ECONNRESET, "the connection ended early, while %s",
			       session_rules_phase_name(s));
	return 0;
}

/* Life and looks */

int session_new(enum proto_role role, const char *software, struct session **ret, struct err *err)
{
	CLEANUP(session_free) struct session *s = NULL;
	size_t len = strlen(software);
	int r;

	if (len > PROTO_SOFTWARE_MAX)
		return err_set(err, EINVAL, "software name is longer than %u bytes",
			       PROTO_SOFTWARE_MAX);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	s->role = role;
	memcpy(s->software, software, len + 1);
	iobuf_init(&s->in, SESSION_INPUT_MAX);
	iobuf_init(&s->out, SESSION_OUTPUT_MAX);
	if (role == PROTO_ROLE_AGENT) {
		r = queue_hello(s, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(s);
	return 0;
}

int session_new_joined(uint64_t features, const char *peer, const uint64_t *sizes, uint16_t ndisks,
		       struct session **ret, struct err *err)
{
	CLEANUP(session_free) struct session *s = NULL;
	int r = session_new(PROTO_ROLE_SERVER, "", &s, err);

	if (r < 0)
		return r;
	s->sizes = calloc(ndisks, sizeof(*s->sizes));
	if (!s->sizes)
		return err_nomem(err);
	memcpy(s->sizes, sizes, ndisks * sizeof(*sizes));
	s->ndisks = ndisks;
	s->features = features & PROTO_FEATURES_MAY;
	snprintf(s->peer, sizeof(s->peer), "%s", peer);
	s->join = true;
	s->phase = SESSION_JOB;
	*ret = TAKE_PTR(s);
	return 0;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	drop_current(s);
	iobuf_done(&s->in);
	iobuf_done(&s->out);
	window_free(s->window);
	free(s->sizes);
	free(s);
}

enum session_state session_get_state(const struct session *s)
{
	if (s->dead)
		return SESSION_DEAD;
	return s->closed ? SESSION_END : s->phase;
}

const char *session_peer_software(const struct session *s)
{
	return s->peer;
}

uint64_t session_features(const struct session *s)
{
	return s->features;
}

bool session_has_feature(const struct session *s, uint64_t feature)
{
	return (s->features & feature) != 0;
}

uint64_t session_in_flight(const struct session *s)
{
	return s->window ? window_in_flight(s->window) : 0;
}

uint64_t session_acked_payload(const struct session *s)
{
	return s->acked_payload;
}

uint64_t session_last_id(const struct session *s)
{
	return s->window ? window_last_id(s->window) : 0;
}

uint64_t session_acked_id(const struct session *s)
{
	return s->window ? window_acked_id(s->window) : 0;
}

uint64_t session_durable_id(const struct session *s)
{
	return s->window ? window_durable_id(s->window) : 0;
}

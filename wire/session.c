/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Both ends keep the same few facts (phase, disks, window, unanswered FLUSHes) and move them by
 * the same messages, so one pair of functions serves both directions: judge() looks at a message
 * before it counts, apply() counts it. Only the table of who may send what, and when, knows roles.
 */
#include "wire/session.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"
#include "wire/frame.h"
#include "wire/window.h"

/* Nothing longer can be legal before the HELLO: stray text is not taken for a length. */
#define FIRST_PAYLOAD_MAX	2048

#define IDS_MAX	16

/* A short queue of ids, oldest first. */
struct ids {
	uint64_t id[IDS_MAX];
	unsigned int n;
};

_Static_assert(PROTO_FLUSH_MAX <= IDS_MAX && PROTO_PING_MAX <= IDS_MAX, "struct ids is too short");

struct session {
	enum proto_role role;
	enum session_state phase;	/* of the conversation: CLOSE and death do not move it */
	bool closed;			/* CLOSE was sent or received */
	bool dead;
	struct err death;		/* why */

	struct iobuf in, out;
	uint64_t queued;		/* bytes ever put into out */
	struct msg cur;			/* handed on last; its payload is the head of in */
	uint64_t cur_size;		/* 0: none */

	char software[PROTO_SOFTWARE_MAX + 1];
	char peer[4 * PROTO_SOFTWARE_MAX + 1];

	uint64_t *sizes;		/* of the disks in OPEN */
	uint16_t ndisks;
	uint8_t job_state;		/* enum proto_job_state; 0 before JOB */
	bool have_any;			/* the end of the last HAVE: */
	uint16_t have_disk;
	uint64_t have_end;

	struct window *window;		/* NULL before JOB */
	uint64_t acked_payload;
	struct ids flushes;		/* not answered yet */
	struct ids pings;		/* ours, not answered yet */
	struct ids pongs; /* ours, not written yet: where in the output each one ends */
};

static void ids_push(struct ids *q, uint64_t id)
{
	assert(q->n < IDS_MAX);
	q->id[q->n++] = id;
}

/* Drop the oldest n. */
static void ids_drop(struct ids *q, unsigned int n)
{
	memmove(q->id, q->id + n, (q->n - n) * sizeof(q->id[0]));
	q->n -= n;
}

/* How many to drop so that id is the last one dropped; 0 when it is not there. */
static unsigned int ids_find(const struct ids *q, uint64_t id)
{
	for (unsigned int i = 0; i < q->n; i++)
		if (q->id[i] == id)
			return i + 1;
	return 0;
}

/* Who may send what, and in which phase of its own; and where the peer may be when it arrives. */

#define IN(phase)	(1u << SESSION_##phase)
#define BUSY		(IN(JOB) | IN(COPY) | IN(FINISH))
#define ALIVE		(IN(OPEN) | BUSY)

static const struct rule {
	uint8_t agent_sends, server_gets;
	uint8_t server_sends, agent_gets;
} rules[] = {
	/* The session sends these two itself. */
	[PROTO_HELLO] = { 0, IN(HELLO), 0, IN(HELLO) },
	[PROTO_PONG] = { 0, ALIVE | IN(END), 0, ALIVE },

	[PROTO_OPEN] = { IN(OPEN), IN(OPEN), 0, 0 },
	[PROTO_JOB] = { 0, 0, IN(JOB), IN(JOB) },
	[PROTO_HAVE] = { 0, 0, IN(JOB), IN(JOB) },
	[PROTO_READY] = { 0, 0, IN(JOB), IN(JOB) },
	[PROTO_DATA] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_ZERO] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_BAD] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_FLUSH] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_FINISH] = { IN(COPY), IN(COPY), 0, 0 },
	/* The agent may have sent its FINISH while these were on their way. */
	[PROTO_ACK] = { 0, 0, IN(COPY) | IN(FINISH), IN(COPY) | IN(FINISH) },
	[PROTO_FLUSHED] = { 0, 0, IN(COPY) | IN(FINISH), IN(COPY) | IN(FINISH) },
	[PROTO_STATUS] = { 0, 0, IN(COPY) | IN(FINISH), IN(COPY) | IN(FINISH) },
	[PROTO_FINISHED] = { 0, 0, IN(FINISH), IN(FINISH) },
	/* FINISHED, and READY of a complete job, may cross these on the wire. */
	[PROTO_CLOSE] = { BUSY, BUSY | IN(END), 0, 0 },
	[PROTO_PING] = { ALIVE, ALIVE | IN(END), ALIVE, ALIVE },
	[PROTO_ERROR] = { IN(HELLO) | ALIVE, ALIVE | IN(END), IN(HELLO) | ALIVE,
			  IN(HELLO) | ALIVE },
};

static bool may_send(const struct session *s, uint16_t type)
{
	const struct rule *r;

	if (type >= ARRAY_SIZE(rules))
		return false;
	r = &rules[type];
	if (s->closed && (s->role == PROTO_ROLE_AGENT || type == PROTO_PING))
		return false;
	return ((s->role == PROTO_ROLE_AGENT ? r->agent_sends : r->server_sends) >> s->phase) & 1;
}

static bool may_get(const struct session *s, uint16_t type)
{
	const struct rule *r;

	if (type >= ARRAY_SIZE(rules))
		return false;
	r = &rules[type];
	if (s->closed && s->role == PROTO_ROLE_SERVER)
		return false;
	return ((s->role == PROTO_ROLE_AGENT ? r->agent_gets : r->server_gets) >> s->phase) & 1;
}

static const char *phase_name(const struct session *s)
{
	static const char *const names[] = {
		[SESSION_HELLO] = "greeting",   [SESSION_OPEN] = "opening",
		[SESSION_JOB] = "answering",    [SESSION_COPY] = "copying",
		[SESSION_FINISH] = "finishing", [SESSION_END] = "ended",
	};

	return s->closed ? "closed" : names[s->phase];
}

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
	if (may_send(s, PROTO_ERROR) && msg_encode(&s->out, &m, NULL) == 0)
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

/* Judging what the message says; -EBADMSG for what must not be, -EAGAIN for what must wait. */

static int judge_range(const struct session *s, const struct msg *m, uint16_t disk, uint64_t offset,
		       uint64_t length, bool whole_chunks, struct err *err)
{
	if (disk >= s->ndisks)
		return err_set(err, EBADMSG, "%s for disk %u, but there are %u disks",
			       msg_type_name(m->type), disk, s->ndisks);
	if (!range_inside(offset, length, s->sizes[disk]))
		return err_set(err, EBADMSG,
			       "%s for 0x%" PRIx64 "+0x%" PRIx64 ", beyond the end of disk %u",
			       msg_type_name(m->type), offset, length, disk);
	if (whole_chunks && length % PROTO_CHUNK_SIZE != 0 && offset + length != s->sizes[disk])
		return err_set(err, EBADMSG,
			       "%s for 0x%" PRIx64 "+0x%" PRIx64 ", not whole chunks of disk %u",
			       msg_type_name(m->type), offset, length, disk);
	return 0;
}

static int judge_job(const struct session *s, const struct msg *m, struct err *err)
{
	if (m->type == PROTO_JOB && s->job_state != 0)
		return err_set(err, EBADMSG, "a second JOB");
	if (m->type != PROTO_JOB && s->job_state == 0)
		return err_set(err, EBADMSG, "%s before JOB", msg_type_name(m->type));
	return 0;
}

static int judge_have(const struct session *s, const struct msg *m, struct err *err)
{
	const struct msg_have *h = &m->have;

	if (s->job_state != PROTO_JOB_RESUMED)
		return err_set(err, EBADMSG, "HAVE for a job that is not resumed");
	if (s->have_any && (h->disk < s->have_disk ||
			    (h->disk == s->have_disk && h->ranges[0].offset <= s->have_end)))
		return err_set(err, EBADMSG, "HAVE messages touch or are not in order");
	for (uint32_t i = 0; i < h->n; i++) {
		const struct msg_range *range = &h->ranges[i];
		int r = judge_range(s, m, h->disk, range->offset, range->length, true, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int judge_counted(const struct session *s, struct msg *m, struct err *err)
{
	uint64_t id = *msg_counted_id(m);

	if (id != window_next_id(s->window))
		return err_set(err, EBADMSG, "%s with id %" PRIu64 ", expected %" PRIu64,
			       msg_type_name(m->type), id, window_next_id(s->window));
	if (!window_may_send(s->window, m->wire_size))
		return err_set(err, EAGAIN, "%s beyond the credit", msg_type_name(m->type));
	return 0;
}

/* What is left once the phase and the message by itself are in order. */
static int judge(const struct session *s, struct msg *m, struct err *err)
{
	int r;

	if (msg_counted_id(m)) {
		r = judge_counted(s, m, err);
		if (r < 0)
			return r;
	}
	switch (m->type) {
	case PROTO_JOB:
	case PROTO_READY:
		return judge_job(s, m, err);
	case PROTO_HAVE:
		r = judge_job(s, m, err);
		return r < 0 ? r : judge_have(s, m, err);
	case PROTO_DATA:
		/* Whole chunks, and no longer than one: the chunk at offset, to its end. */
		return judge_range(s, m, m->data.disk, m->data.offset, m->data.length, true, err);
	case PROTO_ZERO:
		return judge_range(s, m, m->zero.disk, m->zero.offset, m->zero.length, true, err);
	case PROTO_BAD:
		return judge_range(s, m, m->bad.disk, m->bad.offset, m->bad.length, false, err);
	case PROTO_FLUSH:
		if (s->flushes.n >= PROTO_FLUSH_MAX)
			return err_set(err, EAGAIN, "more than %u unanswered FLUSHes",
				       PROTO_FLUSH_MAX);
		return 0;
	case PROTO_ACK:
		if (m->id.id <= window_acked_id(s->window) || m->id.id > window_last_id(s->window))
			return err_set(err, EBADMSG, "ACK of id %" PRIu64 ", outside %" PRIu64
				       "..%" PRIu64, m->id.id, window_acked_id(s->window) + 1,
				       window_last_id(s->window));
		return 0;
	case PROTO_FLUSHED:
		if (ids_find(&s->flushes, m->id.id) == 0)
			return err_set(err, EBADMSG,
				       "FLUSHED of id %" PRIu64 ", which is no unanswered FLUSH",
				       m->id.id);
		return 0;
	case PROTO_STATUS:
		if (m->status.phase == PROTO_PHASE_VERIFYING && s->phase != SESSION_FINISH)
			return err_set(err, EBADMSG, "STATUS: verifying before FINISH");
		return 0;
	default:
		return 0;
	}
}

/* Counting it; the only failure is -ENOMEM, and then nothing has changed. */

static int apply_open(struct session *s, const struct msg_open *o)
{
	s->sizes = calloc(o->ndisks, sizeof(*s->sizes));
	if (!s->sizes)
		return -ENOMEM;
	for (uint16_t i = 0; i < o->ndisks; i++)
		s->sizes[i] = o->disks[i].size;
	s->ndisks = o->ndisks;
	s->phase = SESSION_JOB;
	return 0;
}

static void apply_flushed(struct session *s, uint64_t id)
{
	uint64_t payload = 0;
	int r = window_flushed(s->window, id, &payload);

	assert(r == 0);
	(void)r;
	s->acked_payload += payload;
}

static int apply_counted(struct session *s, struct msg *m)
{
	uint64_t payload = 0;

	if (m->type == PROTO_DATA)
		payload = m->data.length;
	else if (m->type == PROTO_ZERO)
		payload = m->zero.length;
	return window_sent(s->window, m->wire_size, payload);
}

static int apply(struct session *s, struct msg *m)
{
	const struct msg_range *last;
	uint64_t payload = 0;
	int r = 0;

	if (msg_counted_id(m))
		r = apply_counted(s, m);
	if (r < 0)
		return r;
	switch (m->type) {
	case PROTO_OPEN:
		return apply_open(s, &m->open);
	case PROTO_JOB:
		r = window_new(m->job.credit, &s->window);
		if (r >= 0)
			s->job_state = m->job.state;
		return r;
	case PROTO_HAVE:
		last = &m->have.ranges[m->have.n - 1];
		s->have_any = true;
		s->have_disk = m->have.disk;
		s->have_end = last->offset + last->length;
		return 0;
	case PROTO_READY:
		s->phase = s->job_state == PROTO_JOB_COMPLETE ? SESSION_END : SESSION_COPY;
		return 0;
	case PROTO_FLUSH:
		ids_push(&s->flushes, m->id.id);
		return 0;
	case PROTO_ACK:
		r = window_acked(s->window, m->id.id, &payload);
		assert(r == 0);
		s->acked_payload += payload;
		return 0;
	case PROTO_FLUSHED:
		ids_drop(&s->flushes, ids_find(&s->flushes, m->id.id));
		apply_flushed(s, m->id.id);
		return 0;
	case PROTO_FINISH:
		s->phase = SESSION_FINISH;
		return 0;
	case PROTO_FINISHED:
		apply_flushed(s, window_last_id(s->window));
		s->phase = SESSION_END;
		return 0;
	case PROTO_CLOSE:
		s->closed = true;
		return 0;
	default:
		return 0;
	}
}

/* Out */

static int queue_msg(struct session *s, struct msg *m, struct err *err)
{
	size_t before = iobuf_len(&s->out);
	int r;

	r = msg_encode(&s->out, m, err);
	if (r < 0)
		return r;
	r = apply(s, m);
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
	if (!may_send(s, m->type))
		return err_set(err, EINVAL, "cannot send %s: not allowed while %s",
			       msg_type_name(m->type), phase_name(s));
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
	r = judge(s, m, err);
	if (r >= 0)
		r = queue_msg(s, m, err);
	if (r >= 0 && m->type == PROTO_PING)
		ids_push(&s->pings, m->id.id);
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
	ids_drop(&s->pongs, n);
	if (s->pongs.n >= PROTO_PING_MAX)
		return err_set(err, EBADMSG, "more than %u unanswered PINGs", PROTO_PING_MAX);
	r = queue_msg(s, &pong, err);
	if (r < 0)
		return r;
	ids_push(&s->pongs, s->queued);
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
		ids_drop(&s->pings, 1);
		return 0;
	case PROTO_ERROR:
		return take_error(s, &m->error);
	default:
		r = judge(s, m, err);
		if (r < 0)
			return r;
		return apply(s, m) < 0 ? err_nomem(err) : 0;
	}
}

/* One message off the head of in into s->cur: 1, 0 or -errno with *ret_code for the peer. */
static int next(struct session *s, uint16_t *ret_code, struct err *err)
{
	bool first = s->phase == SESSION_HELLO;
	struct frame f;
	int r;

	if (first && iobuf_len(&s->in) >= 4 && get_be32(iobuf_ptr(&s->in)) > FIRST_PAYLOAD_MAX)
		return not_p2v(s, err);
	r = frame_peek(&s->in, &f, err);
	if (r < 0 && first)
		return not_p2v(s, err);
	if (r <= 0)
		return r;
	if (!may_get(s, f.type))
		return err_set(err, EBADMSG, "%s is not allowed while %s", msg_type_name(f.type),
			       phase_name(s));
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
			       phase_name(s));
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

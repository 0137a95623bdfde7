/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The protocol as a machine without sockets: bytes in, messages out, bytes to send. Both roles.
 * No I/O, no threads, no clock. The caller moves bytes:
 *
 *	session_feed(s, bytes read)		any amount, any split
 *	while (session_step(s, &m, &err) == 1)	one checked message at a time
 *		act on m
 *	session_send(s, &m, &err)		check and queue one message
 *	session_output(s)			bytes to write; consume what was written
 *
 * Every message, in and out, is judged in three steps: legal in this state for this role? well
 * formed (msg.h)? consistent with the conversation (ids rise by one, disk index and range inside
 * the disks of OPEN, chunk lengths right at the disk's end, credit kept, FLUSHED/ACK ids sent)?
 * Only then it is handed on. On a violation by the peer session_step returns -EBADMSG (or the code
 * of a version or feature refusal, -EPROTONOSUPPORT), an ERROR message is queued for the peer, and
 * the session is dead: it accepts and produces nothing more but its remaining output.
 *
 * State, per direction of view:
 *	HELLO -> OPEN -> JOB -> COPY -> FINISH -> END	(dead: at any time)
 * HELLO is queued by session_new() for the agent and by session_step() for the server (in answer).
 * ERROR ends the session from either side: it is handed on as a message and nothing follows it.
 * PING is answered with PONG by the session itself; PONG is handed on, so that the caller sees
 * life.
 *
 * CLOSE is the last message of an agent that leaves early; both sides are in END then. What the
 * server sent before it saw the CLOSE (an ACK, say) is still checked and handed on to the agent,
 * and the server may still answer what it already had (ACK, FLUSHED, STATUS, FINISHED, ERROR).
 *
 * Memory: at most twice SESSION_INPUT_MAX and twice SESSION_OUTPUT_MAX, and 1 MiB for what is in
 * flight. One thread uses a session.
 */
#ifndef P2V_WIRE_SESSION_H
#define P2V_WIRE_SESSION_H

#include <stdbool.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "wire/msg.h"

enum session_state {
	SESSION_HELLO,
	SESSION_OPEN,
	SESSION_JOB,
	SESSION_COPY,
	SESSION_FINISH,
	SESSION_END,
	SESSION_DEAD,
};

struct session;

/* What one session_feed() is sure to take once session_step() has returned 0. */
#define SESSION_FEED_MAX	(1u << 20)
#define SESSION_INPUT_MAX	(PROTO_FRAME_HEADER + PROTO_PAYLOAD_MAX + SESSION_FEED_MAX)
/* session_send() asks for patience while this much waits to be written... */
#define SESSION_OUTPUT_SOFT	(4u << 20)
/* ...so that one more frame and the few PINGs, PONGs, CLOSE and ERROR always fit. */
#define SESSION_OUTPUT_MAX (SESSION_OUTPUT_SOFT + PROTO_FRAME_HEADER + PROTO_PAYLOAD_MAX + 8192)

/* software: "p2v-agent 0.1"; copied. */
int session_new(enum proto_role role, const char *software, struct session **ret, struct err *err);
/*
 * A server's session with an agent whose HELLO and OPEN, which joined a job, were taken by
 * somebody else: it goes on with JOB and READY. features: that both sides offered; peer: its
 * software, escaped; sizes: of the disks of OPEN.
 */
int session_new_joined(uint64_t features, const char *peer, const uint64_t *sizes, uint16_t ndisks,
		       struct session **ret, struct err *err);
void session_free(struct session *s);
DEFINE_CLEANUP(struct session *, session_free)

/* 0, -ENOMEM, -EMSGSIZE (step first). A dead session drops the bytes. */
int session_feed(struct session *s, const void *p, size_t len, struct err *err);
/*
 * Or read straight into the session: room for at least min bytes (<= SESSION_FEED_MAX); then
 * session_feed_commit(). Nothing may be called in between.
 */
int session_feed_reserve(struct session *s, size_t min, uint8_t **ret_p, size_t *ret_len,
			 struct err *err);
void session_feed_commit(struct session *s, size_t len);

/*
 * The next message: 1 and *ret filled (valid until the next call of step, feed or free; the
 * session frees what it holds: never msg_done() it), 0 when more bytes are needed, -errno when the
 * session is dead, and the same again at every further call. After an ERROR of the peer that is
 * msg_error_errno() of its code.
 */
int session_step(struct session *s, struct msg *ret, struct err *err);
/*
 * Check and queue; the bytes are copied. To messages that carry one (msg_counted_id()) the session
 * assigns the id, and fills it in. Nothing is queued unless it returns 0:
 * -EAGAIN: too much waits in session_output() (write first; PING and CLOSE do not mind), or no
 *	credit or too many unanswered FLUSHes or PINGs (try again after an ACK, FLUSHED or PONG), or
 *	a STALE while something before it is not durable (after a FLUSHED; is there a FLUSH?).
 * -EINVAL: not legal now, our own bug. -EPIPE: the session is dead. -ENOMEM.
 * An ACK of what is acknowledged already (by FLUSHED, say) is left out, and 0. A FLUSHED must name
 * an unanswered FLUSH, and answers the earlier ones too. HAVEs go in order of disk and offset.
 */
int session_send(struct session *s, struct msg *m, struct err *err);
/* Queue an ERROR (where the peer may still get one) and die. Safe in every state. */
void session_send_error(struct session *s, enum proto_error code, const char *text);
struct iobuf *session_output(struct session *s);
/*
 * The peer's end of file came: 0 when it is legal here (END, and every message whole and taken by
 * step), else -ECONNRESET with a phrase; when the session is dead, why it died.
 */
int session_eof(struct session *s, struct err *err);

enum session_state session_get_state(const struct session *s);
const char *session_peer_software(const struct session *s);	/* escaped, "" before HELLO */
/* A PROTO_FEATURE_* of the may mask that both sides offered; false before HELLO. */
uint64_t session_features(const struct session *s);
bool session_has_feature(const struct session *s, uint64_t feature);
/*
 * Frame bytes in flight, disk bytes acknowledged so far (DATA, ZERO, PATCH), ids. The agent's view
 * of what it sent; the server's, of what it received and has answered.
 */
uint64_t session_in_flight(const struct session *s);
uint64_t session_acked_payload(const struct session *s);
uint64_t session_last_id(const struct session *s);
uint64_t session_acked_id(const struct session *s);
uint64_t session_durable_id(const struct session *s);

#endif

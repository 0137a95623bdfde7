/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a session is made of, and the two judges of its messages. Internal to session*.c.
 *
 * Both ends keep the same few facts (phase, disks, window, unanswered FLUSHes) and move them by
 * the same messages, so one pair of functions serves both directions: session_facts_judge() looks
 * at a message before it counts, session_facts_apply() counts it. Only the table of who may send
 * what, and when, knows roles: session_rules.c.
 */
#ifndef P2V_WIRE_SESSION_STATE_H
#define P2V_WIRE_SESSION_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"
#include "common/iobuf.h"
#include "wire/msg.h"
#include "wire/session.h"
#include "wire/session_ids.h"
#include "wire/window.h"

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

	uint64_t features;		/* that both sides offered */
	uint64_t *sizes;		/* of the disks in OPEN */
	uint16_t ndisks;
	uint8_t job_state;		/* enum proto_job_state; 0 before JOB */
	bool compare;			/* OPEN asked for DIGESTS in place of HAVE */
	bool join;			/* OPEN joined a job: no HAVE, no DIGESTS, no FINISH */
	bool live;			/* OPEN said that the disks go on changing */
	uint64_t stale_id, check_id;	/* of the last STALE, and the last CHECK */
	bool have_any;			/* the end of the last HAVE or DIGESTS: */
	uint16_t have_disk;
	uint64_t have_end;

	struct window *window;		/* NULL before JOB */
	uint64_t acked_payload;
	struct session_ids flushes;		/* not answered yet */
	struct session_ids pings;		/* ours, not answered yet */
	struct session_ids pongs; /* ours, not written yet: where in the output each one ends */
};

/* Is a message of this type legal now, from us or from the peer? Its fields are not looked at. */
bool session_rules_may_send(const struct session *s, uint16_t type);
bool session_rules_may_get(const struct session *s, uint16_t type);
/* What the session is doing, for "not allowed while ..."; not of a dead one's death. */
const char *session_rules_phase_name(const struct session *s);

/*
 * Is a message that is legal and well formed consistent with the conversation? m->wire_size is
 * set. -EBADMSG for what must not be, -EAGAIN for what must wait.
 */
int session_facts_judge(const struct session *s, struct msg *m, struct err *err);
/* Count a judged message; the only failure is -ENOMEM, and then nothing has changed. */
int session_facts_apply(struct session *s, struct msg *m);

#endif

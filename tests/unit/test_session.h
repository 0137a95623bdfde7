/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A conversation of two sessions in memory under the eyes of a judge: rules written down a second
 * time, from docs/protocol.md and not from the code. Whatever is accepted must be legal by them
 * too.
 */
#ifndef P2V_TESTS_SESSION_H
#define P2V_TESTS_SESSION_H

#include "tests/lib/unit.h"

#include <errno.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "tests/lib/loopback.h"
#include "wire/session.h"

#define AGENT	LOOPBACK_AGENT
#define SERVER	LOOPBACK_SERVER
#define MIB_	PROTO_CHUNK_SIZE

/* The second opinion */

struct judge {
	const struct loopback *l;
	const char *what;		/* for failures: the disturbance */
	unsigned int seen[PROTO_TYPE_LAST + 1][2];
	uint64_t sizes[PROTO_DISKS_MAX];
	unsigned int ndisks;
	uint64_t last, acked, durable;
	uint64_t have_end;
	unsigned int have_disk;
	uint8_t job_state;
	bool compare, live;
	uint64_t stale, check;		/* ids of the last ones */
	bool over[2];
};

#define RULE(cond)                                                                                 \
	ck_assert_msg(cond, "%s: accepted %s against the rule %s", j->what,                        \
		      msg_type_name(m->type), #cond)

UNUSED static void judge_range(struct judge *j, const struct msg *m, uint16_t disk, uint64_t offset,
			uint64_t length)
{
	RULE(disk < j->ndisks);
	RULE(length > 0 && length % 512 == 0);
	RULE(offset < j->sizes[disk] && length <= j->sizes[disk] - offset);
	if (m->type != PROTO_BAD) {
		RULE(offset % MIB_ == 0);
		RULE(length % MIB_ == 0 || offset + length == j->sizes[disk]);
	}
	if (m->type == PROTO_DATA)
		RULE(length == MIB_ || (length < MIB_ && offset + length == j->sizes[disk]));
}

/* n chunks from offset on, of which the last may be short. */
UNUSED static void judge_chunks(struct judge *j, const struct msg *m, const struct msg_digests *d)
{
	RULE(d->disk < j->ndisks && d->n > 0 && d->offset % MIB_ == 0);
	RULE(d->offset + (d->n - 1) * (uint64_t)MIB_ < j->sizes[d->disk]);
	RULE((d->kind == PROTO_DIGESTS_DATA) == (d->sha256 != NULL));
}

UNUSED static void judge_list(struct judge *j, const struct msg *m, const struct msg_have *h)
{
	RULE(h->n > 0);
	for (uint32_t i = 0; i < h->n; i++) {
		judge_range(j, m, h->disk, h->ranges[i].offset, h->ranges[i].length);
		RULE(i == 0 || h->ranges[i].offset >
				       h->ranges[i - 1].offset + h->ranges[i - 1].length);
	}
}

UNUSED static void judge_patch(struct judge *j, const struct msg *m, const struct msg_patch *p)
{
	uint64_t sum = 0;

	RULE(p->disk < j->ndisks && p->offset % MIB_ == 0 && p->npieces > 0);
	for (uint16_t i = 0; i < p->npieces; i++) {
		uint64_t from = p->offset + p->pieces[i].offset;
		uint64_t to = from + p->pieces[i].length;

		RULE(from % 4096 == 0 && to > from && to <= p->offset + MIB_);
		RULE(to <= j->sizes[p->disk] && (to % 4096 == 0 || to == j->sizes[p->disk]));
		RULE(i == 0 || p->pieces[i].offset >
				       p->pieces[i - 1].offset + p->pieces[i - 1].length);
		sum += to - from;
	}
	RULE(p->codec <= 1 && (p->codec == 0 ? p->stored == sum
					     : p->stored > 0 && p->stored < sum));
}

UNUSED static void judge_at_server(struct judge *j, const struct msg *m)
{
	struct msg copy = *m;
	const uint64_t *id = msg_counted_id(&copy);

	RULE(m->type == PROTO_HELLO || j->seen[PROTO_HELLO][SERVER] == 1);
	if (id) {
		RULE(j->seen[PROTO_OPEN][SERVER] == 1 && j->seen[PROTO_FINISH][SERVER] <= 1);
		RULE(m->type == PROTO_FINISH || j->seen[PROTO_FINISH][SERVER] == 0);
		RULE(*id == j->last + 1);
		j->last++;
		RULE(session_in_flight(j->l->side[SERVER].session) <= PROTO_CREDIT_MIN);
	}
	switch (m->type) {
	case PROTO_HELLO:
		RULE(m->hello.role == PROTO_ROLE_AGENT && m->hello.must == 0 &&
		     m->hello.version > 0);
		RULE(j->seen[m->type][SERVER] == 1);
		break;
	case PROTO_OPEN:
		RULE(j->seen[m->type][SERVER] == 1);
		RULE(m->open.ndisks >= 1 && m->open.ndisks <= PROTO_DISKS_MAX);
		j->ndisks = m->open.ndisks;
		j->compare = m->open.flags & PROTO_OPEN_COMPARE;
		j->live = m->open.flags & PROTO_OPEN_LIVE;
		for (unsigned int i = 0; i < j->ndisks; i++)
			j->sizes[i] = m->open.disks[i].size;
		break;
	case PROTO_DATA:
		judge_range(j, m, m->data.disk, m->data.offset, m->data.length);
		break;
	case PROTO_ZERO:
		judge_range(j, m, m->zero.disk, m->zero.offset, m->zero.length);
		break;
	case PROTO_BAD:
		judge_range(j, m, m->bad.disk, m->bad.offset, m->bad.length);
		break;
	case PROTO_STALE:
		RULE(j->live);
		RULE(session_durable_id(j->l->side[SERVER].session) == *id - 1 ||
		     j->stale == *id - 1);
		judge_list(j, m, &m->stale.what);
		j->stale = *id;
		break;
	case PROTO_PATCH:
		RULE(j->live);
		judge_patch(j, m, &m->patch);
		break;
	case PROTO_CHECK:
		RULE(j->live);
		judge_chunks(j, m, &m->check.what);
		j->check = *id;
		break;
	case PROTO_FINISH:
		RULE(j->check <= session_durable_id(j->l->side[SERVER].session));
		break;
	case PROTO_FLUSH:
	case PROTO_PONG:
		break;
	case PROTO_CLOSE:
	case PROTO_ERROR:
		j->over[SERVER] = true;
		break;
	default:
		RULE(false);
	}
}

UNUSED static void judge_at_agent(struct judge *j, const struct msg *m)
{
	const struct session *agent = j->l->side[AGENT].session;
	const struct msg_have *h = &m->have;
	const struct msg_digests *d = &m->digests;
	bool ready = j->seen[PROTO_READY][AGENT] > 0;

	RULE(m->type == PROTO_HELLO || m->type == PROTO_ERROR || j->seen[PROTO_HELLO][AGENT] == 1);
	switch (m->type) {
	case PROTO_HELLO:
		RULE(m->hello.role == PROTO_ROLE_SERVER && m->hello.must == 0 &&
		     m->hello.version > 0);
		RULE(j->seen[m->type][AGENT] == 1);
		break;
	case PROTO_JOB:
		RULE(j->seen[m->type][AGENT] == 1);
		j->job_state = m->job.state;
		break;
	case PROTO_HAVE:
		RULE(j->job_state == PROTO_JOB_RESUMED && !ready && !j->compare);
		RULE(h->disk < LOOPBACK_DISKS && h->disk >= j->have_disk);
		if (h->disk > j->have_disk)
			j->have_end = 0;
		j->have_disk = h->disk;
		for (uint32_t i = 0; i < h->n; i++) {
			uint64_t size = h->disk ? LOOPBACK_DISK1_SIZE : LOOPBACK_DISK0_SIZE;

			RULE(h->ranges[i].offset == 0 ? j->have_end == 0
						      : h->ranges[i].offset > j->have_end);
			RULE(range_inside(h->ranges[i].offset, h->ranges[i].length, size));
			j->have_end = h->ranges[i].offset + h->ranges[i].length;
			RULE(j->have_end % MIB_ == 0 || j->have_end == size);
		}
		break;
	case PROTO_DIGESTS:
		RULE(j->job_state == PROTO_JOB_RESUMED && !ready && j->compare);
		RULE(d->disk < LOOPBACK_DISKS && d->disk >= j->have_disk);
		if (d->disk > j->have_disk)
			j->have_end = 0;
		j->have_disk = d->disk;
		RULE(d->offset % MIB_ == 0 && d->offset >= j->have_end && d->n > 0);
		j->have_end = d->offset + (d->n - 1) * (uint64_t)MIB_;
		RULE(j->have_end < (d->disk ? LOOPBACK_DISK1_SIZE : LOOPBACK_DISK0_SIZE));
		j->have_end += MIB_;
		RULE((d->kind == PROTO_DIGESTS_DATA) == (d->sha256 != NULL));
		break;
	case PROTO_READY:
		RULE(j->job_state != 0 && j->seen[m->type][AGENT] == 1);
		j->over[AGENT] = j->job_state == PROTO_JOB_COMPLETE;
		break;
	case PROTO_ACK:
		RULE(ready && m->id.id > j->acked && m->id.id <= session_last_id(agent));
		j->acked = m->id.id;
		break;
	case PROTO_FLUSHED:
		RULE(ready && m->id.id > j->durable && m->id.id <= session_last_id(agent));
		RULE(m->id.id == LOOPBACK_FLUSH1 || m->id.id == LOOPBACK_FLUSH2 ||
		     (j->l->live &&
		      (m->id.id == LOOPBACK_LIVE_FLUSH3 || m->id.id == LOOPBACK_LIVE_FLUSH4)));
		j->durable = m->id.id;
		j->acked = j->acked > m->id.id ? j->acked : m->id.id;
		break;
	case PROTO_STATUS:
		RULE(ready && m->status.done <= m->status.total);
		break;
	case PROTO_THROTTLE:
		RULE(ready && (m->throttle.mode == PROTO_THROTTLE_RATE) == (m->throttle.rate > 0));
		break;
	case PROTO_DIFFER:
		/* The agent's own OPEN said so, whatever the server was made to read. */
		RULE(ready && j->l->live && j->check > j->durable);
		judge_list(j, m, h);
		break;
	case PROTO_CUTOVER:
		RULE(ready && j->l->live);
		break;
	case PROTO_FINISHED:
		RULE(ready && session_last_id(agent) ==
				      (j->l->live ? LOOPBACK_LIVE_FINISH : LOOPBACK_FINISH));
		j->over[AGENT] = true;
		break;
	case PROTO_ERROR:
		j->over[AGENT] = true;
		break;
	case PROTO_PONG:
		break;
	default:
		RULE(false);
	}
}

UNUSED static void judge_msg(void *opaque, enum loopback_dir to, const struct msg *m)
{
	struct judge *j = opaque;

	RULE(m->type >= PROTO_HELLO && m->type <= PROTO_TYPE_LAST);
	RULE(!j->over[to]);
	j->seen[m->type][to]++;
	if (to == SERVER)
		judge_at_server(j, m);
	else
		judge_at_agent(j, m);
}

/* How a side ended: it must be in one of three ways, and say so clearly. */
enum outcome { OK, LOST, FAILED };

UNUSED static enum outcome outcome(struct loopback *l, enum loopback_dir who, const char *what)
{
	struct loopback_side *side = &l->side[who];
	struct msg m = { .type = PROTO_PING }, got;
	struct err err = ERR_INIT, again = ERR_INIT;
	int r;

	ck_assert_msg(side->errors_sent <= 1 && side->after_error == 0,
		      "%s: %u ERRORs, %u frames after it", what, side->errors_sent,
		      side->after_error);
	if (side->result < 0) {
		ck_assert_msg(side->err.text[0] && side->err.code == -side->result,
			      "%s: no clear error", what);
		r = session_step(side->session, &got, &again);
		ck_assert_msg(r == side->result && strcmp(again.text, side->err.text) == 0,
			      "%s: '%s' and then '%s'", what, side->err.text, again.text);
		ck_assert_int_eq(session_get_state(side->session), SESSION_DEAD);
		ck_assert_int_eq(session_send(side->session, &m, &err), -EPIPE);
		ck_assert_int_eq(session_eof(side->session, &err), side->result);
		ck_assert_uint_eq(iobuf_len(session_output(side->session)), 0);
		return FAILED;
	}
	r = session_eof(side->session, &err);
	ck_assert_msg(r == 0 || (r == -ECONNRESET && err.text[0]), "%s: end of file gives %d", what,
		      r);
	if (r == 0)
		ck_assert_int_eq(session_get_state(side->session), SESSION_END);
	return r == 0 ? OK : LOST;
}

UNUSED static void converse(struct loopback *l, struct judge *j, const char *what)
{
	*j = (struct judge){ .l = l, .what = what };
	l->judge = judge_msg;
	l->judge_opaque = j;
	loopback_converse(l);
}

/* It ended well for both, and they agree. */
UNUSED static void check_quiet(struct loopback *l)
{
	struct session *agent = l->side[AGENT].session, *server = l->side[SERVER].session;

	ck_assert_msg(l->side[AGENT].result == 0, "%s", l->side[AGENT].err.text);
	ck_assert_msg(l->side[SERVER].result == 0, "%s", l->side[SERVER].err.text);
	ck_assert_uint_eq(l->side[AGENT].errors_sent + l->side[SERVER].errors_sent, 0);
	ck_assert_int_eq(outcome(l, AGENT, ""), OK);
	ck_assert_int_eq(outcome(l, SERVER, ""), OK);
	ck_assert_uint_eq(session_last_id(server), session_last_id(agent));
	ck_assert_uint_eq(session_acked_id(server), session_acked_id(agent));
	ck_assert_uint_eq(session_durable_id(server), session_durable_id(agent));
	ck_assert_uint_eq(session_acked_payload(server), session_acked_payload(agent));
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See lane.h. */
#include "p2v-server/lane.h"

#include <stdlib.h>

#include "common/compiler.h"
#include "wire/transport_fd.h"

int lane_first(struct lane *l, int in, int out, const char *software, struct err *err)
{
	int r;

	*l = (struct lane){ .in = -1, .control = -1, .ids = RING_OF(uint64_t) };
	r = transport_fd_new(in, out, false, &l->transport, err);
	return r < 0 ? r : link_init(&l->link, PROTO_ROLE_SERVER, l->transport, software, err);
}

int lane_join(struct joiner *j, const uint64_t *sizes, uint16_t ndisks, struct lane **ret,
	      struct err *err)
{
	CLEANUP(lane_free) struct lane *l = calloc(1, sizeof(*l));
	struct session *s = NULL;
	int r = l ? 0 : err_nomem(err);

	if (l) {
		l->in = j->in;
		l->control = j->control;
		l->ids = (struct ring)RING_OF(uint64_t);
	} else {
		fd_close(j->control);
	}
	if (r >= 0)
		r = transport_fd_new(j->in, j->out, true, &l->transport, err);
	if (r < 0) {
		fd_close(j->in);
		fd_close(j->out);
		return r;
	}
	r = session_new_joined(j->features, j->software, sizes, ndisks, &s, err);
	if (r < 0)
		return r;
	link_adopt(&l->link, PROTO_ROLE_SERVER, l->transport, s);
	*ret = TAKE_PTR(l);
	return 0;
}

void lane_done(struct lane *l)
{
	link_done(&l->link);
	transport_free(l->transport);
	fd_close(l->control);
	ring_done(&l->ids);
	*l = (struct lane){ .in = -1, .control = -1 };
}

void lane_free(struct lane *l)
{
	if (l)
		lane_done(l);
	free(l);
}

int lane_count(struct lane *l, uint64_t id, struct err *err)
{
	return ring_push(&l->ids, &id) < 0 ? err_nomem(err) : 0;
}

void lane_asked(struct lane *l, uint64_t own, uint64_t id)
{
	l->asked = own;
	l->asked_id = id;
}

/* -EAGAIN: the agent is slow to read; it is told at a later turn. */
static int tell(struct lane *l, uint16_t type, uint64_t id, struct err *err)
{
	struct msg m = { .type = type };

	m.id.id = id;
	return session_send(l->link.session, &m, err);
}

int lane_tell(struct lane *l, uint64_t acked, uint64_t durable, struct err *err)
{
	uint64_t flushed;
	int r;

	for (; l->ids.n > 0 && *(uint64_t *)ring_at(&l->ids, 0) <= acked; l->passed++)
		ring_drop(&l->ids, 1);
	/*
	 * The target may flush more often than it is asked to; only an answer to a FLUSH is told.
	 */
	flushed = l->asked > l->durable && durable >= l->asked_id ? l->asked : 0;
	if (l->passed > MAX(l->acked, flushed)) {
		r = tell(l, PROTO_ACK, l->passed, err);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		l->acked = l->passed;
	}
	if (flushed != 0) {
		r = tell(l, PROTO_FLUSHED, flushed, err);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		l->durable = flushed;
		l->acked = MAX(l->acked, flushed);
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See link.h. */
#include "wire/link.h"

#include <time.h>

#include "common/compiler.h"

#define READ_SIZE (256u << 10)

double link_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int link_init(struct link *l, enum proto_role role, struct transport *t, const char *software,
	      struct err *err)
{
	*l = (struct link){ .role = role, .transport = t, .last_rx = link_now() };
	return session_new(role, software, &l->session, err);
}

void link_adopt(struct link *l, enum proto_role role, struct transport *t, struct session *s)
{
	*l = (struct link){ .role = role, .transport = t, .session = s, .last_rx = link_now() };
}

void link_done(struct link *l)
{
	session_free(l->session);
	l->session = NULL;
}

size_t link_backlog(struct link *l)
{
	return iobuf_len(session_output(l->session));
}

bool link_stalled(struct link *l)
{
	return link_backlog(l) > 0 && l->transport->ops->stalled &&
	       l->transport->ops->stalled(l->transport);
}

static int pump_out(struct link *l, struct err *err)
{
	struct iobuf *out = session_output(l->session);

	while (iobuf_len(out) > 0) {
		size_t len = MIN(iobuf_len(out), rate_limit_may(&l->limit, link_now()));
		ssize_t n;

		if (len == 0)
			return 0;
		n = l->transport->ops->write(l->transport, iobuf_ptr(out), len, err);
		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		rate_limit_took(&l->limit, (size_t)n);
		iobuf_consume(out, (size_t)n);
	}
	return 0;
}

void link_limit(struct link *l, uint64_t rate)
{
	rate_limit_set(&l->limit, rate, link_now());
}

/* 1: the session is full of what is to be stepped through first. */
static int pump_in(struct link *l, struct err *err)
{
	while (!l->eof) {
		uint8_t *p;
		size_t room;
		ssize_t n;
		int r;

		r = session_feed_reserve(l->session, READ_SIZE, &p, &room, NULL);
		if (r == -EMSGSIZE)
			r = session_feed_reserve(l->session, 1, &p, &room, NULL);
		if (r == -EMSGSIZE)
			return 1;
		if (r < 0)
			return err_code(err, -r, "cannot take bytes from the peer");
		n = l->transport->ops->read(l->transport, p, room, err);
		if (n == -EAGAIN)
			return 0;
		/*
		 * An agent that is gone with our answers unread: what it sent before still counts.
		 */
		if (n == -ECONNRESET && l->role == PROTO_ROLE_SERVER)
			n = 0;
		if (n < 0)
			return (int)n;
		if (n == 0) {
			l->eof = true;
			return 0;
		}
		session_feed_commit(l->session, (size_t)n);
		l->last_rx = link_now();
		l->pinged = false;
	}
	return 0;
}

int link_pump(struct link *l, bool *ret_lost, struct err *err)
{
	struct err write_err = ERR_INIT;
	int w = pump_out(l, &write_err);
	int r = pump_in(l, err);

	/* A peer that refused us has said why before it closed: what can be read comes first. */
	if (r < 0 || (w < 0 && l->eof))
		*ret_lost = true;
	if (r < 0)
		return r;
	if (w < 0 && !l->eof && r == 0) {
		*ret_lost = true;
		if (err)
			*err = write_err;
		return w;
	}
	return 0;
}

int link_next(struct link *l, struct msg *ret, bool *ret_lost, struct err *err)
{
	int r = session_step(l->session, ret, err);

	if (r != 0 || !l->eof)
		return r;
	r = session_eof(l->session, err);
	if (r < 0)
		*ret_lost = true;
	return r;
}

/* Rounded up, and never so long that it matters. */
static int delay_ms(double seconds)
{
	return seconds > 1 ? 1000 : (int)(seconds * 1000) + 1;
}

int link_wait(struct link *l, const int *extra, size_t n, int timeout_ms, bool *ret_lost,
	      struct err *err)
{
	double silent = link_now() - l->last_rx, delay;
	int r;

	if (silent > LINK_DEAD_S) {
		*ret_lost = true;
		return err_set(err, ETIMEDOUT, "nothing heard from the %s for %d s",
			       l->role == PROTO_ROLE_AGENT ? "server" : "agent", LINK_DEAD_S);
	}
	if (l->role == PROTO_ROLE_AGENT && silent > LINK_PING_S && !l->pinged &&
	    session_get_state(l->session) > SESSION_OPEN &&
	    session_get_state(l->session) < SESSION_END) {
		struct msg m = { .type = PROTO_PING, .id = { .id = ++l->ping } };

		l->pinged = true;
		r = session_send(l->session, &m, err);
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	/* What the limit holds back goes when its time comes, not when there is room. */
	delay = link_backlog(l) > 0 ? rate_limit_delay(&l->limit, link_now()) : 0;
	if (delay > 0)
		timeout_ms = timeout_ms < 0 ? delay_ms(delay) : MIN(timeout_ms, delay_ms(delay));
	r = l->transport->ops->wait(l->transport, link_backlog(l) > 0 && delay <= 0, extra, n,
				    timeout_ms, err);
	if (r < 0)
		*ret_lost = true;
	return r;
}

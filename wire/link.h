/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A session on a transport: moves bytes between the two, and keeps watch over silence. Used by
 * both ends; one thread. The agent asks for a sign of life after LINK_PING_S without a byte from
 * the server; either end counts the connection as lost after LINK_DEAD_S of silence, so a dead
 * network cannot hold a job for the hours that TCP would wait.
 */
#ifndef P2V_WIRE_LINK_H
#define P2V_WIRE_LINK_H

#include "common/rate_limit.h"
#include "wire/session.h"
#include "wire/transport.h"

#define LINK_PING_S 15
#define LINK_DEAD_S 90

struct link {
	struct session *session;
	struct transport *transport;	/* borrowed */
	double last_rx;			/* monotonic seconds */
	enum proto_role role;
	uint64_t ping;
	bool pinged, eof;
	struct rate_limit limit;	/* of what is written; zeroed: none */
};

int link_init(struct link *l, enum proto_role role, struct transport *t, const char *software,
	      struct err *err);
/* The same with a session that has been begun; the link takes it over. */
void link_adopt(struct link *l, enum proto_role role, struct transport *t, struct session *s);
void link_done(struct link *l);
DEFINE_CLEANUP_VALUE(struct link, link_done)

/*
 * Read what is there and write what will go, without waiting. -errno with *ret_lost set when the
 * connection is gone.
 */
int link_pump(struct link *l, bool *ret_lost, struct err *err);
/* The next message: as session_step(); -ECONNRESET with *ret_lost when the peer has closed. */
int link_next(struct link *l, struct msg *ret, bool *ret_lost, struct err *err);
/* Wait for the transport or one of the descriptors, at most timeout_ms; sends the pings. */
int link_wait(struct link *l, const int *extra, size_t n, int timeout_ms, bool *ret_lost,
	      struct err *err);
/* At most so many bytes per second are written from now on; 0: as many as go. */
void link_limit(struct link *l, uint64_t rate);
/* Do bytes wait for the peer to confirm others, rather than for room in the network? */
bool link_stalled(struct link *l);
/* Bytes waiting to be written. */
size_t link_backlog(struct link *l);
double link_now(void);

#endif

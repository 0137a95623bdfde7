/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sending half of a connection while a job is copied: takes items from the pipeline as fast
 * as credit and link allow, asks for durability now and then, and counts what is in flight.
 *
 *	pipeline --items--> sender --session--> transport
 *	                      ^--- ACK, FLUSHED
 *
 *	COPYING		items are taken and sent
 *	DRAINING	no more: a last FLUSH is out
 *	DRAINED		everything that was sent over this connection is durable
 *
 * One thread. Several senders may take from one pipeline, each in its own thread.
 */
#ifndef P2V_AGENT_SENDER_H
#define P2V_AGENT_SENDER_H

#include "common/ring.h"
#include "p2v-agent/pipeline.h"
#include "p2v-agent/tally.h"
#include "wire/link.h"

#define SENDER_SOFTWARE "p2v-agent " P2V_VERSION	/* for HELLO, on every connection */

enum sender_state { SENDER_COPYING, SENDER_DRAINING, SENDER_DRAINED };

struct sender {
	struct link *link;		/* borrowed, as are all of these */
	struct pipeline *pipeline;
	const struct source *source;
	struct tally *tally;
	uint64_t flush_bytes;		/* ask for durability after this many bytes of the disks */
	enum sender_state state;
	struct item *pending;		/* taken, waiting for credit */
	struct ring sent;		/* struct sender_sent: what is in flight */
	uint64_t unflushed;		/* bytes since the last FLUSH was sent */
	double last_flush;
	uint64_t flush_id;		/* last FLUSH sent that is not answered, 0 none */
	bool want_flush;		/* DRAINING: the last FLUSH is not sent yet */
	int code;			/* why it is not all: -errno with err; 0 it is */
	struct err err;
	/* A curve was measured; NULL where nobody wants to know. */
	void (*probed)(void *opaque, const struct adapt_curve *c);
	void *opaque;
};

void sender_begin(struct sender *s);		/* the members that are borrowed are set */
void sender_done(struct sender *s);
/* Whatever is due now. */
int sender_turn(struct sender *s, struct err *err);
void sender_acked(struct sender *s, uint64_t id);
void sender_flushed(struct sender *s, uint64_t id);
/* Take no more; what is sent becomes durable. */
void sender_stop(struct sender *s, int code, const struct err *why);
/* The server's ERROR in words, as -errno; *ret_lost: another try may succeed. */
int sender_refused(const struct msg_error *e, bool *ret_lost, struct err *err);
/* Wait for the link, the pipeline (when that is what is missing), or one of the n descriptors. */
int sender_wait(struct sender *s, const int *extra, size_t n, bool *ret_lost, struct err *err);

#endif

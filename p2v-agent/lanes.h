/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Further connections of a pass, each with a thread of its own, that take from the pipeline what
 * the first one cannot send in time: a connection's encryption is the work of one thread at
 * either end, and a processor has more than one.
 *
 *	pipeline --+--> the pass's own sender --> first connection
 *	           +--> lane: sender --> connection that joined the job
 *	           +--> lane: ...
 *
 * A lane that cannot be opened is no failure: the others do its work. One that is lost later has
 * taken chunks with it, and the pass is over; a new one begins from what is durable.
 */
#ifndef P2V_AGENT_LANES_H
#define P2V_AGENT_LANES_H

#include "p2v-agent/sender.h"

#define LANES_MAX	7	/* beside the first; the server takes 8 */

/* A transport like the pass's own, made by another thread: nobody is asked anything. */
typedef int lanes_connect_fn(void *opaque, struct transport **ret, bool *ret_lost, struct err *err);

struct lanes_config {
	const struct source *source;
	struct pipeline *pipeline;
	struct tally *tally;
	uint64_t flush_bytes;
	const struct msg_open *open;	/* of the first connection; its name and disks are used */
	uint8_t uuid[PROTO_UUID_LEN];	/* of the job */
	lanes_connect_fn *connect;
	void *opaque;
};

struct lanes;

/* Copies cfg; what it points to outlives the lanes. */
int lanes_new(const struct lanes_config *cfg, struct lanes **ret, struct err *err);
/* Ends them, whatever they have in flight; after lanes_stop() and their end there is nothing. */
void lanes_free(struct lanes *l);
DEFINE_CLEANUP(struct lanes *, lanes_free)

/* One more; -EMFILE when there are LANES_MAX. */
int lanes_add(struct lanes *l, struct err *err);
/* How many were added, ended ones too; how many have not ended. NULL has none. */
unsigned int lanes_added(const struct lanes *l);
unsigned int lanes_running(struct lanes *l);
/* Take no more: make durable what was sent, and end. */
void lanes_stop(struct lanes *l);
/* Readable when a lane has ended. */
int lanes_fd(struct lanes *l);
/* 0, or the first failure; *ret_lost: of the connection. */
int lanes_result(struct lanes *l, bool *ret_lost, struct err *err);

#endif

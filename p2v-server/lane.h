/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A lane: one of the connections over which a job comes, with its own ids.
 *
 *	ids of the lanes	1 2 3		1 2	each connection's own
 *	ids of the job		1 2 4		3 5	in the order of arrival; the target's
 *
 * The target (target.h) knows one row of ids. Each counted message is given the job's next id,
 * and the lane remembers which it gave, so that the target's high-water marks become the lane's
 * own ACK and FLUSHED.
 *
 * One thread, the receiver's.
 */
#ifndef P2V_SERVER_LANE_H
#define P2V_SERVER_LANE_H

#include "common/ring.h"
#include "p2v-server/join.h"
#include "wire/link.h"

#define LANES_MAX	8	/* beside the first */

struct lane {
	struct link link;
	struct transport *transport;
	int in;				/* to be waited for; -1: the first one, whose link waits */
	int control;			/* of one that joined; -1 */
	struct ring ids;		/* uint64_t: the job's ids of messages [passed + 1, last] */
	uint64_t passed;		/* the last own id that is in its image */
	uint64_t acked, durable;	/* as told to the agent */
	uint64_t asked, asked_id;	/* its last FLUSH: own id, the job's id */
	bool lost;
};

/* The first, over in and out, which stay the caller's. */
int lane_first(struct lane *l, int in, int out, const char *software, struct err *err);
/* One that joined; takes the descriptors of j over, also when it fails. sizes: of the disks. */
int lane_join(struct joiner *j, const uint64_t *sizes, uint16_t ndisks, struct lane **ret,
	      struct err *err);
void lane_done(struct lane *l);
void lane_free(struct lane *l);		/* of lane_join() */
DEFINE_CLEANUP(struct lane *, lane_free)

/* A counted message came; id: the job's for it. */
int lane_count(struct lane *l, uint64_t id, struct err *err);
/* It was a FLUSH. */
void lane_asked(struct lane *l, uint64_t own, uint64_t id);
/* Tell the agent what of its messages is in the images and what is durable, by the job's ids. */
int lane_tell(struct lane *l, uint64_t acked, uint64_t durable, struct err *err);

#endif

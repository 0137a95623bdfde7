/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the rounds of a live conversion are made of. Internal to rounds*.c:
 *
 *	rounds.c		the steps
 *	rounds_compare.c	comparisons: of what a doubtful tracker leaves open, and of what
 *				nobody wrote to
 */
#ifndef P2V_AGENT_HOT_ROUNDS_STATE_H
#define P2V_AGENT_HOT_ROUNDS_STATE_H

#include "p2v-agent/hot/rounds.h"
#include "p2v-agent/hot/task.h"

/* Before it is known how it goes, rounds follow each other without a pause. */
#define EAGER_ROUNDS	3u

enum step {
	ENTER,		/* a connection: what the server has not is copied */
	COPIED,		/* that is durable */
	REST,
	WRITING,	/* what is dirty in memory is being written to the disks */
	RESCANNED,	/* without a tracker: all was compared; what differs is pending */
	PATROLLED,	/* a part of what should be the same was compared */
	SENT,		/* a round is durable */
	FREEZE,
	LAST,		/* the frozen round is durable */
	COMPARED,	/* what may be wrong was compared; what differs is pending */
	MENDED,		/* and has been sent */
	THAW,
};

struct rounds {
	struct rounds_config cfg;
	size_t n;
	struct bitmap **pending, **kept;
	struct bitmap **have;		/* the pass's; of this connection */
	struct bitmap **skip;		/* of a comparison: chunks that are not compared */
	struct bitmap **suspect;	/* chunks that a comparison found to differ */
	size_t patrol_disk;		/* where the next one begins */
	uint64_t patrol_pos;
	double patrol_next;		/* not before */
	bool aside;			/* what is sent is a patrol's, and no round to learn from */
	bool missed;			/* a write was seen that the tracker has not marked */
	const struct bitmap **maps;	/* kept or pending, as a round wants them */
	struct task *sync;
	bool rescan;			/* there is no tracker: everything is compared, always */
	uint8_t uuid[PROTO_UUID_LEN];	/* of the job */
	enum step step;
	bool leading;			/* these rounds lead to the freeze */
	unsigned int nleading, attempts;
	bool commanded, frozen, over;	/* over: the freeze ended by itself */
	struct forecast forecast;
	double harvested, began, ended, said;	/* when */
	struct forecast_round round;	/* that is being sent */
	uint64_t before;		/* bytes of the round before */
	struct rounds_report report;
};

/* Bytes under the bits of n maps. */
uint64_t rounds_bytes(struct bitmap *const *v, size_t n);
/* Take out of the tracker what has changed; it is pending from then on, and r->round is of it. */
int rounds_harvest(struct rounds *r, bool last, struct err *err);
/* PASS_ROUND, with *ret filled: it begins now. */
int rounds_ask(struct rounds *r, struct pass_round *ret, enum walk_kind kind, struct bitmap **maps,
	       struct bitmap **have, const char *label);
/* What is pending is to be sent; the next step is SENT. */
int rounds_changes(struct rounds *r, struct pass_round *ret);
/* It is time to cut over. */
bool rounds_wanted(const struct rounds *r);

/* ---- rounds_compare.c; the steps return as pass_rounds.next() */

/* What a comparison found to differ is pending from now on. */
void rounds_take_suspects(struct rounds *r);
bool rounds_may_patrol(const struct rounds *r);
int rounds_patrol(struct rounds *r, struct pass_round *ret, struct err *err);
int rounds_patrolled(struct rounds *r, struct pass_round *ret, struct err *err);
/* Frozen, and the tracker cannot vouch. -ETIME: it cannot be done before the watchdog thaws. */
int rounds_compare(struct rounds *r, struct pass_round *ret, struct err *err);
int rounds_compared(struct rounds *r, struct pass_round *ret);

#endif

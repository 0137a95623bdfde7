/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way in: bring this machine to rest, for as short a time as can be, and let it go on whatever
 * happens.
 *
 *	quiesce_new()		early, while the agent is small: starts the three processes that
 *				stand behind it
 *	quiesce_prepare()	read what is mounted, open it, hand it to the watchdog
 *	  quiesce_by_hand()	what to print before
 *	quiesce_sync()		as often as one likes: what is dirty now costs time later
 *	quiesce_freeze()	hooks, hold, write back, freeze: all of it, or nothing
 *				(quiesce_pause(): the freeze alone)
 *	  quiesce_beat()	at least every half second; quiesce_left_ns() says when it is over
 *	quiesce_thaw()		thaw, then the hooks again. The hold stays
 *	quiesce_confirm()	the virtual machine serves: the hold is not to be lifted any more
 *	quiesce_lift()		or it does not: the source goes on serving
 *
 * Between freeze and thaw the agent touches no file on a frozen filesystem: memory is locked, what
 * is needed was opened before, messages go to memory. It may read block devices and use sockets.
 * How long the freeze may last, and the hold, is bounded from the start by processes apart
 * (watchdog.h, deadman.h): a kill -9 of the agent, a stop, a hang ends with a machine that serves.
 *
 * Whoever reads blocks under the freeze may use them only when quiesce_thaw() returned 0.
 *
 * One thread; quiesce_beat() any.
 */
#ifndef P2V_AGENT_QUIESCE_QUIESCE_H
#define P2V_AGENT_QUIESCE_QUIESCE_H

#include "p2v-agent/quiesce/freezer.h"
#include "p2v-agent/quiesce/hold.h"
#include "p2v-agent/quiesce/quiesce_plan.h"

#define QUIESCE_BOUND_NS	UINT64_C(10000000000)
#define QUIESCE_SILENCE_NS	UINT64_C(2000000000)
#define QUIESCE_HOLD_BOUND_NS	UINT64_C(900000000000)
#define QUIESCE_HOOK_TIMEOUT_S	30u

struct quiesce_config {
	struct quiesce_wanted wanted;	/* what it points to outlives the object */
	uint64_t bound_ns;		/* of the freeze */
	uint64_t silence_ns;		/* of the agent while frozen */
	unsigned int hook_timeout_s;	/* for each call */
	bool accept;			/* go on with what cannot be held still */
	struct hold_config hold;
	uint64_t hold_bound_ns;
};

struct quiesce;

int quiesce_new(const struct quiesce_config *cfg, struct quiesce **ret, struct err *err);
/* Thaws, and lifts a hold that was not confirmed. */
void quiesce_free(struct quiesce *q);
DEFINE_CLEANUP(struct quiesce *, quiesce_free)

/* Before it is prepared: the disks of cfg->wanted, where they are found only now. */
void quiesce_set_disks(struct quiesce *q, const char *const *disks, size_t n);
/* -EOPNOTSUPP: something writable cannot be held still, and that is not accepted. Once. */
int quiesce_prepare(struct quiesce *q, struct err *err);
const struct quiesce_plan *quiesce_plan_of(const struct quiesce *q);
/* Freezing and times of each filesystem. */
const struct freezer *quiesce_freezer_of(const struct quiesce *q);
/* A command on each line, to be printed before the freeze. */
void quiesce_by_hand(const struct quiesce *q, struct strbuf *b);

int quiesce_sync(struct quiesce *q, struct err *err);
int quiesce_freeze(struct quiesce *q, struct err *err);
/* The freeze alone, for a look at what is on the disks: no hooks, no hold, no write back. */
int quiesce_pause(struct quiesce *q, struct err *err);
void quiesce_beat(struct quiesce *q);
uint64_t quiesce_left_ns(const struct quiesce *q);
/* -ETIME: it did not stand still to this moment. The hooks' failures are in *ret_hooks, or none. */
int quiesce_thaw(struct quiesce *q, struct err *ret_hooks, struct err *err);

bool quiesce_held(const struct quiesce *q);
/* -ETIME: the hold was lifted already, the source serves. */
int quiesce_confirm(struct quiesce *q, struct err *err);
int quiesce_lift(struct quiesce *q, struct err *err);

#endif

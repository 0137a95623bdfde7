/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The watchdog: whatever becomes of the agent, what it froze is thawed within a bounded time.
 *
 *	agent ----socket----> watchdog            one process (solitary.h), started early
 *	   |                    |--- guard 0      one process for each filesystem, which holds a
 *	   +--shared memory-----+--- guard 1      descriptor of it
 *
 * Each guard looks at the shared memory every few milliseconds, and fires for all when
 *
 *	deadline	the time that the agent asked for is over
 *	silent		the agent has not said for too long that it lives: hung, or stopped
 *	gone		the socket has ended: the agent died, by whatever
 *
 * One process for each filesystem, because thawing can block: a filesystem that rests on a file of
 * another one is thawed only after that one. Guards that do not wait for each other need no order,
 * and one that hangs in the kernel holds up no other.
 *
 * Signs of life are a number in shared memory and no messages: writing it cannot block, be lost, or
 * fail. Whether the agent or the watchdog ended the freeze is decided by one atomic exchange, so
 * that both agree: what was read after the watchdog has fired is not of one moment, and
 * watchdog_ending() says so.
 *
 * The agent may die in the middle of a freeze: then it dies when the kernel is done with that, and
 * the guard thaws after. It may be stopped there, and go on later: the guard goes on trying for as
 * long as the freeze may still come. A guard thaws only what the agent has begun to freeze.
 *
 * One thread uses a watchdog; watchdog_beat() may be called by any.
 */
#ifndef P2V_AGENT_QUIESCE_WATCHDOG_H
#define P2V_AGENT_QUIESCE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"

#define WATCHDOG_SLOTS	256

enum watchdog_reason {
	WATCHDOG_NONE,
	WATCHDOG_DEADLINE,
	WATCHDOG_SILENT,
	WATCHDOG_GONE,
	WATCHDOG_ASKED,		/* by watchdog_fire() */
};

enum watchdog_state {
	WATCHDOG_FREE,
	WATCHDOG_READY,		/* guarded, not frozen by us */
	WATCHDOG_FREEZING,	/* the kernel was asked, or is about to be */
	WATCHDOG_FROZEN,
	WATCHDOG_THAWED,	/* by the agent or by its guard */
};

struct watchdog_config {
	/* 0, -EINVAL: it was not frozen; else it is tried again. Runs in the guard. */
	int (*thaw)(void *opaque, unsigned int slot, int fd);
	void *opaque;
	uint64_t silence_ns;	/* how long the agent may be silent; 0: not looked at */
	bool lock;		/* memory of watchdog and guards */
};

struct watchdog;

int watchdog_new(const struct watchdog_config *cfg, struct watchdog **ret, struct err *err);
/* As if the agent were gone: what is frozen is thawed by the guards, and they end. */
void watchdog_free(struct watchdog *w);
DEFINE_CLEANUP(struct watchdog *, watchdog_free)

/* A guard for fd, of which it keeps a copy; returns the slot. -EMFILE, -ETIMEDOUT. */
int watchdog_add(struct watchdog *w, int fd, struct err *err);
/* From now on for so long. Fails when a guard does not answer. Slots are READY afterwards. */
int watchdog_arm(struct watchdog *w, uint64_t bound_ns, struct err *err);
void watchdog_beat(struct watchdog *w);
/* Forget that it has fired. -EBUSY when something may still be frozen. */
int watchdog_reset(struct watchdog *w, struct err *err);

/* Before the kernel is asked: false when the watchdog has fired, and nothing may be frozen. */
bool watchdog_freezing(struct watchdog *w, unsigned int slot);
/* It is frozen: false when the watchdog has fired, and it may be thawed again. */
bool watchdog_frozen(struct watchdog *w, unsigned int slot);
/* It was not frozen, for the kernel said no. */
void watchdog_not_frozen(struct watchdog *w, unsigned int slot);
/* The agent has thawed it. */
void watchdog_thawed(struct watchdog *w, unsigned int slot);
enum watchdog_state watchdog_slot(const struct watchdog *w, unsigned int slot);

/* The freeze ends now, by the agent: false when the watchdog was first. Guards still watch. */
bool watchdog_ending(struct watchdog *w);
/* Let the guards thaw: the agent could not. */
void watchdog_fire(struct watchdog *w);
/* Nothing is frozen any more. */
void watchdog_disarm(struct watchdog *w);

/* Whether it has fired since it was armed, and why. */
enum watchdog_reason watchdog_fired(const struct watchdog *w);
const char *watchdog_reason_text(enum watchdog_reason r);
/* Something may be frozen. Also from a process that was forked after watchdog_new(). */
bool watchdog_holds(const struct watchdog *w);
/* Time from arming to the last thaw of a guard; 0: none did. */
uint64_t watchdog_thaw_ns(const struct watchdog *w);

#endif

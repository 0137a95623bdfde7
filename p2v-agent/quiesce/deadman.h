/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What has to be undone, and a process that does it when the agent cannot.
 *
 * Before the agent does something to the running system that must not stay (a database is locked, a
 * service is stopped, the intake is closed) it writes down here the command that undoes it. Then
 * exactly one of two runs that command: the agent, when it is through, or a process apart
 * (solitary.h), when
 *
 *	gone	the agent died, by whatever
 *	late	the time that it asked for is over, and nobody confirmed
 *	due	a condition of the caller's holds (the watchdog has thawed)
 *
 * Commands run in reverse, each with a time limit, all of them whether or not one fails. They are
 * kept in memory that both share. Nothing is written to a disk: after a crash of the machine there
 * is nothing to undo, as what was done did not survive it either.
 *
 * The command may run beside the one that it undoes, when that is slow and the time is over. So
 * whoever has done something asks deadman_fired() afterwards, and if so undoes it once more
 * (deadman_again()). A command has to bear being run twice.
 *
 * One thread uses a deadman. Commands are searched in PATH, and run without a shell.
 */
#ifndef P2V_AGENT_QUIESCE_DEADMAN_H
#define P2V_AGENT_QUIESCE_DEADMAN_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"

#define DEADMAN_STEPS	128
#define DEADMAN_TEXT	65536	/* of all commands together */

enum deadman_reason { DEADMAN_NOT, DEADMAN_GONE, DEADMAN_LATE, DEADMAN_DUE, DEADMAN_CONFIRMED };

struct deadman_config {
	const char *name;		/* of the process, as ps shows it: at most 15 bytes */
	/* Asked by the process, of memory that is shared. Either may be NULL. */
	bool (*due)(void *opaque);
	/* Commands are run when this holds, or at the latest after ready_ns. */
	bool (*ready)(void *opaque);
	void *opaque;
	uint64_t ready_ns;
	bool lock;			/* memory */
};

struct deadman;

int deadman_new(const struct deadman_config *cfg, struct deadman **ret, struct err *err);
/* Undoes what is left, and ends the process. */
void deadman_free(struct deadman *d);
DEFINE_CLEANUP(struct deadman *, deadman_free)

/*
 * The command, copied; input for its standard input, or NULL. Returns the step's number; -ETIME
 * when the process has fired already: then nothing may be done. -ENOSPC.
 */
int deadman_add(struct deadman *d, const char *const argv[], const char *input,
		unsigned int timeout_s, struct err *err);
/* It is not needed: was never done. */
void deadman_drop(struct deadman *d, int step);
/* From now on for so long; 0: no limit. After it fired: makes it ready for another time. */
void deadman_arm(struct deadman *d, uint64_t bound_ns);
/* Run what is left, last first. All are tried; the first failure is told. */
int deadman_undo(struct deadman *d, struct err *err);
/*
 * Nothing is to be undone any more: the agent's work has come to its good end. false: too late, it
 * is undone, or about to be.
 */
bool deadman_confirm(struct deadman *d);
/* Run this step whatever has become of it. */
int deadman_again(struct deadman *d, int step, struct err *err);

enum deadman_reason deadman_fired(const struct deadman *d);
const char *deadman_reason_text(enum deadman_reason r);
/* Steps that are still to be undone. */
unsigned int deadman_pending(const struct deadman *d);

#endif

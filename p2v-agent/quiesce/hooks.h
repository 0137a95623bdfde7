/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs of the administrator that bring services to rest around the freeze. The convention is
 * the one of QEMU's guest agent for its fsfreeze hooks, so that those serve here:
 *
 *	HOOK freeze	before; another status than 0 stops everything
 *	HOOK thaw	after, in reverse, always when freeze was called, also when that failed
 *
 * A folder's executable files are run in the order of their names. Names that package managers and
 * editors leave behind are passed over. A hook runs as root: one that others may write to, or that
 * belongs to somebody else, is refused, not skipped, as the service that it is for would not rest.
 *
 * Calls to thaw are written down with a deadman (deadman.h) before freeze is called: when the agent
 * dies, its process calls them once the filesystems are thawed. All calls are made while nothing is
 * frozen, so hooks are started from where they are, and need no copy in memory. Each has a time
 * limit, after which it is killed with its group; what it left in the background on purpose (a
 * session that holds a lock) is in that group no more when it has made one of its own.
 */
#ifndef P2V_AGENT_QUIESCE_HOOKS_H
#define P2V_AGENT_QUIESCE_HOOKS_H

#include "p2v-agent/quiesce/deadman.h"

#define HOOKS_DIR	"/etc/p2v/hooks.d"
#define HOOKS_QEMU_DIR	"/etc/qemu/fsfreeze-hook.d"

struct hook {
	char *path;
	int step;		/* of the deadman; -1: freeze was not called */
	uint64_t freeze_ns;	/* how long that took */
	char *output;		/* what it said, the first 4 KiB; not escaped */
};

struct hooks {
	struct hook *v;
	size_t n;
};

/* Add those of a folder; one that is not there has none. -EPERM: see above. */
int hooks_find(const char *dir, struct hooks *h, struct err *err);
void hooks_done(struct hooks *h);
DEFINE_CLEANUP_VALUE(struct hooks, hooks_done)

/*
 * One after the other. On failure, those that were called are still to be thawed, which
 * hooks_thaw() does.
 */
int hooks_freeze(struct hooks *h, struct deadman *d, unsigned int timeout_s, struct err *err);
/* All are tried; the first failure is told. Nothing, when there is nothing to be thawed. */
int hooks_thaw(struct hooks *h, struct deadman *d, struct err *err);

#endif

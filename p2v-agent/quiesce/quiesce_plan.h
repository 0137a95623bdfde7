/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a freeze of this machine would be: the mount tables of all namespaces, the stack of block
 * devices and the hooks are read, and the graph is made of them. Nothing is changed by it, and it
 * serves as well for a recorded machine.
 *
 * All namespaces: a volume that only a container has mounted is written to as any other. Of those
 * the first process that is met stands for its namespace, and its root is the way to the mount
 * point.
 */
#ifndef P2V_AGENT_QUIESCE_QUIESCE_PLAN_H
#define P2V_AGENT_QUIESCE_QUIESCE_PLAN_H

#include "common/sysroot.h"
#include "common/text.h"
#include "p2v-agent/quiesce/hooks.h"
#include "p2v-agent/quiesce/mountgraph.h"

struct quiesce_wanted {
	const struct sysroot *root;
	const char *const *disks;	/* "/dev/sda", "sda"; none: all */
	size_t ndisks;
	const char *const *mounts;	/* only these mount points; none: no restriction */
	size_t nmounts;
	const char *const *hook_dirs;
	size_t nhook_dirs;
};

struct quiesce_plan {
	struct mountgraph graph;
	struct hooks hooks;
};

/* -ENODEV: a disk that is not there. */
int quiesce_plan_make(const struct quiesce_wanted *w, struct quiesce_plan *ret, struct err *err);
void quiesce_plan_done(struct quiesce_plan *p);
DEFINE_CLEANUP_VALUE(struct quiesce_plan, quiesce_plan_done)

/* How to thaw by hand: a command for each filesystem, and the key for all. */
void quiesce_plan_by_hand(const struct quiesce_plan *p, struct strbuf *b);
/* A descriptor of the filesystem, by the first mount point that leads to it. */
int quiesce_plan_open(const struct mountgraph_fs *fs, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kinds of filesystems, by the name that the kernel gives them, and whether they can be frozen: a
 * kind can when it answers FIFREEZE (ioctl_fs(2)), which the kernel grants to those that say how.
 */
#ifndef P2V_AGENT_QUIESCE_MOUNTGRAPH_KINDS_H
#define P2V_AGENT_QUIESCE_MOUNTGRAPH_KINDS_H

#include <stdbool.h>
#include <sys/types.h>

enum mountgraph_kind {
	KIND_UNKNOWN,
	KIND_FREEZES,
	KIND_SYNCS,		/* no freezing; small, and rarely written */
	KIND_USER_SPACE,	/* on a device, which a program writes to by itself */
	KIND_POOL,		/* on devices that the mount table does not name */
	KIND_NETWORK,
	KIND_OVERLAY,
};

enum mountgraph_kind mountgraph_kinds_of(const char *kind);
/* By the number of its superblock, or a source below /dev where that is made up (btrfs). */
bool mountgraph_kinds_on_device(const char *kind, const char *source, dev_t dev);

#endif

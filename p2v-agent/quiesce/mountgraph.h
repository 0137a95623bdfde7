/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is to be frozen, in which order, and what cannot be. Pure: it looks at texts that were read
 * before (mount tables are hostile: names of mount points are anybody's), and decides.
 *
 * A filesystem is a superblock: however often it is mounted (bind mounts, subvolumes of btrfs,
 * mounts that only a container sees), it is in the list once, with all its mount points, those
 * first that are not covered by another mount.
 *
 * The order is the one of freezing. Hard rule: what rests on a file (a loop device) comes before
 * the filesystem that this file lies on, for freezing writes back, and a write to what is frozen
 * waits for ever. Soft rule: what is mounted deeper comes first, "/" last, so that the system can
 * write to its root for as long as possible. Thawing goes the other way.
 *
 * Doubt freezes. A device that is not known is taken for one that is converted; a kind of
 * filesystem that is not known is tried. What is writable, lies on a converted disk and cannot be
 * held still is a verdict of its own, MOUNTGRAPH_STOPS, which the caller must not pass over.
 */
#ifndef P2V_AGENT_QUIESCE_MOUNTGRAPH_H
#define P2V_AGENT_QUIESCE_MOUNTGRAPH_H

#include "common/err.h"
#include "inventory/block/mountinfo.h"
#include "p2v-agent/quiesce/blockstack.h"

enum mountgraph_verdict {
	MOUNTGRAPH_FREEZE,	/* of a kind that can be frozen */
	MOUNTGRAPH_TRY,		/* of an unknown kind: the kernel may say no, which stops, too */
	MOUNTGRAPH_SYNC,	/* cannot be frozen; written back just before, and rarely written */
	MOUNTGRAPH_STOPS,	/* writable, converted, and cannot be held still */
	MOUNTGRAPH_THROUGH,	/* overlay: still when the filesystem below it is */
	MOUNTGRAPH_LEAVE,	/* nothing of it is in the image, or nothing of it changes */
};

/* One mount namespace. Paths of what only it has are opened below prefix. */
struct mountgraph_view {
	const char *prefix;	/* "" of our own, "/proc/812/root" */
	const struct mountinfo *info;
};

struct mountgraph_mount {
	char *path;		/* prefix and mount point, to be opened */
	size_t hidden;		/* bytes of path that are not shown: the system's own prefix */
	uint64_t id;		/* of the mount: statx() tells it of what was opened */
	bool covered;		/* another mount lies over it */
};

struct mountgraph_fs {
	dev_t dev;		/* of the superblock */
	char *kind, *source;	/* "ext4", "/dev/sda2" */
	enum mountgraph_verdict verdict;
	char why[192];		/* one phrase, escaped */
	struct mountgraph_mount *mounts;
	size_t nmounts;
	size_t depth;		/* of the shortest mount point: "/" is 0 */
};

struct mountgraph_swap {
	char *path;
	bool file;		/* in a filesystem, not a device of its own */
};

struct mountgraph {
	struct mountgraph_fs *fs;	/* all that are mounted */
	size_t nfs;
	size_t *order;			/* indices of fs, FREEZE and TRY, as they are frozen */
	size_t norder;
	struct mountgraph_swap *swaps;
	size_t nswaps;
};

struct mountgraph_config {
	const struct mountgraph_view *views;	/* the first is that of the system */
	size_t nviews;
	const struct blockstack *stack;
	const dev_t *disks;		/* that are converted; none: all are */
	size_t ndisks;
	const char *const *only;	/* mount points; none: no restriction */
	size_t nonly;
};

/*
 * -ENOMEM; -ENOENT: a mount point of only is not there; -ELOOP: filesystems rest on each other in
 * a circle.
 */
int mountgraph_make(const struct mountgraph_config *cfg, struct mountgraph *ret, struct err *err);
void mountgraph_done(struct mountgraph *g);
DEFINE_CLEANUP_VALUE(struct mountgraph, mountgraph_done)

/* "freeze", "try", "sync", "stops", "through", "leave" */
const char *mountgraph_verdict_word(enum mountgraph_verdict v);
/* The mount point to show. */
const char *mountgraph_fs_path(const struct mountgraph_fs *fs);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Freezing and thawing of filesystems, in a given order, with a watchdog behind it.
 *
 *	freezer_add() ...	descriptors are opened before, and handed to the watchdog
 *	freezer_sync()		what is dirty is written while everything still runs
 *	freezer_freeze()	all of them, or none
 *	  freezer_beat() ...	at least every half second: we live
 *	freezer_thaw()		in reverse
 *
 * Between freeze and thaw nothing here allocates, opens, reads or writes a file: memory is locked,
 * and messages go to memory (memlog.h). The caller keeps to that, too; it may read block devices,
 * use its sockets, and read what it has opened below /sys before.
 *
 * The freeze was good for as long as freezer_thaw() says so: 0 means that from the return of
 * freezer_freeze() to this moment everything stood still. If the watchdog was faster, or somebody
 * else has thawed one of them, it is -ETIME: what was read since is of no one moment, and must not
 * count.
 *
 * One thread uses a freezer; freezer_beat() any.
 */
#ifndef P2V_AGENT_QUIESCE_FREEZER_H
#define P2V_AGENT_QUIESCE_FREEZER_H

#include "p2v-agent/quiesce/watchdog.h"

/* What is asked of the kernel: 0 or -errno. A test has other ones. */
struct freezer_ops {
	int (*sync)(void *opaque, int fd);
	int (*freeze)(void *opaque, int fd);
	int (*thaw)(void *opaque, unsigned int slot, int fd);
	int (*lock)(void *opaque, bool on);	/* memory */
	void *opaque;
};
extern const struct freezer_ops freezer_kernel;

struct freezer_fs {
	char *name;		/* for messages: the mount point */
	int fd;
	bool may_refuse;	/* the kernel may say that it cannot be frozen */
	bool sync_only;
	unsigned int slot;	/* of the watchdog */
	bool refused;		/* it did */
	uint64_t sync_ns, freeze_ns, thaw_ns;
};

struct freezer_config {
	const struct freezer_ops *ops;
	struct watchdog *watchdog;	/* with ops->thaw; outlives the freezer */
	uint64_t bound_ns;		/* from the first freeze; then the watchdog thaws */
	bool accept_refused;		/* go on without what cannot be frozen */
};

struct freezer;

int freezer_new(const struct freezer_config *cfg, struct freezer **ret, struct err *err);
/* Thaws what is frozen. */
void freezer_free(struct freezer *f);
DEFINE_CLEANUP(struct freezer *, freezer_free)

/*
 * One more, frozen after those before it. fd is taken, also on failure. sync_only: it is written
 * back just before the others are frozen.
 */
int freezer_add(struct freezer *f, const char *name, int fd, bool may_refuse, bool sync_only,
		struct err *err);
/* Write back. May take long, and may be called often. */
int freezer_sync(struct freezer *f, struct err *err);
/*
 * -EBUSY: frozen by somebody else; -EOPNOTSUPP: it cannot be, and must; -ETIME: the watchdog was
 * faster. On failure nothing is frozen by us.
 */
int freezer_freeze(struct freezer *f, struct err *err);
void freezer_beat(struct freezer *f);
/* Everything still stands still, and there is so much time left; 0: it is over. */
uint64_t freezer_left_ns(const struct freezer *f);
/*
 * 0 as well when nothing was frozen. Whatever it returns, nothing is frozen by us afterwards but
 * what err says cannot be thawed, and the watchdog goes on trying that.
 */
int freezer_thaw(struct freezer *f, struct err *err);

size_t freezer_count(const struct freezer *f);
const struct freezer_fs *freezer_get(const struct freezer *f, size_t i);
/* From the first freeze to the last thaw, of the last time. */
uint64_t freezer_frozen_ns(const struct freezer *f);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/freezer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/fs.h>
#include "common/text.h"
#include "p2v-agent/quiesce/memlog.h"
#include "p2v-agent/quiesce/solitary.h"

struct freezer {
	struct freezer_config cfg;
	struct freezer_fs *v;
	size_t n;
	size_t asked;			/* of how many the kernel was asked to freeze them */
	bool active;			/* memory is locked, the watchdog armed */
	uint64_t since, until, frozen_ns;
};

static int kernel_sync(void *opaque, int fd)
{
	(void)opaque;
	return syncfs(fd) < 0 ? -errno : 0;
}

static int kernel_freeze(void *opaque, int fd)
{
	(void)opaque;
	return ioctl(fd, FIFREEZE, 0) < 0 ? -errno : 0;
}

static int kernel_thaw(void *opaque, unsigned int slot, int fd)
{
	(void)opaque;
	(void)slot;
	return ioctl(fd, FITHAW, 0) < 0 ? -errno : 0;
}

static int kernel_lock(void *opaque, bool on)
{
	(void)opaque;
	if (!on)
		return munlockall() < 0 ? -errno : 0;
	return solitary_lock_memory();
}

const struct freezer_ops freezer_kernel = {
	.sync = kernel_sync, .freeze = kernel_freeze, .thaw = kernel_thaw, .lock = kernel_lock,
};

int freezer_new(const struct freezer_config *cfg, struct freezer **ret, struct err *err)
{
	struct freezer *f = calloc(1, sizeof(*f));

	if (!f)
		return err_nomem(err);
	f->cfg = *cfg;
	*ret = f;
	return 0;
}

void freezer_free(struct freezer *f)
{
	if (!f)
		return;
	freezer_thaw(f, NULL);
	for (size_t i = 0; i < f->n; i++) {
		fd_close(f->v[i].fd);
		free(f->v[i].name);
	}
	free(f->v);
	free(f);
}

int freezer_add(struct freezer *f, const char *name, int fd, bool may_refuse, bool sync_only,
		struct err *err)
{
	CLEANUP(fd_close) int own = fd;
	CLEANUP(mem_free) char *copy = strdup(name);
	struct freezer_fs *more = reallocarray(f->v, f->n + 1, sizeof(*f->v));
	int slot = 0;

	if (more)
		f->v = more;
	if (!more || !copy)
		return err_nomem(err);
	if (!sync_only)
		slot = watchdog_add(f->cfg.watchdog, own, err);
	if (slot < 0)
		return slot;
	f->v[f->n++] = (struct freezer_fs){
		.name = TAKE_PTR(copy), .fd = TAKE_FD(own), .may_refuse = may_refuse,
		.sync_only = sync_only, .slot = (unsigned int)slot,
	};
	return 0;
}

static const char *shown(const struct freezer_fs *fs, char *buf, size_t size)
{
	return text_escape_str(fs->name, buf, size);
}

static int sync_one(struct freezer *f, struct freezer_fs *fs, struct err *err)
{
	uint64_t before = solitary_now();
	int r = f->cfg.ops->sync(f->cfg.ops->opaque, fs->fd);
	char name[256];

	if (r < 0)
		return err_code(err, -r, "cannot write back %s", shown(fs, name, sizeof(name)));
	fs->sync_ns = solitary_now() - before;
	return 0;
}

int freezer_sync(struct freezer *f, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->n; i++)
		r = sync_one(f, &f->v[i], err);
	return r;
}

static int too_late(const struct freezer *f, struct err *err)
{
	return err_set(err, ETIME, "the watchdog has thawed the filesystems: %s",
		       watchdog_reason_text(watchdog_fired(f->cfg.watchdog)));
}

/* The kernel said no: 0 when that is accepted. */
static int take_refusal(const struct freezer *f, struct freezer_fs *fs, int r, struct err *err)
{
	char name[256];

	shown(fs, name, sizeof(name));
	if (r == -EOPNOTSUPP || r == -ENOTTY) {
		fs->refused = true;
		if (fs->may_refuse && f->cfg.accept_refused)
			return 0;
		return err_set(err, EOPNOTSUPP, "%s cannot be frozen", name);
	}
	if (r == -EBUSY)
		return err_set(err, EBUSY, "%s is frozen already, by somebody else", name);
	return err_code(err, -r, "cannot freeze %s", name);
}

static int freeze_one(struct freezer *f, struct freezer_fs *fs, struct err *err)
{
	uint64_t before = solitary_now();
	int r;

	fs->refused = false;
	fs->freeze_ns = fs->thaw_ns = 0;
	watchdog_beat(f->cfg.watchdog);
	if (!watchdog_freezing(f->cfg.watchdog, fs->slot))
		return too_late(f, err);
	r = f->cfg.ops->freeze(f->cfg.ops->opaque, fs->fd);
	fs->freeze_ns = solitary_now() - before;
	if (r < 0) {
		watchdog_not_frozen(f->cfg.watchdog, fs->slot);
		return take_refusal(f, fs, r, err);
	}
	return watchdog_frozen(f->cfg.watchdog, fs->slot) ? 0 : too_late(f, err);
}

static int freeze_all(struct freezer *f, struct err *err)
{
	int r = 0;

	while (r == 0 && f->asked < f->n) {
		struct freezer_fs *fs = &f->v[f->asked++];

		r = fs->sync_only ? 0 : freeze_one(f, fs, err);
	}
	return r;
}

int freezer_freeze(struct freezer *f, struct err *err)
{
	int r = 0;

	if (f->active)
		return err_set(err, EBUSY, "already frozen");
	/* Before the first is frozen: it may rest on a file of that. */
	for (size_t i = 0; r == 0 && i < f->n; i++)
		if (f->v[i].sync_only)
			r = sync_one(f, &f->v[i], err);
	if (r < 0)
		return r;
	r = f->cfg.ops->lock(f->cfg.ops->opaque, true);
	if (r < 0)
		return err_code(err, -r, "cannot lock memory");
	memlog_begin();
	r = watchdog_arm(f->cfg.watchdog, f->cfg.bound_ns, err);
	if (r < 0) {
		memlog_end();
		f->cfg.ops->lock(f->cfg.ops->opaque, false);
		return r;
	}
	f->active = true;
	f->asked = 0;
	f->since = solitary_now();
	f->until = f->since + f->cfg.bound_ns;
	r = freeze_all(f, err);
	if (r < 0)
		freezer_thaw(f, NULL);
	return r;
}

void freezer_beat(struct freezer *f)
{
	watchdog_beat(f->cfg.watchdog);
}

uint64_t freezer_left_ns(const struct freezer *f)
{
	uint64_t now = solitary_now();

	if (!f->active || now >= f->until || watchdog_fired(f->cfg.watchdog) != WATCHDOG_NONE)
		return 0;
	return f->until - now;
}

/* 0, -ETIME: somebody else was faster, -errno. */
static int thaw_one(struct freezer *f, struct freezer_fs *fs)
{
	uint64_t before = solitary_now();
	enum watchdog_state s;
	int r;

	if (fs->sync_only)
		return 0;
	s = watchdog_slot(f->cfg.watchdog, fs->slot);
	if (s != WATCHDOG_FROZEN && s != WATCHDOG_FREEZING)
		return s == WATCHDOG_THAWED ? -ETIME : 0;
	r = f->cfg.ops->thaw(f->cfg.ops->opaque, fs->slot, fs->fd);
	fs->thaw_ns = solitary_now() - before;
	if (r < 0 && r != -EINVAL)
		return r;
	watchdog_thawed(f->cfg.watchdog, fs->slot);
	return r < 0 ? -ETIME : 0;
}

int freezer_thaw(struct freezer *f, struct err *err)
{
	bool late, foreign = false;
	int failed = 0, r;
	char name[256];

	if (!f->active)
		return 0;
	late = !watchdog_ending(f->cfg.watchdog);
	while (f->asked > 0) {
		struct freezer_fs *fs = &f->v[--f->asked];

		watchdog_beat(f->cfg.watchdog);
		r = thaw_one(f, fs);
		if (r == -ETIME) {
			foreign = true;
		} else if (r < 0 && failed == 0) {
			failed = r;
			err_code(err, -r, "cannot thaw %s", shown(fs, name, sizeof(name)));
		}
	}
	/* It watches to the end: thawing may hang as anything may. */
	late |= watchdog_fired(f->cfg.watchdog) != WATCHDOG_NONE;
	f->frozen_ns = solitary_now() - f->since;
	f->active = false;
	if (late)
		r = too_late(f, failed ? NULL : err);
	else
		r = 0;
	/* A guard has another descriptor and more patience. */
	if (failed)
		watchdog_fire(f->cfg.watchdog);
	else
		watchdog_disarm(f->cfg.watchdog);
	f->cfg.ops->lock(f->cfg.ops->opaque, false);
	memlog_end();
	if (failed || late)
		return failed ? failed : r;
	if (foreign)
		return err_set(err, ETIME, "somebody else has thawed a filesystem meanwhile");
	return 0;
}

size_t freezer_count(const struct freezer *f)
{
	return f->n;
}

const struct freezer_fs *freezer_get(const struct freezer *f, size_t i)
{
	return &f->v[i];
}

uint64_t freezer_frozen_ns(const struct freezer *f)
{
	return f->frozen_ns;
}

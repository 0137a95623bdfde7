/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See track.h. A tracker's life: the run folder, its lock, and which tier it is. */
#include "track/track.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/text.h"
#include "track/state.h"

static const struct track_ops *const tiers[TRACK_TIERS] = {
	[TRACK_BPF] = &track_bpf_ops,
	[TRACK_FTRACE] = &track_ftrace_ops,
	[TRACK_BLKTRACE] = &track_blktrace_ops,
	[TRACK_NONE] = &track_none_ops,
};

/* ---- a tracker's own memory */

void track_leave(struct track *t)
{
	if (!t)
		return;
	if (t->ops)
		t->ops->leave(t);
	free(t->looked_at);
	for (size_t i = 0; i < TRACK_DISKS_MAX; i++) {
		bitmap_free(t->recent[i].now);
		bitmap_free(t->recent[i].before);
	}
	for (size_t i = 0; i < TRACK_TIERS; i++)
		free(t->why_not[i]);
	sysroot_free(t->root);
	fd_close(t->lock);
	free(t->run_dir);
	free(t);
}

void track_free(struct track *t)
{
	CLEANUP(mem_free) char *lock = NULL;

	if (!t)
		return;
	if (t->ops)
		t->ops->remove(t);
	lock = text_format("%s/lock", t->run_dir);
	if (lock)
		unlink(lock);
	rmdir(t->run_dir);
	if (strncmp(t->run_dir, TRACK_RUN_PARENT "/", strlen(TRACK_RUN_PARENT "/")) == 0)
		rmdir(TRACK_RUN_PARENT);
	track_leave(t);
}

/*
 * The lock says that the owner lives. Its file may have been removed while we waited to open it:
 * then the lock is on nothing, and the next try makes a new file.
 */
static int take_lock(struct track *t, struct err *err)
{
	CLEANUP(mem_free) char *path = text_format("%s/lock", t->run_dir);
	int r = fdio_mkdir_p(t->run_dir, 0700, err);

	if (!path)
		return err_nomem(err);
	for (int i = 0; i < 10 && r == 0; i++) {
		struct stat st;

		fd_close(t->lock);
		t->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (t->lock < 0)
			return err_errno(err, "cannot open %s", path);
		if (flock(t->lock, LOCK_EX | LOCK_NB) < 0)
			return err_set(err, EBUSY, "a tracker is in use in %s", t->run_dir);
		if (fstat(t->lock, &st) == 0 && st.st_nlink > 0)
			return 0;
	}
	return r < 0 ? r : err_set(err, EBUSY, "a tracker is being removed in %s", t->run_dir);
}

static int new_track(const char *run_dir, bool lock, struct track **ret, struct err *err)
{
	CLEANUP(track_leave) struct track *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_nomem(err);
	t->lock = -1;
	t->run_dir = strdup(run_dir ? run_dir : TRACK_RUN_DIR);
	if (!t->run_dir)
		return err_nomem(err);
	r = sysroot_open("/", &t->root, err);
	if (r == 0 && lock)
		r = take_lock(t, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(t);
	return 0;
}

static int check_options(const struct track_options *o, struct err *err)
{
	if (o->n == 0 || o->n > TRACK_DISKS_MAX)
		return err_set(err, EINVAL, "a tracker is for 1 to %u disks", TRACK_DISKS_MAX);
	for (size_t i = 0; i < o->n; i++) {
		const struct track_disk *d = &o->disks[i];
		unsigned int s = d->granule_shift;

		if (d->size == 0 || strlen(d->name) >= TRACK_NAME_MAX ||
		    (s != 0 && (s < TRACK_SHIFT_MIN || s > TRACK_SHIFT_MAX)))
			return err_set(err, EINVAL, "%s cannot be tracked so", d->name);
		for (size_t k = 0; k < i; k++)
			if (o->disks[k].dev == d->dev)
				return err_set(err, EINVAL, "%s is named twice", d->name);
	}
	return 0;
}

static int try_tier(struct track *t, enum track_tier tier, const struct track_options *o,
		    struct err *err)
{
	int r;

	t->meta = calloc(1, sizeof(*t->meta));
	if (!t->meta)
		return err_nomem(err);
	r = track_meta_fill(t, o, err);
	t->ops = tiers[tier];
	if (r == 0)
		r = t->ops->start(t, err);
	if (r == 0)
		return 0;
	t->ops->remove(t);
	t->ops->leave(t);
	t->ops = NULL;
	return r;
}

static void remove_all(struct track *t)
{
	for (int i = 0; i < TRACK_TIERS; i++)
		tiers[i]->remove(t);
}

int track_start(const struct track_options *o, struct track **ret, struct err *err)
{
	CLEANUP(track_leave) struct track *t = NULL;
	int r = check_options(o, err);

	if (r == 0)
		r = new_track(o->run_dir, true, &t, err);
	if (r < 0)
		return r;
	t->trial = o->trial;
	/* What a dead one left would mark on for nobody. */
	remove_all(t);
	r = -ENOSYS;
	for (int tier = (int)o->first; tier < TRACK_TIERS && r < 0; tier++) {
		struct err why = ERR_INIT;

		r = try_tier(t, (enum track_tier)tier, o, &why);
		if (r < 0) {
			t->why_not[tier] = strdup(why.text);
			if (err)
				*err = why;
		}
	}
	if (r < 0)
		return r;
	err_reset(err);
	for (size_t i = 0; t->marks && i < t->meta->n; i++)
		track_audit_base(t, i);
	*ret = TAKE_PTR(t);
	return 0;
}

/* ---- taking up what is there */

int track_resume(const struct track_options *o, struct track **ret, struct err *err)
{
	CLEANUP(track_leave) struct track *t = NULL;
	int r;

	if (access(o->run_dir ? o->run_dir : TRACK_RUN_DIR, F_OK) < 0)
		return err_set(err, ENOENT, "there is no tracker");
	r = new_track(o->run_dir, true, &t, err);
	if (r < 0)
		return r;
	t->ops = &track_bpf_ops;
	r = t->ops->resume(t, err);
	if (r == 0)
		r = track_meta_check(t, o, err);
	if (r < 0)
		return r;
	t->resumed = true;
	*ret = TAKE_PTR(t);
	return 0;
}

/* Does a process hold the lock? Without making the file. */
static bool is_owned(const struct track *t)
{
	CLEANUP(mem_free) char *path = text_format("%s/lock", t->run_dir);
	CLEANUP(fd_close) int fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

int track_look(const char *run_dir, bool *ret_owned, struct track **ret, struct err *err)
{
	const struct track_options any = { .run_dir = run_dir };
	CLEANUP(track_leave) struct track *t = NULL;
	bool owned;
	int r = new_track(run_dir, false, &t, err);

	if (r < 0)
		return r;
	owned = is_owned(t);
	t->ops = &track_bpf_ops;
	r = t->ops->resume(t, err);
	if (r == -ENOENT && owned)
		return err_set(err, EBUSY, "a tracker is in use, known to its process only");
	if (r == 0)
		r = track_meta_check(t, &any, err);
	if (r < 0)
		return r;
	t->looked_at = malloc(sizeof(*t->looked_at));
	if (!t->looked_at)
		return err_nomem(err);
	*t->looked_at = *t->meta;
	t->meta = t->looked_at;
	*ret_owned = owned;
	*ret = TAKE_PTR(t);
	return 0;
}

int track_remove(const char *run_dir, struct err *err)
{
	struct track *t = NULL;
	int r;

	if (access(run_dir ? run_dir : TRACK_RUN_DIR, F_OK) < 0)
		return 0;
	r = new_track(run_dir, true, &t, err);
	if (r < 0)
		return r;
	remove_all(t);
	track_free(t);
	return 0;
}

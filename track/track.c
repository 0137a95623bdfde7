/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See track.h. What all tiers share: the run folder, its lock, the layout, and harvesting. */
#include "track/track.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/text.h"
#include "track/state.h"

#define SECTOR		512u
#define MEMORY_SHARE	16u	/* of what is free */

static const struct track_ops *const tiers[TRACK_TIERS] = {
	[TRACK_BPF] = &track_bpf_ops,
	[TRACK_FTRACE] = &track_ftrace_ops,
	[TRACK_BLKTRACE] = &track_blktrace_ops,
	[TRACK_NONE] = &track_none_ops,
};

static const struct {
	const char *name, *meaning;
} tier_texts[TRACK_TIERS] = {
	[TRACK_BPF] = { "bpf",
			"Rounds copy what was written; the freeze lasts as long as the last round, "
			"and a killed agent loses nothing." },
	[TRACK_FTRACE] = { "ftrace",
			   "Rounds copy what was written, at more cost for each write; the freeze "
			   "lasts as long as the last round. Should the agent die, or its ring run "
			   "over, everything is compared." },
	[TRACK_BLKTRACE] = { "blktrace",
			     "Rounds copy what was written, at more cost for each write; the freeze "
			     "lasts as long as the last round. Should the agent die, or its ring "
			     "run over, everything is compared." },
	[TRACK_NONE] = { "none",
			 "Nothing is known of what is written. Everything is read and compared "
			 "again while frozen: a freeze as long as reading the disk." },
};

const char *track_tier_name(enum track_tier t)
{
	return tier_texts[t].name;
}

const char *track_tier_meaning(enum track_tier t)
{
	return tier_texts[t].meaning;
}

int track_tier_parse(const char *text, enum track_tier *ret)
{
	for (int i = 0; i < TRACK_TIERS; i++) {
		if (strcmp(text, tier_texts[i].name) == 0) {
			*ret = (enum track_tier)i;
			return 0;
		}
	}
	return -EINVAL;
}

int track_disk_find(const struct sysroot *root, const char *name, struct track_disk *ret,
		    struct err *err)
{
	CLEANUP(mem_free) char *dev = NULL;
	unsigned int major, minor;
	uint64_t sectors = 0;
	char rest;

	if (strlen(name) >= TRACK_NAME_MAX || strchr(name, '/') || name[0] == '.' || !name[0])
		return err_set(err, EINVAL, "%s is not the name of a disk", name);
	if (sysroot_read_line(root, &dev, "/sys/block/%s/dev", name) < 0 ||
	    sysroot_read_u64(root, &sectors, "/sys/block/%s/size", name) < 0 ||
	    sscanf(dev, "%u:%u%c", &major, &minor, &rest) != 2)
		return err_set(err, ENODEV, "there is no disk %s", name);
	*ret = (struct track_disk){ .name = name, .dev = makedev(major, minor) };
	ret->size = sectors * SECTOR;
	return 0;
}

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
	track_leave(t);
}

int track_allocate(struct track *t, struct err *err)
{
	t->marks = calloc(t->nwords, sizeof(*t->marks));
	t->counters = calloc((size_t)t->meta->n * TRACK_SLOTS, sizeof(*t->counters));
	return t->marks && t->counters ? 0 : err_nomem(err);
}

void track_take_event(struct track *t, size_t disk, unsigned int slot,
		      const struct track_event *e)
{
	struct track_counters *c = t->counters + disk * TRACK_SLOTS + slot;

	if (e->unknown) {
		__atomic_fetch_add(&c->unknown, 1, __ATOMIC_RELAXED);
		return;
	}
	if (!marks_mark(t->marks, &t->meta->disks[disk].marks, e->sector, e->sectors * SECTOR))
		__atomic_fetch_add(&c->outside, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&c->events, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&c->sectors, e->sectors, __ATOMIC_RELEASE);
}

void track_deallocate(struct track *t)
{
	free(t->marks);
	free(t->counters);
	free(t->meta);
	t->marks = NULL;
	t->counters = NULL;
	t->meta = NULL;
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

/* ---- layout */

static uint64_t free_memory(const struct sysroot *root)
{
	CLEANUP(mem_free) char *text = NULL;
	const char *p;
	uint64_t kib;

	if (sysroot_read(root, &text, NULL, "/proc/meminfo") < 0)
		return 0;
	p = strstr(text, "MemAvailable:");
	return p && sscanf(p, "MemAvailable: %" SCNu64, &kib) == 1 ? kib * KIB : 0;
}

/* Whole disks without requests have no queues of the multi-queue layer. */
static bool by_bio(const struct sysroot *root, const char *name)
{
	return !sysroot_exists(root, "/sys/block/%s/mq", name);
}

static int fill_meta(struct track *t, const struct track_options *o, struct err *err)
{
	uint64_t sizes[TRACK_DISKS_MAX], base = 0;
	CLEANUP(mem_free) char *boot = NULL;
	struct track_meta *m = t->meta;
	unsigned int shift;

	if (sysroot_read_line(t->root, &boot, "/proc/sys/kernel/random/boot_id") < 0)
		return err_set(err, ENOENT, "cannot read the boot id");
	m->magic = TRACK_META_MAGIC;
	m->version = TRACK_META_VERSION;
	m->n = (uint32_t)o->n;
	snprintf(m->boot_id, sizeof(m->boot_id), "%s", boot);
	for (size_t i = 0; i < o->n; i++)
		sizes[i] = o->disks[i].size;
	shift = marks_shift(sizes, o->n,
			    o->memory ? o->memory : free_memory(t->root) / MEMORY_SHARE);
	for (size_t i = 0; i < o->n; i++) {
		const struct track_disk *d = &o->disks[i];
		struct track_meta_disk *to = &m->disks[i];
		int r;

		snprintf(to->name, sizeof(to->name), "%s", d->name);
		to->dev = (uint64_t)d->dev;
		to->by_bio = by_bio(t->root, d->name);
		r = marks_layout(d->size, d->granule_shift ? d->granule_shift : shift,
				 (uint32_t)base, &to->marks);
		if (r < 0)
			return err_code(err, r, "cannot track %s", d->name);
		base += to->marks.words;
	}
	t->nwords = base;
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
	r = fill_meta(t, o, err);
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
		audit_base(t, i);
	*ret = TAKE_PTR(t);
	return 0;
}

/* ---- taking up what is there */

static int same_disks(const struct track *t, const struct track_options *o, struct err *err)
{
	const struct track_meta *m = t->meta;

	if (o->n != 0 && o->n != m->n)
		return err_set(err, ESTALE, "the tracker is of other disks");
	for (size_t i = 0; i < m->n; i++) {
		const struct track_meta_disk *d = &m->disks[i];
		struct track_disk now;

		if (o->n != 0 && (strcmp(o->disks[i].name, d->name) != 0 ||
				  o->disks[i].dev != (dev_t)d->dev))
			return err_set(err, ESTALE, "the tracker is of other disks");
		if (track_disk_find(t->root, d->name, &now, NULL) < 0 ||
		    now.dev != (dev_t)d->dev || now.size != d->marks.size)
			return err_set(err, ESTALE, "%s is not the disk it was", d->name);
	}
	return 0;
}

static int check_meta(struct track *t, const struct track_options *o, struct err *err)
{
	CLEANUP(mem_free) char *boot = NULL;
	const struct track_meta *m = t->meta;
	uint64_t base = 0;

	if (m->magic != TRACK_META_MAGIC || m->version != TRACK_META_VERSION || m->n == 0 ||
	    m->n > TRACK_DISKS_MAX)
		return err_set(err, ESTALE, "the tracker is of another version of p2v-agent");
	if (sysroot_read_line(t->root, &boot, "/proc/sys/kernel/random/boot_id") < 0 ||
	    strncmp(boot, m->boot_id, sizeof(m->boot_id)) != 0)
		return err_set(err, ESTALE, "the tracker is of another boot");
	for (size_t i = 0; i < m->n; i++) {
		const struct track_meta_disk *d = &m->disks[i];
		struct marks_disk want;

		if (!memchr(d->name, '\0', sizeof(d->name)) ||
		    marks_layout(d->marks.size, d->marks.shift, (uint32_t)base, &want) < 0 ||
		    memcmp(&want, &d->marks, sizeof(want)) != 0)
			return err_set(err, ESTALE, "the tracker's own notes are damaged");
		base += want.words;
	}
	if (base != t->nwords)
		return err_set(err, ESTALE, "the tracker's own notes are damaged");
	return same_disks(t, o, err);
}

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
		r = check_meta(t, o, err);
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
		r = check_meta(t, &any, err);
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

/* ---- what it is */

enum track_tier track_tier(const struct track *t)
{
	return t->ops->tier;
}

const char *track_why_not(const struct track *t, enum track_tier tier)
{
	return t->why_not[tier];
}

size_t track_ndisks(const struct track *t)
{
	return t->meta->n;
}

const char *track_disk_name(const struct track *t, size_t disk)
{
	return t->meta->disks[disk].name;
}

dev_t track_disk_dev(const struct track *t, size_t disk)
{
	return (dev_t)t->meta->disks[disk].dev;
}

uint64_t track_disk_size(const struct track *t, size_t disk)
{
	return t->meta->disks[disk].marks.size;
}

unsigned int track_granule(const struct track *t, size_t disk)
{
	return 1u << t->meta->disks[disk].marks.shift;
}

uint64_t track_memory(const struct track *t)
{
	return t->marks ? t->nwords * sizeof(*t->marks) : 0;
}

/* ---- harvest */

static int everything(const struct track_meta_disk *d, struct bitmap *into, uint64_t *ret_bytes,
		      struct err *err)
{
	if (into->size < d->marks.size)
		return err_set(err, EINVAL, "the bitmap is smaller than %s", d->name);
	bitmap_set_range(into, 0, d->marks.size);
	if (ret_bytes)
		*ret_bytes = d->marks.size;
	return 0;
}

/* Two bitmaps, so that what is harvested now stays for at least RECENT_SECONDS. */
static int turn_recent(struct track_recent *r, uint64_t size, struct err *err)
{
	struct timespec now;
	struct bitmap *old = r->before;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!r->now &&
	    (bitmap_new(size, UINT64_C(1) << MARKS_TAKEN_SHIFT, &r->now) < 0 ||
	     bitmap_new(size, UINT64_C(1) << MARKS_TAKEN_SHIFT, &r->before) < 0))
		return err_nomem(err);
	if (now.tv_sec - r->since < RECENT_SECONDS)
		return 0;
	if (old) {
		bitmap_clear_all(old);
		r->before = r->now;
		r->now = old;
	}
	r->since = now.tv_sec;
	return 0;
}

static int harvest(struct track *t, size_t disk, struct bitmap *into, uint64_t *ret_bytes,
		   struct err *err)
{
	const struct track_meta_disk *d = &t->meta->disks[disk];
	CLEANUP(bitmap_free) struct bitmap *got = NULL;
	struct track_recent *recent = &t->recent[disk];
	int r = turn_recent(recent, d->marks.size, err);

	if (r < 0)
		return r;
	if (into->size < d->marks.size)
		return err_set(err, EINVAL, "the bitmap is smaller than %s", d->name);
	if (bitmap_new(d->marks.size, UINT64_C(1) << d->marks.shift, &got) < 0)
		return err_nomem(err);
	if (t->ops->drain)
		t->ops->drain(t);
	audit_sample(t, disk);
	/* A new owner begins with what the one before him may have lost. */
	r = marks_harvest(t->marks, &d->marks, t->resumed && !recent->given, got, NULL);
	if (r < 0)
		return err_code(err, r, "cannot harvest %s", d->name);
	recent->given = true;
	for (uint64_t at = 0, length; bitmap_next_run(got, true, at, &at, &length); at += length) {
		bitmap_set_range(into, at, length);
		bitmap_set_range(recent->now, at, length);
	}
	if (ret_bytes)
		*ret_bytes = bitmap_bytes(got);
	return 0;
}

static int check_disk(const struct track *t, size_t disk, struct err *err)
{
	if (disk >= t->meta->n)
		return err_set(err, EINVAL, "the tracker has no disk %zu", disk);
	return 0;
}

int track_harvest(struct track *t, size_t disk, struct bitmap *into, uint64_t *ret_bytes,
		  struct err *err)
{
	int r = check_disk(t, disk, err);

	if (r < 0)
		return r;
	if (!t->marks)
		return everything(&t->meta->disks[disk], into, ret_bytes, err);
	return harvest(t, disk, into, ret_bytes, err);
}

int track_harvest_last(struct track *t, size_t disk, struct bitmap *into, uint64_t *ret_bytes,
		       struct err *err)
{
	const struct track_recent *recent;
	uint64_t bytes = 0;
	struct track_audit a;
	int r = check_disk(t, disk, err);

	if (r == 0)
		r = track_audit(t, disk, true, &a, err);
	if (r == 0)
		r = track_harvest(t, disk, into, &bytes, err);
	if (r < 0)
		return r;
	recent = &t->recent[disk];
	/* Any doubt about completions: copies of the last minute may have been made too early. */
	if (recent->now && a.reasons != 0) {
		const struct bitmap *old[] = { recent->now, recent->before };

		for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
			for (uint64_t at = 0, length;
			     bitmap_next_run(old[i], true, at, &at, &length); at += length)
				bitmap_set_range(into, at, length);
			bytes += bitmap_bytes(old[i]);
		}
	}
	if (ret_bytes)
		*ret_bytes = bytes;
	return 0;
}

void track_settled(struct track *t, size_t disk)
{
	if (disk < t->meta->n && t->marks)
		marks_settled(t->marks, &t->meta->disks[disk].marks);
}

int track_ever(struct track *t, size_t disk, struct bitmap *into, struct err *err)
{
	const struct track_meta_disk *d;
	int r = check_disk(t, disk, err);

	if (r < 0)
		return r;
	d = &t->meta->disks[disk];
	if (!t->marks)
		return everything(d, into, NULL, err);
	if (t->ops->drain)
		t->ops->drain(t);
	r = marks_ever(t->marks, &d->marks, into, NULL);
	return r < 0 ? err_code(err, r, "the bitmap is smaller than %s", d->name) : 0;
}

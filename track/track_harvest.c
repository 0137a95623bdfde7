/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Taking marks out (track.h says why none is lost), and keeping for a while what was taken out,
 * for a last harvest that cannot rely on completions.
 */
#include <errno.h>
#include <time.h>

#include "common/compiler.h"
#include "track/state.h"

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
	track_audit_sample(t, disk);
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

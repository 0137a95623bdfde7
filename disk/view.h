/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What lies between readers of metadata and disks that somebody writes to meanwhile. Internal to
 * the used-block map of live disks (livemap.h); at rest there is none.
 *
 *	view_start()	from now on all that is read is remembered, until a deadline or until the
 *			memory is full: then reading fails with -ETIME, and view_ended() is true
 *	view_stop()	the filesystems go on. What is remembered is served from memory. What is
 *			not is read from the disk, is *late*, and is noted for the reader at hand
 *
 * A *reader* is whoever's bytes belong together: one filesystem, or all members of volume groups.
 * It has the ranges of each disk that it read late, and a *cover*, the ranges that it decides
 * about: when one of the former was written meanwhile, all of the latter is used.
 *
 * Memory: cache_max, and 24 bytes for each late range. One thread.
 */
#ifndef P2V_DISK_VIEW_H
#define P2V_DISK_VIEW_H

#include <stdbool.h>
#include "common/extent.h"
#include "disk/disk.h"

#define VIEW_NOBODY	SIZE_MAX	/* a reader whose reading need not be noted */

struct view;

/* cache_max: bytes, rounded down to 4 KiB. -ENOMEM. */
int view_new(size_t ndisks, uint64_t cache_max, struct view **ret, struct err *err);
void view_free(struct view *v);
DEFINE_CLEANUP(struct view *, view_free)

/* Forget everything, and begin to remember. deadline: CLOCK_MONOTONIC, ns. */
void view_start(struct view *v, uint64_t deadline);
void view_stop(struct view *v);
/* Was something not read since view_start(), for want of time or memory? */
bool view_ended(const struct view *v);
/* A new run over the same disks: there are no readers any more. */
void view_begin(struct view *v);

/* One more, which is the one that reads from now on. -ENOMEM. */
int view_add_reader(struct view *v, size_t *ret, struct err *err);
/* Who reads from now on; the earlier one is returned. */
size_t view_set_reader(struct view *v, size_t reader);
size_t view_readers(const struct view *v);
/* Of one disk; valid until the next view_begin(). */
const struct extents *view_late(const struct view *v, size_t reader, size_t disk);
struct extents *view_cover(struct view *v, size_t reader, size_t disk);

/* Past what is remembered, after view_stop(): for one who wants a newer version. */
void view_set_fresh(struct view *v, bool fresh);

/* As disk_read(), and -ETIME; disk: its number. */
int view_read(struct view *v, size_t disk, const struct disk *d, void *buf, size_t len,
	      uint64_t offset, struct err *err);

/*
 * Which kind of content lies at a place was found out before the first freeze and stays so, since
 * the bytes that matter are looked at anew by the reader of that kind.
 */
struct view_kind {
	char place[200];
	int found;			/* enum detected */
	char *kind, *beside;
};
const struct view_kind *view_find_kind(const struct view *v, const char *place);
/* The strings are copied. -ENOMEM. */
int view_keep_kind(struct view *v, const char *place, int found, const char *kind,
		   const char *beside, struct err *err);

#endif

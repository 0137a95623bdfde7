/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of a tracker: what the tiers share. No other folder includes this.
 *
 *	struct track ---> ops (one table for each tier)
 *	    |---> meta	    what it is: disks, layout, bases of the audit, doubts
 *	    |---> marks	    the words of marks.h
 *	    '---> counters  TRACK_SLOTS for each disk
 *
 * Where these three lie is the tier's business: the bpf tier maps memory of the kernel, which is
 * pinned and outlives the process, so meta has a magic number, a version and fixed sizes. Other
 * tiers allocate them.
 *
 * Counters: a slot for each place that counts. A disk's count of a hook is the largest of its
 * copies': one that was skipped somewhere has counted less than it should, never more.
 */
#ifndef P2V_TRACK_STATE_H
#define P2V_TRACK_STATE_H

#include <stdatomic.h>
#include "track/marks.h"
#include "track/track.h"

#define TRACK_COPIES	2u
#define TRACK_SLOTS	8u	/* of a disk; slot = hook * TRACK_COPIES + copy */
#define TRACK_META_MAGIC	UINT64_C(0x7032762d7472636b)	/* "p2v-trck" */
#define TRACK_META_VERSION	1u

struct track_counters {
	uint64_t events, sectors, discarded;
	uint64_t unknown;		/* writes whose place is not known */
	uint64_t outside;		/* ranges past the end, and marks that failed */
	uint64_t spare[3];
};

struct track_meta_disk {
	char name[TRACK_NAME_MAX];
	uint64_t dev;
	struct marks_disk marks;
	uint32_t by_bio;		/* it knows no requests: completions are those of bios */
	uint32_t doubts;		/* enum track_reason; these stay */
	/* What the kernel had counted when our counts were 0, once known: see track_audit.c. */
	uint32_t know_completed, know_submitted;
	int64_t base_completed, base_submitted;
};

struct track_meta {
	uint64_t magic;
	uint32_t version, n;
	char boot_id[40];
	uint32_t prog_id[TRACK_SLOTS];	/* 0: no such program */
	struct track_meta_disk disks[TRACK_DISKS_MAX];
};

/* What was harvested within the last one or two RECENT_SECONDS: see track_harvest_last(). */
#define RECENT_SECONDS	60
struct track_recent {
	struct bitmap *now, *before;
	int64_t since;			/* seconds of the monotonic clock */
	bool given;			/* what the owner before us had not settled */
};

struct track;

struct track_ops {
	enum track_tier tier;
	/* Begin: t->meta is filled but for what only this tier knows. */
	int (*start)(struct track *t, struct err *err);
	int (*resume)(struct track *t, struct err *err);	/* may be NULL: -ENOENT */
	/* Is it whole? Reasons are ORed, counts added. */
	void (*check)(struct track *t, size_t disk, unsigned int *reasons, uint64_t *misses,
		      uint64_t *overruns);
	/* Take over all events that happened before this call. May be NULL. */
	void (*drain)(struct track *t);
	void (*leave)(struct track *t);		/* whatever start and resume got */
	void (*remove)(struct track *t);	/* and what is on the system; then leave is called */
};

extern const struct track_ops track_bpf_ops, track_ftrace_ops, track_blktrace_ops, track_none_ops;

struct track {
	const struct track_ops *ops;
	void *tier;			/* the tier's own */
	struct track_meta *meta;
	uint64_t *marks;
	uint64_t nwords;
	struct track_counters *counters;
	struct track_recent recent[TRACK_DISKS_MAX];
	bool resumed, trial;
	struct track_meta *looked_at;	/* track_look(): meta is this copy, so that nothing is changed */
	char *run_dir;
	int lock;
	struct sysroot *root;
	char *why_not[TRACK_TIERS];
};

/* track_meta.c: lay out t->meta and t->nwords for these disks. */
int track_meta_fill(struct track *t, const struct track_options *o, struct err *err);
/* Is what was taken up of this boot, whole, and of these disks (o->n 0: any)? -ESTALE. */
int track_meta_check(struct track *t, const struct track_options *o, struct err *err);

/* For tiers without memory of the kernel: allocate marks and counters for t->meta. */
int track_allocate(struct track *t, struct err *err);
void track_deallocate(struct track *t);
/* Count an event, and mark it, for tiers that read events. slot as in TRACK_SLOTS. */
struct track_event {
	uint64_t sector, sectors;
	bool unknown;			/* its place is not known */
};
void track_take_event(struct track *t, size_t disk, unsigned int slot,
		      const struct track_event *e);

/* track_audit.c: line our counts up with the kernel's, as far as they can be just now. */
void track_audit_sample(struct track *t, size_t disk);
/* After the start of all hooks: once for each disk. */
void track_audit_base(struct track *t, size_t disk);

#endif

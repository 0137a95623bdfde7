/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The block change tracker: which parts of the source's disks were written while we copied them.
 *
 *	writer --> block layer --> tracker marks granules --> track_harvest() --> copy them again
 *
 * Terms: a *granule* is what one mark stands for (4 to 64 KiB). A mark is *harvested*: taken out of
 * the tracker, and the caller's from then on, until track_settled() says that all that was handed
 * out is durable at the far end. *Ever* is the map of all granules marked since the start.
 *
 * Why no write is missed. A write is submitted (s), lands on the disk, and is completed (c), in
 * this order. It is marked at s and at c, whatever became of it: failed and partial writes,
 * discards and write-zeroes too. Only reads and what has no data pass unmarked. Harvest takes a
 * mark out by an atomic operation (h), and the caller reads the granule after h, with O_DIRECT, past
 * the page cache. For each granule and write:
 *
 *	c before h	the data was on the disk before our read: copied
 *	h before c	the mark of c is still there: copied at a later harvest
 *
 * So after a last harvest with nothing in flight (a frozen filesystem) the copy is the disk. The
 * argument is per granule: there is no swap of maps and no moment at which all must stand still.
 * A mark is a bit that is set in memory; unlike an event in a ring it cannot overflow.
 *
 * What could break it, and what is done: tracing programs are skipped where they would nest in
 * themselves, so there are two identical copies of each, and a write is lost only where all are
 * skipped. Were only c lost, a copy may have been made between s and c; the last harvest then gives
 * again what earlier ones gave within the longest time a disk may take (track_harvest_last()). All
 * is counted, and compared with the kernel's own counts of sectors: track_audit(). Doubt becomes
 * TRACK_COMPARE_EVER where every write is known to be in the ever map, else TRACK_COMPARE_ALL.
 *
 * What is tracked must be what is read. Leaf disks for plain disks, LVM and LUKS; the md or bcache
 * device where it becomes one virtual disk; the multipath map, not its paths. track_refuse.h knows
 * what no tracker sees.
 *
 * The tiers, in order: bpf (pinned: goes on without us, and is taken up again), ftrace, blktrace
 * (both end with the process), none (everything is dirty, always).
 *
 * One thread uses a struct track; readers of rings have their own thread inside. All offsets and
 * sizes are bytes. What stays on the system: pins in a bpffs of our own below the run folder, until
 * track_free() or track_remove(), or an unmount, or the next boot. After kill -9 they mark on.
 */
#ifndef P2V_TRACK_TRACK_H
#define P2V_TRACK_TRACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/bitmap.h"
#include "common/err.h"
#include "common/sysroot.h"

#define TRACK_RUN_PARENT	"/run/p2v"	/* goes with the last folder in it */
#define TRACK_RUN_DIR		TRACK_RUN_PARENT "/track"
#define TRACK_NAME_MAX		32	/* DISK_NAME_LEN of the kernel, with its NUL */
#define TRACK_DISKS_MAX		128
#define TRACK_SHIFT_MIN		12u
#define TRACK_SHIFT_MAX		16u

enum track_tier { TRACK_BPF, TRACK_FTRACE, TRACK_BLKTRACE, TRACK_NONE, TRACK_TIERS };
const char *track_tier_name(enum track_tier t);			/* "bpf" ... "none" */
int track_tier_parse(const char *text, enum track_tier *ret);	/* -EINVAL */
/* What this tier means for the freeze, one sentence. */
const char *track_tier_meaning(enum track_tier t);

struct track_disk {
	const char *name;		/* as in /sys/block */
	dev_t dev;
	uint64_t size;
	unsigned int granule_shift;	/* 12 to 16; 0: by memory */
};

/* Name, number and size of a whole disk, from /sys; ret->name is the name given. */
int track_disk_find(const struct sysroot *root, const char *name, struct track_disk *ret,
		    struct err *err);

struct track_options {
	const struct track_disk *disks;
	size_t n;
	const char *run_dir;		/* NULL: TRACK_RUN_DIR */
	enum track_tier first;		/* tiers before it are not tried */
	uint64_t memory;		/* all maps together; 0: a sixteenth of what is free */
	bool trial;			/* nothing is pinned: it ends with the process */
};

struct track;

/*
 * Start fresh. What an earlier tracker of this run folder left is removed; -EBUSY when its owner
 * lives. Some tier always starts, if only "none". Disks: -EINVAL for a size of 0 or a shift out
 * of range.
 */
int track_start(const struct track_options *o, struct track **ret, struct err *err);
/*
 * Take up the tracker that an earlier process left: -ENOENT when there is none; -EBUSY when its
 * owner lives; -ESTALE when it cannot be trusted (another boot, programs or links gone, other maps,
 * other disks), with the reason in err: start fresh and compare everything. o says which disks are
 * expected; o->n 0 takes what is there. What was harvested and not settled is given again.
 */
int track_resume(const struct track_options *o, struct track **ret, struct err *err);
/*
 * Look at the pinned tracker without taking it up: audit and ever only, to be left, not freed.
 * *ret_owned: a process has it in hand. -ENOENT: none; -EBUSY: a process has one that is not
 * pinned, and only it can tell.
 */
int track_look(const char *run_dir, bool *ret_owned, struct track **ret, struct err *err);
/* Let go; a pinned tracker marks on, and can be resumed. */
void track_leave(struct track *t);
DEFINE_CLEANUP(struct track *, track_leave)
/* Let go, and remove all that was put on the system. */
void track_free(struct track *t);
DEFINE_CLEANUP(struct track *, track_free)
/* Remove what a dead process left. 0 when there was nothing; -EBUSY when the owner lives. */
int track_remove(const char *run_dir, struct err *err);

enum track_tier track_tier(const struct track *t);
/* Why the tiers before it do not work here: one for each, NULL when it was not tried. */
const char *track_why_not(const struct track *t, enum track_tier tier);
size_t track_ndisks(const struct track *t);
const char *track_disk_name(const struct track *t, size_t disk);
dev_t track_disk_dev(const struct track *t, size_t disk);
uint64_t track_disk_size(const struct track *t, size_t disk);
unsigned int track_granule(const struct track *t, size_t disk);		/* bytes */
uint64_t track_memory(const struct track *t);				/* bytes of all maps */

/*
 * Take the marks out and OR them into `into`, whose size is at least the disk's; its granularity
 * may be any. What was handed out is the caller's to copy. *ret_bytes, which may be NULL: bytes of
 * the granules harvested. Cannot lose a mark, wherever it is killed.
 */
int track_harvest(struct track *t, size_t disk, struct bitmap *into, uint64_t *ret_bytes,
		  struct err *err);
/*
 * The harvest of the last, frozen round: the same, and where completions may have been lost also
 * what was harvested shortly before.
 */
int track_harvest_last(struct track *t, size_t disk, struct bitmap *into, uint64_t *ret_bytes,
		       struct err *err);
/* All that was harvested from the disk so far is durable at the far end. */
void track_settled(struct track *t, size_t disk);
/* OR all that was ever marked into `into`. */
int track_ever(struct track *t, size_t disk, struct bitmap *into, struct err *err);

enum track_verdict { TRACK_SOUND, TRACK_COMPARE_EVER, TRACK_COMPARE_ALL };
const char *track_verdict_name(enum track_verdict v);	/* "sound" "compare-ever" "compare-all" */

enum track_reason {
	TRACK_REASON_ABSENT	= 1 << 0,	/* the tier tracks nothing */
	TRACK_REASON_GONE	= 1 << 1,	/* a link or pin is gone, the reader ended */
	TRACK_REASON_DEFICIT	= 1 << 2,	/* the kernel counted sectors that we did not */
	TRACK_REASON_LATE	= 1 << 3,	/* completions are missing: see track_harvest_last */
	TRACK_REASON_UNKNOWN	= 1 << 4,	/* writes past the block layer: no place known */
	TRACK_REASON_RESIZED	= 1 << 5,	/* the disk is not as large as it was */
	TRACK_REASON_OUTSIDE	= 1 << 6,	/* an event past the end of the disk */
	TRACK_REASON_OVERRUN	= 1 << 7,	/* a ring dropped events */
	TRACK_REASON_NO_COUNT	= 1 << 8,	/* queue/iostats is off, or there is no stat */
	TRACK_REASON_NO_BASE	= 1 << 9,	/* the counts could not be lined up at the start */
};
#define TRACK_REASONS	10
/* In words; bit is 0 to TRACK_REASONS - 1. */
const char *track_reason_text(unsigned int bit);

struct track_audit {
	enum track_verdict verdict;
	unsigned int reasons;		/* enum track_reason, ORed */
	uint64_t events;		/* submissions seen */
	uint64_t sectors_kernel;	/* written and discarded since the start */
	uint64_t sectors_submitted, sectors_completed;	/* as the tracker saw them */
	uint64_t deficit_submitted, deficit_completed;
	uint64_t unknown, outside, overruns;
	uint64_t misses;		/* runs of programs that were skipped, of all disks */
	uint64_t ever;			/* bytes under marks of the ever map */
};
/*
 * Our counts beside the kernel's. quiet: the caller knows that nothing is in flight (frozen,
 * or unmounted and synced), so the counts must be equal. A doubt stays, once found.
 */
int track_audit(struct track *t, size_t disk, bool quiet, struct track_audit *ret,
		struct err *err);

#endif

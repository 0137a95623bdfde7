/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our counts beside the kernel's.
 *
 * The kernel counts a sector when its request completes (K). We count it at the completion (C), just
 * before the kernel does so in the same function, and at the submission (S). Each has its base: what
 * K had when our count was 0.
 *
 *	base of C	the largest K - C that is seen, K read first, in many samples just after the
 *			start: a sample is less than the base by what completed in between
 *	base of S	the largest K - S that is seen as long as C is exact: a sample is less by what
 *			is in flight. Writes that were in flight at the start are in it.
 *
 * A disk without requests has C from bios that we saw submitted, so both bases wait for a moment
 * when nothing is in flight.
 *
 * Some drivers that know no requests do not count all (zram leaves discards out): then K is less than
 * it should be, and so is what it can vouch for.
 *
 * What a deficit means (the verdict):
 *
 *	C exact			each write was marked when it was done: sound
 *	C short, S exact	each write was marked when it was submitted, so all are in the ever
 *				map; but a copy made before it landed may be old: "late"
 *	both short		a write may be missing in both, and so in the ever map: all
 */
#include <errno.h>
#include <time.h>

#include "common/compiler.h"
#include "track/diskstat.h"
#include "track/state.h"

#define BASE_SAMPLES		200
#define BASE_STILL		3	/* samples in which nothing moved are enough */
#define BASE_PAUSE_NS		1000000

enum { HOOK_SUBMITTED, HOOK_COMPLETED, HOOK_BIO_COMPLETED };

static uint64_t counted(const struct track *t, size_t disk, unsigned int hook)
{
	const struct track_counters *c = t->counters + disk * TRACK_SLOTS + hook * TRACK_COPIES;
	uint64_t most = 0;

	for (unsigned int i = 0; i < TRACK_COPIES; i++) {
		uint64_t n = __atomic_load_n(&c[i].sectors, __ATOMIC_ACQUIRE) +
			     __atomic_load_n(&c[i].discarded, __ATOMIC_ACQUIRE);

		most = MAX(most, n);
	}
	return most;
}

static uint64_t completed(const struct track *t, size_t disk)
{
	return counted(t, disk,
		       t->meta->disks[disk].by_bio ? HOOK_BIO_COMPLETED : HOOK_COMPLETED);
}

struct counts {
	struct diskstat kernel;
	uint64_t submitted, completed;
};

/* The kernel's first: ours may be ahead of it, never behind, unless something was lost. */
static int take(struct track *t, size_t disk, struct counts *ret)
{
	int r = diskstat_read(t->root, t->meta->disks[disk].name, &ret->kernel);

	if (t->ops->drain)
		t->ops->drain(t);
	ret->completed = completed(t, disk);
	ret->submitted = counted(t, disk, HOOK_SUBMITTED);
	return r;
}

static int64_t short_of(uint64_t kernel, int64_t base, uint64_t ours)
{
	return (int64_t)(kernel - ours) - base;
}

static void raise_submitted(struct track_meta_disk *d, const struct counts *c)
{
	int64_t base = (int64_t)(c->kernel.sectors - c->submitted);

	if (!d->know_submitted || base > d->base_submitted)
		d->base_submitted = base;
	d->know_submitted = 1;
}

/* Nothing in flight, and nothing submitted while we looked. */
static bool still(struct track *t, size_t disk, const struct counts *c)
{
	return c->kernel.in_flight == 0 && counted(t, disk, HOOK_SUBMITTED) == c->submitted;
}

static void judge_bases(struct track *t, size_t disk, const struct counts *c, bool quiet)
{
	struct track_meta_disk *d = &t->meta->disks[disk];

	if (d->by_bio) {
		if (!d->know_completed && quiet) {
			d->base_completed = (int64_t)(c->kernel.sectors - c->completed);
			d->know_completed = 1;
			raise_submitted(d, c);
		}
		return;
	}
	if (d->know_completed && short_of(c->kernel.sectors, d->base_completed, c->completed) <= 0)
		raise_submitted(d, c);
}

void track_audit_base(struct track *t, size_t disk)
{
	struct track_meta_disk *d = &t->meta->disks[disk];
	int unmoved = 0;

	for (int i = 0; i < BASE_SAMPLES && unmoved < BASE_STILL; i++) {
		const struct timespec pause = { .tv_nsec = BASE_PAUSE_NS };
		struct counts c, again;

		if (take(t, disk, &c) < 0)
			return;
		if (!d->by_bio) {
			int64_t base = (int64_t)(c.kernel.sectors - c.completed);

			if (!d->know_completed || base > d->base_completed)
				d->base_completed = base;
			d->know_completed = 1;
		}
		judge_bases(t, disk, &c, still(t, disk, &c));
		if (take(t, disk, &again) == 0 && again.completed == c.completed &&
		    again.kernel.sectors == c.kernel.sectors)
			unmoved += !d->by_bio || d->know_completed;
		nanosleep(&pause, NULL);
	}
}

void track_audit_sample(struct track *t, size_t disk)
{
	struct counts c;

	if (take(t, disk, &c) == 0)
		judge_bases(t, disk, &c, false);
}

static void compare(struct track *t, size_t disk, bool quiet, struct track_audit *a)
{
	struct track_meta_disk *d = &t->meta->disks[disk];
	struct counts c;
	int64_t s, k;
	int r = take(t, disk, &c);

	a->sectors_submitted = c.submitted;
	a->sectors_completed = c.completed;
	if (r < 0) {
		a->reasons |= TRACK_REASON_NO_COUNT;
		return;
	}
	judge_bases(t, disk, &c, quiet);
	if (!d->know_completed) {
		a->reasons |= TRACK_REASON_NO_BASE;
		return;
	}
	a->sectors_kernel = c.kernel.sectors - (uint64_t)d->base_completed;
	k = short_of(c.kernel.sectors, d->base_completed, c.completed);
	/* The kernel counts a bio of md or dm before its end is told. */
	if (k <= 0 || (d->by_bio && !quiet))
		return;
	a->deficit_completed = (uint64_t)k;
	s = d->know_submitted ? short_of(c.kernel.sectors, d->base_submitted, c.submitted) : k;
	if (s <= 0) {
		a->reasons |= TRACK_REASON_LATE;
		return;
	}
	a->deficit_submitted = (uint64_t)s;
	a->reasons |= TRACK_REASON_DEFICIT;
}

static void look_at_size(struct track *t, size_t disk, struct track_audit *a)
{
	const struct track_meta_disk *d = &t->meta->disks[disk];
	struct track_disk now;

	if (track_disk_find(t->root, d->name, &now, NULL) < 0 || now.dev != (dev_t)d->dev ||
	    now.size != d->marks.size)
		a->reasons |= TRACK_REASON_RESIZED;
}

static void add_counters(struct track *t, size_t disk, struct track_audit *a)
{
	const struct track_counters *c = t->counters + disk * TRACK_SLOTS;

	for (unsigned int i = 0; i < TRACK_SLOTS; i++) {
		/* Each copy sees it, and so do submission and completion. */
		a->unknown = MAX(a->unknown, __atomic_load_n(&c[i].unknown, __ATOMIC_RELAXED));
		a->outside = MAX(a->outside, __atomic_load_n(&c[i].outside, __ATOMIC_RELAXED));
		if (i < TRACK_COPIES)
			a->events = MAX(a->events, __atomic_load_n(&c[i].events, __ATOMIC_RELAXED));
	}
	if (a->unknown > 0)
		a->reasons |= TRACK_REASON_UNKNOWN;
	if (a->outside > 0)
		a->reasons |= TRACK_REASON_OUTSIDE;
}

static enum track_verdict judge(const struct track *t, unsigned int reasons)
{
	const unsigned int all = TRACK_REASON_ABSENT | TRACK_REASON_GONE | TRACK_REASON_DEFICIT |
				 TRACK_REASON_UNKNOWN | TRACK_REASON_RESIZED |
				 TRACK_REASON_OUTSIDE | TRACK_REASON_OVERRUN;

	if (reasons & all)
		return TRACK_COMPARE_ALL;
	if (reasons & (TRACK_REASON_NO_COUNT | TRACK_REASON_NO_BASE))
		return TRACK_COMPARE_EVER;
	/* Who resumed does not know what was harvested and settled shortly before. */
	if ((reasons & TRACK_REASON_LATE) && t->resumed)
		return TRACK_COMPARE_EVER;
	return TRACK_SOUND;
}

int track_audit(struct track *t, size_t disk, bool quiet, struct track_audit *ret,
		struct err *err)
{
	struct track_audit a = { 0 };
	struct track_meta_disk *d;

	if (disk >= t->meta->n)
		return err_set(err, EINVAL, "the tracker has no disk %zu", disk);
	d = &t->meta->disks[disk];
	if (t->marks) {
		compare(t, disk, quiet, &a);
		add_counters(t, disk, &a);
		(void)marks_ever(t->marks, &d->marks, NULL, &a.ever);
	}
	look_at_size(t, disk, &a);
	t->ops->check(t, disk, &a.reasons, &a.misses, &a.overruns);
	/* These come from counts that may be lined up later, or hold for a moment only. */
	d->doubts |= a.reasons & ~(unsigned int)(TRACK_REASON_LATE | TRACK_REASON_NO_BASE);
	a.reasons |= d->doubts;
	a.verdict = judge(t, a.reasons);
	*ret = a;
	return 0;
}

static const char *const verdict_names[] = { "sound", "compare-ever", "compare-all" };

const char *track_verdict_name(enum track_verdict v)
{
	return verdict_names[v];
}

static const char *const reason_texts[TRACK_REASONS] = {
	"nothing is tracked",
	"a part of the tracker is gone",
	"the kernel counted sectors that the tracker did not see",
	"some completions were not seen; the last round copies again what earlier ones copied",
	"commands went to the disk past the block layer; what they wrote is not known",
	"the disk is not as large as it was",
	"writes went past the end of the disk as it was",
	"the ring of events was too small, and some were lost",
	"the kernel does not count this disk's sectors (queue/iostats)",
	"the disk was never still, so the kernel's counts are of no use yet",
};

const char *track_reason_text(unsigned int bit)
{
	return reason_texts[bit];
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a tracker notes of itself: filled at the start, checked when it is taken up again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "track/state.h"

#define SECTOR		512u
#define MEMORY_SHARE	16u	/* of what is free */

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

int track_meta_fill(struct track *t, const struct track_options *o, struct err *err)
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

int track_meta_check(struct track *t, const struct track_options *o, struct err *err)
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

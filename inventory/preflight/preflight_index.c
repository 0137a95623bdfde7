/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every disk, partition and volume in one list, found by name, and what of each is copied. */
#include "inventory/preflight/preflight_rules.h"

#include <errno.h>
#include <stdlib.h>

enum { STATE_NEW, STATE_OPEN, STATE_DONE };

static int by_name(const void *a, const void *b)
{
	const struct preflight_device *x = *(struct preflight_device *const *)a;
	const struct preflight_device *y = *(struct preflight_device *const *)b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x > y) - (x < y);
}

static int by_path(const void *a, const void *b)
{
	const struct preflight_device *x = *(struct preflight_device *const *)a;
	const struct preflight_device *y = *(struct preflight_device *const *)b;
	int r = strcmp(x->path ? x->path : "", y->path ? y->path : "");

	return r ? r : (x > y) - (x < y);
}

/* The first of those with that key; the two arrays are sorted by it. */
static struct preflight_device *search(struct preflight_device **v, size_t n, const char *key,
				       bool path)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const char *s = path ? v[mid]->path : v[mid]->name;

		if (strcmp(s ? s : "", key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == n)
		return NULL;
	return preflight_is(path ? v[lo]->path : v[lo]->name, key) ? v[lo] : NULL;
}

const struct preflight_device *preflight_index_find(const struct preflight_index *x,
						    const char *name)
{
	const struct preflight_device *d;

	if (!name)
		return NULL;
	if (name[0] != '/')
		return search(x->by_name, x->n, name, false);
	d = search(x->by_path, x->n, name, true);
	if (!d && preflight_starts(name, "/dev/"))
		d = search(x->by_name, x->n, name + strlen("/dev/"), false);
	return d;
}

const struct preflight_device *preflight_index_mounted(const struct preflight_index *x,
						       const char *where)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->v[i].mountpoints && machine_strv_has(x->v[i].mountpoints, where))
			return &x->v[i];
	return NULL;
}

static void fill(struct preflight_index *x, const struct machine *m)
{
	struct preflight_device *d = x->v;

	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *md = &m->disks[i];

		*d++ = (struct preflight_device){ .name = md->name, .path = md->path, .disk = md,
						  .fs = &md->fs, .size = md->size,
						  .mountpoints = &md->mountpoints };
		for (size_t k = 0; k < md->npartitions; k++) {
			const struct machine_partition *p = &md->partitions[k];

			*d++ = (struct preflight_device){ .name = p->name, .path = p->path,
							  .disk = md, .partition = p,
							  .fs = &p->fs, .size = p->size,
							  .mountpoints = &p->mountpoints };
		}
	}
	for (size_t i = 0; i < m->nvolumes; i++) {
		const struct machine_volume *v = &m->volumes[i];

		*d++ = (struct preflight_device){ .name = v->name, .path = v->path, .volume = v,
						  .fs = &v->fs, .size = v->size,
						  .mountpoints = &v->mountpoints };
	}
	x->n = (size_t)(d - x->v);
}

/* A volume is copied as far as what it is made of is. Each is visited once; loops end. */
static void visit(const struct preflight_index *x, struct preflight_device *d)
{
	const struct machine_strv *slaves = d->volume ? &d->volume->slaves : NULL;
	bool any = false, all = slaves && slaves->n > 0;

	if (d->state != STATE_NEW)
		return;
	d->state = STATE_OPEN;
	for (size_t i = 0; slaves && i < slaves->n; i++) {
		struct preflight_device *s = search(x->by_name, x->n, slaves->v[i], false);

		if (s) {
			s->above = d;
			visit(x, s);
		}
		any = any || (s && s->copied);
		all = all && s && s->whole;
	}
	/* Each path of a multipath disk leads to all of it. */
	if (d->volume && preflight_is(d->volume->kind, "mpath"))
		all = any;
	d->copied = d->copied || any;
	d->whole = d->whole || (any && all);
	d->state = STATE_DONE;
}

/* Down from what is mounted, once for each device. */
static void mark_system(const struct preflight_index *x, struct preflight_device *d)
{
	const struct machine_strv *slaves = d->volume ? &d->volume->slaves : NULL;

	if (d->system)
		return;
	d->system = true;
	for (size_t i = 0; slaves && i < slaves->n; i++) {
		struct preflight_device *s = search(x->by_name, x->n, slaves->v[i], false);

		if (s)
			mark_system(x, s);
	}
}

static bool holds_system(const struct preflight_device *d, const struct machine *m)
{
	static const char *const places[] = { "/", "/usr", "/boot", "/boot/efi", "/efi", NULL };

	for (size_t i = 0; i < d->mountpoints->n; i++)
		if (preflight_is_one_of(d->mountpoints->v[i], places))
			return true;
	/* An installed system that was looked at from outside is mounted nowhere. */
	return (m->os.root_source && preflight_is(d->path, m->os.root_source)) ||
	       (m->os.root_uuid && preflight_is(d->fs->uuid, m->os.root_uuid));
}

/* What was asked for by a name that a job gives it. */
static bool selected(const struct preflight_input *in, const char *name)
{
	char made[TEXT_NAME_MAX + 1];

	text_name_make(name, made);
	for (size_t i = 0; i < in->ndisks; i++)
		if (strcmp(in->disks[i].name, name) == 0 || strcmp(in->disks[i].name, made) == 0)
			return true;
	return false;
}

static bool disk_selected(const struct preflight_input *in, const struct machine_disk *d)
{
	const struct machine_plan *plan = in->machine->plan;

	if (in->ndisks > 0)
		return selected(in, d->name);
	/* What p2v-agent copies when no disk is named: as the plan says, else all fixed ones. */
	for (size_t i = 0; plan && i < plan->ndisks; i++)
		if (preflight_is(plan->disks[i].name, d->name))
			return !plan->disks[i].skip;
	return !d->removable && d->size > 0;
}

bool preflight_copies(const struct preflight_input *in, const char *disk)
{
	const struct preflight_device *d = preflight_index_find(in->index, disk);

	return d && d->copied;
}

int preflight_index_new(const struct preflight_input *in, struct preflight_index **ret)
{
	CLEANUP(preflight_index_free) struct preflight_index *x = calloc(1, sizeof(*x));
	const struct machine *m = in->machine;
	size_t n = m->ndisks + m->nvolumes;
	const struct machine_disk *chosen = NULL;
	bool copied = false;

	if (!x)
		return -ENOMEM;
	for (size_t i = 0; i < m->ndisks; i++)
		n += m->disks[i].npartitions;
	x->v = calloc(n + 1, sizeof(*x->v));
	x->by_name = calloc(n + 1, sizeof(struct preflight_device *));
	x->by_path = calloc(n + 1, sizeof(struct preflight_device *));
	if (!x->v || !x->by_name || !x->by_path)
		return -ENOMEM;
	fill(x, m);
	for (size_t i = 0; i < n; i++)
		x->by_name[i] = x->by_path[i] = &x->v[i];
	qsort(x->by_name, n, sizeof(struct preflight_device *), by_name);
	qsort(x->by_path, n, sizeof(struct preflight_device *), by_path);
	for (size_t i = 0; i < n; i++) {
		struct preflight_device *d = &x->v[i];

		if (d->disk && d->disk != chosen) {
			chosen = d->disk;
			copied = disk_selected(in, chosen);
		}
		if (d->disk ? copied : in->ndisks > 0 && selected(in, d->name))
			d->copied = d->whole = true;
	}
	for (size_t i = 0; i < n; i++)
		visit(x, &x->v[i]);
	for (size_t i = 0; i < n; i++)
		if (holds_system(&x->v[i], m))
			mark_system(x, &x->v[i]);
	*ret = TAKE_PTR(x);
	return 0;
}

void preflight_index_free(struct preflight_index *x)
{
	if (!x)
		return;
	free(x->v);
	free(x->by_name);
	free(x->by_path);
	free(x);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each disk is tiled with parts: partitions (or one whole-disk filesystem) and the gaps between
 * them. Gaps are judged here, what partitions hold is handed to contents.c. What a partition's
 * reader releases cannot leave the partition, whatever it does: it only has a space that ends
 * there.
 */
#include "disk/usedmap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"
#include "disk/contents_live.h"

#define KIND_GAP	"unallocated"
#define NO_CONTENT	SIZE_MAX

/* While it is built: which content each part has, and what it is read through. */
struct part_state {
	struct usedmap_part part;
	size_t content;			/* index, or NO_CONTENT */
};

struct disk_state {
	const struct disk *disk;
	struct usedmap *u;
	struct space *space;
	struct part_state *parts;
	size_t nparts;
};

struct build {
	struct disk_state *disks;
	size_t n;
	struct space **slices;		/* of partitions: owned, since parts only borrow them */
	size_t nslices;
	struct contents contents;
};

static int add_part(struct disk_state *ds, struct usedmap_part part, size_t content,
		    struct err *err)
{
	struct part_state *v = reallocarray(ds->parts, ds->nparts + 1, sizeof(*v));

	if (v)
		ds->parts = v;
	if (!v || !part.name) {
		free(part.name);
		free(part.kind);
		free(part.why);
		return err_nomem(err);
	}
	v[ds->nparts++] = (struct part_state){ part, content };
	return 0;
}

/* Takes the space over. */
static int keep_slice(struct build *b, struct space *s, struct err *err)
{
	struct space **v = reallocarray(b->slices, b->nslices + 1, sizeof(struct space *));

	if (!v) {
		space_free(s);
		return err_nomem(err);
	}
	b->slices = v;
	v[b->nslices++] = s;
	return 0;
}

/* One partition or whole-disk filesystem. */
static int add_contents(struct build *b, struct disk_state *ds, char *name, uint64_t offset,
			uint64_t length, const char *opaque, struct err *err)
{
	const struct usedmap_part part = { .name = name, .offset = offset, .length = length };
	struct space *slice = NULL;
	int r;

	r = add_part(ds, part, b->contents.n, err);
	if (r < 0)
		return r;
	if (opaque)
		return contents_add_opaque(&b->contents, opaque, err);
	r = space_slice(ds->space, offset, length, name, &slice, err);
	if (r == 0)
		r = keep_slice(b, slice, err);
	return r < 0 ? r : contents_add(&b->contents, slice, err);
}

static int add_gap(struct disk_state *ds, uint64_t offset, uint64_t length, bool is_free,
		   const char *why, struct err *err)
{
	const struct ptable *t = &ds->u->table;
	struct usedmap_part part = { .offset = offset, .length = length, .trusted = true };

	if (length == 0)
		return 0;
	if (is_free) {
		uint64_t from = MAX(offset, t->usable_offset);
		uint64_t to = MIN(offset + length, t->usable_offset + t->usable_length);

		if (from < to)
			bitmap_clear_range(ds->u->map, from, to - from);
	}
	part.name = strdup("gap");
	part.kind = strdup(KIND_GAP);
	part.why = strdup(why);
	if (!part.kind || !part.why) {
		free(part.name);
		part.name = NULL;
	}
	return add_part(ds, part, NO_CONTENT, err);
}

/* Partitions in order, and what is left between them. */
static int add_partitions(struct build *b, struct disk_state *ds, struct err *err)
{
	static const char between[] = "between partitions";
	static const char boot[] = "before the first partition: boot loaders live here";
	static const char records[] = "in the extended partition: boot records lie here";
	const struct ptable *t = &ds->u->table;
	uint64_t at = 0, container_end = 0;
	bool first = true;
	int r;

	for (size_t i = 0; i < t->nparts; i++) {
		const struct ptable_part *p = &t->parts[i];

		/* What is left of a container that ends before this partition. */
		if (at < container_end && container_end <= p->offset) {
			r = add_gap(ds, at, container_end - at, false, records, err);
			if (r < 0)
				return r;
			at = container_end;
		}
		r = add_gap(ds, at, p->offset - at, !first && !p->logical,
			    first ? boot : p->logical ? records : between, err);
		if (r < 0)
			return r;
		first = false;
		at = p->offset;
		if (p->extended) {
			container_end = p->offset + p->length;
			continue;
		}
		r = add_contents(b, ds, text_format("%" PRIu32, p->number), p->offset, p->length,
				 p->nested ? "holds a partition table of its own" : NULL, err);
		if (r < 0)
			return r;
		at = p->offset + p->length;
	}
	if (at < container_end) {
		r = add_gap(ds, at, container_end - at, false, records, err);
		if (r < 0)
			return r;
		at = container_end;
	}
	return add_gap(ds, at, ds->disk->size - at, !first,
		       first ? "no partitions" : "behind the last partition", err);
}

static int add_whole(struct build *b, struct disk_state *ds, const char *opaque, struct err *err)
{
	return add_contents(b, ds, strdup("disk"), 0, ds->disk->size, opaque, err);
}

static int add_disk_parts(struct build *b, struct disk_state *ds, struct err *err)
{
	CLEANUP(mem_free) char *kind = NULL, *beside = NULL;
	struct ptable *t = &ds->u->table;
	enum detected found;
	int r;

	r = ptable_read(ds->disk, t, err);
	if (r == -EIO) {
		if (err)
			err_reset(err);
		return add_whole(b, ds, "the partition table is unreadable", err);
	}
	if (r < 0)
		return r;
	if (!t->understood)
		return add_whole(b, ds, t->why, err);
	/* Read at one moment, whichever: what was in no partition then was free (livemap.h). */
	if (t->kind[0] == '\0')
		return add_whole(b, ds, NULL, err);

	/* A table and a signature over the whole disk: who is right? (Fake RAID, leftovers.) */
	r = detect(ds->space, &found, &kind, &beside, err);
	if (r < 0)
		return r;
	if (found != DETECT_NONE)
		return add_whole(b, ds, "a partition table and another signature", err);
	return add_partitions(b, ds, err);
}

static int add_disk(struct build *b, const struct disk *d, struct err *err)
{
	struct disk_state *ds = &b->disks[b->n];
	int r;

	*ds = (struct disk_state){ .disk = d, .u = calloc(1, sizeof(*ds->u)) };
	b->n++;
	if (!ds->u)
		return err_nomem(err);
	r = bitmap_new(d->size, USEDMAP_GRANULARITY, &ds->u->map);
	if (r < 0)
		return err_code(err, -r, "cannot make a map of %s", d->path);
	bitmap_set_all(ds->u->map);
	r = space_on_disk(d, ds->u->map, d->path, &ds->space, err);
	if (r == 0 && b->contents.live && b->contents.live->in_use[b->n - 1])
		space_disk_watch(ds->space, b->contents.live->view, b->n - 1);
	return r;
}

/* Whatever was concluded above. */
static void set_edges(struct disk_state *ds)
{
	struct usedmap *u = ds->u;
	uint64_t size = ds->disk->size;

	bitmap_set_range(u->map, 0, USEDMAP_EDGE);
	bitmap_set_range(u->map, size - MIN(size, USEDMAP_EDGE), USEDMAP_EDGE);
	if (u->table.nparts > 0)
		bitmap_set_range(u->map, 0, u->table.parts[0].offset);
}

/* used and free of a part, by the finished map. */
static void count_part(const struct bitmap *map, struct usedmap_part *p)
{
	uint64_t end = p->offset + p->length, at = p->offset, run, length;

	p->free = 0;
	while (at < end && bitmap_next_run(map, false, at, &run, &length) && run < end) {
		uint64_t from = MAX(run, p->offset), to = MIN(run + length, end);

		p->free += to - from;
		at = run + length;
	}
	p->used = p->length - p->free;
}

void usedmap_count(struct usedmap *u)
{
	for (size_t i = 0; i < u->nparts; i++)
		count_part(u->map, &u->parts[i]);
}

/* The finished parts of a disk, with what was found out about their contents. */
static int finish_disk(struct build *b, struct disk_state *ds, struct err *err)
{
	struct usedmap *u = ds->u;

	set_edges(ds);
	u->parts = calloc(ds->nparts + 1, sizeof(*u->parts));
	if (!u->parts)
		return err_nomem(err);
	for (size_t i = 0; i < ds->nparts; i++) {
		struct usedmap_part *p = &u->parts[i];

		*p = ds->parts[i].part;
		ds->parts[i].part = (struct usedmap_part){ 0 };
		u->nparts++;
		p->content = ds->parts[i].content;
		p->reader = VIEW_NOBODY;
		if (ds->parts[i].content != NO_CONTENT) {
			struct content *c = &b->contents.v[ds->parts[i].content];

			p->kind = TAKE_PTR(c->kind);
			p->why = TAKE_PTR(c->why);
			p->trusted = c->trusted;
			p->reader = c->reader;
		}
		count_part(u->map, p);
	}
	return 0;
}

static int finish_volumes(struct contents *c, struct usedmap_set *set, struct err *err)
{
	set->volumes = calloc(c->n + 1, sizeof(*set->volumes));
	if (!set->volumes)
		return err_nomem(err);
	for (size_t i = 0; i < c->n; i++) {
		struct content *x = &c->v[i];
		struct usedmap_volume *v;

		if (!x->name)
			continue;
		v = &set->volumes[set->nvolumes++];
		v->name = TAKE_PTR(x->name);
		v->kind = TAKE_PTR(x->kind);
		v->why = TAKE_PTR(x->why);
		v->size = x->size;
		v->free = x->free;
		v->trusted = x->trusted;
		v->content = i;
		v->reader = x->reader;
		v->assembled = x->assembled;
	}
	return 0;
}

static void usedmap_free(struct usedmap *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->nparts; i++) {
		free(u->parts[i].name);
		free(u->parts[i].kind);
		free(u->parts[i].why);
	}
	free(u->parts);
	ptable_done(&u->table);
	bitmap_free(u->map);
	free(u);
}

static void build_done(struct build *b)
{
	contents_done(&b->contents);
	while (b->nslices > 0)
		space_free(b->slices[--b->nslices]);
	for (size_t i = 0; i < b->n; i++) {
		struct disk_state *ds = &b->disks[i];

		for (size_t k = 0; k < ds->nparts; k++) {
			free(ds->parts[k].part.name);
			free(ds->parts[k].part.kind);
			free(ds->parts[k].part.why);
		}
		free(ds->parts);
		space_free(ds->space);
		usedmap_free(ds->u);
	}
	free(b->disks);
	free(b->slices);
}
DEFINE_CLEANUP_VALUE(struct build, build_done)

static int read_all(struct build *b, struct err *err)
{
	CLEANUP(mem_free) struct space **disks = calloc(b->n + 1, sizeof(struct space *));
	int r = 0;

	if (!disks)
		return err_nomem(err);
	for (size_t i = 0; i < b->n && r == 0; i++) {
		disks[i] = b->disks[i].space;
		r = add_disk_parts(b, &b->disks[i], err);
	}
	if (r < 0)
		return r;
	b->contents.disks = disks;
	b->contents.ndisks = b->n;
	r = contents_read(&b->contents, err);
	b->contents.disks = NULL;
	b->contents.ndisks = 0;
	return r;
}

int usedmap_build(const struct disk *const *disks, size_t n, struct usedmap_set **ret,
		  struct err *err)
{
	return usedmap_build_live(disks, n, NULL, false, ret, err);
}

int usedmap_build_live(const struct disk *const *disks, size_t n, const struct live_rules *live,
		       bool structure_only, struct usedmap_set **ret, struct err *err)
{
	CLEANUP(usedmap_set_free) struct usedmap_set *set = calloc(1, sizeof(*set));
	CLEANUP(build_done) struct build b = {
		.disks = calloc(n + 1, sizeof(*b.disks)),
		.contents = { .live = live, .structure_only = structure_only },
	};
	int r = 0;

	if (set)
		set->maps = calloc(n + 1, sizeof(struct usedmap *));
	if (!set || !set->maps || !b.disks)
		return err_nomem(err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_disk(&b, disks[i], err);
	if (r == 0)
		r = read_all(&b, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = finish_disk(&b, &b.disks[i], err);
	if (r == 0)
		r = finish_volumes(&b.contents, set, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		set->maps[set->nmaps++] = TAKE_PTR(b.disks[i].u);
	*ret = TAKE_PTR(set);
	return 0;
}

void usedmap_set_free(struct usedmap_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nmaps; i++)
		usedmap_free(s->maps[i]);
	for (size_t i = 0; i < s->nvolumes; i++) {
		free(s->volumes[i].name);
		free(s->volumes[i].kind);
		free(s->volumes[i].why);
	}
	free(s->maps);
	free(s->volumes);
	free(s);
}

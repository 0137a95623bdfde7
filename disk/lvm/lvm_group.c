/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which extents of this PV has some LV?
 *
 * In LVM2 space on a PV is only ever given out through the area lists of segments, and in all
 * segment types that are known here but "striped" (linear is striped over one) those lists name
 * other LVs, which come down to striped ones in the end. So the striped segments are the whole
 * truth, provided that no other segment names a PV; that is checked too.
 */
#include "disk/lvm/lvm_group.h"

#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"

struct area {				/* of this PV */
	uint64_t first, count;		/* extents */
	const char *lv;
};

struct group {
	const struct lvm_source *s;
	const struct lvm_vg *vg;
	const struct lvm_node *own;	/* this PV's section */
	struct lvm_pv *pv;
	struct area *areas;
	size_t nareas, cap;
};

static const char *const no_words[] = { NULL };

static bool known_type(const char *type)
{
	static const char *const exact[] = {
		"mirror", "snapshot", "thin", "thin-pool", "cache", "cache-pool", "writecache",
		"error", "zero", "integrity", "vdo", "vdo-pool", "raid0", "raid0_meta", "raid1",
		"raid4", "raid5", "raid5_la", "raid5_ls", "raid5_ra", "raid5_rs", "raid5_n",
		"raid6", "raid6_zr", "raid6_nr", "raid6_nc", "raid6_n_6", "raid6_la_6",
		"raid6_ls_6", "raid6_ra_6", "raid6_rs_6", "raid10", "raid10_near",
		/* Flags behind a '+' that say nothing about where it lies. */
		"thin-pool+CROP_METADATA", "cache+METADATA_FORMAT", "cache-pool+METADATA_FORMAT",
		"cache+CACHE_USES_CACHEVOL",
	};

	for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
		if (strcmp(exact[i], type) == 0)
			return true;
	return false;
}

static int add_area(struct group *g, uint64_t first, uint64_t count, const char *lv)
{
	if (g->nareas == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 64;
		struct area *v = reallocarray(g->areas, cap, sizeof(*v));

		if (!v)
			return err_nomem(g->s->err);
		g->areas = v;
		g->cap = cap;
	}
	g->areas[g->nareas++] = (struct area){ first, count, lv };
	return 1;
}

/* "stripes": name, first extent, name, first extent, ... */
static int walk_stripes(struct group *g, const struct lvm_node *segment, const char *lv)
{
	const struct lvm_node *stripes = lvm_text_child(segment, "stripes", LVM_ARRAY);
	uint64_t count, stripe_count, width, listed = 0;
	int r;

	if (!stripes || !lvm_text_child_number(segment, "extent_count", &count) ||
	    !lvm_text_child_number(segment, "stripe_count", &stripe_count) || stripe_count == 0 ||
	    count == 0 || count % stripe_count != 0)
		return lvm_source_doubt(g->s, "a segment of LV %s is incomplete", lv);
	width = count / stripe_count;
	for (const struct lvm_node *n = stripes->children; n; n = n->next->next, listed++) {
		bool is_lv;

		if (n->kind != LVM_STRING || !n->next || n->next->kind != LVM_NUMBER)
			return lvm_source_doubt(g->s, "a segment of LV %s cannot be understood",
						lv);
		is_lv = lvm_items_find(&g->vg->lvs, n->string) != LVM_NOBODY;
		if (lvm_items_find(&g->vg->pvs, n->string) == LVM_NOBODY) {
			if (!is_lv)
				return lvm_source_doubt(g->s, "LV %s lies on an unknown PV", lv);
			continue;
		}
		/* Then nobody can tell which of the two is meant. */
		if (is_lv)
			return lvm_source_doubt(g->s, "an LV and a PV are both called %s",
						n->string);
		if (strcmp(n->string, g->own->name) != 0)
			continue;
		if (!range_inside(n->next->number, width, g->pv->extents))
			return lvm_source_doubt(g->s, "LV %s leaves the PV", lv);
		r = add_area(g, n->next->number, width, lv);
		if (r <= 0)
			return r;
	}
	if (listed != stripe_count)
		return lvm_source_doubt(g->s, "a segment of LV %s is incomplete", lv);
	return 1;
}

static bool names_pv(const struct group *g, const struct lvm_node *section)
{
	for (const struct lvm_node *n = section->children; n; n = n->next) {
		if (n->kind == LVM_STRING &&
		    lvm_items_find(&g->vg->pvs, n->string) != LVM_NOBODY)
			return true;
		if ((n->kind == LVM_ARRAY || n->kind == LVM_SECTION) && names_pv(g, n))
			return true;
	}
	return false;
}

static int walk_lv(struct group *g, const struct lvm_node *lv)
{
	uint64_t segments, found = 0, expected = 0;
	int r;

	if (lvm_text_has_word(lv, "status", "PVMOVE") || lvm_text_has_word(lv, "flags", "PVMOVE") ||
	    lvm_text_has_word(lv, "status", "LOCKED") || lvm_text_has_word(lv, "flags", "LOCKED"))
		return lvm_source_doubt(g->s, "LV %s is being moved", lv->name);
	if (!lvm_text_child_number(lv, "segment_count", &segments))
		return lvm_source_doubt(g->s, "LV %s has no segments", lv->name);
	for (const struct lvm_node *n = lvm_vg_segment(lv, NULL); n; n = lvm_vg_segment(lv, n)) {
		char shown[64];
		const char *type;
		uint64_t start, count;

		found++;
		type = lvm_text_child_string(n, "type");
		if (!type || !lvm_text_child_number(n, "start_extent", &start) ||
		    !lvm_text_child_number(n, "extent_count", &count) || start != expected ||
		    !u64_add(expected, count, &expected))
			return lvm_source_doubt(g->s, "a segment of LV %s cannot be understood",
						lv->name);
		if (strcmp(type, "striped") == 0) {
			r = walk_stripes(g, n, lv->name);
			if (r <= 0)
				return r;
			continue;
		}
		if (!known_type(type))
			return lvm_source_doubt(g->s, "LV %s has segments of the unknown type %s",
						lv->name,
						text_escape_str(type, shown, sizeof(shown)));
		if (names_pv(g, n))
			return lvm_source_doubt(g->s, "LV %s lies on a PV in an unknown way",
						lv->name);
	}
	if (found != segments)
		return lvm_source_doubt(g->s, "LV %s lacks segments", lv->name);
	return 1;
}

static int by_first(const void *a, const void *b)
{
	const struct area *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* All that was found, in order: no extent may have been given out twice. */
static int take_areas(struct group *g)
{
	uint64_t end = 0, size = g->pv->extent_size;

	if (g->nareas > 0)
		qsort(g->areas, g->nareas, sizeof(*g->areas), by_first);
	for (size_t i = 0; i < g->nareas; i++) {
		const struct area *x = &g->areas[i];

		if (x->first < end)
			return lvm_source_doubt(g->s, "LV %s overlaps another", x->lv);
		end = x->first + x->count;
		if (extents_add(&g->pv->allocated, g->pv->pe_start + x->first * size,
				x->count * size, 0) < 0)
			return err_nomem(g->s->err);
	}
	return 1;
}

static int find_own_pv(struct group *g)
{
	for (size_t i = 0; i < g->vg->pvs.n; i++) {
		const struct lvm_node *n = g->vg->pvs.v[i].node;
		const char *id = lvm_text_child_string(n, "id");

		if (!id)
			return lvm_source_doubt(g->s, "a PV in the LVM metadata has no id");
		if (strcmp(id, g->pv->uuid) != 0)
			continue;
		if (g->own)
			return lvm_source_doubt(g->s, "the PV is listed twice");
		g->own = n;
	}
	return g->own ? 1 : lvm_source_doubt(g->s, "the PV is not listed in its own metadata");
}

/* pe_start and the number of extents, held against the header and the partition. */
static int check_geometry(struct group *g, const struct lvm_header *h)
{
	static const char *const pv_status[] = { "ALLOCATABLE", "EXPORTED", NULL };
	struct lvm_pv *pv = g->pv;
	uint64_t start, count, size, end;

	if (!lvm_text_only_words(g->own, "status", pv_status) ||
	    !lvm_text_only_words(g->own, "flags", no_words))
		return lvm_source_doubt(g->s, "the PV is marked missing or in an unknown way");
	if (!lvm_text_child_number(g->own, "pe_start", &start) ||
	    !lvm_text_child_number(g->own, "pe_count", &count) ||
	    !u64_mul(start, LVM_SECTOR, &start) || !u64_mul(count, g->vg->extent_size, &size) ||
	    !u64_add(start, size, &end) || end > h->device_size)
		return lvm_source_doubt(g->s, "the PV's extents do not fit into it");
	if (start != h->data.offset || start < LVM_LABEL_SECTORS * LVM_SECTOR)
		return lvm_source_doubt(g->s,
					"label and metadata differ on where the extents begin");
	pv->pe_start = start;
	pv->extents = count;
	pv->extent_size = g->vg->extent_size;
	if (extents_add(&pv->metadata, 0, LVM_LABEL_SECTORS * LVM_SECTOR, 0) < 0)
		return err_nomem(g->s->err);
	for (unsigned int i = 0; i < h->mdas; i++) {
		const struct lvm_area *m = &h->mda[i];

		if (m->offset < end && m->offset + m->length > start)
			return lvm_source_doubt(g->s, "a metadata area overlaps the extents");
		if (extents_add(&pv->metadata, m->offset, m->length, 0) < 0)
			return err_nomem(g->s->err);
	}
	return 1;
}

static int walk(struct group *g, const struct lvm_header *h)
{
	int r;

	lvm_vg_dashed(h->uuid, g->pv->uuid);
	r = find_own_pv(g);
	if (r > 0)
		r = check_geometry(g, h);
	for (size_t i = 0; i < g->vg->lvs.n && r > 0; i++)
		r = walk_lv(g, g->vg->lvs.v[i].node);
	if (r > 0)
		r = take_areas(g);
	if (r <= 0)
		return r;
	g->pv->vg_name = strdup(g->vg->node->name);
	return g->pv->vg_name ? 1 : err_nomem(g->s->err);
}

int lvm_group_walk(const struct lvm_source *s, const struct lvm_vg *vg,
		   const struct lvm_header *h, struct lvm_pv *pv)
{
	struct group g = { .s = s, .vg = vg, .pv = pv };
	int r = walk(&g, h);

	free(g.areas);
	return r;
}

void lvm_pv_done(struct lvm_pv *pv)
{
	extents_done(&pv->allocated);
	extents_done(&pv->metadata);
	free(pv->vg_name);
	*pv = (struct lvm_pv){ 0 };
}

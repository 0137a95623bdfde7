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

struct group {
	const struct lvm_source *s;
	const struct lvm_node *pvs, *lvs;	/* lvs may be NULL */
	const struct lvm_node *own;		/* this PV's section */
	uint64_t extent_size;
	struct lvm_pv *pv;
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
	};

	for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
		if (strcmp(exact[i], type) == 0)
			return true;
	return false;
}

/* "stripes": name, first extent, name, first extent, ... */
static int walk_stripes(const struct group *g, const struct lvm_node *segment, const char *lv)
{
	const struct lvm_node *stripes = lvm_text_child(segment, "stripes", LVM_ARRAY);
	uint64_t count, stripe_count, width, listed = 0;

	if (!stripes || !lvm_text_child_number(segment, "extent_count", &count) ||
	    !lvm_text_child_number(segment, "stripe_count", &stripe_count) || stripe_count == 0 ||
	    count == 0 || count % stripe_count != 0)
		return lvm_source_doubt(g->s, "a segment of LV %s is incomplete", lv);
	width = count / stripe_count;
	for (const struct lvm_node *n = stripes->children; n; n = n->next->next, listed++) {
		uint64_t first, bytes = extents_bytes(&g->pv->allocated), length;

		if (n->kind != LVM_STRING || !n->next || n->next->kind != LVM_NUMBER)
			return lvm_source_doubt(g->s, "a segment of LV %s cannot be understood",
						lv);
		if (!lvm_text_has_section(g->pvs, n->string)) {
			if (!lvm_text_has_section(g->lvs, n->string))
				return lvm_source_doubt(g->s, "LV %s lies on an unknown PV", lv);
			continue;
		}
		/* Then nobody can tell which of the two is meant. */
		if (lvm_text_has_section(g->lvs, n->string))
			return lvm_source_doubt(g->s, "an LV and a PV are both called %s",
						n->string);
		if (strcmp(n->string, g->own->name) != 0)
			continue;
		first = n->next->number;
		if (!range_inside(first, width, g->pv->extents))
			return lvm_source_doubt(g->s, "LV %s leaves the PV", lv);
		length = width * g->extent_size;
		if (extents_add(&g->pv->allocated, g->pv->pe_start + first * g->extent_size, length,
				0) < 0)
			return err_nomem(g->s->err);
		if (extents_bytes(&g->pv->allocated) != bytes + length)
			return lvm_source_doubt(g->s, "LV %s overlaps another", lv);
	}
	if (listed != stripe_count)
		return lvm_source_doubt(g->s, "a segment of LV %s is incomplete", lv);
	return 1;
}

static bool names_pv(const struct group *g, const struct lvm_node *section)
{
	for (const struct lvm_node *n = section->children; n; n = n->next) {
		if (n->kind == LVM_STRING && lvm_text_has_section(g->pvs, n->string))
			return true;
		if ((n->kind == LVM_ARRAY || n->kind == LVM_SECTION) && names_pv(g, n))
			return true;
	}
	return false;
}

static int walk_lv(const struct group *g, const struct lvm_node *lv)
{
	uint64_t segments, found = 0, expected = 0;
	int r;

	if (lv->kind != LVM_SECTION)
		return lvm_source_doubt(g->s, "an LV cannot be understood");
	if (lvm_text_has_word(lv, "status", "PVMOVE") || lvm_text_has_word(lv, "flags", "PVMOVE") ||
	    lvm_text_has_word(lv, "status", "LOCKED") || lvm_text_has_word(lv, "flags", "LOCKED"))
		return lvm_source_doubt(g->s, "LV %s is being moved", lv->name);
	if (!lvm_text_child_number(lv, "segment_count", &segments))
		return lvm_source_doubt(g->s, "LV %s has no segments", lv->name);
	for (const struct lvm_node *n = lv->children; n; n = n->next) {
		char shown[64];
		const char *type;
		uint64_t start, count;

		if (n->kind != LVM_SECTION || strncmp(n->name, "segment", 7) != 0)
			continue;
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

/* "4Tcj7o-5f0B-..." is 32 characters with dashes after 6, 10, 14, ... */
static void uuid_with_dashes(const char *plain, char ret[static 40])
{
	char *to = ret;

	for (int i = 0; i < 32; i++) {
		if (i >= 6 && i <= 26 && (i - 6) % 4 == 0)
			*to++ = '-';
		*to++ = plain[i];
	}
	*to = '\0';
}

static int find_own_pv(struct group *g)
{
	for (const struct lvm_node *n = g->pvs->children; n; n = n->next) {
		const char *id = n->kind == LVM_SECTION ? lvm_text_child_string(n, "id") : NULL;

		if (!id)
			return lvm_source_doubt(g->s, "a PV in the LVM metadata has no id");
		if (!lvm_text_has_section(g->pvs, n->name))
			return lvm_source_doubt(g->s, "two PVs are called %s", n->name);
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
	    !u64_mul(start, LVM_SECTOR, &start) || !u64_mul(count, g->extent_size, &size) ||
	    !u64_add(start, size, &end) || end > h->device_size)
		return lvm_source_doubt(g->s, "the PV's extents do not fit into it");
	if (start != h->data.offset || start < LVM_LABEL_SECTORS * LVM_SECTOR)
		return lvm_source_doubt(g->s,
					"label and metadata differ on where the extents begin");
	pv->pe_start = start;
	pv->extents = count;
	pv->extent_size = g->extent_size;
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

int lvm_group_walk(const struct lvm_source *s, const struct lvm_node *root,
		   const struct lvm_header *h, struct lvm_pv *pv)
{
	static const char *const vg_status[] = {
		"RESIZEABLE", "READ", "WRITE", "WRITE_LOCKED", "EXPORTED", "CLUSTERED", "SHARED",
		NULL
	};
	struct group g = { .s = s, .pv = pv };
	const struct lvm_node *vg = NULL;
	const char *contents = lvm_text_child_string(root, "contents");
	uint64_t version, sectors;
	int r;

	if (!contents || strcmp(contents, "Text Format Volume Group") != 0 ||
	    !lvm_text_child_number(root, "version", &version) || version != 1)
		return lvm_source_doubt(s, "the LVM metadata has an unknown version");
	for (const struct lvm_node *n = root->children; n; n = n->next) {
		if (n->kind != LVM_SECTION)
			continue;
		if (vg)
			return lvm_source_doubt(s, "the LVM metadata describes two volume groups");
		vg = n;
	}
	if (!vg)
		return lvm_source_doubt(s, "the LVM metadata describes no volume group");
	if (!lvm_text_only_words(vg, "status", vg_status) ||
	    !lvm_text_only_words(vg, "flags", no_words))
		return lvm_source_doubt(s, "volume group %s is marked in an unknown way", vg->name);
	if (!lvm_text_child_number(vg, "extent_size", &sectors) || sectors == 0 ||
	    !u64_mul(sectors, LVM_SECTOR, &g.extent_size))
		return lvm_source_doubt(s, "volume group %s has no extent size", vg->name);
	g.pvs = lvm_text_child(vg, "physical_volumes", LVM_SECTION);
	if (!g.pvs)
		return lvm_source_doubt(s, "volume group %s lists no PVs", vg->name);
	g.lvs = lvm_text_child(vg, "logical_volumes", LVM_SECTION);
	for (const struct lvm_node *n = vg->children; n && !g.lvs; n = n->next)
		if (strcmp(n->name, "logical_volumes") == 0)
			return lvm_source_doubt(s, "volume group %s lists its LVs in an odd way",
						vg->name);

	uuid_with_dashes(h->uuid, pv->uuid);
	r = find_own_pv(&g);
	if (r <= 0)
		return r;
	r = check_geometry(&g, h);
	if (r <= 0)
		return r;
	for (const struct lvm_node *n = g.lvs ? g.lvs->children : NULL; n; n = n->next) {
		r = walk_lv(&g, n);
		if (r <= 0)
			return r;
	}
	pv->vg_name = strdup(vg->name);
	return pv->vg_name ? 1 : err_nomem(s->err);
}

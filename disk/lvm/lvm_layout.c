/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An LV's space. Below it lie either PVs or hidden LVs, each of which is a part of one LV only and
 * whole; so there are no circles, and nothing is put together twice. Everything that is not so is
 * left alone.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"
#include "disk/lvm/lvm_raid.h"
#include "disk/lvm/lvm_volumes.h"

/* A read looks for its piece from the first on. */
#define PIECES_MAX	4096u
#define STRIPES_MAX	128u		/* LVM's own bound */
/* Pool data on RAID over images is three. */
#define DEPTH_MAX	8u

int lvm_layout_none(struct lvm_maker *m, struct lvm_lv *lv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(lv->why);
	lv->why = text_vformat(fmt, ap);
	va_end(ap);
	lv->space = NULL;
	return lv->why ? 0 : err_nomem(m->err);
}

/* A space that could not be made, for another reason than want of memory. */
static int impossible(struct lvm_maker *m, struct lvm_lv *lv, int r)
{
	if (r == -ENOMEM)
		return r;
	if (m->err)
		err_reset(m->err);
	return lvm_layout_none(m, lv, "its layout is impossible");
}

static int unreadable(struct lvm_maker *m, struct lvm_lv *lv, int r)
{
	if (r == -ENOMEM)
		return r;
	if (m->err)
		err_reset(m->err);
	return lvm_layout_none(m, lv, "the state of its copies is unreadable");
}

static int space_name(const struct lvm_maker *m, const struct lvm_lv *lv, char **ret)
{
	*ret = text_format("%s/%s", m->vg->node->name, lv->name);
	return *ret ? 0 : err_nomem(m->err);
}

int lvm_layout_part(struct lvm_maker *m, struct lvm_lv *of, const char *name,
		    struct lvm_lv **ret)
{
	size_t i = name ? lvm_items_find(&m->vg->lvs, name) : LVM_NOBODY;
	struct lvm_lv *lv;
	int r;

	*ret = NULL;
	if (i == LVM_NOBODY)
		return lvm_layout_none(m, of, "a part of it is not listed");
	lv = &m->lvs[i];
	if (lv->state == LVM_BUSY || lv->parts != 1 || lv->user != LVM_PART || lv->visible)
		return lvm_layout_none(m, of, "its part %s has other uses", name);
	r = lvm_layout_resolve(m, lv);
	if (r < 0)
		return r;
	if (!lv->space)
		return lvm_layout_none(m, of, "%s: %s", name, lv->why);
	*ret = lv;
	return 0;
}

/* --- PVs --- */

/* One name and its first extent. 1, 0 (why is set), -ENOMEM. */
static int area(struct lvm_maker *m, struct lvm_lv *lv, const struct lvm_node *name,
		uint64_t length, struct space_piece *ret)
{
	size_t i = lvm_items_find(&m->vg->pvs, name->string);
	const struct lvm_slot *slot;

	/* Only while LVM is about to convert it. */
	if (i == LVM_NOBODY)
		return lvm_layout_none(m, lv, "it lies on another volume in an unusual way");
	slot = &m->slots[i];
	if (!slot->space)
		return lvm_layout_none(m, lv, slot->in_doubt ? "its PV %s is in doubt" :
				       "its PV %s is not here", name->string);
	*ret = (struct space_piece){
		slot->space, slot->pe_start + name->next->number * m->vg->extent_size, length
	};
	return 1;
}

/* lvm_group_walk() has checked the numbers and the list, for all PVs that have a slot. */
static int striped(struct lvm_maker *m, struct lvm_lv *lv, const struct lvm_node *segment,
		   struct space_piece *ret)
{
	const struct lvm_node *list = lvm_text_child(segment, "stripes", LVM_ARRAY);
	struct space_piece pieces[STRIPES_MAX];
	CLEANUP(mem_free) char *name = NULL;
	uint64_t count = 0, n = 0, sectors = 0, length;
	struct space *s = NULL;
	size_t i = 0;
	int r;

	(void)lvm_text_child_number(segment, "extent_count", &count);
	(void)lvm_text_child_number(segment, "stripe_count", &n);
	(void)lvm_text_child_number(segment, "stripe_size", &sectors);
	if (!list || n == 0 || n > STRIPES_MAX || !u64_mul(count / n, m->vg->extent_size, &length))
		return impossible(m, lv, 0);
	for (const struct lvm_node *x = list->children; x && i < n; x = x->next->next) {
		r = area(m, lv, x, length, &pieces[i++]);
		if (r <= 0)
			return r;
	}
	if (n == 1) {
		*ret = pieces[0];
		return 1;
	}
	if (sectors == 0 || sectors > UINT32_MAX)
		return impossible(m, lv, 0);
	r = space_name(m, lv, &name);
	if (r < 0)
		return r;
	r = space_stripe(pieces, n, sectors * LVM_SECTOR, 0, name, &s, m->err);
	if (r < 0)
		return impossible(m, lv, r);
	*ret = (struct space_piece){ s, 0, s->size };
	r = assembly_own(m->a, s, m->err);
	return r < 0 ? r : 1;
}

static int from_pvs(struct lvm_maker *m, struct lvm_lv *lv)
{
	CLEANUP(mem_free) struct space_piece *pieces = NULL;
	CLEANUP(mem_free) char *name = NULL;
	struct space *s = NULL;
	size_t n = 0;
	int r;

	for (const struct lvm_node *x = NULL; (x = lvm_vg_segment(lv->node, x));)
		n++;
	if (n > PIECES_MAX)
		return lvm_layout_none(m, lv, "it is in too many pieces");
	pieces = calloc(n + 1, sizeof(*pieces));
	if (!pieces)
		return err_nomem(m->err);
	n = 0;
	for (const struct lvm_node *x = NULL; (x = lvm_vg_segment(lv->node, x));) {
		const char *type = lvm_text_child_string(x, "type");

		if (!type || strcmp(type, "striped") != 0)
			return lvm_layout_none(m, lv, "its segments are of several types");
		r = striped(m, lv, x, &pieces[n++]);
		if (r <= 0)
			return r;
	}
	r = space_name(m, lv, &name);
	if (r == 0)
		r = space_concat(pieces, n, 0, name, &s, m->err);
	if (r < 0)
		return impossible(m, lv, r);
	lv->space = s;
	return assembly_own(m->a, s, m->err);
}

/* --- mirrors and stripes over hidden LVs --- */

struct legs {
	size_t n;
	uint64_t size;				/* of the LV */
	struct space_piece piece[LVM_RAID_LEGS_MAX];
	struct space *meta[LVM_RAID_LEGS_MAX];	/* NULL: the list names none */
};

/*
 * A list of LVs, which may have the extent to begin at behind each name, and of their metadata
 * volumes before each. The number of legs is in the segment's "counted" field.
 */
static int find_legs(struct lvm_maker *m, struct lvm_lv *lv, const struct lvm_node *segment,
		     const char *listed, const char *counted, bool with_meta, struct legs *ret)
{
	const struct lvm_node *list = lvm_text_child(segment, listed, LVM_ARRAY), *x;
	uint64_t count = 0, extents = 0;
	struct lvm_lv *part;
	int r;

	(void)lvm_text_child_number(segment, counted, &count);
	(void)lvm_text_child_number(segment, "extent_count", &extents);
	if (!list || count == 0 || count > LVM_RAID_LEGS_MAX ||
	    lvm_vg_segment(lv->node, segment) ||
	    !u64_mul(extents, m->vg->extent_size, &ret->size))
		return impossible(m, lv, 0);
	x = list->children;
	for (ret->n = 0; x; ret->n++) {
		if (ret->n == count)
			return impossible(m, lv, 0);
		for (int meta = with_meta; meta >= 0; meta--) {
			if (!x || x->kind != LVM_STRING)
				return impossible(m, lv, 0);
			r = lvm_layout_part(m, lv, x->string, &part);
			if (r < 0 || !part)
				return r;
			if (meta)
				ret->meta[ret->n] = part->space;
			else
				ret->piece[ret->n] = (struct space_piece){ part->space, 0,
									   part->space->size };
			x = x->next;
		}
		if (x && x->kind == LVM_NUMBER) {
			if (x->number != 0)
				return impossible(m, lv, 0);
			x = x->next;
		}
	}
	return ret->n == count ? 1 : impossible(m, lv, 0);
}

static int take_space(struct lvm_maker *m, struct lvm_lv *lv, struct space *s)
{
	lv->space = s;
	return assembly_own(m->a, s, m->err);
}

static int from_mirror(struct lvm_maker *m, struct lvm_lv *lv, const struct legs *legs)
{
	CLEANUP(mem_free) char *name = NULL;
	struct space *s = NULL;
	int r = space_name(m, lv, &name);

	if (r < 0)
		return r;
	r = space_mirror(legs->piece, legs->n, 0, name, &s, m->err);
	return r < 0 ? impossible(m, lv, r) : take_space(m, lv, s);
}

static int raid1(struct lvm_maker *m, struct lvm_lv *lv, const struct lvm_node *segment)
{
	struct legs legs = { 0 };
	const char *why = NULL;
	int r = find_legs(m, lv, segment, "raids", "device_count", true, &legs);

	if (r <= 0)
		return r;
	if (legs.piece[0].length != legs.size)
		return impossible(m, lv, 0);
	r = lvm_raid_check(legs.meta, legs.n, 1, legs.size, &why, m->err);
	if (r < 0)
		return unreadable(m, lv, r);
	return r == 0 ? lvm_layout_none(m, lv, "RAID 1: %s", why) : from_mirror(m, lv, &legs);
}

static int mirror(struct lvm_maker *m, struct lvm_lv *lv, const struct lvm_node *segment)
{
	const char *log_name = lvm_text_child_string(segment, "mirror_log"), *why = NULL;
	struct legs legs = { 0 };
	struct lvm_lv *log;
	uint64_t region = 0;
	int r = find_legs(m, lv, segment, "mirrors", "mirror_count", false, &legs);

	if (r <= 0)
		return r;
	if (!log_name)
		return lvm_layout_none(m, lv, "a mirror without a log: nobody knows if it is in "
				       "sync");
	if (legs.piece[0].length != legs.size ||
	    !lvm_text_child_number(segment, "region_size", &region) ||
	    !u64_mul(region, LVM_SECTOR, &region))
		return impossible(m, lv, 0);
	r = lvm_layout_part(m, lv, log_name, &log);
	if (r < 0 || !log)
		return r;
	r = lvm_raid_check_log(log->space, legs.size, region, &why, m->err);
	if (r < 0)
		return unreadable(m, lv, r);
	return r == 0 ? lvm_layout_none(m, lv, "mirror: %s", why) : from_mirror(m, lv, &legs);
}

static int raid0(struct lvm_maker *m, struct lvm_lv *lv, const struct lvm_node *segment,
		 bool with_meta)
{
	CLEANUP(mem_free) char *name = NULL;
	struct legs legs = { 0 };
	const char *why = NULL;
	uint64_t sectors = 0, whole;
	struct space *s = NULL;
	int r = find_legs(m, lv, segment, with_meta ? "raids" : "raid0_lvs", "stripe_count",
			  with_meta, &legs);

	if (r <= 0)
		return r;
	if (!lvm_text_child_number(segment, "stripe_size", &sectors) || sectors > UINT32_MAX ||
	    !u64_mul(legs.piece[0].length, legs.n, &whole) || whole != legs.size)
		return impossible(m, lv, 0);
	if (with_meta) {
		r = lvm_raid_check(legs.meta, legs.n, 0, legs.piece[0].length, &why, m->err);
		if (r < 0)
			return unreadable(m, lv, r);
		if (r == 0)
			return lvm_layout_none(m, lv, "RAID 0: %s", why);
	}
	r = space_name(m, lv, &name);
	if (r < 0)
		return r;
	r = space_stripe(legs.piece, legs.n, sectors * LVM_SECTOR, 0, name, &s, m->err);
	return r < 0 ? impossible(m, lv, r) : take_space(m, lv, s);
}

/* --- all --- */

static int by_type(struct lvm_maker *m, struct lvm_lv *lv)
{
	const struct lvm_node *segment = lvm_vg_segment(lv->node, NULL);
	const char *type = segment ? lvm_text_child_string(segment, "type") : NULL;
	char shown[64];

	if (!lv->known_flags)
		return lvm_layout_none(m, lv, "it is marked in an unknown way");
	if (!lv->in_sync)
		return lvm_layout_none(m, lv, "its copies were never brought in sync");
	if (!type)
		return lvm_layout_none(m, lv, "it has no segments");
	if (strcmp(type, "striped") == 0)
		return from_pvs(m, lv);
	if (strcmp(type, "raid1") == 0)
		return raid1(m, lv, segment);
	if (strcmp(type, "mirror") == 0)
		return mirror(m, lv, segment);
	if (strcmp(type, "raid0") == 0 || strcmp(type, "raid0_meta") == 0)
		return raid0(m, lv, segment, type[5] != '\0');
	if (strncmp(type, "raid10", 6) == 0)
		return lvm_layout_none(m, lv, "RAID 10 in LVM");
	if (strncmp(type, "raid", 4) == 0)
		return lvm_layout_none(m, lv, "RAID %c in LVM", type[4]);
	if (strncmp(type, "cache", 5) == 0 || strcmp(type, "writecache") == 0)
		return lvm_layout_none(m, lv, "a cache may have newer data");
	if (strcmp(type, "snapshot") == 0)
		return lvm_layout_none(m, lv, "a snapshot shares blocks with its origin");
	return lvm_layout_none(m, lv, "volumes of type %s are not read",
			       text_escape_str(type, shown, sizeof(shown)));
}

int lvm_layout_resolve(struct lvm_maker *m, struct lvm_lv *lv)
{
	int r;

	if (lv->state == LVM_DONE)
		return 0;
	lv->state = LVM_BUSY;
	m->depth++;
	r = m->depth > DEPTH_MAX ? lvm_layout_none(m, lv, "it is nested too deeply") :
	    by_type(m, lv);
	m->depth--;
	lv->state = LVM_DONE;
	return r;
}

/* The names in one list of what a segment lies on. */
static int members_in(struct lvm_maker *m, const struct lvm_node *list,
		      struct assembly_volume *v)
{
	int r = 0;

	for (const struct lvm_node *n = list->children; n && r == 0; n = n->next) {
		size_t i;

		if (n->kind != LVM_STRING)
			continue;
		i = lvm_items_find(&m->vg->pvs, n->string);
		if (i != LVM_NOBODY && m->slots[i].space)
			r = assembly_volume_on(v, m->slots[i].member, m->err);
		i = lvm_items_find(&m->vg->lvs, n->string);
		if (r == 0 && i != LVM_NOBODY && m->lvs[i].space)
			r = lvm_layout_members(m, &m->lvs[i], v);
	}
	return r;
}

/* Who has a space is part of one only, with a space, or of none: so this ends. */
int lvm_layout_members(struct lvm_maker *m, const struct lvm_lv *lv, struct assembly_volume *v)
{
	static const char *const lists[] = { "stripes", "raids", "raid0_lvs", "mirrors" };
	int r = 0;

	for (const struct lvm_node *x = NULL; r == 0 && (x = lvm_vg_segment(lv->node, x));) {
		for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++) {
			const struct lvm_node *list = lvm_text_child(x, lists[i], LVM_ARRAY);

			if (list)
				r = members_in(m, list, v);
		}
	}
	return r;
}

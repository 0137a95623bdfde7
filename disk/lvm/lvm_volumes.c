/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/lvm/lvm_volumes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"
#include "disk/lvm/lvm_thin.h"

/* Each is probed for its contents. */
#define VOLUMES_MAX	4096u

/* --- who is what to whom --- */

static const char *first_type(const struct lvm_lv *lv)
{
	const struct lvm_node *segment = lvm_vg_segment(lv->node, NULL);
	const char *type = segment ? lvm_text_child_string(segment, "type") : NULL;

	return type ? type : "";
}

static bool is_thin(const struct lvm_lv *lv)
{
	return strcmp(first_type(lv), "thin") == 0;
}

static bool is_pool(const struct lvm_lv *lv)
{
	const char *type = first_type(lv);

	return strcmp(type, "thin-pool") == 0 || strcmp(type, "thin-pool+CROP_METADATA") == 0;
}

static void used_as(struct lvm_maker *m, const char *name, enum lvm_user user)
{
	size_t i = lvm_items_find(&m->vg->lvs, name);

	if (i == LVM_NOBODY)
		return;
	m->lvs[i].user = MAX(m->lvs[i].user, user);
	m->lvs[i].parts += user == LVM_PART;
}

/* What a segment of that type says of an LV with a field of that name. */
static enum lvm_user user_by(const char *type, const char *field)
{
	bool thin = strcmp(type, "thin") == 0;

	if (thin && strcmp(field, "thin_pool") == 0)
		return LVM_POOL;
	/* A thin volume's snapshot: the pool counts for both. */
	if (thin && strcmp(field, "origin") == 0)
		return LVM_FREE;
	if (thin && strcmp(field, "external_origin") == 0)
		return LVM_EXTERNAL;
	if (strcmp(type, "snapshot") == 0 && strcmp(field, "origin") == 0)
		return LVM_ORIGIN;
	if (strcmp(type, "snapshot") == 0)
		return LVM_COW;
	return LVM_PART;
}

/* Whatever the field: a name that comes somewhere is a use. Sections are few levels deep. */
static void note_uses(struct lvm_maker *m, const char *type, const struct lvm_node *parent,
		      const char *field)
{
	static const char *const no_names[] = {
		"type", "tags", "discards", "cache_mode", "cache_policy", "policy", NULL
	};

	for (const struct lvm_node *n = parent->children; n; n = n->next) {
		const char *name = n->name && parent->kind == LVM_SECTION ? n->name : field;
		const char *const *no = no_names;

		while (*no && strcmp(*no, name) != 0)
			no++;
		if (*no)
			continue;
		if (n->kind == LVM_STRING)
			used_as(m, n->string, user_by(type, name));
		else if (n->kind != LVM_NUMBER)
			note_uses(m, type, n, name);
	}
}

static void note_lv(struct lvm_maker *m, struct lvm_lv *lv)
{
	static const char *const status[] = {
		"READ", "WRITE", "FIXED_MINOR", "VISIBLE", "NOTSYNCED", "WRITEMOSTLY", NULL
	};
	static const char *const flags[] = {
		"WRITE_LOCKED", "ACTIVATION_SKIP", "ERROR_WHEN_FULL", "CACHE_VOL", NULL
	};

	lv->visible = lvm_text_has_word(lv->node, "status", "VISIBLE");
	lv->in_sync = !lvm_text_has_word(lv->node, "status", "NOTSYNCED");
	lv->known_flags = lvm_text_only_words(lv->node, "status", status) &&
			  lvm_text_only_words(lv->node, "flags", flags);
	for (const struct lvm_node *x = NULL; (x = lvm_vg_segment(lv->node, x));) {
		const char *type = lvm_text_child_string(x, "type");

		note_uses(m, type ? type : "", x, "");
	}
}

/* --- thin pools --- */

static int read_space(void *arg, void *buf, size_t len, uint64_t offset, struct err *err)
{
	return space_read(arg, buf, len, offset, err);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The thin volumes that LVM has in the pool. */
static int list_devices(struct lvm_maker *m, const char *pool, struct lvm_thin_pool *say,
			uint64_t **ret)
{
	uint64_t *ids = calloc(m->vg->lvs.n + 1, sizeof(*ids));
	size_t n = 0;

	if (!ids)
		return err_nomem(m->err);
	*ret = ids;
	for (size_t i = 0; i < m->vg->lvs.n; i++) {
		const struct lvm_node *x = lvm_vg_segment(m->lvs[i].node, NULL);
		const char *in = x ? lvm_text_child_string(x, "thin_pool") : NULL;

		if (in && strcmp(in, pool) == 0 && is_thin(&m->lvs[i]) &&
		    lvm_text_child_number(x, "device_id", &ids[n]))
			n++;
	}
	if (n > 0)
		qsort(ids, n, sizeof(*ids), by_number);
	say->devices = ids;
	say->ndevices = n;
	return 0;
}

/* Changes that LVM has told nobody yet. */
static bool has_messages(const struct lvm_node *segment)
{
	for (const struct lvm_node *n = segment->children; n; n = n->next)
		if (strncmp(n->name, "message", 7) == 0)
			return true;
	return false;
}

/* 1 and the free chunks; 0 with lv->why. */
static int read_pool(struct lvm_maker *m, struct lvm_lv *lv, struct lvm_lv **ret_data,
		     struct extents *ret)
{
	const struct lvm_node *segment = lvm_vg_segment(lv->node, NULL);
	CLEANUP(mem_free) uint64_t *devices = NULL;
	CLEANUP(mem_free) char *why = NULL;
	struct lvm_thin_pool say = { 0 };
	struct lvm_source s = { .read = read_space, .why = &why, .err = m->err };
	uint64_t extents = 0, sectors = 0, size;
	struct lvm_lv *meta;
	int r;

	r = lvm_layout_part(m, lv, lvm_text_child_string(segment, "pool"), ret_data);
	if (r < 0 || !*ret_data)
		return r;
	r = lvm_layout_part(m, lv, lvm_text_child_string(segment, "metadata"), &meta);
	if (r < 0 || !meta)
		return r;
	if (!lv->known_flags || lvm_vg_segment(lv->node, segment) ||
	    !lvm_text_child_number(segment, "extent_count", &extents) ||
	    !lvm_text_child_number(segment, "chunk_size", &sectors) ||
	    !lvm_text_child_number(segment, "transaction_id", &say.transaction) ||
	    !u64_mul(extents, m->vg->extent_size, &size) || size != (*ret_data)->space->size ||
	    !u64_mul(sectors, LVM_SECTOR, &say.chunk))
		return lvm_layout_none(m, lv, "the pool cannot be understood");
	if (has_messages(segment))
		return lvm_layout_none(m, lv, "an LVM change of the pool was not finished");
	r = list_devices(m, lv->name, &say, &devices);
	if (r < 0)
		return r;
	say.data_size = size;
	s.arg = meta->space;
	s.length = meta->space->size;
	r = lvm_thin_read(&s, &say, ret);
	if (r == 0)
		return lvm_layout_none(m, lv, "%s", why);
	if (r > 0 || r == -ENOMEM)
		return r;
	if (m->err)
		err_reset(m->err);
	return lvm_layout_none(m, lv, "the pool's metadata is unreadable");
}

/* --- volumes --- */

static int set_text(struct lvm_maker *m, char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	return *to ? 0 : err_nomem(m->err);
}

/*
 * Of a thin pool it is known which chunks are in use, by whom ever. What is free inside of thin
 * volumes is not looked for: a chunk may be in several of them, since snapshots share it, and one
 * that is free in one may be needed in another.
 */
static int add_pool(struct lvm_maker *m, struct lvm_lv *lv, struct assembly_volume *v)
{
	struct lvm_lv *data = NULL;
	int r = read_pool(m, lv, &data, &v->free);

	if (r < 0)
		return r;
	if (r == 0)
		return set_text(m, &v->why, lv->why);
	lv->space = v->space = data->space;
	v->trusted = true;
	r = set_text(m, &v->kind, "thin pool");
	if (r == 0)
		r = set_text(m, &v->why, "thin pool space map");
	return r < 0 ? r : lvm_layout_members(m, data, v);
}

/* After its pool. */
static int add_thin(struct lvm_maker *m, struct lvm_lv *lv, struct assembly_volume *v)
{
	const struct lvm_node *segment = lvm_vg_segment(lv->node, NULL);
	const char *pool = lvm_text_child_string(segment, "thin_pool");
	size_t i = pool ? lvm_items_find(&m->vg->lvs, pool) : LVM_NOBODY;
	int r = set_text(m, &v->kind, "thin volume");

	v->trusted = i != LVM_NOBODY && is_pool(&m->lvs[i]) && m->lvs[i].space;
	return r < 0 ? r : set_text(m, &v->why, v->trusted ? "counted by its thin pool" :
				    "its thin pool is in doubt");
}

static int add_other(struct lvm_maker *m, struct lvm_lv *lv, struct assembly_volume *v)
{
	static const char *const uses[] = {
		[LVM_POOL] = "it is not the pool that others take it for",
		[LVM_PART] = "others are made of it",
		[LVM_EXTERNAL] = "thin volumes need what it held",
		[LVM_COW] = "it holds a snapshot's blocks",
		[LVM_ORIGIN] = "its snapshots need what it held",
	};
	int r;

	if (is_thin(lv))
		return add_thin(m, lv, v);
	if (lv->user != LVM_FREE)
		return set_text(m, &v->why, uses[lv->user]);
	r = lvm_layout_resolve(m, lv);
	if (r < 0)
		return r;
	if (!lv->space)
		return set_text(m, &v->why, lv->why);
	v->space = lv->space;
	return lvm_layout_members(m, lv, v);
}

/*
 * As LVM shows it. A snapshot is two LVs, of which the one with the segment of that type is the
 * visible one, and the other, which has the blocks, is known by its name.
 */
static const char *shown_name(const struct lvm_lv *lv)
{
	const char *cow = NULL;

	if (strcmp(first_type(lv), "snapshot") == 0)
		cow = lvm_text_child_string(lvm_vg_segment(lv->node, NULL), "cow_store");
	return cow ? cow : lv->name;
}

static int add_volume(struct lvm_maker *m, struct lvm_lv *lv)
{
	CLEANUP(mem_free) char *name = text_format("%s/%s", m->vg->node->name, shown_name(lv));
	struct assembly_volume *v;

	if (!name)
		return err_nomem(m->err);
	v = assembly_add_volume(m->a, name, m->err);
	if (!v)
		return -ENOMEM;
	return is_pool(lv) && lv->user <= LVM_POOL ? add_pool(m, lv, v) : add_other(m, lv, v);
}

static int add_volumes(struct lvm_maker *m)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < m->vg->lvs.n; i++) {
		m->lvs[i].name = m->vg->lvs.v[i].name;
		m->lvs[i].node = m->vg->lvs.v[i].node;
	}
	for (size_t i = 0; i < m->vg->lvs.n; i++) {
		note_lv(m, &m->lvs[i]);
		n += m->lvs[i].visible;
	}
	if (n > VOLUMES_MAX) {
		struct assembly_volume *v = assembly_add_volume(m->a, m->vg->node->name, m->err);

		return v ? set_text(m, &v->why, "too many volumes") : -ENOMEM;
	}
	/* Pools first: their volumes ask for them. */
	for (int pools = 1; pools >= 0; pools--)
		for (size_t i = 0; i < m->vg->lvs.n && r == 0; i++)
			if (m->lvs[i].visible && is_pool(&m->lvs[i]) == pools)
				r = add_volume(m, &m->lvs[i]);
	return r;
}

int lvm_volumes_make(const struct lvm_vg *vg, const struct lvm_slot *slots, struct assembly *a,
		     struct err *err)
{
	struct lvm_maker m = {
		.vg = vg, .slots = slots, .a = a, .err = err,
		.lvs = calloc(vg->lvs.n + 1, sizeof(*m.lvs)),
	};
	int r = m.lvs ? add_volumes(&m) : err_nomem(err);

	for (size_t i = 0; m.lvs && i < vg->lvs.n; i++)
		free(m.lvs[i].why);
	free(m.lvs);
	return r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See hot_map.h. A try is a freeze, a look while it lasts, and what is left of the look after it.
 * What a busy filesystem changed meanwhile is tried again with another freeze.
 */
#include "p2v-agent/hot/hot_map.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "disk/livemap.h"
#include "p2v-agent/quiesce/solitary.h"

#define TRIES		3u
/* So long may the look hold up the machine. */
#define LOOK_NS		UINT64_C(300000000)

struct map_state {
	const struct hot_map_config *cfg;
	struct hot_map *ret;
	size_t n;
	char **frozen;			/* devices of what is frozen; strv */
	size_t nfrozen;
	struct livemap *live;
	struct bitmap **since;		/* per disk: written since the freeze of this try */
};

/* ---- which devices are frozen */

static int add_device(struct map_state *s, const char *name, struct err *err)
{
	char **v = reallocarray(s->frozen, s->nfrozen + 2, sizeof(*v));

	if (!v)
		return err_nomem(err);
	s->frozen = v;
	v[s->nfrozen] = text_format("/dev/%s", name);
	if (!v[s->nfrozen])
		return err_nomem(err);
	v[++s->nfrozen] = NULL;
	return 0;
}

/*
 * Whether there is encryption below: then what the device shows does not lie on the disks like
 * that, and a plain copy of it somewhere else would be taken for it.
 */
static bool is_encrypted(const struct map_state *s, const struct blockstack *stack,
			 const struct blockstack_dev *d)
{
	CLEANUP(mem_free) char *uuid = NULL;

	if (sysroot_read_line(s->cfg->root, &uuid, "/sys/block/%s/dm/uuid", d->name) >= 0 &&
	    strncmp(uuid, "CRYPT-", 6) == 0)
		return true;
	for (size_t i = 0; i < d->nbelow; i++) {
		const struct blockstack_dev *b = blockstack_by_name(stack, d->below[i]);

		if (b && is_encrypted(s, stack, b))
			return true;
	}
	return false;
}

/* Of a btrfs all of its devices; its own number is no device's. */
static int find_frozen(struct map_state *s, struct err *err)
{
	const struct mountgraph *g = &quiesce_plan_of(s->cfg->quiesce)->graph;
	CLEANUP(blockstack_done) struct blockstack stack = { 0 };
	int r = 0;

	if (blockstack_read(s->cfg->root, &stack) < 0)
		return err_nomem(err);
	for (size_t i = 0; r >= 0 && i < g->norder; i++) {
		const struct mountgraph_fs *fs = &g->fs[g->order[i]];
		const struct blockstack_dev *d = blockstack_by_dev(&stack, fs->dev);
		char *const *group;

		if (!d)
			d = blockstack_by_path(&stack, fs->source);
		if (d && is_encrypted(s, &stack, d))
			continue;
		group = d ? blockstack_group(&stack, d) : NULL;
		if (d && !group)
			r = add_device(s, d->name, err);
		for (; r >= 0 && group && *group; group++)
			r = add_device(s, *group, err);
	}
	return r;
}

/* ---- a try */

static int harvest(struct map_state *s, struct bitmap **into, struct err *err)
{
	const struct hot_map_config *c = s->cfg;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < s->n; i++)
		r = track_harvest(c->track, c->tracked[i], into[i], NULL, err);
	return r;
}

/* Frozen: look for as long as it may last, and take the marks of all before. */
static int look(struct map_state *s, uint64_t *ret_ns, struct err *err)
{
	uint64_t began = solitary_now();
	int r = s->live ? livemap_freeze_read(s->live, began + LOOK_NS, err) : 0;

	if (r >= 0)
		r = harvest(s, s->ret->dirty, err);
	*ret_ns = solitary_now() - began;
	return r;
}

static int freeze_and_look(struct map_state *s, struct err *err)
{
	struct quiesce *q = s->cfg->quiesce;
	uint64_t looked = 0;
	int r = quiesce_sync(q, err), r2;

	if (r >= 0)
		r = quiesce_pause(q, err);
	if (r < 0)
		return r;
	r = look(s, &looked, err);
	r2 = quiesce_thaw(q, NULL, r < 0 ? NULL : err);
	if (r < 0 || r2 < 0)
		return MIN(r, r2);
	s->ret->still = (double)(freezer_frozen_ns(quiesce_freezer_of(q)) - looked) / 1e9;
	return 0;
}

/* The rest of the look, and whether it still holds. Returns how many filesystems were disturbed. */
static int build(struct map_state *s, struct usedmap_set **ret, struct err *err)
{
	CLEANUP(usedmap_set_free) struct usedmap_set *set = NULL;
	int r;

	for (size_t i = 0; i < s->n; i++)
		bitmap_clear_all(s->since[i]);
	r = livemap_build(s->live, &set, err);
	if (r >= 0)
		r = harvest(s, s->since, err);
	if (r >= 0)
		r = livemap_settle(s->live, set, s->since, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n; i++)
		bitmap_merge(s->ret->dirty[i], s->since[i]);
	*ret = TAKE_PTR(set);
	return r;
}

static int try(struct map_state *s, struct usedmap_set **ret, struct err *err)
{
	int r = 1;

	for (unsigned int i = 0; r > 0 && i < TRIES; i++) {
		usedmap_set_free(TAKE_PTR(*ret));
		r = freeze_and_look(s, err);
		if (r >= 0)
			r = build(s, ret, err);
		if (r > 0)
			log_info("%d filesystems changed while they were looked at", r);
	}
	return MIN(r, 0);
}

/* ---- */

static int prepare(struct map_state *s, struct err *err)
{
	const struct source *src = s->cfg->source;
	CLEANUP(mem_free) struct livemap_disk *disks = calloc(s->n, sizeof(*disks));
	struct livemap_config lc = { 0 };
	int r;

	if (!disks)
		return err_nomem(err);
	for (size_t i = 0; i < s->n; i++)
		disks[i] = (struct livemap_disk){ .disk = src->disks[i].disk,
						  .in_use = src->disks[i].in_use_by != NULL };
	r = find_frozen(s, err);
	if (r < 0)
		return r;
	lc.frozen = (const char *const *)s->frozen;
	lc.nfrozen = s->nfrozen;
	return livemap_new(disks, s->n, &lc, &s->live, err);
}

static int maps_new(struct map_state *s, struct err *err)
{
	const struct hot_map_config *c = s->cfg;

	s->ret->used = calloc(s->n, sizeof(*s->ret->used));
	s->ret->dirty = calloc(s->n, sizeof(*s->ret->dirty));
	s->since = calloc(s->n, sizeof(*s->since));
	if (!s->ret->used || !s->ret->dirty || !s->since)
		return err_nomem(err);
	for (size_t i = 0; i < s->n; i++) {
		uint64_t size = c->source->disks[i].disk->size;
		uint64_t granule = track_granule(c->track, c->tracked[i]);

		if (bitmap_new(size, granule, &s->ret->dirty[i]) < 0 ||
		    bitmap_new(size, granule, &s->since[i]) < 0)
			return err_nomem(err);
	}
	return 0;
}

int hot_map_make(const struct hot_map_config *cfg, struct hot_map *ret, struct err *err)
{
	struct map_state s = { .cfg = cfg, .ret = ret, .n = cfg->source->n };
	struct usedmap_set *set = NULL;
	/* Without a tracker nobody could say what has changed since. */
	bool blind = cfg->all_used || track_tier(cfg->track) == TRACK_NONE;
	int r = maps_new(&s, err);

	if (r >= 0 && !blind)
		r = prepare(&s, err);
	if (r >= 0)
		r = blind ? freeze_and_look(&s, err) : try(&s, &set, err);
	if (r >= 0 && set) {
		cfg->source->maps = set;
		for (size_t i = 0; i < s.n; i++) {
			cfg->source->disks[i].used = set->maps[i];
			ret->used[i] = set->maps[i]->map;
		}
	} else {
		usedmap_set_free(set);
	}
	livemap_free(s.live);
	strv_free(s.frozen);
	for (size_t i = 0; s.since && i < s.n; i++)
		bitmap_free(s.since[i]);
	free(s.since);
	return r;
}

void hot_map_done(struct hot_map *m, size_t n)
{
	for (size_t i = 0; m->dirty && i < n; i++)
		bitmap_free(m->dirty[i]);
	free(m->used);
	free(m->dirty);
}

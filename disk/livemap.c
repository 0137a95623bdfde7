/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Under the freeze the whole map is built, through a view that stops it when the time is over. That
 * result is thrown away in any case, and made again after the thaw from what the view remembers:
 * so there is one way to make a map, and what was read in time is known by having been read.
 */
#include "disk/livemap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "common/fdio.h"
#include "disk/contents_live.h"

struct settled {			/* a content that a try has settled */
	char *why;
	uint64_t free;
};

struct livemap {
	const struct disk **disks;
	bool *in_use;
	size_t n;
	struct view *view;
	struct disk **devices;		/* frozen ones */
	struct live_head *heads;
	size_t ndevices;
	struct bitmap **best;		/* for each disk what all tries have found; NULL: no try */
	struct settled *settled;	/* by content; why NULL: not yet */
	bool *known;			/* the same, for the rules */
	size_t nsettled;
};

void livemap_free(struct livemap *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->ndevices; i++) {
		disk_free(l->devices[i]);
		free(l->heads[i].bytes);
	}
	for (size_t i = 0; l->best && i < l->n; i++)
		bitmap_free(l->best[i]);
	for (size_t i = 0; i < l->nsettled; i++)
		free(l->settled[i].why);
	view_free(l->view);
	free(l->best);
	free(l->settled);
	free(l->known);
	free(l->devices);
	free(l->heads);
	free(l->disks);
	free(l->in_use);
	free(l);
}

/* One device may have several names. */
static bool opened_already(const struct livemap *l, const struct disk *d)
{
	struct stat a, b;

	if (fstat(d->fd, &a) < 0)
		return false;
	for (size_t i = 0; i < l->ndevices; i++)
		if (fstat(l->devices[i]->fd, &b) == 0 &&
		    (d->block_device ? a.st_rdev == b.st_rdev && l->devices[i]->block_device :
				       a.st_dev == b.st_dev && a.st_ino == b.st_ino))
			return true;
	return false;
}

static int open_devices(struct livemap *l, const struct livemap_config *cfg, struct err *err)
{
	l->devices = calloc(cfg->nfrozen + 1, sizeof(*l->devices));
	l->heads = calloc(cfg->nfrozen + 1, sizeof(*l->heads));
	if (!l->devices || !l->heads)
		return err_nomem(err);
	for (size_t i = 0; i < cfg->nfrozen; i++) {
		struct disk *d;
		int r = disk_open(cfg->frozen[i], 0, &d, err);

		if (r < 0)
			return r;
		if (opened_already(l, d)) {
			disk_free(d);
			continue;
		}
		l->devices[l->ndevices] = d;
		l->heads[l->ndevices++].bytes = fdio_alloc(LIVE_HEAD);
		if (!l->heads[l->ndevices - 1].bytes)
			return err_nomem(err);
	}
	return 0;
}

static int build(struct livemap *l, bool under_freeze, bool structure_only,
		 struct usedmap_set **ret, struct err *err)
{
	const struct live_rules rules = {
		.view = l->view,
		.in_use = l->in_use,
		.heads = l->heads,
		.nheads = l->ndevices,
		.under_freeze = under_freeze,
		.known = l->known,
		.nknown = l->nsettled,
	};

	view_begin(l->view);
	return usedmap_build_live(l->disks, l->n, &rules, structure_only, ret, err);
}

int livemap_new(const struct livemap_disk *disks, size_t n, const struct livemap_config *cfg,
		struct livemap **ret, struct err *err)
{
	CLEANUP(livemap_free) struct livemap *l = calloc(1, sizeof(*l));
	CLEANUP(usedmap_set_free) struct usedmap_set *structure = NULL;
	int r;

	if (!l)
		return err_nomem(err);
	l->n = n;
	l->disks = calloc(n + 1, sizeof(*l->disks));
	l->in_use = calloc(n + 1, sizeof(*l->in_use));
	l->best = calloc(n + 1, sizeof(*l->best));
	if (!l->disks || !l->in_use || !l->best)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		l->disks[i] = disks[i].disk;
		l->in_use[i] = disks[i].in_use;
	}
	r = view_new(n, cfg->cache_max ? cfg->cache_max : LIVEMAP_CACHE, &l->view, err);
	if (r == 0)
		r = open_devices(l, cfg, err);
	/* Looking for signatures takes longer than a freeze may. */
	if (r == 0)
		r = build(l, false, true, &structure, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}

static void forget_heads(struct livemap *l)
{
	for (size_t i = 0; i < l->ndevices; i++)
		l->heads[i].len = 0;
}

int livemap_freeze_read(struct livemap *l, uint64_t deadline, struct err *err)
{
	CLEANUP(usedmap_set_free) struct usedmap_set *set = NULL;
	int r = 0;

	view_start(l->view, deadline);
	forget_heads(l);
	for (size_t i = 0; i < l->ndevices; i++) {
		struct live_head *h = &l->heads[i];
		size_t len = (size_t)MIN(l->devices[i]->size, LIVE_HEAD);

		/* What cannot be read is like nothing. */
		if (disk_read(l->devices[i], h->bytes, len, 0, NULL) == 0)
			h->len = len;
	}
	r = build(l, true, false, &set, err);
	if (view_ended(l->view)) {
		if (err)
			err_reset(err);
		return 0;
	}
	if (r < 0) {
		forget_heads(l);
		return r;
	}
	return 1;
}

int livemap_build(struct livemap *l, struct usedmap_set **ret, struct err *err)
{
	view_stop(l->view);
	return build(l, false, false, ret, err);
}

/* --- what was written --- */

static bool written(const struct livemap *l, size_t reader, struct bitmap *const *dirty)
{
	for (size_t d = 0; d < l->n; d++) {
		const struct extents *x = view_late(l->view, reader, d);

		if (x->n > 0 && !dirty[d])
			return true;
		for (size_t i = 0; i < x->n; i++)
			if (bitmap_any(dirty[d], x->v[i].offset, x->v[i].length))
				return true;
	}
	return false;
}

static void set_cover(const struct livemap *l, size_t reader, struct usedmap_set *set)
{
	for (size_t d = 0; d < l->n; d++) {
		const struct extents *x = view_cover(l->view, reader, d);

		for (size_t i = 0; i < x->n; i++)
			bitmap_set_range(set->maps[d]->map, x->v[i].offset, x->v[i].length);
	}
}

static int disturb(char **why, bool *trusted, struct err *err)
{
	char *text = strdup("written to while it was read: all used");

	if (!text)
		return err_nomem(err);
	free(*why);
	*why = text;
	*trusted = false;
	return 1;
}

/*
 * All that was known by that reader's reading, doubts too, for they may come from it; and when that
 * was the structure of arrays or groups, all volumes. Returns how many.
 */
static int disturb_contents(struct usedmap_set *set, size_t reader, bool structure, struct err *err)
{
	int n = 0, r;

	for (size_t d = 0; d < set->nmaps; d++) {
		for (size_t i = 0; i < set->maps[d]->nparts; i++) {
			struct usedmap_part *p = &set->maps[d]->parts[i];

			if (p->reader != reader)
				continue;
			r = disturb(&p->why, &p->trusted, err);
			if (r < 0)
				return r;
			n++;
		}
	}
	for (size_t i = 0; i < set->nvolumes; i++) {
		struct usedmap_volume *v = &set->volumes[i];

		if (v->reader != reader && !(structure && v->assembled && v->trusted))
			continue;
		r = disturb(&v->why, &v->trusted, err);
		if (r < 0)
			return r;
		v->free = 0;
		n++;
	}
	return n;
}

/* Is it who read the members of an array or a group? */
static bool is_structure(const struct usedmap_set *set, size_t reader)
{
	for (size_t d = 0; d < set->nmaps; d++) {
		for (size_t i = 0; i < set->maps[d]->nparts; i++) {
			const struct usedmap_part *p = &set->maps[d]->parts[i];

			if (p->reader == reader && (strcmp(p->kind, "linux_raid_member") == 0 ||
						    strcmp(p->kind, "LVM2_member") == 0))
				return true;
		}
	}
	for (size_t i = 0; i < set->nvolumes; i++) {
		const struct usedmap_volume *v = &set->volumes[i];

		if (v->reader == reader && (strcmp(v->kind, "linux_raid_member") == 0 ||
					    strcmp(v->kind, "LVM2_member") == 0))
			return true;
	}
	return false;
}

/* --- over several tries --- */

static int grow_settled(struct livemap *l, size_t n, struct err *err)
{
	struct settled *grown;
	bool *known;

	if (n <= l->nsettled)
		return 0;
	grown = reallocarray(l->settled, n, sizeof(*grown));
	if (grown)
		l->settled = grown;
	known = grown ? reallocarray(l->known, n, sizeof(*known)) : NULL;
	if (!known)
		return err_nomem(err);
	l->known = known;
	for (; l->nsettled < n; l->nsettled++) {
		l->settled[l->nsettled] = (struct settled){ 0 };
		l->known[l->nsettled] = false;
	}
	return 0;
}

/*
 * A content is settled by this try, or what an earlier one knew of it is put back. Only what is
 * read as a filesystem can be passed over in the next try; the structure is needed again.
 */
static int settle_content(struct livemap *l, size_t content, bool structure, char **why,
			  bool *trusted, uint64_t *free_, struct err *err)
{
	struct settled *s;
	char *copy;
	int r;

	if (content == SIZE_MAX || structure)
		return 0;
	r = grow_settled(l, content + 1, err);
	if (r < 0)
		return r;
	s = &l->settled[content];
	if (!*trusted && !s->why)
		return 0;
	copy = strdup(*trusted ? *why : s->why);
	if (!copy)
		return err_nomem(err);
	if (*trusted) {
		free(s->why);
		*s = (struct settled){ copy, free_ ? *free_ : 0 };
		l->known[content] = true;
		return 0;
	}
	free(*why);
	*why = copy;
	*trusted = true;
	if (free_)
		*free_ = s->free;
	return 0;
}

static int settle_all(struct livemap *l, struct usedmap_set *set, struct err *err)
{
	int r = 0;

	for (size_t d = 0; d < set->nmaps && r == 0; d++) {
		struct usedmap *u = set->maps[d];

		for (size_t i = 0; i < u->nparts && r == 0; i++)
			r = settle_content(l, u->parts[i].content,
					   is_structure(set, u->parts[i].reader), &u->parts[i].why,
					   &u->parts[i].trusted, NULL, err);
		if (r == 0 && l->best[d])
			(void)bitmap_and(u->map, l->best[d]);
		bitmap_free(l->best[d]);
		l->best[d] = NULL;
		if (r == 0 && bitmap_copy(u->map, &l->best[d]) < 0)
			r = err_nomem(err);
		usedmap_count(u);
	}
	for (size_t i = 0; i < set->nvolumes && r == 0; i++) {
		struct usedmap_volume *v = &set->volumes[i];

		r = settle_content(l, v->content, is_structure(set, v->reader), &v->why,
				   &v->trusted, &v->free, err);
	}
	return r;
}

int livemap_settle(struct livemap *l, struct usedmap_set *set, struct bitmap *const *dirty,
		   struct err *err)
{
	int n = 0, r;

	for (size_t i = 0; i < view_readers(l->view); i++) {
		bool structure = is_structure(set, i);

		if (!written(l, i, dirty))
			continue;
		set_cover(l, i, set);
		r = disturb_contents(set, i, structure, err);
		if (r < 0)
			return r;
		n += r;
	}
	r = settle_all(l, set, err);
	return r < 0 ? r : n;
}

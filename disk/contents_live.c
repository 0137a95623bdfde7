/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/contents_live.h"

#include <stdlib.h>
#include <string.h>
#include "common/fdio.h"
#include "disk/fs/fs.h"

#define KIND_BTRFS	"btrfs"
#define KIND_XFS	"xfs"

int contents_live_begin(struct contents *c, size_t *ret, struct err *err)
{
	return c->live ? view_add_reader(c->live->view, ret, err) : 0;
}

void contents_live_end(struct contents *c)
{
	if (c->live)
		view_set_reader(c->live->view, VIEW_NOBODY);
}

static int refuse(struct content *x, const char *why, struct err *err)
{
	x->done = true;
	return fs_doubt(&x->why, err, "%s", why);
}

/* Kinds that are read when they are frozen. */
static bool can_be_frozen(const char *kind)
{
	return fs_is_ext(kind) || strcmp(kind, KIND_XFS) == 0 || strcmp(kind, KIND_BTRFS) == 0;
}

static bool same_head(const struct live_head *h, const uint8_t *bytes, uint64_t size)
{
	return h->len > 0 && h->len == MIN(size, LIVE_HEAD) && memcmp(h->bytes, bytes, h->len) == 0;
}

struct match {
	size_t content, head;
};

struct matches {
	struct match *v;
	size_t n;
};

static void matches_done(struct matches *m)
{
	free(m->v);
}
DEFINE_CLEANUP_VALUE(struct matches, matches_done)

static bool is_known(const struct contents *c, size_t i)
{
	return i < c->live->nknown && c->live->known[i];
}

static int match_content(struct contents *c, size_t i, uint8_t *buf, struct matches *m,
			 struct err *err)
{
	struct content *x = &c->v[i];
	int r = 0;

	/* Noted, so that one which was not looked at in time counts as disturbed. */
	if (!is_known(c, i))
		r = contents_live_begin(c, &x->reader, err);
	if (r < 0)
		return r;
	r = space_read(x->space, buf, (size_t)MIN(x->space->size, LIVE_HEAD), 0, err);
	contents_live_end(c);
	if (r < 0)
		return contents_as_doubt(r, &x->why, err);
	for (size_t h = 0; h < c->live->nheads; h++) {
		struct match *grown;

		if (!same_head(&c->live->heads[h], buf, x->space->size))
			continue;
		grown = reallocarray(m->v, m->n + 1, sizeof(*grown));
		if (!grown)
			return err_nomem(err);
		m->v = grown;
		m->v[m->n++] = (struct match){ i, h };
	}
	return 0;
}

/* Is there another one of that content, or of that head? */
static bool ambiguous(const struct matches *m, size_t k)
{
	for (size_t i = 0; i < m->n; i++)
		if (i != k && (m->v[i].content == m->v[k].content ||
			       m->v[i].head == m->v[k].head))
			return true;
	return false;
}

static int match_all(struct contents *c, struct err *err)
{
	CLEANUP(matches_done) struct matches m = { 0 };
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(LIVE_HEAD);
	int r = buf ? 0 : err_nomem(err);

	for (size_t i = 0; i < c->n && r == 0; i++)
		if (!c->v[i].done && c->v[i].space->view && can_be_frozen(c->v[i].kind))
			r = match_content(c, i, buf, &m, err);
	for (size_t k = 0; k < m.n && r == 0; k++) {
		struct content *x = &c->v[m.v[k].content];

		if (!ambiguous(&m, k))
			x->space->frozen = true;
		else
			r = refuse(x, "another one begins with the same bytes", err);
	}
	return r;
}

int contents_live_judge(struct contents *c, struct err *err)
{
	int r = match_all(c, err);

	for (size_t i = 0; i < c->n && r == 0; i++) {
		struct content *x = &c->v[i];

		if (x->done)
			continue;
		if (is_known(c, i) || (!x->space->view && c->live->under_freeze))
			r = refuse(x, "it is not read this time", err);
		else if (x->space->view && !x->space->frozen &&
			 !fs_is_ext(x->kind) && !fs_needs_no_rest(x->kind) &&
			 (fs_reader(x->kind) || strcmp(x->kind, KIND_BTRFS) == 0))
			r = refuse(x, "its disk is in use, and it was not frozen", err);
	}
	return r;
}

static int cover(struct contents *c, struct content *x, struct err *err)
{
	struct view *v = c->live->view;
	int r = 0;

	for (size_t i = 0; i < c->ndisks; i++)
		(void)space_disk_cover(c->disks[i], view_cover(v, x->reader, i));
	space_release(x->space, 0, x->space->size);
	for (size_t i = 0; i < c->ndisks; i++)
		if (space_disk_cover(c->disks[i], NULL) < 0)
			r = -ENOMEM;
	return r < 0 ? err_nomem(err) : 0;
}

int contents_live_cover(struct contents *c, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < c->n && r == 0; i++) {
		struct content *x = &c->v[i];

		if (x->trusted && x->space && x->reader != VIEW_NOBODY)
			r = cover(c, x, err);
	}
	return r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A filesystem is believed only when each of its devices is there just once. Two contents that both
 * say "device 1 of this filesystem" are a disk and its copy, or one disk seen over two paths: which
 * of them belongs to the other devices nobody can tell.
 */
#include "disk/contents_btrfs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/text.h"
#include "disk/contents_live.h"
#include "disk/fs/fs.h"
#include "disk/fs/fs_btrfs.h"

#define KIND	"btrfs"

struct device {
	size_t content;			/* index */
	uint8_t fsid[FS_BTRFS_UUID_LEN];
	uint64_t devid, num_devices;
	bool done;
};

struct group {				/* the devices of one filesystem */
	struct device **v;
	size_t n;
	struct space **spaces;
	struct bitmap **maps;
};

static void group_done(struct group *g)
{
	for (size_t i = 0; g->maps && i < g->n; i++)
		bitmap_free(g->maps[i]);
	free(g->maps);
	free(g->spaces);
	free(g->v);
}
DEFINE_CLEANUP_VALUE(struct group, group_done)

static int find_devices(struct contents *c, struct device *v, size_t *n, struct err *err)
{
	for (size_t i = 0; i < c->n; i++) {
		struct content *x = &c->v[i];
		struct device *d = &v[*n];
		int r;

		if (x->done || strcmp(x->kind, KIND) != 0)
			continue;
		x->done = true;
		d->content = i;
		r = fs_btrfs_identify(x->space, d->fsid, &d->devid, &d->num_devices, &x->why, err);
		r = contents_as_doubt(r, &x->why, err);
		if (r < 0)
			return r;
		*n += (size_t)r;
	}
	return 0;
}

/* Those of the first device's filesystem. */
static int make_group(const struct contents *c, struct device *v, size_t n, struct group *g,
		      struct err *err)
{
	g->v = calloc(n, sizeof(*g->v));
	g->spaces = calloc(n, sizeof(*g->spaces));
	g->maps = calloc(n, sizeof(*g->maps));
	if (!g->v || !g->spaces || !g->maps)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		if (v[i].done || memcmp(v[i].fsid, v[0].fsid, FS_BTRFS_UUID_LEN) != 0)
			continue;
		v[i].done = true;
		g->spaces[g->n] = c->v[v[i].content].space;
		g->v[g->n++] = &v[i];
	}
	return 0;
}

/* 1 when there is nothing missing and nothing twice. */
static int check_group(const struct group *g, char **why, struct err *err)
{
	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < i; k++)
			if (g->v[i]->devid == g->v[k]->devid)
				return fs_doubt(why, err, "device %" PRIu64 " of the filesystem is "
						"there twice, perhaps as a copy", g->v[i]->devid);
	if (g->n != g->v[0]->num_devices)
		return fs_doubt(why, err, "%zu of the filesystem's %" PRIu64 " devices are there",
				g->n, g->v[0]->num_devices);
	return 1;
}

static int map_group(struct group *g, char **why, struct err *err)
{
	int r = check_group(g, why, err);

	for (size_t i = 0; i < g->n && r > 0; i++) {
		int made = contents_new_scratch(g->spaces[i]->size, &g->maps[i], err);

		if (made < 0)
			return made;
	}
	if (r > 0)
		r = fs_btrfs_map(g->spaces, g->maps, g->n, why, err);
	return contents_as_doubt(r, why, err);
}

/* The filesystem as a whole, beside its devices. */
static int add_volume(struct contents *c, const struct group *g, bool trusted, const char *why,
		      struct err *err)
{
	CLEANUP(mem_free) char *label = NULL;
	struct content *x;
	int r;

	r = fs_btrfs_name(g->spaces[0], &label, err);
	if (r < 0)
		return contents_as_doubt(r, &label, err);
	r = contents_add_opaque(c, why, err);
	if (r < 0)
		return r;
	x = &c->v[c->n - 1];
	free(x->kind);
	free(x->why);
	x->kind = strdup(KIND);
	x->why = strdup(why);
	x->name = text_format(KIND " %s", label);
	x->trusted = trusted;
	for (size_t i = 0; i < g->n; i++) {
		x->size += g->spaces[i]->size;
		x->free += trusted ? g->spaces[i]->size - bitmap_bytes(g->maps[i]) : 0;
	}
	return x->kind && x->why && x->name ? 0 : err_nomem(err);
}

static int read_group(struct contents *c, struct group *g, struct err *err)
{
	CLEANUP(mem_free) char *why = NULL;
	size_t reader = VIEW_NOBODY;
	bool trusted;
	int r;

	r = contents_live_begin(c, &reader, err);
	if (r == 0)
		r = map_group(g, &why, err);
	contents_live_end(c);
	trusted = r > 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < g->n; i++) {
		struct content *x = &c->v[g->v[i]->content];

		x->why = strdup(why);
		if (!x->why)
			return err_nomem(err);
		x->trusted = trusted;
		x->reader = reader;
		if (!trusted)
			continue;
		x->free = x->size - bitmap_bytes(g->maps[i]);
		space_release_clear(g->spaces[i], g->maps[i]);
		contents_settle(c);
	}
	if (g->v[0]->num_devices <= 1)
		return 0;
	r = add_volume(c, g, trusted, why, err);
	if (r == 0)
		c->v[c->n - 1].reader = reader;
	return r;
}

int contents_btrfs_read(struct contents *c, struct err *err)
{
	CLEANUP(mem_free) struct device *v = calloc(c->n + 1, sizeof(*v));
	size_t n = 0;
	int r;

	if (!v)
		return err_nomem(err);
	r = find_devices(c, v, &n, err);
	for (size_t i = 0; i < n && r == 0; i++) {
		CLEANUP(group_done) struct group g = { 0 };

		if (v[i].done)
			continue;
		r = make_group(c, v + i, n - i, &g, err);
		if (r == 0)
			r = read_group(c, &g, err);
	}
	return r;
}

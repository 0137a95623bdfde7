/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the walk carries along, and the other names of a device. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "inventory/block/blk_text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

static int add_link(struct blk_walk *b, const char *path)
{
	CLEANUP(mem_free) char *text = NULL, *copy = NULL, *target = NULL;
	const char *p;
	struct blk_link *l;
	int r = sysroot_readlink(b->root, &text, "%s", path);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	/* udev's links are relative: "../../cciss/c0d0". */
	for (p = text; blk_text_starts(p, "../"); p += 3)
		;
	if (blk_text_starts(p, "/dev/"))
		p += 5;
	r = collect_util_text(p, strlen(p), &target);
	if (r == 0)
		r = collect_util_text(path, strlen(path), &copy);
	if (r < 0 || !target || !copy)
		return r;
	l = machine_grow(&b->links, &b->nlinks, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->target = TAKE_PTR(target);
	l->path = TAKE_PTR(copy);
	return 0;
}

static int add_links_of(struct blk_walk *b, const char *folder)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(b->root, &names, "%s", folder);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *path = blk_text_printf("%s/%s", folder, *p);

		if (!path || add_link(b, path) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int load_links(struct blk_walk *b)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(b->root, &names, "/dev/disk");

	if (r == -ENOMEM)
		return r;
	for (char **p = names; p && *p; p++) {
		CLEANUP(mem_free) char *folder = blk_text_printf("/dev/disk/%s", *p);

		/* by-diskseq counts the disks since boot: it names nothing that lasts. */
		if (strcmp(*p, "by-diskseq") == 0)
			continue;
		if (!folder || add_links_of(b, folder) < 0)
			return -ENOMEM;
	}
	if (add_links_of(b, "/dev/mapper") < 0)
		return -ENOMEM;
	for (size_t i = 0; i < b->nlinks; i++)
		if (blk_index_add(&b->links_by_target, b->links[i].target, i) < 0 ||
		    blk_index_add(&b->links_by_path, b->links[i].path, i) < 0)
			return -ENOMEM;
	blk_index_sort(&b->links_by_target);
	blk_index_sort(&b->links_by_path);
	return 0;
}

/* Which disks are paths: asked of the maps, as disks do not say. */
static int load_maps(struct blk_walk *b)
{
	for (size_t i = 0; b->names[i]; i++) {
		CLEANUP(mem_free) char *uuid = NULL;
		CLEANUP(strv_free) char **slaves = NULL;
		int r;

		if (!blk_text_starts(b->names[i], "dm-"))
			continue;
		r = collect_util_line(b->root, &uuid, "/sys/block/%s/dm/uuid", b->names[i]);
		if (r < 0)
			return r;
		if (!uuid || !blk_text_starts(uuid, "mpath-"))
			continue;
		r = sysroot_list(b->root, &slaves, "/sys/block/%s/slaves", b->names[i]);
		if (r == -ENOMEM)
			return r;
		for (char **p = slaves; p && *p; p++) {
			const struct blk_index_entry *e;
			size_t n;

			/* Keys must last: the disk's own name in the list. */
			e = blk_index_find(&b->by_name, *p, &n);
			if (e && blk_index_add(&b->maps_by_path, e->key, i) < 0)
				return -ENOMEM;
		}
	}
	blk_index_sort(&b->maps_by_path);
	return 0;
}

int blk_walk_load(struct blk_walk *b, char **names)
{
	size_t n = 0;

	b->names = names;
	for (; names[n]; n++)
		if (blk_index_add(&b->by_name, names[n], n) < 0)
			return -ENOMEM;
	blk_index_sort(&b->by_name);
	b->ready = calloc(n + 1, sizeof(*b->ready));
	if (!b->ready || load_maps(b) < 0 || load_links(b) < 0)
		return -ENOMEM;
	return blk_mounts_load(b);
}

void blk_walk_done(struct blk_walk *b)
{
	for (size_t i = 0; i < b->nlinks; i++) {
		free(b->links[i].target);
		free(b->links[i].path);
	}
	free(b->links);
	for (size_t i = 0; i < b->nusages; i++)
		free(b->usages[i].target);
	free(b->usages);
	machine_strv_done(&b->remote);
	free(b->ready);
	blk_index_done(&b->by_name);
	blk_index_done(&b->maps_by_path);
	blk_index_done(&b->links_by_target);
	blk_index_done(&b->links_by_path);
	blk_index_done(&b->mounts_by_dev);
	blk_index_done(&b->swaps_by_path);
	blk_index_done(&b->btrfs_by_source);
	blk_index_done(&b->usages_by_target);
	mountinfo_done(&b->mounts);
	strv_free(b->names);
}

int blk_walk_add(const struct blk_walk *b, struct machine_strv *v, const char *s, const char *what,
		 const char *of)
{
	char text[96];

	if (machine_strv_has(v, s))
		return 0;
	if (v->n < COLLECT_LIST_MAX)
		return machine_strv_add(v, s);
	snprintf(text, sizeof(text), "%s of %.60s", what, of);
	return collect_full(b->m, text);
}

/* The link is there, and leads to another device. */
static bool leads_elsewhere(const struct blk_walk *b, const char *path, const char *name)
{
	size_t n;
	const struct blk_index_entry *e = blk_index_find(&b->links_by_path, path, &n);

	return e && strcmp(b->links[e->at].target, name) != 0;
}

int blk_walk_aliases(const struct blk_walk *b, const char *name, const char *udev,
		     const char *under, const char *own_path, struct machine_strv *ret)
{
	size_t n;
	const struct blk_index_entry *e = blk_index_find(&b->links_by_target, name, &n);

	for (size_t i = 0; i < n; i++) {
		const char *path = b->links[e[i].at].path;

		if (blk_text_starts(path, under) && strcmp(path, own_path) != 0 &&
		    blk_walk_add(b, ret, path, "aliases", name) < 0)
			return -ENOMEM;
	}
	for (const char *p = udev; p && *p && ret->n < COLLECT_LIST_MAX;
	     p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		CLEANUP(mem_free) char *link = NULL, *path = NULL;

		if (!blk_text_starts(p, "S:"))
			continue;
		if (collect_util_text(p + 2, strcspn(p + 2, "\n"), &link) < 0)
			return -ENOMEM;
		path = link ? blk_text_printf("/dev/%s", link) : NULL;
		if (link && !path)
			return -ENOMEM;
		if (path && blk_text_starts(path, under) && strcmp(path, own_path) != 0 &&
		    !blk_text_starts(path, "/dev/disk/by-diskseq/") &&
		    !leads_elsewhere(b, path, name) &&
		    blk_walk_add(b, ret, path, "aliases", name) < 0)
			return -ENOMEM;
	}
	return 0;
}

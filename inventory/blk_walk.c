/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the walk carries along, and the other names of a device. */
#include "inventory/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "inventory/blk_text.h"
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
	return add_links_of(b, "/dev/mapper");
}

int blk_walk_load(struct blk_walk *b)
{
	if (load_links(b) < 0 || mountinfo_read(b->root, &b->mounts) < 0)
		return -ENOMEM;
	return sysroot_read(b->root, &b->statvfs, NULL, "/p2v/statvfs") == -ENOMEM ? -ENOMEM : 0;
}

void blk_walk_done(struct blk_walk *b)
{
	for (size_t i = 0; i < b->nlinks; i++) {
		free(b->links[i].target);
		free(b->links[i].path);
	}
	free(b->links);
	mountinfo_done(&b->mounts);
	free(b->statvfs);
}

int blk_walk_aliases(const struct blk_walk *b, const char *name, const char *udev,
		     const char *under, const char *own_path, struct machine_strv *ret)
{
	for (size_t i = 0; i < b->nlinks; i++)
		if (strcmp(b->links[i].target, name) == 0 &&
		    blk_text_starts(b->links[i].path, under) &&
		    strcmp(b->links[i].path, own_path) != 0 &&
		    blk_text_add_once(ret, b->links[i].path) < 0)
			return -ENOMEM;
	for (const char *p = udev; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
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
		    blk_text_add_once(ret, path) < 0)
			return -ENOMEM;
	}
	return 0;
}

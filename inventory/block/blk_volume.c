/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Volumes: what is made of disks and partitions, and what all kinds of it have in common. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"
#include "inventory/machine_fields.h"

bool blk_volume_is(const char *sysname)
{
	static const char *const prefixes[] = { "dm-", "md", "bcache", "drbd", "loop", "zram" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (blk_text_starts(sysname, prefixes[i]))
			return true;
	return false;
}

/* Ignored unless there is a reason: compressed memory, and files. */
static bool is_optional(const struct machine_volume *v)
{
	return strcmp(v->kind, "loop") == 0 || strcmp(v->kind, "zram") == 0;
}

/* It has a place in the system: swap, or a mount that is not a snap's or the medium's own. */
static bool is_wanted(const struct machine_volume *v)
{
	static const char *const not_ours[] = { "/snap/", "/var/lib/snapd/", "/run/", "/rofs" };

	for (size_t i = 0; i < v->mountpoints.n; i++) {
		bool ours = true;

		for (size_t j = 0; j < ARRAY_SIZE(not_ours); j++)
			ours = ours && !blk_text_starts(v->mountpoints.v[i], not_ours[j]);
		if (ours)
			return true;
	}
	return false;
}

static int read_slaves(const struct blk_walk *b, const char *dir, const char *below,
		       struct machine_volume *v)
{
	CLEANUP(strv_free) char **slaves = NULL;
	CLEANUP(mem_free) char *parent = below ? blk_text_device(below) : NULL;
	int r = sysroot_list(b->root, &slaves, "/sys/block/%s/slaves", dir);

	if (r == -ENOMEM || (below && !parent))
		return -ENOMEM;
	for (char **p = slaves; p && *p; p++) {
		CLEANUP(mem_free) char *name = blk_text_device(*p);

		if (!name || blk_walk_add(b, &v->slaves, name, "slaves", v->name) < 0)
			return -ENOMEM;
	}
	return parent ? blk_walk_add(b, &v->slaves, parent, "slaves", v->name) : 0;
}

/* The loop or zram device has no place in the system that matters. */
static int look_for_place(const struct blk_walk *b, const char *dev, struct machine_volume *v,
			  bool *ret_keep)
{
	struct machine_fs ignored = { 0 };
	int r = blk_mounts_add(b, dev, v->name, v->path, &v->aliases, &v->mountpoints, &ignored);

	free(ignored.type);
	*ret_keep = is_wanted(v);
	return r;
}

/* What is on it. */
static int read_content(const struct blk_walk *b, const char *whole, const char *udev,
			const char *blkid, struct machine_volume *v)
{
	const char *why = NULL;
	bool ready = blk_ready(b, whole, &why) == BLK_READY;
	int r = 0;

	if (!ready)
		r = collect_warn(b->m, "%s is %s, or what it stands on is, and was not read",
				 v->path, why);
	return r == 0 ? blk_node_fs(b, v->name, udev, blkid, ready, -1, 0, 0, &v->fs) : r;
}

/* below: the volume that this is a partition of, or NULL. *ret_keep: it is one to tell of. */
static int fill_volume(const struct blk_walk *b, const char *dir, const char *sysname,
		       const char *below, struct machine_volume *v, bool *ret_keep)
{
	CLEANUP(mem_free) char *dev = NULL, *udev = NULL, *blkid = NULL, *dm_name = NULL;
	bool is_dm = blk_text_starts(dir, "dm-"), is_md = blk_text_starts(dir, "md");
	bool empty;
	int r;

	v->size = blk_attr_sectors(b, "/sys/block/%s/size", dir);
	empty = v->size == 0;
	/* A mapping that was never loaded; a device without content. Arrays have more to say. */
	if (empty && !is_md)
		return 0;
	v->name = blk_text_device(sysname);
	r = v->name ? collect_util_line(b->root, &dev, "/sys/block/%s/dev", dir) : -ENOMEM;
	if (r == 0)
		r = blk_node_records(b, dev, sysname, &udev, &blkid);
	if (r == 0 && is_dm)
		r = blk_dm_facts(b, dir, v, &dm_name);
	else if (r == 0 && is_md)
		r = blk_md_facts(b, dir, udev, v, &empty);
	else if (r == 0)
		r = blk_stack_facts(b, dir, udev, v);
	if (r < 0 || empty)
		return r;
	v->path = dm_name ? blk_text_printf("/dev/mapper/%s", dm_name) :
			    blk_text_printf("/dev/%s", v->name);
	if (!v->path || read_slaves(b, dir, below, v) < 0 ||
	    blk_walk_aliases(b, v->name, udev, "/dev/", v->path, &v->aliases) < 0)
		return -ENOMEM;
	*ret_keep = true;
	if (is_optional(v))
		r = look_for_place(b, dev, v, ret_keep);
	if (r == 0 && *ret_keep && v->size > 0)
		r = read_content(b, below ? below : sysname, udev, blkid, v);
	if (r == 0 && *ret_keep)
		r = blk_mounts_add(b, dev, v->name, v->path, &v->aliases, &v->mountpoints, &v->fs);
	return r;
}

static inline void volume_done(struct machine_volume *v)
{
	machine_fields_free(v, machine_fields_volume);
}
DEFINE_CLEANUP_VALUE(struct machine_volume, volume_done)

static int add_volume(struct blk_walk *b, const char *dir, const char *sysname, const char *below)
{
	CLEANUP(volume_done) struct machine_volume v = { 0 };
	struct machine_volume *slot;
	bool keep = false;
	int r = fill_volume(b, dir, sysname, below, &v, &keep);

	if (r < 0 || !keep)
		return r;
	if (b->m->nvolumes == COLLECT_LIST_MAX)
		return collect_full(b->m, "volumes");
	slot = machine_grow(&b->m->volumes, &b->m->nvolumes, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = v;
	v = (struct machine_volume){ 0 };
	return 0;
}

int blk_volume_add(struct blk_walk *b, const char *sysname)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = add_volume(b, sysname, sysname, NULL);

	if (r == 0)
		r = sysroot_list(b->root, &names, "/sys/block/%s", sysname);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *dir = NULL;

		if (!sysroot_exists(b->root, "/sys/block/%s/%s/partition", sysname, *p))
			continue;
		if (!blk_text_is_device(*p)) {
			r = collect_warn(b->m, "a partition of %s has no usable name", sysname);
			if (r < 0)
				return r;
			continue;
		}
		dir = blk_text_printf("%s/%s", sysname, *p);
		if (!dir || add_volume(b, dir, *p, sysname) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Volumes: what device-mapper and md make of disks and partitions. */
#include "inventory/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/blk_text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

static int volume_kind(struct machine_volume *v)
{
	static const struct {
		const char *prefix, *kind;
	} kinds[] = {
		{ "LVM-", "lvm" }, { "CRYPT-", "crypt" }, { "mpath-", "mpath" },
	};
	const char *kind = "dm";

	for (size_t i = 0; v->uuid && i < ARRAY_SIZE(kinds); i++)
		if (blk_text_starts(v->uuid, kinds[i].prefix))
			kind = kinds[i].kind;
	v->kind = strdup(kind);
	return v->kind ? 0 : -ENOMEM;
}

int blk_volume_add(struct blk_walk *b, const char *dir, const char *sysname, const char *below)
{
	CLEANUP(mem_free) char *dev = NULL, *udev = NULL, *blkid = NULL, *dm_name = NULL;
	CLEANUP(strv_free) char **slaves = NULL;
	struct machine_volume *v;
	bool is_dm = blk_text_starts(sysname, "dm-"), suspended;
	uint64_t size = 0;
	int r;

	collect_util_u64(b->root, &size, "/sys/block/%s/size", dir);
	/* An array that was stopped, or a mapping that was never loaded. */
	if (size == 0)
		return 0;
	if (b->m->nvolumes == COLLECT_LIST_MAX)
		return collect_full(b->m, "volumes");
	v = machine_grow(&b->m->volumes, &b->m->nvolumes, sizeof(*v));
	if (!v)
		return -ENOMEM;
	(void)u64_mul(size, 512, &v->size);
	v->name = blk_text_device(sysname);
	r = v->name ? collect_util_line(b->root, &dev, "/sys/block/%s/dev", dir) : -ENOMEM;
	if (r == 0)
		r = blk_node_records(b, dev, sysname, &udev, &blkid);
	if (r == 0 && is_dm)
		r = collect_util_line(b->root, &dm_name, "/sys/block/%s/dm/name", dir);
	if (r == 0 && is_dm)
		r = collect_util_line(b->root, &v->uuid, "/sys/block/%s/dm/uuid", dir);
	if (r == 0 && !is_dm)
		r = collect_util_line(b->root, &v->level, "/sys/block/%s/md/level", dir);
	if (r == 0 && !is_dm)
		r = collect_util_key(udev, "MD_UUID", &v->uuid);
	if (r == 0 && !is_dm && !v->uuid)
		r = collect_util_line(b->root, &v->uuid, "/sys/block/%s/md/uuid", dir);
	if (r < 0)
		return r;
	if (is_dm) {
		r = volume_kind(v);
	} else {
		v->kind = strdup("md");
		r = v->kind ? 0 : -ENOMEM;
	}
	v->path = dm_name ? blk_text_printf("/dev/mapper/%s", dm_name) :
			    blk_text_printf("/dev/%s", v->name);
	if (r < 0 || !v->path)
		return -ENOMEM;

	r = sysroot_list(b->root, &slaves, "/sys/block/%s/slaves", dir);
	if (r == -ENOMEM)
		return r;
	for (char **p = slaves; p && *p; p++) {
		CLEANUP(mem_free) char *name = blk_text_device(*p);

		if (!name || machine_strv_add(&v->slaves, name) < 0)
			return -ENOMEM;
	}
	if (below && machine_strv_add(&v->slaves, below) < 0)
		return -ENOMEM;
	r = blk_walk_aliases(b, v->name, udev, "/dev/", v->path, &v->aliases);
	/* Reading a suspended mapping would wait for its resumption. */
	suspended = collect_util_flag(b->root, "/sys/block/%s/dm/suspended", dir);
	if (r == 0)
		r = blk_node_fs(b, v->name, udev, blkid, !suspended, -1, 0, 0, &v->fs);
	if (r == 0)
		r = blk_mounts_add(b, dev, v->name, v->path, &v->aliases, &v->mountpoints, &v->fs);
	return r;
}

int blk_volume_add_md_partitions(struct blk_walk *b, const char *array)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(b->root, &names, "/sys/block/%s", array);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *dir = NULL;

		if (!sysroot_exists(b->root, "/sys/block/%s/%s/partition", array, *p))
			continue;
		dir = blk_text_printf("%s/%s", array, *p);
		if (!dir || blk_volume_add(b, dir, *p, array) < 0)
			return -ENOMEM;
	}
	return 0;
}

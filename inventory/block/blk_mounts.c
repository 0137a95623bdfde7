/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a device is mounted, and how full it is. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "inventory/block/blk_text.h"
#include "inventory/collect_util.h"

static bool is_remote(const char *fs)
{
	static const char *const kinds[] = {
		"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "lustre",
		"gpfs", "glusterfs", "autofs",
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(fs, kinds[i]) == 0)
			return true;
	return blk_text_starts(fs, "fuse.");
}

/* "blocks unit free target" */
static int load_usages(struct blk_walk *b)
{
	CLEANUP(mem_free) char *text = NULL;
	char *save = NULL;
	int r = sysroot_read(b->root, &text, NULL, "/p2v/statvfs");

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		struct blk_usage u = { 0 }, *slot;
		const char *target = fsusage_parse(p, &u.usage);

		if (!target)
			continue;
		u.target = strdup(target);
		if (!u.target)
			return -ENOMEM;
		slot = machine_grow(&b->usages, &b->nusages, sizeof(*slot));
		if (!slot) {
			free(u.target);
			return -ENOMEM;
		}
		*slot = u;
	}
	for (size_t i = 0; i < b->nusages; i++)
		if (blk_index_add(&b->usages_by_target, b->usages[i].target, i) < 0)
			return -ENOMEM;
	blk_index_sort(&b->usages_by_target);
	return 0;
}

int blk_mounts_load(struct blk_walk *b)
{
	if (mountinfo_read(b->root, &b->mounts) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < b->mounts.nmounts; i++) {
		const struct mountinfo_entry *e = &b->mounts.mounts[i];

		if (blk_index_add(&b->mounts_by_dev, e->dev, i) < 0 ||
		    (strcmp(e->fs, "btrfs") == 0 && e->source &&
		     blk_index_add(&b->btrfs_by_source, e->source, i) < 0) ||
		    (is_remote(e->fs) && machine_strv_add(&b->remote, e->target) < 0))
			return -ENOMEM;
	}
	for (size_t i = 0; i < b->mounts.swaps.n; i++)
		if (blk_index_add(&b->swaps_by_path, b->mounts.swaps.v[i], i) < 0)
			return -ENOMEM;
	blk_index_sort(&b->mounts_by_dev);
	blk_index_sort(&b->btrfs_by_source);
	blk_index_sort(&b->swaps_by_path);
	return load_usages(b);
}

/* The way to target leads through a network filesystem, whose server may not answer. */
static bool is_behind_remote(const struct blk_walk *b, const char *target)
{
	for (size_t i = 0; i < b->remote.n; i++) {
		size_t n = strlen(b->remote.v[i]);

		if (n > 1 && strncmp(target, b->remote.v[i], n) == 0 && target[n] == '/')
			return true;
	}
	return false;
}

/* Size and use of a mounted filesystem, from the record or the kernel. */
static void read_usage(const struct blk_walk *b, const struct mountinfo_entry *e,
		       struct machine_fs *fs)
{
	struct fsusage usage;

	if (sysroot_is_live(b->root)) {
		struct stat id;
		unsigned int major_, minor_;

		/* Another mount may lie on top of it, or the agent may be elsewhere. */
		if (sscanf(e->dev, "%u:%u", &major_, &minor_) != 2 ||
		    is_behind_remote(b, e->target) || stat(e->target, &id) < 0 ||
		    (strcmp(e->fs, "btrfs") != 0 && id.st_dev != makedev(major_, minor_)) ||
		    !fsusage_live(e->target, &usage))
			return;
	} else {
		size_t n;
		const struct blk_index_entry *x = blk_index_find(&b->usages_by_target, e->target,
								 &n);

		if (!x)
			return;
		usage = b->usages[x->at].usage;
	}
	fs->size = usage.size;
	fs->used = usage.size - usage.free;
}

struct places {				/* in the list of mounts */
	size_t *v, n;
};

static inline void places_done(struct places *p)
{
	free(p->v);
}
DEFINE_CLEANUP_VALUE(struct places, places_done)

static int add_places(const struct blk_index *x, const char *key, struct places *ret)
{
	size_t n;
	const struct blk_index_entry *e = blk_index_find(x, key, &n);

	for (size_t i = 0; i < n; i++) {
		size_t *slot = machine_grow(&ret->v, &ret->n, sizeof(*slot));

		if (!slot)
			return -ENOMEM;
		*slot = e[i].at;
	}
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* In the order of mounting, each once. */
static int find_mounts(const struct blk_walk *b, const char *dev, const char *node,
		       const char *path, const struct machine_strv *aliases, struct places *ret)
{
	size_t n = 0;

	if (dev && add_places(&b->mounts_by_dev, dev, ret) < 0)
		return -ENOMEM;
	if (b->btrfs_by_source.n > 0) {
		if (add_places(&b->btrfs_by_source, node, ret) < 0 ||
		    add_places(&b->btrfs_by_source, path, ret) < 0)
			return -ENOMEM;
		for (size_t i = 0; i < aliases->n; i++)
			if (add_places(&b->btrfs_by_source, aliases->v[i], ret) < 0)
				return -ENOMEM;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_place);
	for (size_t i = 0; i < ret->n; i++)
		if (n == 0 || ret->v[n - 1] != ret->v[i])
			ret->v[n++] = ret->v[i];
	ret->n = n;
	return 0;
}

static bool is_swap(const struct blk_walk *b, const char *node, const char *path,
		    const struct machine_strv *aliases)
{
	size_t n;

	if (b->swaps_by_path.n == 0)
		return false;
	if (blk_index_find(&b->swaps_by_path, node, &n) ||
	    blk_index_find(&b->swaps_by_path, path, &n))
		return true;
	for (size_t i = 0; i < aliases->n; i++)
		if (blk_index_find(&b->swaps_by_path, aliases->v[i], &n))
			return true;
	return false;
}

int blk_mounts_add(const struct blk_walk *b, const char *dev, const char *name, const char *path,
		   const struct machine_strv *aliases, struct machine_strv *ret,
		   struct machine_fs *fs)
{
	CLEANUP(mem_free) char *node = blk_text_printf("/dev/%s", name);
	CLEANUP(places_done) struct places at = { 0 };

	if (!node || find_mounts(b, dev, node, path, aliases, &at) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < at.n; i++) {
		const struct mountinfo_entry *e = &b->mounts.mounts[at.v[i]];

		/* What is mounted is not clean on the disk, and need not be. */
		fs->dirty = false;
		/* A bind mount shows a folder of what is mounted elsewhere. */
		if (strcmp(e->root, "/") != 0 && strcmp(e->fs, "btrfs") != 0)
			continue;
		if (blk_walk_add(b, ret, e->target, "mount points", name) < 0)
			return -ENOMEM;
		if (fs->used == 0)
			read_usage(b, e, fs);
		/* What cannot be probed has still been mounted as something. */
		if (!fs->type && collect_util_text(e->fs, strlen(e->fs), &fs->type) < 0)
			return -ENOMEM;
	}
	return is_swap(b, node, path, aliases) ?
	       blk_walk_add(b, ret, "[SWAP]", "mount points", name) : 0;
}

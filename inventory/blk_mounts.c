/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a device is mounted, and how full it is. */
#include "inventory/blk_walk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "inventory/blk_text.h"
#include "inventory/collect_util.h"
#include "inventory/fsusage.h"

/* Size and use of a mounted filesystem, from the record "blocks unit free target" or the kernel. */
static void read_usage(const struct blk_walk *b, const struct mountinfo_entry *e,
		       struct machine_fs *fs)
{
	struct fsusage usage;

	if (sysroot_is_live(b->root)) {
		struct stat id;
		unsigned int major_, minor_;

		/* Another mount may lie on top of it, or the agent may be elsewhere. */
		if (sscanf(e->dev, "%u:%u", &major_, &minor_) != 2 || stat(e->target, &id) < 0 ||
		    (strcmp(e->fs, "btrfs") != 0 && id.st_dev != makedev(major_, minor_)) ||
		    !fsusage_live(e->target, &usage))
			return;
	} else if (!fsusage_recorded(b->statvfs, e->target, &usage)) {
		return;
	}
	fs->size = usage.size;
	fs->used = usage.size - usage.free;
}

int blk_mounts_add(const struct blk_walk *b, const char *dev, const char *name, const char *path,
		   const struct machine_strv *aliases, struct machine_strv *ret,
		   struct machine_fs *fs)
{
	CLEANUP(mem_free) char *node = blk_text_printf("/dev/%s", name);

	if (!node)
		return -ENOMEM;
	for (size_t i = 0; i < b->mounts.nmounts; i++) {
		const struct mountinfo_entry *e = &b->mounts.mounts[i];
		const char *source = e->source ? e->source : "";
		bool btrfs = strcmp(e->fs, "btrfs") == 0;

		/* btrfs has device numbers of its own, so the name must do. */
		if (!(dev && strcmp(e->dev, dev) == 0) &&
		    !(btrfs && (strcmp(source, node) == 0 || strcmp(source, path) == 0 ||
				machine_strv_has(aliases, source))))
			continue;
		/* A bind mount shows a folder of what is mounted elsewhere. */
		if (strcmp(e->root, "/") != 0 && !btrfs)
			continue;
		if (blk_text_add_once(ret, e->target) < 0)
			return -ENOMEM;
		if (fs->used == 0)
			read_usage(b, e, fs);
		/* What cannot be probed has still been mounted as something. */
		if (!fs->type && collect_util_text(e->fs, strlen(e->fs), &fs->type) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < b->mounts.swaps.n; i++) {
		const char *s = b->mounts.swaps.v[i];

		if (strcmp(s, node) == 0 || strcmp(s, path) == 0 || machine_strv_has(aliases, s))
			return blk_text_add_once(ret, "[SWAP]");
	}
	return 0;
}

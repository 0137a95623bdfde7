/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which devices may be opened: the rule of blk_walk.h. */
#include "inventory/block/blk_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect_util.h"

static bool attr_is(const struct blk_walk *b, const char *folder, const char *attribute,
		    const char *value)
{
	CLEANUP(mem_free) char *s = NULL;

	(void)collect_util_line(b->root, &s, "%s/%s", folder, attribute);
	return s && strcmp(s, value) == 0;
}

/*
 * Of SCSI (drivers/scsi/scsi_sysfs.c) and NVMe (drivers/nvme/host/sysfs.c): what would not answer
 * soon. "quiesce" and what other subsystems call a state are none of those.
 */
static bool is_offline(const struct blk_walk *b, const char *folder)
{
	static const char *const states[] = {
		"offline", "transport-offline", "blocked", "created-blocked", "cancel", "deleted",
		"dead", "deleting", "deleting (no IO)", "resetting", "connecting",
	};
	CLEANUP(mem_free) char *s = NULL;

	(void)collect_util_line(b->root, &s, "%s/state", folder);
	for (size_t i = 0; s && i < ARRAY_SIZE(states); i++)
		if (strcmp(s, states[i]) == 0)
			return true;
	return false;
}

static enum blk_ready disk_ready(const struct blk_walk *b, const char *sysname)
{
	CLEANUP(mem_free) char *device = blk_text_printf("/sys/block/%s/device", sysname);
	CLEANUP(mem_free) char *real = NULL, *hctl = NULL;
	struct machine_strv paths = { 0 };
	size_t offline = 0;

	if (!device || blk_bus_hctl(b, sysname, &hctl) < 0)
		return BLK_READY;
	if (is_offline(b, device))
		return BLK_READY_OFFLINE;
	/* eMMC and NVMe doze within milliseconds and wake as fast; SCSI disks have to spin up. */
	if (hctl && (attr_is(b, device, "power/runtime_status", "suspended") ||
		     attr_is(b, device, "power/runtime_status", "suspending")))
		return BLK_READY_ASLEEP;
	if (blk_text_starts(sysname, "nvme") &&
	    sysroot_realpath(b->root, &real, "/sys/block/%s", sysname) >= 0)
		(void)blk_bus_nvme_paths(b, real, &paths);
	for (size_t i = 0; i < paths.n; i++) {
		offline += is_offline(b, paths.v[i]);
		free(paths.v[i]);
	}
	free(paths.v);
	return paths.n > 0 && offline == paths.n ? BLK_READY_NO_PATH : BLK_READY;
}

static enum blk_ready ask(const struct blk_walk *b, const char *sysname);

/* A slave may be a partition: what counts is its disk. */
static enum blk_ready slave_ready(const struct blk_walk *b, const char *sysname, const char *slave)
{
	CLEANUP(mem_free) char *real = NULL;
	size_t n;

	if (blk_index_find(&b->by_name, slave, &n))
		return ask(b, slave);
	if (sysroot_realpath(b->root, &real, "/sys/block/%s/slaves/%s", sysname, slave) < 0)
		return BLK_READY;
	*strrchr(real, '/') = '\0';
	return ask(b, collect_util_base(real));
}

static enum blk_ready volume_ready(const struct blk_walk *b, const char *sysname)
{
	CLEANUP(mem_free) char *uuid = NULL, *dev = NULL, *udev = NULL, *good = NULL;
	CLEANUP(strv_free) char **slaves = NULL;
	enum blk_ready worst = BLK_READY;
	bool mpath, any = false, array = blk_text_starts(sysname, "md");

	if (collect_util_flag(b->root, "/sys/block/%s/dm/suspended", sysname))
		return BLK_READY_SUSPENDED;
	(void)collect_util_line(b->root, &uuid, "/sys/block/%s/dm/uuid", sysname);
	mpath = uuid && blk_text_starts(uuid, "mpath-");
	if (mpath && collect_util_line(b->root, &dev, "/sys/block/%s/dev", sysname) == 0 && dev &&
	    sysroot_read(b->root, &udev, NULL, "/run/udev/data/b%s", dev) >= 0 &&
	    collect_util_key(udev, "MPATH_DEVICE_READY", &good) == 0 && good &&
	    strcmp(good, "0") == 0)
		return BLK_READY_NO_PATH;
	if (sysroot_list(b->root, &slaves, "/sys/block/%s/slaves", sysname) < 0)
		return BLK_READY;
	for (char **p = slaves; *p; p++) {
		enum blk_ready r = slave_ready(b, sysname, *p);

		/* An array goes on without a disk that is gone, and has its own idea of that. */
		if (r == BLK_READY || (array && r == BLK_READY_OFFLINE))
			any = true;
		else
			worst = r;
	}
	/* One path is enough. */
	return mpath && any ? BLK_READY : worst;
}

/* The walk is const for those who ask; the answers kept in it are not part of what they see. */
static enum blk_ready ask(const struct blk_walk *b, const char *sysname)
{
	size_t n;
	const struct blk_index_entry *e = blk_index_find(&b->by_name, sysname, &n);
	enum blk_ready *slot = e ? &b->ready[e->at] : NULL;

	if (!slot)
		return BLK_READY;
	if (*slot == BLK_READY_UNKNOWN) {
		*slot = BLK_READY_ASKING;
		*slot = blk_volume_is(sysname) ? volume_ready(b, sysname) :
						 disk_ready(b, sysname);
	}
	/* A ring cannot be: the kernel does not make one, and what claims it is not waited for. */
	return *slot == BLK_READY_ASKING ? BLK_READY : *slot;
}

enum blk_ready blk_ready(const struct blk_walk *b, const char *sysname, const char **ret_why)
{
	static const char *const why[] = {
		[BLK_READY_ASLEEP] = "asleep",
		[BLK_READY_OFFLINE] = "offline",
		[BLK_READY_SUSPENDED] = "suspended",
		[BLK_READY_NO_PATH] = "without a path that works",
	};
	enum blk_ready r = ask(b, sysname);

	if (ret_why)
		*ret_why = why[r];
	return r;
}

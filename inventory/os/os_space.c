/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The filesystems that hold the system: which part of them it is, and how much room is left. */
#include "inventory/os/os.h"

#include <errno.h>
#include <string.h>
#include "common/text.h"
#include "inventory/block/blk_text.h"
#include "inventory/block/fsusage.h"
#include "inventory/collect_util.h"

/* The last mount on target: the one that is seen. */
static const struct mountinfo_entry *mount_of(const struct os_look *o, const char *target)
{
	for (size_t i = o->mounts.nmounts; i-- > 0;)
		if (strcmp(o->mounts.mounts[i].target, target) == 0)
			return &o->mounts.mounts[i];
	return NULL;
}

static uint64_t room(struct os_look *o, const char *target)
{
	const struct mountinfo_entry *e = mount_of(o, target);
	struct fsusage u = { 0 };
	char path[8192];

	if (!o->running) {
		/* Mounted below some folder: what is mounted at the target there answers. */
		snprintf(path, sizeof(path), "%s%s", sysroot_path(o->root), target);
		return fsusage_live(path, &u) ? u.free : 0;
	}
	/* As the record's script: disks of this machine only, others may not answer. */
	if (!e || !e->source || !blk_text_starts(e->source, "/dev/"))
		return 0;
	if (sysroot_is_live(o->root))
		(void)fsusage_live(target, &u);
	else
		(void)fsusage_recorded(o->statvfs, target, &u);
	return u.free;
}

/* Devices that are mounted of their own; an installed system's are known from its fstab. */
static int find_sources(struct os_look *o)
{
	static const char *const esps[] = { "/boot/efi", "/efi", "/boot" };
	const struct mountinfo_entry *e = mount_of(o, "/boot");
	int r = 0;

	if (e && e->source && blk_text_starts(e->source, "/dev/"))
		r = collect_util_text(e->source, strlen(e->source), &o->os->boot_source);
	for (size_t i = 0; i < ARRAY_SIZE(esps) && r == 0 && !o->os->esp_source; i++) {
		e = mount_of(o, esps[i]);
		if (e && e->source && strcmp(e->fs, "vfat") == 0)
			r = collect_util_text(e->source, strlen(e->source), &o->os->esp_source);
	}
	return r;
}

int os_space_collect(struct os_look *o)
{
	const struct mountinfo_entry *e = mount_of(o, "/");
	struct machine_os *os = o->os;

	if (o->running && find_sources(o) < 0)
		return -ENOMEM;
	os->root_free = room(o, "/");
	os->boot_free = !o->running || mount_of(o, "/boot") ? room(o, "/boot") : os->root_free;
	/* btrfs shows its subvolume as the folder that is mounted: "/@rootfs". */
	if (!o->running || !e || strcmp(e->fs, "btrfs") != 0 || strlen(e->root) < 2)
		return 0;
	return collect_util_text(e->root + 1, strlen(e->root + 1), &os->root_subvolume);
}

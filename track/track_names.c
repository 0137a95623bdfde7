/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words of track.h, and what is asked of a tracker without changing it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "track/state.h"

#define SECTOR		512u

static const struct {
	const char *name, *meaning;
} tier_texts[TRACK_TIERS] = {
	[TRACK_BPF] = { "bpf",
			"Rounds copy what was written; the freeze lasts as long as the last round, "
			"and a killed agent loses nothing." },
	[TRACK_FTRACE] = { "ftrace",
			   "Rounds copy what was written, at more cost for each write; the freeze "
			   "lasts as long as the last round. Should the agent die, or its ring run "
			   "over, everything is compared." },
	[TRACK_BLKTRACE] = { "blktrace",
			     "Rounds copy what was written, at more cost for each write; the freeze "
			     "lasts as long as the last round. Should the agent die, or its ring "
			     "run over, everything is compared." },
	[TRACK_NONE] = { "none",
			 "Nothing is known of what is written. Everything is read and compared "
			 "again while frozen: a freeze as long as reading the disk." },
};

const char *track_tier_name(enum track_tier t)
{
	return tier_texts[t].name;
}

const char *track_tier_meaning(enum track_tier t)
{
	return tier_texts[t].meaning;
}

int track_tier_parse(const char *text, enum track_tier *ret)
{
	for (int i = 0; i < TRACK_TIERS; i++) {
		if (strcmp(text, tier_texts[i].name) == 0) {
			*ret = (enum track_tier)i;
			return 0;
		}
	}
	return -EINVAL;
}

int track_disk_find(const struct sysroot *root, const char *name, struct track_disk *ret,
		    struct err *err)
{
	CLEANUP(mem_free) char *dev = NULL;
	unsigned int major, minor;
	uint64_t sectors = 0;
	char rest;

	if (strlen(name) >= TRACK_NAME_MAX || strchr(name, '/') || name[0] == '.' || !name[0])
		return err_set(err, EINVAL, "%s is not the name of a disk", name);
	if (sysroot_read_line(root, &dev, "/sys/block/%s/dev", name) < 0 ||
	    sysroot_read_u64(root, &sectors, "/sys/block/%s/size", name) < 0 ||
	    sscanf(dev, "%u:%u%c", &major, &minor, &rest) != 2)
		return err_set(err, ENODEV, "there is no disk %s", name);
	*ret = (struct track_disk){ .name = name, .dev = makedev(major, minor) };
	ret->size = sectors * SECTOR;
	return 0;
}

enum track_tier track_tier(const struct track *t)
{
	return t->ops->tier;
}

const char *track_why_not(const struct track *t, enum track_tier tier)
{
	return t->why_not[tier];
}

size_t track_ndisks(const struct track *t)
{
	return t->meta->n;
}

const char *track_disk_name(const struct track *t, size_t disk)
{
	return t->meta->disks[disk].name;
}

dev_t track_disk_dev(const struct track *t, size_t disk)
{
	return (dev_t)t->meta->disks[disk].dev;
}

uint64_t track_disk_size(const struct track *t, size_t disk)
{
	return t->meta->disks[disk].marks.size;
}

unsigned int track_granule(const struct track *t, size_t disk)
{
	return 1u << t->meta->disks[disk].marks.shift;
}

uint64_t track_memory(const struct track *t)
{
	return t->marks ? t->nwords * sizeof(*t->marks) : 0;
}

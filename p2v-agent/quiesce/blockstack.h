/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which block device rests on which: partitions on disks, device-mapper and md on what they were
 * made of, loop devices on a file. It answers one question: whether what is written to a device
 * ends up on one of the disks that are converted, and through which files it goes.
 *
 *	sda --- sda2 --- dm-0 (vg-root)		below(dm-0) = sda2, below(sda2) = sda
 *	loop0 === /srv/image.raw		file(loop0)
 *
 * A plain list of what /sys/block says, made by reading it (a recorded machine will do) or by hand
 * in a test. Devices are numbered as makedev() does. What is not in the list is not known, and
 * whoever asks has to take that for the worse.
 */
#ifndef P2V_AGENT_QUIESCE_BLOCKSTACK_H
#define P2V_AGENT_QUIESCE_BLOCKSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "common/sysroot.h"

struct blockstack_dev {
	dev_t dev;
	char *name;			/* "sda2", "dm-0" */
	char *alias;			/* what /dev/mapper calls it, or NULL */
	char *file;			/* of a loop device in use, or NULL */
	char **below;			/* names */
	size_t nbelow;
};

struct blockstack {
	struct blockstack_dev *v;
	size_t n;
	/* Devices that make one btrfs: lists of names. */
	char ***groups;
	size_t ngroups;
};

/* What cannot be read is left out. -ENOMEM. */
int blockstack_read(const struct sysroot *root, struct blockstack *ret);
void blockstack_done(struct blockstack *s);
DEFINE_CLEANUP_VALUE(struct blockstack, blockstack_done)

/* A copy of each string. below may be NULL. */
int blockstack_add(struct blockstack *s, dev_t dev, const char *name, const char *alias,
		   const char *file, const char *const *below, size_t nbelow);

const struct blockstack_dev *blockstack_by_dev(const struct blockstack *s, dev_t dev);
const struct blockstack_dev *blockstack_by_name(const struct blockstack *s, const char *name);
/* "/dev/sda2", "/dev/mapper/vg-root", "/dev/dm-0"; NULL when the name is not known. */
const struct blockstack_dev *blockstack_by_path(const struct blockstack *s, const char *path);
/* The other devices of the btrfs that d is a part of, d too; NULL when there is none. */
char *const *blockstack_group(const struct blockstack *s, const struct blockstack_dev *d);

#endif

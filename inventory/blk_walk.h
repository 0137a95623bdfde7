/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk over /sys/block: what it carries along, what every kind of device is asked, and the
 * kinds. Internal to collect_block() and blk_*.c.
 *
 *	collect_block() -> blk_disk -> blk_partition
 *			-> blk_volume
 *
 * Three sources, the nearer to the truth first: the device itself through libblkid; the record of
 * it under /p2v/blkid (of a recorded machine); udev's database. sysfs gives sizes and relations.
 * A device node is opened read-only and only if it is one (or, under a recorded root, a file in
 * its place): nothing here may block or write.
 *
 * Throughout: sysname is a name as in /sys/block ("cciss!c0d0"), name one as below /dev
 * ("cciss/c0d0"), dev the device number as text ("8:1") or NULL, udev and blkid the records of the
 * device or NULL. Functions return 0 or -ENOMEM unless said otherwise; what is not known leaves
 * its member NULL.
 */
#ifndef P2V_INVENTORY_BLK_WALK_H
#define P2V_INVENTORY_BLK_WALK_H

#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/sysroot.h"
#include "inventory/blk_probe.h"
#include "inventory/machine.h"
#include "inventory/mountinfo.h"

struct blk_link {
	char *target;			/* "sda1" */
	char *path;			/* "/dev/disk/by-uuid/..." */
};

struct blk_walk {			/* what the walk carries along */
	const struct sysroot *root;
	struct machine *m;
	struct blk_link *links;
	size_t nlinks;
	struct mountinfo mounts;
	char *statvfs;			/* /p2v/statvfs */
};

/* Links, mounts and recorded usage, before the first device is looked at. */
int blk_walk_load(struct blk_walk *b);
void blk_walk_done(struct blk_walk *b);
DEFINE_CLEANUP_VALUE(struct blk_walk, blk_walk_done)

/* -- asked of every device -- */

/*
 * Links found below /dev, and those udev says it made ("S:disk/by-id/..."): those whose path
 * begins with under, but for own_path.
 */
int blk_walk_aliases(const struct blk_walk *b, const char *name, const char *udev,
		     const char *under, const char *own_path, struct machine_strv *ret);
/* Where it is mounted or swapped to; also how full the filesystem is, and its type if unknown. */
int blk_mounts_add(const struct blk_walk *b, const char *dev, const char *name, const char *path,
		   const struct machine_strv *aliases, struct machine_strv *ret,
		   struct machine_fs *fs);
/* A descriptor for probing, or -errno. */
int blk_node_open(const struct blk_walk *b, const char *name);
/* udev's database entry of sysfs' device "8:1", and the blkid record of the name; NULL if none. */
int blk_node_records(const struct blk_walk *b, const char *dev, const char *sysname,
		     char **ret_udev, char **ret_blkid);
/* Fill fs of a device or of a part of its disk. disk_fd, offset, size: where it is on the disk. */
int blk_node_fs(const struct blk_walk *b, const char *name, const char *udev, const char *blkid,
		bool may_open, int disk_fd, uint64_t offset, uint64_t size, struct machine_fs *fs);

/* -- asked of disks; real: the path behind /sys/block/X -- */

int blk_identity_serial(const struct blk_walk *b, const char *sysname, const char *udev,
			char **ret);
/* "0x5000c500..." for NAA names as udev and libvirt write them; "eui.", "nvme.", "uuid." as is. */
int blk_identity_wwn(const struct blk_walk *b, const char *sysname, const char *udev, char **ret);
/* Vendor and model. */
int blk_identity_model(const struct blk_walk *b, const char *sysname, const char *udev,
		       struct machine_disk *d);
/* Of the controller. */
int blk_bus_driver(const struct blk_walk *b, const char *real, char **ret);
/* A constant, or NULL; driver may be NULL. */
const char *blk_bus_transport(const char *name, const char *real, const char *driver);

/* -- the kinds; each adds to the machine -- */

/* A disk with all that is on it, unless it is none that matters. */
int blk_disk_add(struct blk_walk *b, const char *sysname);
/* The partitions of d: those of the kernel, with what t knows of them, else those of t alone. */
int blk_partition_add_all(const struct blk_walk *b, const char *sysname, struct blk_table *t,
			  int disk_fd, struct machine_disk *d);
/*
 * A device-mapper or md device. dir: its folder below /sys/block; below: what it stands on beside
 * its slaves, or NULL.
 */
int blk_volume_add(struct blk_walk *b, const char *dir, const char *sysname, const char *below);
/* A partition of an md array stands on the array. */
int blk_volume_add_md_partitions(struct blk_walk *b, const char *array);

#endif

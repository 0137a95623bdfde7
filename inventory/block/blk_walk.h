/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The walk over /sys/block: what it carries along, what every kind of device is asked, and the
 * kinds. Internal to collect_block() and blk_*.c.
 *
 *	collect_block() -> blk_disk -> blk_partition
 *			-> blk_volume -> blk_dm, blk_md, blk_stack
 *
 * Three sources, the nearer to the truth first: the device itself through libblkid; the record of
 * it under /p2v/blkid (of a recorded machine); udev's database. sysfs gives sizes and relations.
 *
 * Opening. A device node is opened read-only, O_NONBLOCK, and only if it is one (or, under a
 * recorded root, a file in its place). It is not opened at all when that could wait or would
 * change something (blk_ready.c):
 *	- a SCSI or ATA disk that runtime power management has put to sleep (power/runtime_status
 *	  "suspended"): opening it would spin it up. Records and udev's database must do. A disk
 *	  that fell asleep by its own timer cannot be told apart here: of those only the sectors
 *	  are read that say what is on them;
 *	- a disk whose SCSI or NVMe device is offline, blocked, dead or being reset;
 *	- a suspended mapping, and a multipath map that udev knows to have no working path;
 *	- whatever stands on one of those.
 * Each gives a warning that names it.
 *
 * Warnings name the thing; the rest goes on. A device may vanish between being listed and being
 * read.
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
#include "inventory/block/blk_index.h"
#include "inventory/block/blk_probe.h"
#include "inventory/block/fsusage.h"
#include "inventory/block/mountinfo.h"
#include "inventory/machine.h"

struct blk_link {
	char *target;			/* "sda1" */
	char *path;			/* "/dev/disk/by-uuid/..." */
};

struct blk_usage {			/* a line of /p2v/statvfs */
	struct fsusage usage;
	char *target;			/* where it is mounted */
};

enum blk_ready {			/* may a device be opened? */
	BLK_READY_UNKNOWN,		/* not asked yet */
	BLK_READY_ASKING,		/* being asked: a ring of slaves comes back to it */
	BLK_READY,
	BLK_READY_ASLEEP,
	BLK_READY_OFFLINE,
	BLK_READY_SUSPENDED,
	BLK_READY_NO_PATH,
};

struct blk_walk {			/* what the walk carries along */
	const struct sysroot *root;
	struct machine *m;
	char **names;			/* of /sys/block */
	enum blk_ready *ready;		/* of each */
	struct blk_index by_name;
	struct blk_index maps_by_path;	/* multipath maps (place in names) by each of their disks */
	struct blk_link *links;
	size_t nlinks;
	struct blk_index links_by_target, links_by_path;
	struct mountinfo mounts;
	struct blk_index mounts_by_dev, swaps_by_path;
	struct blk_index btrfs_by_source;	/* btrfs has device numbers of its own */
	struct machine_strv remote;	/* where network filesystems are mounted */
	struct blk_usage *usages;	/* /p2v/statvfs */
	size_t nusages;
	struct blk_index usages_by_target;
};

/* Names, links, mounts and recorded usage, before the first device is looked at. Takes names. */
int blk_walk_load(struct blk_walk *b, char **names);
void blk_walk_done(struct blk_walk *b);
DEFINE_CLEANUP_VALUE(struct blk_walk, blk_walk_done)

/* -- asked of every device -- */

/*
 * Links found below /dev, and those udev says it made ("S:disk/by-id/...") unless they are there
 * and lead elsewhere (paths of one disk all claim them): those whose path begins with under, but
 * for own_path.
 */
int blk_walk_aliases(const struct blk_walk *b, const char *name, const char *udev,
		     const char *under, const char *own_path, struct machine_strv *ret);
/* Lists of text end at COLLECT_LIST_MAX, with a warning that names what ("aliases of sda"). */
int blk_walk_add(const struct blk_walk *b, struct machine_strv *v, const char *s, const char *what,
		 const char *of);
/* Where it is mounted or swapped to; also how full the filesystem is, and its type if unknown. */
int blk_mounts_load(struct blk_walk *b);
int blk_mounts_add(const struct blk_walk *b, const char *dev, const char *name, const char *path,
		   const struct machine_strv *aliases, struct machine_strv *ret,
		   struct machine_fs *fs);
/*
 * An attribute's first line; NULL when there is none. One that is there and cannot be read (not
 * permitted, too large, a ring of links, an I/O error) gives a warning.
 */
int blk_attr_line(const struct blk_walk *b, char **ret, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A number of 512-byte sectors as bytes; 0 when there is none or it is past INT64_MAX bytes. */
uint64_t blk_attr_sectors(const struct blk_walk *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/*
 * BLK_READY: the device (or the disk, the volume of this name) may be opened. *ret_why (may be
 * NULL): else in words, "asleep".
 */
enum blk_ready blk_ready(const struct blk_walk *b, const char *sysname, const char **ret_why);
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
/* Vendor, model and revision. */
int blk_identity_model(const struct blk_walk *b, const char *sysname, const char *udev,
		       struct machine_disk *d);
/* The folder below which its controller is: real, or that of the first of several controllers. */
int blk_bus_place(const struct blk_walk *b, const char *real, char **ret);
/* Of the controller; place as above. */
int blk_bus_driver(const struct blk_walk *b, const char *place, char **ret);
/* The controller's PCI address: of the nearest PCI device above. */
int blk_bus_pci(const char *place, char **ret);
/* A constant, or NULL; driver may be NULL. */
const char *blk_bus_transport(const char *name, const char *real, const char *driver);
/* Folders of the NVMe controllers that lead to a disk; empty when it has no native multipath. */
int blk_bus_nvme_paths(const struct blk_walk *b, const char *real, struct machine_strv *ret);
/* "0:0:1:0" behind /sys/block/X/device. */
int blk_bus_hctl(const struct blk_walk *b, const char *sysname, char **ret);
/*
 * The MBR in front of a GPT has partitions beside the protective one. fd: the disk, or -1 for the
 * record /p2v/mbr/NAME.
 */
int blk_table_hybrid(const struct blk_walk *b, const char *sysname, int fd, bool *ret);

/* -- the kinds; each adds to the machine -- */

/* A disk with all that is on it, unless it is none that matters. */
int blk_disk_add(struct blk_walk *b, const char *sysname);
/* The partitions of d: those of the kernel, with what t knows of them, else those of t alone. */
int blk_partition_add_all(const struct blk_walk *b, const char *sysname, struct blk_table *t,
			  int disk_fd, bool ready, struct machine_disk *d);
/* The name is one of a volume's: dm-, md, bcache, drbd, loop, zram. */
bool blk_volume_is(const char *sysname);
/* A volume, and the partitions it has: they stand on it. */
int blk_volume_add(struct blk_walk *b, const char *sysname);

/* -- asked of volumes; dir: the folder below /sys/block -- */

/* Kind, uuid, group, state of a mapping. *ret_name: its name in /dev/mapper. */
int blk_dm_facts(const struct blk_walk *b, const char *dir, struct machine_volume *v,
		 char **ret_name);
/* Of an array. *ret_empty: there is nothing behind it (stopped, never assembled). */
int blk_md_facts(const struct blk_walk *b, const char *dir, const char *udev,
		 struct machine_volume *v, bool *ret_empty);
/* Of bcache, DRBD, loop and zram devices. */
int blk_stack_facts(const struct blk_walk *b, const char *dir, const char *udev,
		    struct machine_volume *v);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the name a device had on the source to a name that holds on any machine.
 *
 *	"/dev/disk/by-id/ata-X-part2" --inventory--> (disk "sda", number 2)
 *	                              --images-----> the filesystem that is there now: UUID=...
 *
 * Two sources of knowledge: the inventory knows which links and names meant which partition; the
 * images (struct devmap_part, read in the appliance) know what is really on it. List order is never
 * used. Names that stay true (by-uuid, LVM, md) are kept, and a name that nobody knows is reported
 * as unknown, never guessed.
 *
 * Pure. A devmap borrows the machine and owns its parts.
 */
#ifndef P2V_POSTFIX_DEVMAP_H
#define P2V_POSTFIX_DEVMAP_H

#include <stdbool.h>
#include <stddef.h>
#include "common/cleanup.h"
#include "inventory/machine.h"

struct devmap_part {
	char *disk; /* the source's disk name ("sda"); NULL for LVM and md volumes */
	unsigned int number;		/* 0: the whole disk */
	char *device;			/* in the appliance */
	char *type, *uuid, *label;	/* as libblkid says; NULL when there is none */
	char *partuuid;
};

struct devmap_alias {
	char *name;			/* of a multipath map: "mpatha", for /dev/mapper/mpatha */
	char *disk;			/* the source's disk that it was; "": nobody knows */
};

struct devmap {
	const struct machine *machine;	/* may be NULL */
	struct devmap_part *parts;
	size_t nparts;
	struct devmap_alias *aliases;
	size_t naliases;
	/*
	 * The device that the source's kernel was given as root=, when that is a name of no
	 * device.
	 */
	char *root_alias, *root_uuid;
};

enum devmap_answer {
	DEVMAP_KEEP,			/* no device name, or one that stays true */
	DEVMAP_MAPPED,
	DEVMAP_UNKNOWN,			/* a name of the old machine that nothing explains */
};

enum devmap_style {
	DEVMAP_TAG,			/* UUID=..., PARTUUID=... */
	DEVMAP_PATH,			/* /dev/disk/by-uuid/..., for programs that know no tags */
};

void devmap_done(struct devmap *map);
DEFINE_CLEANUP_VALUE(struct devmap, devmap_done)
/* Append a part, copying the strings (any of them may be NULL); -ENOMEM. */
int devmap_add(struct devmap *map, const struct devmap_part *part);
/*
 * /dev/mapper/NAME was the disk, /dev/mapper/NAME1 (NAMEp1, NAME-part1) its first partition;
 * -ENOMEM.
 */
int devmap_add_alias(struct devmap *map, const char *name, const char *disk);

/* Is this the name of a disk or partition as one machine happened to number it? */
bool devmap_is_old_name(const char *name);
/* The image's part that name stands for; NULL when it was not copied or is not known. */
const struct devmap_part *devmap_find(const struct devmap *map, const char *name);
/*
 * The image's part with the filesystem that the source had on the volume of that name; NULL when it
 * is not there. An array that another machine's name stands in may have another number here.
 */
const struct devmap_part *devmap_find_volume(const struct devmap *map, const char *name);
/*
 * What to write instead of name. For DEVMAP_MAPPED *ret is malloc'd and *ret_copied (may be NULL)
 * says whether the images hold the device. Returns an enum devmap_answer or -ENOMEM.
 */
int devmap_translate(const struct devmap *map, const char *name, enum devmap_style style,
		     char **ret, bool *ret_copied);
/*
 * Does a reference that needs no translation ("UUID=...", "PARTUUID=...", /dev/disk/by-uuid/...)
 * name something that is not in the images? False when it is there, or cannot be told.
 */
bool devmap_is_missing(const struct devmap *map, const char *ref);
/* "sda3" -> "sda", 3; "nvme0n1p2" -> "nvme0n1", 2; "sda" -> "sda", 0. False: not such a name. */
bool devmap_split_name(const char *name, size_t *ret_disk_len, unsigned int *ret_number);

#endif

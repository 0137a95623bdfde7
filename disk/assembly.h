/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What several members make together: RAID arrays out of RAID members, logical volumes out of
 * physical ones. Nothing is activated, as the kernel would: the metadata is read, and the result is
 * spaces that read through the members.
 *
 *	members (given)         assembly                     volumes (made)
 *	sda1 linux_raid    -.
 *	sdb1 linux_raid    -+-> md_assemble()   ----------->  md/0
 *	sdc1 linux_raid     '   (sdc1: doubt, "stale")
 *
 * For each member a verdict: trusted, when all of its metadata was understood. Then free is what
 * nobody has been given, to be released by the caller, and why says how that is known. A member
 * that is not trusted keeps all of itself, and no volume that is handed out lies on it, or is read
 * from it.
 *
 * For each volume a space, whose releases come down to the members in a way that keeps the volume
 * whole (parity, all legs of a mirror). What is in it the caller finds out, unless kind is set:
 * then the volume is not a filesystem's but the assembler's own (the data of a thin pool), and
 * free, why and trusted say what of it is free. space is NULL for a volume that cannot be read (a
 * part is missing): it stays used, and why says so.
 *
 * The assembly owns its volumes' spaces and those in between; members are borrowed.
 */
#ifndef P2V_DISK_ASSEMBLY_H
#define P2V_DISK_ASSEMBLY_H

#include <stdbool.h>
#include "common/extent.h"
#include "disk/space.h"

struct assembly_member {
	bool trusted;
	char *why;			/* "LVM extent map"; "its metadata is torn: all used" */
	struct extents free;		/* bytes of the member */
};

struct assembly_volume {
	char *name;			/* "vg0/root", "md/boot" */
	struct space *space;
	size_t *members;		/* those it lies on, by index */
	size_t nmembers;
	char *kind;			/* NULL: ask the contents */
	bool trusted;			/* this and the rest: with kind, or without space */
	char *why;
	struct extents free;		/* bytes of the volume */
};

struct assembly {
	struct assembly_member *members;	/* as many as were given, in their order */
	size_t nmembers;
	struct assembly_volume *volumes;
	size_t nvolumes;
	struct space **spaces;		/* all that were made, those below first */
	size_t nspaces;
};

/* Room for n members, none trusted yet. -ENOMEM. */
int assembly_init(struct assembly *a, size_t n, struct err *err);
void assembly_done(struct assembly *a);
DEFINE_CLEANUP_VALUE(struct assembly, assembly_done)

/* Takes the space over, also when it fails (-ENOMEM); NULL is -ENOMEM. */
int assembly_own(struct assembly *a, struct space *s, struct err *err);
/* One more, zeroed but for the name, which is copied; NULL: -ENOMEM. Earlier pointers are stale. */
struct assembly_volume *assembly_add_volume(struct assembly *a, const char *name, struct err *err);
int assembly_volume_on(struct assembly_volume *v, size_t member, struct err *err);

#endif

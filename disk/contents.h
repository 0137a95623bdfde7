/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What partitions hold, from the bottom to the top. Internal to the used-block map: usedmap.c adds
 * the partitions, contents_read() takes them level by level, and what is free goes down through the
 * spaces to the disks' maps.
 *
 *	level		makes				out of
 *	md		arrays				partitions, disks, arrays
 *	lvm		logical volumes			partitions, disks, arrays
 *	btrfs		filesystems on several		all of these
 *	fs		(releases)			all of these
 */
#ifndef P2V_DISK_CONTENTS_H
#define P2V_DISK_CONTENTS_H

#include "disk/assembly.h"
#include "disk/detect.h"
#include "disk/space.h"

#define KIND_UNKNOWN	"unknown"

struct content {
	struct space *space;		/* borrowed; NULL: not to be looked into */
	char *kind;			/* never NULL after contents_read() */
	char *why;			/* the same */
	bool trusted;
	/* inside */
	char *beside;			/* see detect() */
	bool done;
	char *name;			/* of a volume; NULL: a part of a disk */
	uint64_t size, free;		/* of a volume */
	size_t reader;			/* live: by whose reading it is known, or VIEW_NOBODY */
	bool assembled;			/* a volume of md or LVM */
};

struct live_rules;			/* contents_live.h */

struct contents {
	struct content *v;
	size_t n;
	struct space **disks;		/* borrowed: to settle after each release */
	size_t ndisks;
	struct assembly md, md_on_md, lvm;
	const struct live_rules *live;	/* borrowed; NULL: all disks are at rest */
	bool structure_only;		/* no filesystem is read; what comes out is of no use */
};

/* Find out what is in a space; its index is c->n - 1 then. */
int contents_add(struct contents *c, struct space *s, struct err *err);
/* The same for what is not to be looked into: why and nothing else. */
int contents_add_opaque(struct contents *c, const char *why, struct err *err);

/* For levels in files of their own. */
/* Takes over what r means: an error of the disk becomes a doubt. */
int contents_as_doubt(int r, char **why, struct err *err);
/* A map of a space of that size, all set, as fine as memory allows. */
int contents_new_scratch(uint64_t size, struct bitmap **ret, struct err *err);
/* At the end of a space's releases. */
void contents_settle(struct contents *c);

int contents_read(struct contents *c, struct err *err);
void contents_done(struct contents *c);
DEFINE_CLEANUP_VALUE(struct contents, contents_done)

#endif

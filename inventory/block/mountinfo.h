/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /proc/PID/mountinfo and /proc/swaps (proc(5)) as lists. Names are unescaped (\040 is a blank).
 * The mount namespace is that of process 1: the agent may run in one of its own.
 */
#ifndef P2V_INVENTORY_MOUNTINFO_H
#define P2V_INVENTORY_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "common/sysroot.h"
#include "inventory/machine.h"

struct mountinfo_entry {
	char *dev;			/* "8:1" */
	char *root;			/* the folder of the filesystem that is mounted: "/" */
	char *target, *options, *fs, *source;
	char *path;			/* the target byte by byte, to be opened */
	uint64_t id, parent;		/* of the mount, and of the one that it is mounted on */
	bool fs_readonly;		/* the filesystem itself, through whichever mount */
};

struct mountinfo {
	struct mountinfo_entry *mounts;
	size_t nmounts;
	struct machine_strv swaps;	/* "/dev/sda2" */
};

/* Of the texts of both files; NULL is an empty one. Lines that do not parse are passed over. */
int mountinfo_parse(const char *mounts, const char *swaps, struct mountinfo *ret);
/* Absent files give empty lists. Lines that do not parse are passed over. -ENOMEM. */
int mountinfo_read(const struct sysroot *root, struct mountinfo *ret);
/* The mounts of this process' own namespace: of a child that has made one. */
int mountinfo_read_self(struct mountinfo *ret, struct err *err);
/* \ooo to its byte, in place: as in fstab(5), too. */
void mountinfo_unescape(char *s);
void mountinfo_done(struct mountinfo *m);
DEFINE_CLEANUP_VALUE(struct mountinfo, mountinfo_done)

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names of multipath maps: /dev/mapper/mpatha is a name that multipathd gave to a disk, known by
 * its WWID.
 *
 *	/etc/multipath/bindings		mpatha 3600508b400105e210000900000490000
 *	/etc/multipath.conf		multipaths { multipath { wwid "3600..." alias db } }
 *
 * Pure.
 */
#ifndef P2V_POSTFIX_MPATH_H
#define P2V_POSTFIX_MPATH_H

#include "common/cleanup.h"
#include "inventory/machine.h"

struct mpath_name {
	char *alias, *wwid;
};

struct mpath_names {
	struct mpath_name *v;
	size_t n;
};

/* Append what the file says; -ENOMEM. */
int mpath_read_bindings(const char *text, struct mpath_names *ret);
int mpath_read_conf(const char *text, struct mpath_names *ret);
void mpath_names_done(struct mpath_names *names);
DEFINE_CLEANUP_VALUE(struct mpath_names, mpath_names_done)
/* Is this the disk, or a path to it, that has the WWID? */
bool mpath_is_disk(const struct machine_disk *d, const char *wwid);

#endif

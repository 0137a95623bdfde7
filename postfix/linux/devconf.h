/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Configuration that names devices of the old machine and is none of the tables of filesystems:
 * kdump's target, the X server's graphics card, udev rules, cron tables. Pure; rewriters return 1
 * and *ret (malloc'd) when something changed, 0, or -ENOMEM.
 */
#ifndef P2V_POSTFIX_DEVCONF_H
#define P2V_POSTFIX_DEVCONF_H

#include <stdbool.h>
#include "inventory/machine.h"
#include "postfix/devmap.h"

/*
 * kdump.conf: "ext4 /dev/sda3" gets the filesystem's UUID, "raw /dev/sdb1" a path that holds. A
 * target that was not copied goes behind a "#": the dump is then written to the root filesystem.
 */
int devconf_kdump(const char *text, const struct devmap *map, char **ret,
		  struct machine_strv *notes);
/*
 * xorg.conf: does a Device section name a card by its place on the bus, or a driver that a virtual
 * card does not have? What it names is in *ret (malloc'd), which is NULL when it does not.
 */
int devconf_xorg(const char *text, char **ret);
/*
 * udev rules that know disks by what the old hardware said of them: ID_SERIAL, ID_WWN, ID_PATH,
 * scsi_id. The lines (cut, escaped) are added to found; -ENOMEM.
 */
int devconf_udev_disks(const char *text, struct machine_strv *found);
/* Every line of a cron table that runs a command goes behind a "#"; settings stay. */
int devconf_cron_off(const char *text, char **ret);
/* A script gets an "exit 0" behind its first line. 0 when it has one, or is no script. */
int devconf_script_off(const char *text, char **ret);

#endif

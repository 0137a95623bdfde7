/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Things recognised by what lies on the disk: package managers, initramfs tools, boot loaders. The
 * first row whose paths are all there wins, so a row that is nearer to "in use" stands above one
 * that is merely "installed". tests/sysroots/record-machine has these paths, too, and a test
 * compares the two.
 */
#ifndef P2V_INVENTORY_OS_SIGNS_H
#define P2V_INVENTORY_OS_SIGNS_H

#include "inventory/os/os.h"

struct os_sign {
	const char *name;		/* NULL ends the table */
	const char *paths[2];		/* the second may be NULL */
	/* Where it makes sense: of a machine whose firmware is the other kind the row is passed. */
	enum machine_firmware_type firmware;	/* UNKNOWN: any */
};

extern const struct os_sign os_signs_package_managers[];
extern const struct os_sign os_signs_initramfs_tools[];
extern const struct os_sign os_signs_bootloaders[];

/* NULL: none. firmware UNKNOWN: every row is looked at. */
const char *os_signs_find(const struct os_look *o, const struct os_sign *table,
			  enum machine_firmware_type firmware);

#endif

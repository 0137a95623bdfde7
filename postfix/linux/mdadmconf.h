/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mdadm.conf: arrays are found by their UUID on whatever disks there are. A keyword begins in the
 * first column, and lines that begin with a blank go on with what is above. Keywords may be
 * shortened to three letters, in any case. Names of arrays, HOMEHOST and mail addresses stay. Pure.
 */
#ifndef P2V_POSTFIX_MDADMCONF_H
#define P2V_POSTFIX_MDADMCONF_H

#include "inventory/machine.h"

/*
 * DEVICE lines that name disks become "DEVICE partitions". ARRAY lines lose devices=, when they
 * have a UUID or a name beside it, or the machine knows the array's UUID; else a note says that
 * they have none. 1 and *ret (malloc'd), 0, or -ENOMEM. m may be NULL.
 */
int mdadmconf_rewrite(const char *text, const struct machine *m, char **ret,
		      struct machine_strv *notes);
/* "3f2a..." with whatever between the digits, as mdadm writes it; false when it is no UUID. */
bool mdadmconf_uuid(const char *uuid, char ret[static 36]);

#endif

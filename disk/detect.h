/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lies in a space, by libblkid's signatures. Internal to the used-block map. */
#ifndef P2V_DISK_DETECT_H
#define P2V_DISK_DETECT_H

#include "disk/space.h"

enum detected {
	DETECT_ERROR = -1,		/* it could not be probed */
	DETECT_NONE,
	DETECT_ONE,
	DETECT_MANY,			/* signatures that contradict each other */
};

/*
 * kind and beside are malloc'd. kind: for DETECT_ONE. beside: what else is there beside a RAID
 * member's label, for those labels that lie at the end, behind what the array holds: then the
 * member of a mirror looks like its contents; NULL as a rule. -ENOMEM only.
 */
int detect(const struct space *s, enum detected *ret, char **ret_kind, char **ret_beside,
	   struct err *err);

#endif

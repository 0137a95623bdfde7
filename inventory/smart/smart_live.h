/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asking a disk of the live machine how it is. Only commands that change nothing and read nothing
 * from the medium but what the disk keeps of itself; a disk that sleeps is asked whether it does
 * and left so. The device is opened read-only, each command has SMART_LIVE_TIMEOUT, and the first
 * that fails is the last: a disk in trouble is not made to answer more.
 *
 * ATA goes by SG_IO with ATA PASS-THROUGH (16) (SAT-4 12.2), which libata and SAS controllers
 * translate; SCSI by SG_IO; NVMe by its admin ioctl. Any thread, a disk each.
 */
#ifndef P2V_INVENTORY_SMART_LIVE_H
#define P2V_INVENTORY_SMART_LIVE_H

#include <stdbool.h>
#include "common/err.h"
#include "inventory/machine.h"

#define SMART_LIVE_TIMEOUT	2000	/* ms */

enum smart_live_kind {
	SMART_LIVE_NONE,		/* virtual, behind USB or RAID: not asked */
	SMART_LIVE_ATA,
	SMART_LIVE_SCSI,
	SMART_LIVE_NVME,
};

/* "ata", ...; NULL for SMART_LIVE_NONE. */
const char *smart_live_source(enum smart_live_kind kind);
/*
 * Fill ret, which is empty, from this machine's /dev/NAME (a sysroot is one thread's, and this may
 * be called by many). solid: it does not rotate. 0, also when there is no answer: then *ret_why, of
 * err's kind, says why and ret holds what was told before. -ENOMEM.
 */
int smart_live_ask(const char *name, enum smart_live_kind kind, bool solid,
		   struct machine_smart *ret, struct err *ret_why);

#endif

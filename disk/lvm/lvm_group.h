/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a volume group's metadata says about one PV. Internal to lvm_*.c. */
#ifndef P2V_DISK_LVM_GROUP_H
#define P2V_DISK_LVM_GROUP_H

#include "disk/lvm/lvm_label.h"
#include "disk/lvm/lvm_meta.h"
#include "disk/lvm/lvm_source.h"
#include "disk/lvm/lvm_vg.h"

/*
 * Fill pv (zeroed by the caller, who frees it in any case) from the group, held against the PV's
 * own header. 1, 0 (doubt), -ENOMEM.
 */
int lvm_group_walk(const struct lvm_source *s, const struct lvm_vg *vg,
		   const struct lvm_header *h, struct lvm_pv *pv);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a volume group's metadata says about one PV. Internal to lvm_*.c. */
#ifndef P2V_DISK_LVM_GROUP_H
#define P2V_DISK_LVM_GROUP_H

#include "common/extent.h"
#include "disk/lvm/lvm_label.h"
#include "disk/lvm/lvm_source.h"
#include "disk/lvm/lvm_vg.h"

struct lvm_pv {
	char uuid[40];			/* with dashes, as pvs shows it */
	uint64_t pe_start;		/* bytes from the PV's start */
	uint64_t extent_size;		/* bytes */
	uint64_t extents;		/* number of extents on this PV */
	struct extents allocated;	/* byte ranges from the PV's start that some LV uses */
	struct extents metadata;	/* label, PV header and metadata areas */
	char *vg_name;
};

void lvm_pv_done(struct lvm_pv *pv);
DEFINE_CLEANUP_VALUE(struct lvm_pv, lvm_pv_done)

/*
 * Fill pv (zeroed by the caller, who frees it in any case) from the group, held against the PV's
 * own header. 1, 0 (doubt), -ENOMEM.
 */
int lvm_group_walk(const struct lvm_source *s, const struct lvm_vg *vg,
		   const struct lvm_header *h, struct lvm_pv *pv);

#endif

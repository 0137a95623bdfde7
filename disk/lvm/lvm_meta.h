/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LVM2 on-disk metadata, as far as the used-block map needs it: the label and PV header, the
 * metadata area's ring, and the text metadata, parsed into a tree. (LVM2's own library is gone and
 * its tools need device-mapper.) Format: lvm2's format_text layout.h and the text format as
 * written by vgcfgbackup; all binary fields are little-endian, checksums are LVM's CRC-32 with
 * initial value 0xf597a6cf.
 */
#ifndef P2V_DISK_LVM_META_H
#define P2V_DISK_LVM_META_H

#include "common/extent.h"
#include "disk/space.h"

struct lvm_pv {
	char uuid[40];			/* with dashes, as pvs shows it */
	uint64_t pe_start;		/* bytes from the PV's start */
	uint64_t extent_size;		/* bytes */
	uint64_t extents;		/* number of extents on this PV */
	struct extents allocated;	/* byte ranges from the PV's start that some LV uses */
	struct extents metadata;	/* label, PV header and metadata areas */
	char *vg_name;
};

/*
 * Read the PV that the space is. 1 when everything checked out and *ret is filled, 0 when there is
 * doubt (reason in *ret_why, malloc'd), -ENOMEM, or what the disk said.
 */
int lvm_pv_read(const struct space *s, struct lvm_pv *ret, char **ret_why, struct err *err);
void lvm_pv_done(struct lvm_pv *pv);
DEFINE_CLEANUP_VALUE(struct lvm_pv, lvm_pv_done)

#endif

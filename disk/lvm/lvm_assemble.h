/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Volume groups out of physical volumes, see assembly.h. The metadata is read, nothing is
 * activated:
 *
 *	lvm_label	label and PV header: where the data area and the metadata areas are
 *	lvm_area	the metadata areas' rings: the committed text
 *	lvm_text	the text parsed into a tree
 *	lvm_vg		what of it is one volume group, which lvm_group walks for each PV
 *	lvm_volumes	its volumes, laid out by lvm_layout
 *
 * Each may end in doubt (0), success (1) or an error. (LVM2's own library is gone and its tools
 * need device-mapper.) Format: lvm2's format_text layout.h and the text as vgcfgbackup writes it;
 * binary fields are little-endian, checksums are LVM's CRC-32 with initial value 0xf597a6cf.
 *
 * A member's free extents are those that no logical volume has; everything else, from
 * the label to the rest behind the last extent, stays used.
 *
 * Every PV of a group has a copy of the group's metadata, or none (then another's is taken). The
 * copies must be the same; a PV whose copy is older was away when the group changed, and is in
 * doubt, as are two PVs with one UUID. What lies on a PV in doubt, or on one that was not given,
 * has no space (lvm_volumes.h).
 */
#ifndef P2V_DISK_LVM_ASSEMBLE_H
#define P2V_DISK_LVM_ASSEMBLE_H

#include "disk/assembly.h"

/* pvs: what libblkid calls LVM2_member. -ENOMEM; a PV that cannot be read is one in doubt. */
int lvm_assemble(struct space *const *pvs, size_t n, struct assembly *ret, struct err *err);

#endif

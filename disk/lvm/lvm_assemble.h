/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Volume groups out of physical volumes, see assembly.h. The metadata is read (lvm_meta.h), nothing
 * is activated. A member's free extents are those that no logical volume has; everything else, from
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Volume groups out of physical volumes, see assembly.h. The metadata is read (lvm_meta.h), nothing
 * is activated. A member's free extents are those that no logical volume has; everything else, from
 * the label to the rest behind the last extent, stays used.
 */
#ifndef P2V_DISK_LVM_ASSEMBLE_H
#define P2V_DISK_LVM_ASSEMBLE_H

#include "disk/assembly.h"

/* pvs: what libblkid calls LVM2_member. -ENOMEM; a PV that cannot be read is one in doubt. */
int lvm_assemble(struct space *const *pvs, size_t n, struct assembly *ret, struct err *err);

#endif

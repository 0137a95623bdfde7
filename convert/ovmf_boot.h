/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The source's UEFI boot entries as variables of the virtual machine: Boot#### and BootOrder
 * (UEFI 2.10, 3.1.3 and 3.3).
 *
 * An entry that names a file on a GPT partition stays true, because the partition keeps its GUID:
 * it is written with the short device path HD(...)/file, which a firmware completes by itself
 * (UEFI 2.10, 3.1.2). Entries for network cards, for built-in programs and for disks that were not
 * copied have no device in the virtual machine. They are left out, and said.
 *
 * Optional data of an entry is not recorded by the inventory, so a kernel that is started by the
 * firmware itself gets no arguments; see the notes. Pure.
 */
#ifndef P2V_CONVERT_OVMF_BOOT_H
#define P2V_CONVERT_OVMF_BOOT_H

#include "convert/ovmf_vars.h"
#include "inventory/machine.h"

/*
 * Entries that are there already are forgotten. disks: the names of the copied disks, NULL-
 * terminated; NULL: all were. Returns how many entries
 * were written, or -errno; what was left out is added to notes (may be NULL) in words.
 */
int ovmf_boot_write(struct ovmf_vars *vars, const struct machine *m, const char *const *disks,
		    struct machine_strv *notes, struct err *err);

#endif

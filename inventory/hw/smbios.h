/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SMBIOS structure table (DSP0134 3.7) as /sys/firmware/dmi/tables/DMI holds it: what
 * /sys/class/dmi/id does not tell. Written by firmware, so every length is checked; a structure
 * that does not fit ends the walk, and a member that lies past its structure's end is not there.
 *
 *	type 11	OEM strings
 *	type 16	memory arrays: their use, and their error correction
 *	type 17	memory devices: one per slot, of the array whose handle it names
 *
 * Texts are numbers of the strings after a structure, from 1. Pure but for smbios_read().
 */
#ifndef P2V_INVENTORY_SMBIOS_H
#define P2V_INVENTORY_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/sysroot.h"
#include "inventory/machine.h"

struct smbios_memory {
	uint64_t bytes;		/* of all memory devices that are system memory */
	unsigned int slots;	/* populated or not */
	unsigned int devices;	/* populated ones */
	bool unknown;		/* a populated device whose size the firmware does not know */
};

/*
 * The whole table; from a kernel before 4.2, which has the structures one by one, those of the
 * types above. *ret stays NULL when there is none. 0 or -ENOMEM.
 */
int smbios_read(const struct sysroot *root, char **ret, size_t *ret_len);

/*
 * Add what the table, or one structure of it, tells. Volatile memory that belongs to an array for
 * system use counts; flash, cache and persistent memory do not.
 */
void smbios_memory_sum(const void *table, size_t len, struct smbios_memory *sum);

/*
 * All memory devices, in the table's order: as struct machine_memory_slot says; texts that stand
 * for "nothing" ("Not Specified") are left out. The list ends at max; *ret_full then. 0 or -ENOMEM.
 */
int smbios_slots(const void *table, size_t len, size_t max, struct machine_memory *ret,
		 bool *ret_full);
/* Error correction of the first array of system memory that tells; NULL: none does. A constant. */
const char *smbios_ecc(const void *table, size_t len);
/* Type 11, all of them; empty ones are passed over. 0 or -ENOMEM. */
int smbios_oem_strings(const void *table, size_t len, size_t max, struct machine_strv *ret);

#endif

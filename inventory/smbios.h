/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SMBIOS structure table (DSP0134 3.7) as /sys/firmware/dmi/tables/DMI holds it: memory
 * devices only, the rest is read from /sys/class/dmi/id. Written by firmware, so every length is
 * checked; a structure that does not fit ends the walk. Pure.
 */
#ifndef P2V_INVENTORY_SMBIOS_H
#define P2V_INVENTORY_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smbios_memory {
	uint64_t bytes;		/* of all memory devices that are system memory */
	unsigned int slots;	/* populated or not */
	unsigned int devices;	/* populated ones */
	bool unknown;		/* a populated device whose size the firmware does not know */
};

/*
 * Add what the table, or one structure of it, tells. Volatile memory that belongs to an array for
 * system use counts; flash, cache and persistent memory do not.
 */
void smbios_memory_sum(const void *table, size_t len, struct smbios_memory *sum);

#endif

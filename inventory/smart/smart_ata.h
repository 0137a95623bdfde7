/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an ATA disk says of its health (ATA/ATAPI Command Set 3, 7.46 and SFF-8035i for the
 * attributes, which every maker fills as he likes; SAT-4 12.2 for the way registers come back in
 * sense data). Pure decoders of what smart_live.c asks for; any bytes are safe.
 *
 *	attribute 5	reallocated sectors		reallocated
 *	9		power-on hours			power_on_hours
 *	187, 198	uncorrectable errors, sectors	uncorrectable: the larger
 *	194, 190	temperature			temperature; 190 if there is no 194
 *	197		pending sectors			pending
 */
#ifndef P2V_INVENTORY_SMART_ATA_H
#define P2V_INVENTORY_SMART_ATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/err.h"
#include "inventory/machine.h"

#define SMART_ATA_PAGE	512

struct smart_ata_regs {			/* the registers after a command; low bytes only */
	uint8_t error, count, lba_low, lba_mid, lba_high, device, status;
};

/* From descriptor or fixed sense data; -EBADMSG when there are none in it. */
int smart_ata_registers(const void *sense, size_t len, struct smart_ata_regs *ret);
/* After CHECK POWER MODE: a command that reads would spin the disk up. */
bool smart_ata_asleep(const struct smart_ata_regs *r);
/* After SMART RETURN STATUS: *ret_failed; -EBADMSG when it is neither answer. */
int smart_ata_status(const struct smart_ata_regs *r, bool *ret_failed);
/* One attribute with its raw value of 48 bits. */
void smart_ata_attribute(uint8_t id, uint64_t raw, struct machine_smart *ret);
/* The page of SMART READ DATA. -EBADMSG: too short, or its checksum is wrong. */
int smart_ata_attributes(const void *page, size_t len, struct machine_smart *ret, struct err *err);
/*
 * Which attributes are at or below their threshold: the pages of READ DATA and of READ THRESHOLDS,
 * SMART_ATA_PAGE bytes each. *ret: "reallocated sectors, attribute 22", NULL when none is. -ENOMEM.
 */
int smart_ata_failing(const void *page, const void *thresholds, char **ret);
/* "reallocated sectors"; NULL for one that has no common name. */
const char *smart_ata_name(uint8_t id);

#endif

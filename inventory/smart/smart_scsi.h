/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a SCSI or SAS disk says of its health: sense data (SPC-5 4.4) and log pages (SPC-5 7.3,
 * SBC-4 6.5). Pure decoders of what smart_live.c asks for; any bytes are safe.
 *
 *	page 2fh	informational exceptions	status, detail; temperature
 *	0dh		temperature			temperature
 *	15h		background scan			power_on_hours; pending: its results that
 *							wait for the sector to be written
 *	02h 03h 05h	write, read, verify errors	uncorrectable: their sum
 *	11h		solid state media		percentage_used
 */
#ifndef P2V_INVENTORY_SMART_SCSI_H
#define P2V_INVENTORY_SMART_SCSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/err.h"
#include "inventory/machine.h"

#define SMART_SCSI_PAGES	0x00	/* which pages there are */
#define SMART_SCSI_WRITE	0x02
#define SMART_SCSI_READ		0x03
#define SMART_SCSI_VERIFY	0x05
#define SMART_SCSI_TEMPERATURE	0x0d
#define SMART_SCSI_SOLID_STATE	0x11
#define SMART_SCSI_SCAN		0x15
#define SMART_SCSI_EXCEPTIONS	0x2f

struct smart_scsi_sense {
	uint8_t key, asc, ascq;
};

/* Fixed or descriptor sense data; -EBADMSG when it is neither. */
int smart_scsi_sense(const void *sense, size_t len, struct smart_scsi_sense *ret);
/* The disk stands: what reads would start it. */
bool smart_scsi_asleep(const struct smart_scsi_sense *s);
/* Set status, and detail, from additional sense of informational exceptions. 0 or -ENOMEM. */
int smart_scsi_status(uint8_t asc, uint8_t ascq, struct machine_smart *ret);
/* The page of SMART_SCSI_PAGES lists that one. */
bool smart_scsi_has_page(const void *page, size_t len, uint8_t code);
/*
 * Add what a log page tells, whichever it is; one of another kind tells nothing. A page that is
 * cut off is read as far as it goes. -EBADMSG when it is not page code, -ENOMEM.
 */
int smart_scsi_page(const void *page, size_t len, uint8_t code, struct machine_smart *ret,
		    struct err *err);
/* The header of READ DEFECT DATA (10): how many defects have grown. -EBADMSG. */
int smart_scsi_defects(const void *header, size_t len, uint64_t *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EFI variables as efivarfs shows them: four bytes of attributes, then the value (UEFI 2.10, 3.1.3
 * and 3.3; device paths: 10.3). The values are the firmware's, or anyone's who could write them:
 * every length is checked, and what does not parse is -EBADMSG. Pure: memory in, model out.
 */
#ifndef P2V_INVENTORY_EFIVAR_H
#define P2V_INVENTORY_EFIVAR_H

#include <stddef.h>
#include "common/err.h"
#include "inventory/machine.h"

#define EFIVAR_GLOBAL	"8be4df61-93ca-11d2-aa0d-00e098032b8c"

/*
 * Boot####: the entry gets label, active, file and partition_uuid; number is the caller's. An entry
 * that boots from a network card or a firmware volume has neither file nor partition. On failure
 * the entry is untouched.
 */
int efivar_load_option(const void *data, size_t len, struct machine_boot_entry *ret,
		       struct err *err);
/* BootOrder: a malloc'd list of n numbers. */
int efivar_boot_order(const void *data, size_t len, uint16_t **ret, size_t *ret_n, struct err *err);
/* BootCurrent. */
int efivar_u16(const void *data, size_t len, uint16_t *ret, struct err *err);
/* SecureBoot, SetupMode. */
int efivar_bool(const void *data, size_t len, bool *ret, struct err *err);

#endif

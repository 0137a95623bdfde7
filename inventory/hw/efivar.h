/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EFI variables as efivarfs shows them: four bytes of attributes, then the value (UEFI 2.10, 3.1.3
 * and 3.3; device paths: 10.3). The values are the firmware's, or anyone's who could write them:
 * every length is checked, and what does not parse is -EBADMSG. Pure: memory in, model out.
 */
#ifndef P2V_INVENTORY_EFIVAR_H
#define P2V_INVENTORY_EFIVAR_H

#include <stddef.h>
#include "common/cleanup.h"
#include "common/digest.h"
#include "common/err.h"
#include "inventory/machine.h"

#define EFIVAR_GLOBAL	"8be4df61-93ca-11d2-aa0d-00e098032b8c"
/* Of shim, the boot loader that checks for Secure Boot. */
#define EFIVAR_SHIM	"605dab50-e046-4300-abb6-3dd810dd8b23"

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
/* SecureBoot, SetupMode, MokSBStateRT. */
int efivar_bool(const void *data, size_t len, bool *ret, struct err *err);

/*
 * Certificates in signature lists (UEFI 2.10, 32.4.1), each once however many variables hold it: a
 * list too long for one variable is split, and old versions of shim repeat what came before.
 */
#define EFIVAR_CERTS_MAX	4096
struct efivar_certs {
	uint8_t (*digests)[SHA256_LEN];
	size_t n;
};
/*
 * Add the X.509 certificates of MokListRT; hashes and bare keys are passed over. Lists that do not
 * fit are -EBADMSG; those before them are counted. Past EFIVAR_CERTS_MAX: -E2BIG.
 */
int efivar_certs_add(struct efivar_certs *c, const void *data, size_t len, struct err *err);
void efivar_certs_done(struct efivar_certs *c);
DEFINE_CLEANUP_VALUE(struct efivar_certs, efivar_certs_done)

#endif

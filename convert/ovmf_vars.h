/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The file in which OVMF keeps a virtual machine's UEFI variables.
 *
 *	0	firmware volume header: zeroes, GUID, length, "_FVH", header length, check sum
 *	72	variable store header: GUID, size, format 0x5a, state 0xfe
 *	100	variables: a header of 60 bytes, name, data; each begins on a multiple of 4
 *	...	0xff up to the end of the store
 *	...	what belongs to fault tolerant writes: kept as it is
 *
 * A variable is there when its state says "added" and not "deleted"; one that is "in deleted
 * transition" counts as long as no newer one of its name is there. A store that is written anew
 * holds only those that count, as after the firmware's own clean-up.
 *
 * The layout is that of the UEFI Platform Initialization specification 1.7, volume 3, 3.2.1
 * (firmware volumes), and of EDK2's MdeModulePkg/Include/Guid/VariableFormat.h and
 * OvmfPkg/VarStore.fdf.inc. Only stores of authenticated variables are known, as OVMF has had
 * them since 2013.
 *
 * Pure: memory in, memory out. The file may come from a hostile place: every length is checked.
 */
#ifndef P2V_CONVERT_OVMF_VARS_H
#define P2V_CONVERT_OVMF_VARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"

/* UEFI 2.10, 8.2: non-volatile, for boot services, for the running system. */
#define OVMF_VAR_DEFAULT	0x7u
#define OVMF_VARS_MAX_FILE	((size_t)16 << 20)

/* EFI_GLOBAL_VARIABLE, 8be4df61-93ca-11d2-aa0d-00e098032b8c, as its bytes lie in a store. */
extern const uint8_t ovmf_vars_global[16];

struct ovmf_var {
	uint8_t guid[16];
	uint8_t *name;			/* UTF-16LE with its NUL */
	size_t name_len;		/* bytes */
	uint8_t *data;
	size_t len;
	uint32_t attributes;
	uint8_t auth[28];		/* counter, time stamp and key index, as they were */
};

struct ovmf_vars {
	uint8_t *file;			/* the whole file as it was read */
	size_t size;
	size_t store, store_size;	/* where the variable store lies in it */
	struct ovmf_var *v;		/* in the order of the file */
	size_t n;
};

/* -EBADMSG: not such a store, or a damaged one; err says what does not fit. */
int ovmf_vars_parse(const void *data, size_t size, struct ovmf_vars **ret, struct err *err);
void ovmf_vars_free(struct ovmf_vars *vars);
DEFINE_CLEANUP(struct ovmf_vars *, ovmf_vars_free)

/* name is ASCII. NULL when there is no such variable. */
const struct ovmf_var *ovmf_vars_find(const struct ovmf_vars *vars, const uint8_t guid[static 16],
				      const char *name);
/* Add or replace; no authenticated ones. -EINVAL: the name is not plain ASCII; -ENOMEM. */
int ovmf_vars_set(struct ovmf_vars *vars, const uint8_t guid[static 16], const char *name,
		  uint32_t attributes, const void *data, size_t len, struct err *err);
/* Take out the i-th. */
void ovmf_vars_remove(struct ovmf_vars *vars, size_t i);
/* The file with its variables as they are now: size bytes, malloc'd. -ENOSPC: they do not fit. */
int ovmf_vars_build(const struct ovmf_vars *vars, uint8_t **ret, size_t *ret_size,
		    struct err *err);

#endif

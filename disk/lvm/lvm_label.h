/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The binary part of LVM2's metadata: the label with the PV header, and the metadata areas that
 * the header names. Internal to lvm_*.c. Checksums, magic numbers and every place are checked.
 */
#ifndef P2V_DISK_LVM_LABEL_H
#define P2V_DISK_LVM_LABEL_H

#include <stddef.h>
#include <stdint.h>
#include "disk/lvm/lvm_source.h"

#define LVM_MDAS_MAX	2
#define LVM_CRC_INITIAL	0xf597a6cfu

struct lvm_area {			/* bytes from the PV's start, inside it */
	uint64_t offset, length;
};

struct lvm_header {
	char uuid[33];			/* as it is stored: without dashes */
	uint64_t device_size;
	struct lvm_area data, mda[LVM_MDAS_MAX];
	unsigned int mdas;		/* 0: others of the group have the metadata */
};

/* The label sector and what its header says. */
int lvm_label_read(const struct lvm_source *s, struct lvm_header *ret);
/*
 * The committed text out of the metadata areas' rings; when there are two, they must agree. *ret
 * is malloc'd and has a NUL behind its *ret_len bytes; it is NULL when the PV has no area that is
 * in use.
 */
int lvm_area_find(const struct lvm_source *s, const struct lvm_header *h, char **ret,
		  size_t *ret_len);
/* The same, but then it is a doubt. */
int lvm_area_read(const struct lvm_source *s, const struct lvm_header *h, char **ret,
		  size_t *ret_len);

#endif

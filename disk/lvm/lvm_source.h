/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The PV that is being looked at, for the layers of lvm_assemble.h: where its bytes are, and where
 * to say why it is not trusted. Used by lvm_*.c, and by the inventory, which reads through its own
 * descriptor and wants the names in the metadata only (inventory/content/content_lvm.c).
 *
 * Each layer may end in doubt (0), success (1) or an error (-ENOMEM, -EIO).
 */
#ifndef P2V_DISK_LVM_SOURCE_H
#define P2V_DISK_LVM_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include "common/compiler.h"
#include "common/err.h"

#define LVM_SECTOR		512u	/* whatever the disk's is */
#define LVM_LABEL_SECTORS	4u	/* the label is in one of the first four */

struct lvm_source {
	/* Bytes at an offset from the PV's start; 0 or -errno with err set. */
	int (*read)(void *arg, void *buf, size_t len, uint64_t offset, struct err *err);
	void *arg;
	uint64_t length;		/* of the PV */
	char **why;
	struct err *err;
};

/* Why not (any earlier reason is forgotten); 0, or -ENOMEM. */
int lvm_source_doubt(const struct lvm_source *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* read(); the caller has checked that the bytes are inside the PV. */
int lvm_source_read(const struct lvm_source *s, void *buf, size_t len, uint64_t offset);

#endif

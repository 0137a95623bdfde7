/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is on a block device: its partition table, or the filesystem it (or a part of it) holds.
 * Either libblkid reads it through a read-only descriptor, or a record of what it once said is
 * parsed: the lines of `blkid -p -o udev`, which are also those of udev's database.
 */
#ifndef P2V_INVENTORY_BLK_PROBE_H
#define P2V_INVENTORY_BLK_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "inventory/machine.h"

struct blk_part {
	uint32_t number;
	uint64_t start, size;		/* bytes */
	char *type, *uuid, *label;	/* as in struct machine_partition */
	bool boot, extended;
};

struct blk_table {
	char *type, *id;		/* "gpt", "dos", ...; NULL: none */
	struct blk_part *parts;
	size_t nparts;
};

/* All return 0, -ENOMEM, or -EIO when libblkid cannot read the device. */

/*
 * Outermost table only: a BSD label inside an MBR partition is that partition's matter. sector: the
 * logical sector's bytes, by which a GPT is found; 0 unknown.
 */
int blk_probe_table(int fd, uint32_t sector, struct blk_table *ret);
/*
 * The filesystem in [offset, offset + size) of fd; size 0: to its end. *ret_ambiguous (may be
 * NULL): more than one fits, and ret says nothing. Members that are set already are kept.
 */
int blk_probe_fs(int fd, uint64_t offset, uint64_t size, struct machine_fs *ret,
		 bool *ret_ambiguous);

/* From a record; what is there fills members that are not set. */
int blk_probe_parse_fs(const char *text, struct machine_fs *ret);
int blk_probe_parse_table(const char *text, struct blk_table *ret);
int blk_probe_parse_part(const char *text, struct blk_part *ret);

void blk_probe_table_done(struct blk_table *t);
DEFINE_CLEANUP_VALUE(struct blk_table, blk_probe_table_done)
void blk_probe_part_done(struct blk_part *p);
DEFINE_CLEANUP_VALUE(struct blk_part, blk_probe_part_done)

#endif

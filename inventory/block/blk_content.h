/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a device holds beyond what libblkid tells of it: the decoder for its type (content.h) is run
 * on the device itself, on its place on the disk, or on what was recorded of it. Internal to
 * collect_block() and blk_*.c.
 *
 * At most BLK_CONTENT_READ_MAX bytes are read of one device. What is damaged becomes a warning
 * that names the device; the rest of the machine is complete.
 */
#ifndef P2V_INVENTORY_BLK_CONTENT_H
#define P2V_INVENTORY_BLK_CONTENT_H

#include "inventory/block/blk_walk.h"

#define BLK_CONTENT_READ_MAX	(2u << 20)

/*
 * fs->type says what is there. fd: the device, or the disk that it is a part of; -1: neither can
 * be read, there may be records. size 0: from offset to the end. 0 or -ENOMEM.
 */
int blk_content_add(const struct blk_walk *b, const char *name, int fd, uint64_t offset,
		    uint64_t size, struct machine_fs *fs);
/*
 * After the last device: a mounted btrfs of several devices shows one of them in the mount table;
 * the others are not dirty either.
 */
void blk_content_settle(struct machine *m);

#endif

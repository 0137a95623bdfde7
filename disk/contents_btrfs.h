/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The level of btrfs, between those that make volumes and that of single filesystems: a filesystem
 * on several devices is in several contents at once. They are put together by fsid, and read
 * together or not at all.
 */
#ifndef P2V_DISK_CONTENTS_BTRFS_H
#define P2V_DISK_CONTENTS_BTRFS_H

#include "disk/contents.h"

/* All contents of that kind are done then. A filesystem on several devices becomes a volume. */
int contents_btrfs_read(struct contents *c, struct err *err);

#endif

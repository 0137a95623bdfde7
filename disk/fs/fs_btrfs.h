/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * btrfs does its own volume management: one filesystem may lie on several devices, and which bytes
 * of one are free is written on all of them. So it is asked for the whole filesystem at once:
 *
 *	fs_btrfs_identify()	of each space: which filesystem, which of its devices
 *	fs_btrfs_map()		of all devices of one filesystem: what is free on each
 *
 * Everything else is as fs.h says: doubt is 0 with a reason, and then no map is to be used.
 */
#ifndef P2V_DISK_FS_FS_BTRFS_H
#define P2V_DISK_FS_FS_BTRFS_H

#include <stddef.h>
#include <stdint.h>
#include "common/bitmap.h"
#include "common/err.h"
#include "disk/space.h"

#define FS_BTRFS_UUID_LEN	16

/*
 * Which filesystem and which of its devices lies in the space. 1; 0: doubt, *ret_why says why;
 * -errno.
 */
int fs_btrfs_identify(const struct space *s, uint8_t fsid[static FS_BTRFS_UUID_LEN],
		      uint64_t *ret_devid, uint64_t *ret_num_devices, char **ret_why,
		      struct err *err);

/* For people: the label, else the fsid; malloc'd and escaped. For a space that was identified. */
int fs_btrfs_name(const struct space *s, char **ret, struct err *err);

/*
 * One filesystem on n devices, all that were found; maps[i] is devices[i]'s, all set. As fs_map_fn:
 * 1 trusted, 0 doubt: then all maps are all set.
 */
int fs_btrfs_map(struct space *const *devices, struct bitmap *const *maps, size_t n,
		 char **ret_why, struct err *err);

#endif

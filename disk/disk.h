/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A source disk: a block device or a raw image file, opened read-only (O_RDONLY, O_DIRECT where it
 * works) and never written. Nothing in this folder opens a source in any other way.
 *
 * size is taken once at open. Reads past it are refused; a device that has become smaller shows up
 * as -ENODATA. Any thread may call disk_read (pread underneath).
 */
#ifndef P2V_DISK_DISK_H
#define P2V_DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "common/sysroot.h"

struct disk {
	int fd;
	char *path;
	uint64_t size;			/* bytes, multiple of 512 */
	uint32_t logical_sector, physical_sector;
	bool block_device;
	bool direct;			/* O_DIRECT is in force */
};

/*
 * -ENOTBLK when path is neither block device nor regular file; -EINVAL when empty or not a
 * multiple of 512 bytes. sector: logical sector size to assume for an image file (0 = 512).
 */
int disk_open(const char *path, uint32_t sector, struct disk **ret, struct err *err);
void disk_free(struct disk *d);
DEFINE_CLEANUP(struct disk *, disk_free)

/*
 * len bytes at offset, any alignment (bounced when it must be). -EIO (media), -ENODATA (disk became
 * smaller), -ERANGE.
 */
int disk_read(const struct disk *d, void *buf, size_t len, uint64_t offset, struct err *err);
/* Can it be read as it is, in one go and without a bounce buffer? */
bool disk_aligned(const struct disk *d, const void *buf, size_t len, uint64_t offset);
/*
 * Is the range a hole of an image file, which reads as zeroes? False also when the filesystem
 * does not tell, and for devices.
 */
bool disk_is_hole(const struct disk *d, uint64_t offset, uint64_t length);
/*
 * A second read-only descriptor of the same device or file, through the page cache (dropped first,
 * so that it cannot be stale), for a library that wants one. The caller closes it.
 */
int disk_reopen(const struct disk *d, struct err *err);
/*
 * Is it in use read-write on this machine (a mounted filesystem or active swap on the disk, a
 * partition of it, or a dm/md device above)? 1 and the first user's description in *ret_by
 * ("/dev/sda1 mounted read-write on /"; malloc'd), 0 not, -errno. Reads /proc and /sys.
 */
int disk_in_use(const struct disk *d, char **ret_by, struct err *err);
/*
 * The same for the machine recorded below s. rdev: the block device, or 0 for an image file, which
 * is known by the loop devices whose backing file is image_path.
 */
int disk_in_use_at(const struct sysroot *s, dev_t rdev, const char *image_path, char **ret_by,
		   struct err *err);

#endif

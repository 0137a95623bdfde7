/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing one more archive of an initramfs: cpio as the kernel reads it ("newc"), everything owned
 * by root, with no times in it, so that the same files make the same bytes.
 */
#ifndef P2V_POSTFIX_RAMDISK_WRITE_H
#define P2V_POSTFIX_RAMDISK_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/err.h"

struct ramdisk_put {
	const char *name;		/* no "/" in front */
	uint32_t mode;			/* as st_mode: a folder or a regular file */
	const void *data;
	size_t len;
};

/*
 * Append an archive of these to what is in fd: zeroes up to the next multiple of 4 and pad more,
 * then the archive, gzip'd or as it is. Folders stand before what is in them: the caller sees to it.
 */
int ramdisk_write_append(int fd, unsigned int pad, const struct ramdisk_put *v, size_t n, bool gzip,
			 struct err *err);

#endif

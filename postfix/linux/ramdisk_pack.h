/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How an initramfs is packed: which compression begins at a place, where it ends, and what it
 * unpacks to. The kernel takes any number of archives one behind the other, each packed in its own
 * way, with zero bytes between them (Documentation/driver-api/early-userspace/buffer-format.rst).
 *
 * The data is hostile: it comes from a guest. Nothing is read past len, and what it unpacks to is
 * handed on in pieces, so the caller bounds it. Any thread.
 */
#ifndef P2V_POSTFIX_RAMDISK_PACK_H
#define P2V_POSTFIX_RAMDISK_PACK_H

#include <stddef.h>
#include <stdint.h>
#include "common/err.h"

enum ramdisk_pack {
	RAMDISK_PACK_CPIO,		/* not packed */
	RAMDISK_PACK_GZIP, RAMDISK_PACK_XZ, RAMDISK_PACK_ZSTD, RAMDISK_PACK_LZ4, /* legacy frames */
	RAMDISK_PACK_BZIP2, RAMDISK_PACK_LZMA,
	RAMDISK_PACK_LZO,		/* known, and not read here */
	RAMDISK_PACK_UNKNOWN,
};

enum ramdisk_pack ramdisk_pack_kind(const void *data, size_t len);
const char *ramdisk_pack_name(enum ramdisk_pack kind);	/* "gzip" */
/*
 * Unpack what begins at data and give it to sink piece by piece; sink returns 0, or -errno, which
 * ends it. *ret_used: how many of the len bytes it took. -EBADMSG: damaged; -ENOTSUP: a kind that
 * is not read here.
 */
int ramdisk_pack_read(enum ramdisk_pack kind, const void *data, size_t len,
		      int (*sink)(void *opaque, const void *piece, size_t n, struct err *err),
		      void *opaque, size_t *ret_used, struct err *err);

#endif

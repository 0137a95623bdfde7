/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading with a failing disk in mind. A range that cannot be read at once is halved again and
 * again down to one logical sector, so that exactly the unreadable sectors are found; a sector is
 * tried READER_RETRIES times. In READER_STOP mode the first unreadable sector is an error that
 * names it; in READER_ZERO mode it is zero-filled and added to bad.
 */
#ifndef P2V_DISK_READER_H
#define P2V_DISK_READER_H

#include "common/extent.h"
#include "disk/disk.h"

#define READER_RETRIES 3

enum reader_mode { READER_STOP, READER_ZERO };

/* The source of bytes, so that tests can plant bad sectors: as disk_read(). */
typedef int reader_read_fn(void *opaque, void *buf, size_t len, uint64_t offset, struct err *err);

struct reader {
	reader_read_fn *read;
	void *opaque;
	uint32_t sector;		/* logical sector size: the smallest read */
	enum reader_mode mode;
	const char *name;		/* for messages: the disk's path */
};

/* A reader on a disk. */
void reader_init(struct reader *r, const struct disk *d, enum reader_mode mode);
/*
 * Fill buf with len bytes at offset (both multiples of the sector). bad: unreadable ranges are
 * added (kind 0), may be NULL in STOP mode. 0 all read; 1 some zero-filled; -EIO (STOP); other
 * -errno are not media errors and are not retried (-ENODATA: the disk became smaller).
 */
int reader_read(const struct reader *r, void *buf, size_t len, uint64_t offset, struct extents *bad,
		struct err *err);

#endif

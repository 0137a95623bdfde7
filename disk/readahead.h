/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many reads of one disk in flight, so that an SSD, a RAID or an array has something to do on all
 * of its channels, and a disk has read the next chunk while this one is being hashed.
 *
 *	readahead_start(a) readahead_start(b) ... readahead_next() = a, readahead_next() = b
 *
 * Reads come back in the order they were started. Engines, the first one that works here:
 *
 *	io_uring	one system call for many reads (Linux 5.1; often forbidden in containers)
 *	threads		a few threads with pread each
 *	none		nothing is read ahead: readahead_next() always says "read it yourself"
 *
 * A read ahead is only an attempt. One that fails, comes short or is not aligned as the device
 * wants it is left to the caller, who reads the range again by reader.h: only there it is found
 * out which sector is bad, and only there errors get their words.
 *
 * One thread uses a readahead. The buffers are the caller's, and belong to the kernel until their
 * read came back or readahead_free() has returned.
 */
#ifndef P2V_DISK_READAHEAD_H
#define P2V_DISK_READAHEAD_H

#include "disk/disk.h"

enum readahead_engine { READAHEAD_AUTO, READAHEAD_URING, READAHEAD_THREADS, READAHEAD_NONE };

struct readahead;

/*
 * At most max reads are started and not yet taken. threads: of that engine. The engine that is
 * wanted may be missing (-ENOSYS, -EPERM); AUTO always finds one.
 */
int readahead_new(const struct disk *d, enum readahead_engine engine, unsigned int max,
		  unsigned int threads, struct readahead **ret, struct err *err);
/* Waits for what is in flight. */
void readahead_free(struct readahead *ra);
DEFINE_CLEANUP(struct readahead *, readahead_free)

/* No more than max may be waiting. */
void readahead_start(struct readahead *ra, void *buf, size_t len, uint64_t offset);
/* The oldest one, waited for: true when its bytes are in its buffer; false: read it yourself. */
bool readahead_next(struct readahead *ra);
/* "io_uring", "threads" or "none". */
const char *readahead_name(const struct readahead *ra);

/* "auto", "io_uring", "threads": -EINVAL for other words. */
int readahead_engine_parse(const char *text, enum readahead_engine *ret);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The file of an image being read: past the page cache (O_DIRECT), so that what is verified comes
 * from the disk and not from memory. Where the filesystem refuses that, through the page cache,
 * which is asked to forget the file first. Internal to the qcow2 reader; one thread.
 *
 * Memory: 64 KiB for what is not aligned.
 */
#ifndef P2V_CONVERT_QCOW2_FILE_H
#define P2V_CONVERT_QCOW2_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "common/err.h"

struct qcow2_file {
	int fd;
	bool direct;
	uint64_t size;			/* when it was opened */
	uint8_t *bounce;
};

/* A regular file, else -EBADMSG. f is zeroed first; qcow2_file_done() whatever is returned. */
int qcow2_file_open(struct qcow2_file *f, int dirfd, const char *name, struct err *err);
void qcow2_file_done(struct qcow2_file *f);
/*
 * 0; -ENODATA when it reaches past the end of the file. No copy is made when buf (fdio_alloc()),
 * len and offset are multiples of FDIO_ALIGN.
 */
int qcow2_file_read(struct qcow2_file *f, void *buf, size_t len, uint64_t offset);
/* The same into pieces of memory, for what follows each other in the file. */
int qcow2_file_readv(struct qcow2_file *f, const struct iovec *iov, int n, uint64_t offset);

#endif

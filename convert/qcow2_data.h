/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the bytes of data reach the image file. Internal to the qcow2 writer; one thread.
 *
 *	raw clusters --> O_DIRECT, whole clusters from aligned memory --> disk
 *	             \-> page cache, where the filesystem refuses O_DIRECT
 *	frames ------->  page cache: they begin and end anywhere
 *	patches ------>  page cache: small, scattered, and many
 *
 * Past the page cache nothing is copied twice, a flush has nothing left to write, and a copy of
 * terabytes does not push everything else out of memory. What has to go through the page cache is
 * begun to be written out in steps of 8 MiB, so that a flush does not stall, and dropped from
 * memory once it is durable. Beginning does not wait and looks at no result: an error stays with
 * the file for the fdatasync to report.
 *
 * What a write may rely on afterwards is said in qcow2_write.h. Nothing here makes anything
 * durable. Memory: one cluster, for what is not aligned.
 */
#ifndef P2V_CONVERT_QCOW2_DATA_H
#define P2V_CONVERT_QCOW2_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct qcow2_data {
	int fd;				/* through the page cache; borrowed */
	int direct;			/* past it, -1: refused */
	uint8_t *bounce;		/* one cluster, aligned */
	uint64_t run, run_end;		/* in the page cache, not yet begun to be written out */
	bool cached;			/* the page cache holds data since the last drop */
};

int qcow2_data_init(struct qcow2_data *d, int fd);	/* -ENOMEM */
void qcow2_data_done(struct qcow2_data *d);
/* Try for O_DIRECT. name below dirfd is what fd was opened as; when it is not any more, no. */
void qcow2_data_open_direct(struct qcow2_data *d, int dirfd, const char *name);

/*
 * All: 0 or -errno; a failed write may have been done in part. Raw data starts with a cluster,
 * and the last one is filled with zeroes: past the end of the disk nobody reads, but what a reused
 * cluster held shall not stay.
 */
int qcow2_data_write(struct qcow2_data *d, const void *buf, size_t len, uint64_t offset);
/* Pieces that follow each other in the file; only the last one may be no whole clusters. */
int qcow2_data_writev(struct qcow2_data *d, const struct iovec *iov, int n, uint64_t offset);
/*
 * Whole blocks of IMAGE_BLOCK within one raw cluster that has been written. Through the page cache:
 * they are small and scattered, and the kernel writes thousands of them out at once, where each
 * would have to be waited for past it.
 */
int qcow2_data_patch(struct qcow2_data *d, const void *buf, size_t len, uint64_t offset);
/* Whole raw clusters that have been written; memory from fdio_alloc() saves a copy. */
int qcow2_data_read(struct qcow2_data *d, void *buf, size_t len, uint64_t offset);
int qcow2_data_write_frame(struct qcow2_data *d, const void *buf, size_t len, uint64_t offset);
/* All is durable: the page cache need not keep it. */
void qcow2_data_drop(struct qcow2_data *d);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading back what qcow2_write wrote, for verification: independent of the writer's state, from
 * the file alone. Understands raw, zstd-compressed, zero and unallocated clusters; refuses
 * everything else (backing files, encryption, snapshots, external data) with -ENOTSUP. The file
 * may be hostile. One thread per reader.
 *
 * The file is read past the page cache where the filesystem allows (qcow2_file.h). What was read is
 * kept for the next call, so the file must not change while a reader is open.
 */
#ifndef P2V_CONVERT_QCOW2_READ_H
#define P2V_CONVERT_QCOW2_READ_H

#include <stdint.h>
#include <stdbool.h>
#include "common/bitmap.h"
#include "common/cleanup.h"
#include "common/err.h"

struct qcow2_read;

int qcow2_read_open(int dirfd, const char *name, struct qcow2_read **ret, struct err *err);
void qcow2_read_free(struct qcow2_read *r);
DEFINE_CLEANUP(struct qcow2_read *, qcow2_read_free)
uint64_t qcow2_read_size(const struct qcow2_read *r);
/*
 * Fill buf with [offset, offset + length) of the virtual disk. Memory from fdio_alloc() saves a
 * copy. -EBADMSG names the cluster, -EIO.
 */
int qcow2_read(struct qcow2_read *r, void *buf, uint64_t offset, uint64_t length, struct err *err);
/*
 * True when the whole range is unallocated or zero clusters, so that reading it can be skipped
 * (it reads as zeroes); false when some of it must be read.
 */
bool qcow2_read_is_zero(struct qcow2_read *r, uint64_t offset, uint64_t length);
/*
 * How many of the length bytes from offset on are such, up to the first that must be read (or is
 * damaged). Half a GiB without an L2 table costs one step.
 */
uint64_t qcow2_read_zero_run(struct qcow2_read *r, uint64_t offset, uint64_t length);
/*
 * A hash of the L2 entries of the clusters that the range touches: equal hashes, equal entries. 0
 * when one is neither raw nor unallocated, or cannot be read.
 */
uint64_t qcow2_read_mapping(struct qcow2_read *r, uint64_t offset, uint64_t length);
/*
 * Which clusters of the file have more than one user of which one is a table or a raw cluster, or
 * are such a one and have a refcount that is not 1; a bit each, none in a sound image of our
 * writer's making. -EBADMSG when an entry is damaged or points out of the file. All
 * tables are read. Memory: 4 MiB per TiB of file, half of which stays.
 */
int qcow2_read_shared(struct qcow2_read *r, struct bitmap **ret, struct err *err);
/* Whether one of the clusters that the range is mapped to is in there. */
bool qcow2_read_touches(struct qcow2_read *r, uint64_t offset, uint64_t length,
			const struct bitmap *shared);
/* Bytes the file occupies on its filesystem. */
uint64_t qcow2_read_allocated(const struct qcow2_read *r);

#endif

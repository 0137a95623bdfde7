/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our qcow2 v3 writer: 64 KiB clusters, 16-bit refcounts, no backing file, no snapshots, lazily
 * grown (nothing is allocated until it is written), compression_type zstd when compressed.
 *
 * Overwrite-safe: a cluster that was written before may be written again, raw over compressed and
 * back, with refcounts right at the next flush.
 *
 * Crash rule: data, refcounts of what is new and L2 tables that are new, then fdatasync, then
 * what points to them (L2 tables in place, L1), then fdatasync. So at every instant the tables on
 * disk point only to data that is on disk, and no refcount is too low; after each flush qemu-img
 * check finds neither errors nor leaks. A crash can leave leaked clusters at most, which
 * qcow2_write_open() reclaims. A cluster that was given up is used again only after the flush that
 * made giving it up durable. A raw cluster is overwritten in place.
 *
 * Raw clusters are written with O_DIRECT through a second descriptor where the filesystem allows
 * (qcow2_data.h), tables and packed frames through the page cache. The rule holds as before:
 * - A direct write that has returned may still be in the disk's own cache, and the file's size and
 *   extents in the filesystem's journal. So it counts as not synced, and the fdatasync of step 2,
 *   on the other descriptor of the same inode, makes both durable. The tables that point to it come
 *   after that, as ever.
 * - A host cluster is written in one of the two ways for as long as it is referred to, but for
 *   patches of raw ones, which go through the page cache. One that changes over was free in
 *   between, and became so after an fdatasync: no page of it was dirty then, and none that is clean
 *   is ever written. Dirty pages come from patches, and from the write of a frame that failed
 *   half-way; the kernel writes those out, waits, and drops them before a direct write to the same
 *   range, so that they cannot land on top of it later, and writes them out before a direct read.
 *   All of it is done by one thread.
 * - Errors come from the write itself, not from the next fdatasync, and like every failed write
 *   leave nothing behind that a table points to. ENOSPC and short writes are reported as ever.
 *
 * Peak memory: 17.6 MiB (256 tables of 64 KiB, queue), 32 KiB per TiB of disk (L1), 2 MiB per TiB
 * of file once clusters are freed (one bit each), another 4 MiB per TiB of file during
 * qcow2_write_open(). Two fdatasyncs per flush at most, three when the file grew into another
 * 2 GiB. The writer flushes on its own when all its tables are dirty or 16 GiB wait to be freed.
 *
 * The caller's journal says which ranges are worth keeping: qcow2_write_open() drops every mapping
 * outside keep, so data that was never declared durable cannot surface later.
 */
#ifndef P2V_CONVERT_QCOW2_WRITE_H
#define P2V_CONVERT_QCOW2_WRITE_H

#include <stdbool.h>
#include "convert/image.h"

/*
 * Create name below dirfd (O_EXCL, mode 0600) for a disk of size bytes (multiple of 512, up to
 * 2 PiB). The image is durable and valid (empty) on return, but for the folder's own fsync, which
 * is the caller's. -EEXIST, -ENOSPC, -EROFS, ... On failure there is no file.
 */
int qcow2_write_create(int dirfd, const char *name, uint64_t size, bool compressed,
		       struct image **ret, struct err *err);
/*
 * Take up an image this writer made. keep (granularity a multiple of the cluster) tells which
 * ranges to keep; everything else reads as zeroes afterwards. The file is checked as if it were
 * hostile (tables inside the file, no cluster used twice, ...): -EBADMSG when it is not one of
 * ours or a kept range is damaged (the file is then left untouched); -EINVAL when size or
 * compressed differ. On success the file is consistent and durable. A symbolic link is -ELOOP.
 */
int qcow2_write_open(int dirfd, const char *name, uint64_t size, bool compressed,
		     const struct bitmap *keep, struct image **ret, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Host clusters of an image being written: who may have one, how often it is referred to, when it
 * may be used again. Internal to the qcow2 writer.
 *
 * Taking a cluster is reserve, write the data, commit: reserve brings everything that could fail
 * before the data is written, commit cannot fail, and a failure in between needs no undoing.
 * Giving up a reference is dropping it; the count goes down after the flush that made the tables
 * forget it durably, never earlier (see qcow2_meta.h).
 *
 * The file grows only when nothing is free, so it never holds more than what is referred to plus
 * what was dropped since the last flush. The latter is bounded here (16 GiB, 64 Ki runs): past
 * that the queue asks for a flush of its own.
 *
 * Memory: 2 MiB per TiB of file for the free bitmap, once something is freed; up to 1.3 MiB for
 * the queue.
 */
#ifndef P2V_CONVERT_QCOW2_SPACE_H
#define P2V_CONVERT_QCOW2_SPACE_H

#include "convert/qcow2_meta.h"

/*
 * Up to want clusters in one run inside one region, whose refcount block is then in the cache.
 * They stay free until qcow2_space_commit() gives each its first reference. -EFBIG when the
 * refcount table is full.
 */
int qcow2_space_reserve(struct qcow2_meta *m, uint64_t want, uint64_t *ret_cluster,
			uint64_t *ret_count, struct err *err);
void qcow2_space_commit(struct qcow2_meta *m, uint64_t cluster, uint64_t count);
/* Whether this very cluster is to be had, without a new region being opened for it. */
bool qcow2_space_available(const struct qcow2_meta *m, uint64_t cluster);

/* The refcount, and one more reference; the block must be in the cache for both. */
uint16_t qcow2_space_refcount(const struct qcow2_meta *m, uint64_t cluster);
void qcow2_space_ref(struct qcow2_meta *m, uint64_t cluster);

/* Room in the queue for n more calls of qcow2_space_drop(). May flush. */
int qcow2_space_drop_room(struct qcow2_meta *m, size_t n, struct err *err);
/* Give up one reference to each of the clusters that bytes [host, host + length) touch. */
void qcow2_space_drop(struct qcow2_meta *m, uint64_t host, uint64_t length);
/* After the sync: lower the counts of everything dropped. What fails stays queued. */
int qcow2_space_settle(struct qcow2_meta *m, struct err *err);
/*
 * Give the free clusters back to the filesystem. Only ever an optimisation, so nothing is
 * reported.
 */
void qcow2_space_trim(struct qcow2_meta *m);

#endif

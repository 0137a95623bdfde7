/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where things are in a qcow2 file of ours, and what an L2 entry says. Pure memory, no I/O.
 *
 *	cluster 0     header
 *	1 ...         refcount table, for the largest file the disk can ever need
 *	...           L1 table, for the whole disk
 *	...           refcount block 0
 *	...           L2 tables, data
 *	k * 32768     refcount block k (k >= 1): the first cluster of the 2 GiB it counts
 *
 * Only L2 tables and data are placed freely. Everything else has one possible place, which
 * follows from the disk's size: nothing is ever relocated, and after a crash (or in a hostile
 * file) no refcount structure has to be believed, because none has to be found.
 *
 * The refcount table is generous so that it never fills: a file holds at most two clusters of
 * packed data per cluster of disk (a lone frame that straddles two), the tables, and what waits
 * to be freed (bounded by qcow2_space).
 *
 * Terms: a host cluster is a cluster of the file, a guest cluster one of the virtual disk; a
 * region is the 2 GiB of file that one refcount block counts.
 */
#ifndef P2V_CONVERT_QCOW2_LAYOUT_H
#define P2V_CONVERT_QCOW2_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include "common/err.h"
#include "convert/qcow2_format.h"

/* The header, and the empty list of header extensions after it. */
#define QCOW2_LAYOUT_HEADER	(QCOW2_HEADER_LENGTH + 8)
/* QEMU refuses larger tables. */
#define QCOW2_LAYOUT_L1_MAX	(32u << 20)
#define QCOW2_LAYOUT_REFTABLE_MAX	(8u << 20)

struct qcow2_layout {
	uint64_t size;			/* of the disk, bytes */
	bool compressed;
	uint32_t reftable_clusters;
	uint32_t l1_entries;
	uint64_t reftable_offset;
	uint64_t l1_offset;
	uint64_t refblock0_offset;
	uint64_t fixed;			/* clusters before the first free one */
	uint64_t regions_max;		/* refcount blocks the table has room for */
};

/* -EINVAL: size is 0 or no multiple of 512; -EFBIG: more than qcow2 can address (2 PiB). */
int qcow2_layout_make(uint64_t size, bool compressed, struct qcow2_layout *ret, struct err *err);
/* File offset of a refcount block. */
uint64_t qcow2_layout_refblock(const struct qcow2_layout *l, uint64_t region);
/* True when a host cluster can hold neither data nor an L2 table. */
bool qcow2_layout_reserved(const struct qcow2_layout *l, uint64_t cluster);
void qcow2_layout_header(const struct qcow2_layout *l, bool dirty,
			 uint8_t buf[QCOW2_LAYOUT_HEADER]);
/*
 * Is this the header of such a file, whether dirty or not? -EINVAL when it only differs in size or
 * compression, -EBADMSG when it is no header of ours.
 */
int qcow2_layout_check(const struct qcow2_layout *l, const uint8_t buf[QCOW2_LAYOUT_HEADER],
		       struct err *err);

enum qcow2_kind {
	QCOW2_KIND_NONE,		/* unallocated, reads as zeroes */
	QCOW2_KIND_ZERO,		/* marked as zeroes, host may be preallocated */
	QCOW2_KIND_RAW,
	QCOW2_KIND_PACKED,		/* compressed */
	QCOW2_KIND_BAD,			/* no valid entry */
};

struct qcow2_entry {
	enum qcow2_kind kind;
	uint64_t host;			/* file offset of the first byte */
	uint64_t length;		/* bytes claimed: a cluster, or up to a sector's end */
};

/* cluster_bits is in [9, 21]. No entry makes host + length wrap. */
struct qcow2_entry qcow2_layout_decode(uint64_t entry, unsigned int cluster_bits);
/* Entries for our 64 KiB clusters. */
uint64_t qcow2_layout_raw(uint64_t host);
uint64_t qcow2_layout_packed(uint64_t host, uint32_t len);

#endif

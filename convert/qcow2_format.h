/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * qcow2 version 3 on disk, the part we write and read. Source: QEMU's docs/interop/qcow2.txt.
 * All fields are big-endian and are put and got one by one (common/bytes.h).
 */
#ifndef P2V_CONVERT_QCOW2_FORMAT_H
#define P2V_CONVERT_QCOW2_FORMAT_H

#include <stdint.h>

#define QCOW2_MAGIC			0x514649fbu	/* "QFI\xfb" */
#define QCOW2_CLUSTER_BITS		16
#define QCOW2_CLUSTER_SIZE		(1u << QCOW2_CLUSTER_BITS)
#define QCOW2_REFCOUNT_ORDER		4		/* 16 bits a count */
#define QCOW2_HEADER_LENGTH		112		/* to compression_type, padded to 8 */
#define QCOW2_L2_ENTRIES		(QCOW2_CLUSTER_SIZE / 8)
#define QCOW2_REFBLOCK_ENTRIES		(QCOW2_CLUSTER_SIZE / 2)
#define QCOW2_SECTOR			512u		/* unit of compressed cluster lengths */

/* Header fields, byte offsets */
enum {
	QCOW2_H_MAGIC = 0,
	QCOW2_H_VERSION = 4,
	QCOW2_H_BACKING_OFFSET = 8,
	QCOW2_H_BACKING_SIZE = 16,
	QCOW2_H_CLUSTER_BITS = 20,
	QCOW2_H_SIZE = 24,
	QCOW2_H_CRYPT = 32,
	QCOW2_H_L1_SIZE = 36,
	QCOW2_H_L1_OFFSET = 40,
	QCOW2_H_REFTABLE_OFFSET = 48,
	QCOW2_H_REFTABLE_CLUSTERS = 56,
	QCOW2_H_NB_SNAPSHOTS = 60,
	QCOW2_H_SNAPSHOTS_OFFSET = 64,
	QCOW2_H_INCOMPATIBLE = 72,
	QCOW2_H_COMPATIBLE = 80,
	QCOW2_H_AUTOCLEAR = 88,
	QCOW2_H_REFCOUNT_ORDER = 96,
	QCOW2_H_HEADER_LENGTH = 100,
	QCOW2_H_COMPRESSION = 104,
};

#define QCOW2_INCOMPAT_DIRTY		(UINT64_C(1) << 0)
#define QCOW2_INCOMPAT_CORRUPT		(UINT64_C(1) << 1)
#define QCOW2_INCOMPAT_COMPRESSION	(UINT64_C(1) << 3)
#define QCOW2_COMPRESSION_ZLIB		0
#define QCOW2_COMPRESSION_ZSTD		1

/* L1 and L2 entries */
#define QCOW2_COPIED			(UINT64_C(1) << 63)
#define QCOW2_COMPRESSED		(UINT64_C(1) << 62)
#define QCOW2_OFFSET_MASK		UINT64_C(0x00fffffffffffe00)
#define QCOW2_L2_ZERO			(UINT64_C(1) << 0)

#endif

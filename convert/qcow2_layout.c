/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "convert/qcow2_layout.h"

#define L2_SPAN		((uint64_t)QCOW2_L2_ENTRIES * QCOW2_CLUSTER_SIZE)
#define REGION_SPAN	((uint64_t)QCOW2_REFBLOCK_ENTRIES * QCOW2_CLUSTER_SIZE)
/* Room for what waits to be freed and for the fixed tables, on top of what the disk needs. */
#define FILE_SLACK	(64 * GIB)

int qcow2_layout_make(uint64_t size, bool compressed, struct qcow2_layout *ret, struct err *err)
{
	uint64_t l1_entries, l1_clusters, file, table;
	struct qcow2_layout l = { .size = size, .compressed = compressed };

	if (size == 0 || size % QCOW2_SECTOR)
		return err_set(err, EINVAL, "disk size %" PRIu64 " is no multiple of 512 bytes",
			       size);
	l1_entries = DIV_ROUND_UP(size, L2_SPAN);
	if (l1_entries > QCOW2_LAYOUT_L1_MAX / 8)
		return err_set(err, EFBIG, "disk size %" PRIu64 " is more than qcow2 can hold",
			       size);
	l1_clusters = DIV_ROUND_UP(l1_entries * 8, QCOW2_CLUSTER_SIZE);

	file = size * 2 + size / 2 + FILE_SLACK;
	table = DIV_ROUND_UP(file, REGION_SPAN) * 8;
	table = MIN(table, QCOW2_LAYOUT_REFTABLE_MAX);

	l.l1_entries = (uint32_t)l1_entries;
	l.reftable_clusters = (uint32_t)DIV_ROUND_UP(table, QCOW2_CLUSTER_SIZE);
	l.reftable_offset = QCOW2_CLUSTER_SIZE;
	l.l1_offset = l.reftable_offset + (uint64_t)l.reftable_clusters * QCOW2_CLUSTER_SIZE;
	l.refblock0_offset = l.l1_offset + l1_clusters * QCOW2_CLUSTER_SIZE;
	l.fixed = l.refblock0_offset / QCOW2_CLUSTER_SIZE + 1;
	l.regions_max = (uint64_t)l.reftable_clusters * (QCOW2_CLUSTER_SIZE / 8);
	*ret = l;
	return 0;
}

uint64_t qcow2_layout_refblock(const struct qcow2_layout *l, uint64_t region)
{
	return region == 0 ? l->refblock0_offset : region * REGION_SPAN;
}

bool qcow2_layout_reserved(const struct qcow2_layout *l, uint64_t cluster)
{
	return cluster < l->fixed || cluster % QCOW2_REFBLOCK_ENTRIES == 0;
}

void qcow2_layout_header(const struct qcow2_layout *l, bool dirty, uint8_t buf[QCOW2_LAYOUT_HEADER])
{
	uint64_t incompatible = dirty ? QCOW2_INCOMPAT_DIRTY : 0;

	if (l->compressed)
		incompatible |= QCOW2_INCOMPAT_COMPRESSION;
	memset(buf, 0, QCOW2_LAYOUT_HEADER);
	put_be32(buf + QCOW2_H_MAGIC, QCOW2_MAGIC);
	put_be32(buf + QCOW2_H_VERSION, 3);
	put_be32(buf + QCOW2_H_CLUSTER_BITS, QCOW2_CLUSTER_BITS);
	put_be64(buf + QCOW2_H_SIZE, l->size);
	put_be32(buf + QCOW2_H_L1_SIZE, l->l1_entries);
	put_be64(buf + QCOW2_H_L1_OFFSET, l->l1_offset);
	put_be64(buf + QCOW2_H_REFTABLE_OFFSET, l->reftable_offset);
	put_be32(buf + QCOW2_H_REFTABLE_CLUSTERS, l->reftable_clusters);
	put_be64(buf + QCOW2_H_INCOMPATIBLE, incompatible);
	put_be32(buf + QCOW2_H_REFCOUNT_ORDER, QCOW2_REFCOUNT_ORDER);
	put_be32(buf + QCOW2_H_HEADER_LENGTH, QCOW2_HEADER_LENGTH);
	buf[QCOW2_H_COMPRESSION] = l->compressed ? QCOW2_COMPRESSION_ZSTD : QCOW2_COMPRESSION_ZLIB;
}

int qcow2_layout_check(const struct qcow2_layout *l, const uint8_t buf[QCOW2_LAYOUT_HEADER],
		       struct err *err)
{
	uint8_t want[QCOW2_LAYOUT_HEADER];
	uint64_t incompatible = get_be64(buf + QCOW2_H_INCOMPATIBLE);
	uint64_t size = get_be64(buf + QCOW2_H_SIZE);

	if (get_be32(buf + QCOW2_H_MAGIC) != QCOW2_MAGIC || get_be32(buf + QCOW2_H_VERSION) != 3)
		return err_set(err, EBADMSG, "not a qcow2 version 3 file");
	if (size != l->size)
		return err_set(err, EINVAL,
			       "the image is for a disk of %" PRIu64 " bytes, not %" PRIu64, size,
			       l->size);
	if (!(incompatible & QCOW2_INCOMPAT_COMPRESSION) != !l->compressed)
		return err_set(err, EINVAL, "the image was%s made for compression",
			       l->compressed ? " not" : "");
	/* The header has one possible content, so comparing it is checking it. */
	qcow2_layout_header(l, incompatible & QCOW2_INCOMPAT_DIRTY, want);
	if (memcmp(buf, want, sizeof(want)) != 0)
		return err_set(err, EBADMSG,
			       "the qcow2 header is damaged or of another program's making");
	return 0;
}

struct qcow2_entry qcow2_layout_decode(uint64_t entry, unsigned int cluster_bits)
{
	struct qcow2_entry e = { .kind = QCOW2_KIND_BAD };
	uint64_t cluster = UINT64_C(1) << cluster_bits;
	unsigned int x = 62 - (cluster_bits - 8);

	if (entry & QCOW2_COMPRESSED) {
		uint64_t sectors = ((entry & ~(QCOW2_COPIED | QCOW2_COMPRESSED)) >> x) + 1;

		/*
		 * A copied flag would allow writing in place, which nobody may do to packed
		 * data.
		 */
		if (entry & QCOW2_COPIED)
			return e;
		e.host = entry & ((UINT64_C(1) << x) - 1);
		e.length = sectors * QCOW2_SECTOR - e.host % QCOW2_SECTOR;
		e.kind = QCOW2_KIND_PACKED;
		return e;
	}
	if (entry & ~(QCOW2_COPIED | QCOW2_OFFSET_MASK | QCOW2_L2_ZERO))
		return e;
	e.host = entry & QCOW2_OFFSET_MASK;
	if (e.host % cluster)
		return e;
	if (entry & QCOW2_L2_ZERO) {
		e.kind = QCOW2_KIND_ZERO;
		e.length = e.host ? cluster : 0;
	} else if (e.host) {
		e.kind = QCOW2_KIND_RAW;
		e.length = cluster;
	} else if (entry == 0) {
		e.kind = QCOW2_KIND_NONE;
	}
	return e;
}

uint64_t qcow2_layout_raw(uint64_t host)
{
	return host | QCOW2_COPIED;
}

uint64_t qcow2_layout_packed(uint64_t host, uint32_t len)
{
	uint64_t sectors = DIV_ROUND_UP(host % QCOW2_SECTOR + len, QCOW2_SECTOR);
	unsigned int x = 62 - (QCOW2_CLUSTER_BITS - 8);

	return QCOW2_COMPRESSED | (sectors - 1) << x | host;
}

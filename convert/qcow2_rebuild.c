/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "convert/qcow2_rebuild.h"
#include "convert/qcow2_space.h"

#define CLUSTER		QCOW2_CLUSTER_SIZE
#define L2_SPAN		((uint64_t)QCOW2_L2_ENTRIES * CLUSTER)

struct rebuild {
	struct qcow2_meta *m;
	const struct bitmap *keep;
	struct bitmap *used;		/* host clusters that kept mappings refer to */
	struct bitmap *alone;		/* those that may have no second user */
	uint64_t end;			/* past the last used one */
};

static void rebuild_done(struct rebuild *rb)
{
	bitmap_free(rb->used);
	bitmap_free(rb->alone);
}
DEFINE_CLEANUP_VALUE(struct rebuild, rebuild_done)

static bool kept(const struct rebuild *rb, uint64_t offset)
{
	return offset < rb->keep->size && bitmap_test(rb->keep, offset);
}

/* Enter the user of bytes [host, host + length) of the file; false when they cannot be its. */
static bool claim(struct rebuild *rb, uint64_t host, uint64_t length, bool alone)
{
	if (!range_inside(host, length, rb->m->file_size) ||
	    !range_inside(host, length, rb->used->size))
		return false;
	for (uint64_t c = host / CLUSTER; c <= (host + length - 1) / CLUSTER; c++) {
		uint64_t at = c * CLUSTER;

		if (qcow2_layout_reserved(&rb->m->lay, c) || bitmap_test(rb->alone, at) ||
		    (alone && bitmap_test(rb->used, at)))
			return false;
		bitmap_set_range(rb->used, at, CLUSTER);
		if (alone)
			bitmap_set_range(rb->alone, at, CLUSTER);
		rb->end = MAX(rb->end, c + 1);
	}
	return true;
}

static bool claim_entry(struct rebuild *rb, uint64_t raw)
{
	struct qcow2_entry e = qcow2_layout_decode(raw, QCOW2_CLUSTER_BITS);

	switch (e.kind) {
	case QCOW2_KIND_NONE:
		return true;
	case QCOW2_KIND_RAW:
		return raw & QCOW2_COPIED && claim(rb, e.host, e.length, true);
	case QCOW2_KIND_PACKED:
		return rb->m->lay.compressed && claim(rb, e.host, e.length, false);
	case QCOW2_KIND_ZERO:
	case QCOW2_KIND_BAD:
		break;
	}
	return false;
}

/* Check one L2 table through its L1 entry; *ret_offset is 0 when nothing in it is kept. */
static int check_l2(struct rebuild *rb, uint64_t index, uint64_t l1_entry, uint8_t *table,
		    uint64_t *ret_offset, struct err *err)
{
	struct qcow2_entry e = qcow2_layout_decode(l1_entry, QCOW2_CLUSTER_BITS);
	bool any = false;
	int r;

	*ret_offset = 0;
	if (e.kind == QCOW2_KIND_NONE || !bitmap_any(rb->keep, index * L2_SPAN, L2_SPAN))
		return 0;
	if (e.kind != QCOW2_KIND_RAW || !(l1_entry & QCOW2_COPIED) ||
	    !range_inside(e.host, CLUSTER, rb->m->file_size))
		return err_set(err, EBADMSG, "the L1 entry for 0x%" PRIx64 " is damaged",
			       index * L2_SPAN);
	r = fdio_pread_full(rb->m->fd, table, CLUSTER, e.host);
	if (r < 0)
		return err_code(err, r, "cannot read the L2 table at 0x%" PRIx64, e.host);
	for (uint32_t i = 0; i < QCOW2_L2_ENTRIES; i++) {
		uint64_t offset = index * L2_SPAN + (uint64_t)i * CLUSTER;
		uint64_t entry = get_be64(table + i * 8);

		if (entry == 0 || !kept(rb, offset))
			continue;
		any = true;
		if (!claim_entry(rb, entry))
			return err_set(err, EBADMSG, "the L2 entry for 0x%" PRIx64 " is damaged",
				       offset);
	}
	if (!any)
		return 0;
	if (!claim(rb, e.host, CLUSTER, true))
		return err_set(err, EBADMSG, "the L2 table for 0x%" PRIx64 " lies in other data",
			       index * L2_SPAN);
	*ret_offset = e.host;
	return 0;
}

/* Everything that is kept, without a write. Leaves in m->l1 the L2 tables that stay. */
static int check_tables(struct rebuild *rb, struct err *err)
{
	CLEANUP(mem_free) uint8_t *table = malloc(CLUSTER);
	struct qcow2_meta *m = rb->m;
	int r;

	if (!table)
		return err_nomem(err);
	r = fdio_pread_full(m->fd, m->l1, m->lay.l1_entries * sizeof(*m->l1), m->lay.l1_offset);
	if (r == -ENODATA)
		return err_set(err, EBADMSG, "the file ends inside the L1 table");
	if (r < 0)
		return err_code(err, r, "cannot read the L1 table");
	for (uint32_t i = 0; i < m->lay.l1_entries; i++) {
		r = check_l2(rb, i, be64toh(m->l1[i]), table, &m->l1[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int find_free(struct rebuild *rb, struct err *err)
{
	struct qcow2_meta *m = rb->m;
	int r;

	r = bitmap_new(m->end * CLUSTER, CLUSTER, &m->free);
	if (r < 0)
		return err_code(err, r, "cannot note the free clusters");
	for (uint64_t c = m->lay.fixed; c < m->end; c++) {
		if (bitmap_test(rb->used, c * CLUSTER) || qcow2_layout_reserved(&m->lay, c))
			continue;
		bitmap_set_range(m->free, c * CLUSTER, CLUSTER);
		m->nfree++;
	}
	return 0;
}

static int count(struct qcow2_meta *m, uint64_t cluster, struct err *err)
{
	struct qcow2_table *t;
	int r;

	r = qcow2_meta_refblock(m, cluster / QCOW2_REFBLOCK_ENTRIES, &t, err);
	if (r < 0)
		return r;
	if (qcow2_space_refcount(m, cluster) == UINT16_MAX)
		return err_set(err, EBADMSG, "cluster 0x%" PRIx64 " is shared too often",
			       cluster * CLUSTER);
	qcow2_space_ref(m, cluster);
	return 0;
}

static int count_fixed(struct qcow2_meta *m, struct err *err)
{
	int r = 0;

	for (uint64_t c = 0; c < m->lay.fixed && r >= 0; c++)
		r = count(m, c, err);
	for (uint64_t region = 1; region < m->regions && r >= 0; region++)
		r = count(m, region * QCOW2_REFBLOCK_ENTRIES, err);
	return r;
}

/* Clear what is not kept from one L2 table, count what is. */
static int count_l2(struct rebuild *rb, uint64_t index, struct err *err)
{
	struct qcow2_meta *m = rb->m;
	struct qcow2_table *t;
	int r;

	r = qcow2_meta_l2(m, index, false, &t, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < QCOW2_L2_ENTRIES; i++)
		if (qcow2_meta_entry(t, i) && !kept(rb, index * L2_SPAN + (uint64_t)i * CLUSTER))
			qcow2_meta_set_entry(t, i, 0);
	/* It was read a second time: what is counted with must be what was checked. */
	r = qcow2_meta_check_l2(m, t, err);
	if (r >= 0)
		r = count(m, m->l1[index] / CLUSTER, err);
	for (uint32_t i = 0; i < QCOW2_L2_ENTRIES && r >= 0; i++) {
		struct qcow2_entry e =
		    qcow2_layout_decode(qcow2_meta_entry(t, i), QCOW2_CLUSTER_BITS);

		if (e.kind == QCOW2_KIND_NONE)
			continue;
		for (uint64_t c = e.host / CLUSTER;
		     c <= (e.host + e.length - 1) / CLUSTER && r >= 0; c++)
			r = count(m, c, err);
	}
	return r;
}

static int count_all(struct rebuild *rb, struct err *err)
{
	struct qcow2_meta *m = rb->m;
	int r;

	r = count_fixed(m, err);
	for (uint32_t i = 0; i < m->lay.l1_entries && r >= 0; i++)
		if (m->l1[i])
			r = count_l2(rb, i, err);
	return r;
}

static int write_all(struct qcow2_meta *m, struct err *err)
{
	int r;

	m->l1_lo = 0;
	m->l1_hi = m->lay.l1_entries;
	r = qcow2_meta_write_tables(m, QCOW2_TABLE_REFBLOCK, false, err);
	if (r >= 0)
		r = qcow2_meta_write_tables(m, QCOW2_TABLE_L2, false, err);
	if (r >= 0)
		r = qcow2_meta_reftable(m, 0, m->lay.regions_max, err);
	if (r >= 0)
		r = qcow2_meta_l1(m, err);
	if (r >= 0)
		r = qcow2_meta_sync(m, err);
	if (r < 0)
		return r;
	m->l1_lo = m->lay.l1_entries;
	m->l1_hi = 0;
	m->regions_known = m->regions;
	/* Cut off what nothing refers to, and complete a last cluster that the crash left short. */
	if (ftruncate(m->fd, (off_t)(m->end * CLUSTER)) < 0)
		return err_errno(err, "cannot cut the image to %" PRIu64 " bytes",
				 m->end * CLUSTER);
	m->file_size = m->end * CLUSTER;
	m->unsynced = true;
	return 0;
}

int qcow2_rebuild(struct qcow2_meta *m, const struct bitmap *keep, struct err *err)
{
	CLEANUP(rebuild_done) struct rebuild rb = { .m = m, .keep = keep, .end = m->lay.fixed };
	uint64_t most = m->lay.regions_max * QCOW2_REFBLOCK_ENTRIES * CLUSTER;
	uint64_t covered = MIN(m->file_size, most);
	int r;

	r = bitmap_new(covered, CLUSTER, &rb.used);
	if (r >= 0)
		r = bitmap_new(covered, CLUSTER, &rb.alone);
	if (r < 0)
		return err_code(err, r, "cannot note the used clusters");
	r = check_tables(&rb, err);
	if (r < 0)
		return r;

	m->end = rb.end;
	m->regions = DIV_ROUND_UP(m->end, QCOW2_REFBLOCK_ENTRIES);
	r = find_free(&rb, err);
	if (r < 0)
		return r;
	r = bitmap_new(m->regions, 1, &m->rebuilt);
	if (r < 0)
		return err_code(err, r, "cannot note the refcount blocks");
	r = qcow2_meta_header(m, true, err);
	if (r >= 0)
		r = qcow2_meta_sync(m, err);
	if (r < 0)
		return r;
	m->unordered = true;
	r = count_all(&rb, err);
	if (r >= 0)
		r = write_all(m, err);
	m->unordered = false;
	if (r >= 0)
		r = qcow2_meta_header(m, false, err);
	if (r >= 0)
		r = qcow2_meta_sync(m, err);
	if (r < 0)
		return r;
	bitmap_free(TAKE_PTR(m->rebuilt));
	return 0;
}

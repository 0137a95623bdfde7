/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "convert/qcow2_meta.h"
#include "convert/qcow2_space.h"

int qcow2_meta_init(struct qcow2_meta *m, int fd, const struct qcow2_layout *lay, struct err *err)
{
	m->fd = fd;
	m->lay = *lay;
	m->l1_lo = lay->l1_entries;
	m->end = lay->fixed;
	m->regions = 1;
	m->l1 = calloc(lay->l1_entries, sizeof(*m->l1));
	m->l2 = calloc(lay->l1_entries, sizeof(*m->l2));
	m->refblock = calloc(lay->regions_max, sizeof(*m->refblock));
	if (qcow2_data_init(&m->data, fd) < 0 || !m->l1 || !m->l2 || !m->refblock) {
		qcow2_meta_done(m);
		return err_nomem(err);
	}
	return 0;
}

void qcow2_meta_done(struct qcow2_meta *m)
{
	struct qcow2_table *t, *older;

	for (t = m->newest; t; t = older) {
		older = t->older;
		free(t);
	}
	m->newest = m->oldest = m->pinned = NULL;
	free(m->l1);
	free(m->l2);
	free(m->refblock);
	free(m->dropped);
	bitmap_free(m->free);
	bitmap_free(m->rebuilt);
	qcow2_data_done(&m->data);
	m->l1 = NULL;
	m->l2 = m->refblock = NULL;
	m->dropped = NULL;
	m->free = m->rebuilt = NULL;
}

/* --- reaching the disk --- */

static int given_up(struct err *err)
{
	return err_set(err, EIO, "the image was given up after an earlier error");
}

/* A write has returned r; it was to end at end. */
static int written(struct qcow2_meta *m, int r, uint64_t offset, uint64_t end, struct err *err)
{
	m->unsynced = true;
	if (r < 0)
		return err_code(err, r, "cannot write the image at 0x%" PRIx64, offset);
	m->file_size = MAX(m->file_size, end);
	return 0;
}

int qcow2_meta_pwrite(struct qcow2_meta *m, const void *buf, size_t len, uint64_t offset,
		      struct err *err)
{
	if (m->failed)
		return given_up(err);
	return written(m, fdio_pwrite_full(m->fd, buf, len, offset), offset, offset + len, err);
}

int qcow2_meta_write_raw(struct qcow2_meta *m, const struct iovec *iov, int n, uint64_t offset,
			 struct err *err)
{
	uint64_t end = offset;

	if (m->failed)
		return given_up(err);
	for (int i = 0; i < n; i++)
		end += iov[i].iov_len;
	return written(m, qcow2_data_writev(&m->data, iov, n, offset), offset,
		       ALIGN_UP(end, QCOW2_CLUSTER_SIZE), err);
}

int qcow2_meta_patch_raw(struct qcow2_meta *m, const void *buf, size_t len, uint64_t offset,
			 struct err *err)
{
	if (m->failed)
		return given_up(err);
	return written(m, qcow2_data_patch(&m->data, buf, len, offset), offset, offset + len, err);
}

int qcow2_meta_pwrite_frame(struct qcow2_meta *m, const void *buf, size_t len, uint64_t offset,
			    struct err *err)
{
	if (m->failed)
		return given_up(err);
	return written(m, qcow2_data_write_frame(&m->data, buf, len, offset), offset,
		       offset + len, err);
}

int qcow2_meta_sync(struct qcow2_meta *m, struct err *err)
{
	if (m->failed)
		return given_up(err);
	if (!m->unsynced)
		return 0;
	if (fdatasync(m->fd) < 0) {
		/* The kernel may have thrown the dirty pages away: a second try would lie. */
		m->failed = true;
		return err_errno(err, "cannot make the image durable");
	}
	m->unsynced = false;
	return 0;
}

int qcow2_meta_header(struct qcow2_meta *m, bool dirty, struct err *err)
{
	uint8_t buf[QCOW2_LAYOUT_HEADER];

	qcow2_layout_header(&m->lay, dirty, buf);
	return qcow2_meta_pwrite(m, buf, sizeof(buf), 0, err);
}

static uint64_t table_offset(const struct qcow2_meta *m, const struct qcow2_table *t)
{
	return t->kind == QCOW2_TABLE_L2 ? m->l1[t->index]
					 : qcow2_layout_refblock(&m->lay, t->index);
}

static bool table_dirty(const struct qcow2_table *t)
{
	return t->dirty_lo < t->dirty_hi;
}

void qcow2_meta_mark(struct qcow2_table *t, uint32_t lo, uint32_t hi)
{
	if (!table_dirty(t)) {
		t->dirty_lo = lo;
		t->dirty_hi = hi;
		return;
	}
	t->dirty_lo = MIN(t->dirty_lo, lo);
	t->dirty_hi = MAX(t->dirty_hi, hi);
}

static int table_write(struct qcow2_meta *m, struct qcow2_table *t, struct err *err)
{
	/* Whole pages, so that the kernel need not read what it is about to write. */
	uint32_t lo = ALIGN_DOWN(t->dirty_lo, 4096), hi = ALIGN_UP(t->dirty_hi, 4096);
	int r = qcow2_meta_pwrite(m, t->data + lo, hi - lo, table_offset(m, t) + lo, err);

	if (r < 0)
		return r;
	t->dirty_lo = t->dirty_hi = 0;
	return 0;
}

int qcow2_meta_write_tables(struct qcow2_meta *m, enum qcow2_table_kind kind, bool fresh_only,
			    struct err *err)
{
	int r;

	for (struct qcow2_table *t = m->newest; t; t = t->older) {
		if (t->kind != kind || !table_dirty(t) || (fresh_only && !t->fresh))
			continue;
		r = table_write(m, t, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Write big-endian entries [lo, hi) of a table that starts at file offset base. */
static int write_entries(struct qcow2_meta *m, uint64_t base, uint64_t lo, uint64_t hi,
			 uint64_t (*entry)(const struct qcow2_meta *m, uint64_t i), struct err *err)
{
	uint8_t buf[4096];

	while (lo < hi) {
		uint64_t n = MIN(hi - lo, sizeof(buf) / 8);
		int r;

		for (uint64_t i = 0; i < n; i++)
			put_be64(buf + i * 8, entry(m, lo + i));
		r = qcow2_meta_pwrite(m, buf, n * 8, base + lo * 8, err);
		if (r < 0)
			return r;
		lo += n;
	}
	return 0;
}

static uint64_t l1_entry(const struct qcow2_meta *m, uint64_t i)
{
	return m->l1[i] ? qcow2_layout_raw(m->l1[i]) : 0;
}

static uint64_t reftable_entry(const struct qcow2_meta *m, uint64_t i)
{
	return i < m->regions ? qcow2_layout_refblock(&m->lay, i) : 0;
}

int qcow2_meta_reftable(struct qcow2_meta *m, uint64_t lo, uint64_t hi, struct err *err)
{
	return write_entries(m, m->lay.reftable_offset, lo, hi, reftable_entry, err);
}

int qcow2_meta_l1(struct qcow2_meta *m, struct err *err)
{
	return write_entries(m, m->lay.l1_offset, m->l1_lo, m->l1_hi, l1_entry, err);
}

/* Packed data ends anywhere, but its last sector and cluster have to be in the file. */
static int file_extend(struct qcow2_meta *m, struct err *err)
{
	uint64_t size = m->end * QCOW2_CLUSTER_SIZE;

	if (m->file_size >= size)
		return 0;
	if (ftruncate(m->fd, (off_t)size) < 0)
		return err_errno(err, "cannot grow the image to %" PRIu64 " bytes", size);
	m->unsynced = true;
	m->file_size = size;
	return 0;
}

int qcow2_meta_flush(struct qcow2_meta *m, struct err *err)
{
	int r;

	if (m->failed)
		return given_up(err);
	r = file_extend(m, err);
	if (r >= 0)
		r = qcow2_meta_write_tables(m, QCOW2_TABLE_REFBLOCK, false, err);
	if (r >= 0)
		r = qcow2_meta_write_tables(m, QCOW2_TABLE_L2, true, err);
	if (r >= 0)
		r = qcow2_meta_sync(m, err);
	if (r < 0)
		return r;
	if (m->regions_known < m->regions) {
		r = qcow2_meta_reftable(m, m->regions_known, m->regions, err);
		if (r >= 0)
			r = qcow2_meta_sync(m, err);
		if (r < 0)
			return r;
		m->regions_known = m->regions;
	}

	r = qcow2_meta_write_tables(m, QCOW2_TABLE_L2, false, err);
	if (r >= 0)
		r = qcow2_meta_l1(m, err);
	if (r >= 0)
		r = qcow2_meta_sync(m, err);
	if (r < 0)
		return r;
	m->l1_lo = m->lay.l1_entries;
	m->l1_hi = 0;
	for (struct qcow2_table *t = m->newest; t; t = t->older)
		t->fresh = false;
	qcow2_data_drop(&m->data);

	/* Everything is clean now, so what settling dirties may leave the cache in any order. */
	m->unordered = true;
	r = qcow2_space_settle(m, err);
	if (r >= 0)
		r = qcow2_meta_write_tables(m, QCOW2_TABLE_REFBLOCK, false, err);
	m->unordered = false;
	/* Where durable bytes end, a sector shared with later ones would be written again. */
	m->pack = ALIGN_UP(m->pack, 4096);
	return r;
}

/* --- the cache --- */

static void lru_remove(struct qcow2_meta *m, struct qcow2_table *t)
{
	*(t->newer ? &t->newer->older : &m->newest) = t->older;
	*(t->older ? &t->older->newer : &m->oldest) = t->newer;
	t->newer = t->older = NULL;
}

static void lru_push(struct qcow2_meta *m, struct qcow2_table *t)
{
	t->older = m->newest;
	*(m->newest ? &m->newest->newer : &m->oldest) = t;
	m->newest = t;
}

static struct qcow2_table **table_slot(struct qcow2_meta *m, enum qcow2_table_kind kind,
				       uint64_t index)
{
	return kind == QCOW2_TABLE_L2 ? &m->l2[index] : &m->refblock[index];
}

/* The oldest table that may go: nobody holds it, and it is clean unless order does not matter. */
static struct qcow2_table *table_victim(struct qcow2_meta *m)
{
	struct qcow2_table *t = m->oldest;

	while (t && (t == m->pinned || (table_dirty(t) && !m->unordered)))
		t = t->newer;
	return t;
}

/* Memory for one more table, in no list; the caller links or frees it. */
static int table_room(struct qcow2_meta *m, struct qcow2_table **ret, struct err *err)
{
	struct qcow2_table *t;
	int r;

	if (m->ntables < QCOW2_META_TABLES) {
		t = malloc(sizeof(*t));
		if (!t)
			return err_nomem(err);
		*ret = t;
		return 0;
	}
	t = table_victim(m);
	if (!t) {
		r = qcow2_meta_flush(m, err);
		if (r < 0)
			return r;
		t = table_victim(m);
		assert(t);
	}
	if (table_dirty(t)) {
		r = table_write(m, t, err);
		if (r < 0)
			return r;
	}
	lru_remove(m, t);
	*table_slot(m, t->kind, t->index) = NULL;
	m->ntables--;
	*ret = t;
	return 0;
}

static void table_link(struct qcow2_meta *m, struct qcow2_table *t, enum qcow2_table_kind kind,
		       uint64_t index, bool blank)
{
	t->kind = kind;
	t->index = (uint32_t)index;
	t->fresh = false;
	t->dirty_lo = t->dirty_hi = 0;
	if (blank) {
		memset(t->data, 0, sizeof(t->data));
		qcow2_meta_mark(t, 0, sizeof(t->data));
	}
	*table_slot(m, kind, index) = t;
	m->ntables++;
	lru_push(m, t);
}

/* What comes back from the disk may have rotted there; nobody indexes with it before this. */
int qcow2_meta_check_l2(const struct qcow2_meta *m, const struct qcow2_table *t, struct err *err)
{
	for (uint32_t i = 0; i < QCOW2_L2_ENTRIES; i++) {
		struct qcow2_entry e =
		    qcow2_layout_decode(get_be64(t->data + i * 8), QCOW2_CLUSTER_BITS);
		uint64_t first, last;

		if (e.kind == QCOW2_KIND_NONE)
			continue;
		first = e.host / QCOW2_CLUSTER_SIZE;
		last = e.length ? (e.host + e.length - 1) / QCOW2_CLUSTER_SIZE : first;
		if ((e.kind != QCOW2_KIND_RAW && e.kind != QCOW2_KIND_PACKED) || last >= m->end ||
		    qcow2_layout_reserved(&m->lay, first) || qcow2_layout_reserved(&m->lay, last))
			return err_set(err, EBADMSG, "L2 table %" PRIu32 " of the image is damaged",
				       t->index);
	}
	return 0;
}

static int table_get(struct qcow2_meta *m, enum qcow2_table_kind kind, uint64_t index,
		     struct qcow2_table **ret, struct err *err)
{
	struct qcow2_table *t = *table_slot(m, kind, index);
	bool blank = kind == QCOW2_TABLE_REFBLOCK && m->rebuilt && !bitmap_test(m->rebuilt, index);
	uint64_t offset;
	int r;

	if (t) {
		if (t != m->newest) {
			lru_remove(m, t);
			lru_push(m, t);
		}
		*ret = t;
		return 0;
	}
	r = table_room(m, &t, err);
	if (r < 0)
		return r;
	if (blank) {
		bitmap_set_range(m->rebuilt, index, 1);
		table_link(m, t, kind, index, true);
		*ret = t;
		return 0;
	}
	offset = kind == QCOW2_TABLE_L2 ? m->l1[index] : qcow2_layout_refblock(&m->lay, index);
	r = fdio_pread_full(m->fd, t->data, sizeof(t->data), offset);
	if (r < 0)
		err_code(err, r, "cannot read the image at 0x%" PRIx64, offset);
	/* While rebuilding, entries that are not kept may still say anything. */
	t->index = (uint32_t)index;
	if (r >= 0 && kind == QCOW2_TABLE_L2 && !m->rebuilt)
		r = qcow2_meta_check_l2(m, t, err);
	if (r < 0) {
		free(t);
		return r;
	}
	table_link(m, t, kind, index, false);
	*ret = t;
	return 0;
}

int qcow2_meta_l2(struct qcow2_meta *m, uint64_t index, bool create, struct qcow2_table **ret,
		  struct err *err)
{
	CLEANUP(mem_free) struct qcow2_table *room = NULL;
	uint64_t cluster, count;
	struct qcow2_table *t;
	int r;

	if (m->l1[index]) {
		r = table_get(m, QCOW2_TABLE_L2, index, &t, err);
		if (r < 0)
			return r;
		*ret = m->pinned = t;
		return 0;
	}
	if (!create) {
		*ret = NULL;
		return 0;
	}
	r = table_room(m, &room, err);
	if (r >= 0)
		r = qcow2_space_reserve(m, 1, &cluster, &count, err);
	if (r < 0)
		return r;
	t = TAKE_PTR(room);
	qcow2_meta_set_l1(m, index, cluster * QCOW2_CLUSTER_SIZE);
	table_link(m, t, QCOW2_TABLE_L2, index, true);
	t->fresh = true;
	qcow2_space_commit(m, cluster, 1);
	*ret = m->pinned = t;
	return 0;
}

int qcow2_meta_refblock(struct qcow2_meta *m, uint64_t region, struct qcow2_table **ret,
			struct err *err)
{
	return table_get(m, QCOW2_TABLE_REFBLOCK, region, ret, err);
}

int qcow2_meta_refblock_new(struct qcow2_meta *m, struct qcow2_table **ret, struct err *err)
{
	struct qcow2_table *t;
	int r;

	r = table_room(m, &t, err);
	if (r < 0)
		return r;
	table_link(m, t, QCOW2_TABLE_REFBLOCK, m->regions, true);
	m->regions++;
	*ret = t;
	return 0;
}

uint64_t qcow2_meta_entry(const struct qcow2_table *t, uint32_t i)
{
	return get_be64(t->data + (size_t)i * 8);
}

void qcow2_meta_set_entry(struct qcow2_table *t, uint32_t i, uint64_t entry)
{
	put_be64(t->data + (size_t)i * 8, entry);
	qcow2_meta_mark(t, i * 8, i * 8 + 8);
}

void qcow2_meta_set_l1(struct qcow2_meta *m, uint64_t index, uint64_t offset)
{
	m->l1[index] = offset;
	m->l1_lo = MIN(m->l1_lo, (uint32_t)index);
	m->l1_hi = MAX(m->l1_hi, (uint32_t)index + 1);
}

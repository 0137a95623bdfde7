/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "convert/qcow2_space.h"

#define REFCOUNT_MAX		UINT16_MAX
#define DROPPED_RUNS_MAX	65536
#define DROPPED_CLUSTERS_MAX	(16 * GIB / QCOW2_CLUSTER_SIZE)

static uint8_t *refcount_at(const struct qcow2_meta *m, uint64_t cluster)
{
	struct qcow2_table *t = m->refblock[cluster / QCOW2_REFBLOCK_ENTRIES];

	assert(t);
	return t->data + cluster % QCOW2_REFBLOCK_ENTRIES * 2;
}

uint16_t qcow2_space_refcount(const struct qcow2_meta *m, uint64_t cluster)
{
	return get_be16(refcount_at(m, cluster));
}

static void refcount_put(struct qcow2_meta *m, uint64_t cluster, uint16_t count)
{
	uint32_t at = (uint32_t)(cluster % QCOW2_REFBLOCK_ENTRIES) * 2;

	put_be16(refcount_at(m, cluster), count);
	qcow2_meta_mark(m->refblock[cluster / QCOW2_REFBLOCK_ENTRIES], at, at + 2);
}

void qcow2_space_ref(struct qcow2_meta *m, uint64_t cluster)
{
	uint16_t count = qcow2_space_refcount(m, cluster);

	assert(count < REFCOUNT_MAX);
	refcount_put(m, cluster, count + 1);
}

static uint64_t region_left(uint64_t cluster)
{
	return QCOW2_REFBLOCK_ENTRIES - cluster % QCOW2_REFBLOCK_ENTRIES;
}

/* The file grows into a new region: its first cluster becomes its refcount block. */
static int region_open(struct qcow2_meta *m, struct err *err)
{
	struct qcow2_table *t;
	int r;

	assert(m->end == m->regions * QCOW2_REFBLOCK_ENTRIES);
	if (m->regions == m->lay.regions_max)
		return err_set(err, EFBIG, "the image file has outgrown its refcount table");
	r = qcow2_meta_refblock_new(m, &t, err);
	if (r < 0)
		return r;
	refcount_put(m, m->end, 1);
	m->end++;
	return 0;
}

/*
 * The first free run, no longer than asked for. Not bitmap_next_run(): measuring a terabyte of free
 * space to the end for every cluster would show.
 */
static bool free_run(struct qcow2_meta *m, uint64_t want, uint64_t *ret_cluster,
		     uint64_t *ret_count)
{
	uint64_t word = m->free_hint / 64, cluster, count = 1;

	if (m->nfree == 0)
		return false;
	while (m->free->words[word] == 0)
		word++;
	cluster = word * 64 + (uint64_t)__builtin_ctzll(m->free->words[word]);
	m->free_hint = cluster;
	want = MIN(want, region_left(cluster));
	while (count < want && bitmap_test(m->free, (cluster + count) * QCOW2_CLUSTER_SIZE))
		count++;
	*ret_cluster = cluster;
	*ret_count = count;
	return true;
}

int qcow2_space_reserve(struct qcow2_meta *m, uint64_t want, uint64_t *ret_cluster,
			uint64_t *ret_count, struct err *err)
{
	struct qcow2_table *t;
	uint64_t cluster, count;
	int r;

	if (!free_run(m, want, &cluster, &count)) {
		if (m->end % QCOW2_REFBLOCK_ENTRIES == 0) {
			r = region_open(m, err);
			if (r < 0)
				return r;
		}
		cluster = m->end;
		count = MIN(want, region_left(cluster));
	}
	/* May flush, which frees clusters but takes none. */
	r = qcow2_meta_refblock(m, cluster / QCOW2_REFBLOCK_ENTRIES, &t, err);
	if (r < 0)
		return r;
	*ret_cluster = cluster;
	*ret_count = count;
	return 0;
}

void qcow2_space_commit(struct qcow2_meta *m, uint64_t cluster, uint64_t count)
{
	for (uint64_t c = cluster; c < cluster + count; c++)
		refcount_put(m, c, 1);
	if (cluster == m->end) {
		m->end += count;
		return;
	}
	bitmap_clear_range(m->free, cluster * QCOW2_CLUSTER_SIZE, count * QCOW2_CLUSTER_SIZE);
	m->nfree -= count;
}

bool qcow2_space_available(const struct qcow2_meta *m, uint64_t cluster)
{
	if (cluster == m->end)
		return m->nfree == 0 && cluster % QCOW2_REFBLOCK_ENTRIES != 0;
	return m->nfree > 0 && bitmap_test(m->free, cluster * QCOW2_CLUSTER_SIZE);
}

/* --- giving up --- */

int qcow2_space_drop_room(struct qcow2_meta *m, size_t n, struct err *err)
{
	struct qcow2_run *p;
	size_t max;
	int r;

	if (m->ndropped + n > DROPPED_RUNS_MAX || m->dropped_clusters + n > DROPPED_CLUSTERS_MAX) {
		r = qcow2_meta_flush(m, err);
		if (r < 0)
			return r;
	}
	if (m->ndropped + n <= m->dropped_max)
		return 0;
	max = MAX(m->ndropped + n, m->dropped_max * 2);
	max = MAX(max, 256);
	p = reallocarray(m->dropped, max, sizeof(*p));
	if (!p)
		return err_nomem(err);
	m->dropped = p;
	m->dropped_max = max;
	return 0;
}

static void drop_run(struct qcow2_meta *m, uint64_t cluster, uint64_t count)
{
	struct qcow2_run *last = m->ndropped ? &m->dropped[m->ndropped - 1] : NULL;

	m->dropped_clusters += count;
	if (last && last->cluster + last->count == cluster) {
		last->count += count;
		return;
	}
	assert(m->ndropped < m->dropped_max);
	m->dropped[m->ndropped++] = (struct qcow2_run){ cluster, count };
}

void qcow2_space_drop(struct qcow2_meta *m, uint64_t host, uint64_t length)
{
	uint64_t first = host / QCOW2_CLUSTER_SIZE;
	uint64_t last = (host + length - 1) / QCOW2_CLUSTER_SIZE;

	drop_run(m, first, last - first + 1);
}

/* The bitmap has to have a bit for the cluster before its count falls to 0. */
static int free_cover(struct qcow2_meta *m, uint64_t cluster, struct err *err)
{
	struct bitmap *b;
	uint64_t clusters;
	int r;

	if (m->free && cluster * QCOW2_CLUSTER_SIZE < m->free->size)
		return 0;
	clusters = MAX(ALIGN_UP(m->end, 32768), m->free ? m->free->nbits * 2 : 0);
	r = bitmap_new(clusters * QCOW2_CLUSTER_SIZE, QCOW2_CLUSTER_SIZE, &b);
	if (r < 0)
		return err_code(err, r, "cannot note the free clusters of the image");
	if (m->free)
		memcpy(b->words, m->free->words,
		       DIV_ROUND_UP(m->free->nbits, 64) * sizeof(*b->words));
	bitmap_free(m->free);
	m->free = b;
	return 0;
}

static int settle_one(struct qcow2_meta *m, uint64_t cluster, struct err *err)
{
	struct qcow2_table *t;
	uint16_t count;
	int r;

	r = qcow2_meta_refblock(m, cluster / QCOW2_REFBLOCK_ENTRIES, &t, err);
	if (r >= 0)
		r = free_cover(m, cluster, err);
	if (r < 0)
		return r;
	count = qcow2_space_refcount(m, cluster);
	if (count == 0) {
		m->failed = true;
		return err_set(err, EBADMSG,
			       "the refcount of cluster 0x%" PRIx64 " of the image is damaged",
			       cluster * QCOW2_CLUSTER_SIZE);
	}
	refcount_put(m, cluster, count - 1);
	if (count > 1)
		return 0;
	bitmap_set_range(m->free, cluster * QCOW2_CLUSTER_SIZE, QCOW2_CLUSTER_SIZE);
	m->nfree++;
	m->free_hint = MIN(m->free_hint, cluster);
	/*
	 * The rest of it is not ours to append to any more. The last byte was given out: look
	 * there.
	 */
	if (m->pack && (m->pack - 1) / QCOW2_CLUSTER_SIZE == cluster)
		m->pack = 0;
	return 0;
}

int qcow2_space_settle(struct qcow2_meta *m, struct err *err)
{
	while (m->ndropped > 0) {
		struct qcow2_run *run = &m->dropped[m->ndropped - 1];

		while (run->count > 0) {
			int r = settle_one(m, run->cluster, err);

			if (r < 0)
				return r;
			run->cluster++;
			run->count--;
			m->dropped_clusters--;
		}
		m->ndropped--;
	}
	return 0;
}

void qcow2_space_trim(struct qcow2_meta *m)
{
	uint64_t at = 0, offset, length, end = m->end;

	if (m->nfree == 0)
		return;
	while (end > m->lay.fixed && bitmap_test(m->free, (end - 1) * QCOW2_CLUSTER_SIZE))
		end--;
	while (bitmap_next_run(m->free, true, at, &offset, &length)) {
		at = offset + length;
		if (offset >= end * QCOW2_CLUSTER_SIZE ||
		    fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			      (off_t)length) < 0)
			break;
		m->unsynced = true;
	}
	if (end < m->end && ftruncate(m->fd, (off_t)(end * QCOW2_CLUSTER_SIZE)) == 0)
		m->unsynced = true;
}

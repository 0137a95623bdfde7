/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a qcow2 image ought to hold, in memory, and judges of the file: the model is compared
 * through qcow2_read, and check_refcounts() counts references on its own, as qemu-img check does.
 *
 * A guest cluster holds the bytes that fill_cluster() makes of a number; number 0 is zeroes. Only
 * clusters that were ever touched are listed, so disks of terabytes have small models.
 */
#ifndef P2V_TESTS_QCOW2_MODEL_H
#define P2V_TESTS_QCOW2_MODEL_H

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "convert/qcow2_layout.h"
#include "convert/qcow2_read.h"
#include "convert/qcow2_write.h"
#include "tests/lib/unit.h"

/* How the model calls the writer; a test that injects faults brings its own. */
#ifndef MODEL_CALL
#define MODEL_CALL(call)	(call)
#endif

#define CLUSTER		QCOW2_CLUSTER_SIZE
#define MODEL_MAX	4096

#define ck_good(r, err) \
	do { \
		int good_ = (r); \
		ck_assert_msg(good_ >= 0, "%s: %d %s", #r, good_, (err)->text); \
	} while (0)

static char tmpdir[96];

/*
 * An unchecked fixture: check runs it in the parent, so that a test that fails leaves nothing
 * behind. In memory if there is, because the tests sync a lot.
 */
static inline void tmpdir_setup(void)
{
	const char *base = getenv("TMPDIR");
	int n;

	if (!base)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	n = snprintf(tmpdir, sizeof(tmpdir), "%s/qcow2-XXXXXX", base);
	if (n < 0 || (size_t)n >= sizeof(tmpdir) || !mkdtemp(tmpdir)) {
		perror(tmpdir);
		exit(1);
	}
}

/* A checked fixture: every test finds the folder empty. */
static inline void tmpdir_empty(void)
{
	DIR *d = opendir(tmpdir);
	struct dirent *de;

	while (d && (de = readdir(d)))
		unlinkat(dirfd(d), de->d_name, 0);
	dir_close(d);
}

static inline void tmpdir_teardown(void)
{
	tmpdir_empty();
	rmdir(tmpdir);
}

static inline void tmpdir_fixture(TCase *tc)
{
	tcase_add_unchecked_fixture(tc, tmpdir_setup, tmpdir_teardown);
	tcase_add_checked_fixture(tc, tmpdir_empty, NULL);
}

/* The path of a file in the test's folder; eight may be in use at a time. */
static inline const char *tmp_path(const char *name)
{
	static char paths[8][160];
	static unsigned int next;
	char *p = paths[next++ % 8];

	snprintf(p, sizeof(paths[0]), "%s/%s", tmpdir, name);
	return p;
}

static inline uint64_t rnd(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* n % 4 says how well it packs: 0 not at all, 1 to a few bytes, 2 to 3/4, 3 something between. */
static inline void fill_cluster(uint8_t *buf, uint32_t n)
{
	uint64_t state = n * UINT64_C(0x9e3779b97f4a7c15) + 1, mask = UINT64_MAX;
	size_t fill = CLUSTER;

	memset(buf, 0, CLUSTER);
	if (n == 0)
		return;
	if (n % 4 == 1)
		fill = 16;
	if (n % 4 == 2)
		mask = UINT64_C(0x3f3f3f3f3f3f3f3f);
	if (n % 4 == 3)
		fill = 512 + rnd(&state) % (CLUSTER - 1024) / 8 * 8;
	for (size_t i = 0; i < fill; i += 8)
		put_le64(buf + i, rnd(&state) & mask);
}

struct model {
	uint64_t size;
	size_t n;
	struct {
		uint64_t cluster;
		uint32_t number;
		bool changed;		/* since the last flush */
	} c[MODEL_MAX];
};

static inline uint32_t *model_at(struct model *m, uint64_t cluster)
{
	size_t i = 0;

	while (i < m->n && m->c[i].cluster != cluster)
		i++;
	if (i == m->n) {
		ck_assert_uint_lt(m->n, MODEL_MAX);
		m->c[m->n].cluster = cluster;
		m->c[m->n].changed = false;
		m->c[m->n++].number = 0;
	}
	return &m->c[i].number;
}

static inline void model_set(struct model *m, uint64_t cluster, uint32_t number)
{
	*model_at(m, cluster) = number;
	for (size_t i = 0; i < m->n; i++)
		if (m->c[i].cluster == cluster)
			m->c[i].changed = true;
}

static inline void model_flushed(struct model *m)
{
	for (size_t i = 0; i < m->n; i++)
		m->c[i].changed = false;
}

/* What a journal would say is worth keeping: all but what changed since the last flush. */
static inline struct bitmap *model_keep(const struct model *m)
{
	struct bitmap *keep;

	ck_assert_int_ge(bitmap_new(m->size, CLUSTER, &keep), 0);
	bitmap_set_all(keep);
	for (size_t i = 0; i < m->n; i++)
		if (m->c[i].changed)
			bitmap_clear_range(keep, m->c[i].cluster * CLUSTER,
					   MIN(CLUSTER, m->size - m->c[i].cluster * CLUSTER));
	return keep;
}

/* The image was taken up with model_keep(). */
static inline void model_reopened(struct model *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->c[i].changed)
			m->c[i].number = 0;
		m->c[i].changed = false;
	}
}

static inline uint64_t cluster_bytes(uint64_t size, uint64_t cluster)
{
	return MIN(CLUSTER, size - cluster * CLUSTER);
}

/* Write n clusters raw with one call. The model takes it up first, as a journal does. */
static inline int put_raw(struct model *m, struct image *im, uint64_t cluster, uint32_t n,
			  uint32_t number, struct err *err)
{
	uint64_t bytes = 0;
	uint8_t *buf = calloc(n, CLUSTER);
	int r;

	ck_assert_ptr_nonnull(buf);
	for (uint32_t i = 0; i < n; i++) {
		fill_cluster(buf + (size_t)i * CLUSTER, number + i);
		model_set(m, cluster + i, number + i);
		bytes += cluster_bytes(m->size, cluster + i);
	}
	r = MODEL_CALL(im->ops->write(im, buf, cluster * CLUSTER, bytes, err));
	free(buf);
	return r;
}

/* The frame of a cluster; some carry a checksum. 0 when it does not pack. */
static inline uint32_t pack_cluster(uint8_t *frame, size_t max, uint32_t number)
{
	static uint8_t buf[CLUSTER];
	ZSTD_CCtx *cctx = ZSTD_createCCtx();
	size_t n;

	fill_cluster(buf, number);
	ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, 1);
	ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, number % 8 < 4);
	n = ZSTD_compress2(cctx, frame, max, buf, CLUSTER);
	ZSTD_freeCCtx(cctx);
	ck_assert(!ZSTD_isError(n));
	return n < CLUSTER ? (uint32_t)n : 0;
}

static inline int put_packed(struct model *m, struct image *im, uint64_t cluster, uint32_t number,
			     struct err *err)
{
	static uint8_t frame[CLUSTER + 1024];
	uint32_t len = pack_cluster(frame, sizeof(frame), number);

	if (len == 0 || cluster_bytes(m->size, cluster) < CLUSTER)
		return put_raw(m, im, cluster, 1, number, err);
	model_set(m, cluster, number);
	return MODEL_CALL(im->ops->write_compressed(im, frame, len, cluster * CLUSTER, err));
}

static inline int put_zero(struct model *m, struct image *im, uint64_t cluster, uint32_t n,
			   struct err *err)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++) {
		model_set(m, cluster + i, 0);
		bytes += cluster_bytes(m->size, cluster + i);
	}
	return MODEL_CALL(im->ops->zero(im, cluster * CLUSTER, bytes, err));
}

/* n clusters in one call: zeroes where zero says so, over rubbish in the buffer. */
static inline int put_mixed(struct model *m, struct image *im, uint64_t cluster, uint32_t n,
			    uint32_t number, uint32_t zero, struct err *err)
{
	uint64_t bytes = 0;
	uint8_t *buf;
	int r;

	/* Aligned at times: both ways past the page cache and around it. */
	ck_assert_int_eq(posix_memalign((void **)&buf, 4096, (size_t)n * CLUSTER + 8), 0);
	memset(buf, 0xa5, (size_t)n * CLUSTER + 8);
	buf += number % 8 == 7 ? 8 : 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!(zero >> i & 1))
			fill_cluster(buf + (size_t)i * CLUSTER, number + i);
		model_set(m, cluster + i, zero >> i & 1 ? 0 : number + i);
		bytes += cluster_bytes(m->size, cluster + i);
	}
	r = MODEL_CALL(im->ops->write_mixed(im, buf, cluster * CLUSTER, bytes, zero, err));
	free(buf - (number % 8 == 7 ? 8 : 0));
	return r;
}

static inline int by_cluster(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A whole chunk is read at once, as for verification. */
static inline void model_verify_chunk(struct model *m, struct qcow2_read *r, uint64_t first)
{
	static uint8_t want[CLUSTER], got[16 * CLUSTER] __attribute__((aligned(4096)));
	uint64_t offset = first * CLUSTER, len = MIN(16 * CLUSTER, m->size - offset);
	struct err err = ERR_INIT;

	memset(got, 0xa5, sizeof(got));
	ck_good(qcow2_read(r, got, offset, len, &err), &err);
	for (uint64_t c = first; c * CLUSTER < offset + len; c++) {
		uint32_t number = 0;

		for (size_t i = 0; i < m->n; i++)
			if (m->c[i].cluster == c)
				number = m->c[i].number;
		fill_cluster(want, number);
		ck_assert_msg(memcmp(got + (c - first) * CLUSTER, want,
				     cluster_bytes(m->size, c)) == 0,
			      "cluster %" PRIu64 " differs in its chunk", c);
	}
}

/* The file says what the model says, and nothing else. */
static inline void model_verify(struct model *m, const char *path)
{
	static uint8_t want[CLUSTER], got[CLUSTER];
	static uint64_t order[MODEL_MAX];
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
	struct err err = ERR_INIT;
	uint64_t at = 0;

	ck_good(qcow2_read_open(AT_FDCWD, path, &r, &err), &err);
	ck_assert_uint_eq(qcow2_read_size(r), m->size);
	for (size_t i = 0; i < m->n; i++)
		order[i] = m->c[i].cluster;
	qsort(order, m->n, sizeof(order[0]), by_cluster);
	for (size_t i = 0; i < m->n; i++) {
		uint64_t offset = order[i] * CLUSTER, len = cluster_bytes(m->size, order[i]);
		uint32_t number = *model_at(m, order[i]);

		if (i == 0 || order[i] / 16 != order[i - 1] / 16)
			model_verify_chunk(m, r, order[i] / 16 * 16);
		ck_assert(qcow2_read_is_zero(r, at, offset - at));
		at = offset + len;
		if (number == 0) {
			ck_assert(qcow2_read_is_zero(r, offset, len));
			continue;
		}
		fill_cluster(want, number);
		ck_good(qcow2_read(r, got, offset, len, &err), &err);
		ck_assert_msg(memcmp(got, want, len) == 0, "cluster %" PRIu64 " differs", order[i]);
	}
	ck_assert(qcow2_read_is_zero(r, at, m->size - at));
}

/* The model as a raw file, for qemu-img compare. */
static inline void model_export(struct model *m, const char *path)
{
	static uint8_t buf[CLUSTER];
	CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)m->size), 0);
	for (size_t i = 0; i < m->n; i++) {
		uint64_t offset = m->c[i].cluster * CLUSTER,
			 len = cluster_bytes(m->size, m->c[i].cluster);

		if (m->c[i].number == 0)
			continue;
		fill_cluster(buf, m->c[i].number);
		ck_assert_int_eq(pwrite(fd, buf, len, (off_t)offset), (ssize_t)len);
	}
}

/* --- the file's own books --- */

struct books {
	int fd;
	uint64_t clusters;
	uint16_t *want;			/* references counted */
};

static inline uint8_t *book_read(const struct books *b, uint64_t offset, size_t len)
{
	uint8_t *p = malloc(len);

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(pread(b->fd, p, len, (off_t)offset), (ssize_t)len);
	return p;
}

static inline void book_use(struct books *b, uint64_t offset, uint64_t length)
{
	for (uint64_t c = offset / CLUSTER; c <= (offset + length - 1) / CLUSTER; c++) {
		if (c >= b->clusters)
			ck_abort_msg("0x%" PRIx64 " is used but outside the file", c * CLUSTER);
		b->want[c]++;
	}
}

static inline void book_l2(struct books *b, uint64_t offset)
{
	static uint8_t t[CLUSTER];

	ck_assert_int_eq(pread(b->fd, t, CLUSTER, (off_t)offset), CLUSTER);
	for (uint32_t i = 0; i < QCOW2_L2_ENTRIES; i++) {
		uint64_t entry = get_be64(t + i * 8);
		struct qcow2_entry e = qcow2_layout_decode(entry, 16);

		if (e.kind == QCOW2_KIND_NONE)
			continue;
		ck_assert_msg(e.kind == QCOW2_KIND_PACKED ||
				  (e.kind == QCOW2_KIND_RAW && entry & QCOW2_COPIED),
			      "L2 entry %#" PRIx64, entry);
		book_use(b, e.host, e.length);
	}
}

enum strictness {
	BOOKS_EXACT,			/* counts are right, and the image is not marked dirty */
	BOOKS_LEAKS,			/* after a crash: counts too high, or the image dirty */
};

static inline void book_compare(struct books *b, const uint8_t *reftable, uint64_t regions,
				enum strictness how)
{
	static uint8_t block[CLUSTER];

	for (uint64_t i = 0; i < regions; i++)
		if (get_be64(reftable + i * 8))
			book_use(b, get_be64(reftable + i * 8), CLUSTER);
	for (uint64_t c = 0; c < b->clusters; c++) {
		uint64_t region = c / QCOW2_REFBLOCK_ENTRIES;
		uint16_t has;

		if (c % QCOW2_REFBLOCK_ENTRIES == 0) {
			uint64_t offset = region < regions ? get_be64(reftable + region * 8) : 0;

			memset(block, 0, sizeof(block));
			if (offset)
				ck_assert_int_eq(pread(b->fd, block, CLUSTER, (off_t)offset),
						 CLUSTER);
		}
		has = get_be16(block + c % QCOW2_REFBLOCK_ENTRIES * 2);
		if (has == b->want[c] || (how == BOOKS_LEAKS && has > b->want[c]))
			continue;
		ck_abort_msg("cluster 0x%" PRIx64 " has refcount %u instead of %u", c * CLUSTER,
			     has, b->want[c]);
	}
}

/* No cluster's refcount is too low; and none too high when EXACT. */
static inline void check_refcounts(const char *path, enum strictness how)
{
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP(mem_free) uint8_t *l1_table = NULL, *reftable_data = NULL;
	struct books b = { .fd = fd };
	uint8_t h[QCOW2_LAYOUT_HEADER];
	uint32_t l1_entries, table_clusters;
	uint64_t l1, reftable;
	struct stat st;
	bool dirty;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(pread(fd, h, sizeof(h), 0), sizeof(h));
	dirty = get_be64(h + QCOW2_H_INCOMPATIBLE) & QCOW2_INCOMPAT_DIRTY;
	ck_assert(!dirty || how == BOOKS_LEAKS);
	if (dirty)
		return;
	l1 = get_be64(h + QCOW2_H_L1_OFFSET);
	l1_entries = get_be32(h + QCOW2_H_L1_SIZE);
	reftable = get_be64(h + QCOW2_H_REFTABLE_OFFSET);
	table_clusters = get_be32(h + QCOW2_H_REFTABLE_CLUSTERS);
	b.clusters = DIV_ROUND_UP((uint64_t)st.st_size, CLUSTER);
	b.want = calloc(b.clusters, sizeof(*b.want));
	ck_assert_ptr_nonnull(b.want);
	book_use(&b, 0, CLUSTER);
	book_use(&b, reftable, (uint64_t)table_clusters * CLUSTER);
	book_use(&b, l1, l1_entries * UINT64_C(8));
	l1_table = book_read(&b, l1, l1_entries * (size_t)8);
	reftable_data = book_read(&b, reftable, (size_t)table_clusters * CLUSTER);
	for (uint32_t i = 0; i < l1_entries; i++) {
		uint64_t entry = get_be64(l1_table + i * (size_t)8);

		if (entry == 0)
			continue;
		ck_assert_msg(entry & QCOW2_COPIED, "an L2 table without the copied flag");
		book_use(&b, entry & QCOW2_OFFSET_MASK, CLUSTER);
		book_l2(&b, entry & QCOW2_OFFSET_MASK);
	}
	book_compare(&b, reftable_data, (uint64_t)table_clusters * (CLUSTER / 8), how);
	free(b.want);
}

#endif

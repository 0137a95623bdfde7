/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The image operations. Each goes in steps inside one L2 table: gather all that can fail (tables,
 * room in the queue, clusters), write the data, change the tables in memory. A step that fails
 * changes nothing, so an operation may be tried again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "convert/qcow2_meta.h"
#include "convert/qcow2_rebuild.h"
#include "convert/qcow2_reread.h"
#include "convert/qcow2_space.h"
#include "convert/qcow2_write.h"

#define CLUSTER		QCOW2_CLUSTER_SIZE
#define MIXED_MAX	IMAGE_MIXED_MAX

struct qcow2_write {
	struct image im;		/* first: the image is the writer */
	struct qcow2_meta m;
	int fd;
	uint8_t *whole;			/* one cluster, for patches; NULL before the first */
};

static struct qcow2_write *writer(struct image *im)
{
	return (struct qcow2_write *)im;
}

static void writer_free(struct qcow2_write *w)
{
	if (!w)
		return;
	qcow2_meta_done(&w->m);
	fd_close(w->fd);
	free(w->whole);
	free(w);
}
DEFINE_CLEANUP(struct qcow2_write *, writer_free)

static struct qcow2_entry entry_at(const struct qcow2_table *t, uint32_t i)
{
	return qcow2_layout_decode(qcow2_meta_entry(t, i), QCOW2_CLUSTER_BITS);
}

/*
 * Map guest clusters [i, i + n) to raw host clusters (host 0: to nothing), and let go what was
 * there.
 */
static void remap(struct qcow2_meta *m, struct qcow2_table *t, uint32_t i, uint32_t n,
		  uint64_t host)
{
	for (; n > 0; n--, i++) {
		struct qcow2_entry old = entry_at(t, i);

		if (old.kind != QCOW2_KIND_NONE)
			qcow2_space_drop(m, old.host, old.length);
		if (host) {
			qcow2_meta_set_entry(t, i, qcow2_layout_raw(host));
			host += CLUSTER;
		} else if (old.kind != QCOW2_KIND_NONE) {
			qcow2_meta_set_entry(t, i, 0);
		}
	}
}

/* How many of the n entries from i on are raw and follow each other in the file. */
static uint32_t raw_run(const struct qcow2_table *t, uint32_t i, uint32_t n)
{
	struct qcow2_entry first = entry_at(t, i);
	uint32_t run = 1;

	for (; run < n; run++) {
		struct qcow2_entry e = entry_at(t, i + run);

		if (e.kind != QCOW2_KIND_RAW || e.host != first.host + (uint64_t)run * CLUSTER)
			break;
	}
	return run;
}

static uint32_t other_run(const struct qcow2_table *t, uint32_t i, uint32_t n)
{
	uint32_t run = 1;

	while (run < n && entry_at(t, i + run).kind != QCOW2_KIND_RAW)
		run++;
	return run;
}

/* The bytes of a run of n clusters, when left bytes remain to be written. */
static uint64_t run_bytes(uint32_t n, uint64_t left)
{
	return MIN((uint64_t)n * CLUSTER, left);
}

static int write_piece(struct qcow2_meta *m, const uint8_t *buf, uint64_t bytes, uint64_t host,
		       struct err *err)
{
	struct iovec piece = { .iov_base = (void *)buf, .iov_len = bytes };

	return qcow2_meta_write_raw(m, &piece, 1, host, err);
}

/* Write what fits into one run; n clusters from entry i of table t are wanted. */
static int write_step(struct qcow2_meta *m, struct qcow2_table *t, uint32_t i, uint32_t n,
		      const uint8_t *buf, uint64_t left, uint64_t *ret_done, struct err *err)
{
	uint64_t cluster, count, bytes;
	int r;

	if (entry_at(t, i).kind == QCOW2_KIND_RAW) {
		bytes = run_bytes(raw_run(t, i, n), left);
		*ret_done = bytes;
		return write_piece(m, buf, bytes, entry_at(t, i).host, err);
	}
	r = qcow2_space_drop_room(m, n, err);
	if (r >= 0)
		r = qcow2_space_reserve(m, other_run(t, i, n), &cluster, &count, err);
	if (r < 0)
		return r;
	bytes = run_bytes((uint32_t)count, left);
	r = write_piece(m, buf, bytes, cluster * CLUSTER, err);
	if (r < 0)
		return r;
	qcow2_space_commit(m, cluster, count);
	remap(m, t, i, (uint32_t)count, cluster * CLUSTER);
	*ret_done = bytes;
	return 0;
}

static int check_range(const struct image *im, uint64_t offset, uint64_t length, struct err *err)
{
	if (!range_inside(offset, length, im->size) || offset % CLUSTER ||
	    (length % CLUSTER && offset + length != im->size))
		return err_set(err, EINVAL,
			       "range 0x%" PRIx64 " + 0x%" PRIx64 " is no range of whole clusters",
			       offset, length);
	return 0;
}

static int write_op(struct image *im, const void *buf, uint64_t offset, uint64_t length,
		    struct err *err)
{
	struct qcow2_meta *m = &writer(im)->m;
	const uint8_t *p = buf;
	int r;

	r = check_range(im, offset, length, err);
	while (r >= 0 && length > 0) {
		uint32_t i = (uint32_t)(offset / CLUSTER % QCOW2_L2_ENTRIES);
		uint64_t n = MIN(DIV_ROUND_UP(length, CLUSTER), QCOW2_L2_ENTRIES - i);
		struct qcow2_table *t;
		uint64_t done;

		r = qcow2_meta_l2(m, offset / CLUSTER / QCOW2_L2_ENTRIES, true, &t, err);
		if (r >= 0)
			r = write_step(m, t, i, (uint32_t)n, p, length, &done, err);
		if (r < 0)
			return r;
		p += done;
		offset += done;
		length -= done;
	}
	return r;
}

/*
 * Where a frame of len bytes goes: *ret_new clusters from *ret_cluster on are taken for it (0 or
 * 1). It follows the last frame, into the next cluster too when that is to be had.
 */
static int pack_place(struct qcow2_meta *m, uint32_t len, uint64_t *ret_host, uint64_t *ret_cluster,
		      uint64_t *ret_new, struct err *err)
{
	uint64_t room = m->pack ? ALIGN_UP(m->pack, CLUSTER) - m->pack : 0;
	uint64_t here = m->pack / CLUSTER;
	struct qcow2_table *t;
	int r;

	if (room > 0) {
		r = qcow2_meta_refblock(m, here / QCOW2_REFBLOCK_ENTRIES, &t, err);
		if (r < 0)
			return r;
		/*
		 * Getting the block may have flushed, and a flush moves or ends the packing
		 * place.
		 */
		room = m->pack ? ALIGN_UP(m->pack, CLUSTER) - m->pack : 0;
		if (room > 0 && qcow2_space_refcount(m, here) < UINT16_MAX &&
		    (len <= room || qcow2_space_available(m, here + 1))) {
			*ret_host = m->pack;
			*ret_cluster = here + 1;
			*ret_new = len > room;
			return 0;
		}
	}
	r = qcow2_space_reserve(m, 1, ret_cluster, ret_new, err);
	if (r < 0)
		return r;
	*ret_host = *ret_cluster * CLUSTER;
	return 0;
}

static int write_compressed_op(struct image *im, const void *frame, uint32_t len, uint64_t offset,
			       struct err *err)
{
	struct qcow2_meta *m = &writer(im)->m;
	uint32_t i = (uint32_t)(offset / CLUSTER % QCOW2_L2_ENTRIES);
	uint64_t host, cluster, fresh;
	struct qcow2_entry old;
	struct qcow2_table *t;
	int r;

	if (!m->lay.compressed || len == 0 || len > CLUSTER || offset % CLUSTER ||
	    offset >= im->size)
		return err_set(err, EINVAL,
			       "a compressed cluster of %" PRIu32 " bytes at 0x%" PRIx64
			       " cannot be stored",
			       len, offset);
	r = qcow2_meta_l2(m, offset / CLUSTER / QCOW2_L2_ENTRIES, true, &t, err);
	if (r >= 0)
		r = qcow2_space_drop_room(m, 1, err);
	if (r >= 0)
		r = pack_place(m, len, &host, &cluster, &fresh, err);
	if (r >= 0)
		r = qcow2_meta_pwrite_frame(m, frame, len, host, err);
	if (r < 0)
		return r;
	if (host < cluster * CLUSTER)
		qcow2_space_ref(m, host / CLUSTER);
	if (fresh)
		qcow2_space_commit(m, cluster, 1);
	m->pack = host + len;
	old = entry_at(t, i);
	if (old.kind != QCOW2_KIND_NONE)
		qcow2_space_drop(m, old.host, old.length);
	qcow2_meta_set_entry(t, i, qcow2_layout_packed(host, len));
	return 0;
}

static int zero_op(struct image *im, uint64_t offset, uint64_t length, struct err *err)
{
	struct qcow2_meta *m = &writer(im)->m;
	int r;

	r = check_range(im, offset, length, err);
	while (r >= 0 && length > 0) {
		uint32_t i = (uint32_t)(offset / CLUSTER % QCOW2_L2_ENTRIES);
		uint64_t n = MIN(DIV_ROUND_UP(length, CLUSTER), QCOW2_L2_ENTRIES - i);
		uint64_t bytes = run_bytes((uint32_t)n, length);
		struct qcow2_table *t;

		r = qcow2_meta_l2(m, offset / CLUSTER / QCOW2_L2_ENTRIES, false, &t, err);
		if (r >= 0 && t)
			r = qcow2_space_drop_room(m, n, err);
		if (r >= 0 && t)
			remap(m, t, i, (uint32_t)n, 0);
		offset += bytes;
		length -= bytes;
	}
	return r;
}

/*
 * What write_mixed does for clusters that are all new: those with data get places that follow each
 * other in the file, and are written by one call, however many pieces they are in. 1 done, 0 not
 * for these.
 */
static int write_gathered(struct qcow2_meta *m, struct qcow2_table *t, uint32_t i, uint32_t n,
			  const uint8_t *buf, uint64_t length, uint32_t zero, struct err *err)
{
	struct iovec pieces[MIXED_MAX];
	uint64_t cluster, count = 0, host;
	uint32_t data = 0;
	int npieces = 0, r;

	for (uint32_t k = 0; k < n; k++) {
		const uint8_t *p = buf + (size_t)k * CLUSTER;
		size_t bytes = run_bytes(1, length - (uint64_t)k * CLUSTER);

		if (zero >> k & 1)
			continue;
		if (entry_at(t, i + k).kind == QCOW2_KIND_RAW)
			return 0;
		data++;
		if (k > 0 && !(zero >> (k - 1) & 1))
			pieces[npieces - 1].iov_len += bytes;
		else
			pieces[npieces++] = (struct iovec){ (void *)p, bytes };
	}
	r = qcow2_space_drop_room(m, n, err);
	if (r >= 0)
		r = qcow2_space_reserve(m, data, &cluster, &count, err);
	if (r < 0 || count < data)
		return MIN(r, 0);
	host = cluster * CLUSTER;
	r = qcow2_meta_write_raw(m, pieces, npieces, host, err);
	if (r < 0)
		return r;
	qcow2_space_commit(m, cluster, data);
	for (uint32_t k = 0; k < n; k++) {
		bool zeroes = zero >> k & 1;

		remap(m, t, i + k, 1, zeroes ? 0 : host);
		host += zeroes ? 0 : CLUSTER;
	}
	return 1;
}

/* Run by run. */
static int write_runs(struct image *im, const uint8_t *buf, uint64_t offset, uint64_t length,
		      uint32_t zero, struct err *err)
{
	uint64_t at = 0;
	int r = 0;

	for (uint32_t k = 0; r >= 0 && at < length;) {
		bool zeroes = zero >> k & 1;
		uint64_t bytes;
		uint32_t run = 1;

		while (k + run < MIXED_MAX && (zero >> (k + run) & 1) == zeroes)
			run++;
		bytes = run_bytes(run, length - at);
		r = zeroes ? zero_op(im, offset + at, bytes, err)
			   : write_op(im, buf + at, offset + at, bytes, err);
		k += run;
		at += bytes;
	}
	return r;
}

static int write_mixed_op(struct image *im, const void *buf, uint64_t offset, uint64_t length,
			  uint32_t zero, struct err *err)
{
	uint64_t n = DIV_ROUND_UP(length, CLUSTER), cluster = offset / CLUSTER;
	uint32_t i = (uint32_t)(cluster % QCOW2_L2_ENTRIES);
	uint32_t all = n < MIXED_MAX ? (UINT32_C(1) << n) - 1 : UINT32_MAX;
	struct qcow2_meta *m = &writer(im)->m;
	struct qcow2_table *t;
	int r;

	r = check_range(im, offset, length, err);
	if (r >= 0 && n > MIXED_MAX)
		r = err_set(err, EINVAL, "more than %u clusters at once", MIXED_MAX);
	if (r < 0)
		return r;
	zero &= all;
	if (zero != 0 && zero != all && i + n <= QCOW2_L2_ENTRIES) {
		r = qcow2_meta_l2(m, cluster / QCOW2_L2_ENTRIES, true, &t, err);
		if (r >= 0)
			r = write_gathered(m, t, i, (uint32_t)n, buf, length, zero, err);
		if (r != 0)
			return MIN(r, 0);
	}
	return write_runs(im, buf, offset, length, zero, err);
}

/* What buf lacks of the last cluster at the end of the disk was written as zeroes. */
static int read_op(struct image *im, void *buf, uint64_t offset, uint64_t length, struct err *err)
{
	struct qcow2_write *w = writer(im);
	uint8_t *p = buf;
	int r;

	if (!w->whole)
		w->whole = fdio_alloc(CLUSTER);
	if (!w->whole)
		return err_nomem(err);
	r = check_range(im, offset, length, err);
	while (r >= 0 && length > 0) {
		uint64_t first = offset / CLUSTER, bytes;
		uint32_t n = (uint32_t)MIN(length / CLUSTER,
					   QCOW2_L2_ENTRIES - first % QCOW2_L2_ENTRIES);

		bytes = n > 0 ? (uint64_t)n * CLUSTER : length;
		r = qcow2_reread(&w->m, first, MAX(n, 1u), n > 0 ? p : w->whole, err);
		if (r >= 0 && n == 0 && p != w->whole)
			memcpy(p, w->whole, bytes);
		p += bytes;
		offset += bytes;
		length -= bytes;
	}
	return r;
}

/* A part of one cluster, at bytes from its beginning. */
static int patch_cluster(struct qcow2_write *w, const uint8_t *buf, uint64_t cluster, uint32_t at,
			 uint32_t bytes, struct err *err)
{
	uint32_t i = (uint32_t)(cluster % QCOW2_L2_ENTRIES), whole = ALIGN_UP(bytes, IMAGE_BLOCK);
	uint8_t block[IMAGE_BLOCK] = { 0 };
	struct qcow2_meta *m = &w->m;
	struct qcow2_table *t;
	uint64_t length, host;
	int r = qcow2_meta_l2(m, cluster / QCOW2_L2_ENTRIES, false, &t, err);

	if (r < 0)
		return r;
	if (t && entry_at(t, i).kind == QCOW2_KIND_RAW) {
		host = entry_at(t, i).host + at;
		bytes = ALIGN_DOWN(bytes, IMAGE_BLOCK);
		if (bytes > 0)
			r = qcow2_meta_patch_raw(m, buf, bytes, host, err);
		if (r < 0 || bytes == whole)
			return r;
		memcpy(block, buf + bytes, (size_t)(w->im.size % IMAGE_BLOCK));
		return qcow2_meta_patch_raw(m, block, IMAGE_BLOCK, host + bytes, err);
	}
	length = MIN((uint64_t)CLUSTER, w->im.size - cluster * CLUSTER);
	r = read_op(&w->im, w->whole, cluster * CLUSTER, length, err);
	if (r < 0)
		return r;
	memcpy(w->whole + at, buf, bytes);
	return write_op(&w->im, w->whole, cluster * CLUSTER, length, err);
}

static int patch_op(struct image *im, const void *buf, uint64_t offset, uint64_t length,
		    struct err *err)
{
	struct qcow2_write *w = writer(im);
	const uint8_t *p = buf;
	int r = 0;

	if (!range_inside(offset, length, im->size) || offset % IMAGE_BLOCK ||
	    (length % IMAGE_BLOCK && offset + length != im->size))
		return err_set(err, EINVAL,
			       "range 0x%" PRIx64 " + 0x%" PRIx64 " is no range of whole blocks",
			       offset, length);
	if (!w->whole)
		w->whole = fdio_alloc(CLUSTER);
	if (!w->whole)
		return err_nomem(err);
	while (r >= 0 && length > 0) {
		uint32_t at = (uint32_t)(offset % CLUSTER);
		uint32_t bytes = (uint32_t)MIN(length, (uint64_t)CLUSTER - at);

		r = patch_cluster(w, p, offset / CLUSTER, at, bytes, err);
		p += bytes;
		offset += bytes;
		length -= bytes;
	}
	return r;
}

static int flush_op(struct image *im, struct err *err)
{
	return qcow2_meta_flush(&writer(im)->m, err);
}

static int close_op(struct image *im, struct err *err)
{
	CLEANUP(writer_free) struct qcow2_write *w = writer(im);
	int r;

	r = qcow2_meta_flush(&w->m, err);
	if (r < 0)
		return r;
	qcow2_space_trim(&w->m);
	r = qcow2_meta_sync(&w->m, err);
	if (r < 0)
		return r;
	if (close(TAKE_FD(w->fd)) < 0)
		return err_errno(err, "cannot close the image");
	return 0;
}

static void abandon_op(struct image *im)
{
	writer_free(writer(im));
}

static const struct image_ops qcow2_ops = {
	.format = "qcow2",
	.write = write_op,
	.write_compressed = write_compressed_op,
	.write_mixed = write_mixed_op,
	.zero = zero_op,
	.read = read_op,
	.patch = patch_op,
	.flush = flush_op,
	.close = close_op,
	.abandon = abandon_op,
};

/* Takes the descriptor over, whatever is returned. */
static int writer_new(int fd, const struct qcow2_layout *lay, struct qcow2_write **ret,
		      struct err *err)
{
	CLEANUP(writer_free) struct qcow2_write *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		fd_close(fd);
		return err_nomem(err);
	}
	w->im = (struct image){ .ops = &qcow2_ops, .size = lay->size, .cluster = CLUSTER };
	w->fd = fd;
	r = qcow2_meta_init(&w->m, fd, lay, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

/* An empty image; its header comes last, so that a torn creation is no image at all. */
static int format(struct qcow2_meta *m, struct err *err)
{
	struct qcow2_table *t;
	int r;

	m->regions = 0;
	r = qcow2_meta_refblock_new(m, &t, err);
	if (r < 0)
		return r;
	for (uint64_t c = 0; c < m->lay.fixed; c++)
		qcow2_space_ref(m, c);
	r = qcow2_meta_flush(m, err);
	if (r >= 0)
		r = qcow2_meta_header(m, false, err);
	if (r >= 0)
		r = qcow2_meta_sync(m, err);
	return r;
}

int qcow2_write_create(int dirfd, const char *name, uint64_t size, bool compressed,
		       struct image **ret, struct err *err)
{
	CLEANUP(writer_free) struct qcow2_write *w = NULL;
	struct qcow2_layout lay;
	int fd, r;

	r = qcow2_layout_make(size, compressed, &lay, err);
	if (r < 0)
		return r;
	fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, "cannot create %s", name);
	r = writer_new(fd, &lay, &w, err);
	if (r >= 0)
		r = format(&w->m, err);
	if (r >= 0)
		qcow2_data_open_direct(&w->m.data, dirfd, name);
	if (r < 0) {
		err_prefix(err, "%s", name);
		unlinkat(dirfd, name, 0);
		return r;
	}
	*ret = &TAKE_PTR(w)->im;
	return 0;
}

/* Take the file up once it is known to be a regular file with our header. */
static int take_up(struct qcow2_meta *m, const struct bitmap *keep, struct err *err)
{
	uint8_t header[QCOW2_LAYOUT_HEADER];
	struct stat st;
	int r;

	if (fstat(m->fd, &st) < 0)
		return err_errno(err, "cannot examine the image");
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "not a regular file");
	m->file_size = (uint64_t)st.st_size;
	r = fdio_pread_full(m->fd, header, sizeof(header), 0);
	if (r == -ENODATA)
		return err_set(err, EBADMSG, "too short for a qcow2 file");
	if (r < 0)
		return err_code(err, r, "cannot read the header");
	r = qcow2_layout_check(&m->lay, header, err);
	if (r < 0)
		return r;
	return qcow2_rebuild(m, keep, err);
}

int qcow2_write_open(int dirfd, const char *name, uint64_t size, bool compressed,
		     const struct bitmap *keep, struct image **ret, struct err *err)
{
	CLEANUP(writer_free) struct qcow2_write *w = NULL;
	struct qcow2_layout lay;
	int fd, r;

	r = qcow2_layout_make(size, compressed, &lay, err);
	if (r < 0)
		return r;
	if (keep->size != size || keep->granularity % CLUSTER)
		return err_set(err, EINVAL, "%s: the map of what to keep is not for this disk",
			       name);
	/* Not blocking: a FIFO in its place must not hang us before it is refused. */
	fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot open %s", name);
	r = writer_new(fd, &lay, &w, err);
	if (r >= 0)
		r = take_up(&w->m, keep, err);
	if (r >= 0)
		qcow2_data_open_direct(&w->m.data, dirfd, name);
	if (r < 0) {
		err_prefix(err, "%s", name);
		return r;
	}
	*ret = &TAKE_PTR(w)->im;
	return 0;
}

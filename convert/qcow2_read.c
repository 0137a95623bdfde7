/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cluster sizes from 512 bytes to 2 MiB are understood, though ours are 64 KiB, so that tests can
 * hold the reader against images of QEMU's making. Memory: the L1 table (up to 32 MiB by format),
 * L2_CACHE tables, one decoded cluster, and a window of 1 MiB (four clusters when they are larger):
 * the frames of neighbouring clusters mostly follow each other in the file, and are read at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/digest.h"
#include "common/fdio.h"
#include "convert/qcow2_file.h"
#include "convert/qcow2_layout.h"
#include "convert/qcow2_read.h"

#define L2_CACHE	16
#define NOTHING		UINT64_MAX
#define PIECES_MAX	32

struct cached_l2 {
	uint64_t offset;		/* in the file, NOTHING: free */
	uint64_t used;			/* clock of the last use */
	uint8_t *data;
};

struct qcow2_read {
	struct qcow2_file file;
	uint64_t size;
	unsigned int cluster_bits;
	uint64_t cluster;
	bool zstd;
	uint8_t *l1;
	uint32_t l1_entries;
	struct cached_l2 l2[L2_CACHE];
	uint64_t clock;
	ZSTD_DCtx *dctx;
	uint8_t *window;		/* a part of the file, aligned */
	size_t window_max;		/* two clusters are the longest an entry can describe */
	uint64_t window_start, window_end;
	uint8_t *unpacked;
	uint64_t unpacked_entry;	/* the L2 entry whose data unpacked holds, 0: none */
};

void qcow2_read_free(struct qcow2_read *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < L2_CACHE; i++)
		free(r->l2[i].data);
	free(r->l1);
	free(r->window);
	free(r->unpacked);
	ZSTD_freeDCtx(r->dctx);
	qcow2_file_done(&r->file);
	free(r);
}

static int read_result(int res, const char *what, uint64_t offset, struct err *err)
{
	if (res == -ENODATA)
		return err_set(err, EBADMSG, "the file ends before %s at 0x%" PRIx64, what, offset);
	if (res < 0)
		return err_code(err, res, "cannot read %s at 0x%" PRIx64, what, offset);
	return 0;
}

static int read_at(struct qcow2_read *r, void *buf, size_t len, uint64_t offset,
		   const char *what, struct err *err)
{
	return read_result(qcow2_file_read(&r->file, buf, len, offset), what, offset, err);
}

static int check_features(const uint8_t *h, struct err *err)
{
	uint64_t incompatible = get_be64(h + QCOW2_H_INCOMPATIBLE);

	if (get_be64(h + QCOW2_H_BACKING_OFFSET) != 0)
		return err_set(err, ENOTSUP, "the image has a backing file");
	if (get_be32(h + QCOW2_H_CRYPT) != 0)
		return err_set(err, ENOTSUP, "the image is encrypted");
	if (get_be32(h + QCOW2_H_NB_SNAPSHOTS) != 0)
		return err_set(err, ENOTSUP, "the image has snapshots");
	if (incompatible & QCOW2_INCOMPAT_CORRUPT)
		return err_set(err, EBADMSG, "the image is marked as corrupt");
	if (incompatible & ~(QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_COMPRESSION))
		return err_set(err, ENOTSUP, "the image uses unknown features 0x%" PRIx64,
			       incompatible);
	return 0;
}

static int read_header(struct qcow2_read *r, uint64_t *ret_l1_offset, struct err *err)
{
	uint8_t h[QCOW2_HEADER_LENGTH] = { 0 };
	uint32_t header_length;
	uint64_t span;
	bool bit;
	int res;

	/* A version 3 header is 104 bytes at least; bytes past its length are not of the header. */
	res = read_at(r, h, QCOW2_H_COMPRESSION, 0, "the header", err);
	if (res < 0)
		return res;
	if (get_be32(h + QCOW2_H_MAGIC) != QCOW2_MAGIC)
		return err_set(err, EBADMSG, "not a qcow2 file");
	if (get_be32(h + QCOW2_H_VERSION) != 3)
		return err_set(err, ENOTSUP, "not version 3 of qcow2");
	header_length = get_be32(h + QCOW2_H_HEADER_LENGTH);
	if (header_length < QCOW2_H_COMPRESSION || header_length % 8)
		return err_set(err, EBADMSG, "header length %" PRIu32 " is impossible",
			       header_length);
	res = check_features(h, err);
	if (res < 0)
		return res;
	if (header_length > QCOW2_H_COMPRESSION)
		res =
		    read_at(r, h + QCOW2_H_COMPRESSION, 1, QCOW2_H_COMPRESSION, "the header", err);
	if (res < 0)
		return res;
	r->zstd = h[QCOW2_H_COMPRESSION] == QCOW2_COMPRESSION_ZSTD;
	bit = get_be64(h + QCOW2_H_INCOMPATIBLE) & QCOW2_INCOMPAT_COMPRESSION;
	if (h[QCOW2_H_COMPRESSION] > QCOW2_COMPRESSION_ZSTD)
		return err_set(err, ENOTSUP, "compression type %u is unknown",
			       h[QCOW2_H_COMPRESSION]);
	if (bit != r->zstd)
		return err_set(err, EBADMSG, "the header contradicts itself about compression");

	r->cluster_bits = get_be32(h + QCOW2_H_CLUSTER_BITS);
	if (r->cluster_bits < 9 || r->cluster_bits > 21)
		return err_set(err, EBADMSG, "clusters of 2^%u bytes are impossible",
			       r->cluster_bits);
	r->cluster = UINT64_C(1) << r->cluster_bits;
	r->size = get_be64(h + QCOW2_H_SIZE);
	r->l1_entries = get_be32(h + QCOW2_H_L1_SIZE);
	*ret_l1_offset = get_be64(h + QCOW2_H_L1_OFFSET);
	span = r->cluster * (r->cluster / 8);
	if (r->l1_entries > QCOW2_LAYOUT_L1_MAX / 8 || DIV_ROUND_UP(r->size, span) > r->l1_entries)
		return err_set(err, EBADMSG,
			       "an L1 table of %" PRIu32 " entries is not for %" PRIu64 " bytes",
			       r->l1_entries, r->size);
	if (*ret_l1_offset % r->cluster ||
	    !range_inside(*ret_l1_offset, r->l1_entries * UINT64_C(8), r->file.size))
		return err_set(err, EBADMSG, "the L1 table lies outside the file");
	return 0;
}

/* The file is open. */
static int load(struct qcow2_read *r, struct err *err)
{
	uint64_t l1_offset = 0;
	int res;

	res = read_header(r, &l1_offset, err);
	if (res < 0)
		return res;
	r->l1 = malloc(MAX(r->l1_entries * (size_t)8, 1));
	r->window_max = MAX(4 * r->cluster, MIB);
	r->window = fdio_alloc(r->window_max);
	r->unpacked = malloc(r->cluster);
	r->dctx = ZSTD_createDCtx();
	if (!r->l1 || !r->window || !r->unpacked || !r->dctx)
		return err_nomem(err);
	return read_at(r, r->l1, r->l1_entries * (size_t)8, l1_offset, "the L1 table", err);
}

int qcow2_read_open(int dirfd, const char *name, struct qcow2_read **ret, struct err *err)
{
	CLEANUP(qcow2_read_free) struct qcow2_read *r = calloc(1, sizeof(*r));
	int res;

	if (!r)
		return err_nomem(err);
	for (size_t i = 0; i < L2_CACHE; i++)
		r->l2[i].offset = NOTHING;
	res = qcow2_file_open(&r->file, dirfd, name, err);
	if (res >= 0)
		res = load(r, err);
	if (res < 0) {
		err_prefix(err, "%s", name);
		return res;
	}
	*ret = TAKE_PTR(r);
	return 0;
}

uint64_t qcow2_read_size(const struct qcow2_read *r)
{
	return r->size;
}

uint64_t qcow2_read_allocated(const struct qcow2_read *r)
{
	struct stat st;

	return fstat(r->file.fd, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}

static int l2_load(struct qcow2_read *r, uint64_t offset, const uint8_t **ret, struct err *err)
{
	struct cached_l2 *c = &r->l2[0];
	int res;

	for (size_t i = 0; i < L2_CACHE; i++) {
		if (r->l2[i].offset == offset) {
			r->l2[i].used = ++r->clock;
			*ret = r->l2[i].data;
			return 0;
		}
		if (r->l2[i].used < c->used)
			c = &r->l2[i];
	}
	if (!c->data)
		c->data = fdio_alloc(r->cluster);
	if (!c->data)
		return err_nomem(err);
	c->offset = NOTHING;
	res = read_at(r, c->data, r->cluster, offset, "an L2 table", err);
	if (res < 0)
		return res;
	c->offset = offset;
	c->used = ++r->clock;
	*ret = c->data;
	return 0;
}

/*
 * The entry of the guest cluster at offset, and how many bytes from offset on are sure to share
 * its L2 table, or the want of one.
 */
static int lookup(struct qcow2_read *r, uint64_t offset, uint64_t *ret_entry, uint64_t *ret_span,
		  struct err *err)
{
	uint64_t number = offset >> r->cluster_bits, entries = r->cluster / 8;
	uint64_t l1 = get_be64(r->l1 + number / entries * 8);
	struct qcow2_entry e = qcow2_layout_decode(l1, r->cluster_bits);
	const uint8_t *table = NULL;
	int res;

	*ret_span = (entries - number % entries) * r->cluster - (offset & (r->cluster - 1));
	*ret_entry = 0;
	if (e.kind == QCOW2_KIND_NONE)
		return 0;
	if (e.kind != QCOW2_KIND_RAW)
		return err_set(err, EBADMSG, "the L1 entry for 0x%" PRIx64 " is damaged", offset);
	res = l2_load(r, e.host, &table, err);
	if (res < 0)
		return res;
	*ret_entry = get_be64(table + number % entries * 8);
	return 0;
}

/*
 * Where in the file the frames end that follow the one at host without much of a gap, and belong
 * to the clusters of the length guest bytes from guest on; no further than the window holds.
 */
static uint64_t frames_end(struct qcow2_read *r, uint64_t host, uint64_t end, uint64_t guest,
			   uint64_t length)
{
	for (uint64_t at = r->cluster; at < length; at += r->cluster) {
		uint64_t entry, span;
		struct qcow2_entry e;

		/* A fault ends the run here and is reported when its own turn comes. */
		if (lookup(r, guest + at, &entry, &span, NULL) < 0)
			break;
		e = qcow2_layout_decode(entry, r->cluster_bits);
		if (e.kind != QCOW2_KIND_PACKED || e.host < host || e.host > end + FDIO_ALIGN ||
		    e.host + e.length > host + r->window_max - 2 * FDIO_ALIGN)
			break;
		end = MAX(end, e.host + e.length);
	}
	return MIN(end, r->file.size);
}

/* Have [host, end) of the file in the window. */
static int window_load(struct qcow2_read *r, uint64_t host, uint64_t end, struct err *err)
{
	int res;

	r->window_start = ALIGN_DOWN(host, FDIO_ALIGN);
	r->window_end = r->window_start;
	end = MIN(ALIGN_UP(end, FDIO_ALIGN), r->file.size);
	res = read_at(r, r->window, end - r->window_start, r->window_start, "compressed clusters",
		      err);
	if (res >= 0)
		r->window_end = end;
	return res;
}

/* The cluster at guest, of which and of those that follow it length bytes are wanted. */
static int unpack(struct qcow2_read *r, uint64_t entry, uint64_t guest, uint64_t length,
		  struct err *err)
{
	const uint8_t *frame;
	struct qcow2_entry e = qcow2_layout_decode(entry, r->cluster_bits);
	size_t len, n;
	int res;

	if (r->unpacked_entry == entry)
		return 0;
	if (!r->zstd)
		return err_set(err, ENOTSUP, "the image is compressed with zlib");
	r->unpacked_entry = 0;
	/* The last sector of the file may be cut short: what counts is that the frame is whole. */
	if (e.host >= r->file.size)
		return err_set(err, EBADMSG, "the compressed cluster for 0x%" PRIx64
			       " lies outside the file", guest);
	len = MIN(e.length, r->file.size - e.host);
	if (e.host < r->window_start || e.host + len > r->window_end) {
		res = window_load(r, e.host, frames_end(r, e.host, e.host + len, guest, length),
				  err);
		if (res < 0)
			return res;
	}
	frame = r->window + (e.host - r->window_start);
	n = ZSTD_findFrameCompressedSize(frame, len);
	if (!ZSTD_isError(n))
		n = ZSTD_decompressDCtx(r->dctx, r->unpacked, r->cluster, frame, n);
	if (ZSTD_isError(n))
		return err_set(err, EBADMSG,
			       "the compressed cluster for 0x%" PRIx64 " is damaged: %s", guest,
			       ZSTD_getErrorName(n));
	if (n != r->cluster)
		return err_set(err, EBADMSG,
			       "the compressed cluster for 0x%" PRIx64 " decodes to %zu bytes",
			       guest, n);
	r->unpacked_entry = entry;
	return 0;
}

/*
 * Read from offset on, where cluster data begins at host: all that is raw and follows each other in
 * the file, by one call, with the zeroes that lie between. *ret_done bytes.
 */
static int read_raw(struct qcow2_read *r, uint8_t *buf, uint64_t host, uint64_t offset,
		    uint64_t length, uint64_t *ret_done, struct err *err)
{
	uint64_t first = host + (offset & (r->cluster - 1)), next = first, done = 0;
	struct iovec pieces[PIECES_MAX];
	int n = 0, res;

	while (done < length) {
		uint64_t at = offset + done, in = at & (r->cluster - 1), entry, span;
		uint64_t bytes = MIN(length - done, r->cluster - in);
		struct qcow2_entry e;

		/* A fault ends the run here and is reported when its own turn comes. */
		if (lookup(r, at, &entry, &span, NULL) < 0)
			break;
		e = qcow2_layout_decode(entry, r->cluster_bits);
		if (e.kind == QCOW2_KIND_NONE || e.kind == QCOW2_KIND_ZERO) {
			memset(buf + done, 0, bytes);
		} else if (e.kind != QCOW2_KIND_RAW || e.host + in != next) {
			break;
		} else if (n > 0 && (uint8_t *)pieces[n - 1].iov_base + pieces[n - 1].iov_len ==
					    buf + done) {
			pieces[n - 1].iov_len += bytes;
			next += bytes;
		} else if (n < PIECES_MAX) {
			pieces[n++] = (struct iovec){ buf + done, bytes };
			next += bytes;
		} else {
			break;
		}
		done += bytes;
	}
	*ret_done = done;
	res = qcow2_file_readv(&r->file, pieces, n, first);
	return read_result(res, "data", first, err);
}

/* Read from the guest cluster at offset on; *ret_done bytes, at least one, at most length. */
static int read_some(struct qcow2_read *r, uint8_t *buf, uint64_t offset, uint64_t length,
		     uint64_t *ret_done, struct err *err)
{
	uint64_t in = offset & (r->cluster - 1), entry, span, n = MIN(length, r->cluster - in);
	struct qcow2_entry e;
	int res;

	res = lookup(r, offset, &entry, &span, err);
	if (res < 0)
		return res;
	e = qcow2_layout_decode(entry, r->cluster_bits);
	switch (e.kind) {
	case QCOW2_KIND_NONE:
	case QCOW2_KIND_ZERO:
		memset(buf, 0, n);
		break;
	case QCOW2_KIND_RAW:
		res = read_raw(r, buf, e.host, offset, length, &n, err);
		break;
	case QCOW2_KIND_PACKED:
		res = unpack(r, entry, offset - in, in + length, err);
		if (res >= 0)
			memcpy(buf, r->unpacked + in, n);
		break;
	case QCOW2_KIND_BAD:
		return err_set(err, EBADMSG, "the L2 entry for 0x%" PRIx64 " is damaged",
			       offset - in);
	}
	*ret_done = n;
	return res;
}

int qcow2_read(struct qcow2_read *r, void *buf, uint64_t offset, uint64_t length, struct err *err)
{
	uint8_t *p = buf;

	if (!range_inside(offset, length, r->size))
		return err_set(err, EINVAL,
			       "0x%" PRIx64 " + 0x%" PRIx64 " is past the end of the disk", offset,
			       length);
	while (length > 0) {
		uint64_t done = 0;
		int res = read_some(r, p, offset, length, &done, err);

		if (res < 0)
			return res;
		p += done;
		offset += done;
		length -= done;
	}
	return 0;
}

uint64_t qcow2_read_zero_run(struct qcow2_read *r, uint64_t offset, uint64_t length)
{
	uint64_t run = 0;

	if (!range_inside(offset, length, r->size))
		return 0;
	while (run < length) {
		uint64_t at = offset + run, entry, span;
		enum qcow2_kind kind;

		if (lookup(r, at, &entry, &span, NULL) < 0)
			break;
		kind = qcow2_layout_decode(entry, r->cluster_bits).kind;
		if (kind != QCOW2_KIND_NONE && kind != QCOW2_KIND_ZERO)
			break;
		/* Without an L2 table the whole of its span is zero. */
		if (get_be64(r->l1 + (at >> r->cluster_bits) / (r->cluster / 8) * 8) == 0)
			run += span;
		else
			run += r->cluster - (at & (r->cluster - 1));
	}
	return MIN(run, length);
}

bool qcow2_read_is_zero(struct qcow2_read *r, uint64_t offset, uint64_t length)
{
	return range_inside(offset, length, r->size) &&
	       qcow2_read_zero_run(r, offset, length) == length;
}

uint64_t qcow2_read_mapping(struct qcow2_read *r, uint64_t offset, uint64_t length)
{
	uint8_t sha[SHA256_LEN];
	struct sha256 *h = NULL;
	uint64_t hash = 0;
	bool ok = range_inside(offset, length, r->size) && sha256_new(&h) == 0;

	for (uint64_t at = ALIGN_DOWN(offset, r->cluster); ok && at < offset + length;
	     at += r->cluster) {
		uint64_t entry, span;
		enum qcow2_kind kind;
		uint8_t be[8];

		ok = lookup(r, at, &entry, &span, NULL) >= 0;
		kind = ok ? qcow2_layout_decode(entry, r->cluster_bits).kind : QCOW2_KIND_BAD;
		put_be64(be, entry);
		ok = (kind == QCOW2_KIND_RAW || kind == QCOW2_KIND_NONE) &&
		     sha256_update(h, be, sizeof(be)) == 0;
	}
	if (ok && sha256_final(h, sha) == 0)
		hash = MAX(get_be64(sha), UINT64_C(1));
	sha256_free(h);
	return hash;
}

/* --- who uses which cluster of the file --- */

struct users {
	struct bitmap *used, *alone, *shared;
};

static void users_done(struct users *u)
{
	bitmap_free(u->used);
	bitmap_free(u->alone);
	bitmap_free(u->shared);
}
DEFINE_CLEANUP_VALUE(struct users, users_done)

/* Only frames may share a cluster, and only with frames. */
static int use(struct qcow2_read *r, struct users *u, uint64_t host, uint64_t length, bool alone,
	       struct err *err)
{
	if (length == 0 || !range_inside(host, length, r->file.size))
		return err_set(err, EBADMSG, "0x%" PRIx64 " is used but outside the file", host);
	for (uint64_t at = ALIGN_DOWN(host, r->cluster); at < host + length; at += r->cluster) {
		if (bitmap_test(u->alone, at) || (alone && bitmap_test(u->used, at)))
			bitmap_set_range(u->shared, at, 1);
		bitmap_set_range(u->used, at, 1);
		if (alone)
			bitmap_set_range(u->alone, at, 1);
	}
	return 0;
}

static int use_table(struct qcow2_read *r, struct users *u, uint64_t index, struct err *err)
{
	struct qcow2_entry l1 = qcow2_layout_decode(get_be64(r->l1 + index * 8), r->cluster_bits);
	const uint8_t *table;
	int res;

	if (l1.kind == QCOW2_KIND_NONE)
		return 0;
	if (l1.kind != QCOW2_KIND_RAW)
		return err_set(err, EBADMSG, "L1 entry %" PRIu64 " is damaged", index);
	res = use(r, u, l1.host, r->cluster, true, err);
	if (res >= 0)
		res = l2_load(r, l1.host, &table, err);
	for (uint64_t i = 0; res >= 0 && i < r->cluster / 8; i++) {
		struct qcow2_entry e = qcow2_layout_decode(get_be64(table + i * 8),
							   r->cluster_bits);

		if (e.kind == QCOW2_KIND_RAW)
			res = use(r, u, e.host, r->cluster, true, err);
		else if (e.kind == QCOW2_KIND_PACKED && e.host < r->file.size)
			res = use(r, u, e.host, MIN(e.length, r->file.size - e.host), false, err);
		else if (e.kind != QCOW2_KIND_NONE)
			res = err_set(err, EBADMSG, "an L2 entry of L1 entry %" PRIu64
				      " is damaged", index);
	}
	return res;
}

/* Where nothing but tables may lie in a file of our writer's making. */
static int use_fixed(struct qcow2_read *r, struct users *u, const struct qcow2_layout *lay,
		     struct err *err)
{
	int res = 0;

	for (uint64_t c = 0; res >= 0 && c < r->file.size / r->cluster; c++)
		if (qcow2_layout_reserved(lay, c))
			res = use(r, u, c * r->cluster, r->cluster, true, err);
	return res;
}

static int compare_refcounts(struct qcow2_read *r, struct users *u, const struct qcow2_layout *lay,
			     struct err *err)
{
	const uint8_t *block = NULL;

	for (uint64_t c = 0; c < r->file.size / r->cluster; c++) {
		uint64_t at = c * r->cluster, i = c % QCOW2_REFBLOCK_ENTRIES;
		int res = 0;

		/* Any cluster may be looked at through the cache of tables. */
		if (i == 0)
			res = l2_load(r, qcow2_layout_refblock(lay, c / QCOW2_REFBLOCK_ENTRIES),
				      &block, err);
		if (res < 0)
			return res;
		if (bitmap_test(u->alone, at) && get_be16(block + i * 2) != 1)
			bitmap_set_range(u->shared, at, 1);
	}
	return 0;
}

int qcow2_read_shared(struct qcow2_read *r, struct bitmap **ret, struct err *err)
{
	CLEANUP(users_done) struct users u = { 0 };
	struct qcow2_layout lay;
	int res;

	if (r->cluster != QCOW2_CLUSTER_SIZE)
		return err_set(err, ENOTSUP, "clusters of %" PRIu64 " bytes", r->cluster);
	if (bitmap_new(r->file.size, r->cluster, &u.used) < 0 ||
	    bitmap_new(r->file.size, r->cluster, &u.alone) < 0 ||
	    bitmap_new(r->file.size, r->cluster, &u.shared) < 0)
		return err_nomem(err);
	res = qcow2_layout_make(r->size, r->zstd, &lay, err);
	if (res >= 0)
		res = use_fixed(r, &u, &lay, err);
	for (uint64_t i = 0; res >= 0 && i < r->l1_entries; i++)
		res = use_table(r, &u, i, err);
	if (res >= 0)
		res = compare_refcounts(r, &u, &lay, err);
	if (res < 0)
		return res;
	*ret = TAKE_PTR(u.shared);
	return 0;
}

bool qcow2_read_touches(struct qcow2_read *r, uint64_t offset, uint64_t length,
			const struct bitmap *shared)
{
	for (uint64_t at = offset; at < offset + length; at += r->cluster) {
		uint64_t entry, span;
		struct qcow2_entry e;

		if (lookup(r, at, &entry, &span, NULL) < 0)
			return true;
		e = qcow2_layout_decode(entry, r->cluster_bits);
		if (e.kind != QCOW2_KIND_NONE && bitmap_any(shared, e.host, MAX(e.length, 1u)))
			return true;
	}
	return false;
}

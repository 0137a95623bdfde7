/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A tampered qcow2 file, for the reader and for the writer that takes an image up. A whole file
 * would be half a megabyte of zeroes for a fuzzer to drown in, so the input is a patch on an image
 * that is made once:
 *
 *	byte 0		bit 0: keep everything, else all but the first 8 clusters
 *			bit 1: cut the file
 *	bytes 1-2	where, in units of 1 KiB, big-endian
 *	then, again and again
 *	byte 0		what: 0 header, 1 L1 table, 2 and 3 the L2 tables, 4 the refcount
 *			table, 5 the refcount block, else packed data
 *	bytes 1-2	offset in there, big-endian
 *	bytes 3-10	eight bytes to put there
 *
 * Besides not crashing: what the writer agrees to take up it can work with, close, and take up once
 * more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/fdio.h"
#include "convert/qcow2_layout.h"
#include "convert/qcow2_read.h"
#include "convert/qcow2_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLUSTER		QCOW2_CLUSTER_SIZE
#define DISK		(600 * MIB)
#define NAME		"image"

/* A zstd frame of 64 KiB of zeroes: one block of a repeated byte. */
static const uint8_t frame[] = {
	0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0x00, 0x00, 0x01, 0x00, 0x03, 0x00, 0x08, 0x00,
};

static int dir = -1;
static uint8_t *base;
static size_t base_len;
static char dir_path[64];

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void clean_up(void)
{
	unlinkat(dir, NAME, 0);
	rmdir(dir_path);
	free(base);
}

static void make_base(void)
{
	CLEANUP(mem_free) uint8_t *raw = calloc(2, CLUSTER);
	struct image *im;

	/* Memory if there is: the writer syncs. */
	snprintf(dir_path, sizeof(dir_path), "%s/fuzz-qcow2-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(raw && mkdtemp(dir_path));
	dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(dir >= 0 && atexit(clean_up) == 0);
	memset(raw, 0x5a, 2 * CLUSTER);
	must(qcow2_write_create(dir, NAME, DISK, true, &im, NULL) >= 0);
	must(im->ops->write(im, raw, 0, 2 * CLUSTER, NULL) >= 0);
	for (uint64_t c = 6; c < 10; c++)
		must(im->ops->write_compressed(im, frame, sizeof(frame), c * CLUSTER, NULL) >= 0);
	must(im->ops->write(im, raw, 512 * MIB, CLUSTER, NULL) >= 0);
	must(im->ops->close(im, NULL) >= 0);
	{
		CLEANUP(fd_close) int fd = openat(dir, NAME, O_RDONLY | O_CLOEXEC);
		off_t len = lseek(fd, 0, SEEK_END);

		must(fd >= 0 && len > 0);
		base_len = (size_t)len;
		base = malloc(base_len);
		must(base && fdio_pread_full(fd, base, base_len, 0) == 0);
	}
}

static uint64_t part_at(unsigned int what)
{
	uint64_t l1 = get_be64(base + QCOW2_H_L1_OFFSET);

	switch (what) {
	case 0:
		return 0;
	case 1:
		return l1;
	case 2:
	case 3:
		return get_be64(base + l1 + (what - 2) * 8) & QCOW2_OFFSET_MASK;
	case 4:
		return get_be64(base + QCOW2_H_REFTABLE_OFFSET);
	case 5:
		return l1 + CLUSTER;
	default:
		return qcow2_layout_decode(get_be64(base + part_at(2) + 6 * 8), QCOW2_CLUSTER_BITS)
		    .host;
	}
}

/* Make the file from the base and the patches. */
static void patch_file(const uint8_t *data, size_t size, size_t len)
{
	CLEANUP(fd_close) int fd = openat(dir, NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && fdio_pwrite_full(fd, base, len, 0) == 0);
	for (; size >= 11; data += 11, size -= 11) {
		uint64_t at = part_at(data[0] % 7) + get_be16(data + 1);

		if (at + 8 <= len)
			must(fdio_pwrite_full(fd, data + 3, 8, at) == 0);
	}
}

static void read_some(void)
{
	static const uint64_t where[] = { 0, 1, 2, 6, 7, 8, 9, 8191, 8192, 9599 };
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
	CLEANUP(bitmap_free) struct bitmap *shared = NULL;
	CLEANUP(mem_free) uint8_t *buf = malloc(2 * CLUSTER);

	must(buf);
	if (qcow2_read_open(dir, NAME, &r, NULL) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		uint64_t at = where[i] * CLUSTER, left = qcow2_read_size(r) - at;

		if (at < qcow2_read_size(r))
			(void)!qcow2_read(r, buf, at, MIN(left, 2 * CLUSTER), NULL);
	}
	qcow2_read_is_zero(r, 0, MIN(qcow2_read_size(r), DISK));
	(void)qcow2_read_mapping(r, 0, MIN(qcow2_read_size(r), 16 * CLUSTER));
	if (qcow2_read_shared(r, &shared, NULL) >= 0)
		(void)qcow2_read_touches(r, 0, MIN(qcow2_read_size(r), 16 * CLUSTER), shared);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(bitmap_free) struct bitmap *keep = NULL;
	struct image *im;
	size_t len;

	if (!base)
		make_base();
	if (size < 3)
		return 0;
	len = data[0] & 2 ? MIN(base_len, get_be16(data + 1) * (size_t)1024) : base_len;
	must(bitmap_new(DISK, CLUSTER, &keep) >= 0);
	bitmap_set_all(keep);
	if (!(data[0] & 1))
		bitmap_clear_range(keep, 0, 8 * CLUSTER);
	patch_file(data + 3, size - 3, len);

	read_some();
	if (qcow2_write_open(dir, NAME, DISK, true, keep, &im, NULL) < 0)
		return 0;
	must(im->ops->write(im, base, CLUSTER, CLUSTER, NULL) >= 0);
	must(im->ops->write_compressed(im, frame, sizeof(frame), 7 * CLUSTER, NULL) >= 0);
	must(im->ops->zero(im, 8 * CLUSTER, CLUSTER, NULL) >= 0);
	must(im->ops->close(im, NULL) >= 0);
	bitmap_set_all(keep);
	must(qcow2_write_open(dir, NAME, DISK, true, keep, &im, NULL) >= 0);
	image_abandon(im);
	read_some();
	return 0;
}

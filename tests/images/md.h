/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members of md arrays written by hand, for the tests of disk/md: superblock, and a given image cut
 * into chunks, with parity. It shares nothing with the code under test: each row of chunks is laid
 * out as a picture, as md(4) draws it. test_md_recorded.c holds these pictures against arrays that
 * the kernel made.
 */
#ifndef P2V_TESTS_IMAGES_MD_H
#define P2V_TESTS_IMAGES_MD_H

#include "common/bytes.h"
#include "tests/images/image.h"

#define MDW_MAX		6		/* members */
#define MDW_P		(-1)		/* in a picture of a row: parity, else the data chunk */
#define MDW_Q		(-2)
#define MDW_NONE	(-3)

struct mdw {
	const char *label;
	int level;
	uint32_t layout;
	unsigned int n;
	unsigned int chunk_kib;
	unsigned int version;		/* 90, 10, 11, 12 */
	uint64_t size;			/* of a member's data, whole chunks */
	uint64_t offset;		/* of the data; 1.x */
	const char *name;		/* 1.x: set_name; NULL: "box:data" */
};

static inline uint64_t mdw_chunk(const struct mdw *v)
{
	return v->chunk_kib ? v->chunk_kib * KIB : 64 * KIB;
}

/* The chunk that each member has in a row. False: the row is behind the end. */
UNUSED static bool mdw_row(const struct mdw *v, uint64_t row, int64_t at[static MDW_MAX])
{
	uint64_t rows = v->size / mdw_chunk(v);
	int n = (int)v->n, k = v->level == 6 ? 2 : v->level >= 4 && v->level <= 5 ? 1 : 0;
	int near = (int)(v->layout & 0xff), far = (int)(v->layout >> 8 & 0xff), p, d = 0;
	int64_t first = (int64_t)row * (n - k);

	if (row >= rows)
		return false;
	for (int i = 0; i < n; i++)
		at[i] = MDW_NONE;
	if (v->level == 0 || v->level == 1 || v->level == -1) {
		for (int i = 0; i < n; i++)
			at[i] = v->level == 0 ? first + i : v->level == 1 ? (int64_t)row :
				(int64_t)((uint64_t)i * rows + row);
		return true;
	}
	if (v->level == 10 && far == 1) {
		/* Every chunk near times, written like a text into rows of n. */
		for (int i = 0; i < n; i++)
			at[i] = ((int64_t)row * n + i) / near;
		return true;
	}
	if (v->level == 10) {
		int64_t part = (int64_t)rows / far, turn, r;

		/* A plain stripe, and again turned by one; behind it, or row by row. */
		turn = v->layout & (1 << 16) ? (int64_t)row % far : (int64_t)row / part;
		r = v->layout & (1 << 16) ? (int64_t)row / far : (int64_t)row % part;
		if (turn >= far || r >= part)
			return true;
		for (int i = 0; i < n; i++)
			at[(i + turn) % n] = r * n + i;
		return true;
	}
	/* P first. */
	switch (v->level == 4 ? 5 : v->layout) {
	case 0: case 2: p = n - 1 - (int)(row % (uint64_t)n); break;
	case 1: case 3: p = (int)(row % (uint64_t)n); break;
	case 4: p = 0; break;
	default: p = n - k;
	}
	at[p] = MDW_P;
	if (k == 2)
		at[(p + 1) % n] = MDW_Q;
	/* Symmetric: data goes on behind it; else from the left. */
	for (int i = 0; i < n; i++) {
		int m = v->level != 4 && (v->layout == 2 || v->layout == 3) ? (p + k + i) % n : i;

		if (at[m] == MDW_NONE)
			at[m] = first + d++;
	}
	return true;
}

UNUSED static uint8_t mdw_double(uint8_t x)
{
	return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1d : 0));
}

/* P or Q of a row whose other chunks are there. */
UNUSED static void mdw_parity(const struct mdw *v, const int64_t *at,
			      uint8_t *const chunk[static MDW_MAX], uint8_t *p, uint8_t *q)
{
	size_t len = mdw_chunk(v);
	unsigned int n = v->n, start = 0;

	memset(p, 0, len);
	memset(q, 0, len);
	/* Coefficients count from the member behind Q. */
	for (unsigned int i = 0; i < n; i++)
		if (at[i] == MDW_Q)
			start = (i + 1) % n;
	for (unsigned int i = n; i-- > 0;) {
		unsigned int m = (start + i) % n;

		if (at[m] < 0)
			continue;
		for (size_t x = 0; x < len; x++) {
			p[x] ^= chunk[m][x];
			q[x] = mdw_double(q[x]) ^ chunk[m][x];
		}
	}
}

/* -- superblocks -- */

UNUSED static uint32_t mdw_fold(uint64_t sum)
{
	return (uint32_t)sum + (uint32_t)(sum >> 32);
}

UNUSED static void mdw_checksum(uint8_t *sb, bool v0)
{
	size_t at = v0 ? 152 : 216;
	size_t len = v0 ? 4096 : MIN((size_t)4096, 256 + 2 * (size_t)get_le32(sb + 220));
	uint64_t sum = 0;

	put_le32(sb + at, 0);
	for (size_t i = 0; i + 4 <= len; i += 4)
		sum += get_le32(sb + i);
	if (len % 4)
		sum += get_le16(sb + len - 2);
	put_le32(sb + at, mdw_fold(sum));
}

/* Where it lies in a member of that size. */
UNUSED static uint64_t mdw_super_at(const struct mdw *v, uint64_t member_size)
{
	switch (v->version) {
	case 90: return (member_size / 65536 - 1) * 65536;
	case 10: return (member_size - 8192) / 4096 * 4096;
	case 11: return 0;
	default: return 4096;
	}
}

/* sb of 4096 bytes. A member behind the last is a spare. */
UNUSED static void mdw_super(const struct mdw *v, unsigned int number, uint64_t member_size,
			     uint8_t *sb)
{
	uint32_t level = (uint32_t)v->level, chunk = v->chunk_kib * 1024;

	memset(sb, 0, 4096);
	put_le32(sb, 0xa92b4efc);
	if (v->version == 90) {
		const uint32_t words[][2] = {
			{ 2, 90 }, { 5, 0x11223344 }, { 7, level },
			{ 8, (uint32_t)(v->size / 1024) }, { 9, v->n },
			{ 10, v->n }, { 11, 3 }, { 13, 5 }, { 33, 1 }, { 39, 18 },
			{ 64, v->layout }, { 65, chunk }, { 992, number },
			{ 995, number }, { 996, number < v->n ? 6 : 0 },
		};

		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			put_le32(sb + 4 * words[i][0], words[i][1]);
		for (unsigned int i = 0; i < v->n; i++) {
			put_le32(sb + 4 * (128 + 32 * i), i);
			put_le32(sb + 4 * (128 + 32 * i + 3), i);
			put_le32(sb + 4 * (128 + 32 * i + 4), 6);
		}
		mdw_checksum(sb, true);
		return;
	}
	put_le32(sb + 4, 1);
	memset(sb + 16, 0x77, 16);
	strncpy((char *)sb + 32, v->name ? v->name : "box:data", 32);
	put_le32(sb + 72, level);
	put_le32(sb + 76, v->layout);
	put_le64(sb + 80, v->size / 512);
	put_le32(sb + 88, chunk / 512);
	put_le32(sb + 92, v->n);
	put_le64(sb + 128, v->offset / 512);
	put_le64(sb + 136, v->size / 512);
	put_le64(sb + 144, mdw_super_at(v, member_size) / 512);
	put_le32(sb + 160, number);
	put_le64(sb + 200, 18);
	put_le64(sb + 208, UINT64_MAX);
	put_le32(sb + 220, 128);
	for (unsigned int i = 0; i < 128; i++)
		put_le16(sb + 256 + 2 * i, i < v->n ? (uint16_t)i : 0xfffe);
	if (number >= v->n)
		put_le16(sb + 256 + 2 * number, 0xffff);
	mdw_checksum(sb, false);
}

/* -- whole members -- */

/*
 * The members m0.img, m1.img, ..., each with its own at the offset `at` of the image; the images
 * exist, and are large enough. member_size: from there. The array holds the file's bytes, then
 * rubbish.
 */
UNUSED static void mdw_write(const struct mdw *v, const char *file, const char *const *images,
			     const uint64_t *at, uint64_t member_size)
{
	size_t chunk = mdw_chunk(v);
	uint8_t *buf[MDW_MAX], *p = malloc(chunk), *q = malloc(chunk), sb[4096];
	int fd = open(image_path(file), O_RDONLY | O_CLOEXEC), out[MDW_MAX];
	int64_t row_at[MDW_MAX];

	ck_assert_int_ge(fd, 0);
	for (unsigned int i = 0; i < v->n; i++) {
		buf[i] = malloc(chunk);
		out[i] = open(image_path(images[i]), O_RDWR | O_CLOEXEC);
		ck_assert_int_ge(out[i], 0);
	}
	for (uint64_t row = 0; mdw_row(v, row, row_at); row++) {
		for (unsigned int i = 0; i < v->n; i++) {
			memset(buf[i], 0x5a ^ (int)(row_at[i] & 0x7f), chunk);
			if (row_at[i] >= 0)
				ck_assert_int_ge(pread(fd, buf[i], chunk,
						       row_at[i] * (int64_t)chunk), 0);
		}
		mdw_parity(v, row_at, buf, p, q);
		for (unsigned int i = 0; i < v->n; i++) {
			const uint8_t *from = row_at[i] == MDW_P ? p : row_at[i] == MDW_Q ? q :
					      buf[i];

			ck_assert_int_eq(pwrite(out[i], from, chunk,
						(off_t)(at[i] + v->offset + row * chunk)),
					 (ssize_t)chunk);
		}
	}
	for (unsigned int i = 0; i < v->n; i++) {
		mdw_super(v, i, member_size, sb);
		ck_assert_int_eq(pwrite(out[i], sb, sizeof(sb),
					(off_t)(at[i] + mdw_super_at(v, member_size))),
				 (ssize_t)sizeof(sb));
		close(out[i]);
		free(buf[i]);
	}
	close(fd);
	free(p);
	free(q);
}

/*
 * Is every row as it should be: P and Q those of the data, all copies of a chunk the same? Returns
 * how many rows are not. data_at: where the members' data begins in the images.
 */
UNUSED static unsigned int mdw_mismatches(const struct mdw *v, const char *const *images,
					  const uint64_t *data_at)
{
	size_t chunk = mdw_chunk(v);
	uint8_t *buf[MDW_MAX], *p = malloc(chunk), *q = malloc(chunk), *other = malloc(chunk);
	unsigned int bad = 0;
	int64_t at[MDW_MAX];
	int fd[MDW_MAX];

	for (unsigned int i = 0; i < v->n; i++) {
		buf[i] = malloc(chunk);
		fd[i] = open(image_path(images[i]), O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fd[i], 0);
	}
	for (uint64_t row = 0; mdw_row(v, row, at); row++) {
		for (unsigned int i = 0; i < v->n; i++)
			ck_assert_int_eq(pread(fd[i], buf[i], chunk,
					       (off_t)(data_at[i] + row * chunk)), (ssize_t)chunk);
		mdw_parity(v, at, buf, p, q);
		for (unsigned int i = 0; i < v->n; i++) {
			if (at[i] == MDW_P || at[i] == MDW_Q)
				bad += memcmp(buf[i], at[i] == MDW_P ? p : q, chunk) != 0;
			/* The next member has every chunk again, here or in a row to come. */
			for (unsigned int k = 0; at[i] >= 0 && v->level == 10 && k < 3; k++) {
				uint64_t part = v->size / chunk / MAX(v->layout >> 8 & 0xff, 1u);
				bool far = (v->layout >> 8 & 0xff) > 1;
				uint64_t next = !far ? row + k : v->layout & (1 << 16) ? row + 1 :
						row + part;
				int64_t there[MDW_MAX];

				if ((far && k > 0) || !mdw_row(v, next, there))
					continue;
				for (unsigned int m = 0; m < v->n; m++) {
					if (there[m] != at[i] || (m == i && next == row))
						continue;
					ck_assert_int_eq(pread(fd[m], other, chunk,
							       (off_t)(data_at[m] + next * chunk)),
							 (ssize_t)chunk);
					bad += memcmp(buf[i], other, chunk) != 0;
				}
			}
			if (v->level == 1)
				bad += memcmp(buf[i], buf[0], chunk) != 0;
		}
	}
	for (unsigned int i = 0; i < v->n; i++) {
		close(fd[i]);
		free(buf[i]);
	}
	free(p);
	free(q);
	free(other);
	return bad;
}

#endif

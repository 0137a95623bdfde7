/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writer takes up files that were tampered with. */
#include <errno.h>
#include "tests/lib/fault.h"
#include "tests/unit/test_qcow2_rig.h"

/* --- files that were tampered with --- */

#define HOSTILE_SIZE	(600 * MIB)

static uint8_t *base;
static size_t base_len;

/* Two L2 tables with raw and packed clusters. Fixed: cluster 0 to 3; L2: 4. */
static void hostile_base(void)
{
	const char *path = tmp_path("base");
	struct image *im = create(path, HOSTILE_SIZE, true);
	struct err err = ERR_INIT;
	int fd;

	ck_good(put_raw(&model, im, 0, 2, 4, &err), &err);
	for (uint32_t i = 0; i < 4; i++)
		ck_good(put_packed(&model, im, 5 + i, 3 + i * 4, &err), &err);
	ck_good(put_raw(&model, im, QCOW2_L2_ENTRIES, 1, 8, &err), &err);
	finish(im, path);
	base_len = file_size(path);
	base = malloc(base_len);
	ck_assert_ptr_nonnull(base);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, base, base_len), (ssize_t)base_len);
	fd_close(fd);
}

static void hostile_done(void)
{
	free(base);
	base = NULL;
}

static void spill(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	fd_close(fd);
}

static void same_file(const char *path, const uint8_t *data, size_t len)
{
	CLEANUP(mem_free) uint8_t *now = malloc(len);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_uint_eq(file_size(path), len);
	ck_assert_int_eq(read(fd, now, len), (ssize_t)len);
	ck_assert_mem_eq(now, data, len);
	fd_close(fd);
}

/* Read all there is; whatever the reader says, it must say it. */
static void read_through(const char *path)
{
	static uint8_t buf[CLUSTER];
	static const uint64_t where[] = {
	    0, 1, 2, 5, 6, 7, 8, QCOW2_L2_ENTRIES - 1, QCOW2_L2_ENTRIES};
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
	struct err err = ERR_INIT;

	if (qcow2_read_open(AT_FDCWD, path, &r, &err) < 0) {
		ck_assert_int_ne(err.text[0], 0);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		uint64_t at = where[i] * CLUSTER;

		err_reset(&err);
		if (range_inside(at, CLUSTER, qcow2_read_size(r)) &&
		    qcow2_read(r, buf, at, CLUSTER, &err) < 0)
			ck_assert_int_ne(err.text[0], 0);
	}
	qcow2_read_is_zero(r, 0, MIN(qcow2_read_size(r), 64 * GIB));
}

/* Either refused, and then untouched, or consistent and good to work with. */
static int hostile_try(const uint8_t *data, size_t len, const struct bitmap *keep)
{
	const char *path = tmp_path("hostile");
	struct err err = ERR_INIT;
	struct image *im = NULL;
	int r;

	spill(path, data, len);
	read_through(path);
	r = qcow2_write_open(AT_FDCWD, path, HOSTILE_SIZE, true, keep, &im, &err);
	if (r < 0) {
		ck_assert_msg(r == -EBADMSG || r == -EINVAL, "%d %s", r, err.text);
		same_file(path, data, len);
		return r;
	}
	check_refcounts(path, BOOKS_EXACT);
	ck_good(put_packed(&model, im, 6, 14, &err), &err);
	ck_good(put_raw(&model, im, 1, 5, 16, &err), &err);
	ck_good(im->ops->close(im, &err), &err);
	check_refcounts(path, BOOKS_EXACT);
	read_through(path);
	return 0;
}

static struct bitmap *keep_all(void)
{
	struct bitmap *keep;

	ck_assert_int_ge(bitmap_new(HOSTILE_SIZE, CLUSTER, &keep), 0);
	bitmap_set_all(keep);
	return keep;
}

START_TEST(header_fields_mutated)
{
	static const uint8_t change[] = { 0x01, 0x80, 0xff, 0x10 };
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();

	ck_assert_int_eq(hostile_try(base, base_len, keep), 0);
	for (size_t at = 0; at < QCOW2_LAYOUT_HEADER; at++) {
		for (size_t k = 0; k < ARRAY_SIZE(change); k++) {
			bool only_dirty =
			    at == QCOW2_H_INCOMPATIBLE + 7 && change[k] == QCOW2_INCOMPAT_DIRTY;

			base[at] ^= change[k];
			ck_assert_msg((hostile_try(base, base_len, keep) == 0) == only_dirty,
				      "header byte %zu ^ %#x", at, change[k]);
			base[at] ^= change[k];
		}
	}
}
END_TEST

static size_t l1_at(void)
{
	return get_be64(base + QCOW2_H_L1_OFFSET);
}

static size_t l2_at(unsigned int i)
{
	return get_be64(base + l1_at() + i * 8) & QCOW2_OFFSET_MASK;
}

START_TEST(tables_point_wrong)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();
	size_t l2 = l2_at(0), other = l2_at(1);
	uint64_t raw0 = get_be64(base + l2), raw1 = get_be64(base + l2 + 8), past = base_len;
	uint64_t packed_in =
	    qcow2_layout_decode(get_be64(base + l2 + 5 * 8), 16).host / CLUSTER * CLUSTER;
	const struct {
		size_t at;
		uint64_t entry;
	} bad[] = {
		/*
		 * L1: header, tables, itself, refcounts, twice the same, data, outside, not
		 * aligned, flags
		 */
		{ l1_at(), QCOW2_COPIED | 0 },
		{ l1_at(), QCOW2_COPIED | CLUSTER },
		{ l1_at(), QCOW2_COPIED | l1_at() },
		{ l1_at(), QCOW2_COPIED | (l1_at() + CLUSTER) },
		{ l1_at(), QCOW2_COPIED | other },
		{ l1_at(), raw0 },
		{ l1_at(), QCOW2_COPIED | past },
		{ l1_at(), QCOW2_COPIED | (QCOW2_OFFSET_MASK & ~(uint64_t)(CLUSTER - 1)) },
		{ l1_at(), QCOW2_COPIED | (l2 + 512) },
		{ l1_at(), l2 },
		{ l1_at(), QCOW2_COPIED | l2 | 1 },
		{ l1_at(), QCOW2_COMPRESSED | l2 },
		/* L2: the same places for a raw cluster */
		{ l2, QCOW2_COPIED },
		{ l2, QCOW2_COPIED | CLUSTER },
		{ l2, QCOW2_COPIED | l1_at() },
		{ l2, QCOW2_COPIED | l2 },
		{ l2, QCOW2_COPIED | other },
		{ l2, raw1 },
		{ l2, QCOW2_COPIED | past },
		{ l2, QCOW2_COPIED | (QCOW2_OFFSET_MASK & ~(uint64_t)(CLUSTER - 1)) },
		{ l2, raw0 & ~QCOW2_COPIED },
		{ l2, raw0 | 512 },
		{ l2, raw0 | QCOW2_L2_ZERO },
		{ l2, QCOW2_L2_ZERO },
		{ l2, raw0 | UINT64_C(1) << 60 },
		{ l2, UINT64_MAX },
		/* packed data over the header, tables and raw data, and past the end */
		{ l2, qcow2_layout_packed(0, 100) },
		{ l2, qcow2_layout_packed(l2 + 100, 100) },
		{ l2, qcow2_layout_packed(l1_at() + 5, 100) },
		{ l2, qcow2_layout_packed((raw1 & QCOW2_OFFSET_MASK) + 4000, 100) },
		{ l2, qcow2_layout_packed(base_len - 100, 1000) },
		{ l2, QCOW2_COMPRESSED | ((UINT64_C(1) << 54) - 1) },
		{ l2, QCOW2_COPIED | qcow2_layout_packed(base_len - 100, 100) },
		/* raw over packed */
		{ l2, QCOW2_COPIED | packed_in },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t was = get_be64(base + bad[i].at);

		put_be64(base + bad[i].at, bad[i].entry);
		ck_assert_msg(hostile_try(base, base_len, keep) == -EBADMSG, "case %zu", i);
		put_be64(base + bad[i].at, was);
	}
}
END_TEST

/* Damage where nothing is to be kept is cleared away, not refused. */
START_TEST(damage_outside_keep)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();

	bitmap_clear_range(keep, 0, 4 * CLUSTER);
	put_be64(base + l2_at(0), UINT64_MAX);
	put_be64(base + l2_at(0) + 8, QCOW2_COPIED | l1_at());
	ck_assert_int_eq(hostile_try(base, base_len, keep), 0);
	put_be64(base + l1_at(), UINT64_MAX);
	ck_assert_int_eq(hostile_try(base, base_len, keep), -EBADMSG);
	bitmap_clear_range(keep, 0, 512 * MIB);
	ck_assert_int_eq(hostile_try(base, base_len, keep), 0);
	bitmap_clear_all(keep);
	put_be64(base + l1_at() + 8, UINT64_MAX);
	/* Refcounts are never believed. */
	memset(base + get_be64(base + QCOW2_H_REFTABLE_OFFSET), 0xff, CLUSTER);
	memset(base + l1_at() + CLUSTER, 0xff, CLUSTER);
	ck_assert_int_eq(hostile_try(base, base_len, keep), 0);
}
END_TEST

START_TEST(cut_short)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();

	for (size_t len = 0; len < base_len; len += len < 256 ? 1 : 8191)
		ck_assert_int_lt(hostile_try(base, len, keep), 0);
}
END_TEST

START_TEST(random_flips)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();
	CLEANUP(mem_free) uint8_t *copy = malloc(base_len);
	uint64_t state = 4711;

	ck_assert_ptr_nonnull(copy);
	if (_i % 2)
		bitmap_clear_range(keep, 5 * CLUSTER, 2 * CLUSTER);
	for (int round = 0; round < 300; round++) {
		memcpy(copy, base, base_len);
		for (uint64_t n = 1 + rnd(&state) % 4; n > 0; n--) {
			/* The interesting entries far more often than chance would have it. */
			size_t spots[] = { l1_at() + rnd(&state) % 24, l2_at(0) + rnd(&state) % 80,
					   l2_at(1) + rnd(&state) % 16, rnd(&state) % base_len };

			copy[spots[rnd(&state) % 4]] ^= (uint8_t)(1u << rnd(&state) % 8);
		}
		hostile_try(copy, base_len, keep);
	}
}
END_TEST

START_TEST(open_refuses)
{
	CLEANUP(bitmap_free) struct bitmap *keep = keep_all();
	CLEANUP(bitmap_free) struct bitmap *small = NULL;
	const char *path = tmp_path("hostile"), *link = tmp_path("link");
	struct err err = ERR_INIT;
	struct image *im = NULL;

	spill(path, base, base_len);
	ck_assert_int_eq(qcow2_write_open(AT_FDCWD, path, HOSTILE_SIZE, false, keep, &im, &err),
			 -EINVAL);
	ck_assert_int_ge(bitmap_new(HOSTILE_SIZE - 512, CLUSTER, &small), 0);
	ck_assert_int_eq(
	    qcow2_write_open(AT_FDCWD, path, HOSTILE_SIZE - 512, true, small, &im, &err), -EINVAL);
	ck_assert_int_eq(qcow2_write_open(AT_FDCWD, path, HOSTILE_SIZE, true, small, &im, &err),
			 -EINVAL);
	ck_assert_int_eq(
	    qcow2_write_open(AT_FDCWD, "/nowhere/x", HOSTILE_SIZE, true, keep, &im, &err), -ENOENT);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert_int_eq(qcow2_write_open(AT_FDCWD, link, HOSTILE_SIZE, true, keep, &im, &err),
			 -ELOOP);
	unlink(link);
	ck_assert_int_eq(mkfifo(link, 0600), 0);
	ck_assert_int_eq(qcow2_write_open(AT_FDCWD, link, HOSTILE_SIZE, true, keep, &im, &err),
			 -EBADMSG);
	ck_assert_ptr_null(im);
	same_file(path, base, base_len);
}
END_TEST

static Suite *qcow2_hostile_suite(void)
{
	Suite *s = suite_create("qcow2_hostile");
	TCase *tc = tcase_create("hostile");

	tcase_set_timeout(tc, 60);
	tmpdir_fixture(tc);
	tcase_add_checked_fixture(tc, hostile_base, hostile_done);
	tcase_add_test(tc, header_fields_mutated);
	tcase_add_test(tc, tables_point_wrong);
	tcase_add_test(tc, damage_outside_keep);
	tcase_add_test(tc, cut_short);
	tcase_add_loop_test(tc, random_flips, 0, 2);
	tcase_add_test(tc, open_refuses);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(qcow2_hostile_suite)

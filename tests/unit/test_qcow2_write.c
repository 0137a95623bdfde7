/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The writer against a model: random work, and the edges of what it does. What QEMU thinks is
 * asked in test_qcow2_qemu.
 */
#include <errno.h>
#include "tests/lib/fault.h"
#include "tests/unit/test_qcow2_rig.h"

/* --- random work --- */

/* Guest clusters worth writing to: the disk's start, L2 table borders, its end. */
static uint64_t pick_cluster(uint64_t *state, uint64_t size)
{
	uint64_t all = DIV_ROUND_UP(size, CLUSTER), tables = DIV_ROUND_UP(all, QCOW2_L2_ENTRIES);
	uint64_t base = rnd(state) % tables * QCOW2_L2_ENTRIES, c;

	switch (rnd(state) % 4) {
	case 0:
		c = base + rnd(state) % 24;
		break;
	case 1:
		c = base + QCOW2_L2_ENTRIES - 12 + rnd(state) % 24;
		break;
	case 2:
		c = all + 11 - rnd(state) % 12;
		break;
	default:
		c = rnd(state) % 24;
	}
	return c % all;
}

static int random_step(struct image *im, uint64_t *state, bool compressed, struct err *err)
{
	uint64_t c = pick_cluster(state, im->size), all = DIV_ROUND_UP(im->size, CLUSTER);
	uint32_t n = (uint32_t)(1 + rnd(state) % 12), number = (uint32_t)rnd(state) | 1;
	int r = 0;

	n = (uint32_t)MIN(n, all - c);

	switch (rnd(state) % 5) {
	case 0:
		return put_raw(&model, im, c, n, number, err);
	case 1:
		return put_zero(&model, im, c, n, err);
	case 2:
		return put_mixed(&model, im, c, n, number, (uint32_t)rnd(state), err);
	default:
		for (uint32_t i = 0; i < n && r >= 0; i++)
			r = put_either(im, compressed, c + i, number + i, err);
		return r;
	}
}

static const uint64_t sizes[] = {
    512,	   CLUSTER - 512,   CLUSTER,
    CLUSTER + 512, 30 * MIB,	    512 * MIB - 512,
    512 * MIB,	   512 * MIB + 512, GIB + 3 * CLUSTER + 512,
    3 * TIB,
};

static void random_work(uint64_t size, bool compressed, uint64_t seed, unsigned int steps)
{
	const char *path = tmp_path("random");
	struct image *im = create(path, size, compressed);
	struct err err = ERR_INIT;
	uint64_t state = seed;

	for (unsigned int i = 0; i < steps; i++) {
		if (rnd(&state) % 8 == 0) {
			flush(im);
			check_refcounts(path, BOOKS_EXACT);
			model_verify(&model, path);
		}
		if (rnd(&state) % 16 == 0) {
			CLEANUP(bitmap_free) struct bitmap *keep = model_keep(&model);

			image_abandon(im);
			im = take_up(path, size, compressed, keep);
			model_reopened(&model);
			check_refcounts(path, BOOKS_EXACT);
			model_verify(&model, path);
		}
		ck_good(random_step(im, &state, compressed, &err), &err);
	}
	finish(im, path);
	unlink(path);
}

START_TEST(random_matches_model)
{
	uint64_t size = sizes[_i / 2];

	random_work(size, _i % 2, 77 + (uint64_t)_i, size < 10 * MIB ? 60 : 40);
}
END_TEST

/* --- the edges of the operations --- */

START_TEST(create_refuses)
{
	const char *path = tmp_path("new");
	struct err err = ERR_INIT;
	struct image *im = NULL;

	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, path, 0, false, &im, &err), -EINVAL);
	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, path, 513, false, &im, &err), -EINVAL);
	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, path, 3072 * TIB, false, &im, &err), -EFBIG);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, "/nowhere/x", 512, false, &im, &err),
			 -ENOENT);
	im = create(path, 512, false);
	image_abandon(im);
	im = NULL;
	ck_assert_int_eq(qcow2_write_create(AT_FDCWD, path, 512, false, &im, &err), -EEXIST);
	ck_assert_ptr_null(im);
	check_refcounts(path, BOOKS_EXACT);
}
END_TEST

START_TEST(largest_disk)
{
	const char *path = tmp_path("large");
	struct image *im = create(path, 2048 * TIB, true);
	struct err err = ERR_INIT;

	ck_good(put_packed(&model, im, 2048 * TIB / CLUSTER - 1, 6, &err), &err);
	ck_good(put_raw(&model, im, 0, 3, 8, &err), &err);
	finish(im, path);
}
END_TEST

START_TEST(operations_refuse)
{
	static const uint8_t buf[2 * CLUSTER] = { 1 };
	struct image *im = create(tmp_path("a"), 10 * CLUSTER + 512, false);
	struct err err = ERR_INIT;

	ck_assert_int_eq(im->ops->write(im, buf, 512, CLUSTER, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write(im, buf, 0, 512, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_mixed(im, buf, 0, 512, 0, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_mixed(im, buf, 10 * CLUSTER, CLUSTER, 1, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write(im, buf, 10 * CLUSTER, CLUSTER, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write(im, buf, UINT64_MAX - CLUSTER + 1, CLUSTER, &err), -EINVAL);
	ck_assert_int_eq(im->ops->zero(im, 10 * CLUSTER, 513, &err), -EINVAL);
	ck_assert_int_eq(im->ops->zero(im, CLUSTER, 1, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, 10, 0, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write(im, buf, 0, 0, &err), 0);
	image_abandon(im);

	im = create(tmp_path("b"), 10 * CLUSTER + 512, true);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, 0, 0, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, CLUSTER + 1, 0, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, 10, 512, &err), -EINVAL);
	ck_assert_int_eq(im->ops->write_compressed(im, buf, 10, 11 * CLUSTER, &err), -EINVAL);
	image_abandon(im);
}
END_TEST

/* Overwriting for ever must not grow the file for ever. */
START_TEST(freed_space_is_reused)
{
	const char *path = tmp_path("reuse");
	struct image *im = create(path, 64 * CLUSTER, true);
	struct err err = ERR_INIT;
	uint64_t after = 0;

	for (uint32_t round = 0; round < 60; round++) {
		for (uint32_t c = 0; c < 64; c++)
			ck_good(round % 3 == 2
				    ? put_raw(&model, im, c, 1, round * 64 + c, &err)
				    : put_packed(&model, im, c, (round * 64 + c) * 4 + 2, &err),
				&err);
		flush(im);
		if (round == 6)
			after = file_size(path);
	}
	check_refcounts(path, BOOKS_EXACT);
	ck_assert_uint_le(file_size(path), after);
	ck_assert_uint_le(after, (5 + 1 + 3 * 64) * CLUSTER);
	ck_good(put_zero(&model, im, 0, 64, &err), &err);
	finish(im, path);
	/* Closing gives everything back but the fixed tables and one L2 table. */
	ck_assert_uint_le(file_size(path), 6 * CLUSTER);
}
END_TEST

/* More frames in one host cluster than a 16-bit refcount can count. */
START_TEST(refcount_does_not_overflow)
{
	const char *path = tmp_path("tiny");
	uint64_t frames = 70000;
	struct image *im = create(path, frames * CLUSTER, true);
	struct err err = ERR_INIT;

	for (uint64_t c = 0; c < frames; c++)
		ck_good(im->ops->write_compressed(im, "x", 1, c * CLUSTER, &err), &err);
	ck_good(im->ops->flush(im, &err), &err);
	check_refcounts(path, BOOKS_EXACT);
	ck_good(im->ops->zero(im, 0, frames * CLUSTER, &err), &err);
	finish(im, path);
}
END_TEST

/* A file past 2 GiB needs a second refcount block; the data is holes, so it costs no memory. */
START_TEST(second_refcount_block)
{
	const char *path = tmp_path("big");
	CLEANUP(mem_free) uint8_t *zeroes = calloc(16, MIB);
	CLEANUP(bitmap_free) struct bitmap *keep = NULL;
	struct image *im = create(path, 3 * TIB, true);
	struct err err = ERR_INIT;

	fault_sparse(true);
	for (uint64_t at = 0; at < 4112 * MIB; at += 16 * MIB)
		ck_good(im->ops->write(im, zeroes, at, 16 * MIB, &err), &err);
	ck_good(put_packed(&model, im, TIB / CLUSTER, 2, &err), &err);
	ck_good(put_raw(&model, im, 2 * TIB / CLUSTER, 5, 100, &err), &err);
	flush(im);
	ck_assert_uint_gt(file_size(path), 4 * GIB);
	check_refcounts(path, BOOKS_EXACT);
	image_abandon(im);

	/* Keep what is in the third region only: the refcount blocks before it still stand. */
	ck_assert_int_ge(bitmap_new(3 * TIB, CLUSTER, &keep), 0);
	bitmap_set_range(keep, TIB / 2, 2 * TIB);
	im = take_up(path, 3 * TIB, true, keep);
	check_refcounts(path, BOOKS_EXACT);
	model_verify(&model, path);
	for (uint64_t at = 0; at < 4000 * MIB; at += 16 * MIB)
		ck_good(im->ops->write(im, zeroes, at, 16 * MIB, &err), &err);
	flush(im);
	check_refcounts(path, BOOKS_EXACT);
	ck_good(im->ops->zero(im, 0, 4112 * MIB, &err), &err);
	finish(im, path);
	fault_sparse(false);
}
END_TEST

/* More dirty tables than the cache holds: it has to flush by itself, and to come back to them. */
START_TEST(more_tables_than_cache)
{
	const char *path = tmp_path("wide");
	struct image *im = create(path, 600 * 512 * MIB, true);
	struct err err = ERR_INIT;

	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 600; i++)
			ck_good(put_packed(&model, im, (uint64_t)i * QCOW2_L2_ENTRIES + i % 7,
					   (round * 600 + i) * 4 + 1, &err),
				&err);
	flush(im);
	check_refcounts(path, BOOKS_EXACT);
	finish(im, path);
}
END_TEST

/* A table that rotted on the disk while it was out of the cache is refused, not believed. */
START_TEST(rotten_table)
{
	const char *path = tmp_path("rot");
	struct image *im = create(path, 600 * 512 * MIB, true);
	static uint8_t rot[CLUSTER];
	struct err err = ERR_INIT;
	uint8_t entry[8];
	int fd;

	for (uint32_t i = 0; i < 600; i++)
		ck_good(put_packed(&model, im, (uint64_t)i * QCOW2_L2_ENTRIES, 4 * i + 1, &err),
			&err);
	flush(im);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, entry, 8, 2 * CLUSTER), 8);
	memset(rot, 0xff, sizeof(rot));
	ck_assert_int_eq(pwrite(fd, rot, CLUSTER, (off_t)(get_be64(entry) & QCOW2_OFFSET_MASK)),
			 CLUSTER);
	fd_close(fd);
	ck_assert_int_eq(put_packed(&model, im, 1, 5, &err), -EBADMSG);
	ck_assert_int_eq(put_zero(&model, im, 0, 3, &err), -EBADMSG);
	ck_good(put_packed(&model, im, 599ull * QCOW2_L2_ENTRIES, 9, &err), &err);
	image_abandon(im);
}
END_TEST

static Suite *qcow2_write_suite(void)
{
	Suite *s = suite_create("qcow2_write");
	TCase *tc = tcase_create("work");


	tcase_set_timeout(tc, 60);
	tmpdir_fixture(tc);
	tcase_add_loop_test(tc, random_matches_model, 0, 2 * (int)ARRAY_SIZE(sizes));
	tcase_add_test(tc, create_refuses);
	tcase_add_test(tc, largest_disk);
	tcase_add_test(tc, operations_refuse);
	tcase_add_test(tc, freed_space_is_reused);
	tcase_add_test(tc, refcount_does_not_overflow);
	tcase_add_test(tc, second_refcount_block);
	tcase_add_test(tc, more_tables_than_cache);
	tcase_add_test(tc, rotten_table);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(qcow2_write_suite)

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which way data takes to the image file: past the page cache or through it, and what the file
 * holds in the end is the same.
 *
 * WRAP: -Wl,--wrap=sync_file_range,--wrap=posix_fadvise64
 */
#include <errno.h>
#include "common/fdio.h"
#include "convert/qcow2_data.h"
#include "tests/lib/fault.h"
#include "tests/unit/test_qcow2_model.h"

#define DISK		(64 * MIB + 512)

static uint64_t begun, dropped;		/* bytes; calls */

int __real_sync_file_range(int fd, off_t offset, off_t len, unsigned int flags);
int __wrap_sync_file_range(int fd, off_t offset, off_t len, unsigned int flags);
int __real_posix_fadvise64(int fd, off_t offset, off_t len, int advice);
int __wrap_posix_fadvise64(int fd, off_t offset, off_t len, int advice);

int __wrap_sync_file_range(int fd, off_t offset, off_t len, unsigned int flags)
{
	/* Waiting would take an error away from the fdatasync that is to report it. */
	ck_assert_uint_eq(flags, SYNC_FILE_RANGE_WRITE);
	begun += (uint64_t)len;
	return __real_sync_file_range(fd, offset, len, flags);
}

int __wrap_posix_fadvise64(int fd, off_t offset, off_t len, int advice)
{
	ck_assert_int_eq(advice, POSIX_FADV_DONTNEED);
	dropped++;
	return __real_posix_fadvise64(fd, offset, len, advice);
}

static struct model model;

/* Raw, packed and freed clusters that become each other, the disk's short end among them. */
static void work(const char *path)
{
	struct err err = ERR_INIT;
	struct image *im = NULL;
	uint64_t state = 31, last = DISK / CLUSTER;

	memset(&model, 0, sizeof(model));
	model.size = DISK;
	ck_good(qcow2_write_create(AT_FDCWD, path, DISK, true, &im, &err), &err);
	for (uint32_t i = 0; i < 120; i++) {
		uint64_t c = i % 10 == 9 ? last : rnd(&state) % 40;
		uint32_t n = c == last ? 1 : 1 + (uint32_t)(rnd(&state) % 4);

		switch (rnd(&state) % 4) {
		case 0:
			ck_good(put_zero(&model, im, c, n, &err), &err);
			break;
		case 1:
			ck_good(put_packed(&model, im, c, 4 * i + 2, &err), &err);
			break;
		default:
			ck_good(put_raw(&model, im, c, n, 4 * i + 4, &err), &err);
		}
		if (i % 16 == 15)
			ck_good(im->ops->flush(im, &err), &err);
	}
	ck_good(im->ops->close(im, &err), &err);
	check_refcounts(path, BOOKS_EXACT);
	model_verify(&model, path);
}

static bool same_file(const char *a, const char *b)
{
	CLEANUP(mem_free) char *x = NULL, *y = NULL;
	size_t nx, ny;

	ck_assert_int_eq(fdio_read_file(a, GIB, &x, &nx, NULL), 0);
	ck_assert_int_eq(fdio_read_file(b, GIB, &y, &ny, NULL), 0);
	return nx == ny && memcmp(x, y, nx) == 0;
}

static bool has_direct(void)
{
	CLEANUP(fd_close)
	int fd = open(tmp_path("probe"), O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);

	return fd >= 0;
}

START_TEST(both_ways_are_one_file)
{
	uint64_t tried;

	fault_arm(FAULT_DIRECT, 0, false);
	work(tmp_path("a"));
	tried = fault_disarm();
	ck_assert(tried > 20 || !has_direct());
	/* Refused at the first write, and half-way: it is not tried again. */
	for (uint64_t nth = 1; has_direct() && nth < tried; nth += tried / 2) {
		fault_arm(FAULT_DIRECT, nth, true);
		work(tmp_path("b"));
		/* The writer's descriptor once, and the reader's. */
		ck_assert_uint_le(fault_disarm(), nth + 1);
		ck_assert(same_file(tmp_path("a"), tmp_path("b")));
		unlink(tmp_path("b"));
	}
}
END_TEST

/* The way back: refused at the first read, and later. */
START_TEST(read_both_ways)
{
	uint64_t tried;

	work(tmp_path("a"));
	fault_arm(FAULT_DIRECT, 0, false);
	model_verify(&model, tmp_path("a"));
	tried = fault_disarm();
	ck_assert(tried > 20 || !has_direct());
	for (uint64_t nth = 1; has_direct() && nth < tried; nth += tried / 2) {
		fault_arm(FAULT_DIRECT, nth, true);
		model_verify(&model, tmp_path("a"));
		ck_assert_uint_eq(fault_disarm(), nth);
	}
}
END_TEST

/* A name that is another file by now is not written to. */
START_TEST(another_file_under_the_name)
{
	CLEANUP(fd_close)
	int fd = open(tmp_path("a"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct qcow2_data d;

	ck_assert_int_eq(rename(tmp_path("a"), tmp_path("b")), 0);
	close(open(tmp_path("a"), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	ck_assert_int_eq(qcow2_data_init(&d, fd), 0);
	qcow2_data_open_direct(&d, AT_FDCWD, tmp_path("a"));
	ck_assert_int_eq(d.direct, -1);
	qcow2_data_open_direct(&d, AT_FDCWD, tmp_path("b"));
	ck_assert(d.direct >= 0 || !has_direct());
	qcow2_data_done(&d);
}
END_TEST

static void write_much(struct image *im, struct err *err)
{
	static uint8_t buf[MIB];

	memset(buf, 7, sizeof(buf));
	for (uint64_t at = 0; at < 32 * MIB; at += sizeof(buf))
		ck_good(im->ops->write(im, buf, at, sizeof(buf), err), err);
}

/* Through the page cache: written out on the way, dropped when it is durable. */
START_TEST(page_cache_is_not_filled)
{
	struct err err = ERR_INIT;
	struct image *im = NULL;

	ck_good(qcow2_write_create(AT_FDCWD, tmp_path("a"), DISK, false, &im, &err), &err);
	fault_arm(FAULT_DIRECT, 1, true);
	begun = dropped = 0;
	write_much(im, &err);
	ck_assert_uint_ge(begun, 24 * MIB);
	ck_assert_uint_eq(dropped, 0);
	ck_good(im->ops->flush(im, &err), &err);
	ck_assert_uint_eq(dropped, 1);
	ck_good(im->ops->flush(im, &err), &err);
	ck_assert_uint_eq(dropped, 1);
	ck_good(im->ops->close(im, &err), &err);
	fault_disarm();
}
END_TEST

/* Packed frames go through it, too. */
START_TEST(frames_do_not_fill_it)
{
	static uint8_t frame[CLUSTER];
	struct err err = ERR_INIT;
	struct image *im = NULL;

	ck_good(qcow2_write_create(AT_FDCWD, tmp_path("a"), DISK, true, &im, &err), &err);
	begun = dropped = 0;
	for (uint64_t c = 0; c < 600; c++)
		ck_good(im->ops->write_compressed(im, frame, 40000, c * CLUSTER, &err), &err);
	ck_assert_uint_ge(begun, 16 * MIB);
	ck_good(im->ops->close(im, &err), &err);
	ck_assert_uint_eq(dropped, 1);
}
END_TEST

static Suite *qcow2_data_suite(void)
{
	Suite *s = suite_create("qcow2_data");
	TCase *tc = tcase_create("ways");

	tcase_set_timeout(tc, 60);
	tmpdir_fixture(tc);
	tcase_add_test(tc, both_ways_are_one_file);
	tcase_add_test(tc, read_both_ways);
	tcase_add_test(tc, another_file_under_the_name);
	tcase_add_test(tc, page_cache_is_not_filled);
	tcase_add_test(tc, frames_do_not_fill_it);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(qcow2_data_suite)

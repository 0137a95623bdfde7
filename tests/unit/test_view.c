/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is remembered, what is late, and when reading under a freeze ends. */
#include "tests/images/image.h"
#include "common/bytes.h"
#include "disk/space.h"

#define SIZE	(4 * MIB)
#define NEVER	UINT64_MAX

static struct disk *disk;
static struct view *view;
static uint8_t *bytes;

static void open_view(uint64_t cache)
{
	struct err err = ERR_INIT;
	uint64_t rnd = 5;

	image_setup();
	bytes = malloc(SIZE);
	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(image_random(&rnd) >> 32);
	image_make("disk.img", SIZE);
	image_write("disk.img", bytes, SIZE, 0);
	ck_assert_int_eq(disk_open(image_path("disk.img"), 0, &disk, &err), 0);
	ck_assert_int_eq(view_new(1, cache, &view, &err), 0);
}

static void close_view(void)
{
	view_free(view);
	disk_free(disk);
	free(bytes);
	image_teardown();
}

static int look(uint64_t offset, size_t len, uint8_t *buf)
{
	return view_read(view, 0, disk, buf, len, offset, NULL);
}

static void expect(uint64_t offset, size_t len, const uint8_t *want)
{
	CLEANUP(mem_free) uint8_t *buf = malloc(len);

	ck_assert_int_eq(look(offset, len, buf), 0);
	ck_assert_msg(memcmp(buf, want, len) == 0, "other bytes at %" PRIu64, offset);
}

START_TEST(remembered)
{
	struct err err = ERR_INIT;
	uint8_t other[65536];
	size_t reader;

	open_view(MIB);
	view_start(view, NEVER);
	expect(1000, 9000, bytes + 1000);
	expect(100 * KIB + 1, 1, bytes + 100 * KIB + 1);
	expect(0, 16 * KIB, bytes);
	view_stop(view);
	ck_assert(!view_ended(view));
	/* The disk lives on. */
	memset(other, 0x77, sizeof(other));
	image_write("disk.img", other, sizeof(other), 0);
	ck_assert_int_eq(view_add_reader(view, &reader, &err), 0);
	expect(1000, 9000, bytes + 1000);
	expect(0, 16 * KIB, bytes);
	expect(100 * KIB, 4096, bytes + 100 * KIB);
	ck_assert_uint_eq(view_late(view, reader, 0)->n, 0);
	/* Half of it is remembered, and half is late, in whole blocks. */
	memcpy(other, bytes, 16 * KIB);
	expect(0, 18 * KIB, other);
	ck_assert_uint_eq(view_late(view, reader, 0)->n, 1);
	ck_assert_uint_eq(view_late(view, reader, 0)->v[0].offset, 16 * KIB);
	ck_assert_uint_eq(view_late(view, reader, 0)->v[0].length, 4 * KIB);
	/* A newer version is asked for. */
	memset(other, 0x77, sizeof(other));
	view_set_fresh(view, true);
	expect(0, 16 * KIB, other);
	view_set_fresh(view, false);
	expect(0, 16 * KIB, bytes);
	/* A reader of his own, and nobody. */
	ck_assert_int_eq(view_add_reader(view, &reader, &err), 0);
	ck_assert_uint_eq(view_set_reader(view, VIEW_NOBODY), reader);
	expect(MIB, 5000, bytes + MIB);
	ck_assert_uint_eq(view_late(view, reader, 0)->n, 0);
	view_set_reader(view, reader);
	expect(MIB, 5000, bytes + MIB);
	ck_assert_uint_eq(view_late(view, reader, 0)->v[0].offset, MIB);
	ck_assert_uint_eq(view_late(view, reader, 0)->v[0].length, 8 * KIB);
	/* A new freeze remembers nothing of the one before. */
	view_start(view, NEVER);
	ck_assert_uint_eq(view_readers(view), 0);
	expect(0, 16 * KIB, other);
	close_view();
}
END_TEST

START_TEST(bounded)
{
	uint8_t buf[8192];
	struct err err = ERR_INIT;
	size_t reader;

	open_view(64 * KIB);
	view_start(view, NEVER);
	for (uint64_t at = 0; at < 64 * KIB; at += sizeof(buf))
		ck_assert_int_eq(look(at, sizeof(buf), buf), 0);
	ck_assert(!view_ended(view));
	ck_assert_int_eq(look(64 * KIB, 1, buf), -ETIME);
	ck_assert(view_ended(view));
	/* What is remembered can still be had. */
	expect(0, 64 * KIB, bytes);
	view_stop(view);
	ck_assert_int_eq(view_add_reader(view, &reader, &err), 0);
	expect(0, SIZE, bytes);
	ck_assert_uint_eq(extents_bytes(view_late(view, reader, 0)), SIZE - 64 * KIB);
	close_view();
}
END_TEST

START_TEST(deadline)
{
	uint8_t buf[4096];

	open_view(MIB);
	view_start(view, NEVER);
	ck_assert_int_eq(look(0, 1, buf), 0);
	view_start(view, 1);
	ck_assert_int_eq(look(0, 1, buf), -ETIME);
	ck_assert(view_ended(view));
	view_stop(view);
	expect(0, 1, bytes);
	/* The end of a disk, and past it. */
	ck_assert_int_eq(look(SIZE - 1, 2, buf), -ERANGE);
	expect(SIZE - 1, 1, bytes + SIZE - 1);
	close_view();
}
END_TEST

START_TEST(spaces)
{
	CLEANUP(space_free) struct space *bottom = NULL;
	CLEANUP(space_free) struct space *slice = NULL;
	CLEANUP(space_free) struct space *mirror = NULL;
	CLEANUP(extents_done) struct extents cover = { 0 };
	struct err err = ERR_INIT;
	struct bitmap *map;
	uint8_t buf[512];

	open_view(MIB);
	ck_assert_int_eq(bitmap_new(SIZE, 64 * KIB, &map), 0);
	bitmap_set_all(map);
	ck_assert_int_eq(space_on_disk(disk, map, "d", &bottom, &err), 0);
	ck_assert_int_eq(space_slice(bottom, MIB, MIB, "rest", &slice, &err), 0);
	ck_assert_ptr_null(slice->view);
	space_free(slice);
	space_disk_watch(bottom, view, 0);
	ck_assert_int_eq(space_slice(bottom, MIB, MIB, "s", &slice, &err), 0);
	ck_assert_ptr_eq(slice->view, view);
	ck_assert_int_eq(space_mirror(&(struct space_piece){ slice, 0, MIB }, 1, 0, "m", &mirror,
				      &err), 0);
	ck_assert_ptr_eq(mirror->view, view);
	view_start(view, 1);
	ck_assert_int_eq(space_read(mirror, buf, 512, 0, &err), -ETIME);
	view_stop(view);
	ck_assert_int_eq(space_read(mirror, buf, 512, 0, &err), 0);
	ck_assert(memcmp(buf, bytes + MIB, 512) == 0);
	/* What it covers is told, and stays as it is. */
	ck_assert_int_eq(space_disk_cover(bottom, &cover), 0);
	space_release(mirror, 0, MIB);
	ck_assert_int_eq(space_disk_cover(bottom, NULL), 0);
	ck_assert_uint_eq(cover.n, 1);
	ck_assert_uint_eq(cover.v[0].offset, MIB);
	ck_assert_uint_eq(cover.v[0].length, MIB);
	ck_assert(bitmap_all(map, 0, SIZE));
	space_release(mirror, 0, MIB);
	space_disk_settle(bottom);
	ck_assert_uint_eq(bitmap_bytes(map), SIZE - MIB);
	bitmap_free(map);
	close_view();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("view");
	TCase *tc = tcase_create("view");

	tcase_add_test(tc, remembered);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, deadline);
	tcase_add_test(tc, spaces);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Spaces over two disks of memory: what is read comes from where it lies, and what is released
 * arrives there, in whole clusters.
 */
#include "tests/images/image.h"
#include "disk/space.h"

#define SIZE	(4 * MIB)
#define G	(64 * KIB)

static uint8_t *bytes[2];
static struct disk *disk[2];
static struct bitmap *map[2];
static struct space *bottom[2];

static void setup(void)
{
	static const char *const name[2] = { "a.img", "b.img" };
	uint64_t rnd = 11;
	struct err err = ERR_INIT;

	image_setup();
	for (int i = 0; i < 2; i++) {
		bytes[i] = malloc(SIZE);
		ck_assert_ptr_nonnull(bytes[i]);
		for (size_t k = 0; k < SIZE; k += 8) {
			uint64_t v = image_random(&rnd);

			memcpy(bytes[i] + k, &v, 8);
		}
		image_make(name[i], SIZE);
		image_write(name[i], bytes[i], SIZE, 0);
		ck_assert_int_eq(disk_open(image_path(name[i]), 0, &disk[i], &err), 0);
		ck_assert_int_eq(bitmap_new(SIZE, G, &map[i]), 0);
		bitmap_set_all(map[i]);
		ck_assert_int_eq(space_on_disk(disk[i], map[i], name[i], &bottom[i], &err), 0);
	}
}

static void teardown(void)
{
	for (int i = 0; i < 2; i++) {
		space_free(bottom[i]);
		bitmap_free(map[i]);
		disk_free(disk[i]);
		free(bytes[i]);
	}
	image_teardown();
}

static void release(struct space *s, uint64_t offset, uint64_t length)
{
	space_release(s, offset, length);
	space_disk_settle(bottom[0]);
	space_disk_settle(bottom[1]);
}

/* Of a disk exactly [offset, offset + length) is free. */
static void expect_free(int i, uint64_t offset, uint64_t length)
{
	ck_assert_uint_eq(bitmap_bytes(map[i]), SIZE - length);
	ck_assert(!bitmap_any(map[i], offset, length));
	bitmap_set_all(map[i]);
}

/* Every byte of the space, at odd places and lengths, against what is expected of it. */
static void expect_bytes(const struct space *s, const uint8_t *want)
{
	uint8_t *buf = malloc(s->size);
	uint64_t rnd = 5;

	ck_assert_int_eq(space_read(s, buf, s->size, 0, NULL), 0);
	ck_assert_int_eq(memcmp(buf, want, s->size), 0);
	for (int i = 0; i < 200; i++) {
		uint64_t at = image_random(&rnd) % s->size;
		uint64_t len = image_random(&rnd) % MIN(s->size - at, 300 * KIB) + 1;

		len = MIN(len, s->size - at);
		ck_assert_int_eq(space_read(s, buf, len, at, NULL), 0);
		ck_assert_int_eq(memcmp(buf, want + at, len), 0);
	}
	ck_assert_int_eq(space_read(s, buf, 1, s->size, NULL), -ERANGE);
	ck_assert_int_eq(space_read(s, buf, s->size, 1, NULL), -ERANGE);
	ck_assert_int_eq(space_read(s, buf, 0, s->size, NULL), 0);
	free(buf);
}

START_TEST(slice)
{
	CLEANUP(space_free) struct space *s = NULL, *t = NULL;
	const struct disk *d;
	uint64_t offset;

	ck_assert_int_eq(space_slice(bottom[0], MIB, 2 * MIB, "s", &s, NULL), 0);
	ck_assert_int_eq(space_slice(s, G, MIB, "t", &t, NULL), 0);
	expect_bytes(t, bytes[0] + MIB + G);
	ck_assert(space_is_linear(t, &d, &offset));
	ck_assert_ptr_eq(d, disk[0]);
	ck_assert_uint_eq(offset, MIB + G);
	release(t, 0, UINT64_MAX);
	expect_free(0, MIB + G, MIB);
	/* Not a cluster outside, whatever is asked for. */
	release(t, 512, MIB);
	expect_free(0, MIB + 2 * G, MIB - G);
	release(t, MIB, 512);
	expect_free(0, 0, 0);
	ck_assert_int_eq(space_slice(bottom[0], SIZE, 1, "u", &t, NULL), -ERANGE);
}
END_TEST

/* Half clusters of two releases in a row make a whole one. */
START_TEST(neighbours)
{
	CLEANUP(space_free) struct space *s = NULL;

	ck_assert_int_eq(space_slice(bottom[0], 0, SIZE, "s", &s, NULL), 0);
	space_release(s, MIB, G / 2);
	release(s, MIB + G / 2, G / 2);
	expect_free(0, MIB, G);
	space_release(s, MIB, G / 2);
	space_release(s, MIB + G, G / 2);
	release(s, MIB + G / 2, G / 2);
	expect_free(0, 0, 0);
}
END_TEST

START_TEST(concat)
{
	const struct space_piece pieces[] = {
		{ bottom[1], 3 * G, 5 * G },
		{ bottom[0], 0, G },
		{ bottom[1], 20 * G, 3 * G + 512 },
	};
	CLEANUP(space_free) struct space *s = NULL;
	uint8_t *want = malloc(9 * G + 512);
	const struct disk *d;
	uint64_t offset;

	ck_assert_int_eq(space_concat(pieces, ARRAY_SIZE(pieces), 0, "s", &s, NULL), 0);
	ck_assert_uint_eq(s->size, 9 * G + 512);
	ck_assert_uint_eq(s->sector, 512);
	memcpy(want, bytes[1] + 3 * G, 5 * G);
	memcpy(want + 5 * G, bytes[0], G);
	memcpy(want + 6 * G, bytes[1] + 20 * G, 3 * G + 512);
	expect_bytes(s, want);
	free(want);
	ck_assert(!space_is_linear(s, &d, &offset));
	release(s, 4 * G, 3 * G);
	ck_assert(!bitmap_test(map[1], 7 * G));
	ck_assert(!bitmap_test(map[1], 20 * G));
	ck_assert_uint_eq(bitmap_bytes(map[1]), SIZE - 2 * G);
	expect_free(0, 0, G);
}
END_TEST

START_TEST(stripe)
{
	static const uint64_t sizes[] = { 512, 4096, 16 * KIB, G, 4 * G };
	uint64_t chunk = sizes[_i];
	const struct space_piece pieces[] = {
		{ bottom[0], MIB, 2 * MIB }, { bottom[1], G, 2 * MIB },
	};
	CLEANUP(space_free) struct space *s = NULL;
	uint8_t *want = malloc(4 * MIB);

	ck_assert_int_eq(space_stripe(pieces, 2, chunk, 4096, "s", &s, NULL), 0);
	ck_assert_uint_eq(s->sector, 4096);
	for (uint64_t at = 0; at < 2 * MIB; at += chunk) {
		memcpy(want + 2 * at, bytes[0] + MIB + at, chunk);
		memcpy(want + 2 * at + chunk, bytes[1] + G + at, chunk);
	}
	expect_bytes(s, want);
	free(want);
	/* However small the chunks are, what is free on each disk is one run. */
	release(s, 8 * G, 16 * G);
	ck_assert(!bitmap_any(map[1], 5 * G, 8 * G));
	expect_free(0, MIB + 4 * G, 8 * G);
}
END_TEST

START_TEST(impossible)
{
	const struct space_piece odd[] = { { bottom[0], 0, MIB }, { bottom[1], 0, 2 * MIB } };
	const struct space_piece outside[] = { { bottom[0], 2 * MIB, 3 * MIB } };
	const struct space_piece huge[] = { { NULL, 0, UINT64_MAX }, { NULL, 0, MIB } };
	struct space *s = NULL;

	ck_assert_int_eq(space_stripe(odd, 2, G, 0, "s", &s, NULL), -EINVAL);
	ck_assert_int_eq(space_mirror(odd, 2, 0, "s", &s, NULL), -EINVAL);
	ck_assert_int_eq(space_mirror(odd, 0, 0, "s", &s, NULL), -EINVAL);
	ck_assert_int_eq(space_stripe(odd, 1, 0, 0, "s", &s, NULL), -EINVAL);
	ck_assert_int_eq(space_stripe(odd, 1, 700, 0, "s", &s, NULL), -EINVAL);
	ck_assert_int_eq(space_stripe(odd, 1, 3 * 512, 0, "s", &s, NULL), -EINVAL);
	ck_assert_int_eq(space_concat(outside, 1, 0, "s", &s, NULL), -ERANGE);
	ck_assert_int_eq(space_concat(huge, 2, 0, "s", &s, NULL), -ERANGE);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(mirror)
{
	struct space_piece pieces[] = {
		{ NULL, 0, MIB }, { bottom[1], G, MIB }, { bottom[0], 0, MIB },
	};
	CLEANUP(space_free) struct space *s = NULL, *none = NULL;
	struct err err = ERR_INIT;
	uint8_t b;

	ck_assert_int_eq(space_mirror(pieces, 3, 0, "s", &s, NULL), 0);
	expect_bytes(s, bytes[1] + G);
	release(s, 0, MIB);
	expect_free(1, G, MIB);
	expect_free(0, 0, MIB);
	pieces[1].below = NULL;
	ck_assert_int_eq(space_concat(pieces, 2, 0, "vg/none", &none, NULL), 0);
	ck_assert_int_eq(space_read(none, &b, 1, MIB, &err), -ENXIO);
	ck_assert_ptr_nonnull(strstr(err.text, "vg/none"));
	release(none, 0, 2 * MIB);
	expect_free(0, 0, 0);
}
END_TEST

static Suite *suite_space(void)
{
	Suite *s = suite_create("space");
	TCase *tc = tcase_create("space");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, slice);
	tcase_add_test(tc, neighbours);
	tcase_add_test(tc, concat);
	tcase_add_loop_test(tc, stripe, 0, 5);
	tcase_add_test(tc, impossible);
	tcase_add_test(tc, mirror);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_space)

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Colours of cells, and that the file is a picture of them. */
#include <png.h>
#include <unistd.h>
#include "common/compiler.h"
#include "p2v-agent/map_picture.h"
#include "tests/lib/unit.h"

#define CELLS	(MAP_PICTURE_COLUMNS * MAP_PICTURE_ROWS)
#define SIZE	(CELLS * MIB)

static struct usedmap_part parts[] = {
	{ .name = (char *)"gap", .offset = 0, .length = 16 * MIB, .trusted = true },
	{ .name = (char *)"1", .offset = 16 * MIB, .length = 1000 * MIB, .trusted = true },
	{ .name = (char *)"2", .offset = 1016 * MIB, .length = SIZE - 1016 * MIB },
};
static struct usedmap map = { .parts = parts, .nparts = 3 };
static struct usedmap *maps[] = { &map, &map };
static struct usedmap_set set = { .maps = maps, .nmaps = 2 };

static void setup(void)
{
	ck_assert_int_eq(bitmap_new(SIZE, USEDMAP_GRANULARITY, &map.map), 0);
	bitmap_set_all(map.map);
	bitmap_clear_range(map.map, 8 * MIB, 8 * MIB);
	bitmap_clear_range(map.map, 100 * MIB, MIB / 2);
	bitmap_clear_range(map.map, 200 * MIB, 300 * MIB);
}

static void teardown(void)
{
	bitmap_free(map.map);
}

static const struct {
	size_t cell;
	uint32_t colour;
} want[] = {
	{ 0, 0x6b7280 }, { 8, 0xe3e9f0 }, { 16, 0x2b6cb0 }, { 100, 0x87abd0 }, { 200, 0xe3e9f0 },
	{ 499, 0xe3e9f0 }, { 500, 0x2b6cb0 }, { 1015, 0x2b6cb0 }, { 1016, 0xd97706 },
	{ CELLS - 1, 0xd97706 },
};

START_TEST(colours)
{
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		ck_assert_msg(map_picture_cell(&map, want[i].cell) == want[i].colour,
			      "cell %zu is %06x", want[i].cell,
			      map_picture_cell(&map, want[i].cell));
}
END_TEST

START_TEST(the_file_is_that_picture)
{
	char path[] = "/tmp/p2v-map-XXXXXX";
	png_image image = { .version = PNG_IMAGE_VERSION };
	struct err err = ERR_INIT;
	uint8_t *pixels;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_msg(map_picture_write(&set, path, &err) == 0, "%s", err.text);
	ck_assert_int_ne(png_image_begin_read_from_file(&image, path), 0);
	image.format = PNG_FORMAT_RGB;
	ck_assert_uint_eq(image.width, MAP_PICTURE_COLUMNS * MAP_PICTURE_CELL +
			  2 * MAP_PICTURE_MARGIN);
	pixels = malloc(PNG_IMAGE_SIZE(image));
	ck_assert_int_ne(png_image_finish_read(&image, NULL, pixels, 0, NULL), 0);
	ck_assert_int_eq(unlink(path), 0);
	for (size_t d = 0; d < 2; d++) {
		for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
			size_t x = MAP_PICTURE_MARGIN +
				   want[i].cell % MAP_PICTURE_COLUMNS * MAP_PICTURE_CELL;
			size_t y = MAP_PICTURE_MARGIN +
				   want[i].cell / MAP_PICTURE_COLUMNS * MAP_PICTURE_CELL +
				   d * (MAP_PICTURE_ROWS * MAP_PICTURE_CELL + MAP_PICTURE_MARGIN);
			const uint8_t *p = pixels + (y * image.width + x) * 3;

			ck_assert_uint_eq((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2],
					  want[i].colour);
		}
	}
	free(pixels);
}
END_TEST

START_TEST(a_place_that_cannot_be_written)
{
	struct err err = ERR_INIT;

	ck_assert_int_lt(map_picture_write(&set, "/nowhere/map.png", &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/map.png"));
}
END_TEST

static Suite *suite_map_picture(void)
{
	Suite *s = suite_create("map_picture");
	TCase *tc = tcase_create("map_picture");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, colours);
	tcase_add_test(tc, the_file_is_that_picture);
	tcase_add_test(tc, a_place_that_cannot_be_written);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_map_picture)

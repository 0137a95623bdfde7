/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/map_picture.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"

#define CELLS	(MAP_PICTURE_COLUMNS * MAP_PICTURE_ROWS)
#define WIDTH	(MAP_PICTURE_COLUMNS * MAP_PICTURE_CELL + 2 * MAP_PICTURE_MARGIN)
#define BAND	(MAP_PICTURE_ROWS * MAP_PICTURE_CELL + MAP_PICTURE_MARGIN)
#define BYTES	3			/* of a pixel */

#define PAPER	0xffffffu
#define FREE	0xe3e9f0u
#define USED	0x2b6cb0u
#define DOUBT	0xd97706u
#define OTHER	0x6b7280u

/* What of [offset, end) is set. */
static uint64_t used_bytes(const struct bitmap *map, uint64_t offset, uint64_t end)
{
	uint64_t used = 0, run, length;

	while (offset < end && bitmap_next_run(map, true, offset, &run, &length) && run < end) {
		uint64_t from = MAX(run, offset), to = MIN(run + length, end);

		used += to - from;
		offset = to;
	}
	return used;
}

static uint32_t colour_at(const struct usedmap *u, uint64_t offset)
{
	for (size_t i = 0; i < u->nparts; i++) {
		const struct usedmap_part *p = &u->parts[i];

		if (offset < p->offset || offset - p->offset >= p->length)
			continue;
		return !p->trusted ? DOUBT : strcmp(p->name, "gap") == 0 ? OTHER : USED;
	}
	return OTHER;
}

static uint32_t blend(uint32_t a, uint32_t b, double part)
{
	uint32_t out = 0;

	for (int shift = 0; shift < 24; shift += 8) {
		double x = a >> shift & 0xff, y = b >> shift & 0xff;

		out |= (uint32_t)(x + (y - x) * part + 0.5) << shift;
	}
	return out;
}

uint32_t map_picture_cell(const struct usedmap *u, size_t i)
{
	uint64_t size = u->map->size, from = size / CELLS * i, to = from + size / CELLS;

	if (i == CELLS - 1)
		to = size;
	if (from >= to)
		return PAPER;
	return blend(FREE, colour_at(u, from + (to - from) / 2),
		     (double)used_bytes(u->map, from, to) / (double)(to - from));
}

static void draw_cell(uint8_t *pixels, size_t x, size_t y, uint32_t colour)
{
	for (size_t dy = 0; dy < MAP_PICTURE_CELL - 1; dy++) {
		uint8_t *p = pixels + ((y + dy) * WIDTH + x) * BYTES;

		for (size_t dx = 0; dx < MAP_PICTURE_CELL - 1; dx++) {
			*p++ = (uint8_t)(colour >> 16);
			*p++ = (uint8_t)(colour >> 8);
			*p++ = (uint8_t)colour;
		}
	}
}

int map_picture_write(const struct usedmap_set *set, const char *path, struct err *err)
{
	size_t height = set->nmaps * BAND + MAP_PICTURE_MARGIN;
	png_image image = {
		.version = PNG_IMAGE_VERSION,
		.width = WIDTH,
		.height = (png_uint_32)height,
		.format = PNG_FORMAT_RGB,
	};
	CLEANUP(mem_free) uint8_t *pixels = malloc(height * WIDTH * BYTES);

	if (!pixels)
		return err_nomem(err);
	memset(pixels, 0xff, height * WIDTH * BYTES);
	for (size_t d = 0; d < set->nmaps; d++)
		for (size_t i = 0; i < CELLS; i++)
			draw_cell(pixels, MAP_PICTURE_MARGIN + i % MAP_PICTURE_COLUMNS *
				  MAP_PICTURE_CELL, MAP_PICTURE_MARGIN + d * BAND +
				  i / MAP_PICTURE_COLUMNS * MAP_PICTURE_CELL,
				  map_picture_cell(set->maps[d], i));
	if (!png_image_write_to_file(&image, path, 0, pixels, 0, NULL))
		return err_set(err, errno ? errno : EIO, "cannot write the picture %s: %s", path,
			       image.message);
	return 0;
}

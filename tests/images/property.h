/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two properties that every reader of a filesystem must have, whatever the filesystem's
 * history:
 *
 *	copy		what the map calls used, with rubbish in place of the rest, is a sound
 *			filesystem with the same files;
 *	corruption	after any one byte of the metadata is changed, the reader doubts, or its
 *			map still covers all that was used.
 *
 * How to make, check and list a filesystem is the test's own. image_map() runs the reader.
 */
#ifndef P2V_TESTS_PROPERTY_H
#define P2V_TESTS_PROPERTY_H

#include "tests/images/image.h"

/* [offset, offset + length) of from becomes the file to: what is used, and fill for the rest. */
UNUSED static void property_copy(const char *from, const char *to, uint64_t offset,
				 uint64_t length, const struct bitmap *map, uint8_t fill)
{
	size_t piece = 1 << 20;
	uint8_t *buf = malloc(piece);

	ck_assert_ptr_nonnull(buf);
	image_make(to, length);
	for (uint64_t at = 0; at < length; at += piece) {
		size_t n = (size_t)MIN((uint64_t)piece, length - at);

		image_read(from, buf, n, offset + at);
		for (size_t i = 0; i < n; i += 512)
			if (!bitmap_test(map, offset + at + i))
				memset(buf + i, fill, MIN((size_t)512, n - i));
		image_write(to, buf, n, at);
	}
	free(buf);
}

/*
 * The copy property up to the checks: image (of size bytes) is put into a larger disk, and what the
 * reader calls used becomes copy.img, with fill for the rest. Nothing around it may be free, and a
 * tenth of it must be, or the test proves nothing.
 */
UNUSED static void property_embedded(const char *image, uint64_t size, fs_map_fn *reader,
				     uint8_t fill)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;
	uint64_t offset = MIB + 512, used;

	image_make("disk.img", offset + size + MIB);
	ck_assert_int_eq(image_run("dd if=%s of=disk.img bs=64K seek=%" PRIu64
				   " conv=notrunc,sparse oflag=seek_bytes", image, offset), 0);
	ck_assert_msg(image_map("disk.img", offset, size, 512, reader, &map, &why) == 1, "%s: %s",
		      image, why);
	ck_assert(bitmap_all(map, 0, offset));
	ck_assert(bitmap_all(map, offset + size, MIB));
	used = bitmap_bytes(map) - (map->size - size);
	ck_assert_msg(used < size * 9 / 10, "%s: only %" PRIu64 " free", image, size - used);
	property_copy("disk.img", "copy.img", offset, size, map, fill);
}

/* Is all that is set in small set in big? */
UNUSED static bool property_covers(const struct bitmap *big, const struct bitmap *small)
{
	struct bitmap *left;
	bool covers;

	ck_assert_int_eq(bitmap_copy(small, &left), 0);
	ck_assert_int_eq(bitmap_andnot(left, big), 0);
	covers = bitmap_count(left) == 0;
	bitmap_free(left);
	return covers;
}

/*
 * Change one byte of the image at a time (where(i) says which) and run the reader: it doubts, or
 * covers truth. The image is as before afterwards. Returns how often it doubted.
 */
UNUSED static unsigned int property_corrupt(const char *image, fs_map_fn *reader, uint64_t size,
					    const struct bitmap *truth, unsigned int times,
					    uint64_t seed, uint64_t (*where)(unsigned int i,
									     uint64_t random))
{
	uint64_t rnd = seed * 31 + 7;
	unsigned int doubts = 0;

	for (unsigned int i = 0; i < times; i++) {
		CLEANUP(bitmap_free) struct bitmap *map = NULL;
		CLEANUP(mem_free) char *why = NULL;
		uint64_t at = where(i, image_random(&rnd));
		uint8_t was, is;

		image_read(image, &was, 1, at);
		is = was ^ (uint8_t)(1 + image_random(&rnd) % 255);
		image_write(image, &is, 1, at);
		if (image_map(image, 0, size, truth->granularity, reader, &map, &why) == 0)
			doubts++;
		else
			ck_assert_msg(property_covers(map, truth),
				      "byte %" PRIu64 " %02x -> %02x: %s", at, was, is, why);
		image_write(image, &was, 1, at);
	}
	return doubts;
}

#endif

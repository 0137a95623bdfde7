/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tampered NTFS, FAT and exFAT, for the readers of the used-block map. The input is a sparse
 * device:
 *
 *	byte 0		which reader, in the order of the table below
 *	byte 1		size of the device in units of 64 KiB, 0: 16 MiB
 *	then, again and again
 *	bytes 0-3	offset in units of 16 bytes, big-endian
 *	bytes 4-5	number of bytes, big-endian
 *	then		those bytes; what is nowhere given is zero
 *
 * Besides not crashing and coming to an end: in doubt nothing is clear, there is always a reason,
 * and the first sector is used.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "disk/fs/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libntfs-3g 2022.10.3 forgets a few KiB when it refuses some volumes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libntfs-3g\n";
}

static fs_map_fn *const readers[] = { fs_ntfs_map, fs_fat_map, fs_exfat_map };

struct device {
	struct space space;
	uint8_t *bytes;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int device_read(const struct space *s, void *buf, size_t len, uint64_t offset,
		       struct err *err UNUSED)
{
	memcpy(buf, container_of(s, struct device, space)->bytes + offset, len);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct space_ops ops = { .read = device_read };
	struct device d = { 0 };
	struct bitmap *map;
	struct err err = ERR_INIT;
	char *why = NULL;
	uint64_t len;
	int r;

	if (size < 2)
		return 0;
	len = (data[1] ? data[1] : 256) * 64 * KIB;
	d.bytes = calloc(1, len);
	must(d.bytes != NULL && bitmap_new(len, 512, &map) == 0);
	bitmap_set_all(map);
	for (size_t at = 2; size - at > 6;) {
		uint64_t to = (uint64_t)get_be32(data + at) * 16;
		size_t n = MIN(get_be16(data + at + 4), size - at - 6);

		at += 6;
		if (to < len)
			memcpy(d.bytes + to, data + at, MIN((uint64_t)n, len - to));
		at += n;
	}
	space_init(&d.space, &ops, len, 512, "fuzz");
	r = readers[data[0] % ARRAY_SIZE(readers)](&d.space, map, &why, &err);
	must(r >= 0 && why != NULL && bitmap_test(map, 0));
	must(r == 1 || bitmap_bytes(map) == len);
	free(why);
	free(d.bytes);
	bitmap_free(map);
	return 0;
}

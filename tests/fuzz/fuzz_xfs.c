/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tampered XFS, for fs_xfs_map(). The input is a sparse device:
 *
 *	byte 0		size of the device in MiB, 0: 256
 *	then, again and again
 *	bytes 0-3	offset in units of 16 bytes, big-endian
 *	bytes 4-5	number of bytes, big-endian
 *	then		those bytes; what is nowhere given is zero
 *
 * Besides not crashing: in doubt nothing is clear, a reason is always given, the first block is
 * never free, little is read, and a second run over the same bytes tells the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "disk/fs/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define READ_MAX (64u << 20)

struct device {
	struct space space;
	const uint8_t *p;
	size_t len;
	uint64_t read;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int device_read(const struct space *s, void *buf, size_t len, uint64_t offset,
		       struct err *err)
{
	struct device *d = container_of(s, struct device, space);
	size_t at = 0;

	d->read += len;
	if (d->read > READ_MAX)
		return err_set(err, EIO, "enough");
	memset(buf, 0, len);
	while (d->len - at > 6) {
		uint64_t to = (uint64_t)get_be32(d->p + at) * 16, from, end;
		size_t n = MIN(get_be16(d->p + at + 4), d->len - at - 6);

		from = MAX(to, offset);
		end = MIN(to + n, offset + len);
		if (from < end)
			memcpy((uint8_t *)buf + (from - offset), d->p + at + 6 + (from - to),
			       end - from);
		at += 6 + n;
	}
	return 0;
}

static const struct space_ops ops = { .read = device_read };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t bytes[2];
	int r[2];

	if (size < 1)
		return 0;
	for (unsigned int i = 0; i < 2; i++) {
		CLEANUP(bitmap_free) struct bitmap *map = NULL;
		CLEANUP(mem_free) char *why = NULL;
		struct device d = { .p = data + 1, .len = size - 1 };
		struct err err = ERR_INIT;

		space_init(&d.space, &ops, (uint64_t)(data[0] ? data[0] : 256) << 20, 512, "fuzz");
		must(bitmap_new(d.space.size, 512, &map) == 0);
		bitmap_set_all(map);
		r[i] = fs_xfs_map(&d.space, map, &why, &err);
		must(r[i] < 0 ? err.code == -r[i] && !why : why && why[0]);
		must(r[i] > 0 || bitmap_bytes(map) == map->size);
		must(bitmap_test(map, 0));
		bytes[i] = bitmap_bytes(map);
	}
	must(r[0] == r[1] && bytes[0] == bytes[1]);
	return 0;
}

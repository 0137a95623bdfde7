/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libarchive unpacks. Its readers for xz, zstd and lz4 want nothing foreign behind the stream, so
 * its end is found first, by walking its structure without unpacking anything.
 */
#include "postfix/linux/ramdisk_pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/text.h"

#define LZ4_LEGACY_MAGIC	0x184c2102u
/* What 8 MiB, the largest legacy block, may grow to. */
#define LZ4_BLOCK_MAX		((8u << 20) + (8u << 20) / 255 + 16)
#define ZSTD_MAGIC		0xfd2fb528u
#define ZSTD_SKIPPABLE		0x184d2a50u
#define XZ_HEADER		12
#define XZ_FOOTER		12

enum ramdisk_pack ramdisk_pack_kind(const void *data, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		enum ramdisk_pack kind;
	} known[] = {
		{ "070701", 6, RAMDISK_PACK_CPIO },
		{ "070702", 6, RAMDISK_PACK_CPIO },
		{ "\x1f\x8b", 2, RAMDISK_PACK_GZIP },
		{ "\xfd" "7zXZ\0", 6, RAMDISK_PACK_XZ },
		{ "\x28\xb5\x2f\xfd", 4, RAMDISK_PACK_ZSTD },
		{ "\x02\x21\x4c\x18", 4, RAMDISK_PACK_LZ4 },
		{ "BZh", 3, RAMDISK_PACK_BZIP2 },
		{ "\x5d\0\0", 3, RAMDISK_PACK_LZMA },
		{ "\x89LZO\0", 5, RAMDISK_PACK_LZO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (len >= known[i].len && memcmp(data, known[i].magic, known[i].len) == 0)
			return known[i].kind;
	return RAMDISK_PACK_UNKNOWN;
}

const char *ramdisk_pack_name(enum ramdisk_pack kind)
{
	static const char *const names[] = {
		[RAMDISK_PACK_CPIO] = "cpio", [RAMDISK_PACK_GZIP] = "gzip",
		[RAMDISK_PACK_XZ] = "xz", [RAMDISK_PACK_ZSTD] = "zstd",
		[RAMDISK_PACK_LZ4] = "lz4", [RAMDISK_PACK_BZIP2] = "bzip2",
		[RAMDISK_PACK_LZMA] = "lzma", [RAMDISK_PACK_LZO] = "lzo",
		[RAMDISK_PACK_UNKNOWN] = "unknown",
	};

	return (unsigned int)kind < ARRAY_SIZE(names) ? names[kind] : "unknown";
}

/* A frame is a header that says how long it is, and blocks that each say how long they are. */
static size_t zstd_end(const uint8_t *p, size_t len)
{
	static const size_t dict[] = { 0, 1, 2, 4 }, content[] = { 0, 2, 4, 8 };
	size_t at = 0;
	bool last = false;
	uint8_t d;

	while (len - at >= 8 && (get_le32(p + at) & ~15u) == ZSTD_SKIPPABLE) {
		if (get_le32(p + at + 4) > len - at - 8)
			return len;
		at += 8 + get_le32(p + at + 4);
	}
	if (len - at < 6 || get_le32(p + at) != ZSTD_MAGIC)
		return len;
	d = p[at + 4];
	at += 5 + !(d & 0x20) + dict[d & 3] + content[d >> 6] + ((d & 0x20) && !(d >> 6));
	while (!last) {
		uint32_t block;

		if (at > len || len - at < 3)
			return len;
		block = p[at] | (uint32_t)p[at + 1] << 8 | (uint32_t)p[at + 2] << 16;
		last = block & 1;
		at += 3 + ((block >> 1 & 3) == 1 ? 1 : block >> 3);
	}
	at += d & 4 ? 4 : 0;
	return MIN(at, len);
}

static size_t lz4_end(const uint8_t *p, size_t len)
{
	size_t at = 4;

	while (len - at >= 4) {
		uint32_t n = get_le32(p + at);

		if (n == LZ4_LEGACY_MAGIC)
			n = 0;
		else if (n == 0 || n > LZ4_BLOCK_MAX)
			break;
		if (n > len - at - 4)
			return len;
		at += 4 + n;
	}
	return at;
}

static bool xz_number(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 63 && *p < end; shift += 7) {
		uint8_t b = *(*p)++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/* Is [p, p + len) one stream? Its index, found from its end, must account for every byte. */
static bool xz_is_stream(const uint8_t *p, size_t len)
{
	const uint8_t *foot = p + len - XZ_FOOTER, *at;
	uint64_t index = ((uint64_t)get_le32(foot + 4) + 1) * 4, count, size, sum = 0;

	if (memcmp(foot + 8, p + 6, 2) != 0 || index > len - XZ_HEADER - XZ_FOOTER)
		return false;
	at = foot - index;
	if (*at++ != 0 || !xz_number(&at, foot, &count) || count > index)
		return false;
	for (; count; count--) {
		uint64_t unpacked;

		if (!xz_number(&at, foot, &size) || !xz_number(&at, foot, &unpacked) ||
		    size > len)
			return false;
		sum += ALIGN_UP(size, 4);
	}
	return sum == len - XZ_HEADER - XZ_FOOTER - index;
}

static size_t xz_end(const uint8_t *p, size_t len)
{
	const uint8_t *at = p + XZ_HEADER + 4;

	while (at < p + len && (at = memmem(at, (size_t)(p + len - at), "YZ", 2))) {
		size_t n = (size_t)(at + 2 - p);

		if (n % 4 == 0 && n >= XZ_HEADER + XZ_FOOTER + 4 && xz_is_stream(p, n))
			return n;
		at++;
	}
	return len;
}

static void reader_free(struct archive *a)
{
	if (a)
		archive_read_free(a);
}
DEFINE_CLEANUP(struct archive *, reader_free)

static int fail(struct archive *a, enum ramdisk_pack kind, struct err *err)
{
	const char *why = archive_error_string(a);
	char safe[200];

	if (archive_errno(a) == ENOMEM)
		return err_nomem(err);
	return err_set(err, EBADMSG, "cannot unpack %s: %s", ramdisk_pack_name(kind),
		       text_escape_str(why ? why : "damaged", safe, sizeof(safe)));
}

static int support(struct archive *a, enum ramdisk_pack kind)
{
	switch (kind) {
	case RAMDISK_PACK_GZIP:
		return archive_read_support_filter_gzip(a);
	case RAMDISK_PACK_XZ:
		return archive_read_support_filter_xz(a);
	case RAMDISK_PACK_ZSTD:
		return archive_read_support_filter_zstd(a);
	case RAMDISK_PACK_LZ4:
		return archive_read_support_filter_lz4(a);
	case RAMDISK_PACK_BZIP2:
		return archive_read_support_filter_bzip2(a);
	case RAMDISK_PACK_LZMA:
		return archive_read_support_filter_lzma(a);
	default:
		return ARCHIVE_FAILED;
	}
}

int ramdisk_pack_read(enum ramdisk_pack kind, const void *data, size_t len,
		      int (*sink)(void *opaque, const void *piece, size_t n, struct err *err),
		      void *opaque, size_t *ret_used, struct err *err)
{
	CLEANUP(reader_free) struct archive *a = archive_read_new();
	struct archive_entry *e;
	const void *piece;
	size_t n, end = len;
	la_int64_t at;
	int r;

	if (!a)
		return err_nomem(err);
	/* ARCHIVE_WARN: by another program. That is not wanted for a guest's data. */
	if (support(a, kind) != ARCHIVE_OK)
		return err_set(err, ENOTSUP, "%s is not read here", ramdisk_pack_name(kind));
	if (kind == RAMDISK_PACK_XZ)
		end = xz_end(data, len);
	else if (kind == RAMDISK_PACK_ZSTD)
		end = zstd_end(data, len);
	else if (kind == RAMDISK_PACK_LZ4)
		end = lz4_end(data, len);
	if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_open_memory(a, data, end) != ARCHIVE_OK)
		return fail(a, kind, err);
	r = archive_read_next_header(a, &e);
	if (r != ARCHIVE_OK)
		return r == ARCHIVE_EOF ? err_set(err, EBADMSG, "nothing in it") :
					  fail(a, kind, err);
	while ((r = archive_read_data_block(a, &piece, &n, &at)) == ARCHIVE_OK) {
		r = sink(opaque, piece, n, err);
		if (r < 0)
			return r;
	}
	if (r != ARCHIVE_EOF)
		return fail(a, kind, err);
	at = archive_filter_bytes(a, -1);
	*ret_used = end < len || at <= 0 || (uint64_t)at > len ? end : (size_t)at;
	return 0;
}

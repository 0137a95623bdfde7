/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where things lie in an image of XFS, for the tests that change them. An image is written to only
 * by image_write(); xfs_seal() puts the checksum of v5 right afterwards.
 */
#ifndef P2V_TESTS_FS_XFS_H
#define P2V_TESTS_FS_XFS_H

#include "common/bytes.h"
#include "common/digest.h"
#include "tests/images/property.h"

enum xfs_at {
	XFS_SB, XFS_AGF, XFS_AGI, XFS_AGFL, XFS_BNO, XFS_CNT, XFS_RMAP, XFS_REFC, XFS_INO, XFS_FINO,
	XFS_LOG
};

struct xfs_image {
	const char *name;
	uint64_t size;
	uint32_t block, sector, inode, ag_blocks, ag_count;
	uint64_t log, log_length;
	bool v5;
};

UNUSED static struct xfs_image xfs_look(const char *name)
{
	struct xfs_image x = { .name = name };
	uint8_t sb[512];
	struct stat st;
	uint64_t log;

	ck_assert_int_eq(stat(image_path(name), &st), 0);
	image_read(name, sb, sizeof(sb), 0);
	ck_assert_uint_eq(get_be32(sb), 0x58465342);
	x.size = (uint64_t)st.st_size;
	x.block = get_be32(sb + 4);
	x.ag_blocks = get_be32(sb + 84);
	x.ag_count = get_be32(sb + 88);
	x.sector = get_be16(sb + 102);
	x.inode = get_be16(sb + 104);
	x.v5 = (sb[101] & 15) == 5;
	log = get_be64(sb + 48);
	x.log = ((log >> sb[124]) * x.ag_blocks + (log & ((UINT64_C(1) << sb[124]) - 1))) * x.block;
	x.log_length = (uint64_t)get_be32(sb + 96) * x.block;
	return x;
}

UNUSED static uint64_t xfs_block(const struct xfs_image *x, uint32_t ag, uint64_t block)
{
	return ((uint64_t)ag * x->ag_blocks + block) * x->block;
}

UNUSED static uint64_t xfs_where(const struct xfs_image *x, enum xfs_at at, uint32_t ag)
{
	static const unsigned int roots[] = {
		[XFS_BNO] = 16, [XFS_CNT] = 20, [XFS_RMAP] = 24, [XFS_REFC] = 88,
		[XFS_INO] = 20, [XFS_FINO] = 328,
	};
	uint64_t start = xfs_block(x, ag, 0);
	uint8_t root[4];

	if (at <= XFS_AGFL)
		return start + at * x->sector;
	if (at == XFS_LOG)
		return x->log;
	image_read(x->name, root, 4,
		   start + (at >= XFS_INO ? XFS_AGI : XFS_AGF) * x->sector + roots[at]);
	return xfs_block(x, ag, get_be32(root));
}

UNUSED static void xfs_seal(const struct xfs_image *x, enum xfs_at at, uint64_t offset)
{
	static const unsigned int crc[] = {
		[XFS_SB] = 224, [XFS_AGF] = 216, [XFS_AGI] = 312, [XFS_AGFL] = 32,
	};
	static uint8_t buf[65536];
	size_t len = at <= XFS_AGFL ? x->sector : x->block, crc_at = at <= XFS_AGFL ? crc[at] : 52;

	if (!x->v5 || at == XFS_LOG)
		return;
	image_read(x->name, buf, len, offset);
	memset(buf + crc_at, 0, 4);
	put_le32(buf + crc_at, digest_crc32c(0, buf, len));
	image_write(x->name, buf + crc_at, 4, offset + crc_at);
}

/* width bytes at offset of that structure. */
UNUSED static void xfs_patch(const struct xfs_image *x, enum xfs_at at, uint32_t ag,
			     unsigned int offset, unsigned int width, uint64_t value)
{
	uint64_t start = xfs_where(x, at, ag);
	uint8_t v[8];

	put_be64(v, value);
	image_write(x->name, v + 8 - width, width, start + offset);
	xfs_seal(x, at, start);
}

UNUSED static uint64_t xfs_peek(const struct xfs_image *x, enum xfs_at at, uint32_t ag,
				unsigned int offset, unsigned int width)
{
	uint8_t v[8] = { 0 };

	image_read(x->name, v + 8 - width, width, xfs_where(x, at, ag) + offset);
	return get_be64(v);
}

UNUSED static int xfs_map(const char *name, uint64_t size, uint64_t granularity,
			  struct bitmap **ret, char **ret_why)
{
	return image_map(name, 0, size, granularity, fs_xfs_map, ret, ret_why);
}

UNUSED static void xfs_doubtful(const char *name, const char *what, const char *phrase)
{
	CLEANUP(bitmap_free) struct bitmap *map = NULL;
	CLEANUP(mem_free) char *why = NULL;
	struct stat st;

	ck_assert_int_eq(stat(image_path(name), &st), 0);
	ck_assert_msg(xfs_map(name, (uint64_t)st.st_size, 512, &map, &why) == 0,
		      "trusted: %s", what);
	ck_assert_msg(strstr(why, phrase) != NULL, "%s: %s", what, why);
	ck_assert_msg(strstr(why, "all used") != NULL, "%s", why);
}

#define XFS_MKFS "mkfs.xfs --unsupported -q -f "

#endif

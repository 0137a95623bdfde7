/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The superblock: sector 0, with a copy in the first sector of every other AG.
 *
 * A running kernel changes some members of the first one only (features as they come into use,
 * mount options, counts, roots of quota files), and mkfs leaves "in progress" set in copies. So
 * only what says where things lie is compared.
 */
#include "disk/fs/fs_xfs.h"

#include <inttypes.h>
#include <stdlib.h>

#define SB_MAGIC		0x58465342u	/* "XFSB" */
#define SB_LEN			512u
#define SB_CRC			224u
#define SECTOR_MAX		32768u
#define AG_BLOCKS_MIN		64u
#define LOG_BYTES_MAX		(2 * GIB)

#define VERSION_NUMBER		0x000fu
#define VERSION_LOG_V2		0x0400u
#define VERSION_DIR_V2		0x2000u
#define VERSION_MORE		0x8000u
/* attr, nlink, quota, inode alignment, stripe unit, logv2, sector, unwritten, dirv2, ascii-ci */
#define VERSION_KNOWN		(VERSION_NUMBER | 0xfdf0u)
#define FEATURES2_LAZY		0x02u
#define FEATURES2_KNOWN		0x28au		/* lazysbcount, attr2, projid32, ftype */
#define FEATURES2_KNOWN_V5	0x38au		/* and crc */

#define RO_COMPAT_FINOBT	1u
#define RO_COMPAT_RMAPBT	2u
#define RO_COMPAT_REFLINK	4u
#define RO_COMPAT_INOBTCOUNT	8u
#define RO_COMPAT_KNOWN		15u

#define INCOMPAT_SPARSE_INODES	2u
#define INCOMPAT_META_UUID	4u
#define INCOMPAT_NEEDSREPAIR	0x10u
/*
 * ftype, spinodes, meta_uuid, bigtime, nrext64, exchange, parent. Not those that move things:
 * metadir (0x100), zoned (0x200, with realtime data on the same device) and what comes after.
 */
#define INCOMPAT_KNOWN		0xefu
#define LOG_INCOMPAT_KNOWN	1u		/* logged extended attributes */

static int check_features(struct fs_xfs *x, const uint8_t *sb)
{
	unsigned int version = get_be16(sb + 100);
	uint32_t features2 = version & VERSION_MORE ? get_be32(sb + 200) : 0;
	uint32_t ro_compat = get_be32(sb + 212), incompat = get_be32(sb + 216);

	x->v5 = (version & VERSION_NUMBER) == 5;
	if (!x->v5 && (version & VERSION_NUMBER) != 4)
		return fs_xfs_doubt(x, "unknown version %u of the format",
				    version & VERSION_NUMBER);
	if ((version & ~VERSION_KNOWN) || !(version & VERSION_DIR_V2) ||
	    (features2 & ~(x->v5 ? FEATURES2_KNOWN_V5 : FEATURES2_KNOWN)))
		return fs_xfs_doubt(x, "unknown features 0x%x 0x%" PRIx32, version, features2);
	/* Both places where different machines have looked for it. */
	if (get_be32(sb + 200) != get_be32(sb + 204))
		return fs_xfs_doubt(x, "contradicting features");
	x->log_v2 = version & VERSION_LOG_V2;
	x->lazy = x->v5 || (features2 & FEATURES2_LAZY);
	memcpy(x->uuid, sb + 32, sizeof(x->uuid));
	if (!x->v5)
		return 1;

	if (incompat & INCOMPAT_NEEDSREPAIR)
		return fs_xfs_doubt(x, "it is marked as in need of repair");
	if (incompat & ~INCOMPAT_KNOWN)
		return fs_xfs_doubt(x, "unknown incompatible features 0x%" PRIx32,
				    incompat & ~INCOMPAT_KNOWN);
	if (ro_compat & ~RO_COMPAT_KNOWN)
		return fs_xfs_doubt(x, "unknown features 0x%" PRIx32, ro_compat & ~RO_COMPAT_KNOWN);
	if (get_be32(sb + 220) & ~LOG_INCOMPAT_KNOWN)
		return fs_xfs_doubt(x, "unknown features of the log 0x%" PRIx32,
				    get_be32(sb + 220));
	x->sparse_inodes = incompat & INCOMPAT_SPARSE_INODES;
	x->finobt = ro_compat & RO_COMPAT_FINOBT;
	x->rmapbt = ro_compat & RO_COMPAT_RMAPBT;
	x->reflink = ro_compat & RO_COMPAT_REFLINK;
	x->inobt_counts = ro_compat & RO_COMPAT_INOBTCOUNT;
	memcpy(x->meta_uuid, incompat & INCOMPAT_META_UUID ? sb + 248 : sb + 32,
	       sizeof(x->meta_uuid));
	return 1;
}

/* The number of the lowest bit that makes room for n values. */
static unsigned int log2_up(uint32_t n)
{
	return n <= 1 ? 0 : 32 - (unsigned int)__builtin_clz(n - 1);
}

static bool is_log2(uint32_t value, unsigned int log)
{
	return log < 32 && value == 1u << log;
}

static int check_geometry(struct fs_xfs *x, const uint8_t *sb)
{
	uint64_t before, bytes;

	x->block_size = get_be32(sb + 4);
	x->blocks = get_be64(sb + 8);
	x->ag_blocks = get_be32(sb + 84);
	x->ag_count = get_be32(sb + 88);
	x->sector_size = get_be16(sb + 102);
	x->inode_size = get_be16(sb + 104);
	x->inodes_log = sb[123];
	x->ag_log = sb[124];

	if (x->block_size < 512 || x->block_size > FS_XFS_BLOCK_MAX ||
	    !is_log2(x->block_size, sb[120]))
		return fs_xfs_doubt(x, "impossible layout: block size");
	if (x->sector_size < 512 || x->sector_size > MIN(SECTOR_MAX, x->block_size) ||
	    !is_log2(x->sector_size, sb[121]))
		return fs_xfs_doubt(x, "impossible layout: sector size");
	if (x->inode_size < 256 || x->inode_size > 2048 || x->inode_size > x->block_size ||
	    !is_log2(x->inode_size, sb[122]) || sb[120] != sb[122] + sb[123] ||
	    get_be16(sb + 106) != 1u << sb[123])
		return fs_xfs_doubt(x, "impossible layout: inode size");
	if (x->ag_blocks < AG_BLOCKS_MIN || x->ag_log != log2_up(x->ag_blocks) ||
	    x->ag_count == 0)
		return fs_xfs_doubt(x, "impossible layout: groups");
	before = (uint64_t)x->ag_blocks * (x->ag_count - 1);
	if (x->blocks < before + AG_BLOCKS_MIN || x->blocks - before > x->ag_blocks)
		return fs_xfs_doubt(x, "impossible layout: groups");
	if (!u64_mul(x->blocks, x->block_size, &bytes) || bytes > x->space->size)
		return fs_xfs_doubt(x, "larger than its partition");
	return 1;
}

static int check_log_place(struct fs_xfs *x, const uint8_t *sb)
{
	uint64_t start = get_be64(sb + 48), ag = start >> x->ag_log;
	uint32_t blocks = get_be32(sb + 96);
	uint64_t block = start & ((UINT64_C(1) << x->ag_log) - 1);

	if (start == 0)
		return fs_xfs_doubt(x, "its log is on another device");
	x->log_length = (uint64_t)blocks * x->block_size;
	if (ag >= x->ag_count || blocks == 0 || x->log_length > LOG_BYTES_MAX ||
	    !range_inside(block, blocks, fs_xfs_ag_length(x, (uint32_t)ag)))
		return fs_xfs_doubt(x, "impossible layout: log");
	x->log_offset = fs_xfs_offset(x, (uint32_t)ag, block);
	return 1;
}

int fs_xfs_super_read(struct fs_xfs *x)
{
	CLEANUP(mem_free) uint8_t *sb = malloc(SECTOR_MAX);
	int r;

	if (!sb)
		return err_nomem(x->err);
	if (x->space->size < SB_LEN)
		return fs_xfs_doubt(x, "too small for XFS");
	r = space_read(x->space, sb, SB_LEN, 0, x->err);
	if (r < 0)
		return r;
	if (get_be32(sb) != SB_MAGIC)
		return fs_xfs_doubt(x, "no XFS superblock");
	r = check_features(x, sb);
	if (r > 0 && sb[126])
		return fs_xfs_doubt(x, "mkfs has not finished it");
	if (r > 0)
		r = check_geometry(x, sb);
	if (r > 0)
		r = check_log_place(x, sb);
	x->inodes = get_be64(sb + 128);
	x->inodes_free = get_be64(sb + 136);
	x->blocks_free = get_be64(sb + 144);
	if (r <= 0 || !x->v5)
		return r;
	r = space_read(x->space, sb, x->sector_size, 0, x->err);
	if (r < 0)
		return r;
	if (!fs_xfs_crc_good(sb, x->sector_size, SB_CRC))
		return fs_xfs_doubt(x, "checksum of the superblock is wrong");
	return 1;
}

int fs_xfs_super_copy(struct fs_xfs *x, uint32_t ag, const uint8_t *first, const uint8_t *copy)
{
	static const struct {
		unsigned int offset, length;
	} same[] = {
		{ 0, 16 },		/* magic, block size, blocks */
		{ 32, 24 },		/* UUID, place of the log */
		{ 84, 8 },		/* blocks of an AG, AGs */
		{ 96, 4 },		/* blocks of the log */
		{ 102, 6 },		/* sector and inode size, inodes of a block */
		{ 120, 5 },		/* their logarithms, and an AG's */
		{ 192, 8 },		/* directory block, sector and stripe unit of the log */
	};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (memcmp(first + same[i].offset, copy + same[i].offset, same[i].length) != 0)
			return fs_xfs_doubt(x, "superblock and copy %" PRIu32 " differ", ag);
	if ((get_be16(first + 100) ^ get_be16(copy + 100)) & (VERSION_NUMBER | VERSION_LOG_V2))
		return fs_xfs_doubt(x, "superblock and copy %" PRIu32 " differ", ag);
	if (x->v5 && !fs_xfs_crc_good(copy, x->sector_size, SB_CRC))
		return fs_xfs_doubt(x, "checksum of superblock copy %" PRIu32 " is wrong", ag);
	return 1;
}

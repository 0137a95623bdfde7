/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * XFS, as much of it as tells free blocks from used ones. Internal to the reader, fs_xfs*.c:
 *
 *	fs_xfs.c	the order of things, sums over all groups, what the rest shares
 *	fs_xfs_super.c	the superblock and its copies
 *	fs_xfs_log.c	is the log clean, and where is its head
 *	fs_xfs_btree.c	a walk over one btree, short or long pointers
 *	fs_xfs_ag.c	headers and btrees of one allocation group (AG)
 *	fs_xfs_inode.c	all blocks of all inodes, for filesystems without checksums
 *
 * Offsets and constants are those of "XFS Algorithms & Data Structures" (xfs.org) and of Linux'
 * fs/xfs/libxfs/xfs_format.h and xfs_log_format.h. All is big-endian but for the checksums. v5 is
 * the format with checksums, v4 the one without.
 *
 *	AG	| SB | AGF | AGI | AGFL |  ...  blocks  ...			one sector each
 *	AGF	roots of bnobt, cntbt (free extents by place, by size), rmapbt, refcountbt
 *	AGI	roots of inobt (chunks of 64 inodes) and finobt (those with a free one)
 *	AGFL	blocks set aside for the btrees of the AGF
 *
 * Terms: block is a number inside an AG, place the same of the whole filesystem as it is stored,
 * (AG << ag_log) + block. Checks return 1 when passed, 0 for doubt, -errno.
 */
#ifndef P2V_DISK_FS_FS_XFS_H
#define P2V_DISK_FS_FS_XFS_H

#include "common/bytes.h"
#include "disk/fs/fs.h"

#define FS_XFS_BLOCK_MAX	65536u
#define FS_XFS_LEVELS_MAX	9u		/* XFS_BTREE_MAXLEVELS */
#define FS_XFS_CHUNK		64u		/* inodes of a record of inobt */
#define FS_XFS_NONE32		UINT32_MAX	/* NULLAGBLOCK */

struct fs_xfs {
	const struct space *space;
	struct bitmap *map;
	char **why;
	struct err *err;

	/* the superblock's */
	uint32_t block_size, sector_size, inode_size;
	unsigned int inodes_log;		/* inodes of a block */
	unsigned int ag_log;
	uint32_t ag_blocks, ag_count;
	uint64_t blocks;
	uint64_t log_offset, log_length;	/* bytes */
	bool v5, lazy, sparse_inodes, finobt, rmapbt, reflink, inobt_counts, log_v2;
	uint8_t uuid[16];			/* for people and the log */
	uint8_t meta_uuid[16];			/* in metadata of v5 */
	uint64_t inodes, inodes_free, blocks_free;

	uint64_t head;				/* LSN: no metadata of v5 is newer */
	/* over all AGs, to compare with the superblock */
	uint64_t sum_inodes, sum_inodes_free, sum_blocks_free;
};

/* --- fs_xfs.c --- */

int fs_xfs_doubt(struct fs_xfs *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
uint32_t fs_xfs_ag_length(const struct fs_xfs *x, uint32_t ag);
/* In bytes. */
uint64_t fs_xfs_offset(const struct fs_xfs *x, uint32_t ag, uint64_t block);
/*
 * Are n blocks of an AG inside it, and has none been cleared from the map? Where the map is coarser
 * than a block this is weaker, and just as strong as what has been cleared needs.
 */
bool fs_xfs_used(const struct fs_xfs *x, uint32_t ag, uint64_t block, uint64_t n);
/* The CRC-32C of p, taken with zeroes in place of itself at the offset at, little-endian. */
bool fs_xfs_crc_good(const uint8_t *p, size_t len, size_t at);
/* May metadata bear it? */
bool fs_xfs_lsn_good(const struct fs_xfs *x, uint64_t lsn);

/* --- fs_xfs_super.c --- */

int fs_xfs_super_read(struct fs_xfs *x);
/* The copy at the beginning of an AG, a sector, against the first one. */
int fs_xfs_super_copy(struct fs_xfs *x, uint32_t ag, const uint8_t *first, const uint8_t *copy);

/* --- fs_xfs_log.c --- */

int fs_xfs_log_check(struct fs_xfs *x);

/* --- fs_xfs_btree.c --- */

struct fs_xfs_btree {
	const char *name;
	char magic[2][5];		/* v4, v5 */
	bool wide;			/* pointers are places, else blocks */
	unsigned int record, key;	/* bytes */
	unsigned int same;		/* of a key, that begin the record, too */
};

typedef int fs_xfs_record_fn(struct fs_xfs *x, const uint8_t *record, void *arg);

/* Of one btree, or of what hangs on a root that lies in an inode. */
struct fs_xfs_walk {
	const struct fs_xfs_btree *kind;
	uint32_t ag;			/* not for wide ones */
	fs_xfs_record_fn *record;	/* NULL: leaves are not read */
	void *arg;
	bool used;			/* every block must be used in the map */
	uint64_t blocks, blocks_max;	/* met so far, and when this becomes absurd */
	/* inside */
	uint8_t *buf[FS_XFS_LEVELS_MAX];
	uint64_t last[FS_XFS_LEVELS_MAX], right[FS_XFS_LEVELS_MAX];
	bool met[FS_XFS_LEVELS_MAX];
};

void fs_xfs_walk_done(struct fs_xfs_walk *w);
DEFINE_CLEANUP_VALUE(struct fs_xfs_walk, fs_xfs_walk_done)

/* All of a btree. */
int fs_xfs_btree_walk(struct fs_xfs *x, struct fs_xfs_walk *w, uint64_t root, uint32_t levels);
/* In parts: start, then each part from left to right, then end. key: what the parent says. */
void fs_xfs_btree_start(struct fs_xfs_walk *w);
int fs_xfs_btree_part(struct fs_xfs *x, struct fs_xfs_walk *w, uint64_t block, uint32_t level,
		      const uint8_t *key);
int fs_xfs_btree_end(struct fs_xfs *x, struct fs_xfs_walk *w);

/* --- fs_xfs_ag.c --- */

/*
 * Every check of one AG, and what it has free is cleared from the map on the way: all later checks
 * ask the map. first: the superblock's sector.
 */
int fs_xfs_ag_check(struct fs_xfs *x, uint32_t ag, const uint8_t *first);
/* inobt once more, for each record the function; the AG has been checked. */
int fs_xfs_ag_inodes(struct fs_xfs *x, uint32_t ag, fs_xfs_record_fn *record, void *arg);

/* --- fs_xfs_inode.c --- */

int fs_xfs_inode_check(struct fs_xfs *x);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * XFS, v4 and v5. What must hold before a block counts as free:
 *
 *  - the superblock (checksum, features, geometry) and its copy in every AG agree;
 *  - the log is clean: its last record is the one that unmounting writes;
 *  - AGF, AGI and AGFL of every AG: magic, number, length, checksum, UUID, no LSN from the future;
 *  - the two btrees of free extents, every block of which passes the same checks, are in order and
 *    hold the same extents, and what the AGF says of them is so (blocks, longest, size of the
 *    btrees). They are independent: one has keys by place, the other by size, in other blocks;
 *  - headers, log, AGFL, blocks of all btrees and chunks of inodes are not among the free;
 *  - a btree of owners (rmapbt), where there is one, has an owner for every block that is not free
 *    and for no other; shared extents (refcountbt) are not free;
 *  - the sums of all AGs are what the superblock says: inodes, free inodes, free blocks.
 *
 * v4 has no checksums. What does a changed byte do there?
 *
 *  - In a leaf of bnobt or cntbt: the other one disagrees, or the order does, or the sum.
 *  - In a pointer, a key, a root, a number of levels or records: the keys of a node are those of
 *    its children, neighbours point at each other, and a subtree that is lost or comes twice breaks
 *    order, sum and comparison.
 *  - In the superblock: there are copies, and what they do not cover (a filesystem of one AG) is
 *    what AGF, AGI and log are found by, and lengths that the AGF repeats.
 *
 * So no single byte can hide used data. What remains are AGs whose metadata is old as a whole, all
 * of it agreeing (lost writes). Therefore every extent of every inode is looked up, too, which
 * costs a reading of the inodes, as in fs_ext.c.
 *
 * The lookups ask the map: free extents are cleared from it as the btree is read, and all of it is
 * set again when a later check fails. So nothing has to be kept in memory but a block for each
 * level of a btree. Not for realtime data: its device is another one, and stays used.
 */
#include "disk/fs/fs_xfs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/digest.h"

int fs_xfs_doubt(struct fs_xfs *x, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = fs_vdoubt(x->why, x->err, fmt, ap);
	va_end(ap);
	return r;
}

uint32_t fs_xfs_ag_length(const struct fs_xfs *x, uint32_t ag)
{
	if (ag + 1 < x->ag_count)
		return x->ag_blocks;
	return (uint32_t)(x->blocks - (uint64_t)x->ag_blocks * (x->ag_count - 1));
}

uint64_t fs_xfs_offset(const struct fs_xfs *x, uint32_t ag, uint64_t block)
{
	return ((uint64_t)x->ag_blocks * ag + block) * x->block_size;
}

bool fs_xfs_used(const struct fs_xfs *x, uint32_t ag, uint64_t block, uint64_t n)
{
	return ag < x->ag_count && range_inside(block, n, fs_xfs_ag_length(x, ag)) &&
	       bitmap_all(x->map, fs_xfs_offset(x, ag, block), n * x->block_size);
}

bool fs_xfs_crc_good(const uint8_t *p, size_t len, size_t at)
{
	static const uint8_t zero[4];
	uint32_t crc;

	crc = digest_crc32c(0, p, at);
	crc = digest_crc32c(crc, zero, sizeof(zero));
	crc = digest_crc32c(crc, p + at + 4, len - at - 4);
	return crc == get_le32(p + at);
}

bool fs_xfs_lsn_good(const struct fs_xfs *x, uint64_t lsn)
{
	/* All ones: it never went through the log (NULLCOMMITLSN). */
	return lsn == UINT64_MAX || lsn <= x->head;
}

static int check_groups(struct fs_xfs *x)
{
	CLEANUP(mem_free) uint8_t *first = malloc(x->sector_size);
	int r;

	if (!first)
		return err_nomem(x->err);
	r = space_read(x->space, first, x->sector_size, 0, x->err);
	if (r < 0)
		return r;
	for (uint32_t ag = 0; ag < x->ag_count; ag++) {
		r = fs_xfs_ag_check(x, ag, first);
		if (r <= 0)
			return r;
	}
	return 1;
}

static int check_sums(struct fs_xfs *x)
{
	if (!bitmap_all(x->map, x->log_offset, x->log_length))
		return fs_xfs_doubt(x, "the log lies in free space");
	/* A mounted one with lazy counters has them in memory; after a crash it counts anew. */
	if (x->space->frozen && x->lazy)
		return 1;
	if (x->sum_blocks_free != x->blocks_free)
		return fs_xfs_doubt(x, "free count of the superblock is wrong");
	if (x->sum_inodes != x->inodes || x->sum_inodes_free != x->inodes_free)
		return fs_xfs_doubt(x, "inode counts of the superblock are wrong");
	return 1;
}

int fs_xfs_map(const struct space *s, struct bitmap *map, char **ret_why, struct err *err)
{
	CLEANUP(mem_free) char *why = NULL;
	struct fs_xfs x = { .space = s, .map = map, .why = &why, .err = err };
	int r;

	r = fs_xfs_super_read(&x);
	/* A frozen one has a log that need not be replayed, and says nothing: fs_xfs_log.c. */
	if (r > 0 && s->frozen)
		x.head = UINT64_MAX;
	else if (r > 0)
		r = fs_xfs_log_check(&x);
	if (r > 0)
		r = check_groups(&x);
	if (r > 0)
		r = check_sums(&x);
	if (r > 0 && !x.v5)
		r = fs_xfs_inode_check(&x);
	return fs_conclude(r, x.v5 ? "free-space btrees" : "free-space btrees and inodes", map,
			   &why, ret_why, err);
}

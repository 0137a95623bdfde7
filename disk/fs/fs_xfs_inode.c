/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All blocks of all inodes, for v4: is none of them free?
 *
 *	inode (v1, v2)	core of 100 bytes | data fork | attribute fork
 *	fork		local: nothing more | extents: records | btree: the root of one (bmbt)
 *	record		16 bytes: 1 bit unwritten, 54 offset, 52 place, 21 blocks
 *
 * The data fork of a realtime file has its data on the realtime device, and its btree here.
 */
#include "disk/fs/fs_xfs.h"

#include <inttypes.h>
#include <stdlib.h>

#define INODE_MAGIC		0x494eu		/* "IN" */
#define CORE_LEN		100u
#define RECORD_LEN		16u
#define FLAG_REALTIME		1u

enum { FORMAT_DEVICE, FORMAT_LOCAL, FORMAT_EXTENTS, FORMAT_BTREE };

/* Keys are offsets, which begin no record. */
static const struct fs_xfs_btree bmbt = {
	"btree of a file", { "BMAP", "BMA3" }, true, RECORD_LEN, 8, 0
};

struct fork {
	bool elsewhere;			/* its extents are on the realtime device */
	uint64_t next;			/* behind the last extent */
	uint64_t extents;
};

struct scan {
	uint32_t ag;
	uint64_t ino;			/* in the AG */
	uint64_t blocks;		/* of it, up to here */
	uint8_t *chunk;
	struct fork fork;
	struct fs_xfs_walk walk;
};

static int impossible(struct fs_xfs *x, const struct scan *s)
{
	return fs_xfs_doubt(x, "group %" PRIu32 ": impossible inode %" PRIu64, s->ag, s->ino);
}

static int take_extent(struct fs_xfs *x, const uint8_t *p, void *arg)
{
	struct scan *s = arg;
	uint64_t hi = get_be64(p), lo = get_be64(p + 8);
	uint64_t offset = hi << 1 >> 10, place = (hi & 0x1ff) << 43 | lo >> 21;
	uint64_t count = lo & 0x1fffff, ag = place >> x->ag_log;

	if (count == 0 || offset < s->fork.next)
		return impossible(x, s);
	s->fork.next = offset + count;
	s->fork.extents++;
	s->blocks += count;
	if (s->fork.elsewhere)
		return 1;
	if (ag >= x->ag_count ||
	    !fs_xfs_used(x, (uint32_t)ag, place & ((UINT64_C(1) << x->ag_log) - 1), count))
		return fs_xfs_doubt(x, "group %" PRIu32 ": inode %" PRIu64
				    " has blocks that are marked free", s->ag, s->ino);
	return 1;
}

static int check_btree(struct fs_xfs *x, struct scan *s, const uint8_t *p, uint32_t len)
{
	uint32_t level = get_be16(p), n = get_be16(p + 2), max = (len - 4) / 16;
	uint64_t before = s->walk.blocks;
	int r = 1;

	if (level == 0 || level >= FS_XFS_LEVELS_MAX || n == 0 || n > max)
		return impossible(x, s);
	fs_xfs_btree_start(&s->walk);
	for (uint32_t i = 0; i < n && r > 0; i++)
		r = fs_xfs_btree_part(x, &s->walk, get_be64(p + 4 + max * 8 + i * 8), level - 1,
				      p + 4 + i * 8);
	s->blocks += s->walk.blocks - before;
	return r > 0 ? fs_xfs_btree_end(x, &s->walk) : r;
}

static int check_fork(struct fs_xfs *x, struct scan *s, const uint8_t *p, uint32_t len,
		      unsigned int format, uint32_t extents, bool elsewhere)
{
	int r = 1;

	s->fork = (struct fork){ .elsewhere = elsewhere };
	switch (format) {
	case FORMAT_DEVICE:
	case FORMAT_LOCAL:
		break;
	case FORMAT_EXTENTS:
		if (extents > len / RECORD_LEN)
			return impossible(x, s);
		for (uint32_t i = 0; i < extents && r > 0; i++)
			r = take_extent(x, p + i * RECORD_LEN, s);
		break;
	case FORMAT_BTREE:
		if (len < 4)
			return impossible(x, s);
		r = check_btree(x, s, p, len);
		break;
	default:
		return impossible(x, s);
	}
	return r > 0 && s->fork.extents != extents ? impossible(x, s) : r;
}

static int check_inode(struct fs_xfs *x, struct scan *s, const uint8_t *p)
{
	uint32_t room = x->inode_size - CORE_LEN, attr = p[82] * 8u;
	int r;

	if (get_be16(p) != INODE_MAGIC || get_be16(p + 2) == 0 || p[4] < 1 || p[4] > 2 ||
	    attr > room)
		return impossible(x, s);
	s->blocks = 0;
	r = check_fork(x, s, p + CORE_LEN, attr ? attr : room, p[5], get_be32(p + 76),
		       get_be16(p + 90) & FLAG_REALTIME);
	if (r > 0 && attr)
		r = check_fork(x, s, p + CORE_LEN + attr, room - attr, p[83], get_be16(p + 80),
			       false);
	else if (r > 0 && get_be16(p + 80) != 0)
		return impossible(x, s);
	return r > 0 && s->blocks != get_be64(p + 64) ? impossible(x, s) : r;
}

static int take_chunk(struct fs_xfs *x, const uint8_t *record, void *arg)
{
	struct scan *s = arg;
	uint64_t start = get_be32(record), free_ = get_be64(record + 8), offset;
	int r;

	offset = fs_xfs_offset(x, s->ag, 0) + start * x->inode_size;
	r = space_read(x->space, s->chunk, FS_XFS_CHUNK * x->inode_size, offset, x->err);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < FS_XFS_CHUNK; i++) {
		s->ino = start + i;
		if (free_ >> i & 1)
			continue;
		r = check_inode(x, s, s->chunk + i * x->inode_size);
		if (r <= 0)
			return r;
	}
	return 1;
}

int fs_xfs_inode_check(struct fs_xfs *x)
{
	CLEANUP(mem_free) uint8_t *chunk = malloc(FS_XFS_CHUNK * x->inode_size);
	struct scan s = { .chunk = chunk };
	int r = 1;

	if (!chunk)
		return err_nomem(x->err);
	/* All btrees of all files together, which no two share. */
	s.walk = (struct fs_xfs_walk){
		.kind = &bmbt, .record = take_extent, .arg = &s, .used = true,
		.blocks_max = x->blocks,
	};
	for (uint32_t ag = 0; ag < x->ag_count && r > 0; ag++) {
		s.ag = ag;
		r = fs_xfs_ag_inodes(x, ag, take_chunk, &s);
	}
	fs_xfs_walk_done(&s.walk);
	return r;
}

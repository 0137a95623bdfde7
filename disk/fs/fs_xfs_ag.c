/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One allocation group: its headers, and all of its btrees.
 *
 * First cntbt is read, and what matters of its extents is kept: how many, how many blocks, and a
 * digest that does not depend on order. Then bnobt, which is cleared from the map as it is read,
 * and has to come to the same. From then on "is it used" is a question to the map.
 */
#include "disk/fs/fs_xfs.h"

#include <inttypes.h>
#include <stdlib.h>

#define AGF_MAGIC		0x58414746u	/* "XAGF" */
#define AGI_MAGIC		0x58414749u	/* "XAGI" */
#define AGFL_MAGIC		0x5841464cu	/* "XAFL", v5 only */
#define AGF_CRC			216u
#define AGI_CRC			312u
#define AGFL_CRC		32u
#define AGFL_HEAD		36u		/* v5 */

#define SPARSE_GROUP		4u		/* inodes for each bit of a record's hole mask */
#define COW_FLAG		0x80000000u	/* refcountbt: set aside for copy on write */

static const struct fs_xfs_btree
	bnobt = { "free space by place", { "ABTB", "AB3B" }, false, 8, 8, 8 },
	cntbt = { "free space by size", { "ABTC", "AB3C" }, false, 8, 8, 8 },
	inobt = { "inode btree", { "IABT", "IAB3" }, false, 16, 4, 4 },
	finobt = { "btree of free inodes", { "FIBT", "FIB3" }, false, 16, 4, 4 },
	/* Two keys, lowest and highest; bits of the offset differ from the record's. */
	rmapbt = { "btree of owners", { "RMBT", "RMB3" }, false, 24, 40, 4 },
	refcountbt = { "btree of shared extents", { "R3FC", "R3FC" }, false, 12, 4, 4 };

struct ag {
	struct fs_xfs *x;
	uint32_t n, length;		/* number, blocks */
	uint8_t *agf, *agi, *agfl;	/* sectors */
};

/* --- headers --- */

/* What AGF and AGI begin with. */
static bool header_good(const struct ag *g, const uint8_t *p, uint32_t magic)
{
	return get_be32(p) == magic && get_be32(p + 4) == 1 && get_be32(p + 8) == g->n &&
	       get_be32(p + 12) == g->length;
}

static bool header_sealed(const struct ag *g, const uint8_t *p, size_t uuid, size_t lsn,
			  size_t crc)
{
	const struct fs_xfs *x = g->x;

	return !x->v5 || (fs_xfs_crc_good(p, x->sector_size, crc) &&
			  memcmp(p + uuid, x->meta_uuid, sizeof(x->meta_uuid)) == 0 &&
			  fs_xfs_lsn_good(x, get_be64(p + lsn)));
}

static int check_headers(struct ag *g)
{
	struct fs_xfs *x = g->x;

	if (!header_good(g, g->agf, AGF_MAGIC) || !header_sealed(g, g->agf, 64, 208, AGF_CRC))
		return fs_xfs_doubt(x, "group %" PRIu32 ": its AGF is damaged", g->n);
	if (!header_good(g, g->agi, AGI_MAGIC) || !header_sealed(g, g->agi, 296, 320, AGI_CRC))
		return fs_xfs_doubt(x, "group %" PRIu32 ": its AGI is damaged", g->n);
	if (x->v5 && (get_be32(g->agfl) != AGFL_MAGIC || get_be32(g->agfl + 4) != g->n ||
		      !header_sealed(g, g->agfl, 8, 24, AGFL_CRC)))
		return fs_xfs_doubt(x, "group %" PRIu32 ": its AGFL is damaged", g->n);
	return 1;
}

/* The last block of superblock, AGF, AGI and AGFL. */
static uint32_t last_header_block(const struct fs_xfs *x)
{
	return 3 * x->sector_size / x->block_size;
}

/* A ring, from the first to the last one, both included. */
static int check_agfl(struct ag *g)
{
	struct fs_xfs *x = g->x;
	uint32_t head = x->v5 ? AGFL_HEAD : 0, size = (x->sector_size - head) / 4;
	uint32_t first = get_be32(g->agf + 40), last = get_be32(g->agf + 44);
	uint32_t n = get_be32(g->agf + 48);

	if (first >= size || last >= size || n > size ||
	    (n > 0 && (last + size - first) % size + 1 != n) ||
	    (n == 0 && (last + 1) % size != first))
		return fs_xfs_doubt(x, "group %" PRIu32 ": its AGFL is not a ring", g->n);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t block = get_be32(g->agfl + head + (first + i) % size * 4);

		if (block <= last_header_block(x) || !fs_xfs_used(x, g->n, block, 1))
			return fs_xfs_doubt(x, "group %" PRIu32 ": its AGFL lies in free space",
					    g->n);
	}
	return 1;
}

/* --- free extents --- */

struct free_scan {
	struct ag *g;
	bool by_size;
	uint64_t extents, blocks;
	uint64_t digest[2];
	uint32_t longest;
	uint32_t start, count;		/* the last one */
};

/* A finaliser as that of MurmurHash3 and splitmix64: every bit of v changes half of the result. */
static uint64_t mix(uint64_t v, uint64_t salt)
{
	v += salt;
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static int take_free(struct fs_xfs *x, const uint8_t *record, void *arg)
{
	struct free_scan *s = arg;
	uint32_t start = get_be32(record), count = get_be32(record + 4);
	uint32_t ag = s->g->n;
	bool in_order;

	if (count == 0 || start <= last_header_block(x) ||
	    !range_inside(start, count, s->g->length))
		return fs_xfs_doubt(x, "group %" PRIu32 ": impossible free extent", ag);
	/* By place there is at least one block between two, or they would be one. */
	in_order = s->extents == 0 ||
		   (s->by_size ? count > s->count || (count == s->count && start > s->start) :
				 start > (uint64_t)s->start + s->count);
	if (!in_order)
		return fs_xfs_doubt(x, "group %" PRIu32 ": free extents are not in order", ag);
	s->start = start;
	s->count = count;
	s->extents++;
	s->blocks += count;
	s->longest = MAX(s->longest, count);
	for (unsigned int i = 0; i < 2; i++)
		s->digest[i] += mix((uint64_t)start << 32 | count,
				    UINT64_C(0x9e3779b97f4a7c15) * (i + 1));
	if (!s->by_size)
		bitmap_clear_range(x->map, fs_xfs_offset(x, ag, start),
				   (uint64_t)count * x->block_size);
	return 1;
}

/* A btree's blocks once more, without its leaves, now that the map knows what is free. */
static int check_own_blocks(struct ag *g, struct fs_xfs_walk *w, uint64_t root, uint32_t levels)
{
	w->record = NULL;
	w->used = true;
	return fs_xfs_btree_walk(g->x, w, root, levels);
}

/* *ret_blocks: of the btrees, without the two roots. */
static int check_free(struct ag *g, uint64_t *ret_blocks)
{
	struct fs_xfs *x = g->x;
	struct free_scan by_size = { .g = g, .by_size = true }, by_place = { .g = g };
	CLEANUP(fs_xfs_walk_done) struct fs_xfs_walk cnt = {
		.kind = &cntbt, .ag = g->n, .record = take_free, .arg = &by_size,
		.blocks_max = g->length,
	};
	CLEANUP(fs_xfs_walk_done) struct fs_xfs_walk bno = {
		.kind = &bnobt, .ag = g->n, .record = take_free, .arg = &by_place,
		.blocks_max = g->length,
	};
	uint32_t bno_root = get_be32(g->agf + 16), bno_levels = get_be32(g->agf + 28);
	uint32_t cnt_root = get_be32(g->agf + 20), cnt_levels = get_be32(g->agf + 32);
	int r;

	r = fs_xfs_btree_walk(x, &cnt, cnt_root, cnt_levels);
	if (r > 0)
		r = fs_xfs_btree_walk(x, &bno, bno_root, bno_levels);
	if (r <= 0)
		return r;
	if (by_size.extents != by_place.extents || by_size.blocks != by_place.blocks ||
	    by_size.digest[0] != by_place.digest[0] || by_size.digest[1] != by_place.digest[1])
		return fs_xfs_doubt(x, "group %" PRIu32 ": free space by place and by size differ",
				    g->n);
	if (by_place.blocks != get_be32(g->agf + 52))
		return fs_xfs_doubt(x, "group %" PRIu32 ": free count is wrong", g->n);
	if (by_place.longest != get_be32(g->agf + 56))
		return fs_xfs_doubt(x, "group %" PRIu32 ": longest free extent is wrong", g->n);
	*ret_blocks = bno.blocks - 1 + cnt.blocks - 1;
	r = check_own_blocks(g, &bno, bno_root, bno_levels);
	if (r > 0)
		r = check_own_blocks(g, &cnt, cnt_root, cnt_levels);
	return r;
}

/* --- owners, shared extents --- */

struct owner_scan {
	struct ag *g;
	uint32_t start;			/* the last one's */
	uint64_t end, covered;		/* of all up to here */
};

static int take_owner(struct fs_xfs *x, const uint8_t *record, void *arg)
{
	struct owner_scan *s = arg;
	uint32_t start = get_be32(record), count = get_be32(record + 4);
	uint64_t end = (uint64_t)start + count;

	/* Shared extents have many owners, and may overlap. */
	if (count == 0 || start < s->start)
		return fs_xfs_doubt(x, "group %" PRIu32 ": owners are not in order", s->g->n);
	if (!fs_xfs_used(x, s->g->n, start, count))
		return fs_xfs_doubt(x, "group %" PRIu32 ": free space has an owner", s->g->n);
	if (end > s->end) {
		s->covered += end - MAX(s->end, start);
		s->end = end;
	}
	s->start = start;
	return 1;
}

static int check_owners(struct ag *g, uint64_t *blocks)
{
	struct owner_scan scan = { .g = g };
	CLEANUP(fs_xfs_walk_done) struct fs_xfs_walk w = {
		.kind = &rmapbt, .ag = g->n, .record = take_owner, .arg = &scan, .used = true,
		.blocks_max = g->length,
	};
	int r;

	r = fs_xfs_btree_walk(g->x, &w, get_be32(g->agf + 24), get_be32(g->agf + 36));
	if (r <= 0)
		return r;
	if (w.blocks != get_be32(g->agf + 80))
		return fs_xfs_doubt(g->x, "%s: its size is wrong", rmapbt.name);
	if (scan.covered + get_be32(g->agf + 52) != g->length)
		return fs_xfs_doubt(g->x, "group %" PRIu32 ": used blocks have no owner", g->n);
	*blocks += w.blocks - 1;
	return 1;
}

struct shared_scan {
	struct ag *g;
	uint64_t end;			/* of the last one, with its flag */
};

static int take_shared(struct fs_xfs *x, const uint8_t *record, void *arg)
{
	struct shared_scan *s = arg;
	uint32_t start = get_be32(record), count = get_be32(record + 4);

	if (count == 0 || get_be32(record + 8) == 0 || start < s->end)
		return fs_xfs_doubt(x, "group %" PRIu32 ": shared extents are not in order",
				    s->g->n);
	if (!fs_xfs_used(x, s->g->n, start & ~COW_FLAG, count))
		return fs_xfs_doubt(x, "group %" PRIu32 ": free space is shared", s->g->n);
	s->end = (uint64_t)start + count;
	return 1;
}

static int check_shared(struct ag *g)
{
	struct shared_scan scan = { .g = g };
	CLEANUP(fs_xfs_walk_done) struct fs_xfs_walk w = {
		.kind = &refcountbt, .ag = g->n, .record = take_shared, .arg = &scan, .used = true,
		.blocks_max = g->length,
	};
	int r;

	r = fs_xfs_btree_walk(g->x, &w, get_be32(g->agf + 88), get_be32(g->agf + 92));
	if (r > 0 && w.blocks != get_be32(g->agf + 84))
		return fs_xfs_doubt(g->x, "%s: its size is wrong", refcountbt.name);
	return r;
}

/* --- inodes --- */

struct inode_scan {
	struct ag *g;
	bool only_free;			/* finobt */
	uint64_t next;			/* behind the last chunk */
	uint64_t count, free;
	uint64_t chunks_free;		/* with a free inode */
};

/* Inodes [first, first + n) of the AG. */
static bool inodes_used(const struct fs_xfs *x, uint32_t ag, uint64_t first, uint32_t n)
{
	uint64_t block = first >> x->inodes_log;

	return fs_xfs_used(x, ag, block, ((first + n - 1) >> x->inodes_log) - block + 1);
}

static int take_chunk(struct fs_xfs *x, const uint8_t *record, void *arg)
{
	struct inode_scan *s = arg;
	uint32_t start = get_be32(record), holes = 0, count = FS_XFS_CHUNK, n_free;
	uint64_t free_ = get_be64(record + 8), hole_inodes = 0;

	n_free = get_be32(record + 4);
	if (x->sparse_inodes) {
		holes = get_be16(record + 4);
		count = record[6];
		n_free = record[7];
	}
	for (unsigned int i = 0; i < 16; i++)
		if (holes >> i & 1)
			hole_inodes |= UINT64_C(0xf) << i * SPARSE_GROUP;
	/* What is not there is not used, either. */
	if (start < s->next || count > FS_XFS_CHUNK || n_free > count ||
	    (uint32_t)__builtin_popcount(holes) * SPARSE_GROUP + count != FS_XFS_CHUNK ||
	    (hole_inodes & ~free_) != 0 ||
	    (uint32_t)__builtin_popcountll(free_ & ~hole_inodes) != n_free ||
	    (s->only_free && n_free == 0))
		return fs_xfs_doubt(x, "group %" PRIu32 ": impossible chunk of inodes", s->g->n);
	for (unsigned int i = 0; i < 16; i++)
		if (!(holes >> i & 1) &&
		    !inodes_used(x, s->g->n, (uint64_t)start + i * SPARSE_GROUP, SPARSE_GROUP))
			return fs_xfs_doubt(x, "group %" PRIu32 ": inodes lie in free space",
					    s->g->n);
	s->next = (uint64_t)start + FS_XFS_CHUNK;
	s->count += count;
	s->free += n_free;
	s->chunks_free += n_free > 0;
	return 1;
}

static int check_inodes(struct ag *g)
{
	struct fs_xfs *x = g->x;
	struct inode_scan all = { .g = g }, free_ = { .g = g, .only_free = true };
	CLEANUP(fs_xfs_walk_done) struct fs_xfs_walk w = {
		.kind = &inobt, .ag = g->n, .record = take_chunk, .arg = &all, .used = true,
		.blocks_max = g->length,
	};
	int r;

	r = fs_xfs_btree_walk(x, &w, get_be32(g->agi + 20), get_be32(g->agi + 24));
	if (r <= 0)
		return r;
	if (all.count != get_be32(g->agi + 16) || all.free != get_be32(g->agi + 28))
		return fs_xfs_doubt(x, "group %" PRIu32 ": inode counts are wrong", g->n);
	if (x->inobt_counts && w.blocks != get_be32(g->agi + 336))
		return fs_xfs_doubt(x, "%s: its size is wrong", inobt.name);
	x->sum_inodes += all.count;
	x->sum_inodes_free += all.free;
	if (!x->finobt)
		return 1;

	w.kind = &finobt;
	w.arg = &free_;
	r = fs_xfs_btree_walk(x, &w, get_be32(g->agi + 328), get_be32(g->agi + 332));
	if (r <= 0)
		return r;
	if (free_.free != all.free || free_.chunks_free != all.chunks_free)
		return fs_xfs_doubt(x, "group %" PRIu32 ": inode btrees differ", g->n);
	if (x->inobt_counts && w.blocks != get_be32(g->agi + 340))
		return fs_xfs_doubt(x, "%s: its size is wrong", finobt.name);
	return 1;
}

/* --- and all of it --- */

static int check_group(struct ag *g)
{
	struct fs_xfs *x = g->x;
	uint64_t blocks = 0;
	int r;

	r = check_headers(g);
	if (r > 0)
		r = check_free(g, &blocks);
	if (r > 0)
		r = check_agfl(g);
	if (r > 0 && x->rmapbt)
		r = check_owners(g, &blocks);
	if (r > 0 && x->reflink)
		r = check_shared(g);
	if (r > 0)
		r = check_inodes(g);
	if (r <= 0)
		return r;
	/* Kept since there are lazy counters. */
	if (x->lazy && blocks != get_be32(g->agf + 60))
		return fs_xfs_doubt(x, "group %" PRIu32 ": size of its btrees is wrong", g->n);
	/* What the btrees are made of can become free, and counts as free. */
	x->sum_blocks_free += get_be32(g->agf + 52) + (uint64_t)get_be32(g->agf + 48) + blocks;
	return 1;
}

int fs_xfs_ag_check(struct fs_xfs *x, uint32_t ag, const uint8_t *first)
{
	CLEANUP(mem_free) uint8_t *buf = malloc(4 * x->sector_size);
	struct ag g = {
		.x = x, .n = ag, .length = fs_xfs_ag_length(x, ag),
	};
	int r;

	if (!buf)
		return err_nomem(x->err);
	r = space_read(x->space, buf, 4 * x->sector_size, fs_xfs_offset(x, ag, 0), x->err);
	if (r < 0)
		return r;
	r = fs_xfs_super_copy(x, ag, first, buf);
	if (r <= 0)
		return r;
	g.agf = buf + x->sector_size;
	g.agi = buf + 2 * x->sector_size;
	g.agfl = buf + 3 * x->sector_size;
	return check_group(&g);
}

int fs_xfs_ag_inodes(struct fs_xfs *x, uint32_t ag, fs_xfs_record_fn *record, void *arg)
{
	CLEANUP(mem_free) uint8_t *agi = malloc(x->sector_size);
	CLEANUP(fs_xfs_walk_done) struct fs_xfs_walk w = {
		.kind = &inobt, .ag = ag, .record = record, .arg = arg,
		.blocks_max = fs_xfs_ag_length(x, ag),
	};
	int r;

	if (!agi)
		return err_nomem(x->err);
	r = space_read(x->space, agi, x->sector_size,
		       fs_xfs_offset(x, ag, 0) + 2 * x->sector_size, x->err);
	if (r < 0)
		return r;
	return fs_xfs_btree_walk(x, &w, get_be32(agi + 20), get_be32(agi + 24));
}

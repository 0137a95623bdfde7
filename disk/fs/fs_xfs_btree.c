/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A walk over a btree of XFS, from left to right, one block of each level in memory.
 *
 *	header		magic, level, number of records, left and right neighbour;
 *			v5: and where it lies, LSN, UUID, owner, checksum
 *	leaf		records
 *	node		keys of children, then (behind room for as many keys as fit) their pointers
 *
 * A block has to be what its parent says: of that level, with that key first, and the right
 * neighbour of the one before. Whether records are in order is for the function that gets them; as
 * long as it insists, no leaf can come twice.
 */
#include "disk/fs/fs_xfs.h"

#include <stdlib.h>

/* Headers of short and of wide blocks. */
static const struct layout {
	unsigned int head[2];		/* v4, v5 */
	unsigned int pointer, left, right, place, lsn, uuid, owner, crc;
} layouts[] = {
	{ { 16, 56 }, 4, 8, 12, 16, 24, 32, 48, 52 },
	{ { 24, 72 }, 8, 8, 16, 24, 32, 40, 56, 64 },
};

static uint64_t get_pointer(const struct fs_xfs_btree *k, const uint8_t *p)
{
	/* The same "nowhere" for both. */
	if (k->wide)
		return get_be64(p);
	return get_be32(p) == FS_XFS_NONE32 ? UINT64_MAX : get_be32(p);
}

/* Where a pointer leads; false: out of the filesystem. */
static bool locate(const struct fs_xfs *x, const struct fs_xfs_walk *w, uint64_t pointer,
		   uint32_t *ret_ag, uint64_t *ret_block)
{
	uint64_t ag = w->kind->wide ? pointer >> x->ag_log : w->ag;
	uint64_t block = w->kind->wide ? pointer & ((UINT64_C(1) << x->ag_log) - 1) : pointer;

	if (ag >= x->ag_count || block >= fs_xfs_ag_length(x, (uint32_t)ag))
		return false;
	*ret_ag = (uint32_t)ag;
	*ret_block = block;
	return true;
}

static int check_block(struct fs_xfs *x, struct fs_xfs_walk *w, const uint8_t *p, uint64_t pointer,
		       uint64_t offset, uint32_t level)
{
	const struct layout *l = &layouts[w->kind->wide];
	const char *name = w->kind->name;

	if (memcmp(p, w->kind->magic[x->v5], 4) != 0 || get_be16(p + 4) != level)
		return fs_xfs_doubt(x, "%s: a block is not what it should be", name);
	/* wide ones belong to inodes, and are met in v4 only: no owner to compare with */
	if (x->v5 && (!fs_xfs_crc_good(p, x->block_size, l->crc) ||
		      get_be64(p + l->place) != offset / 512 ||
		      memcmp(p + l->uuid, x->meta_uuid, sizeof(x->meta_uuid)) != 0 ||
		      (!w->kind->wide && get_be32(p + l->owner) != w->ag)))
		return fs_xfs_doubt(x, "%s: checksum or owner of a block is wrong", name);
	if (x->v5 && !fs_xfs_lsn_good(x, get_be64(p + l->lsn)))
		return fs_xfs_doubt(x, "%s: a block is newer than the log", name);
	if (get_pointer(w->kind, p + l->left) != (w->met[level] ? w->last[level] : UINT64_MAX) ||
	    (w->met[level] && w->right[level] != pointer))
		return fs_xfs_doubt(x, "%s: neighbours do not know each other", name);
	w->met[level] = true;
	w->last[level] = pointer;
	w->right[level] = get_pointer(w->kind, p + l->right);
	return 1;
}

static int visit_node(struct fs_xfs *x, struct fs_xfs_walk *w, const uint8_t *p, unsigned int n,
		      uint32_t level)
{
	const struct layout *l = &layouts[w->kind->wide];
	unsigned int max = (x->block_size - l->head[x->v5]) / (w->kind->key + l->pointer);
	const uint8_t *keys = p + l->head[x->v5], *pointers = keys + max * w->kind->key;
	int r = 1;

	if (n == 0 || n > max)
		return fs_xfs_doubt(x, "%s: impossible number of records", w->kind->name);
	for (unsigned int i = 0; i < n && r > 0; i++)
		r = fs_xfs_btree_part(x, w, get_pointer(w->kind, pointers + i * l->pointer),
				      level - 1, keys + i * w->kind->key);
	return r;
}

static int visit_leaf(struct fs_xfs *x, struct fs_xfs_walk *w, const uint8_t *p, unsigned int n,
		      bool root)
{
	unsigned int head = layouts[w->kind->wide].head[x->v5];
	int r = 1;

	/* Only a root may be empty. */
	if ((n == 0 && !root) || n > (x->block_size - head) / w->kind->record)
		return fs_xfs_doubt(x, "%s: impossible number of records", w->kind->name);
	for (unsigned int i = 0; i < n && r > 0; i++)
		r = w->record(x, p + head + i * w->kind->record, w->arg);
	return r;
}

int fs_xfs_btree_part(struct fs_xfs *x, struct fs_xfs_walk *w, uint64_t block, uint32_t level,
		      const uint8_t *key)
{
	uint64_t in_ag, offset;
	unsigned int n;
	uint32_t ag;
	uint8_t *p;
	int r;

	if (!locate(x, w, block, &ag, &in_ag))
		return fs_xfs_doubt(x, "%s: a pointer leads nowhere", w->kind->name);
	if (++w->blocks > w->blocks_max)
		return fs_xfs_doubt(x, "%s: too many blocks", w->kind->name);
	if (w->used && !fs_xfs_used(x, ag, in_ag, 1))
		return fs_xfs_doubt(x, "%s lies in free space", w->kind->name);
	if (level == 0 && !w->record)
		return 1;
	if (!w->buf[level])
		w->buf[level] = malloc(x->block_size);
	p = w->buf[level];
	if (!p)
		return err_nomem(x->err);
	offset = fs_xfs_offset(x, ag, in_ag);
	r = space_read(x->space, p, x->block_size, offset, x->err);
	if (r < 0)
		return r;
	r = check_block(x, w, p, block, offset, level);
	if (r <= 0)
		return r;
	/* The first of its keys, or of its records, begins with what the parent has. */
	if (key && memcmp(key, p + layouts[w->kind->wide].head[x->v5], w->kind->same) != 0)
		return fs_xfs_doubt(x, "%s: a key is wrong", w->kind->name);
	n = get_be16(p + 6);
	return level > 0 ? visit_node(x, w, p, n, level) : visit_leaf(x, w, p, n, !key);
}

void fs_xfs_btree_start(struct fs_xfs_walk *w)
{
	memset(w->met, 0, sizeof(w->met));
}

int fs_xfs_btree_end(struct fs_xfs *x, struct fs_xfs_walk *w)
{
	for (unsigned int i = 0; i < FS_XFS_LEVELS_MAX; i++)
		if (w->met[i] && w->right[i] != UINT64_MAX)
			return fs_xfs_doubt(x, "%s: neighbours do not know each other",
					    w->kind->name);
	return 1;
}

int fs_xfs_btree_walk(struct fs_xfs *x, struct fs_xfs_walk *w, uint64_t root, uint32_t levels)
{
	int r;

	if (levels == 0 || levels > FS_XFS_LEVELS_MAX)
		return fs_xfs_doubt(x, "%s: impossible number of levels", w->kind->name);
	w->blocks = 0;
	fs_xfs_btree_start(w);
	r = fs_xfs_btree_part(x, w, root, levels - 1, NULL);
	return r > 0 ? fs_xfs_btree_end(x, w) : r;
}

void fs_xfs_walk_done(struct fs_xfs_walk *w)
{
	for (unsigned int i = 0; i < FS_XFS_LEVELS_MAX; i++)
		free(w->buf[i]);
	memset(w->buf, 0, sizeof(w->buf));
}

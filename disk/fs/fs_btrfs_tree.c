/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walking a tree, from the smallest key to the largest. Memory is one block for each level.
 *
 * Each block is held against what led to it: checksum, whose filesystem, its own address, the
 * generation in the pointer, the level (one less than the parent's), the owner (trees that are
 * walked here are shared with nobody), the first key. Keys only grow, within a block and over all
 * of them, and a block's first key is that of its parent's pointer: so no block is met twice, and a
 * walk ends, whatever the pointers are.
 */
#include "disk/fs/fs_btrfs_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* struct btrfs_header */
enum {
	AT_FSID = 0x20, AT_BYTENR = 0x30, AT_FLAGS = 0x38, AT_CHUNK_UUID = 0x40,
	AT_GENERATION = 0x50, AT_OWNER = 0x58, AT_NITEMS = 0x60, AT_LEVEL = 0x64,
};
#define FLAG_WRITTEN	1u
#define KEY_LEN		17u
#define ITEM_LEN	25u		/* struct btrfs_item: key, offset, size */
#define POINTER_LEN	33u		/* struct btrfs_key_ptr: key, address, generation */

static struct btrfs_key get_key(const uint8_t *p)
{
	return (struct btrfs_key){ .objectid = get_le64(p), .type = p[8],
				   .offset = get_le64(p + 9) };
}

static int compare_keys(const struct btrfs_key *x, const struct btrfs_key *y)
{
	if (x->objectid != y->objectid)
		return x->objectid < y->objectid ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return x->offset == y->offset ? 0 : x->offset < y->offset ? -1 : 1;
}

static uint8_t *block_at(const struct btrfs_walk *w, uint8_t level)
{
	return w->blocks + (size_t)level * w->b->super->node;
}

static const uint8_t *entry_at(const struct btrfs_walk *w, uint8_t level, uint32_t i)
{
	return block_at(w, level) + BTRFS_HEADER_LEN + i * (level > 0 ? POINTER_LEN : ITEM_LEN);
}

static int bad_block(const struct btrfs_walk *w, uint64_t bytenr, const char *what)
{
	return fs_btrfs_doubt(w->b, "tree %" PRIu64 ", block %" PRIu64 ": %s", w->owner, bytenr,
			      what);
}

/* Items' data lies from the end of the block towards its start, without gaps or overlaps. */
static bool leaf_fits(const struct btrfs_walk *w, uint32_t n)
{
	uint32_t end = w->b->super->node - BTRFS_HEADER_LEN;

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p = entry_at(w, 0, i) + KEY_LEN;
		uint32_t offset = get_le32(p), size = get_le32(p + 4);

		if (offset > end || size != end - offset)
			return false;
		end = offset;
	}
	return n * ITEM_LEN <= end;
}

static int check_keys(const struct btrfs_walk *w, uint8_t level, uint64_t bytenr,
		      const struct btrfs_key *first)
{
	uint32_t n = w->at[level].n;
	struct btrfs_key last = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		struct btrfs_key key = get_key(entry_at(w, level, i));

		if (i == 0 && first && compare_keys(&key, first) != 0)
			return bad_block(w, bytenr, "its first key is another");
		if (i > 0 && compare_keys(&key, &last) <= 0)
			return bad_block(w, bytenr, "its keys are not in order");
		last = key;
	}
	if (n > 0 && w->at[level].bounded && compare_keys(&last, &w->at[level].end) >= 0)
		return bad_block(w, bytenr, "its keys are not in order");
	return 1;
}

/* The block at a level; first: the key it must begin with, NULL for the root. */
static int load(struct btrfs_walk *w, uint8_t level, uint64_t bytenr, uint64_t generation,
		const struct btrfs_key *first)
{
	struct btrfs *b = w->b;
	uint32_t node = b->super->node, n;
	uint8_t *p = block_at(w, level);
	int r;

	if (bytenr % b->super->sector != 0)
		return bad_block(w, bytenr, "an odd address");
	r = fs_btrfs_chunk_read(b, p, node, bytenr);
	if (r <= 0)
		return r;
	r = fs_btrfs_csum_verify(b->super->csum_type, p, node);
	if (r < 0)
		return err_code(b->err, -r, "cannot verify a checksum");
	if (r == 0)
		return bad_block(w, bytenr, "its checksum is wrong");
	if (memcmp(p + AT_FSID, b->super->tree_fsid, FS_BTRFS_UUID_LEN) != 0)
		return bad_block(w, bytenr, "of another filesystem");
	if (get_le64(p + AT_BYTENR) != bytenr)
		return bad_block(w, bytenr, "it belongs elsewhere");
	if (get_le64(p + AT_GENERATION) != generation || generation > b->super->generation)
		return bad_block(w, bytenr, "of another generation");
	if (p[AT_LEVEL] != level)
		return bad_block(w, bytenr, "of another level");
	if (get_le64(p + AT_OWNER) != w->owner)
		return bad_block(w, bytenr, "of another tree");
	if (!(get_le64(p + AT_FLAGS) & FLAG_WRITTEN))
		return bad_block(w, bytenr, "not marked written");
	/* The first block that is read is the chunk tree's root, and says which uuid it is. */
	if (w->owner == BTRFS_CHUNK_TREE && !first)
		memcpy(b->chunk_tree_uuid, p + AT_CHUNK_UUID, FS_BTRFS_UUID_LEN);
	else if (memcmp(p + AT_CHUNK_UUID, b->chunk_tree_uuid, FS_BTRFS_UUID_LEN) != 0)
		return bad_block(w, bytenr, "of another chunk tree");

	n = get_le32(p + AT_NITEMS);
	if (n > (node - BTRFS_HEADER_LEN) / (level > 0 ? POINTER_LEN : ITEM_LEN) ||
	    (n == 0 && (first || level > 0)) || (level == 0 && !leaf_fits(w, n)))
		return bad_block(w, bytenr, "impossible layout");
	w->at[level].n = n;
	w->at[level].next = 0;
	fs_btrfs_count_block(&b->walked[w->owner], bytenr);
	return check_keys(w, level, bytenr, first);
}

/* Down to the leaf below the next pointer of a level. */
static int descend(struct btrfs_walk *w, uint8_t level)
{
	for (; level > 0; level--) {
		uint32_t i = w->at[level].next++;
		const uint8_t *p = entry_at(w, level, i);
		struct btrfs_key first = get_key(p);
		int r;

		w->at[level - 1].bounded = w->at[level].bounded;
		w->at[level - 1].end = w->at[level].end;
		if (i + 1 < w->at[level].n) {
			w->at[level - 1].bounded = true;
			w->at[level - 1].end = get_key(entry_at(w, level, i + 1));
		}
		r = load(w, level - 1, get_le64(p + KEY_LEN), get_le64(p + KEY_LEN + 8), &first);
		if (r <= 0)
			return r;
	}
	return 1;
}

int fs_btrfs_walk_start(struct btrfs *b, uint64_t owner, struct btrfs_walk *w)
{
	const struct btrfs_root *root = &b->roots[owner];
	int r;

	*w = (struct btrfs_walk){ .b = b, .owner = owner, .level = root->level };
	if (!root->there)
		return fs_btrfs_doubt(b, "tree %" PRIu64 " is missing", owner);
	w->blocks = malloc((root->level + (size_t)1) * b->super->node);
	if (!w->blocks)
		return err_nomem(b->err);
	r = load(w, root->level, root->bytenr, root->generation, NULL);
	return r > 0 ? descend(w, root->level) : r;
}

int fs_btrfs_walk_next(struct btrfs_walk *w, const struct btrfs_item **ret)
{
	const uint8_t *p;
	uint8_t level = 0;

	*ret = &w->item;
	while (!w->done && w->at[level].next >= w->at[level].n) {
		if (level == w->level)
			w->done = true;
		else
			level++;
	}
	if (w->done) {
		w->item.data = NULL;
		return 1;
	}
	if (level > 0) {
		int r = descend(w, level);

		if (r <= 0)
			return r;
	}
	p = entry_at(w, 0, w->at[0].next++);
	w->item.key = get_key(p);
	w->item.data = block_at(w, 0) + BTRFS_HEADER_LEN + get_le32(p + KEY_LEN);
	w->item.size = get_le32(p + KEY_LEN + 4);
	return 1;
}

void fs_btrfs_walk_done(struct btrfs_walk *w)
{
	free(w->blocks);
	*w = (struct btrfs_walk){ 0 };
}

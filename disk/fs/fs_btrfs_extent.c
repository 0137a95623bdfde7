/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The extent tree: what of the chunks is in use.
 *
 * Why is that all? An extent item is made when space is given to anything at all, and goes when its
 * last reference goes; both happen in the transaction in which the reference comes or goes, and
 * the kernel does not commit before all of these are worked off (btrfs_run_delayed_refs(), again
 * and again in commit_cowonly_roots()). It holds for all trees alike: the extent tree's own blocks,
 * those of the root tree and, in SYSTEM chunks, of the chunk tree have items as those of a
 * subvolume do. The files of the free space cache v1 are files, their extents are data extents.
 * What a subvolume that is being deleted still holds has items until it is gone. Blocks that were
 * freed but pinned until the commit are free after it. Only the log tree is outside, and with one
 * nothing is trusted.
 *
 * That it is so is checked where it can be checked cheaply: the blocks that were read in walking
 * the trees of the filesystem itself (root, chunk, dev, extent, ...) must be just those that extent
 * items say are those trees'. The superblocks are in no tree; they are kept without.
 *
 * Further: extents lie within one chunk of their kind and do not overlap, their references add up,
 * their sum is what the block group says, and the sum of those is what the superblock says. What is
 * between them must be free for the free space tree, too.
 */
#include "disk/fs/fs_btrfs_parts.h"

#include <inttypes.h>

/* struct btrfs_extent_item, then struct btrfs_tree_block_info for tree blocks of the older kind */
#define EXTENT_LEN		24u
#define BLOCK_INFO_LEN		18u
#define FLAG_DATA		1u
#define FLAG_TREE_BLOCK		2u
#define FLAG_FULL_BACKREF	(1u << 8)
#define GROUP_LEN		24u	/* struct btrfs_block_group_item */

struct scan {
	struct btrfs *b;
	struct btrfs_space space;
	size_t chunk;			/* the one we are in */
	uint64_t pos;			/* what is below is dealt with */
	bool any;			/* extent, the last one of which */
	uint64_t start;			/* begins here */
	bool is_data;
	uint64_t refs, found_refs;	/* has so many references, that many were met */
};

static int bad_extent(struct scan *s, uint64_t start, const char *what)
{
	return fs_btrfs_doubt(s->b, "extent %" PRIu64 ": %s", start, what);
}

/* --- chunk by chunk --- */

static int enter_chunk(struct scan *s, size_t i)
{
	const struct btrfs_chunk *c = &s->b->chunks.v[i];

	s->chunk = i;
	s->pos = c->logical;
	return fs_btrfs_space_enter(&s->space, c);
}

/* Nothing is in use from where we are up to end. */
static int pass_free(struct scan *s, uint64_t end)
{
	const struct btrfs_chunk *c = &s->b->chunks.v[s->chunk];
	int r;

	if (s->pos >= end)
		return 1;
	r = fs_btrfs_space_expect(&s->space, s->pos, end - s->pos);
	if (r > 0)
		fs_btrfs_chunk_release(s->b, c, s->pos - c->logical, end - s->pos);
	return r;
}

static int leave_chunk(struct scan *s)
{
	const struct btrfs_chunk *c = &s->b->chunks.v[s->chunk];
	int r = pass_free(s, c->logical + c->length);

	return r > 0 ? fs_btrfs_space_leave(&s->space) : r;
}

/* Keys only grow, so the chunk is this one or one behind it. */
static int go_to_chunk(struct scan *s, size_t target)
{
	int r = 1;

	while (r > 0 && s->chunk < target) {
		r = leave_chunk(s);
		if (r > 0)
			r = enter_chunk(s, s->chunk + 1);
	}
	return r;
}

/* --- extents --- */

/* One reference of the extent: to a tree block, by a tree. */
static void count_owner(struct scan *s, uint64_t owner)
{
	if (owner < BTRFS_TREES)
		fs_btrfs_count_block(&s->b->extents[owner], s->start);
}

/* Those that lie in the extent item itself. */
static int check_inline_refs(struct scan *s, const uint8_t *p, uint32_t left)
{
	while (left > 0) {
		uint32_t len = 9;

		switch (*p) {
		case BTRFS_DATA_REF:
			len = 29;
			break;
		case BTRFS_SHARED_DATA_REF:
			len = 13;
			break;
		case BTRFS_TREE_BLOCK_REF:
		case BTRFS_SHARED_BLOCK_REF:
		case BTRFS_OWNER_REF:
			break;
		default:
			return bad_extent(s, s->start, "an unknown kind of reference");
		}
		if (len > left || (*p != BTRFS_OWNER_REF && s->is_data != (len > 9)))
			return bad_extent(s, s->start, "its references are damaged");
		if (len > 9)
			s->found_refs += get_le32(p + len - 4);
		else if (*p != BTRFS_OWNER_REF)
			s->found_refs++;
		if (*p == BTRFS_TREE_BLOCK_REF)
			count_owner(s, get_le64(p + 1));
		p += len;
		left -= len;
	}
	return 1;
}

/* Those that have an item of their own, behind the extent's. */
static int check_ref_item(struct scan *s, const struct btrfs_item *item)
{
	bool is_data = true;
	uint32_t len = 0, at = 0;

	switch (item->key.type) {
	case BTRFS_DATA_REF:
		len = 28;
		at = 24;
		break;
	case BTRFS_SHARED_DATA_REF:
		len = 4;
		break;
	default:
		is_data = false;
	}
	if (!s->any || item->key.objectid != s->start)
		return bad_extent(s, item->key.objectid, "a reference without an extent");
	if (item->size != len || is_data != s->is_data)
		return bad_extent(s, s->start, "its references are damaged");
	s->found_refs += is_data ? get_le32(item->data + at) : 1;
	if (item->key.type == BTRFS_TREE_BLOCK_REF)
		count_owner(s, item->key.offset);
	return 1;
}

static int check_refs_add_up(struct scan *s)
{
	if (s->any && s->refs != s->found_refs)
		return bad_extent(s, s->start, "its references do not add up");
	return 1;
}

static int check_extent(struct scan *s, const struct btrfs_item *item)
{
	const struct btrfs_super *super = s->b->super;
	uint64_t start = item->key.objectid, length = item->key.offset, flags;
	bool skinny = item->key.type == BTRFS_METADATA_ITEM;
	uint32_t head = EXTENT_LEN;
	struct btrfs_chunk *c;
	int r;

	r = check_refs_add_up(s);
	if (r <= 0)
		return r;
	if (item->size < EXTENT_LEN)
		return bad_extent(s, start, "its item is damaged");
	flags = get_le64(item->data + 16);
	s->any = true;
	s->start = start;
	s->is_data = flags == FLAG_DATA;
	s->refs = get_le64(item->data);
	s->found_refs = 0;
	if (skinny) {
		if (length >= BTRFS_LEVELS)
			return bad_extent(s, start, "its item is damaged");
		length = super->node;
	} else if (!s->is_data) {
		head += BLOCK_INFO_LEN;
	}
	if ((!s->is_data && (flags & ~(uint64_t)FLAG_FULL_BACKREF) != FLAG_TREE_BLOCK) ||
	    (s->is_data && skinny) || (!s->is_data && length != super->node) ||
	    item->size < head || s->refs == 0 || get_le64(item->data + 8) > super->generation)
		return bad_extent(s, start, "its item is damaged");
	if (length == 0 || start % super->sector != 0 || length % super->sector != 0)
		return bad_extent(s, start, "an odd place");

	c = fs_btrfs_chunk_find(&s->b->chunks, start);
	if (!c || length > c->length - (start - c->logical))
		return bad_extent(s, start, "not inside a chunk");
	if (!(c->type & (s->is_data ? BTRFS_DATA : BTRFS_METADATA | BTRFS_SYSTEM)))
		return bad_extent(s, start, "in a chunk for something else");
	r = go_to_chunk(s, (size_t)(c - s->b->chunks.v));
	if (r <= 0)
		return r;
	if (start < s->pos)
		return bad_extent(s, start, "it overlaps another");
	r = pass_free(s, start);
	if (r <= 0)
		return r;
	s->pos = start + length;
	c->sum += length;
	return check_inline_refs(s, item->data + head, item->size - head);
}

/* --- block groups --- */

static int check_group(struct btrfs *b, const struct btrfs_item *item)
{
	struct btrfs_chunk *c = fs_btrfs_chunk_find(&b->chunks, item->key.objectid);

	if (!c || c->logical != item->key.objectid || c->length != item->key.offset ||
	    c->has_group || item->size != GROUP_LEN ||
	    get_le64(item->data + 8) != BTRFS_FIRST_CHUNK || get_le64(item->data + 16) != c->type)
		return fs_btrfs_doubt(b, "block group %" PRIu64 " does not fit its chunk",
				      item->key.objectid);
	c->has_group = true;
	c->used = get_le64(item->data);
	return 1;
}

static int read_group_tree(struct btrfs *b)
{
	CLEANUP(fs_btrfs_walk_done) struct btrfs_walk w = { 0 };
	const struct btrfs_item *item;
	int r;

	r = fs_btrfs_walk_start(b, BTRFS_GROUP_TREE, &w);
	while (r > 0 && (r = fs_btrfs_walk_next(&w, &item)) > 0 && item->data) {
		if (item->key.type != BTRFS_GROUP_ITEM)
			return fs_btrfs_doubt(b, "an unknown item in the block group tree");
		r = check_group(b, item);
	}
	return r;
}

static int check_sums(struct btrfs *b)
{
	uint64_t total = 0;

	for (size_t i = 0; i < b->chunks.n; i++) {
		const struct btrfs_chunk *c = &b->chunks.v[i];

		if (!c->has_group)
			return fs_btrfs_doubt(b, "chunk %" PRIu64 " has no block group",
					      c->logical);
		if (c->used != c->sum)
			return fs_btrfs_doubt(b, "block group %" PRIu64 ": its used bytes are "
					      "wrong", c->logical);
		total += c->used;	/* no more than its length, which is on the devices */
	}
	if (total != b->super->bytes_used)
		return fs_btrfs_doubt(b, "the superblock's used bytes are wrong");
	return 1;
}

/* The trees that were walked, and no others. */
static int check_own_blocks(struct btrfs *b)
{
	for (unsigned int i = 0; i < BTRFS_TREES; i++) {
		const struct btrfs_blocks *x = &b->walked[i], *y = &b->extents[i];

		if (x->n > 0 && (x->n != y->n || x->sum != y->sum))
			return fs_btrfs_doubt(b, "tree %u: its blocks are not those marked used",
					      i);
	}
	return 1;
}

/* --- all of it --- */

static int check_item(struct scan *s, const struct btrfs_item *item)
{
	switch (item->key.type) {
	case BTRFS_EXTENT_ITEM:
	case BTRFS_METADATA_ITEM:
		return check_extent(s, item);
	case BTRFS_TREE_BLOCK_REF:
	case BTRFS_DATA_REF:
	case BTRFS_SHARED_BLOCK_REF:
	case BTRFS_SHARED_DATA_REF:
		return check_ref_item(s, item);
	case BTRFS_GROUP_ITEM:
		if (!(s->b->super->ro_compat & BTRFS_RO_GROUP_TREE))
			return check_group(s->b, item);
		/* fall through */
	default:
		return fs_btrfs_doubt(s->b, "an unknown item in the extent tree");
	}
}

static int scan_extents(struct scan *s)
{
	CLEANUP(fs_btrfs_walk_done) struct btrfs_walk w = { 0 };
	const struct btrfs_item *item;
	int r;

	r = enter_chunk(s, 0);
	if (r > 0)
		r = fs_btrfs_walk_start(s->b, BTRFS_EXTENT_TREE, &w);
	while (r > 0 && (r = fs_btrfs_walk_next(&w, &item)) > 0 && item->data)
		r = check_item(s, item);
	if (r > 0)
		r = check_refs_add_up(s);
	if (r > 0)
		r = go_to_chunk(s, s->b->chunks.n - 1);
	if (r > 0)
		r = leave_chunk(s);
	return r > 0 ? fs_btrfs_space_end(&s->space) : r;
}

int fs_btrfs_extent_check(struct btrfs *b, bool *ret_space_tree)
{
	struct scan s = { .b = b };
	int r = 1;

	if (b->chunks.n == 0)
		return fs_btrfs_doubt(b, "there are no chunks");
	if (b->super->ro_compat & BTRFS_RO_GROUP_TREE)
		r = read_group_tree(b);
	if (r > 0)
		r = fs_btrfs_space_start(b, &s.space);
	if (r > 0)
		r = scan_extents(&s);
	*ret_space_tree = s.space.used;
	fs_btrfs_walk_done(&s.space.walk);
	if (r > 0)
		r = check_sums(b);
	return r > 0 ? check_own_blocks(b) : r;
}

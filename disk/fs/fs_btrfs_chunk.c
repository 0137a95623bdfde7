/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chunks. How the profiles lay data out (kernel: fs/btrfs/volumes.c, btrfs_map_block()), for a
 * chunk with stripes 0..n-1, each on a device of its own, DUP aside:
 *
 *	single, RAID 1*, DUP	every stripe holds all of it
 *	RAID 0			64 KiB to each stripe in turn
 *	RAID 10			64 KiB to each pair of stripes in turn
 *	RAID 5, 6		64 KiB to each of n - 1 (n - 2) stripes in turn, then parity; each
 *				row begins one stripe further to the right
 *
 * What is free in rows that are free as a whole is free on all devices, parity and all. Of a row
 * with parity that is not free as a whole nothing is released: parity is worked out of free blocks,
 * too.
 */
#include "disk/fs/fs_btrfs_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* struct btrfs_chunk with one struct btrfs_stripe in it; each further one adds STRIPE_ITEM. */
#define CHUNK_ITEM	80u
#define STRIPE_ITEM	32u

#define PROFILES \
	(BTRFS_RAID0 | BTRFS_RAID1 | BTRFS_DUP | BTRFS_RAID10 | BTRFS_RAID5 | BTRFS_RAID6 | \
	 BTRFS_RAID1C3 | BTRFS_RAID1C4)
#define TYPES		(BTRFS_DATA | BTRFS_SYSTEM | BTRFS_METADATA)

void fs_btrfs_chunks_done(struct btrfs_chunks *list)
{
	free(list->v);
	free(list->stripes);
	*list = (struct btrfs_chunks){ 0 };
}

uint32_t fs_btrfs_chunk_item_len(const uint8_t *p, size_t left)
{
	uint32_t n, len;

	if (left < CHUNK_ITEM)
		return 0;
	n = get_le16(p + 44);
	if (n == 0)
		return 0;
	len = CHUNK_ITEM + (n - 1) * STRIPE_ITEM;
	return len <= left ? len : 0;
}

/* Columns, copies; false: no such profile, or not with so many stripes. */
static bool set_profile(struct btrfs_chunk *c, uint16_t sub_stripes)
{
	static const struct {
		uint32_t profile;
		uint16_t copies;	/* 0: parity; as many stripes, unless striped */
		uint16_t parity;
		bool striped;
	} profiles[] = {
		{ 0, 1, 0, false },
		{ BTRFS_DUP, 2, 0, false },
		{ BTRFS_RAID1, 2, 0, false },
		{ BTRFS_RAID1C3, 3, 0, false },
		{ BTRFS_RAID1C4, 4, 0, false },
		{ BTRFS_RAID0, 1, 0, true },
		{ BTRFS_RAID10, 2, 0, true },
		{ BTRFS_RAID5, 1, 1, true },
		{ BTRFS_RAID6, 1, 2, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		if (profiles[i].profile != (c->type & PROFILES))
			continue;
		c->copies = profiles[i].copies;
		c->striped = profiles[i].striped;
		c->parity = profiles[i].parity > 0;
		if (c->nstripes <= profiles[i].parity || c->nstripes % c->copies != 0 ||
		    (c->type & BTRFS_RAID10 && sub_stripes != 2))
			return false;
		c->columns = (uint16_t)((c->nstripes - profiles[i].parity) / c->copies);
		return c->striped || c->columns == 1;
	}
	return false;
}

static bool type_fits(const struct btrfs *b, uint64_t type)
{
	if (type & ~(uint64_t)(TYPES | PROFILES))
		return false;
	switch (type & TYPES) {
	case BTRFS_DATA:
	case BTRFS_SYSTEM:
	case BTRFS_METADATA:
		return true;
	case BTRFS_DATA | BTRFS_METADATA:
		return b->super->incompat & BTRFS_INCOMPAT_MIXED_GROUPS;
	default:
		return false;
	}
}

static int grow(struct btrfs *b, struct btrfs_chunks *list, uint16_t nstripes)
{
	void *v;

	if (list->n >= list->max || nstripes > list->max - list->nstripes)
		return fs_btrfs_doubt(b, "more chunks than its devices have room for");
	if (list->n == list->cap) {
		list->cap = list->cap ? 2 * list->cap : 32;
		v = reallocarray(list->v, list->cap, sizeof(*list->v));
		if (!v)
			return err_nomem(b->err);
		list->v = v;
	}
	while (list->stripes_cap < list->nstripes + nstripes) {
		list->stripes_cap = list->stripes_cap ? 2 * list->stripes_cap : 32;
		v = reallocarray(list->stripes, list->stripes_cap, sizeof(*list->stripes));
		if (!v)
			return err_nomem(b->err);
		list->stripes = v;
	}
	return 1;
}

static int add_stripe(struct btrfs *b, struct btrfs_chunks *list, const struct btrfs_chunk *c,
		      const uint8_t *p)
{
	uint64_t devid = get_le64(p), offset = get_le64(p + 8);

	for (uint32_t i = 0; i < b->n; i++) {
		const struct btrfs_dev_item *dev = &b->devices[i].super.dev;

		if (dev->devid != devid)
			continue;
		if (memcmp(dev->uuid, p + 16, FS_BTRFS_UUID_LEN) != 0)
			break;
		if (!range_inside(offset, c->column_length, dev->total_bytes) ||
		    offset % b->super->sector != 0)
			return fs_btrfs_doubt(b, "chunk %" PRIu64 " is not inside its device",
					      c->logical);
		list->stripes[list->nstripes++] = (struct btrfs_stripe){ offset, i, false };
		return 1;
	}
	return fs_btrfs_doubt(b, "chunk %" PRIu64 " lies on a device that is not there",
			      c->logical);
}

int fs_btrfs_chunk_add(struct btrfs *b, struct btrfs_chunks *list, uint64_t logical,
		       const uint8_t *item, uint32_t size)
{
	struct btrfs_chunk c = { .logical = logical };
	uint64_t end;
	size_t at;
	int r;

	if (size == 0 || fs_btrfs_chunk_item_len(item, size) != size)
		return fs_btrfs_doubt(b, "chunk %" PRIu64 ": its item is damaged", logical);
	c.length = get_le64(item);
	c.type = get_le64(item + 24);
	c.nstripes = get_le16(item + 44);
	if (!u64_add(logical, c.length, &end) || c.length == 0 ||
	    c.length % b->super->sector != 0 || logical % b->super->sector != 0 ||
	    get_le64(item + 16) != BTRFS_STRIPE_LEN || get_le32(item + 40) != b->super->sector ||
	    !type_fits(b, c.type) || !set_profile(&c, get_le16(item + 46)) ||
	    (c.striped && c.length % ((uint64_t)c.columns * BTRFS_STRIPE_LEN) != 0))
		return fs_btrfs_doubt(b, "chunk %" PRIu64 ": impossible layout", logical);
	c.column_length = c.length / c.columns;

	r = grow(b, list, c.nstripes);
	if (r <= 0)
		return r;
	c.first = (uint32_t)list->nstripes;
	for (uint32_t i = 0; i < c.nstripes; i++) {
		r = add_stripe(b, list, &c, item + 48 + i * STRIPE_ITEM);
		if (r <= 0)
			return r;
	}
	for (at = list->n; at > 0 && list->v[at - 1].logical > logical; at--)
		;
	if ((at > 0 && list->v[at - 1].logical + list->v[at - 1].length > logical) ||
	    (at < list->n && list->v[at].logical < end))
		return fs_btrfs_doubt(b, "chunk %" PRIu64 " overlaps another", logical);
	memmove(&list->v[at + 1], &list->v[at], (list->n - at) * sizeof(*list->v));
	list->v[at] = c;
	list->n++;
	return 1;
}

struct btrfs_chunk *fs_btrfs_chunk_find(const struct btrfs_chunks *list, uint64_t logical)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct btrfs_chunk *c = &list->v[mid];

		if (logical < c->logical)
			high = mid;
		else if (logical - c->logical >= c->length)
			low = mid + 1;
		else
			return c;
	}
	return NULL;
}

bool fs_btrfs_chunk_same(const struct btrfs_chunks *a, const struct btrfs_chunk *x,
			 const struct btrfs_chunks *b, const struct btrfs_chunk *y)
{
	if (x->logical != y->logical || x->length != y->length || x->type != y->type ||
	    x->nstripes != y->nstripes)
		return false;
	for (uint32_t i = 0; i < x->nstripes; i++) {
		const struct btrfs_stripe *s = &a->stripes[x->first + i];
		const struct btrfs_stripe *t = &b->stripes[y->first + i];

		if (s->device != t->device || s->offset != t->offset)
			return false;
	}
	return true;
}

/*
 * The first copy of an offset in a chunk: the stripe it is in, and where on the device. Returns
 * how many bytes follow in one piece.
 */
static uint64_t place(const struct btrfs_chunk *c, uint64_t offset, uint32_t *ret_stripe,
		      uint64_t *ret_inside)
{
	uint64_t piece = offset / BTRFS_STRIPE_LEN, row = piece / c->columns;
	uint32_t column = (uint32_t)(piece % c->columns);
	uint64_t rest = offset % BTRFS_STRIPE_LEN;

	if (!c->striped) {
		*ret_stripe = 0;
		*ret_inside = offset;
		return c->length - offset;
	}
	*ret_stripe = c->parity ? (uint32_t)((row + column) % c->nstripes) :
		      column * c->copies;
	*ret_inside = row * BTRFS_STRIPE_LEN + rest;
	return BTRFS_STRIPE_LEN - rest;
}

int fs_btrfs_chunk_read(struct btrfs *b, void *buf, uint32_t len, uint64_t logical)
{
	const struct btrfs_chunk *c = fs_btrfs_chunk_find(b->mapping, logical);
	uint8_t *p = buf;
	uint64_t offset;

	if (!c || len > c->length - (logical - c->logical))
		return fs_btrfs_doubt(b, "a tree block at %" PRIu64 ", where no chunk is", logical);
	if (!(c->type & (BTRFS_METADATA | BTRFS_SYSTEM)))
		return fs_btrfs_doubt(b, "a tree block at %" PRIu64 ", among data", logical);
	offset = logical - c->logical;
	while (len > 0) {
		const struct btrfs_stripe *s;
		uint64_t inside;
		uint32_t stripe, n;
		int r;

		n = (uint32_t)MIN(place(c, offset, &stripe, &inside), (uint64_t)len);
		s = &b->mapping->stripes[c->first + stripe];
		r = space_read(b->devices[s->device].space, p, n, s->offset + inside, b->err);
		if (r < 0)
			return r;
		p += n;
		offset += n;
		len -= n;
	}
	return 1;
}

static void release_stripe(struct btrfs *b, const struct btrfs_chunk *c, uint32_t stripe,
			   uint64_t inside, uint64_t length)
{
	const struct btrfs_stripe *s = &b->chunks.stripes[c->first + stripe];

	bitmap_clear_range(b->devices[s->device].map, s->offset + inside, length);
}

static void release_all_stripes(struct btrfs *b, const struct btrfs_chunk *c, uint64_t inside,
				uint64_t length)
{
	for (uint32_t i = 0; i < c->nstripes; i++)
		release_stripe(b, c, i, inside, length);
}

/* Less than a row. */
static void release_pieces(struct btrfs *b, const struct btrfs_chunk *c, uint64_t offset,
			   uint64_t end)
{
	while (offset < end && !c->parity) {
		uint64_t inside, n;
		uint32_t stripe;

		n = MIN(place(c, offset, &stripe, &inside), end - offset);
		for (uint32_t copy = 0; copy < c->copies; copy++)
			release_stripe(b, c, stripe + copy, inside, n);
		offset += n;
	}
}

void fs_btrfs_chunk_release(struct btrfs *b, const struct btrfs_chunk *c, uint64_t offset,
			    uint64_t length)
{
	uint64_t row = (uint64_t)c->columns * BTRFS_STRIPE_LEN, end = offset + length;
	uint64_t first = DIV_ROUND_UP(offset, row), last = end / row;

	if (!c->striped) {
		release_all_stripes(b, c, offset, length);
	} else if (first >= last) {
		release_pieces(b, c, offset, end);
	} else {
		release_pieces(b, c, offset, first * row);
		release_all_stripes(b, c, first * BTRFS_STRIPE_LEN,
				    (last - first) * BTRFS_STRIPE_LEN);
		release_pieces(b, c, last * row, end);
	}
}

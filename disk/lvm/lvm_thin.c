/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A chunk is free when the space map counts no reference to it. That is believed when the whole map
 * could be read and adds up, and every chunk that some device has mapped is counted.
 */
#include "disk/lvm/lvm_thin.h"

#include <inttypes.h>
#include <stdlib.h>
#include "common/bytes.h"
#include "common/compiler.h"

#define MAGIC			27022010u
#define VERSION			2u
#define FLAG_NEEDS_CHECK	1u
#define CHUNK_MIN		(64 * KIB)	/* and all are multiples of it */
#define BITMAP_HEADER		16u
#define BITMAP_ENTRIES		((LVM_THIN_BLOCK - BITMAP_HEADER) * 4)
#define DEVICES_MAX		(1u << 20)
#define EXTENTS_MAX		(1u << 20)

struct pool {
	const struct lvm_source *s;
	const struct lvm_thin_pool *say;
	uint64_t chunks, allocated;	/* of the data, by the space map's root */
	uint64_t map_root, mapping_root, details_root;
	struct bitmap *used;		/* a bit for each chunk */
	struct bitmap *seen;		/* of the trees that share nothing */
	struct bitmap *seen_shared;
	uint64_t next;			/* key that is expected */
	uint64_t counted;
	uint64_t *devices;
	size_t ndevices, cap, matched;
	uint8_t block[LVM_THIN_BLOCK];
};

static void pool_done(struct pool *p)
{
	bitmap_free(p->used);
	bitmap_free(p->seen);
	bitmap_free(p->seen_shared);
	free(p->devices);
}
DEFINE_CLEANUP_VALUE(struct pool, pool_done)

static int read_super(struct pool *p)
{
	const struct lvm_thin_pool *say = p->say;
	const uint8_t *b = p->block;
	int r = lvm_thin_block(p->s, 0, LVM_THIN_XOR_SUPER, p->block);

	if (r <= 0)
		return r;
	if (get_le64(b + 32) != MAGIC)
		return lvm_source_doubt(p->s, "the pool's metadata is not a thin pool's");
	if (get_le32(b + 40) != VERSION)
		return lvm_source_doubt(p->s, "the pool's metadata has version %" PRIu32,
					get_le32(b + 40));
	if (get_le32(b + 4) & FLAG_NEEDS_CHECK)
		return lvm_source_doubt(p->s, "the pool needs a check");
	/* Whatever they mean: with compat_flags an older kernel may still write. */
	if (get_le32(b + 4) || get_le32(b + 356) || get_le32(b + 360))
		return lvm_source_doubt(p->s, "the pool has unknown features");
	if (get_le64(b + 48) != say->transaction)
		return lvm_source_doubt(p->s, "LVM and the pool differ on the last transaction");
	/* A copy of all this, kept for a backup: it has trees of its own. */
	if (get_le64(b + 56) != 0)
		return lvm_source_doubt(p->s, "a snapshot of the pool's metadata is held");
	if (get_le32(b + 340) != LVM_THIN_BLOCK / LVM_SECTOR ||
	    get_le64(b + 344) > p->s->length / LVM_THIN_BLOCK)
		return lvm_source_doubt(p->s, "the pool's metadata does not fit into its volume");
	if (say->chunk == 0 || say->chunk % CHUNK_MIN != 0 ||
	    (uint64_t)get_le32(b + 336) * LVM_SECTOR != say->chunk)
		return lvm_source_doubt(p->s, "LVM and the pool differ on the size of a chunk");
	p->chunks = get_le64(b + 64);
	p->allocated = get_le64(b + 72);
	p->map_root = get_le64(b + 80);
	p->mapping_root = get_le64(b + 320);
	p->details_root = get_le64(b + 328);
	if (p->chunks > say->data_size / say->chunk || p->allocated > p->chunks)
		return lvm_source_doubt(p->s, "the pool is larger than its data");
	return 1;
}

/* --- the space map --- */

/* Entry "key" of the index: where the bitmap block is, and how many entries of it are zero. */
static int take_bitmap(void *arg, uint64_t key, const uint8_t *value)
{
	struct pool *p = arg;
	uint64_t first = p->next * BITMAP_ENTRIES, here, used = 0, nr_free = get_le32(value + 8);
	int r;

	if (key != p->next || first >= p->chunks)
		return lvm_source_doubt(p->s, "the pool's space map has gaps");
	p->next++;
	if (get_le64(value) < p->s->length / LVM_THIN_BLOCK) {
		if (bitmap_test(p->seen, get_le64(value)))
			return lvm_source_doubt(p->s, "the pool's space map has a block twice");
		bitmap_set_range(p->seen, get_le64(value), 1);
	}
	r = lvm_thin_block(p->s, get_le64(value), LVM_THIN_XOR_BITMAP, p->block);
	if (r <= 0)
		return r;
	here = MIN(p->chunks - first, (uint64_t)BITMAP_ENTRIES);
	for (uint64_t i = 0; i < here; i++) {
		if ((p->block[BITMAP_HEADER + i / 4] >> i % 4 * 2 & 3) == 0)
			continue;
		bitmap_set_range(p->used, first + i, 1);
		used++;
	}
	/* The kernel counts what lies behind the end as free, the tools do not. */
	if (nr_free != here - used && nr_free != BITMAP_ENTRIES - used)
		return lvm_source_doubt(p->s, "the pool's space map does not add up");
	p->counted += used;
	return 1;
}

static int read_map(struct pool *p)
{
	const struct lvm_thin_tree tree = {
		.s = p->s, .seen = p->seen, .value_size = 16, .leaf = take_bitmap, .arg = p,
	};
	int r = lvm_thin_walk(&tree, p->map_root);

	if (r <= 0)
		return r;
	if (p->next != DIV_ROUND_UP(p->chunks, (uint64_t)BITMAP_ENTRIES))
		return lvm_source_doubt(p->s, "the pool's space map has gaps");
	if (p->counted != p->allocated)
		return lvm_source_doubt(p->s, "the pool's space map does not add up");
	return 1;
}

/* --- what devices have --- */

/* The chunk is in the upper 40 bits, below it is a time. */
static int take_chunk(void *arg, uint64_t key UNUSED, const uint8_t *value)
{
	const struct pool *p = arg;
	uint64_t chunk = get_le64(value) >> 24;

	if (chunk >= p->chunks || !bitmap_test(p->used, chunk))
		return lvm_source_doubt(p->s, "a thin volume has a chunk that is marked free");
	return 1;
}

static int take_device(void *arg, uint64_t key, const uint8_t *value)
{
	struct pool *p = arg;
	const struct lvm_thin_tree tree = {
		.s = p->s, .seen = p->seen_shared, .shared = true, .value_size = 8,
		.leaf = take_chunk, .arg = p,
	};

	if (p->ndevices == DEVICES_MAX)
		return lvm_source_doubt(p->s, "the pool has too many devices");
	if (p->ndevices == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		uint64_t *v = reallocarray(p->devices, cap, sizeof(*v));

		if (!v)
			return err_nomem(p->s->err);
		p->devices = v;
		p->cap = cap;
	}
	p->devices[p->ndevices++] = key;
	return lvm_thin_walk(&tree, get_le64(value));
}

static int take_details(void *arg, uint64_t key, const uint8_t *value UNUSED)
{
	struct pool *p = arg;

	if (p->matched == p->ndevices || p->devices[p->matched] != key)
		return lvm_source_doubt(p->s, "the pool's lists of devices differ");
	p->matched++;
	return 1;
}

static int read_devices(struct pool *p)
{
	struct lvm_thin_tree tree = {
		.s = p->s, .seen = p->seen, .value_size = 8, .leaf = take_device, .arg = p,
	};
	size_t at = 0;
	int r = lvm_thin_walk(&tree, p->mapping_root);

	if (r <= 0)
		return r;
	tree.value_size = 24;
	tree.leaf = take_details;
	r = lvm_thin_walk(&tree, p->details_root);
	if (r <= 0)
		return r;
	if (p->matched != p->ndevices)
		return lvm_source_doubt(p->s, "the pool's lists of devices differ");
	for (size_t i = 0; i < p->say->ndevices; i++) {
		while (at < p->ndevices && p->devices[at] < p->say->devices[i])
			at++;
		if (at == p->ndevices || p->devices[at] != p->say->devices[i])
			return lvm_source_doubt(p->s, "the pool lacks thin device %" PRIu64,
						p->say->devices[i]);
	}
	return 1;
}

/* --- what is left --- */

static uint64_t count_runs(const struct bitmap *used, uint64_t shortest)
{
	uint64_t at = 0, run, length, n = 0;

	while (at < used->size && bitmap_next_run(used, false, at, &run, &length)) {
		n += length >= shortest;
		at = run + length;
	}
	return n;
}

/* In a pool that is shredded finely the shortest runs are left out, to bound the list. */
static int list_free(const struct pool *p, struct extents *ret)
{
	uint64_t at = 0, run, length, shortest = 1;

	while (count_runs(p->used, shortest) > EXTENTS_MAX)
		shortest *= 2;
	while (at < p->used->size && bitmap_next_run(p->used, false, at, &run, &length)) {
		at = run + length;
		if (length >= shortest &&
		    extents_add(ret, run * p->say->chunk, length * p->say->chunk, 0) < 0)
			return err_nomem(p->s->err);
	}
	return 1;
}

int lvm_thin_read(const struct lvm_source *s, const struct lvm_thin_pool *say,
		  struct extents *ret)
{
	CLEANUP(pool_done) struct pool p = { .s = s, .say = say };
	uint64_t blocks = s->length / LVM_THIN_BLOCK;
	int r = read_super(&p);

	if (r <= 0)
		return r;
	/* A byte of these stands for a chunk, or a block. */
	if (bitmap_new(p.chunks, 1, &p.used) < 0 || bitmap_new(blocks, 1, &p.seen) < 0 ||
	    bitmap_new(blocks, 1, &p.seen_shared) < 0)
		return err_nomem(s->err);
	r = read_map(&p);
	if (r > 0)
		r = read_devices(&p);
	return r <= 0 ? r : list_free(&p, ret);
}

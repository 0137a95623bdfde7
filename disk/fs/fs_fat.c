/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * FAT of 12, 16 and 32 bits, as in Microsoft's "FAT: general overview of on-disk format" 1.03.
 *
 *	boot sector | reserved sectors | FAT | its copies | root folder (12, 16) | clusters
 *
 * An entry of the FAT is 0 when its cluster is free, else the number of the next one of the chain,
 * a mark for the last one, or one for a bad one. What must hold before a cluster counts as free:
 *
 *  - the boot sector makes sense, and fits into the partition; with 32 bits its copy says the same;
 *  - the volume was unmounted and no errors were met, as far as it can tell: bits in the boot
 *    sector, and in FAT entry 1 of 16 and 32 bits;
 *  - all FATs are the same; no entry leads nowhere, or to a free cluster; those behind the last
 *    cluster are 0;
 *  - all folders are walked (fs_chain.h), and no cluster of a file is free. A file has as many as
 *    its size needs, and every folder begins with an entry "." that says where it is.
 *
 * The last rule also stands in for what 12 and 16 bits lack, a copy of the boot sector: where the
 * clusters are is believed only when a folder was found in its place. Without any, all is used.
 * FSInfo is not looked at. Bad clusters, and those of chains that nobody owns, stay used.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "disk/fs/fs_chain.h"
#include "disk/fs/fs_sweep.h"

#define BOOT_LEN	512u
#define PIECE		(64u << 10)
#define FAT12_CLUSTERS	4085u		/* so many are FAT16 */
#define FAT16_CLUSTERS	65525u
#define FAT32_CLUSTERS	0x0ffffff5u
#define FOLDER_MAX	(2u << 20)	/* bytes: 65536 entries */

enum { ATTR_LABEL = 0x08, ATTR_FOLDER = 0x10, ATTR_LONG_NAME = 0x0f, ATTR_MASK = 0x3f };

struct fat {
	struct fs_chain chain;
	unsigned int bits;
	uint32_t sector, nfats, root;	/* root: the first cluster, or 0 */
	uint64_t fat, fat_len;		/* bytes: of the first, of each */
	uint64_t root_offset, root_len;	/* of 12 and 16 bits */
	bool confirmed;			/* that clusters lie where the boot sector says */
};

static int doubt(struct fat *x, const char *what)
{
	return fs_doubt(x->chain.why, x->chain.err, "%s", what);
}

/* --- layout --- */

static bool is_power(uint32_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

/* What is special to 32 bits. The copy may differ in what tools change in one of them: names. */
static int check_boot32(struct fat *x, const uint8_t *b)
{
	uint32_t copy_at = get_le16(b + 50);
	uint8_t copy[BOOT_LEN];
	int r;

	x->root = get_le32(b + 44);
	if (get_le16(b + 42) != 0)
		return doubt(x, "FAT of an unknown version");
	if (get_le16(b + 40) & 0x80)
		return doubt(x, "its FATs are not copies of each other");
	if (copy_at == 0 || copy_at >= get_le16(b + 14))
		return doubt(x, "no copy of the boot sector");
	r = space_read(x->chain.space, copy, sizeof(copy), (uint64_t)copy_at * x->sector,
		       x->chain.err);
	if (r < 0)
		return r;
	if (memcmp(b + 11, copy + 11, 13) != 0 || memcmp(b + 32, copy + 32, 20) != 0)
		return doubt(x, "the boot sector and its copy differ");
	x->confirmed = true;
	return 1;
}

static int check_layout(struct fat *x, const uint8_t *b)
{
	struct fs_chain *c = &x->chain;
	uint64_t reserved = get_le16(b + 14), total = get_le16(b + 19), per_fat = get_le16(b + 22);
	uint64_t root_entries = get_le16(b + 17), data, clusters;
	bool large = per_fat == 0;

	x->sector = get_le16(b + 11);
	x->nfats = b[16];
	if (get_le16(b + 510) != 0xaa55 || !is_power(x->sector) || x->sector < 512 ||
	    x->sector > 4096 || !is_power(b[13]) || reserved == 0 || x->nfats == 0 ||
	    x->nfats > 2 || (b[21] != 0xf0 && b[21] < 0xf8) || large != (root_entries == 0) ||
	    root_entries * FS_ENTRY % x->sector != 0)
		return doubt(x, "no FAT boot sector, or an impossible one");
	if (total == 0)
		total = get_le32(b + 32);
	if (large)
		per_fat = get_le32(b + 36);
	x->fat = reserved * x->sector;
	x->fat_len = per_fat * x->sector;
	x->root_offset = x->fat + x->nfats * x->fat_len;
	x->root_len = root_entries * FS_ENTRY;
	data = (x->root_offset + x->root_len) / x->sector;
	c->heap = data * x->sector;
	c->cluster = (uint64_t)b[13] * x->sector;
	if (total > c->space->size / x->sector)
		return doubt(x, "larger than its partition");
	clusters = data < total ? (total - data) / b[13] : 0;
	if (clusters == 0 || clusters >= (large ? FAT32_CLUSTERS : FAT16_CLUSTERS))
		return doubt(x, "impossible layout");
	c->clusters = (uint32_t)clusters;
	x->bits = large ? 32 : clusters < FAT12_CLUSTERS ? 12 : 16;
	if ((clusters + FS_CHAIN_FIRST) * x->bits > x->fat_len * 8)
		return doubt(x, "impossible layout");
	return 1;
}

static int check_boot(struct fat *x)
{
	uint8_t b[BOOT_LEN];
	int r;

	if (x->chain.space->size < BOOT_LEN)
		return doubt(x, "too small for FAT");
	r = space_read(x->chain.space, b, sizeof(b), 0, x->chain.err);
	if (r < 0)
		return r;
	r = check_layout(x, b);
	if (r > 0 && x->bits == 32)
		r = check_boot32(x, b);
	if (r <= 0)
		return r;
	/* Dirty, and "test the surface". */
	if (b[x->bits == 32 ? 65 : 37] & 3)
		return doubt(x, "the volume is marked dirty");
	if (x->bits == 32 && !fs_chain_valid(&x->chain, x->root))
		return doubt(x, "impossible layout");
	return 1;
}

/* --- the FATs --- */

static int compare_fats(struct fat *x)
{
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(2 * (size_t)PIECE);
	int r;

	if (!buf)
		return err_nomem(x->chain.err);
	for (uint64_t at = 0; at < x->fat_len && x->nfats > 1; at += PIECE) {
		size_t n = (size_t)MIN((uint64_t)PIECE, x->fat_len - at);

		r = space_read(x->chain.space, buf, n, x->fat + at, x->chain.err);
		if (r == 0)
			r = space_read(x->chain.space, buf + PIECE, n, x->fat + x->fat_len + at,
				       x->chain.err);
		if (r < 0)
			return r;
		if (memcmp(buf, buf + PIECE, n) != 0)
			return doubt(x, "the FATs differ");
	}
	return 1;
}

/* The upper four bits of 32 mean nothing. */
static int get_entry(struct fat *x, uint64_t i, uint32_t *ret)
{
	size_t len = x->bits == 32 ? 4 : 2;
	uint8_t raw[4] = { 0 };
	int r = fs_chain_read(&x->chain, raw, len, x->fat + i * x->bits / 8);

	if (r <= 0)
		return r;
	if (x->bits == 12)
		*ret = get_le16(raw) >> (i % 2 ? 4 : 0) & 0xfff;
	else
		*ret = get_le32(raw) & 0x0fffffff;
	return 1;
}

static uint32_t all_ones(const struct fat *x)
{
	return x->bits == 32 ? 0x0fffffff : (1u << x->bits) - 1;
}

static int check_head(struct fat *x)
{
	uint32_t mask = all_ones(x), media, state;
	uint8_t b;
	int r = fs_chain_read(&x->chain, &b, 1, 21);

	if (r > 0)
		r = get_entry(x, 0, &media);
	if (r > 0)
		r = get_entry(x, 1, &state);
	if (r <= 0)
		return r;
	if (media != (mask & ~UINT32_C(0xff)) + b)
		return doubt(x, "the FAT does not begin like one");
	/* The two upper bits: unmounted, and no errors. */
	if (x->bits != 12 && !(state >> ((x->bits == 16 ? 16 : 28) - 1) & 1))
		return doubt(x, "the volume is marked dirty");
	if (x->bits != 12 && !(state >> ((x->bits == 16 ? 16 : 28) - 2) & 1))
		return doubt(x, "errors are recorded in the FAT");
	return 1;
}

static int clear_free(struct fat *x)
{
	struct fs_chain *c = &x->chain;
	struct fs_sweep sweep = { .map = c->map, .offset = c->heap, .cluster = c->cluster };
	uint64_t end = (uint64_t)c->clusters + FS_CHAIN_FIRST, n = x->fat_len * 8 / x->bits;
	uint32_t bad = all_ones(x) - 8, v;
	int r = 1;

	for (uint64_t i = FS_CHAIN_FIRST; i < n && r > 0; i++) {
		r = get_entry(x, i, &v);
		if (r <= 0)
			return r;
		if (i >= end && v != 0)
			return doubt(x, "the FAT has entries behind the last cluster");
		if (v != 0 && v < bad && !fs_chain_valid(c, v))
			return doubt(x, "a chain of clusters leads nowhere");
		if (i < end)
			fs_sweep_bits(&sweep, v != 0, 1);
	}
	fs_sweep_end(&sweep);
	return 1;
}

/* Also for chains that no folder names. */
static int check_chains(struct fat *x)
{
	struct fs_chain *c = &x->chain;
	uint32_t v;
	int r = 1;

	for (uint64_t i = FS_CHAIN_FIRST; i < (uint64_t)c->clusters + FS_CHAIN_FIRST; i++) {
		r = get_entry(x, i, &v);
		if (r <= 0)
			return r;
		if (fs_chain_valid(c, v) && !bitmap_all(c->map, fs_chain_offset(c, v), c->cluster))
			return doubt(x, "a chain of clusters leads to a free one");
	}
	return r;
}

static int fat_next(struct fs_chain *c, uint32_t cluster, uint32_t *ret)
{
	struct fat *x = container_of(c, struct fat, chain);
	uint32_t next;
	int r = get_entry(x, cluster, &next);

	if (r <= 0)
		return r;
	if (next < all_ones(x) - 7 && !fs_chain_valid(c, next))
		return doubt(x, "a chain of clusters leads nowhere");
	*ret = next < all_ones(x) - 7 ? next : 0;
	return 1;
}

/* --- the tree --- */

static int open_root(struct fat *x)
{
	struct fs_folder root = { .first = x->root, .fixed = x->root_offset,
				  .length = x->root_len };
	uint64_t n;
	int r = 1;

	if (x->root != 0) {
		r = fs_chain_claim(&x->chain, x->root, 1, false, &n);
		root.length = r > 0 ? n * x->chain.cluster : 0;
	}
	return r > 0 ? fs_folder_push(&x->chain, &root) : r;
}

static uint32_t first_cluster(const struct fat *x, const uint8_t *entry)
{
	return get_le16(entry + 26) | (x->bits == 32 ? (uint32_t)get_le16(entry + 20) << 16 : 0);
}

/* It begins with itself, ".". That also says that clusters are where they were looked for. */
static int open_folder(struct fat *x, uint32_t first, uint64_t length)
{
	struct fs_folder f = { .first = first, .length = length };
	uint8_t entry[FS_ENTRY];
	bool more;
	int r;

	if (length > FOLDER_MAX)
		return doubt(x, "a folder is too large");
	r = fs_folder_push(&x->chain, &f);
	if (r > 0)
		r = fs_folder_next(&x->chain, entry, &more);
	if (r <= 0)
		return r;
	if (!more || memcmp(entry, ".          ", 11) != 0 || !(entry[11] & ATTR_FOLDER) ||
	    first_cluster(x, entry) != first)
		return doubt(x, "a folder is not where it should be");
	if (first > FS_CHAIN_FIRST)
		x->confirmed = true;
	return 1;
}

static int take_entry(struct fs_chain *c, const uint8_t *entry)
{
	struct fat *x = container_of(c, struct fat, chain);
	bool is_folder = entry[11] & ATTR_FOLDER, is_long;
	uint32_t first = first_cluster(x, entry), size = get_le32(entry + 28);
	uint64_t n;
	int r;

	if (entry[0] == 0) {
		fs_folder_pop(&x->chain);
		return 1;
	}
	is_long = (entry[11] & ATTR_MASK) == ATTR_LONG_NAME;
	if (entry[0] == 0xe5 || is_long || entry[11] & ATTR_LABEL)
		return 1;
	if (is_folder && memcmp(entry, "..         ", 11) == 0)
		return 1;
	if (first == 0 && size == 0 && !is_folder)
		return 1;
	r = fs_chain_claim(&x->chain, first,
			   is_folder ? 1 : DIV_ROUND_UP(size, x->chain.cluster), false, &n);
	if (r <= 0 || !is_folder)
		return r;
	return open_folder(x, first, n * x->chain.cluster);
}

static int walk(struct fat *x)
{
	int r = open_root(x);

	if (r > 0)
		r = fs_folder_walk(&x->chain, take_entry);
	if (r > 0 && !x->confirmed)
		return doubt(x, "nothing confirms its layout");
	return r;
}

int fs_fat_map(const struct space *s, struct bitmap *map, char **ret_why, struct err *err)
{
	CLEANUP(mem_free) char *why = NULL;
	struct fat x = {
		.chain = { .space = s, .map = map, .why = &why, .err = err, .next = fat_next },
	};
	int r = fs_chain_init(&x.chain);

	if (r > 0)
		r = check_boot(&x);
	if (r > 0)
		r = compare_fats(&x);
	if (r > 0)
		r = check_head(&x);
	if (r > 0)
		r = clear_free(&x);
	if (r > 0)
		r = check_chains(&x);
	if (r > 0)
		r = walk(&x);
	fs_chain_done(&x.chain);
	return fs_conclude(r, x.bits == 32 ? "FAT32 and folders" : x.bits == 16 ?
			   "FAT16 and folders" : "FAT12 and folders", map, &why, ret_why, err);
}
